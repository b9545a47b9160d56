/* The hash table.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mech.h"

#define NO_DIGEST CK_UNAVAILABLE_INFORMATION
#define NO_MGF CK_UNAVAILABLE_INFORMATION
#define NO_KDF CK_UNAVAILABLE_INFORMATION

static const hsm_hash_info hashes[HSM_HASH_COUNT] = {
    [HSM_HASH_SHA1] = { "SHA1", 20, 64, CKM_SHA_1, CKG_MGF1_SHA1, CKD_SHA1_KDF,
                        CKD_SHA1_KDF_SP800 },
    [HSM_HASH_SHA224] = { "SHA2-224", 28, 64, CKM_SHA224, CKG_MGF1_SHA224, CKD_SHA224_KDF,
                          CKD_SHA224_KDF_SP800 },
    [HSM_HASH_SHA256] = { "SHA2-256", 32, 64, CKM_SHA256, CKG_MGF1_SHA256, CKD_SHA256_KDF,
                          CKD_SHA256_KDF_SP800 },
    [HSM_HASH_SHA384] = { "SHA2-384", 48, 128, CKM_SHA384, CKG_MGF1_SHA384, CKD_SHA384_KDF,
                          CKD_SHA384_KDF_SP800 },
    [HSM_HASH_SHA512] = { "SHA2-512", 64, 128, CKM_SHA512, CKG_MGF1_SHA512, CKD_SHA512_KDF,
                          CKD_SHA512_KDF_SP800 },
    [HSM_HASH_SHA512_224] = { "SHA2-512/224", 28, 128, CKM_SHA512_224, NO_MGF, NO_KDF, NO_KDF },
    [HSM_HASH_SHA512_256] = { "SHA2-512/256", 32, 128, CKM_SHA512_256, NO_MGF, NO_KDF, NO_KDF },
    [HSM_HASH_SHA3_224] = { "SHA3-224", 28, 144, CKM_SHA3_224, CKG_MGF1_SHA3_224, CKD_SHA3_224_KDF,
                            CKD_SHA3_224_KDF_SP800 },
    [HSM_HASH_SHA3_256] = { "SHA3-256", 32, 136, CKM_SHA3_256, CKG_MGF1_SHA3_256, CKD_SHA3_256_KDF,
                            CKD_SHA3_256_KDF_SP800 },
    [HSM_HASH_SHA3_384] = { "SHA3-384", 48, 104, CKM_SHA3_384, CKG_MGF1_SHA3_384, CKD_SHA3_384_KDF,
                            CKD_SHA3_384_KDF_SP800 },
    /* Their output here is twice the security strength (FIPS 204, 5.4; FIPS 205, 10.2.2). */
    [HSM_HASH_SHAKE128] = { "SHAKE128", 32, 168, NO_DIGEST, NO_MGF, NO_KDF, NO_KDF },
    [HSM_HASH_SHAKE256] = { "SHAKE256", 64, 136, NO_DIGEST, NO_MGF, NO_KDF, NO_KDF },
    [HSM_HASH_SHA3_512] = { "SHA3-512", 64, 72, CKM_SHA3_512, CKG_MGF1_SHA3_512, CKD_SHA3_512_KDF,
                            CKD_SHA3_512_KDF_SP800 },
};

const hsm_hash_info *hsm_hash_get(hsm_hash hash)
{
    if (hash <= HSM_HASH_NONE || hash >= HSM_HASH_COUNT)
        return NULL;
    return &hashes[hash];
}
