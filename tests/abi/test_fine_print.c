/* Sentences of PKCS#11 v3.2 that are easily passed over, each by its section. */
#include "support.h"

static CK_RV set_bytes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       const void *value, size_t len)
{
    attrs tmpl = { .count = 0 };

    put_bytes(&tmpl, type, value, len);
    return p11->C_SetAttributeValue(session, object, tmpl.at, tmpl.count);
}

static CK_RV copy_bytes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                        const void *value, size_t len)
{
    attrs tmpl = { .count = 0 };
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;

    put_bytes(&tmpl, type, value, len);
    return p11->C_CopyObject(session, object, tmpl.at, tmpl.count, &copy);
}

/* --- 4.9: private keys ------------------------------------------------------------------------- */

/* A key that asks for the PIN each time, or one that may leave. */
static CK_OBJECT_HANDLE ec_key(CK_SESSION_HANDLE session, bool is_asking)
{
    CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE, private_key = CK_INVALID_HANDLE;
    attrs pub = { .count = 0 }, priv = { .count = 0 };

    put_bytes(&pub, CKA_EC_PARAMS, p_256.params, p_256.params_len);
    put_bool(&priv, CKA_SIGN, true);
    put_bool(&priv, CKA_TOKEN, true);
    put_bool(&priv, CKA_PRIVATE, true);
    put_bool(&priv, CKA_ALWAYS_AUTHENTICATE, is_asking);
    put_bool(&priv, CKA_EXTRACTABLE, !is_asking);
    CHECK_OK(p11->C_GenerateKeyPair(session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                    &public_key, &private_key));
    return private_key;
}

/* "C_Login returns in this case CKR_PIN_LOCKED and this also logs the user out". */
static void a_locked_pin_ends_the_login(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM sign = { CKM_ECDSA, NULL, 0 };
    const CK_OBJECT_HANDLE key = ec_key(h, true);
    CK_SESSION_INFO info = { .state = ~0UL };
    CK_RV rv = CKR_OK;

    if (!module_is_ours())
        SKIP("three tries are our configuration");
    REQUIRE_OK(p11->C_SignInit(h, &sign, key));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(login(h, CKU_CONTEXT_SPECIFIC, "wrong-pin-1"), CKR_PIN_INCORRECT);
        CHECK_OK(p11->C_GetSessionInfo(h, &info));
        CHECK_EQ(info.state, CKS_RW_USER_FUNCTIONS); /* "the session state will remain the same" */
    }
    rv = login(h, CKU_CONTEXT_SPECIFIC, USER_PIN);
    CHECK_EQ(rv, CKR_PIN_LOCKED);
    CHECK_OK(p11->C_GetSessionInfo(h, &info));
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    CHECK_EQ(ask_attr(h, key, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    CHECK_EQ(login(h, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
}

static void check_use(CK_SESSION_HANDLE session, const pair_kind *kind, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM sign = { kind == &rsa_2048 ? CKM_RSA_PKCS
                          : kind == &p_256  ? CKM_ECDSA
                                            : CKM_EDDSA,
                          NULL, 0 };
    CK_BYTE data[32] = { 1 }, signature[256];
    CK_ULONG len = sizeof signature;

    if (!kind->can_sign)
        return;
    CHECK_OK(p11->C_SignInit(session, &sign, key));
    CHECK_OK(p11->C_Sign(session, data, sizeof data, signature, &len));
}

/* "The token MUST verify correspondence ... as supplied in CKA_PUBLIC_KEY_INFO", also when it is set
 * or copied. */
static void public_key_info_is_the_keys_own(void)
{
    static const pair_kind *const kinds[] = { &rsa_2048, &p_256, &ed_25519, &x_25519 };
    static CK_BYTE own[2][1024];
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const CK_OBJECT_HANDLE key = generate_pair(h, kinds[i], false, "one").private_key;
        const CK_OBJECT_HANDLE other = generate_pair(h, kinds[i], false, "two").private_key;
        const size_t len = get_attr(h, key, CKA_PUBLIC_KEY_INFO, own[0], sizeof own[0]);
        const size_t other_len = get_attr(h, other, CKA_PUBLIC_KEY_INFO, own[1], sizeof own[1]);

        REQUIRE_THAT(len != SIZE_MAX && other_len != SIZE_MAX);
        CHECK_EQ(set_bytes(h, key, CKA_PUBLIC_KEY_INFO, own[1], other_len),
                 CKR_ATTRIBUTE_VALUE_INVALID);
        CHECK_EQ(copy_bytes(h, key, CKA_PUBLIC_KEY_INFO, own[1], other_len),
                 CKR_ATTRIBUTE_VALUE_INVALID);
        CHECK_EQ(set_bytes(h, key, CKA_PUBLIC_KEY_INFO, "none", 4), CKR_ATTRIBUTE_VALUE_INVALID);
        CHECK_OK(set_bytes(h, key, CKA_PUBLIC_KEY_INFO, own[0], len));
        CHECK_OK(copy_bytes(h, key, CKA_PUBLIC_KEY_INFO, own[0], len));
        CHECK_OK(set_bytes(h, key, CKA_PUBLIC_KEY_INFO, NULL, 0)); /* "MAY be empty" */
        check_use(h, kinds[i], key);
        CHECK_OK(set_bytes(h, key, CKA_PUBLIC_KEY_INFO, own[0], len));
        CHECK_EQ(get_attr(h, key, CKA_PUBLIC_KEY_INFO, own[1], sizeof own[1]), len);
    }
}

/* --- 4.1.1: the same value twice --------------------------------------------------------------- */

/* "... as though the attribute had only appeared once"; two different values are inconsistent. */
static void an_attribute_given_twice(void)
{
    static const CK_BYTE value[16] = { 3 };
    FIXTURE(fix);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_BYTE label[8];
    attrs tmpl = { .count = 0 }, change = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_bytes(&tmpl, CKA_VALUE, value, sizeof value);
    put_bytes(&tmpl, CKA_VALUE, value, sizeof value);
    CHECK_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &key));
    put_bytes(&tmpl, CKA_VALUE, value + 1, sizeof value - 1);
    CHECK_EQ(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &key),
             CKR_TEMPLATE_INCONSISTENT);

    put_text(&change, CKA_LABEL, "new");
    put_text(&change, CKA_LABEL, "new");
    CHECK_OK(p11->C_SetAttributeValue(fix.session, key, change.at, change.count));
    CHECK_EQ(get_attr(fix.session, key, CKA_LABEL, label, sizeof label), 3);
    put_text(&change, CKA_LABEL, "newer");
    CHECK_EQ(p11->C_SetAttributeValue(fix.session, key, change.at, change.count),
             CKR_TEMPLATE_INCONSISTENT);
}

/* --- 4.1.2: "... except for the possibility of a template being incomplete" ---------------------- */

static void changes_are_never_incomplete(void)
{
    FIXTURE(fix);
    CK_ULONG trusted = CKT_TRUSTED;
    CK_OBJECT_HANDLE trust = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_TRUST);
    put_text(&tmpl, CKA_ISSUER, "issuer");
    put_text(&tmpl, CKA_SERIAL_NUMBER, "serial");
    REQUIRE_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &trust));
    CHECK_EQ(set_bytes(fix.session, trust, CKA_TRUST_SERVER_AUTH, &trusted, sizeof trusted),
             CKR_TEMPLATE_INCONSISTENT); /* in which certificate? */
    CHECK_EQ(copy_bytes(fix.session, trust, CKA_TRUST_SERVER_AUTH, &trusted, sizeof trusted),
             CKR_TEMPLATE_INCONSISTENT);
    put_ulong(&tmpl, CKA_TRUST_SERVER_AUTH, CKT_TRUSTED);
    CHECK_EQ(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &trust),
             CKR_TEMPLATE_INCOMPLETE);
}

/* --- 5.7: arrays of attributes and of mechanisms ------------------------------------------------ */

/* A wrapping key whose CKA_UNWRAP_TEMPLATE has two attributes. */
static CK_OBJECT_HANDLE array_key(CK_SESSION_HANDLE session, CK_ATTRIBUTE *inner, CK_ULONG count)
{
    CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
    static const CK_MECHANISM_TYPE mechanisms[] = { CKM_AES_KEY_WRAP, CKM_AES_GCM };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_VALUE_LEN, 16);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_bool(&tmpl, CKA_SENSITIVE, true);
    put_bytes(&tmpl, CKA_UNWRAP_TEMPLATE, inner, count * sizeof *inner);
    put_bytes(&tmpl, CKA_ALLOWED_MECHANISMS, mechanisms, sizeof mechanisms);
    CHECK_OK(p11->C_GenerateKey(session, &gen, tmpl.at, tmpl.count, &key));
    return key;
}

static void keys_are_found_by_their_arrays(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM_TYPE own[] = { CKM_AES_KEY_WRAP, CKM_AES_GCM };
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE inner[] = { { CKA_ENCRYPT, &yes, 1 }, { CKA_DECRYPT, &no, 1 } };
    CK_ATTRIBUTE reversed[] = { inner[1], inner[0] };
    CK_ATTRIBUTE other[] = { { CKA_ENCRYPT, &yes, 1 }, { CKA_DECRYPT, &yes, 1 } };
    const CK_OBJECT_HANDLE key = array_key(h, inner, 2);
    const struct {
        CK_ATTRIBUTE by;
        size_t want;
    } cases[] = {
        { { CKA_UNWRAP_TEMPLATE, inner, sizeof inner }, 1 },
        { { CKA_UNWRAP_TEMPLATE, reversed, sizeof reversed }, 1 }, /* a template has no order */
        { { CKA_UNWRAP_TEMPLATE, other, sizeof other }, 0 },
        { { CKA_UNWRAP_TEMPLATE, inner, sizeof inner[0] }, 0 },
        { { CKA_UNWRAP_TEMPLATE, NULL, 0 }, 0 },
        { { CKA_WRAP_TEMPLATE, inner, sizeof inner }, 0 },
        { { CKA_ALLOWED_MECHANISMS, own, sizeof own }, 1 },
        { { CKA_ALLOWED_MECHANISMS, own, sizeof own[0] }, 0 },
        { { CKA_ALLOWED_MECHANISMS, NULL, 0 }, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_OBJECT_HANDLE found[2] = { 0, 0 };
        attrs by = { .count = 0 };

        put_bytes(&by, cases[i].by.type, cases[i].by.pValue, cases[i].by.ulValueLen);
        CHECK_EQ(find_all(h, &by, found, 2), cases[i].want);
        CHECK_THAT(cases[i].want == 0 || found[0] == key);
    }
}

/* "... the call MUST nonetheless have processed every attribute in the template", arrays and what is in
 * them too. */
static void each_attribute_is_answered_for(void)
{
    FIXTURE(fix);
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE inner[] = { { CKA_ENCRYPT, &yes, 1 }, { CKA_DECRYPT, &no, 1 } };
    const CK_OBJECT_HANDLE key = array_key(fix.session, inner, 2);
    CK_BYTE value[32], modulus[32];
    CK_MECHANISM_TYPE one = 4711;
    CK_BBOOL got = 7;
    CK_ATTRIBUTE parts[2] = { { 4711, NULL, 4711 }, { 4711, &got, 1 } };
    CK_ATTRIBUTE small[1] = { { 4711, NULL, 0 } };
    CK_ATTRIBUTE ask[] = {
        { CKA_VALUE, value, sizeof value },           { CKA_MODULUS, modulus, sizeof modulus },
        { CKA_UNWRAP_TEMPLATE, small, sizeof small }, { CKA_ALLOWED_MECHANISMS, &one, sizeof one },
        { CKA_UNWRAP_TEMPLATE, parts, sizeof parts }, { CKA_ALLOWED_MECHANISMS, NULL, 0 },
    };
    const CK_RV rv = p11->C_GetAttributeValue(fix.session, key, ask, ARRAY_LEN(ask));

    CHECK_THAT(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
               rv == CKR_BUFFER_TOO_SMALL);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(ask[i].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(ask[4].ulValueLen, sizeof parts);
    CHECK_EQ(parts[0].type, CKA_ENCRYPT); /* "ignored on input and MUST be set on output" */
    CHECK_EQ(parts[0].ulValueLen, 1);
    CHECK_THAT(parts[0].pValue == NULL);
    CHECK_EQ(parts[1].type, CKA_DECRYPT);
    CHECK_EQ(got, CK_FALSE);
    CHECK_EQ(ask[5].ulValueLen, 2 * sizeof(CK_MECHANISM_TYPE));
    CHECK_EQ(one, 4711);
    CHECK_EQ(small[0].type, 4711);
}

/* --- 4.6: certificates ------------------------------------------------------------------------- */

static CK_RV create_certificate(CK_SESSION_HANDLE session, const CK_BYTE *check, size_t check_len,
                                CK_OBJECT_HANDLE *out)
{
    static const CK_BYTE subject[] = { 0x30, 0x00 };
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_CERTIFICATE);
    put_ulong(&tmpl, CKA_CERTIFICATE_TYPE, CKC_X_509);
    put_bytes(&tmpl, CKA_SUBJECT, subject, sizeof subject);
    put_text(&tmpl, CKA_VALUE, "abc");
    if (check != NULL)
        put_bytes(&tmpl, CKA_CHECK_VALUE, check, check_len);
    return p11->C_CreateObject(session, tmpl.at, tmpl.count, out);
}

/* "... the first three bytes of the SHA-1 hash of the certificate object's CKA_VALUE". */
static void certificates_have_their_own_check_value(void)
{
    static const CK_BYTE sha1_of_abc[] = { 0xa9, 0x99, 0x3e }; /* FIPS 180 */
    FIXTURE(fix);
    CK_OBJECT_HANDLE certificate = CK_INVALID_HANDLE;
    CK_BYTE got[8];

    CHECK_OK(create_certificate(fix.session, NULL, 0, &certificate));
    CHECK_EQ(get_attr(fix.session, certificate, CKA_CHECK_VALUE, got, sizeof got), 3);
    CHECK_BYTES(got, 3, sha1_of_abc, 3);
    CHECK_OK(create_certificate(fix.session, sha1_of_abc, 3, &certificate));
    CHECK_EQ(create_certificate(fix.session, (const CK_BYTE *)"abc", 3, &certificate),
             CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_OK(create_certificate(fix.session, sha1_of_abc, 0, &certificate)); /* none is wanted */
    CHECK_EQ(get_attr(fix.session, certificate, CKA_CHECK_VALUE, got, sizeof got), 0);
}

/* --- 4.14, 4.16: built-in objects -------------------------------------------------------------- */

/* "Validation objects are read only, token objects": they are there whatever session comes and goes. That
 * CKA_TOKEN is false all the same keeps them out of lists of what the user stored. */
static void built_in_objects_stay(void)
{
    static const CK_OBJECT_CLASS classes[] = { CKO_PROFILE, CKO_VALIDATION };
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_OBJECT_HANDLE found[8], copy = CK_INVALID_HANDLE;

    CHECK_OK(p11->C_CloseAllSessions(fix.slot)); /* they outlive sessions */
    const CK_SESSION_HANDLE next = open_session(&fix, true);
    CHECK_EQ(p11->C_CloseSession(h), CKR_SESSION_HANDLE_INVALID);
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        attrs by = { .count = 0 };

        put_ulong(&by, CKA_CLASS, classes[i]);
        REQUIRE_THAT(find_all(next, &by, found, ARRAY_LEN(found)) == (i == 0 ? 3 : 1));
        CHECK_THAT(!get_bool(next, found[0], CKA_MODIFIABLE));
        CHECK_EQ(set_bytes(next, found[0], CKA_LABEL, "x", 1), CKR_ACTION_PROHIBITED);
        CHECK_EQ(p11->C_CopyObject(next, found[0], NULL, 0, &copy), CKR_ACTION_PROHIBITED);
        CHECK_EQ(p11->C_DestroyObject(next, found[0]), CKR_ACTION_PROHIBITED);
        put_bool(&by, CKA_TOKEN, true);
        CHECK_EQ(find_all(next, &by, found, ARRAY_LEN(found)), 0);
    }
}

/* --- 5.15, 5.16: verifying --------------------------------------------------------------------- */

/* C_VerifySignature "MUST be called ... without intervening C_VerifySignatureUpdate calls" and
 * "always terminates the active verification operation"; the key needs CKA_VERIFY. */
static void signature_first(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM mac = { CKM_SHA256_HMAC, NULL, 0 };
    const CK_OBJECT_HANDLE key = import_secret(h, CKK_GENERIC_SECRET, "Jefe", 4);
    CK_BYTE tag[32];
    CK_BBOOL no = CK_FALSE;

    /* RFC 4231, test case 2 */
    (void)from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", tag, 32);
    CHECK_OK(p11_3->C_VerifySignatureInit(h, &mac, key, tag, sizeof tag));
    CHECK_OK(p11_3->C_VerifySignatureUpdate(h, utf8("what do ya want "), 16));
    CHECK_THAT(p11_3->C_VerifySignature(h, utf8("for nothing?"), 12) != CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureFinal(h), CKR_OPERATION_NOT_INITIALIZED);

    CASE("an update that fails ends it");
    CHECK_OK(p11_3->C_VerifySignatureInit(h, &mac, key, tag, sizeof tag));
    CHECK_EQ(p11_3->C_VerifySignatureUpdate(h, NULL, 4), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_VerifySignatureFinal(h), CKR_OPERATION_NOT_INITIALIZED);

    CASE("another verification is not touched");
    CHECK_OK(p11->C_VerifyInit(h, &mac, key));
    CHECK_EQ(p11_3->C_VerifySignatureUpdate(h, NULL, 4), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(p11->C_Verify(h, utf8("what do ya want for nothing?"), 28, tag, sizeof tag));

    CASE("arguments");
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mac, key, NULL, 32), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mac, ~0UL, tag, 32), CKR_KEY_HANDLE_INVALID);
    CHECK_EQ(p11_3->C_VerifySignatureFinal(h), CKR_OPERATION_NOT_INITIALIZED);

    CASE("not for verifying");
    CHECK_OK(set_bytes(h, key, CKA_VERIFY, &no, sizeof no));
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mac, key, tag, sizeof tag),
             CKR_KEY_FUNCTION_NOT_PERMITTED);
}

/* "The pSignature argument is set to NULL if there is more data": a length beside it says nothing. */
static void parts_without_a_signature(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM mac = { CKM_SHA256_HMAC, NULL, 0 };
    const CK_OBJECT_HANDLE key = import_secret(h, CKK_GENERIC_SECRET, "Jefe", 4);
    CK_BYTE tag[32];

    (void)from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", tag, 32);
    CHECK_OK(p11_3->C_MessageVerifyInit(h, &mac, key));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(p11_3->C_VerifyMessageBegin(h, NULL, 0));
        CHECK_OK(p11_3->C_VerifyMessageNext(h, NULL, 0, utf8("what do ya want "), 16, NULL, 32));
        CHECK_OK(p11_3->C_VerifyMessageNext(h, NULL, 0, utf8("for nothing?"), 12, tag, 32));
    }
    CHECK_OK(p11_3->C_MessageVerifyFinal(h));
    CHECK_EQ(p11_3->C_MessageVerifyFinal(h), CKR_OPERATION_NOT_INITIALIZED);
}

/* --- 5.18: unwrapped keys ---------------------------------------------------------------------- */

static CK_OBJECT_HANDLE wrapping_key(CK_SESSION_HANDLE session)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_VALUE_LEN, 16);
    put_bool(&tmpl, CKA_WRAP, true);
    put_bool(&tmpl, CKA_UNWRAP, true);
    CHECK_OK(p11->C_GenerateKey(session, &mechanism, tmpl.at, tmpl.count, &key));
    return key;
}

static void put_wrapped(attrs *tmpl, CK_OBJECT_CLASS object_class, CK_KEY_TYPE type, bool is_token)
{
    put_ulong(tmpl, CKA_CLASS, object_class);
    put_ulong(tmpl, CKA_KEY_TYPE, type);
    put_bool(tmpl, CKA_TOKEN, is_token);
}

/* "The CKA_EXTRACTABLE attribute is by default set to CK_TRUE"; the history is a stranger's. */
static void unwrapped_keys_are_extractable_by_default(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    const CK_OBJECT_HANDLE wrapping = wrapping_key(h);
    const CK_OBJECT_HANDLE originals[] = { import_secret(h, CKK_GENERIC_SECRET, "Jefe", 4),
                                           ec_key(h, false) };

    for (int i = 0; i < 4; i++) {
        CK_BYTE wrapped[512];
        CK_ULONG len = sizeof wrapped;
        CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
        attrs tmpl = { .count = 0 };

        REQUIRE_OK(p11->C_WrapKey(h, &kwp, wrapping, originals[i / 2], wrapped, &len));
        put_wrapped(&tmpl, i / 2 == 0 ? CKO_SECRET_KEY : CKO_PRIVATE_KEY,
                    i / 2 == 0 ? CKK_GENERIC_SECRET : CKK_EC, i % 2 != 0);
        REQUIRE_OK(p11->C_UnwrapKey(h, &kwp, wrapping, wrapped, len, tmpl.at, tmpl.count, &key));
        CHECK_THAT(get_bool(h, key, CKA_EXTRACTABLE));
        CHECK_THAT(!get_bool(h, key, CKA_ALWAYS_SENSITIVE));
        CHECK_THAT(!get_bool(h, key, CKA_NEVER_EXTRACTABLE));
        CHECK_THAT(!get_bool(h, key, CKA_LOCAL));
        put_bool(&tmpl, CKA_EXTRACTABLE, false);
        REQUIRE_OK(p11->C_UnwrapKey(h, &kwp, wrapping, wrapped, len, tmpl.at, tmpl.count, &key));
        CHECK_THAT(!get_bool(h, key, CKA_EXTRACTABLE));
        CHECK_THAT(!get_bool(h, key, CKA_NEVER_EXTRACTABLE));
    }
}

/* "The template SHALL specify CKA_VALUE_LEN when neither the key type of the unwrapped key nor the
 * unwrapping mechanism unambiguously determine the length". */
static void a_length_that_nothing_else_tells(void)
{
    static CK_BYTE iv[16];
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM mechanisms[] = { { CKM_AES_ECB, NULL, 0 },
                                  { CKM_AES_CBC, iv, sizeof iv },
                                  { CKM_AES_CBC_PAD, iv, sizeof iv } };
    const CK_OBJECT_HANDLE wrapping = wrapping_key(h);
    const CK_OBJECT_HANDLE secret = import_secret(h, CKK_GENERIC_SECRET, "Jefe", 4);
    const CK_OBJECT_HANDLE aes = import_secret(h, CKK_AES, "0123456789abcdef", 16);

    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        CK_MECHANISM *mechanism = &mechanisms[i];
        const bool is_told = mechanism->mechanism == CKM_AES_CBC_PAD;
        CK_BYTE wrapped[64], back[64];
        CK_ULONG len = sizeof wrapped;
        CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
        attrs tmpl = { .count = 0 }, known = { .count = 0 };

        REQUIRE_OK(p11->C_WrapKey(h, mechanism, wrapping, secret, wrapped, &len));
        put_wrapped(&tmpl, CKO_SECRET_KEY, CKK_GENERIC_SECRET, false);
        CHECK_EQ(p11->C_UnwrapKey(h, mechanism, wrapping, wrapped, len, tmpl.at, tmpl.count, &key),
                 is_told ? CKR_OK : CKR_TEMPLATE_INCOMPLETE);
        put_ulong(&tmpl, CKA_VALUE_LEN, 4);
        REQUIRE_OK(
            p11->C_UnwrapKey(h, mechanism, wrapping, wrapped, len, tmpl.at, tmpl.count, &key));
        CHECK_EQ(get_attr(h, key, CKA_VALUE, back, sizeof back), 4);
        CHECK_BYTES(back, 4, "Jefe", 4);

        len = sizeof wrapped;
        REQUIRE_OK(p11->C_WrapKey(h, mechanism, wrapping, aes, wrapped, &len));
        put_wrapped(&known, CKO_SECRET_KEY, CKK_AES, false);
        CHECK_OK(
            p11->C_UnwrapKey(h, mechanism, wrapping, wrapped, len, known.at, known.count, &key));
    }
}

/* --- 6: SP 800-108 ------------------------------------------------------------------------------ */

/* "If the base key or any of the additional input keys have their CKA_ALWAYS_SENSITIVE attribute set to
 * CK_TRUE": one key that nobody knows hides the result. */
static void one_hidden_key_is_enough(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM gen = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
    CK_OBJECT_HANDLE hidden = CK_INVALID_HANDLE, key = CK_INVALID_HANDLE;
    const CK_OBJECT_HANDLE open = import_secret(h, CKK_GENERIC_SECRET, "0123456789abcdef", 16);
    attrs made = { .count = 0 }, may = { .count = 0 }, tmpl = { .count = 0 };

    put_ulong(&made, CKA_VALUE_LEN, 16);
    put_bool(&made, CKA_DERIVE, true);
    put_bool(&made, CKA_SENSITIVE, true);
    put_bool(&made, CKA_EXTRACTABLE, false);
    REQUIRE_OK(p11->C_GenerateKey(h, &gen, made.at, made.count, &hidden));
    put_bool(&may, CKA_DERIVE, true);
    CHECK_OK(p11->C_SetAttributeValue(h, open, may.at, may.count));
    put_ulong(&tmpl, CKA_VALUE_LEN, 16);
    put_bool(&tmpl, CKA_SENSITIVE, true);
    put_bool(&tmpl, CKA_EXTRACTABLE, false);
    for (int i = 0; i < 3; i++) {
        CK_OBJECT_HANDLE other = i == 1 ? hidden : open;
        CK_SP800_108_COUNTER_FORMAT format = { CK_FALSE, 32 };
        CK_PRF_DATA_PARAM pieces[] = {
            { CK_SP800_108_ITERATION_VARIABLE, &format, sizeof format },
            { CK_SP800_108_KEY_HANDLE, &other, sizeof other },
        };
        CK_SP800_108_KDF_PARAMS params = { CKM_SHA256_HMAC, 2, pieces, 0, NULL };
        CK_MECHANISM kdf = { CKM_SP800_108_COUNTER_KDF, &params, sizeof params };

        REQUIRE_OK(p11->C_DeriveKey(h, &kdf, i == 2 ? hidden : open, tmpl.at, tmpl.count, &key));
        CHECK_EQ(get_bool(h, key, CKA_ALWAYS_SENSITIVE), i > 0);
        CHECK_EQ(get_bool(h, key, CKA_NEVER_EXTRACTABLE), i > 0);
        CHECK_THAT(!get_bool(h, key, CKA_LOCAL));
    }
}

/* --- 6: GCM and CCM ---------------------------------------------------------------------------- */

/* On the way back "the ulIvFixedBits and ivGenerator fields are ignored". */
static void who_opens_a_message_makes_no_vector(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    const CK_OBJECT_HANDLE key = generate_aes(h, 16, false, "key");
    CK_BYTE iv[12] = { 1 }, tag[16], sealed[4], text[4];
    CK_GCM_MESSAGE_PARAMS gcm = { iv, sizeof iv, 0, CKG_NO_GENERATE, tag, 128 };
    CK_CCM_MESSAGE_PARAMS ccm = { 4, iv, sizeof iv, 0, CKG_NO_GENERATE, tag, sizeof tag };
    struct {
        CK_MECHANISM mechanism;
        CK_ULONG *fixed_bits;
        CK_GENERATOR_FUNCTION *generator;
    } modes[] = {
        { { CKM_AES_GCM, &gcm, sizeof gcm }, &gcm.ulIvFixedBits, &gcm.ivGenerator },
        { { CKM_AES_CCM, &ccm, sizeof ccm }, &ccm.ulNonceFixedBits, &ccm.nonceGenerator },
    };

    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        CK_MECHANISM *mode = &modes[i].mechanism;
        CK_ULONG len = sizeof sealed;

        REQUIRE_OK(p11_3->C_MessageEncryptInit(h, mode, key));
        REQUIRE_OK(p11_3->C_EncryptMessage(h, mode->pParameter, mode->ulParameterLen, NULL, 0,
                                           utf8("text"), 4, sealed, &len));
        CHECK_OK(p11_3->C_MessageEncryptFinal(h));
        *modes[i].fixed_bits = 4711;
        *modes[i].generator = 4711;
        REQUIRE_OK(p11_3->C_MessageDecryptInit(h, mode, key));
        CHECK_OK(p11_3->C_DecryptMessage(h, mode->pParameter, mode->ulParameterLen, NULL, 0, sealed,
                                         4, text, &len));
        CHECK_BYTES(text, len, "text", 4);
        CHECK_OK(p11_3->C_DecryptMessageBegin(h, mode->pParameter, mode->ulParameterLen, NULL, 0));
        CHECK_OK(p11_3->C_DecryptMessageNext(h, mode->pParameter, mode->ulParameterLen, sealed, 4,
                                             text, &len, CKF_END_OF_MESSAGE));
        CHECK_BYTES(text, len, "text", 4);
        CHECK_OK(p11_3->C_MessageDecryptFinal(h));
        REQUIRE_OK(p11_3->C_MessageEncryptInit(h, mode, key));
        CHECK_EQ(p11_3->C_EncryptMessage(h, mode->pParameter, mode->ulParameterLen, NULL, 0,
                                         utf8("text"), 4, sealed, &len),
                 CKR_MECHANISM_PARAM_INVALID);
        CHECK_OK(p11_3->C_MessageEncryptFinal(h));
    }
}

/* --- 6: C_GetMechanismInfo --------------------------------------------------------------------- */

/* Sizes are in bits or bytes, as each mechanism's section says. */
static void sizes_have_the_unit_of_their_section(void)
{
    static const struct {
        CK_MECHANISM_TYPE type;
        CK_ULONG min, max;
    } cases[] = {
        { CKM_GENERIC_SECRET_KEY_GEN, 8, 524288 },        /* bits */
        { CKM_SP800_108_COUNTER_KDF, 8, 524288 },         /* bits */
        { CKM_SP800_108_FEEDBACK_KDF, 8, 524288 },        /* bits */
        { CKM_SP800_108_DOUBLE_PIPELINE_KDF, 8, 524288 }, /* bits */
        { CKM_CHACHA20, 256, 256 },                       /* bits */
        { CKM_CHACHA20_KEY_GEN, 32, 32 },                 /* bytes */
        { CKM_AES_XTS_KEY_GEN, 32, 64 },                  /* bytes */
        { CKM_AES_GMAC, 16, 32 },                         /* bytes */
        { CKM_SHA256_HMAC, 1, 65536 },                    /* bytes */
        { CKM_TLS12_MASTER_KEY_DERIVE, 48, 48 },          /* "both indicate 48 bytes" */
        { CKM_TLS12_MASTER_KEY_DERIVE_DH, 48, 48 },       /* "both indicate 48 bytes" */
        { CKM_EC_EDWARDS_KEY_PAIR_GEN, 255, 448 },        /* bits of the field */
        { CKM_DH_PKCS_KEY_PAIR_GEN, 2048, 8192 },         /* bits of the prime */
        { CKM_ML_KEM, 800, 1568 },                        /* bytes of the public key */
        { CKM_ML_DSA, 1312, 2592 },                       /* bytes of the public key */
        { CKM_SLH_DSA, 32, 64 },                          /* bytes of the public key */
    };
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_MECHANISM_INFO info = { 0 };

        CHECK_OK(p11->C_GetMechanismInfo(fix.slot, cases[i].type, &info));
        CHECK_EQ(info.ulMinKeySize, cases[i].min);
        CHECK_EQ(info.ulMaxKeySize, cases[i].max);
    }
}

static const check_test tests[] = {
    CHECK_TEST(unwrapped_keys_are_extractable_by_default),
    CHECK_TEST(a_length_that_nothing_else_tells),
    CHECK_TEST(one_hidden_key_is_enough),
    CHECK_TEST(who_opens_a_message_makes_no_vector),
    CHECK_TEST(sizes_have_the_unit_of_their_section),
    CHECK_TEST(a_locked_pin_ends_the_login),
    CHECK_TEST(public_key_info_is_the_keys_own),
    CHECK_TEST(an_attribute_given_twice),
    CHECK_TEST(changes_are_never_incomplete),
    CHECK_TEST(keys_are_found_by_their_arrays),
    CHECK_TEST(each_attribute_is_answered_for),
    CHECK_TEST(certificates_have_their_own_check_value),
    CHECK_TEST(built_in_objects_stay),
    CHECK_TEST(signature_first),
    CHECK_TEST(parts_without_a_signature),
};
CHECK_MAIN(tests)
