/* What the tests of ML-DSA, ML-KEM and SLH-DSA share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_CRYPTO_PQC_SUPPORT_H
#define UNIT_CRYPTO_PQC_SUPPORT_H

#include "asym_support.h"
#include "base/ct.h"
#include "crypto/pqc.h"

/* Room for the longest signature. */
typedef struct big {
    uint8_t data[HSM_PQC_RESULT_MAX_BYTES];
    size_t len;
} big;

static inline hsm_crypto *open_pqc(bool is_approved_only)
{
    const hsm_crypto_options options = { .backend = "openssl",
                                         .is_approved_only = is_approved_only,
                                         .may_use_pqc = true };
    hsm_crypto *crypto = NULL;

    CHECK_OK(hsm_crypto_create(&options, &crypto));
    return crypto;
}

static inline const hsm_pqc_set *set_named(const char *name)
{
    size_t count = 0;
    const hsm_pqc_set *sets = hsm_pqc_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(sets[i].name, name) == 0)
            return &sets[i];
    }
    CHECK_STR(name, "a parameter set");
    return &sets[0];
}

static inline hsm_key_parts set_parts(const hsm_pqc_set *set, CK_OBJECT_CLASS key_class)
{
    hsm_key_parts parts = { .key_class = key_class, .key_type = set->key_type };

    parts.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&set->id, sizeof set->id);
    return parts;
}

static inline hsm_key_parts seed_parts(const hsm_pqc_set *set, hsm_bytes seed)
{
    hsm_key_parts parts = set_parts(set, CKO_PRIVATE_KEY);

    parts.part[HSM_PART_SEED] = seed;
    return parts;
}

static inline void check_sha256(hsm_crypto *crypto, hsm_bytes data, const char *hex)
{
    uint8_t digest[HSM_SHA256_BYTES];
    blob want;

    CHECK_OK(hsm_crypto_sha256(crypto, data, digest));
    (void)unhex(hex, &want);
    CHECK_BYTES(digest, sizeof digest, want.data, want.len);
}

static inline CK_MECHANISM_TYPE pqc_keygen_mech(const hsm_pqc_set *set)
{
    if (set->key_type == CKK_CRATON_COMP_KEM)
        return CKM_CRATON_COMP_KEM_KEY_PAIR_GEN;
    return set->key_type == CKK_ML_DSA   ? CKM_ML_DSA_KEY_PAIR_GEN
           : set->key_type == CKK_ML_KEM ? CKM_ML_KEM_KEY_PAIR_GEN
                                         : CKM_SLH_DSA_KEY_PAIR_GEN;
}

static inline bool pair_of_set(hsm_crypto *crypto, const hsm_pqc_set *set, pair *p)
{
    const hsm_keygen request = { .mech = hsm_mech_find(pqc_keygen_mech(set)),
                                 .key_type = set->key_type,
                                 .parameter_set = set->id };

    *p = (pair){ 0 };
    return CHECK_OK(hsm_keygen_run(crypto, &request, &p->bundle)) && pair_parse(crypto, p);
}

/* One whole operation with room for the longest result. */
static inline hsm_err sign_big(hsm_crypt *crypt, CK_MECHANISM_TYPE id,
                               const hsm_mech_params *params, hsm_key *key, hsm_bytes in, big *out)
{
    hsm_out room = hsm_out_of(out->data, sizeof out->data);
    hsm_err err = run_once(crypt, HSM_OP_SIGN, id, params, key);

    if (err == HSM_OK)
        err = hsm_crypt_single(crypt, in, &room);
    hsm_crypt_end(crypt);
    out->len = err == HSM_OK ? room.len : 0;
    return err;
}

/* The same in parts of `step` bytes. */
static inline hsm_err sign_parts(hsm_crypt *crypt, CK_MECHANISM_TYPE id,
                                 const hsm_mech_params *params, hsm_key *key, hsm_bytes in,
                                 size_t step, big *out)
{
    hsm_out room = hsm_out_of(out->data, sizeof out->data);
    hsm_err err = run_once(crypt, HSM_OP_SIGN, id, params, key);

    for (size_t at = 0; err == HSM_OK && at < in.len; at += step)
        err = hsm_crypt_update(
            crypt, hsm_bytes_of(in.data + at, in.len - at < step ? in.len - at : step), NULL);
    if (err == HSM_OK)
        err = hsm_crypt_final(crypt, &room);
    hsm_crypt_end(crypt);
    out->len = err == HSM_OK ? room.len : 0;
    return err;
}

static inline hsm_err verify_parts(hsm_crypt *crypt, CK_MECHANISM_TYPE id,
                                   const hsm_mech_params *params, hsm_key *key, hsm_bytes in,
                                   hsm_bytes signature)
{
    hsm_err err = run_once(crypt, HSM_OP_VERIFY, id, params, key);

    for (size_t at = 0; err == HSM_OK && at < in.len; at++)
        err = hsm_crypt_update(crypt, hsm_bytes_of(in.data + at, 1), NULL);
    if (err == HSM_OK)
        err = hsm_crypt_verify_final(crypt, signature);
    hsm_crypt_end(crypt);
    return err;
}

#endif
