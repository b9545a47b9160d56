/* The latest day that was seen on this store, in a file beside it, so that a clock set back gives no
 * key its time again (core/lifecycle.c). docs/store-format.md has its bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/ct.h"
#include "os/file.h"
#include "store/internal.h"
#include "store/names.h"

#define FORMAT 1u
#define HEAD_BYTES 9u /* "DAYM", u8 format, u32 day */
#define FILE_BYTES (HEAD_BYTES + HSM_SHA256_BYTES)

static hsm_err path_of(const hsm_store *store, char path[PATH_MAX])
{
    const int len = snprintf(path, PATH_MAX, "%s/" HSM_STORE_DAY, store->directory);

    HSM_CHECK(len > 0 && len < PATH_MAX, HSM_E_LIMIT);
    return HSM_OK;
}

static hsm_err mac_of(hsm_store *store, hsm_bytes head, uint8_t out[HSM_SHA256_BYTES])
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;

    HSM_TRY(hsm_secret_create(HSM_SHA256_BYTES, &key));
    HSM_TRY(hsm_store_device_secret(store, "latest day", key));
    return hsm_crypto_hmac(store->crypto, hsm_secret_view(key), head, out);
}

static hsm_err write_head(uint32_t day, uint8_t head[HEAD_BYTES])
{
    hsm_writer writer = hsm_writer_of(head, HEAD_BYTES);

    hsm_write_raw(&writer, hsm_bytes_of_text("DAYM"));
    hsm_write_u8(&writer, FORMAT);
    hsm_write_u32(&writer, day);
    return hsm_writer_end(&writer);
}

hsm_err hsm_store_day_read(hsm_store *store, uint32_t *out_day)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf file = { 0 };
    uint8_t mac[HSM_SHA256_BYTES], head[HEAD_BYTES];
    char path[PATH_MAX];

    *out_day = 0;
    if (store->directory == NULL)
        return HSM_OK;
    HSM_TRY(path_of(store, path));
    if (!hsm_path_exists(path))
        return HSM_OK;
    HSM_TRY(hsm_file_read(path, HSM_FILE_PRIVATE, FILE_BYTES, &file));
    HSM_CHECK(file.len == FILE_BYTES, HSM_E_STORE_CORRUPT);

    hsm_reader reader = hsm_reader_of(hsm_bytes_of(file.data + 5, 4));
    const uint32_t day = hsm_read_u32(&reader);
    HSM_TRY(hsm_reader_end(&reader, HSM_E_STORE_CORRUPT));
    HSM_TRY(write_head(day, head));
    HSM_TRY(mac_of(store, hsm_bytes_of(head, HEAD_BYTES), mac));
    HSM_CHECK(
        hsm_bytes_equal(hsm_bytes_of(head, HEAD_BYTES), hsm_bytes_of(file.data, HEAD_BYTES)) &&
            hsm_ct_equal(hsm_bytes_of(mac, sizeof mac),
                         hsm_bytes_of(file.data + HEAD_BYTES, sizeof mac)),
        HSM_E_STORE_CORRUPT);
    *out_day = day;
    return HSM_OK;
}

hsm_err hsm_store_day_write(hsm_store *store, uint32_t day)
{
    uint8_t file[FILE_BYTES];
    char path[PATH_MAX];

    if (store->directory == NULL)
        return HSM_OK;
    HSM_TRY(path_of(store, path));
    HSM_TRY(write_head(day, file));
    HSM_TRY(mac_of(store, hsm_bytes_of(file, HEAD_BYTES), file + HEAD_BYTES));
    return hsm_file_replace(path, hsm_bytes_of(file, sizeof file), 0600);
}
