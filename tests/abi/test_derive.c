/* Deriving keys through C_DeriveKey and C_GenerateKey: published values, several keys in one call,
 * and what a derived key takes over from its base. */
#include "support.h"
#include "vectors_derive.h"

#define ROOM 512

typedef struct bytes {
    CK_BYTE at[ROOM];
    CK_ULONG len;
} bytes;

static bytes hex(const char *text)
{
    bytes out = { .len = 0 };

    out.len = from_hex(text, out.at, sizeof out.at);
    return out;
}

/* A session key that may be read and derived from. */
static CK_OBJECT_HANDLE base_key(CK_SESSION_HANDLE session, CK_KEY_TYPE type, const bytes *value,
                                 bool is_open)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, type);
    put_bytes(&tmpl, CKA_VALUE, value->at, value->len);
    put_bool(&tmpl, CKA_DERIVE, true);
    put_bool(&tmpl, CKA_SENSITIVE, !is_open);
    put_bool(&tmpl, CKA_EXTRACTABLE, is_open);
    CHECK_EQ(p11->C_CreateObject(session, tmpl.at, tmpl.count, &key), CKR_OK);
    return key;
}

/* A template points into itself, so that it is filled where it stays. */
static void open_template(attrs *tmpl, CK_ULONG len)
{
    tmpl->count = 0;
    put_bool(tmpl, CKA_SENSITIVE, false);
    put_bool(tmpl, CKA_EXTRACTABLE, true);
    if (len > 0)
        put_ulong(tmpl, CKA_VALUE_LEN, len);
}

static void check_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const bytes *want)
{
    CK_BYTE value[ROOM];
    const size_t len = get_attr(session, key, CKA_VALUE, value, sizeof value);

    if (CHECK_THAT(len != SIZE_MAX))
        CHECK_BYTES(value, len, want->at, want->len);
}

/* Derives as many bytes as are wanted and compares. */
static CK_OBJECT_HANDLE check_derive(CK_SESSION_HANDLE session, CK_MECHANISM mechanism,
                                     CK_OBJECT_HANDLE base, const bytes *want, bool says_len)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl;
    open_template(&tmpl, says_len ? want->len : 0);

    CHECK_EQ(p11->C_DeriveKey(session, &mechanism, base, tmpl.at, tmpl.count, &key), CKR_OK);
    check_value(session, key, want);
    return key;
}

static CK_HKDF_PARAMS hkdf_params(const hkdf_vector *v, bytes *salt, bytes *info)
{
    return (CK_HKDF_PARAMS){
        .bExtract = CK_TRUE,
        .bExpand = CK_TRUE,
        .prfHashMechanism = v->hash,
        .ulSaltType = salt->len == 0 ? CKF_HKDF_SALT_NULL : CKF_HKDF_SALT_DATA,
        .pSalt = salt->len == 0 ? NULL : salt->at,
        .ulSaltLen = salt->len,
        .pInfo = info->at,
        .ulInfoLen = info->len,
    };
}

static void hkdf(void)
{
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(hkdf_vectors); i++) {
        const hkdf_vector *v = &hkdf_vectors[i];
        const bytes ikm = hex(v->ikm);
        const bytes okm = hex(v->okm);
        bytes salt = hex(v->salt);
        bytes info = hex(v->info);
        CK_HKDF_PARAMS params = hkdf_params(v, &salt, &info);
        CK_MECHANISM mechanism = { CKM_HKDF_DERIVE, &params, sizeof params };

        CASE(v->label);
        const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_HKDF, &ikm, true);
        (void)check_derive(fix.session, mechanism, base, &okm, true);

        CASE("in two steps, the salt in a key");
        if (salt.len == 0)
            continue;
        params.ulSaltType = CKF_HKDF_SALT_KEY;
        params.hSaltKey = base_key(fix.session, CKK_GENERIC_SECRET, &salt, true);
        params.bExpand = CK_FALSE;
        attrs tmpl;
        open_template(&tmpl, 0);
        CK_OBJECT_HANDLE prk = CK_INVALID_HANDLE;
        put_bool(&tmpl, CKA_DERIVE, true);
        CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, &prk),
                 CKR_OK);
        params.bExtract = CK_FALSE;
        params.bExpand = CK_TRUE;
        (void)check_derive(fix.session, mechanism, prk, &okm, true);
    }
}

/* RFC 8448, 3: the master secret, which is extracted from zeros with the secret as salt. */
static void hkdf_from_data(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    const bytes salt = hex("43de77e0c77713859a944db9db2590b53190a65b3ee2e4f12dd7a0bb7ce254b4");
    const bytes secret = hex("18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919");
    static const CK_BYTE zeros[33];
    CK_HKDF_PARAMS params = { .bExtract = CK_TRUE,
                              .prfHashMechanism = CKM_SHA256,
                              .ulSaltType = CKF_HKDF_SALT_KEY,
                              .hSaltKey = base_key(h, CKK_HKDF, &salt, true) };
    CK_MECHANISM hkdf = { CKM_HKDF_DERIVE, &params, sizeof params };
    CK_MECHANISM other = { CKM_SHA256_KEY_DERIVATION, NULL, 0 };
    CK_OBJECT_HANDLE data[3], key = CK_INVALID_HANDLE;
    attrs tmpl;

    for (size_t i = 0; i < ARRAY_LEN(data); i++) {
        attrs made = { .count = 0 };

        put_ulong(&made, CKA_CLASS, CKO_DATA);
        put_bytes(&made, CKA_VALUE, zeros, 31 + i);
        REQUIRE_OK(p11->C_CreateObject(h, made.at, made.count, &data[i]));
    }
    key = check_derive(h, hkdf, data[1], &secret, true);
    CHECK_THAT(!get_bool(h, key, CKA_ALWAYS_SENSITIVE));
    CHECK_THAT(!get_bool(h, key, CKA_NEVER_EXTRACTABLE));
    open_template(&tmpl, 0);
    CHECK_EQ(p11->C_DeriveKey(h, &hkdf, data[0], tmpl.at, tmpl.count, &key), CKR_KEY_SIZE_RANGE);
    CHECK_EQ(p11->C_DeriveKey(h, &hkdf, data[2], tmpl.at, tmpl.count, &key), CKR_KEY_SIZE_RANGE);
    CHECK_EQ(p11->C_DeriveKey(h, &other, data[1], tmpl.at, tmpl.count, &key),
             CKR_KEY_HANDLE_INVALID);
    params.ulSaltType = CKF_HKDF_SALT_NULL;
    CHECK_EQ(p11->C_DeriveKey(h, &hkdf, data[1], tmpl.at, tmpl.count, &key),
             CKR_MECHANISM_PARAM_INVALID);
    params.ulSaltType = CKF_HKDF_SALT_KEY;
    params.bExtract = CK_FALSE;
    params.bExpand = CK_TRUE;
    open_template(&tmpl, 32);
    CHECK_EQ(p11->C_DeriveKey(h, &hkdf, data[1], tmpl.at, tmpl.count, &key),
             CKR_MECHANISM_PARAM_INVALID);
}

static void hkdf_makes_data(void)
{
    FIXTURE(fix);
    const hkdf_vector *v = &hkdf_vectors[0];
    const bytes ikm = hex(v->ikm);
    const bytes okm = hex(v->okm);
    bytes salt = hex(v->salt);
    bytes info = hex(v->info);
    CK_HKDF_PARAMS params = hkdf_params(v, &salt, &info);
    CK_MECHANISM mechanism = { CKM_HKDF_DATA, &params, sizeof params };
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };
    CK_OBJECT_CLASS made = 0;

    const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_GENERIC_SECRET, &ikm, false);
    put_ulong(&tmpl, CKA_VALUE_LEN, okm.len);
    put_text(&tmpl, CKA_LABEL, "derived data");
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, &object), CKR_OK);
    CHECK_EQ(get_attr(fix.session, object, CKA_CLASS, &made, sizeof made), sizeof made);
    CHECK_EQ(made, CKO_DATA);
    check_value(fix.session, object, &okm);
}

static void hkdf_refuses(void)
{
    FIXTURE(fix);
    const bytes ikm = hex("000102030405060708090a0b0c0d0e0f");
    CK_HKDF_PARAMS params = { .bExpand = CK_TRUE,
                              .prfHashMechanism = CKM_SHA256,
                              .ulSaltType = CKF_HKDF_SALT_NULL };
    CK_MECHANISM mechanism = { CKM_HKDF_DERIVE, &params, sizeof params };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl;
    open_template(&tmpl, 0);
    attrs much;
    open_template(&much, 255 * 32 + 1);

    const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_HKDF, &ikm, true);
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, &key),
             CKR_TEMPLATE_INCOMPLETE);
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, much.at, much.count, &key),
             CKR_KEY_SIZE_RANGE);
    params.bExpand = CK_FALSE;
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, &key),
             CKR_MECHANISM_PARAM_INVALID);
    params.bExtract = CK_TRUE;
    params.prfHashMechanism = CKM_SHA256_HMAC;
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, &key),
             CKR_MECHANISM_PARAM_INVALID);
    params.prfHashMechanism = CKM_SHA256;
    params.ulSaltType = CKF_HKDF_SALT_KEY;
    params.hSaltKey = 0x7fffffff;
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, &key),
             CKR_KEY_HANDLE_INVALID);
    mechanism.ulParameterLen--;
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, &key),
             CKR_MECHANISM_PARAM_INVALID);
}

static void counter_mode(void)
{
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(counter_vectors); i++) {
        const counter_vector *v = &counter_vectors[i];
        const bytes value = hex(v->key);
        const bytes okm = hex(v->okm);
        bytes before = hex(v->before);
        bytes after = hex(v->after);
        CK_SP800_108_COUNTER_FORMAT format = { CK_FALSE, v->counter_bits };
        CK_PRF_DATA_PARAM data[3];
        CK_ULONG count = 0;

        CASE(v->label);
        if (before.len > 0)
            data[count++] = (CK_PRF_DATA_PARAM){ CK_SP800_108_BYTE_ARRAY, before.at, before.len };
        data[count++] =
            (CK_PRF_DATA_PARAM){ CK_SP800_108_ITERATION_VARIABLE, &format, sizeof format };
        if (after.len > 0)
            data[count++] = (CK_PRF_DATA_PARAM){ CK_SP800_108_BYTE_ARRAY, after.at, after.len };
        CK_SP800_108_KDF_PARAMS params = { v->prf, count, data, 0, NULL };
        CK_MECHANISM mechanism = { CKM_SP800_108_COUNTER_KDF, &params, sizeof params };
        const CK_OBJECT_HANDLE base = base_key(
            fix.session, v->prf == CKM_AES_CMAC ? CKK_AES : CKK_GENERIC_SECRET, &value, true);
        (void)check_derive(fix.session, mechanism, base, &okm, true);
    }
}

static bytes count_up(size_t len, CK_BYTE from)
{
    bytes out = { .len = len };

    for (size_t i = 0; i < len; i++)
        out.at[i] = (CK_BYTE)(from + i);
    return out;
}

static void feedback_and_pipeline(void)
{
    FIXTURE(fix);
    const bytes value = count_up(32, 0);
    bytes iv = count_up(32, 100);
    CK_SP800_108_COUNTER_FORMAT format = { CK_FALSE, 32 };
    CK_PRF_DATA_PARAM data[] = {
        { CK_SP800_108_ITERATION_VARIABLE, NULL, 0 },
        { CK_SP800_108_COUNTER, &format, sizeof format },
        { CK_SP800_108_BYTE_ARRAY, utf8("label"), 5 },
    };
    CK_SP800_108_FEEDBACK_KDF_PARAMS feedback = {
        CKM_SHA256_HMAC, 3, data, iv.len, iv.at, 0, NULL
    };
    CK_SP800_108_KDF_PARAMS pipeline = { CKM_SHA256_HMAC, 3, data, 0, NULL };
    const bytes feedback_okm = hex(FEEDBACK_OKM);
    const bytes pipeline_okm = hex(PIPELINE_OKM);

    const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_GENERIC_SECRET, &value, true);
    (void)check_derive(fix.session,
                       (CK_MECHANISM){ CKM_SP800_108_FEEDBACK_KDF, &feedback, sizeof feedback },
                       base, &feedback_okm, true);
    (void)check_derive(
        fix.session,
        (CK_MECHANISM){ CKM_SP800_108_DOUBLE_PIPELINE_KDF, &pipeline, sizeof pipeline }, base,
        &pipeline_okm, true);
}

/* The standard's example: 48 and 16 bytes from three segments of SHA-256. */
static void several_keys(void)
{
    FIXTURE(fix);
    static const CK_ULONG methods[] = { CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
                                        CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS };
    static const char *const okms[] = { KEYS_OKM, SEGMENTS_OKM };
    const bytes value = count_up(32, 0);
    CK_SP800_108_COUNTER_FORMAT format = { CK_FALSE, 32 };
    CK_SP800_108_DKM_LENGTH_FORMAT length = { 0, CK_FALSE, 32 };
    CK_PRF_DATA_PARAM data[] = {
        { CK_SP800_108_ITERATION_VARIABLE, &format, sizeof format },
        { CK_SP800_108_BYTE_ARRAY, utf8("label"), 5 },
        { CK_SP800_108_DKM_LENGTH, &length, sizeof length },
    };
    attrs first;
    open_template(&first, 48);
    attrs second;
    open_template(&second, 16);
    CK_OBJECT_HANDLE keys[2] = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
    CK_DERIVED_KEY more = { second.at, second.count, &keys[1] };
    CK_SP800_108_KDF_PARAMS params = { CKM_SHA256_HMAC, 3, data, 1, &more };
    CK_MECHANISM mechanism = { CKM_SP800_108_COUNTER_KDF, &params, sizeof params };

    const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_GENERIC_SECRET, &value, true);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        bytes okm = hex(okms[i]);
        bytes want = { .len = 48 };

        length.dkmLengthMethod = methods[i];
        CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, first.at, first.count, &keys[0]),
                 CKR_OK);
        memcpy(want.at, okm.at, 48);
        check_value(fix.session, keys[0], &want);
        memcpy(want.at, okm.at + 64, 16);
        want.len = 16;
        check_value(fix.session, keys[1], &want);
    }

    CASE("one that can't be made: none is, and its handle says so");
    CK_OBJECT_HANDLE found[8];
    attrs all = { .count = 0 };
    put_ulong(&all, CKA_CLASS, CKO_SECRET_KEY);
    const size_t before = find_all(fix.session, &all, found, 8);
    put_ulong(&second, CKA_KEY_TYPE, CKK_RSA);
    more.ulAttributeCount = second.count;
    keys[1] = 77;
    CHECK_THAT(p11->C_DeriveKey(fix.session, &mechanism, base, first.at, first.count, &keys[0]) !=
               CKR_OK);
    CHECK_EQ(keys[1], CK_INVALID_HANDLE);
    CHECK_EQ(find_all(fix.session, &all, found, 8), before);
}

/* The examples of PKCS#11 v3.2, Miscellaneous simple key derivation mechanisms. */
static void simple_ones(void)
{
    FIXTURE(fix);
    const bytes value = hex("01234567");
    const bytes bits = hex("329f84a9");
    const bytes both = hex("0123456789abcdef");
    const bytes turned = hex("89abcdef01234567");
    const bytes xored = hex("88888888");
    const bytes extracted = hex("9526");
    bytes other = hex("89abcdef");
    CK_KEY_DERIVATION_STRING_DATA data = { other.at, other.len };
    CK_EXTRACT_PARAMS bit = 21;

    const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_GENERIC_SECRET, &value, true);
    CK_OBJECT_HANDLE second = base_key(fix.session, CKK_GENERIC_SECRET, &other, true);
    const CK_OBJECT_HANDLE third = base_key(fix.session, CKK_GENERIC_SECRET, &bits, true);
    (void)check_derive(fix.session,
                       (CK_MECHANISM){ CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof data }, base,
                       &both, false);
    (void)check_derive(fix.session,
                       (CK_MECHANISM){ CKM_CONCATENATE_DATA_AND_BASE, &data, sizeof data }, base,
                       &turned, false);
    (void)check_derive(fix.session,
                       (CK_MECHANISM){ CKM_CONCATENATE_BASE_AND_KEY, &second, sizeof second }, base,
                       &both, false);
    (void)check_derive(fix.session, (CK_MECHANISM){ CKM_XOR_BASE_AND_DATA, &data, sizeof data },
                       base, &xored, false);
    (void)check_derive(fix.session, (CK_MECHANISM){ CKM_EXTRACT_KEY_FROM_KEY, &bit, sizeof bit },
                       third, &extracted, true);

    CASE("SHA-256 of 'abc', SHAKE-128 of nothing else");
    const bytes abc = hex("616263");
    const bytes sha256 = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const bytes shake128 = hex("5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8");
    const CK_OBJECT_HANDLE text = base_key(fix.session, CKK_GENERIC_SECRET, &abc, true);
    (void)check_derive(fix.session, (CK_MECHANISM){ CKM_SHA256_KEY_DERIVATION, NULL, 0 }, text,
                       &sha256, false);
    (void)check_derive(fix.session, (CK_MECHANISM){ CKM_SHAKE_128_KEY_DERIVATION, NULL, 0 }, text,
                       &shake128, false);

    CASE("more than there is");
    CK_MECHANISM mechanism = { CKM_SHA256_KEY_DERIVATION, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs much;
    open_template(&much, 33);
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, text, much.at, much.count, &key),
             CKR_KEY_SIZE_RANGE);
}

/* SP 800-38A, F.1.1 and F.2.1 */
static void encrypted_data(void)
{
    FIXTURE(fix);
    const bytes value = hex("2b7e151628aed2a6abf7158809cf4f3c");
    const bytes ecb = hex("3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf");
    const bytes cbc = hex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2");
    bytes text = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    CK_KEY_DERIVATION_STRING_DATA data = { text.at, text.len };
    CK_AES_CBC_ENCRYPT_DATA_PARAMS with_iv = { .pData = text.at, .length = text.len };
    CK_MECHANISM mechanism = { CKM_AES_ECB_ENCRYPT_DATA, &data, sizeof data };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs much;
    open_template(&much, 33);

    memcpy(with_iv.iv, count_up(16, 0).at, 16);
    const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_AES, &value, true);
    (void)check_derive(fix.session, mechanism, base, &ecb, true);
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, much.at, much.count, &key),
             CKR_DATA_LEN_RANGE);
    (void)check_derive(fix.session,
                       (CK_MECHANISM){ CKM_AES_CBC_ENCRYPT_DATA, &with_iv, sizeof with_iv }, base,
                       &cbc, true);
    data.ulLen--;
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, much.at, much.count, &key),
             CKR_MECHANISM_PARAM_INVALID);
}

/* What shows its base is as secret as its base. */
static void secrecy_stays(void)
{
    FIXTURE(fix);
    const bytes value = count_up(32, 0);
    CK_EXTRACT_PARAMS bit = 0;
    CK_MECHANISM mechanism = { CKM_EXTRACT_KEY_FROM_KEY, &bit, sizeof bit };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs bare = { .count = 0 };
    attrs open;
    open_template(&open, 16);

    const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_GENERIC_SECRET, &value, false);
    put_ulong(&bare, CKA_VALUE_LEN, 16);
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, bare.at, bare.count, &key), CKR_OK);
    CHECK_THAT(get_bool(fix.session, key, CKA_SENSITIVE));
    CHECK_THAT(!get_bool(fix.session, key, CKA_EXTRACTABLE));
    CHECK_EQ(ask_attr(fix.session, key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, open.at, open.count, &key),
             CKR_TEMPLATE_INCONSISTENT);

    CASE("SP 800-108: where the template is silent");
    CK_SP800_108_COUNTER_FORMAT format = { CK_FALSE, 32 };
    CK_PRF_DATA_PARAM data = { CK_SP800_108_ITERATION_VARIABLE, &format, sizeof format };
    CK_SP800_108_KDF_PARAMS params = { CKM_SHA256_HMAC, 1, &data, 0, NULL };
    mechanism = (CK_MECHANISM){ CKM_SP800_108_COUNTER_KDF, &params, sizeof params };
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, bare.at, bare.count, &key), CKR_OK);
    CHECK_THAT(get_bool(fix.session, key, CKA_SENSITIVE));
    CHECK_THAT(!get_bool(fix.session, key, CKA_EXTRACTABLE));
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, open.at, open.count, &key), CKR_OK);
    CHECK_THAT(!get_bool(fix.session, key, CKA_SENSITIVE));
}

static void tls_master(void)
{
    FIXTURE(fix);
    const bytes premaster = hex(TLS_PRE_MASTER_SECRET);
    const bytes master = hex(TLS_MASTER_SECRET);
    const bytes secret = hex(EMS_SECRET);
    const bytes extended = hex(EMS_MASTER);
    bytes client = hex(TLS_HELLO_CLIENT);
    bytes server = hex(TLS_HELLO_SERVER);
    bytes hash = hex(EMS_HASH);
    CK_VERSION version = { 0, 0 };
    CK_TLS12_MASTER_KEY_DERIVE_PARAMS params = { { client.at, client.len, server.at, server.len },
                                                 &version,
                                                 CKM_SHA256 };
    CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS with_hash = { CKM_SHA256, hash.at, hash.len, NULL };
    CK_MECHANISM mechanism = { CKM_TLS12_MASTER_KEY_DERIVE, &params, sizeof params };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_GENERIC_SECRET, &premaster, true);
    (void)check_derive(fix.session, mechanism, base, &master, false);
    CHECK_EQ(version.major, premaster.at[0]);
    CHECK_EQ(version.minor, premaster.at[1]);
    mechanism.mechanism = CKM_TLS12_MASTER_KEY_DERIVE_DH;
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, NULL, 0, &key),
             CKR_MECHANISM_PARAM_INVALID);
    params.pVersion = NULL;
    (void)check_derive(fix.session, mechanism, base, &master, true);

    const CK_OBJECT_HANDLE other = base_key(fix.session, CKK_GENERIC_SECRET, &secret, true);
    (void)check_derive(
        fix.session,
        (CK_MECHANISM){ CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, &with_hash, sizeof with_hash },
        other, &extended, false);
}

static void check_part(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const bytes *block,
                       size_t at, size_t len)
{
    bytes want = { .len = len };

    memcpy(want.at, block->at + at, len);
    check_value(session, key, &want);
}

static void tls_keys(void)
{
    FIXTURE(fix);
    const bytes master = hex(TLS_MASTER_SECRET);
    const bytes block = hex(TLS_KEY_BLOCK);
    bytes client = hex(TLS_CLIENT);
    bytes server = hex(TLS_SERVER);
    CK_BYTE ivs[2][16];
    CK_SSL3_KEY_MAT_OUT out = { .pIVClient = ivs[0], .pIVServer = ivs[1] };
    CK_TLS12_KEY_MAT_PARAMS params = {
        160, 128, 128, CK_FALSE, { client.at, client.len, server.at, server.len }, &out, CKM_SHA256
    };
    CK_MECHANISM mechanism = { CKM_TLS12_KEY_AND_MAC_DERIVE, &params, sizeof params };
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    const CK_OBJECT_HANDLE base = base_key(fix.session, CKK_GENERIC_SECRET, &master, true);
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, NULL), CKR_OK);
    check_part(fix.session, out.hClientMacSecret, &block, 0, 20);
    check_part(fix.session, out.hServerMacSecret, &block, 20, 20);
    check_part(fix.session, out.hClientKey, &block, 40, 16);
    check_part(fix.session, out.hServerKey, &block, 56, 16);
    CHECK_BYTES(ivs[0], 16, block.at + 72, 16);
    CHECK_BYTES(ivs[1], 16, block.at + 88, 16);
    CHECK_THAT(get_bool(fix.session, out.hClientMacSecret, CKA_SIGN));
    CHECK_THAT(get_bool(fix.session, out.hServerKey, CKA_DECRYPT));

    CASE("as secret as the master secret");
    const CK_OBJECT_HANDLE closed = base_key(fix.session, CKK_GENERIC_SECRET, &master, false);
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, closed, tmpl.at, tmpl.count, NULL), CKR_OK);
    CHECK_THAT(get_bool(fix.session, out.hClientMacSecret, CKA_SENSITIVE));
    CHECK_THAT(!get_bool(fix.session, out.hServerKey, CKA_EXTRACTABLE));

    CASE("no IVs from the safe one");
    memset(ivs, 0xee, sizeof ivs);
    mechanism.mechanism = CKM_TLS12_KEY_SAFE_DERIVE;
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, NULL), CKR_OK);
    check_part(fix.session, out.hServerKey, &block, 56, 16);
    CHECK_EQ(ivs[0][0], 0xee);

    CASE("no MAC keys");
    params.ulMacSizeInBits = 0;
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, NULL), CKR_OK);
    CHECK_EQ(out.hClientMacSecret, CK_INVALID_HANDLE);
    check_part(fix.session, out.hClientKey, &block, 0, 16);

    CASE("a place for the handle is needed by all others");
    mechanism = (CK_MECHANISM){ CKM_SHA256_KEY_DERIVATION, NULL, 0 };
    CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, base, NULL, 0, NULL), CKR_ARGUMENTS_BAD);
}

static void pbkdf2(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_BYTE value[32];
    attrs bare, sized;
    open_template(&bare, 16);

    for (size_t i = 0; i < ARRAY_LEN(pbkdf2_vectors); i++) {
        const pbkdf2_vector *v = &pbkdf2_vectors[i];
        const bytes want = hex(v->key);
        bytes password = hex(v->password);
        bytes salt = hex(v->salt);
        CK_PKCS5_PBKD2_PARAMS2 params = {
            CKZ_SALT_SPECIFIED, salt.at,     salt.len, v->iterations, v->prf, NULL, 0,
            password.at,        password.len
        };
        CK_MECHANISM mechanism = { CKM_PKCS5_PBKD2, &params, sizeof params };
        attrs tmpl;
        open_template(&tmpl, want.len);

        CASE(v->label);
        put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        CHECK_EQ(p11->C_GenerateKey(fix.session, &mechanism, tmpl.at, tmpl.count, &key), CKR_OK);
        check_value(fix.session, key, &want);
        CHECK_EQ(p11->C_GenerateKey(fix.session, &mechanism, bare.at, bare.count, &key),
                 CKR_TEMPLATE_INCOMPLETE);
        CASE("a type that has a length");
        open_template(&sized, 0);
        put_ulong(&sized, CKA_KEY_TYPE, CKK_CHACHA20);
        CHECK_OK(p11->C_GenerateKey(fix.session, &mechanism, sized.at, sized.count, &key));
        CHECK_EQ(get_attr(fix.session, key, CKA_VALUE, value, sizeof value), 32);
        CHECK_BYTES(value, want.len < 32 ? want.len : 32, want.at, want.len < 32 ? want.len : 32);
        params.iterations = 0;
        CHECK_EQ(p11->C_GenerateKey(fix.session, &mechanism, tmpl.at, tmpl.count, &key),
                 CKR_MECHANISM_PARAM_INVALID);
    }
}

/* The same public key as the one that was made with the private key, even without CKA_DERIVE. */
static void public_from_private(void)
{
    static const pair_kind *const kinds[] = { &rsa_2048, &p_256, &ed_25519, &x_25519 };
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_PUB_KEY_FROM_PRIV_KEY, NULL, 0 };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const pair keys = generate_pair(fix.session, kinds[i], false, "pair");
        CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
        CK_BYTE first[ROOM], second[ROOM];

        CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, keys.private_key, NULL, 0, &made),
                 CKR_OK);
        const size_t len =
            get_attr(fix.session, keys.public_key, CKA_PUBLIC_KEY_INFO, first, sizeof first);
        CHECK_EQ(get_attr(fix.session, made, CKA_PUBLIC_KEY_INFO, second, sizeof second), len);
        CHECK_THAT(len != SIZE_MAX && memcmp(first, second, len) == 0);
        CHECK_EQ(get_bool(fix.session, made, CKA_VERIFY),
                 get_bool(fix.session, keys.private_key, CKA_SIGN));
        CHECK_THAT(!get_bool(fix.session, made, CKA_PRIVATE));
        CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, keys.public_key, NULL, 0, &made),
                 CKR_KEY_TYPE_INCONSISTENT);
    }
}

static const check_test tests[] = {
    CHECK_TEST(hkdf),          CHECK_TEST(hkdf_makes_data),     CHECK_TEST(hkdf_from_data),
    CHECK_TEST(hkdf_refuses),  CHECK_TEST(counter_mode),        CHECK_TEST(feedback_and_pipeline),
    CHECK_TEST(several_keys),  CHECK_TEST(simple_ones),         CHECK_TEST(encrypted_data),
    CHECK_TEST(secrecy_stays), CHECK_TEST(tls_master),          CHECK_TEST(tls_keys),
    CHECK_TEST(pbkdf2),        CHECK_TEST(public_from_private),
};
CHECK_MAIN(tests)
