/* What the default provider can do with the public half it does; only signatures come from the token, for
 * the message as a whole, so that nothing but the mechanism is left to say.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/tls_token.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/log.h"

#define PROVIDER "craton-hsm-token"
#define PROPERTIES "provider=" PROVIDER
/* Of everybody who does not ask for one by name. */
#define PREFERRED "?provider=default"
/* How a key comes into its EVP_PKEY. */
#define KEY_PARAM "craton-hsm-key"
#define SIGNATURE_MAX_BYTES ((size_t)8192)

/* Kinds of key, by the names that OpenSSL has for them and for their signatures. */
static const struct {
    const char *name;
    hsm_sign_kind kind;
} kinds[] = {
    { "RSA", HSM_SIGN_RSA_PKCS1 },    { "EC", HSM_SIGN_ECDSA },
    { "ED25519", HSM_SIGN_EDDSA },    { "ED448", HSM_SIGN_EDDSA },
    { "ML-DSA-44", HSM_SIGN_ML_DSA }, { "ML-DSA-65", HSM_SIGN_ML_DSA },
    { "ML-DSA-87", HSM_SIGN_ML_DSA },
};

/* What OpenSSL calls the key. */
typedef struct own_key {
    token_key *key; /* NULL: nothing was imported */
    EVP_PKEY *public;
    hsm_sign_kind kind;
} own_key;

/* One signature. */
typedef struct signing {
    own_key *own; /* borrowed: OpenSSL holds the EVP_PKEY meanwhile */
    hsm_sign_kind kind;
    uint32_t hash_bits;
} signing;

/* --- keys ---------------------------------------------------------------------------------------- */

static void *new_key(void *provider)
{
    (void)provider;
    return calloc(1, sizeof(own_key));
}

static void free_key(void *of)
{
    own_key *own = of;

    if (own == NULL)
        return;
    token_key_close(own->key);
    EVP_PKEY_free(own->public);
    free(own);
}

static int has(const void *of, int selection)
{
    const own_key *own = of;

    (void)selection; /* also a private half: it is only elsewhere */
    return own->key != NULL;
}

/* Takes over what `prepared` in tls_token_pkey() holds; a key from outside has no such parameter. */
static int import_key(void *of, int selection, const OSSL_PARAM params[])
{
    own_key *own = of;
    const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, KEY_PARAM);
    const void *at = NULL;
    size_t len = 0;

    (void)selection;
    if (param == NULL || OSSL_PARAM_get_octet_ptr(param, &at, &len) != 1 || len != sizeof *own)
        return 0;
    memcpy(own, at, sizeof *own);
    return 1;
}

static const OSSL_PARAM *import_types(int selection)
{
    static const OSSL_PARAM types[] = { OSSL_PARAM_octet_ptr(KEY_PARAM, NULL, 0), OSSL_PARAM_END };

    (void)selection;
    return types;
}

/* Without the private half: whoever needs that must come here for it. */
static int export_key(void *of, int selection, OSSL_CALLBACK *take, void *arg)
{
    const own_key *own = of;
    OSSL_PARAM *params = NULL;

    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ||
        EVP_PKEY_todata(own->public, selection, &params) != 1)
        return 0;
    const int is_taken = take(params, arg);
    OSSL_PARAM_free(params);
    return is_taken;
}

static const OSSL_PARAM *export_types(int selection)
{
    static const OSSL_PARAM none[] = { OSSL_PARAM_END };

    (void)selection; /* as the public half has them */
    return none;
}

static int get_key_params(void *of, OSSL_PARAM params[])
{
    const own_key *own = of;

    return EVP_PKEY_get_params(own->public, params);
}

static const OSSL_PARAM *gettable_key_params(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* --- signatures ---------------------------------------------------------------------------------- */

static void *new_signing(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return calloc(1, sizeof(signing));
}

static void free_signing(void *of)
{
    free(of);
}

static bool find_hash(const char *name, uint32_t *out_bits)
{
    static const struct {
        const char *name;
        uint32_t bits;
    } hashes[] = {
        { "SHA2-256", 256 }, { "SHA256", 256 },   { "SHA2-384", 384 },
        { "SHA384", 384 },   { "SHA2-512", 512 }, { "SHA512", 512 },
    };

    *out_bits = 0;
    if (name == NULL || name[0] == '\0')
        return true;
    for (size_t i = 0; i < HSM_ARRAY_LEN(hashes); i++) {
        if (OPENSSL_strcasecmp(hashes[i].name, name) == 0)
            *out_bits = hashes[i].bits;
    }
    return *out_bits > 0;
}

/* OpenSSL says such things as a number or as a name. */
static bool says(const OSSL_PARAM *param, int number, const char *name)
{
    const char *text = NULL;
    int given = 0;

    if (param->data_type == OSSL_PARAM_INTEGER)
        return OSSL_PARAM_get_int(param, &given) == 1 && given == number;
    return OSSL_PARAM_get_utf8_string_ptr(param, &text) == 1 && strcmp(text, name) == 0;
}

static bool set_padding(signing *on, const OSSL_PARAM *param)
{
    if (on->kind != HSM_SIGN_RSA_PSS && on->kind != HSM_SIGN_RSA_PKCS1)
        return false;
    if (says(param, RSA_PKCS1_PSS_PADDING, OSSL_PKEY_RSA_PAD_MODE_PSS))
        on->kind = HSM_SIGN_RSA_PSS;
    else if (says(param, RSA_PKCS1_PADDING, OSSL_PKEY_RSA_PAD_MODE_PKCSV15))
        on->kind = HSM_SIGN_RSA_PKCS1;
    else
        return false;
    return true;
}

/* A salt of another length than the hash's, or a hash of its own for MGF1, is not for TLS. */
static int set_signing_params(void *of, const OSSL_PARAM params[])
{
    const OSSL_PARAM *padding = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    const OSSL_PARAM *salt = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);

    if (padding != NULL && !set_padding(of, padding))
        return 0;
    return salt == NULL || says(salt, RSA_PSS_SALTLEN_DIGEST, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST);
}

static const OSSL_PARAM *settable_signing_params(void *of, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)of;
    (void)provider;
    return params;
}

static int begin_signing(void *of, const char *hash, void *key, const OSSL_PARAM params[])
{
    signing *on = of;

    if (key != NULL)
        on->own = key;
    if (on->own == NULL || !find_hash(hash, &on->hash_bits))
        return 0;
    on->kind = on->own->kind;
    return params == NULL || set_signing_params(on, params);
}

static void drop_ecdsa(ECDSA_SIG **signature)
{
    ECDSA_SIG_free(*signature);
}

/* The token gives r and s side by side, TLS wants them as DER (RFC 3279, 2.2.3). */
static bool put_ecdsa(hsm_bytes raw, unsigned char *out, size_t cap, size_t *out_len)
{
    HSM_AUTO(drop_ecdsa) ECDSA_SIG *signature = ECDSA_SIG_new();
    const int half = (int)(raw.len / 2);
    BIGNUM *r = BN_bin2bn(raw.data, half, NULL);
    BIGNUM *s = BN_bin2bn(raw.data + half, half, NULL);

    if (signature == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(signature, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return false;
    }
    const int len = i2d_ECDSA_SIG(signature, NULL);
    if (len <= 0 || (size_t)len > cap)
        return false;
    *out_len = (size_t)i2d_ECDSA_SIG(signature, &out);
    return true;
}

static int sign(void *of, unsigned char *out, size_t *out_len, size_t cap,
                const unsigned char *data, size_t data_len)
{
    const signing *on = of;
    uint8_t raw[SIGNATURE_MAX_BYTES];
    hsm_out room = { .data = raw, .cap = sizeof raw };
    const hsm_sign_request request = { .kind = on->kind,
                                       .hash_bits = on->hash_bits,
                                       .data = hsm_bytes_of(data, data_len) };

    if (out == NULL) {
        *out_len = (size_t)EVP_PKEY_get_size(on->own->public);
        return 1;
    }
    const hsm_err err = token_key_sign(on->own->key, &request, &room);
    if (err != HSM_OK) {
        hsm_log(HSM_LOG_ERROR, "the daemon's own key in the token does not sign: %s",
                hsm_err_text(err));
        return 0;
    }
    if (on->kind == HSM_SIGN_ECDSA)
        return put_ecdsa(hsm_bytes_of(raw, room.len), out, cap, out_len);
    if (room.len > cap)
        return 0;
    memcpy(out, raw, room.len);
    *out_len = room.len;
    return 1;
}

/* --- the provider -------------------------------------------------------------------------------- */

/* OpenSSL's tables hold functions of any kind under one type. */
#define CALL(id, function)               \
    {                                    \
        (id), (void (*)(void))(function) \
    }
#define KEY_CALLS                                                                     \
    CALL(OSSL_FUNC_KEYMGMT_NEW, new_key), CALL(OSSL_FUNC_KEYMGMT_FREE, free_key),     \
        CALL(OSSL_FUNC_KEYMGMT_HAS, has), CALL(OSSL_FUNC_KEYMGMT_IMPORT, import_key), \
        CALL(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, import_types),                           \
        CALL(OSSL_FUNC_KEYMGMT_EXPORT, export_key),                                   \
        CALL(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, export_types),                           \
        CALL(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_key_params),                           \
        CALL(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, gettable_key_params)

static const OSSL_DISPATCH key_calls[] = { KEY_CALLS, OSSL_DISPATCH_END };
static const OSSL_DISPATCH ec_key_calls[] = {
    KEY_CALLS,
    CALL(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation),
    OSSL_DISPATCH_END,
};
static const OSSL_DISPATCH signing_calls[] = {
    CALL(OSSL_FUNC_SIGNATURE_NEWCTX, new_signing),
    CALL(OSSL_FUNC_SIGNATURE_FREECTX, free_signing),
    CALL(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, begin_signing),
    CALL(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
    CALL(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, set_signing_params),
    CALL(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, settable_signing_params),
    OSSL_DISPATCH_END,
};

#define ROW(name, calls)                    \
    {                                       \
        (name), PROPERTIES, (calls), (name) \
    }
static const OSSL_ALGORITHM key_rows[] = {
    ROW("RSA", key_calls),       ROW("EC", ec_key_calls),     ROW("ED25519", key_calls),
    ROW("ED448", key_calls),     ROW("ML-DSA-44", key_calls), ROW("ML-DSA-65", key_calls),
    ROW("ML-DSA-87", key_calls), { NULL, NULL, NULL, NULL },
};
static const OSSL_ALGORITHM signing_rows[] = {
    ROW("RSA", signing_calls),       ROW("ECDSA", signing_calls),
    ROW("ED25519", signing_calls),   ROW("ED448", signing_calls),
    ROW("ML-DSA-44", signing_calls), ROW("ML-DSA-65", signing_calls),
    ROW("ML-DSA-87", signing_calls), { NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return key_rows;
    return operation == OSSL_OP_SIGNATURE ? signing_rows : NULL;
}

static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core_calls,
                const OSSL_DISPATCH **out_calls, void **out_provider)
{
    static const OSSL_DISPATCH calls[] = {
        CALL(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
        OSSL_DISPATCH_END,
    };

    (void)handle;
    (void)core_calls;
    *out_calls = calls;
    *out_provider = NULL;
    return 1;
}

hsm_err tls_token_provider_load(OSSL_LIB_CTX *libctx, OSSL_PROVIDER **out_provider)
{
    HSM_CHECK(OSSL_PROVIDER_add_builtin(libctx, PROVIDER, init) == 1 &&
                  EVP_set_default_properties(libctx, PREFERRED) == 1,
              HSM_E_CRYPTO);
    *out_provider = OSSL_PROVIDER_load(libctx, PROVIDER);
    return *out_provider != NULL ? HSM_OK : HSM_E_CRYPTO;
}

/* --- one key ------------------------------------------------------------------------------------- */

static void drop_own(own_key *own)
{
    token_key_close(own->key);
    EVP_PKEY_free(own->public);
}

static void drop_pkey(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static void drop_ctx(EVP_PKEY_CTX **ctx)
{
    EVP_PKEY_CTX_free(*ctx);
}

static void drop_md_ctx(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

static hsm_err refuse(const char *reason)
{
    ERR_clear_error();
    hsm_log(HSM_LOG_ERROR, "daemon.tls_key: %s", reason);
    return HSM_E_CONFIG;
}

static hsm_err wrap(OSSL_LIB_CTX *libctx, const char *name, own_key *prepared, EVP_PKEY **out_pkey)
{
    HSM_AUTO(drop_ctx)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, name, PROPERTIES);
    void *at = prepared;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_ptr(KEY_PARAM, &at, sizeof *prepared),
        OSSL_PARAM_construct_end(),
    };

    HSM_CHECK(ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
                  EVP_PKEY_fromdata(ctx, out_pkey, EVP_PKEY_KEYPAIR, params) == 1,
              HSM_E_CRYPTO);
    *prepared = (own_key){ .key = NULL }; /* the EVP_PKEY has it now */
    return HSM_OK;
}

static bool begin_try(EVP_MD_CTX *ctx, OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, bool is_signing)
{
    const char *hash = EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_is_a(pkey, "EC") ? "SHA2-256" : NULL;
    EVP_PKEY_CTX *of = NULL; /* part of ctx */

    if ((is_signing ? EVP_DigestSignInit_ex : EVP_DigestVerifyInit_ex)(ctx, &of, hash, libctx, NULL,
                                                                       pkey, NULL) != 1)
        return false;
    return !EVP_PKEY_is_a(pkey, "RSA") ||
           (EVP_PKEY_CTX_set_rsa_padding(of, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(of, RSA_PSS_SALTLEN_DIGEST) == 1);
}

/* A signature as TLS 1.3 wants it, verified with the public half: a key that may not sign, or not in
 * this way, is noticed now and not by the first client. */
static bool try_out(OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, EVP_PKEY *public)
{
    static const unsigned char data[] = "craton-hsm: may this key sign handshakes?";
    HSM_AUTO(drop_md_ctx) EVP_MD_CTX *making = EVP_MD_CTX_new();
    HSM_AUTO(drop_md_ctx) EVP_MD_CTX *verifying = EVP_MD_CTX_new();
    unsigned char signature[SIGNATURE_MAX_BYTES];
    size_t len = sizeof signature;

    return making != NULL && verifying != NULL && begin_try(making, libctx, pkey, true) &&
           EVP_DigestSign(making, signature, &len, data, sizeof data) == 1 &&
           begin_try(verifying, libctx, public, false) &&
           EVP_DigestVerify(verifying, signature, len, data, sizeof data) == 1;
}

hsm_err tls_token_pkey(OSSL_LIB_CTX *libctx, token_key *take_key, EVP_PKEY **out_pkey)
{
    const hsm_bytes spki = token_key_public(take_key);
    const unsigned char *at = spki.data;
    HSM_AUTO(drop_pkey) EVP_PKEY *pkey = NULL;
    HSM_AUTO(drop_pkey) EVP_PKEY *public = d2i_PUBKEY_ex(NULL, &at, (long)spki.len, libctx, NULL);
    HSM_AUTO(drop_own) own_key prepared = { .key = take_key };
    size_t row = 0;

    if (public == NULL)
        return refuse("the private key's public half can't be read");
    while (row < HSM_ARRAY_LEN(kinds) && !EVP_PKEY_is_a(public, kinds[row].name))
        row++;
    if (row == HSM_ARRAY_LEN(kinds))
        return refuse("a key of this kind signs no handshakes");
    HSM_CHECK(EVP_PKEY_up_ref(public) == 1, HSM_E_CRYPTO);
    prepared.public = public;
    prepared.kind = kinds[row].kind;
    HSM_TRY(wrap(libctx, kinds[row].name, &prepared, &pkey));
    if (!try_out(libctx, pkey, public))
        return refuse("the private key does not sign, or not as TLS needs it");
    *out_pkey = HSM_MOVE(pkey);
    return HSM_OK;
}
