/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/signer.h"

#include <stdlib.h>

#include "base/log.h"
#include "crypto/crypt.h"
#include "crypto/key.h"
#include "os/file.h"

#define SEED_BYTES 32u /* of each: RFC 8032, 5.1.5; FIPS 204, Algorithm 1 */
#define SEEDS_BYTES (2 * SEED_BYTES)
#define PUBLIC_BYTES (HSM_ED25519_PUBLIC_BYTES + HSM_ML_DSA_65_PUBLIC_BYTES)
/* The file: magic, nonce, sealed seeds, public keys. The rest is associated data of the seal. */
#define MAGIC "CHSMAUD1"
#define MAGIC_BYTES 8u
#define SEALED_BYTES (SEEDS_BYTES + HSM_AEAD_TAG_BYTES)
#define NONCE_AT MAGIC_BYTES
#define SEALED_AT (NONCE_AT + HSM_AEAD_NONCE_BYTES)
#define PUBLIC_AT (SEALED_AT + SEALED_BYTES)
#define FILE_BYTES (PUBLIC_AT + PUBLIC_BYTES)

struct hsm_signer {
    hsm_crypto *crypto;
    hsm_secret *seeds; /* Ed25519, then ML-DSA-65 */
    hsm_signer_public keys;
};

/* --- the two algorithms ---------------------------------------------------------------------- */

typedef enum kind {
    ED25519,
    ML_DSA_65,
    KIND_COUNT,
} kind;

static const CK_ULONG set_65 = CKP_ML_DSA_65;
static const uint8_t ed25519_oid[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 }; /* 1.3.101.112 */

static hsm_key_parts parts_of(kind which, CK_OBJECT_CLASS key_class)
{
    hsm_key_parts parts = {
        .key_class = key_class,
        .key_type = which == ED25519 ? CKK_EC_EDWARDS : CKK_ML_DSA,
    };

    if (which == ED25519)
        parts.part[HSM_PART_PARAMS] = hsm_bytes_of(ed25519_oid, sizeof ed25519_oid);
    else
        parts.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&set_65, sizeof set_65);
    return parts;
}

/* A private key's parts from its seed. */
static hsm_key_parts private_parts(kind which, const hsm_secret *seeds)
{
    const hsm_bytes seed =
        hsm_bytes_of(hsm_secret_view(seeds).data + which * SEED_BYTES, SEED_BYTES);
    hsm_key_parts parts = parts_of(which, CKO_PRIVATE_KEY);

    parts.part[which == ED25519 ? HSM_PART_VALUE : HSM_PART_SEED] = seed;
    return parts;
}

static hsm_err public_key(hsm_crypto *crypto, kind which, const hsm_signer_public *keys,
                          hsm_key **out_key)
{
    hsm_key_parts parts = parts_of(which, CKO_PUBLIC_KEY);

    if (which == ED25519)
        parts.part[HSM_PART_POINT] = hsm_bytes_of(keys->ed25519, sizeof keys->ed25519);
    else
        parts.part[HSM_PART_PUBLIC] = hsm_bytes_of(keys->ml_dsa_65, sizeof keys->ml_dsa_65);
    return hsm_key_create(crypto, &parts, out_key);
}

static hsm_err begin(hsm_crypto *crypto, kind which, hsm_op op, hsm_key *key, hsm_crypt **out_crypt)
{
    static const hsm_mech_params none = { .hedge = CKH_HEDGE_PREFERRED };
    const hsm_mech *mech = hsm_mech_by_alg(which == ED25519 ? HSM_ALG_EDDSA : HSM_ALG_ML_DSA);

    HSM_CHECK(mech != NULL, HSM_E_MECHANISM);
    HSM_TRY(hsm_crypt_create(crypto, out_crypt));
    return hsm_crypt_begin(*out_crypt, op, mech, &none, key);
}

static hsm_err sign_one(const hsm_signer *signer, kind which, hsm_bytes message, hsm_out out)
{
    const hsm_key_parts parts = private_parts(which, signer->seeds);
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;

    HSM_TRY(hsm_key_create(signer->crypto, &parts, &key));
    HSM_TRY(begin(signer->crypto, which, HSM_OP_SIGN, key, &crypt));
    HSM_TRY(hsm_crypt_single(crypt, message, &out));
    HSM_CHECK(out.len == out.cap, HSM_E_CRYPTO);
    return HSM_OK;
}

static hsm_err verify_one(hsm_crypto *crypto, kind which, const hsm_signer_public *keys,
                          hsm_bytes message, hsm_bytes signature)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;

    HSM_TRY(public_key(crypto, which, keys, &key));
    HSM_TRY(begin(crypto, which, HSM_OP_VERIFY, key, &crypt));
    return hsm_crypt_verify(crypt, message, signature);
}

hsm_err hsm_signer_sign(hsm_signer *signer, hsm_bytes message, hsm_signatures *out_signatures)
{
    HSM_TRY(sign_one(signer, ED25519, message,
                     hsm_out_of(out_signatures->ed25519, sizeof out_signatures->ed25519)));
    return sign_one(signer, ML_DSA_65, message,
                    hsm_out_of(out_signatures->ml_dsa_65, sizeof out_signatures->ml_dsa_65));
}

hsm_err hsm_signer_verify(hsm_crypto *crypto, const hsm_signer_public *keys, hsm_bytes message,
                          const hsm_signatures *signatures)
{
    HSM_TRY(verify_one(crypto, ED25519, keys, message,
                       hsm_bytes_of(signatures->ed25519, sizeof signatures->ed25519)));
    return verify_one(crypto, ML_DSA_65, keys, message,
                      hsm_bytes_of(signatures->ml_dsa_65, sizeof signatures->ml_dsa_65));
}

/* --- the file -------------------------------------------------------------------------------- */

/* The public half that belongs to a seed, computed. */
static hsm_err compute_public(const hsm_signer *signer, kind which, uint8_t *out, size_t len)
{
    const hsm_key_parts parts = private_parts(which, signer->seeds);
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };

    HSM_TRY(hsm_key_complete(signer->crypto, &parts, &bundle));
    const hsm_bytes value = bundle.parts.part[which == ED25519 ? HSM_PART_POINT : HSM_PART_PUBLIC];
    HSM_CHECK(value.len == len, HSM_E_CRYPTO);
    memcpy(out, value.data, len);
    return HSM_OK;
}

/* Associated data: the file without the sealed part. */
static hsm_err aad_of(hsm_bytes file, hsm_buf *out_aad)
{
    HSM_TRY(hsm_buf_append(out_aad, hsm_bytes_of(file.data, SEALED_AT)));
    return hsm_buf_append(out_aad, hsm_bytes_of(file.data + PUBLIC_AT, PUBLIC_BYTES));
}

static hsm_err make_file(hsm_signer *signer, hsm_aead *seal, const char *path)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf aad = { 0 };
    uint8_t file[FILE_BYTES] = MAGIC;

    HSM_TRY(hsm_crypto_random(signer->crypto, hsm_secret_data(signer->seeds), SEEDS_BYTES));
    HSM_TRY(hsm_crypto_random(signer->crypto, file + NONCE_AT, HSM_AEAD_NONCE_BYTES));
    HSM_TRY(compute_public(signer, ED25519, file + PUBLIC_AT, HSM_ED25519_PUBLIC_BYTES));
    HSM_TRY(compute_public(signer, ML_DSA_65, file + PUBLIC_AT + HSM_ED25519_PUBLIC_BYTES,
                           HSM_ML_DSA_65_PUBLIC_BYTES));
    HSM_TRY(aad_of(hsm_bytes_of(file, sizeof file), &aad));
    HSM_TRY(hsm_aead_seal(seal, file + NONCE_AT, hsm_buf_view(&aad), hsm_secret_view(signer->seeds),
                          file + SEALED_AT));
    return hsm_file_create(path, hsm_bytes_of(file, sizeof file), 0600);
}

static hsm_err read_file(hsm_signer *signer, hsm_aead *seal, const char *path)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf file = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf aad = { 0 };

    hsm_err err = hsm_file_read(path, HSM_FILE_PRIVATE | HSM_FILE_NO_SYMLINK, FILE_BYTES, &file);
    HSM_CHECK(err != HSM_E_LIMIT, HSM_E_STORE_CORRUPT);
    HSM_TRY(err);
    HSM_CHECK(file.len == FILE_BYTES && hsm_bytes_equal(hsm_bytes_of(file.data, MAGIC_BYTES),
                                                        hsm_bytes_of(MAGIC, MAGIC_BYTES)),
              HSM_E_STORE_CORRUPT);
    HSM_TRY(aad_of(hsm_buf_view(&file), &aad));
    err = hsm_aead_open(seal, file.data + NONCE_AT, hsm_buf_view(&aad),
                        hsm_bytes_of(file.data + SEALED_AT, SEALED_BYTES),
                        hsm_secret_data(signer->seeds));
    HSM_CHECK(err != HSM_E_ENCRYPTED_DATA, HSM_E_STORE_CORRUPT);
    HSM_TRY(err);
    memcpy(signer->keys.ed25519, file.data + PUBLIC_AT, HSM_ED25519_PUBLIC_BYTES);
    memcpy(signer->keys.ml_dsa_65, file.data + PUBLIC_AT + HSM_ED25519_PUBLIC_BYTES,
           HSM_ML_DSA_65_PUBLIC_BYTES);
    return HSM_OK;
}

hsm_err hsm_signer_open(hsm_crypto *crypto, const char *path, hsm_bytes seal_key, bool may_create,
                        hsm_signer **out_signer)
{
    HSM_AUTO(hsm_signer_drop) hsm_signer *signer = calloc(1, sizeof *signer);
    HSM_AUTO(hsm_aead_drop) hsm_aead *seal = NULL;

    HSM_CHECK(signer != NULL, HSM_E_NO_MEMORY);
    signer->crypto = crypto;
    HSM_TRY(hsm_secret_create(SEEDS_BYTES, &signer->seeds));
    HSM_TRY(hsm_aead_create(crypto, seal_key, &seal));
    hsm_err err = read_file(signer, seal, path);
    if (err == HSM_E_STORE_NOT_FOUND && may_create) {
        err = make_file(signer, seal, path);
        if (err == HSM_OK || err == HSM_E_STORE_CONFLICT) /* another process was faster */
            err = read_file(signer, seal, path);
    }
    HSM_TRY(err);
    *out_signer = HSM_MOVE(signer);
    return HSM_OK;
}

void hsm_signer_destroy(hsm_signer *signer)
{
    if (signer == NULL)
        return;
    hsm_secret_destroy(signer->seeds);
    free(signer);
}

const hsm_signer_public *hsm_signer_public_keys(const hsm_signer *signer)
{
    return &signer->keys;
}
