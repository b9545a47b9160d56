/* The operations of the rows: Init plus single-part call, or the one call there is.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bench/p11.h"

static uint8_t data[4096];

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE aes = CKK_AES;
static CK_ULONG secret_len = BENCH_SECRET_BYTES;

/* What encapsulation, derivation and unwrapping make: an AES key of the session. */
static CK_ATTRIBUTE session_key[] = {
    { CKA_CLASS, &secret_class, sizeof secret_class },
    { CKA_KEY_TYPE, &aes, sizeof aes },
    { CKA_TOKEN, &no, sizeof no },
    { CKA_ENCRYPT, &yes, sizeof yes },
    { CKA_VALUE_LEN, &secret_len,
      sizeof secret_len }, /* not for unwrapping: it is told by the key */
};
enum { SESSION_KEY_COUNT = 5 };

static CK_RV destroy(p11_loop *l, CK_OBJECT_HANDLE made)
{
    return l->state->f->C_DestroyObject(l->session, made);
}

static CK_RV one_sign(p11_loop *l)
{
    CK_ULONG len = sizeof l->result;
    CK_RV rv = l->state->f->C_SignInit(l->session, &l->mech, l->state->key[l->row->key]);

    if (rv == CKR_OK)
        rv = l->state->f->C_Sign(l->session, data, l->row->data_bytes, l->result, &len);
    l->result_len = len;
    return rv;
}

static CK_RV one_verify(p11_loop *l)
{
    const CK_RV rv =
        l->state->f->C_VerifyInit(l->session, &l->mech, l->state->public_key[l->row->key]);

    return rv != CKR_OK ? rv
                        : l->state->f->C_Verify(l->session, data, l->row->data_bytes, l->result,
                                                l->result_len);
}

static CK_RV one_encrypt(p11_loop *l)
{
    const CK_RV rv = l->state->f->C_EncryptInit(l->session, &l->mech, l->key);

    l->result_len = 4096 + 16;
    return rv != CKR_OK ? rv
                        : l->state->f->C_Encrypt(l->session, data, l->row->data_bytes, l->result,
                                                 &l->result_len);
}

static CK_RV one_decrypt(p11_loop *l)
{
    uint8_t out[512];
    CK_ULONG len = sizeof out;
    const CK_RV rv = l->state->f->C_DecryptInit(l->session, &l->mech, l->state->key[l->row->key]);

    return rv != CKR_OK ? rv
                        : l->state->f->C_Decrypt(l->session, l->result, l->result_len, out, &len);
}

static CK_RV one_message(p11_loop *l)
{
    uint8_t iv[12] = { 0 };
    uint8_t tag[16];
    CK_GCM_MESSAGE_PARAMS gcm = { .pIv = iv,
                                  .ulIvLen = sizeof iv,
                                  .ivGenerator = CKG_NO_GENERATE,
                                  .pTag = tag,
                                  .ulTagBits = 128 };

    l->result_len = sizeof l->result;
    return l->state->f3->C_EncryptMessage(l->session, &gcm, sizeof gcm, NULL, 0, data,
                                          l->row->data_bytes, l->result, &l->result_len);
}

static CK_RV one_encapsulate(p11_loop *l)
{
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;

    l->result_len = sizeof l->result;
    const CK_RV rv = l->state->f3->C_EncapsulateKey(
        l->session, &l->mech, l->state->public_key[l->row->key], session_key, SESSION_KEY_COUNT,
        l->result, &l->result_len, &made);
    return rv != CKR_OK ? rv : destroy(l, made);
}

static CK_RV one_decapsulate(p11_loop *l)
{
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    const CK_RV rv = l->state->f3->C_DecapsulateKey(
        l->session, &l->mech, l->state->key[l->row->key], session_key, SESSION_KEY_COUNT, l->result,
        l->result_len, &made);

    return rv != CKR_OK ? rv : destroy(l, made);
}

static CK_RV one_derive(p11_loop *l)
{
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    const CK_RV rv =
        l->mech.mechanism == CKM_PKCS5_PBKD2
            ? l->state->f->C_GenerateKey(l->session, &l->mech, session_key, SESSION_KEY_COUNT,
                                         &made)
            : l->state->f->C_DeriveKey(l->session, &l->mech, l->state->key[l->row->key],
                                       session_key, SESSION_KEY_COUNT, &made);

    return rv != CKR_OK ? rv : destroy(l, made);
}

static CK_RV one_wrap(p11_loop *l)
{
    l->result_len = sizeof l->result;
    return l->state->f->C_WrapKey(l->session, &l->mech, l->key, l->state->wrapped, l->result,
                                  &l->result_len);
}

static CK_RV one_unwrap(p11_loop *l)
{
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    const CK_RV rv =
        l->state->f->C_UnwrapKey(l->session, &l->mech, l->state->key[l->row->key], l->result,
                                 l->result_len, session_key, SESSION_KEY_COUNT - 1, &made);

    return rv != CKR_OK ? rv : destroy(l, made);
}

static CK_RV one_digest(p11_loop *l)
{
    uint8_t out[64];
    CK_ULONG len = sizeof out;
    const CK_RV rv = l->state->f->C_DigestInit(l->session, &l->mech);

    return rv != CKR_OK ? rv
                        : l->state->f->C_Digest(l->session, data, l->row->data_bytes, out, &len);
}

static CK_RV one_pair(p11_loop *l)
{
    CK_OBJECT_HANDLE made[2];
    CK_RV rv = p11_make_pair(l->state, l->row->key, false, &made[0], &made[1]);

    for (int i = 0; i < 2 && rv == CKR_OK; i++)
        rv = l->state->f->C_DestroyObject(l->session, made[i]);
    return rv;
}

static CK_RV one_session(p11_loop *l)
{
    CK_SESSION_HANDLE session = 0;
    const CK_RV rv =
        l->state->f->C_OpenSession(l->state->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);

    return rv != CKR_OK ? rv : l->state->f->C_CloseSession(session);
}

static CK_RV once(p11_loop *l)
{
    static CK_RV (*const one[])(p11_loop * l) = {
        [BENCH_SIGN] = one_sign,
        [BENCH_VERIFY] = one_verify,
        [BENCH_ENCRYPT] = one_encrypt,
        [BENCH_DECRYPT] = one_decrypt,
        [BENCH_MESSAGE] = one_message,
        [BENCH_ENCAPSULATE] = one_encapsulate,
        [BENCH_DECAPSULATE] = one_decapsulate,
        [BENCH_DERIVE] = one_derive,
        [BENCH_WRAP] = one_wrap,
        [BENCH_UNWRAP] = one_unwrap,
        [BENCH_DIGEST] = one_digest,
        [BENCH_GENERATE_PAIR] = one_pair,
        [BENCH_SESSION] = one_session,
    };

    return one[l->row->kind](l);
}

bool p11_once(void *loop)
{
    p11_loop *l = loop;

    return p11_is_ok(l->row->name, once(l));
}

/* Whether a first try says that the module has no such row: SoftHSM2 calls a parameter bad that it does
 * not know. Any other failure is one, and is shown. */
static bool is_lacking(p11_loop *l)
{
    static const CK_RV answers[] = { CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
                                     CKR_FUNCTION_NOT_SUPPORTED, CKR_ARGUMENTS_BAD };
    const CK_RV rv = once(l);

    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (rv == answers[i])
            return true;
    }
    return false;
}

/* --- parameters -------------------------------------------------------------------------------- */

static CK_GCM_PARAMS gcm = { .pIv = data, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
static CK_CCM_PARAMS ccm = { .ulDataLen = 1024, .pNonce = data, .ulNonceLen = 12, .ulMACLen = 16 };
static CK_AES_CTR_PARAMS ctr = { .ulCounterBits = 128 };
static CK_SALSA20_CHACHA20_POLY1305_PARAMS chacha = { .pNonce = data, .ulNonceLen = 12 };
static CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
static CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
static CK_RSA_AES_KEY_WRAP_PARAMS rsa_aes = { 256, &oaep };
static CK_HKDF_PARAMS hkdf = { .bExtract = CK_TRUE,
                               .bExpand = CK_TRUE,
                               .prfHashMechanism = CKM_SHA256,
                               .ulSaltType = CKF_HKDF_SALT_DATA,
                               .pSalt = data,
                               .ulSaltLen = 32,
                               .pInfo = data,
                               .ulInfoLen = 16 };
static CK_SP800_108_COUNTER_FORMAT counter = { CK_FALSE, 32 };
static CK_PRF_DATA_PARAM kbkdf_data[] = {
    { CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof counter },
    { CK_SP800_108_BYTE_ARRAY, data, 16 },
};
static CK_SP800_108_KDF_PARAMS kbkdf = { CKM_SHA256_HMAC, 2, kbkdf_data, 0, NULL };
static CK_PKCS5_PBKD2_PARAMS2 pbkdf2 = { .saltSource = CKZ_SALT_SPECIFIED,
                                         .pSaltSourceData = data,
                                         .ulSaltSourceDataLen = 16,
                                         .iterations = BENCH_PBKDF2_ITERATIONS,
                                         .prf = CKP_PKCS5_PBKD2_HMAC_SHA256,
                                         .pPassword = data,
                                         .ulPasswordLen = 16 };

static const CK_MECHANISM with_parameter[] = {
    { CKM_AES_GCM, &gcm, sizeof gcm },
    { CKM_AES_CCM, &ccm, sizeof ccm },
    { CKM_AES_CTR, &ctr, sizeof ctr },
    { CKM_CHACHA20_POLY1305, &chacha, sizeof chacha },
    { CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss },
    { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep },
    { CKM_RSA_AES_KEY_WRAP, &rsa_aes, sizeof rsa_aes },
    { CKM_HKDF_DERIVE, &hkdf, sizeof hkdf },
    { CKM_SP800_108_COUNTER_KDF, &kbkdf, sizeof kbkdf },
    { CKM_PKCS5_PBKD2, &pbkdf2, sizeof pbkdf2 },
};

/* The peer is the pair itself: the work is the same. */
static bool prepare_ecdh(p11_loop *l)
{
    CK_ATTRIBUTE point = { CKA_EC_POINT, l->point, sizeof l->point };

    if (l->state->f->C_GetAttributeValue(l->session, l->state->public_key[l->row->key], &point,
                                         1) != CKR_OK)
        return false;
    l->ecdh = (CK_ECDH1_DERIVE_PARAMS){ .kdf = CKD_NULL,
                                        .pPublicData = l->point,
                                        .ulPublicDataLen = point.ulValueLen };
    l->mech.pParameter = &l->ecdh;
    l->mech.ulParameterLen = sizeof l->ecdh;
    return true;
}

static bool prepare_mechanism(p11_loop *l)
{
    l->mech = (CK_MECHANISM){ l->row->mechanism, NULL, 0 };
    if (l->row->mechanism == CKM_ECDH1_DERIVE)
        return prepare_ecdh(l);
    for (size_t i = 0; i < sizeof with_parameter / sizeof with_parameter[0]; i++) {
        if (with_parameter[i].mechanism == l->row->mechanism)
            l->mech = with_parameter[i];
    }
    return true;
}

/* What the second half of a row needs of the first: the signature that is verified, for one. */
static CK_RV prepare_input(p11_loop *l)
{
    switch (l->row->kind) {
    case BENCH_VERIFY:
        return one_sign(l);
    case BENCH_DECRYPT:
        return one_encrypt(l);
    case BENCH_DECAPSULATE:
        return one_encapsulate(l);
    case BENCH_UNWRAP:
        return one_wrap(l);
    case BENCH_MESSAGE: {
        const CK_RV rv = l->state->f3->C_MessageEncryptInit(l->session, &l->mech, l->key);

        if (rv != CKR_OPERATION_ACTIVE)
            return rv;
        (void)l->state->f3->C_MessageEncryptFinal(l->session);
        return l->state->f3->C_MessageEncryptInit(l->session, &l->mech, l->key);
    }
    case BENCH_SIGN:
    case BENCH_ENCRYPT:
    case BENCH_ENCAPSULATE:
    case BENCH_DERIVE:
    case BENCH_WRAP:
    case BENCH_DIGEST:
    case BENCH_GENERATE_PAIR:
    case BENCH_SESSION:
        break;
    }
    return CKR_OK;
}

/* NSS (3.87 seen) takes CKM_PKCS5_PBKD2 with the older struct only, which has the password's length
 * behind a pointer and the same size, so it reads from address 16 when it gets today's. Given the older
 * one it answers equal requests out of a cache. */
static bool has_no_equal(const p11_loop *l)
{
    static bool is_said;

    if (!l->state->is_nss || l->row->mechanism != CKM_PKCS5_PBKD2)
        return false;
    if (!is_said)
        (void)fprintf(stderr, "bench: %s: not for NSS, which wants another parameter and caches\n",
                      l->row->name);
    is_said = true;
    return true;
}

bool p11_prepare(p11_loop *l)
{
    const bench_row *row = l->row;
    const bool is_new = row->kind == BENCH_MESSAGE || row->kind == BENCH_ENCAPSULATE ||
                        row->kind == BENCH_DECAPSULATE;

    if ((is_new && l->state->f3 == NULL) || has_no_equal(l))
        return false;
    if (row->key != BENCH_KEY_NONE && row->kind != BENCH_GENERATE_PAIR &&
        l->state->key[row->key] == CK_INVALID_HANDLE)
        return false;
    /* The half that encrypts and wraps: the public one of a pair. */
    l->key = l->state->public_key[row->key] != CK_INVALID_HANDLE ? l->state->public_key[row->key]
                                                                 : l->state->key[row->key];
    return prepare_mechanism(l) && prepare_input(l) == CKR_OK && !is_lacking(l);
}
