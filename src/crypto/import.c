/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/import.h"

#include "crypto/internal.h"

void hsm_import_clear(hsm_import *import)
{
    for (size_t i = 0; i < import->count; i++) {
        hsm_secret_destroy(import->items[i].pkcs8);
        hsm_buf_clear(&import->items[i].der);
        hsm_buf_clear(&import->items[i].subject);
        hsm_buf_clear(&import->items[i].issuer);
        hsm_buf_clear(&import->items[i].serial);
    }
    *import = (hsm_import){ 0 };
}

hsm_err hsm_import_read(hsm_crypto *crypto, hsm_bytes content, hsm_bytes passphrase,
                        hsm_import *import)
{
    HSM_CHECK(content.len > 0, HSM_E_DATA);
    HSM_CHECK(content.len <= HSM_IMPORT_FILE_MAX_BYTES && passphrase.len <= 1024, HSM_E_LIMIT);
    return crypto->backend->import_read(crypto, content, passphrase, import);
}

hsm_err hsm_import_public(hsm_crypto *crypto, hsm_bytes spki, hsm_key_parts *out_parts)
{
    return crypto->backend->spki_decode(spki, out_parts);
}
