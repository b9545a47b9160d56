/* ML-DSA (FIPS 204) and SLH-DSA (FIPS 205): pure, and with the message hashed before.
 *
 * Parts: the hashed forms hash them; pure ML-DSA computes the message representative mu of the parts
 * (FIPS 204, algorithm 7, line 6), so nothing is collected; pure SLH-DSA needs the message twice and
 * collects it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/backend_openssl_fresh.h"
#include "crypto/backend_openssl_pqc.h"

#define CONTEXT_MAX_BYTES 255u
#define MU_BYTES 64u
#define TR_BYTES 64u
/* A larger buffer is not kept between operations. */
#define KEPT_MAX_BYTES 4096u
/* Domain separator, length, context, OID, digest: FIPS 204, algorithm 4; FIPS 205, algorithm 23. */
#define PREHASHED_MAX_BYTES (2 + CONTEXT_MAX_BYTES + HSM_PQC_OID_BYTES + HSM_HASH_MAX_BYTES)

/* What OpenSSL is given to sign. */
typedef enum message_form {
    FORM_PURE,    /* the message; it puts the context before it */
    FORM_ENCODED, /* all that is signed, as FIPS 204 and 205 call it M' */
    FORM_MU,      /* ML-DSA: the message representative */
} message_form;

typedef struct pqc_state {
    hsm_ossl_signer signer; /* its md holds the parts so far */
    message_form form;      /* that signer.ctx is initialised for */
    bool is_deterministic;
    hsm_hash hash; /* HSM_HASH_NONE: pure */
    size_t context_len;
    uint8_t context[CONTEXT_MAX_BYTES];
    hsm_buf message; /* SLH-DSA: the parts so far */
} pqc_state;

static pqc_state *state_of(const hsm_crypt *crypt)
{
    return crypt->state[HSM_FAMILY_PQC_SIGN];
}

static void pqc_end(void *state)
{
    pqc_state *pqc = state;

    if (pqc == NULL)
        return;
    hsm_ossl_signer_end(&pqc->signer);
    if (pqc->message.len > 0)
        explicit_bzero(pqc->message.data, pqc->message.len);
    hsm_buf_reset(&pqc->message);
    if (pqc->message.cap > KEPT_MAX_BYTES)
        hsm_buf_clear(&pqc->message);
}

static void pqc_drop(void *state)
{
    pqc_state *pqc = state;

    if (pqc == NULL)
        return;
    pqc_end(pqc);
    hsm_ossl_signer_clear(&pqc->signer);
    hsm_buf_clear(&pqc->message);
    free(pqc);
}

static hsm_err init_with(const hsm_crypt *crypt, pqc_state *pqc, EVP_SIGNATURE *algorithm)
{
    int is_deterministic = pqc->is_deterministic;
    int is_mu = pqc->form == FORM_MU;
    int encoding = pqc->form == FORM_PURE;
    OSSL_PARAM params[5];
    size_t count = 0;

    if (crypt->op == HSM_OP_SIGN)
        params[count++] =
            OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_DETERMINISTIC, &is_deterministic);
    if (crypt->mech->alg == HSM_ALG_ML_DSA)
        params[count++] = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_MU, &is_mu);
    params[count++] = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_MESSAGE_ENCODING, &encoding);
    params[count++] =
        OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, pqc->context,
                                          pqc->form == FORM_PURE ? pqc->context_len : 0);
    params[count] = OSSL_PARAM_construct_end();
    return hsm_ossl_done(crypt->op == HSM_OP_SIGN
                             ? EVP_PKEY_sign_message_init(pqc->signer.ctx, algorithm, params)
                             : EVP_PKEY_verify_message_init(pqc->signer.ctx, algorithm, params),
                         HSM_E_CRYPTO);
}

/* Makes signer.ctx ready for the form; it stays so for the next message. */
static hsm_err prepare(const hsm_crypt *crypt, message_form form)
{
    pqc_state *pqc = state_of(crypt);

    if (hsm_ossl_signer_fits(&pqc->signer, crypt) && pqc->form == form)
        return HSM_OK;
    HSM_TRY(hsm_ossl_signer_renew(&pqc->signer, crypt));
    pqc->form = form;

    EVP_SIGNATURE *algorithm =
        EVP_SIGNATURE_fetch(hsm_ossl_of(crypt->crypto)->libctx, crypt->key->set->name, NULL);
    const hsm_err err =
        algorithm == NULL ? hsm_ossl_cause(HSM_E_CRYPTO) : init_with(crypt, pqc, algorithm);
    EVP_SIGNATURE_free(algorithm);
    if (err != HSM_OK)
        hsm_ossl_signer_forget(&pqc->signer);
    return err;
}

/* PKCS#11 v3.2, ML-DSA: "preferred" may be either; hedged is the one that is safe against faults. */
static hsm_err read_hedge(const hsm_crypt *crypt, bool *out_is_deterministic)
{
    const CK_ULONG hedge = crypt->params->hedge;

    *out_is_deterministic = false;
    if (crypt->op != HSM_OP_SIGN)
        return HSM_OK;
    HSM_CHECK(hedge == CKH_HEDGE_PREFERRED || hedge == CKH_HEDGE_REQUIRED ||
                  hedge == CKH_DETERMINISTIC_REQUIRED,
              HSM_E_MECHANISM_PARAM);
    *out_is_deterministic = hedge == CKH_DETERMINISTIC_REQUIRED;
    return HSM_OK;
}

static hsm_err pqc_begin(hsm_crypt *crypt)
{
    const hsm_bytes context = crypt->params->context;
    bool is_deterministic = false;

    if (state_of(crypt) == NULL)
        crypt->state[HSM_FAMILY_PQC_SIGN] = calloc(1, sizeof(pqc_state));
    pqc_state *pqc = state_of(crypt);
    HSM_CHECK(pqc != NULL, HSM_E_NO_MEMORY);
    HSM_CHECK(crypt->key->set != NULL, HSM_E_KEY_TYPE);
    HSM_CHECK(context.len <= CONTEXT_MAX_BYTES, HSM_E_MECHANISM_PARAM);
    HSM_TRY(read_hedge(crypt, &is_deterministic));

    pqc_end(pqc);
    if (pqc->is_deterministic != is_deterministic ||
        !hsm_bytes_equal(hsm_bytes_of(pqc->context, pqc->context_len), context))
        hsm_ossl_signer_forget(&pqc->signer);
    pqc->is_deterministic = is_deterministic;
    pqc->hash = crypt->mech->hash != HSM_HASH_NONE ? crypt->mech->hash : crypt->kept.hash;
    pqc->context_len = context.len;
    if (context.len > 0)
        memcpy(pqc->context, context.data, context.len);
    return HSM_OK;
}

/* --- Hashing ------------------------------------------------------------------------------------ */

static hsm_err start_hash(const hsm_crypt *crypt, hsm_hash hash)
{
    hsm_ossl_signer *signer = &state_of(crypt)->signer;

    if (signer->md == NULL)
        signer->md = EVP_MD_CTX_new();
    HSM_CHECK(signer->md != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(
        EVP_DigestInit_ex2(signer->md, hsm_ossl_of(crypt->crypto)->md[hash], NULL), HSM_E_CRYPTO));
    signer->is_hashing = true;
    return HSM_OK;
}

static hsm_err add(const hsm_crypt *crypt, const void *data, size_t len)
{
    return hsm_ossl_done(EVP_DigestUpdate(state_of(crypt)->signer.md, data, len), HSM_E_CRYPTO);
}

static hsm_err finish_hash(const hsm_crypt *crypt, hsm_hash hash, uint8_t out[HSM_HASH_MAX_BYTES])
{
    hsm_ossl_signer *signer = &state_of(crypt)->signer;

    signer->is_hashing = false;
    return hsm_ossl_done(hsm_hash_is_xof(hash)
                             ? EVP_DigestFinalXOF(signer->md, out, hsm_hash_get(hash)->len)
                             : EVP_DigestFinal_ex(signer->md, out, NULL),
                         HSM_E_CRYPTO);
}

/* mu = H(H(pk, 64) || 0 || |ctx| || ctx || M, 64); H is SHAKE256 with 64 bytes of output. */
static hsm_err start_mu(const hsm_crypt *crypt)
{
    const pqc_state *pqc = state_of(crypt);
    const uint8_t prefix[2] = { 0, (uint8_t)pqc->context_len };
    const size_t public_len = crypt->key->set->public_bytes;
    uint8_t public[HSM_PQC_PUBLIC_MAX_BYTES];
    uint8_t tr[TR_BYTES];

    HSM_TRY(hsm_ossl_pqc_read(crypt->key->native, OSSL_PKEY_PARAM_PUB_KEY, public, public_len));
    HSM_TRY(start_hash(crypt, HSM_HASH_SHAKE256));
    HSM_TRY(add(crypt, public, public_len));
    HSM_TRY(finish_hash(crypt, HSM_HASH_SHAKE256, tr));
    HSM_TRY(start_hash(crypt, HSM_HASH_SHAKE256));
    HSM_TRY(add(crypt, tr, sizeof tr));
    HSM_TRY(add(crypt, prefix, sizeof prefix));
    return add(crypt, pqc->context, pqc->context_len);
}

/* id-sha... and id-shake...: 2.16.840.1.101.3.4.2.x */
static uint8_t oid_end(hsm_hash hash)
{
    static const uint8_t ends[HSM_HASH_COUNT] = {
        [HSM_HASH_SHA256] = 1,    [HSM_HASH_SHA384] = 2,     [HSM_HASH_SHA512] = 3,
        [HSM_HASH_SHA224] = 4,    [HSM_HASH_SHA512_224] = 5, [HSM_HASH_SHA512_256] = 6,
        [HSM_HASH_SHA3_224] = 7,  [HSM_HASH_SHA3_256] = 8,   [HSM_HASH_SHA3_384] = 9,
        [HSM_HASH_SHA3_512] = 10, [HSM_HASH_SHAKE128] = 11,  [HSM_HASH_SHAKE256] = 12,
    };

    return ends[hash];
}

/* M' = 1 || |ctx| || ctx || OID || PH(M) */
static size_t encode_prehashed(const pqc_state *pqc, hsm_bytes digest,
                               uint8_t out[PREHASHED_MAX_BYTES])
{
    const uint8_t oid[HSM_PQC_OID_BYTES] = {
        0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, oid_end(pqc->hash)
    };
    size_t len = 0;

    out[len++] = 1;
    out[len++] = (uint8_t)pqc->context_len;
    memcpy(out + len, pqc->context, pqc->context_len);
    len += pqc->context_len;
    memcpy(out + len, oid, sizeof oid);
    len += sizeof oid;
    memcpy(out + len, digest.data, digest.len);
    return len + digest.len;
}

/* --- The message as OpenSSL gets it ------------------------------------------------------------- */

typedef struct prepared {
    hsm_bytes view;
    uint8_t room[PREHASHED_MAX_BYTES];
} prepared;

static hsm_err prepare_digest(const hsm_crypt *crypt, hsm_bytes digest, prepared *out)
{
    const pqc_state *pqc = state_of(crypt);

    HSM_CHECK(oid_end(pqc->hash) != 0, HSM_E_MECHANISM_PARAM);
    HSM_CHECK(digest.len == hsm_hash_get(pqc->hash)->len, HSM_E_DATA_LEN);
    out->view = hsm_bytes_of(out->room, encode_prehashed(pqc, digest, out->room));
    return prepare(crypt, FORM_ENCODED);
}

/* A message that comes whole. */
static hsm_err prepare_whole(const hsm_crypt *crypt, hsm_bytes message, prepared *out)
{
    const hsm_hash hash = crypt->mech->hash;
    uint8_t digest[HSM_HASH_MAX_BYTES];

    if (state_of(crypt)->hash == HSM_HASH_NONE) {
        out->view = message;
        return prepare(crypt, FORM_PURE);
    }
    if (hash == HSM_HASH_NONE)
        return prepare_digest(crypt, message, out);
    HSM_TRY(start_hash(crypt, hash));
    HSM_TRY(add(crypt, message.data, message.len));
    HSM_TRY(finish_hash(crypt, hash, digest));
    return prepare_digest(crypt, hsm_bytes_of(digest, hsm_hash_get(hash)->len), out);
}

/* A message that came in parts; no part at all is the empty message. */
static hsm_err prepare_parts(const hsm_crypt *crypt, prepared *out)
{
    pqc_state *pqc = state_of(crypt);
    const bool is_pure = pqc->hash == HSM_HASH_NONE;
    const hsm_hash hash = is_pure ? HSM_HASH_SHAKE256 : pqc->hash;
    uint8_t digest[HSM_HASH_MAX_BYTES];

    if (!pqc->signer.is_hashing)
        return prepare_whole(crypt, hsm_buf_view(&pqc->message), out);
    HSM_TRY(finish_hash(crypt, hash, digest));
    if (!is_pure)
        return prepare_digest(crypt, hsm_bytes_of(digest, hsm_hash_get(hash)->len), out);
    memcpy(out->room, digest, MU_BYTES);
    out->view = hsm_bytes_of(out->room, MU_BYTES);
    return prepare(crypt, FORM_MU);
}

static hsm_err pqc_update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    pqc_state *pqc = state_of(crypt);

    (void)out; /* signatures give nothing before the end */
    if (pqc->hash == HSM_HASH_NONE && crypt->mech->alg == HSM_ALG_SLH_DSA) {
        HSM_CHECK(in.len <= HSM_CRYPT_BUFFER_MAX_BYTES - pqc->message.len, HSM_E_LIMIT);
        return hsm_buf_append(&pqc->message, in);
    }
    if (!pqc->signer.is_hashing)
        HSM_TRY(pqc->hash == HSM_HASH_NONE ? start_mu(crypt) : start_hash(crypt, pqc->hash));
    return add(crypt, in.data, in.len);
}

/* --- Signing and verifying ---------------------------------------------------------------------- */

/* By way of room of our own, because the message may lie where the signature goes. */
static hsm_err sign(const hsm_crypt *crypt, const prepared *message, hsm_out *out)
{
    const size_t room_len = crypt->key->set->result_bytes;
    size_t len = room_len;

    HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
    uint8_t *room = malloc(room_len);
    HSM_CHECK(room != NULL, HSM_E_NO_MEMORY);
    hsm_err err = hsm_ossl_done(EVP_PKEY_sign(state_of(crypt)->signer.ctx, room, &len,
                                              message->view.data, message->view.len),
                                HSM_E_CRYPTO);
    if (err == HSM_OK)
        err = hsm_out_put(out, hsm_bytes_of(room, len));
    free(room);
    return err;
}

static hsm_err verify(const hsm_crypt *crypt, const prepared *message, hsm_bytes signature)
{
    return hsm_ossl_done(EVP_PKEY_verify(state_of(crypt)->signer.ctx, signature.data, signature.len,
                                         message->view.data, message->view.len),
                         HSM_E_SIGNATURE);
}

static hsm_err pqc_single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    prepared message;

    HSM_TRY(prepare_whole(crypt, in, &message));
    return sign(crypt, &message, out);
}

static hsm_err pqc_final(hsm_crypt *crypt, hsm_out *out)
{
    prepared message;

    HSM_TRY(prepare_parts(crypt, &message));
    return sign(crypt, &message, out);
}

static hsm_err pqc_verify(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature)
{
    prepared message;

    HSM_CHECK(signature.len == crypt->key->set->result_bytes, HSM_E_SIGNATURE_LEN);
    HSM_TRY(prepare_whole(crypt, in, &message));
    return verify(crypt, &message, signature);
}

static hsm_err pqc_verify_final(hsm_crypt *crypt, hsm_bytes signature)
{
    prepared message;

    HSM_CHECK(signature.len == crypt->key->set->result_bytes, HSM_E_SIGNATURE_LEN);
    HSM_TRY(prepare_parts(crypt, &message));
    return verify(crypt, &message, signature);
}

static size_t pqc_result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    (void)in_len;
    return is_last ? crypt->key->set->result_bytes : 0;
}

const hsm_family hsm_ossl_pqc_sign = {
    .drop = pqc_drop,
    .begin = pqc_begin,
    .end = pqc_end,
    .update = pqc_update,
    .final = pqc_final,
    .single = pqc_single,
    .verify = pqc_verify,
    .verify_final = pqc_verify_final,
    .result_len = pqc_result_len,
};
