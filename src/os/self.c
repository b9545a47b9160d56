/* SPDX-License-Identifier: Apache-2.0 */
#include "os/self.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/file.h"

/* 65,530 mappings, the kernel's default limit, of lines of this length have room. */
#define MAPS_MAX_BYTES ((size_t)32 * 1024 * 1024)

/* "from-to flags offset device inode   path". Whether the line is that of `address`; its path is
 * what follows, empty if it has none. */
static bool is_line_of(const char *line, uintptr_t address, const char **out_path)
{
    uintptr_t from = 0;
    uintptr_t to = 0;
    int path_at = 0;

    /* NOLINTNEXTLINE(cert-err34-c): the kernel writes addresses of this machine's width */
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &from, &to, &path_at) < 2)
        return false;
    *out_path = line + path_at;
    return from <= address && address < to;
}

static bool is_deleted(const char *path)
{
    static const char mark[] = " (deleted)";
    const size_t len = strlen(path);

    return len >= sizeof mark && strcmp(path + len - (sizeof mark - 1), mark) == 0;
}

/* `maps` is cut into lines. */
static hsm_err find_path(char *maps, uintptr_t address, const char **out_path)
{
    char *rest = NULL;

    for (char *line = strtok_r(maps, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (!is_line_of(line, address, out_path))
            continue;
        HSM_CHECK((*out_path)[0] == '/' && !is_deleted(*out_path), HSM_E_STORE_NOT_FOUND);
        return HSM_OK;
    }
    return HSM_E_STORE_NOT_FOUND;
}

/* Without /proc: what the loader was told, if it does not depend on the current directory. */
static hsm_err ask_loader(char **out_path)
{
    Dl_info info;

    HSM_CHECK(dladdr((const void *)(uintptr_t)&hsm_self_path, &info) != 0 &&
                  info.dli_fname != NULL && info.dli_fname[0] == '/',
              HSM_E_STORE_NOT_FOUND);
    *out_path = hsm_text_dup(info.dli_fname);
    HSM_CHECK(*out_path != NULL, HSM_E_NO_MEMORY);
    return HSM_OK;
}

hsm_err hsm_self_path(char **out_path)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf maps = { 0 };
    const char *path = NULL;
    const uint8_t end = 0;
    const hsm_err err = hsm_file_read("/proc/self/maps", HSM_FILE_ANY, MAPS_MAX_BYTES, &maps);

    HSM_CHECK(err != HSM_E_NO_MEMORY, err);
    if (err != HSM_OK)
        return ask_loader(out_path);
    HSM_TRY(hsm_buf_append(&maps, hsm_bytes_of(&end, 1)));
    HSM_TRY(find_path((char *)maps.data, (uintptr_t)&hsm_self_path, &path));
    *out_path = hsm_text_dup(path);
    HSM_CHECK(*out_path != NULL, HSM_E_NO_MEMORY);
    return HSM_OK;
}

hsm_err hsm_boot_id(char out_id[HSM_BOOT_ID_ROOM])
{
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };

    HSM_TRY(hsm_file_read("/proc/sys/kernel/random/boot_id", HSM_FILE_ANY, 64, &text));
    HSM_CHECK(text.len >= HSM_BOOT_ID_ROOM - 1, HSM_E_STORE_IO);
    memcpy(out_id, text.data, HSM_BOOT_ID_ROOM - 1);
    out_id[HSM_BOOT_ID_ROOM - 1] = '\0';
    return HSM_OK;
}
