/* SPDX-License-Identifier: Apache-2.0 */
#include "core/integrity.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/break.h"
#include "base/ct.h"
#include "base/hex.h"
#include "base/log.h"
#include "core/core.h"
#include "core/stamp.h"
#include "crypto/selftest.h"
#include "os/file.h"
#include "os/paths.h"
#include "os/self.h"

/* Not a secret: what it guards against is damage and a mixed-up installation. Who can replace the
 * module can replace the sidecar. tools/integrity.py has the same. */
static const char integrity_key[] = "Craton HSM integrity 1";

#define READ_BYTES 65536u
#define HEX_CHARS (2u * HSM_SHA256_BYTES)

/* libx.so: libx.hmac; program: program.hmac */
static hsm_err sidecar_of(const char *path, char **out_sidecar)
{
    static const char ending[] = ".hmac";
    const size_t len = strlen(path);
    const bool is_module = len > 3 && strcmp(path + len - 3, ".so") == 0;
    const size_t kept = is_module ? len - 3 : len;
    char *sidecar = malloc(kept + sizeof ending);

    HSM_CHECK(sidecar != NULL, HSM_E_NO_MEMORY);
    memcpy(sidecar, path, kept);
    memcpy(sidecar + kept, ending, sizeof ending);
    *out_sidecar = sidecar;
    return HSM_OK;
}

static hsm_err feed(hsm_hmac *hmac, int fd)
{
    uint8_t *room = malloc(READ_BYTES);
    hsm_err err = HSM_OK;
    ssize_t got = 1;

    HSM_CHECK(room != NULL, HSM_E_NO_MEMORY);
    while (err == HSM_OK && got > 0) {
        got = read(fd, room, READ_BYTES);
        if (got > 0)
            err = hsm_hmac_add(hmac, hsm_bytes_of(room, (size_t)got));
    }
    free(room);
    return got < 0 ? HSM_E_STORE_IO : err;
}

static hsm_err compute(hsm_crypto *crypto, int fd, uint8_t out[HSM_SHA256_BYTES])
{
    HSM_AUTO(hsm_hmac_drop) hsm_hmac *hmac = NULL;

    HSM_TRY(hsm_selftest_need(crypto, hsm_selftest_bit(HSM_SELFTEST_HMAC_SHA256)));
    HSM_TRY(hsm_hmac_create(crypto, hsm_bytes_of_text(integrity_key), &hmac));
    HSM_TRY(hsm_hmac_begin(hmac));
    HSM_TRY(feed(hmac, fd));
    HSM_TRY(hsm_hmac_finish(hmac, out));
    if (hsm_break("integrity"))
        out[0] ^= 1;
    return HSM_OK;
}

/* Lower-case hexadecimal and a line's end. */
static void to_text(const uint8_t mac[HSM_SHA256_BYTES], char out[HEX_CHARS + 1])
{
    hsm_hex_encode(hsm_bytes_of(mac, HSM_SHA256_BYTES), out);
    out[HEX_CHARS] = '\n';
}

/* HSM_E_STORE_NOT_FOUND: there is no sidecar. */
static hsm_err check_file(hsm_crypto *crypto, const char *path, int fd)
{
    HSM_AUTO(hsm_path_drop) char *sidecar = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf want = { 0 };
    uint8_t mac[HSM_SHA256_BYTES];
    char got[HEX_CHARS + 1];

    HSM_TRY(sidecar_of(path, &sidecar));
    HSM_TRY(hsm_file_read(sidecar, HSM_FILE_ANY, HEX_CHARS + 1, &want));
    HSM_TRY(compute(crypto, fd, mac));
    to_text(mac, got);
    HSM_CHECK(want.len >= HEX_CHARS &&
                  hsm_ct_equal(hsm_bytes_of(want.data, HEX_CHARS), hsm_bytes_of(got, HEX_CHARS)),
              HSM_E_SELF_TEST);
    return HSM_OK;
}

hsm_err hsm_core_integrity_update(const char *path)
{
    static const hsm_crypto_options options = { .backend = "openssl" };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = NULL;
    HSM_AUTO(hsm_path_drop) char *sidecar = NULL;
    HSM_AUTO(hsm_fd_drop) int fd = -1;
    uint8_t mac[HSM_SHA256_BYTES];
    char text[HEX_CHARS + 1];

    HSM_TRY(hsm_crypto_create(&options, &crypto));
    HSM_TRY(hsm_file_open(path, HSM_FILE_ANY, &fd));
    HSM_TRY(compute(crypto, fd, mac));
    to_text(mac, text);
    HSM_TRY(sidecar_of(path, &sidecar));
    return hsm_file_replace(sidecar, hsm_bytes_of(text, sizeof text), 0644);
}

hsm_err hsm_core_integrity_verify(const char *path)
{
    static const hsm_crypto_options options = { .backend = "openssl" };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = NULL;
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    HSM_TRY(hsm_crypto_create(&options, &crypto));
    HSM_TRY(hsm_file_open(path, HSM_FILE_ANY, &fd));
    return check_file(crypto, path, fd);
}

/* --- The start ----------------------------------------------------------------------------------- */

/* What is known of the file before it is read. */
typedef struct own_file {
    char *path;
    int fd;
    hsm_stamp stamp;
    bool has_stamp; /* one can be made */
} own_file;

static void own_file_clear(own_file *own)
{
    hsm_path_drop(&own->path);
    hsm_fd_drop(&own->fd);
}

static hsm_err open_own(own_file *own)
{
    struct stat info;

    HSM_TRY(hsm_self_path(&own->path));
    HSM_TRY(hsm_file_open(own->path, HSM_FILE_ANY, &own->fd));
    own->has_stamp = fstat(own->fd, &info) == 0 && hsm_stamp_of(&info, &own->stamp) == HSM_OK;
    return HSM_OK;
}

/* out_is_right: the sidecar is there and fits; without it, out_is_right is false and the start goes
 * on unless it must be there. */
static hsm_err check_integrity(hsm_crypto *crypto, const own_file *own, bool is_strict,
                               bool *out_is_right)
{
    const hsm_err err =
        own->fd < 0 ? HSM_E_STORE_NOT_FOUND : check_file(crypto, own->path, own->fd);

    *out_is_right = err == HSM_OK;
    if (err == HSM_OK || err == HSM_E_NO_MEMORY || err == HSM_E_NO_LOCKED_MEMORY)
        return err;
    if (err != HSM_E_STORE_NOT_FOUND)
        return hsm_crypto_fail(crypto, "integrity: the file is not the one its .hmac was made of");
    if (is_strict)
        return hsm_crypto_fail(crypto,
                               "integrity: approved mode needs the .hmac beside the module");
    hsm_log(HSM_LOG_WARNING, "no .hmac beside %s: its integrity is not checked",
            own->path == NULL ? "the module" : own->path);
    return HSM_OK;
}

hsm_err hsm_integrity_start(hsm_crypto *crypto, bool is_strict)
{
    HSM_AUTO(own_file_clear) own_file own = { .fd = -1 };
    bool is_right = false;
    const hsm_err err = open_own(&own);

    HSM_CHECK(err != HSM_E_NO_MEMORY, err);
    if (!is_strict && own.has_stamp && hsm_stamp_is_there(&own.stamp))
        return hsm_selftest_start(crypto, true);
    HSM_TRY(hsm_selftest_start(crypto, false)); /* first: the check stands on HMAC */
    HSM_TRY(check_integrity(crypto, &own, is_strict, &is_right));
    if (!is_strict && is_right && own.has_stamp)
        hsm_stamp_leave(&own.stamp);
    return HSM_OK;
}
