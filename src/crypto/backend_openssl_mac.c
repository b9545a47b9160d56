/* HMAC and CMAC.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/ct.h"
#include "crypto/backend_openssl_params.h"
#include "crypto/backend_openssl_pkey.h"

#include <stdlib.h>

#define CMAC_BYTES 16u
#define MAC_MAX_BYTES 64u

/* A context that stays keyed for one key and hash. */
typedef struct mac_state {
    EVP_MAC_CTX *ctx;
    uint64_t key_serial; /* 0: none */
    hsm_hash hash;       /* HMAC */
    const char *cipher;  /* CMAC: which one is set; NULL: none */
    bool is_fresh;       /* nothing was added since the key was set */
} mac_state;

static void drop(void *state)
{
    mac_state *mac = state;

    if (mac == NULL)
        return;
    EVP_MAC_CTX_free(mac->ctx);
    free(mac);
}

static hsm_err state_of(hsm_crypt *crypt, EVP_MAC *type, mac_state **out_state)
{
    mac_state *mac = crypt->state[crypt->family_id];

    if (mac == NULL) {
        mac = calloc(1, sizeof *mac);
        HSM_CHECK(mac != NULL, HSM_E_NO_MEMORY);
        crypt->state[crypt->family_id] = mac;
    }
    if (mac->ctx == NULL)
        mac->ctx = EVP_MAC_CTX_new(type);
    HSM_CHECK(mac->ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    *out_state = mac;
    return HSM_OK;
}

/* Back to the state just after the key was set. */
static hsm_err refresh(mac_state *mac)
{
    if (mac->is_fresh)
        return HSM_OK;
    HSM_TRY(hsm_ossl_done(EVP_MAC_init(mac->ctx, NULL, 0, NULL), HSM_E_CRYPTO));
    mac->is_fresh = true;
    return HSM_OK;
}

static hsm_err set_key(mac_state *mac, const hsm_key *key, const OSSL_PARAM *params)
{
    const hsm_bytes value = hsm_secret_view(key->value);

    mac->key_serial = 0;
    HSM_TRY(hsm_ossl_done(EVP_MAC_init(mac->ctx, value.data, value.len, params), HSM_E_CRYPTO));
    mac->key_serial = key->serial;
    mac->is_fresh = true;
    return HSM_OK;
}

/* OpenSSL takes names of algorithms as pointers to writable text. */
static hsm_err begin_hmac(hsm_crypt *crypt)
{
    const hsm_hash hash = crypt->mech->hash;
    mac_state *mac = NULL;

    HSM_TRY(state_of(crypt, hsm_ossl_of(crypt->crypto)->hmac, &mac));
    if (crypt->kept.mac_len == 0)
        crypt->kept.mac_len = hsm_hash_get(hash)->len;
    if (mac->key_serial == crypt->key->serial && mac->hash == hash)
        return refresh(mac);

    const OSSL_PARAM params[] = {
        mac->hash == hash ? OSSL_PARAM_construct_end()
                          : hsm_ossl_text(OSSL_MAC_PARAM_DIGEST, hsm_hash_get(hash)->name),
        OSSL_PARAM_construct_end(),
    };
    mac->hash = HSM_HASH_NONE;
    HSM_TRY(set_key(mac, crypt->key, params));
    mac->hash = hash;
    return HSM_OK;
}

static const char *cmac_cipher(const hsm_crypt *crypt)
{
    static const char *const ciphers[HSM_AES_SIZES] = { "AES-128-CBC", "AES-192-CBC",
                                                        "AES-256-CBC" };

    return crypt->mech->alg == HSM_ALG_DES3_CMAC ? "DES-EDE3-CBC"
                                                 : ciphers[hsm_aes_size(crypt->key->bits)];
}

static hsm_err begin_cmac(hsm_crypt *crypt)
{
    const char *cipher = cmac_cipher(crypt);
    mac_state *mac = NULL;

    HSM_TRY(state_of(crypt, hsm_ossl_of(crypt->crypto)->cmac, &mac));
    if (crypt->kept.mac_len == 0)
        crypt->kept.mac_len = crypt->mech->alg == HSM_ALG_DES3_CMAC ? CMAC_BYTES / 2 : CMAC_BYTES;
    if (mac->key_serial == crypt->key->serial)
        return refresh(mac);

    const OSSL_PARAM params[] = {
        mac->cipher == cipher ? OSSL_PARAM_construct_end()
                              : hsm_ossl_text(OSSL_MAC_PARAM_CIPHER, cipher),
        OSSL_PARAM_construct_end(),
    };
    mac->cipher = NULL;
    HSM_TRY(set_key(mac, crypt->key, params));
    mac->cipher = cipher;
    return HSM_OK;
}

/* What an operation left unfinished holds part of a message. A context that got no key is nothing
 * that OpenSSL could go back to. */
static void end(void *state)
{
    mac_state *mac = state;

    if (mac->key_serial != 0 && refresh(mac) != HSM_OK)
        mac->key_serial = 0;
}

static hsm_err update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    mac_state *mac = crypt->state[crypt->family_id];

    (void)out;
    mac->is_fresh = false;
    return hsm_ossl_done(EVP_MAC_update(mac->ctx, in.data, in.len), HSM_E_CRYPTO);
}

static hsm_err finish(hsm_crypt *crypt, uint8_t mac_bytes[MAC_MAX_BYTES])
{
    mac_state *mac = crypt->state[crypt->family_id];
    size_t len = 0;

    mac->is_fresh = false;
    return hsm_ossl_done(EVP_MAC_final(mac->ctx, mac_bytes, &len, MAC_MAX_BYTES), HSM_E_CRYPTO);
}

static hsm_err final(hsm_crypt *crypt, hsm_out *out)
{
    uint8_t mac_bytes[MAC_MAX_BYTES];

    HSM_TRY(finish(crypt, mac_bytes));
    memcpy(out->data, mac_bytes, crypt->kept.mac_len);
    explicit_bzero(mac_bytes, sizeof mac_bytes); /* a truncated MAC's rest is nobody's business */
    out->len = crypt->kept.mac_len;
    return HSM_OK;
}

static hsm_err single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_TRY(refresh(crypt->state[crypt->family_id]));
    HSM_TRY(update(crypt, in, NULL));
    return final(crypt, out);
}

static hsm_err verify_final(hsm_crypt *crypt, hsm_bytes signature)
{
    uint8_t mac_bytes[MAC_MAX_BYTES];

    HSM_CHECK(signature.len == crypt->kept.mac_len, HSM_E_SIGNATURE_LEN);
    HSM_TRY(finish(crypt, mac_bytes));
    const bool is_equal = hsm_ct_equal(hsm_bytes_of(mac_bytes, signature.len), signature);
    explicit_bzero(mac_bytes, sizeof mac_bytes);
    return is_equal ? HSM_OK : HSM_E_SIGNATURE;
}

static hsm_err verify(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature)
{
    HSM_TRY(refresh(crypt->state[crypt->family_id]));
    HSM_TRY(update(crypt, in, NULL));
    return verify_final(crypt, signature);
}

static size_t result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    (void)in_len;
    return is_last ? crypt->kept.mac_len : 0;
}

#define MAC_FAMILY(begin_function)                                                             \
    {                                                                                          \
        .drop = drop, .begin = (begin_function), .end = end, .update = update, .final = final, \
        .single = single, .verify = verify, .verify_final = verify_final,                      \
        .result_len = result_len,                                                              \
    }

const hsm_family hsm_ossl_hmac = MAC_FAMILY(begin_hmac);
const hsm_family hsm_ossl_cmac = MAC_FAMILY(begin_cmac);
