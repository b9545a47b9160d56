/* SPDX-License-Identifier: Apache-2.0 */
#include "core/prints.h"

#include <stdlib.h>

hsm_err hsm_print_make(hsm_crypto *crypto, hsm_bytes of, uint8_t out[HSM_PRINT_BYTES])
{
    uint8_t hash[HSM_SHA256_BYTES];

    HSM_TRY(hsm_crypto_sha256(crypto, of, hash));
    memcpy(out, hash, HSM_PRINT_BYTES);
    return HSM_OK;
}

static int by_bytes(const void *a, const void *b)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    size_t i = 0;

    while (i < HSM_PRINT_BYTES - 1 && left[i] == right[i])
        i++;
    return (int)left[i] - (int)right[i];
}

void hsm_prints_sort(hsm_buf *prints)
{
    if (prints->len > 0)
        qsort(prints->data, prints->len / HSM_PRINT_BYTES, HSM_PRINT_BYTES, by_bytes);
}

bool hsm_prints_have(const hsm_buf *prints, const uint8_t print[HSM_PRINT_BYTES])
{
    return prints->len > 0 && bsearch(print, prints->data, prints->len / HSM_PRINT_BYTES,
                                      HSM_PRINT_BYTES, by_bytes) != NULL;
}
