/* Every class of key by every wrapping mechanism: there and back, templates enforced, failures alike.
 * What was unwrapped is compared by wrapping it once more with a mechanism that has no randomness. */
#include <stdio.h>

#include "support.h"

enum { ROOM = 16384, CLASSES = 12, LABEL = 16 };

static CK_BYTE iv[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static CK_BYTE counter[8];
static CK_BYTE tag[16];
static CK_BYTE aad[] = "associated";
static CK_AES_CTR_PARAMS ctr = { 32, { 7 } };
static CK_GCM_PARAMS gcm = { iv, 12, 96, aad, sizeof aad, 128 };
static CK_CCM_PARAMS ccm = { 0, iv, 12, aad, sizeof aad, 16 };
static CK_CHACHA20_PARAMS chacha = { counter, 32, iv, 96 };
static CK_SALSA20_CHACHA20_POLY1305_PARAMS poly = { iv, 96, aad, sizeof aad };
static CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
static CK_RSA_AES_KEY_WRAP_PARAMS rsa_aes = { 256, &oaep };
static CK_ECDH_AES_KEY_WRAP_PARAMS ecdh_aes = { 256, CKD_SHA256_KDF, 0, NULL };
static CK_GCM_MESSAGE_PARAMS gcm_message = { iv, 12, 0, CKG_NO_GENERATE, tag, 128 };
static CK_CCM_MESSAGE_PARAMS ccm_message = { 0, iv, 12, 0, CKG_NO_GENERATE, tag, 16 };
static CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS poly_message = { iv, 96, tag };

typedef enum carrier { BY_AES, BY_CHACHA, BY_RSA, BY_EC, BY_X } carrier;

/* A mechanism, its parameter, whose key wraps, and whether it takes a key of any length. */
typedef struct wrapping {
    CK_MECHANISM mechanism;
    carrier by;
    bool takes_all;
    bool is_authenticated; /* by C_WrapKeyAuthenticated */
    bool notices;          /* a changed wrapped key */
} wrapping;

static const wrapping wrappings[] = {
    { { CKM_AES_ECB, NULL, 0 }, BY_AES, false, false, false },
    { { CKM_AES_CBC, iv, 16 }, BY_AES, false, false, false },
    { { CKM_AES_CBC_PAD, iv, 16 }, BY_AES, true, false, false },
    { { CKM_AES_CTR, &ctr, sizeof ctr }, BY_AES, true, false, false },
    { { CKM_AES_CTS, iv, 16 }, BY_AES, true, false, false },
    { { CKM_AES_OFB, iv, 16 }, BY_AES, true, false, false },
    { { CKM_AES_CFB1, iv, 16 }, BY_AES, true, false, false },
    { { CKM_AES_CFB8, iv, 16 }, BY_AES, true, false, false },
    { { CKM_AES_CFB128, iv, 16 }, BY_AES, true, false, false },
    { { CKM_AES_GCM, &gcm, sizeof gcm }, BY_AES, true, false, true },
    { { CKM_AES_CCM, &ccm, sizeof ccm }, BY_AES, true, false, true },
    { { CKM_AES_KEY_WRAP, NULL, 0 }, BY_AES, false, false, true },
    { { CKM_AES_KEY_WRAP_PAD, NULL, 0 }, BY_AES, true, false, true },
    { { CKM_AES_KEY_WRAP_KWP, NULL, 0 }, BY_AES, true, false, true },
    { { CKM_AES_KEY_WRAP_PKCS7, NULL, 0 }, BY_AES, true, false, true },
    { { CKM_CHACHA20, &chacha, sizeof chacha }, BY_CHACHA, true, false, false },
    { { CKM_CHACHA20_POLY1305, &poly, sizeof poly }, BY_CHACHA, true, false, true },
    { { CKM_RSA_PKCS, NULL, 0 }, BY_RSA, false, false, false },
    { { CKM_RSA_X_509, NULL, 0 }, BY_RSA, false, false, false },
    { { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep }, BY_RSA, false, false, true },
    { { CKM_RSA_AES_KEY_WRAP, &rsa_aes, sizeof rsa_aes }, BY_RSA, true, false, true },
    { { CKM_ECDH_AES_KEY_WRAP, &ecdh_aes, sizeof ecdh_aes }, BY_EC, true, false, true },
    { { CKM_ECDH_COF_AES_KEY_WRAP, &ecdh_aes, sizeof ecdh_aes }, BY_EC, true, false, true },
    { { CKM_ECDH_X_AES_KEY_WRAP, &ecdh_aes, sizeof ecdh_aes }, BY_X, true, false, true },
    { { CKM_AES_GCM, &gcm_message, sizeof gcm_message }, BY_AES, true, true, true },
    { { CKM_AES_CCM, &ccm_message, sizeof ccm_message }, BY_AES, true, true, true },
    { { CKM_CHACHA20_POLY1305, &poly_message, sizeof poly_message }, BY_CHACHA, true, true, true },
};

/* A key to be wrapped. */
typedef struct target {
    const char *label;
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE type;
    CK_OBJECT_HANDLE handle;
    CK_ULONG value_len; /* secret keys */
} target;

typedef struct world {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE aes, chacha;
    pair rsa, ec, x;
    target targets[CLASSES];
    size_t target_count;
} world;

static void add_target(world *w, const char *label, CK_OBJECT_CLASS class, CK_KEY_TYPE type,
                       CK_OBJECT_HANDLE handle)
{
    target *t = &w->targets[w->target_count++];

    *t = (target){ label, class, type, handle, 0 };
    if (class == CKO_SECRET_KEY)
        (void)get_attr(w->session, handle, CKA_VALUE_LEN, &t->value_len, sizeof t->value_len);
}

static void add_pair(world *w, const char *label, CK_KEY_TYPE type, CK_MECHANISM_TYPE id,
                     const CK_ATTRIBUTE *param)
{
    CK_MECHANISM mechanism = { id, NULL, 0 };
    CK_OBJECT_HANDLE keys[2] = { 0, 0 };
    CK_ATTRIBUTE pub = *param;
    attrs priv = { .count = 0 };

    put_bool(&priv, CKA_EXTRACTABLE, true);
    CHECK_OK(p11->C_GenerateKeyPair(w->session, &mechanism, &pub, 1, priv.at, priv.count, &keys[0],
                                    &keys[1]));
    add_target(w, label, CKO_PRIVATE_KEY, type, keys[1]);
}

static void add_pairs(world *w)
{
    static CK_ULONG bits = 2048;
    static CK_ULONG dsa = CKP_ML_DSA_44;
    static CK_ULONG kem = CKP_ML_KEM_768;
    static CK_ULONG slh = CKP_SLH_DSA_SHA2_128F;
    const CK_ATTRIBUTE rsa = { CKA_MODULUS_BITS, &bits, sizeof bits };
    const CK_ATTRIBUTE p256 = { CKA_EC_PARAMS, (void *)(uintptr_t)p_256.params, p_256.params_len };
    const CK_ATTRIBUTE ed = { CKA_EC_PARAMS, (void *)(uintptr_t)ed_25519.params,
                              ed_25519.params_len };
    const CK_ATTRIBUTE x = { CKA_EC_PARAMS, (void *)(uintptr_t)x_25519.params, x_25519.params_len };
    const CK_ATTRIBUTE ml_dsa = { CKA_PARAMETER_SET, &dsa, sizeof dsa };
    const CK_ATTRIBUTE ml_kem = { CKA_PARAMETER_SET, &kem, sizeof kem };
    const CK_ATTRIBUTE slh_dsa = { CKA_PARAMETER_SET, &slh, sizeof slh };

    add_pair(w, "RSA", CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, &rsa);
    add_pair(w, "P-256", CKK_EC, CKM_EC_KEY_PAIR_GEN, &p256);
    add_pair(w, "Ed25519", CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN, &ed);
    add_pair(w, "X25519", CKK_EC_MONTGOMERY, CKM_EC_MONTGOMERY_KEY_PAIR_GEN, &x);
    add_pair(w, "ML-DSA", CKK_ML_DSA, CKM_ML_DSA_KEY_PAIR_GEN, &ml_dsa);
    add_pair(w, "ML-KEM", CKK_ML_KEM, CKM_ML_KEM_KEY_PAIR_GEN, &ml_kem);
    add_pair(w, "SLH-DSA", CKK_SLH_DSA, CKM_SLH_DSA_KEY_PAIR_GEN, &slh_dsa);
}

/* Keys of curves do not wrap unless they are told to. */
static pair wrapping_pair(CK_SESSION_HANDLE session, const pair_kind *kind)
{
    const pair keys = generate_pair(session, kind, false, "carrier");
    attrs may_wrap = { .count = 0 };
    attrs may_unwrap = { .count = 0 };

    put_bool(&may_wrap, CKA_WRAP, true);
    put_bool(&may_unwrap, CKA_UNWRAP, true);
    CHECK_OK(p11->C_SetAttributeValue(session, keys.public_key, may_wrap.at, 1));
    CHECK_OK(p11->C_SetAttributeValue(session, keys.private_key, may_unwrap.at, 1));
    return keys;
}

static void set_up(world *w, CK_SESSION_HANDLE session)
{
    CK_BYTE value[64];

    memset(value, 0x5a, sizeof value);
    *w = (world){ .session = session };
    w->aes = generate_aes(session, 32, false, "wrapping");
    w->chacha = import_secret(session, CKK_CHACHA20, value, 32);
    w->rsa = wrapping_pair(session, &rsa_2048);
    w->ec = wrapping_pair(session, &p_256);
    w->x = wrapping_pair(session, &x_25519);
    add_target(w, "AES", CKO_SECRET_KEY, CKK_AES, generate_aes(session, 24, false, "target"));
    add_target(w, "generic of 21 bytes", CKO_SECRET_KEY, CKK_GENERIC_SECRET,
               import_secret(session, CKK_GENERIC_SECRET, value, 21));
    add_target(w, "HMAC", CKO_SECRET_KEY, CKK_SHA256_HMAC,
               import_secret(session, CKK_SHA256_HMAC, value, 64));
    add_target(w, "ChaCha20", CKO_SECRET_KEY, CKK_CHACHA20,
               import_secret(session, CKK_CHACHA20, value, 32));
    add_pairs(w);
}

static pair carrier_of(const world *w, carrier by)
{
    switch (by) {
    case BY_AES:
        return (pair){ w->aes, w->aes };
    case BY_CHACHA:
        return (pair){ w->chacha, w->chacha };
    case BY_RSA:
        return w->rsa;
    case BY_EC:
        return w->ec;
    case BY_X:
        return w->x;
    }
    return (pair){ 0, 0 };
}

static CK_RV wrap(const world *w, const wrapping *with, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key,
                  CK_BYTE *out, CK_ULONG *len)
{
    CK_MECHANISM mechanism = with->mechanism;

    return with->is_authenticated ? p11_3->C_WrapKeyAuthenticated(w->session, &mechanism, by, key,
                                                                  aad, sizeof aad, out, len)
                                  : p11->C_WrapKey(w->session, &mechanism, by, key, out, len);
}

static CK_RV unwrap(const world *w, const wrapping *with, CK_OBJECT_HANDLE by, CK_BYTE *in,
                    CK_ULONG len, attrs *tmpl, CK_OBJECT_HANDLE *out)
{
    CK_MECHANISM mechanism = with->mechanism;

    return with->is_authenticated
               ? p11_3->C_UnwrapKeyAuthenticated(w->session, &mechanism, by, in, len, tmpl->at,
                                                 tmpl->count, aad, sizeof aad, out)
               : p11->C_UnwrapKey(w->session, &mechanism, by, in, len, tmpl->at, tmpl->count, out);
}

static void template_for(const target *t, attrs *tmpl)
{
    tmpl->count = 0;
    put_ulong(tmpl, CKA_CLASS, t->class);
    put_ulong(tmpl, CKA_KEY_TYPE, t->type);
    put_bool(tmpl, CKA_EXTRACTABLE, true);
    if (t->class == CKO_SECRET_KEY)
        put_ulong(tmpl, CKA_VALUE_LEN, t->value_len);
}

static void check_same(const world *w, CK_OBJECT_HANDLE a, CK_OBJECT_HANDLE b)
{
    static const wrapping kwp = { { CKM_AES_KEY_WRAP_KWP, NULL, 0 }, BY_AES, true, false, true };
    static CK_BYTE wrapped[2][ROOM];
    CK_ULONG len[2] = { ROOM, ROOM };

    CHECK_OK(wrap(w, &kwp, w->aes, a, wrapped[0], &len[0]));
    CHECK_OK(wrap(w, &kwp, w->aes, b, wrapped[1], &len[1]));
    CHECK_BYTES(wrapped[0], len[0], wrapped[1], len[1]);
    CHECK_THAT(!get_bool(w->session, b, CKA_LOCAL));
    CHECK_THAT(!get_bool(w->session, b, CKA_ALWAYS_SENSITIVE));
    CHECK_THAT(!get_bool(w->session, b, CKA_NEVER_EXTRACTABLE));
}

/* A byte changed here and there, and the end cut off: one answer. */
static void check_refusals(const world *w, const wrapping *with, const target *t, CK_BYTE *wrapped,
                           CK_ULONG len)
{
    const pair keys = carrier_of(w, with->by);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl;

    template_for(t, &tmpl);
    for (size_t i = 0; with->notices && i < 4; i++) {
        CK_BYTE *spot = &wrapped[i * (len - 1) / 3];

        *spot ^= 0x40;
        CHECK_EQ(unwrap(w, with, keys.private_key, wrapped, len, &tmpl, &key),
                 CKR_WRAPPED_KEY_INVALID);
        *spot ^= 0x40;
        CHECK_EQ(unwrap(w, with, keys.private_key, wrapped, len - 1 - i, &tmpl, &key),
                 CKR_WRAPPED_KEY_INVALID);
    }
    CHECK_EQ(unwrap(w, with, keys.private_key, wrapped, 0, &tmpl, &key), CKR_WRAPPED_KEY_LEN_RANGE);
}

static bool is_secret_only(const wrapping *with)
{
    const CK_MECHANISM_TYPE id = with->mechanism.mechanism;

    return id == CKM_AES_ECB || id == CKM_AES_CBC || id == CKM_RSA_X_509;
}

static bool walk_one(const world *w, const wrapping *with, const target *t)
{
    static CK_BYTE wrapped[ROOM];
    const pair keys = carrier_of(w, with->by);
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;
    CK_ULONG asked = 0;
    CK_ULONG len = ROOM;
    attrs tmpl;

    static char label[64];
    (void)snprintf(label, sizeof label, "%s by %#lx", t->label, with->mechanism.mechanism);
    CASE(label);
    const CK_RV rv = wrap(w, with, keys.public_key, t->handle, wrapped, &len);
    if (rv != CKR_OK) {
        CHECK_THAT(!with->takes_all);
        CHECK_EQ(rv, is_secret_only(with) && t->class == CKO_PRIVATE_KEY ? CKR_KEY_NOT_WRAPPABLE
                                                                         : CKR_KEY_SIZE_RANGE);
        return false;
    }
    template_for(t, &tmpl);
    CHECK_OK(unwrap(w, with, keys.private_key, wrapped, len, &tmpl, &back));
    check_same(w, t->handle, back);
    check_refusals(w, with, t, wrapped, len);
    CHECK_OK(p11->C_DestroyObject(w->session, back));
    CHECK_OK(wrap(w, with, keys.public_key, t->handle, NULL, &asked));
    CHECK_THAT(asked >= len);
    len = 1;
    CHECK_EQ(wrap(w, with, keys.public_key, t->handle, wrapped, &len), CKR_BUFFER_TOO_SMALL);
    return true;
}

static world the_world;

static void all_by_all(void)
{
    FIXTURE(fix);
    world *w = &the_world;

    set_up(w, fix.session);
    for (size_t i = 0; i < ARRAY_LEN(wrappings); i++) {
        size_t count = 0;

        for (size_t j = 0; j < w->target_count; j++)
            count += walk_one(w, &wrappings[i], &w->targets[j]) ? 1 : 0;
        CHECK_THAT(count > 0);
    }
}

/* The walk above misses no mechanism that wraps. */
static void none_is_missing(void)
{
    FIXTURE(fix);
    CK_MECHANISM_TYPE ids[512];
    CK_ULONG count = ARRAY_LEN(ids);
    CK_MECHANISM_INFO info;

    CHECK_OK(p11->C_GetMechanismList(fix.slot, ids, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        bool is_there = false;

        CHECK_OK(p11->C_GetMechanismInfo(fix.slot, ids[i], &info));
        for (size_t j = 0; j < ARRAY_LEN(wrappings); j++)
            is_there |= wrappings[j].mechanism.mechanism == ids[i];
        if ((info.flags & CKF_WRAP) != 0 && !is_there)
            CHECK_EQ(ids[i], 0);
    }
}

/* Puts templates on a wrapping key. */
static CK_OBJECT_HANDLE key_with_templates(CK_SESSION_HANDLE session, CK_KEY_TYPE type)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_BYTE value[32] = { 1 };
    attrs may_leave = { .count = 0 };
    attrs forced = { .count = 0 };
    attrs tmpl = { .count = 0 };

    put_text(&may_leave, CKA_LABEL, "may leave");
    put_text(&forced, CKA_LABEL, "came in");
    put_bool(&forced, CKA_DERIVE, true);
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, type);
    put_bytes(&tmpl, CKA_VALUE, value, sizeof value);
    put_bytes(&tmpl, CKA_WRAP_TEMPLATE, may_leave.at, may_leave.count * sizeof(CK_ATTRIBUTE));
    put_bytes(&tmpl, CKA_UNWRAP_TEMPLATE, forced.at, forced.count * sizeof(CK_ATTRIBUTE));
    CHECK_OK(p11->C_CreateObject(session, tmpl.at, tmpl.count, &key));
    return key;
}

static void templates(void)
{
    FIXTURE(fix);
    world *w = &the_world;
    CK_BYTE wrapped[ROOM];
    char label[LABEL];

    *w = (world){ .session = fix.session };
    const CK_OBJECT_HANDLE good = generate_aes(fix.session, 32, false, "may leave");
    const CK_OBJECT_HANDLE bad = generate_aes(fix.session, 32, false, "may not");
    for (size_t i = 0; i < ARRAY_LEN(wrappings); i++) {
        const wrapping *with = &wrappings[i];
        CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;
        CK_ULONG len = sizeof wrapped;
        attrs tmpl;

        if (with->by != BY_AES && with->by != BY_CHACHA)
            continue; /* their keys are no secret ones: the same code reads their templates */
        const CK_OBJECT_HANDLE by =
            key_with_templates(fix.session, with->by == BY_AES ? CKK_AES : CKK_CHACHA20);
        CHECK_OK(wrap(w, with, by, good, wrapped, &len));
        CHECK_EQ(wrap(w, with, by, bad, wrapped, &len), CKR_KEY_HANDLE_INVALID);
        template_for(&(target){ "", CKO_SECRET_KEY, CKK_AES, 0, 32 }, &tmpl);
        CHECK_OK(unwrap(w, with, by, wrapped, len, &tmpl, &back));
        CHECK_EQ(get_attr(fix.session, back, CKA_LABEL, label, sizeof label), 7);
        CHECK_BYTES(label, 7, "came in", 7);
        CHECK_THAT(get_bool(fix.session, back, CKA_DERIVE));
        put_bool(&tmpl, CKA_DERIVE, false);
        CHECK_EQ(unwrap(w, with, by, wrapped, len, &tmpl, &back), CKR_TEMPLATE_INCONSISTENT);
    }
}

static const check_test tests[] = {
    CHECK_TEST(all_by_all),
    CHECK_TEST(none_is_missing),
    CHECK_TEST(templates),
};
CHECK_MAIN(tests)
