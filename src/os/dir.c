/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "os/file.h"

void hsm_dir_names_clear(hsm_dir_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (hsm_dir_names){ 0 };
}

static void dir_drop(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static hsm_err add(hsm_dir_names *names, size_t *cap, const char *name)
{
    if (names->count == *cap) {
        const size_t larger = *cap == 0 ? 64 : *cap * 2;
        char **moved = realloc(names->names, larger * sizeof(char *));
        HSM_CHECK(moved != NULL, HSM_E_NO_MEMORY);
        names->names = moved;
        *cap = larger;
    }
    char *copy = hsm_text_dup(name);
    HSM_CHECK(copy != NULL, HSM_E_NO_MEMORY);
    names->names[names->count++] = copy;
    return HSM_OK;
}

/* NULL and HSM_OK at the end. */
static hsm_err next_name(DIR *dir, const char **out_name)
{
    const struct dirent *entry = NULL;

    do {
        errno = 0;
        /* cppcheck-suppress readdirCalled ; thread-safe for a stream of one's own */
        entry = readdir(dir);
        HSM_CHECK(entry != NULL || errno == 0, hsm_file_err(errno));
    } while (entry != NULL &&
             (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    *out_name = entry == NULL ? NULL : entry->d_name;
    return HSM_OK;
}

hsm_err hsm_dir_list(const char *path, size_t max, hsm_dir_names *out_names)
{
    HSM_AUTO(hsm_dir_names_clear) hsm_dir_names names = { 0 };
    HSM_AUTO(dir_drop) DIR *dir = opendir(path);
    const char *name = NULL;
    size_t cap = 0;

    HSM_CHECK(dir != NULL, hsm_file_err(errno));
    for (;;) {
        HSM_TRY(next_name(dir, &name));
        if (name == NULL)
            break;
        HSM_CHECK(names.count < max, HSM_E_LIMIT);
        HSM_TRY(add(&names, &cap, name));
    }
    if (names.count > 1)
        qsort(names.names, names.count, sizeof(char *), by_name);
    *out_names = names;
    names = (hsm_dir_names){ 0 };
    return HSM_OK;
}
