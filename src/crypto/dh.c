/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/dh.h"

/* Safe primes: the order is (p - 1) / 2. */
#define SAFE_PRIME_ROWS(NAME, BITS, PRIVATE_BITS)        \
    { NAME, CKK_DH, BITS, (BITS)-1, PRIVATE_BITS },      \
    {                                                    \
        NAME, CKK_X9_42_DH, BITS, (BITS)-1, PRIVATE_BITS \
    }

/* RFC 5114's groups are for X9.42 only, whose keys say the order; the one of 1024 bits is too weak.
 * So is the one of 1536 bits of RFC 3526. */
static const hsm_dh_group groups[] = {
    SAFE_PRIME_ROWS("ffdhe2048", 2048, 224),
    SAFE_PRIME_ROWS("ffdhe3072", 3072, 256),
    SAFE_PRIME_ROWS("ffdhe4096", 4096, 304),
    SAFE_PRIME_ROWS("ffdhe6144", 6144, 352),
    SAFE_PRIME_ROWS("ffdhe8192", 8192, 400),
    SAFE_PRIME_ROWS("modp_2048", 2048, 224),
    SAFE_PRIME_ROWS("modp_3072", 3072, 256),
    SAFE_PRIME_ROWS("modp_4096", 4096, 304),
    SAFE_PRIME_ROWS("modp_6144", 6144, 352),
    SAFE_PRIME_ROWS("modp_8192", 8192, 400),
    { "dh_2048_224", CKK_X9_42_DH, 2048, 224, 224 },
    { "dh_2048_256", CKK_X9_42_DH, 2048, 256, 224 },
};

const hsm_dh_group *hsm_dh_group_table(size_t *out_count)
{
    *out_count = HSM_ARRAY_LEN(groups);
    return groups;
}

const hsm_dh_group *hsm_dh_group_find(const char *name, CK_KEY_TYPE key_type)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(groups); i++) {
        if (groups[i].key_type == key_type && strcmp(groups[i].name, name) == 0)
            return &groups[i];
    }
    return NULL;
}
