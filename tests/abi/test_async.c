/* Asynchronous sessions: calls that take long are answered later. */
#include "../unit/crypto/vectors_dh.h"
#include "async.h"

enum { PRIME_BYTES = 256 };

static void sessions_say_what_they_are(void)
{
    FIXTURE(fix);
    CK_SESSION_INFO info = { 0 };

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    REQUIRE_OK(p11->C_GetSessionInfo(session, &info));
    CHECK_EQ(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION);
    CHECK_EQ(info.state, CKS_RW_USER_FUNCTIONS);
    REQUIRE_OK(p11->C_GetSessionInfo(fix.session, &info));
    CHECK_EQ(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
    /* The next session in the same place is what it is asked to be. */
    CHECK_OK(p11->C_CloseSession(session));
    REQUIRE_OK(p11->C_GetSessionInfo(open_session(&fix, false), &info));
    CHECK_EQ(info.flags, CKF_SERIAL_SESSION);
}

static void an_rsa_pair_is_made(void)
{
    FIXTURE(fix);
    const pair_order order = { 2048, true, true, "made later" };
    CK_BYTE signature[ASYNC_ROOM];
    CK_OBJECT_HANDLE found[3];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    REQUIRE_THAT(start_rsa(session, &order) == CKR_PENDING);
    CHECK_EQ(find_label(fix.session, "made later", found, 3), 0);
    REQUIRE_OK(await(session, "C_GenerateKeyPair", &data));
    CHECK_EQ(data.ulVersion, 0);
    CHECK_EQ(data.pValue == NULL, true);
    CHECK_EQ(data.ulValue, 0);
    CHECK_EQ(ask(session, "C_GenerateKeyPair", &data), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(find_label(fix.session, "made later", found, 3), 2);

    REQUIRE_THAT(start_rsa(session, &order) == CKR_PENDING);
    REQUIRE_OK(await(session, "C_GenerateKeyPair", &data));
    CHECK_EQ(get_bool(session, data.hObject, CKA_VERIFY), true);
    CHECK_EQ(get_bool(session, data.hAdditionalObject, CKA_SIGN), true);
    CHECK_EQ(get_bool(session, data.hAdditionalObject, CKA_LOCAL), true);
    CHECK_EQ(get_bool(session, data.hAdditionalObject, CKA_ALWAYS_SENSITIVE), true);
    const CK_OBJECT_HANDLE private_key = data.hAdditionalObject;
    const CK_OBJECT_HANDLE public_key = data.hObject;
    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, private_key, signature, 256) ==
                 CKR_PENDING);
    REQUIRE_OK(await(session, "C_Sign", &data));
    CHECK_OK(verify_signature(fix.session, CKM_RSA_PKCS, public_key, signature, data.ulValue));
}

/* --- pairs of other kinds ------------------------------------------------------------------------ */

static uint8_t dh_prime[PRIME_BYTES];
static uint8_t x942_prime[PRIME_BYTES];
static uint8_t x942_base[PRIME_BYTES];
static uint8_t x942_subprime[28];

static void put_group(attrs *tmpl, CK_MECHANISM_TYPE mechanism)
{
    CHECK_EQ(from_hex(ffdhe2048_prime, dh_prime, sizeof dh_prime), PRIME_BYTES);
    CHECK_EQ(from_hex(rfc5114_224_prime, x942_prime, sizeof x942_prime), PRIME_BYTES);
    CHECK_EQ(from_hex(rfc5114_224_base, x942_base, sizeof x942_base), PRIME_BYTES);
    CHECK_EQ(from_hex(rfc5114_224_subprime, x942_subprime, sizeof x942_subprime), 28);
    if (mechanism == CKM_DH_PKCS_KEY_PAIR_GEN) {
        put_bytes(tmpl, CKA_PRIME, dh_prime, sizeof dh_prime);
        put_bytes(tmpl, CKA_BASE, "\2", 1);
        return;
    }
    put_bytes(tmpl, CKA_PRIME, x942_prime, sizeof x942_prime);
    put_bytes(tmpl, CKA_BASE, x942_base, sizeof x942_base);
    put_bytes(tmpl, CKA_SUBPRIME, x942_subprime, sizeof x942_subprime);
}

/* A pair that an asynchronous session makes. */
static pair make_later(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE id)
{
    CK_MECHANISM mechanism = { id, NULL, 0 };
    CK_ASYNC_DATA data = { 0 };
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };
    pair keys = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };

    if (id == CKM_SLH_DSA_KEY_PAIR_GEN) {
        put_ulong(&pub, CKA_PARAMETER_SET, CKP_SLH_DSA_SHA2_128F);
        put_bool(&priv, CKA_SIGN, true);
    } else {
        put_group(&pub, id);
        put_bool(&priv, CKA_DERIVE, true);
    }
    CHECK_EQ(p11->C_GenerateKeyPair(session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                    &keys.public_key, &keys.private_key),
             CKR_PENDING);
    memset(&pub, 0xee, sizeof pub);
    memset(&priv, 0xee, sizeof priv);
    memset(dh_prime, 0xee, sizeof dh_prime);
    memset(x942_prime, 0xee, sizeof x942_prime);
    CHECK_OK(await(session, "C_GenerateKeyPair", &data));
    return (pair){ data.hObject, data.hAdditionalObject };
}

static void put_readable(attrs *tmpl)
{
    put_ulong(tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bool(tmpl, CKA_SENSITIVE, false);
    put_bool(tmpl, CKA_EXTRACTABLE, true);
}

/* The secret that the session agrees on, now or later. */
static size_t agree(CK_SESSION_HANDLE session, CK_KEY_TYPE type, const pair *own, const pair *peer,
                    CK_BYTE secret[PRIME_BYTES])
{
    CK_X9_42_DH1_DERIVE_PARAMS room;
    CK_BYTE value[PRIME_BYTES];
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_ASYNC_DATA data = { 0 };
    attrs tmpl = { .count = 0 };
    const size_t len = get_attr(session, peer->public_key, CKA_VALUE, value, sizeof value);
    CK_MECHANISM mechanism = dh_agreement(type, value, len, &room);

    put_readable(&tmpl);
    CK_RV rv = p11->C_DeriveKey(session, &mechanism, own->private_key, tmpl.at, tmpl.count, &key);
    memset(value, 0xee, sizeof value);
    memset(&room, 0xee, sizeof room);
    if (rv == CKR_PENDING) {
        CHECK_EQ(key, CK_INVALID_HANDLE);
        rv = await(session, "C_DeriveKey", &data);
        CHECK_EQ(data.hAdditionalObject, CK_INVALID_HANDLE);
        key = data.hObject;
    }
    CHECK_OK(rv);
    return get_attr(session, key, CKA_VALUE, secret, PRIME_BYTES);
}

static void primes_are_agreed_over(void)
{
    static const struct {
        CK_MECHANISM_TYPE make;
        CK_KEY_TYPE type;
    } kinds[] = { { CKM_DH_PKCS_KEY_PAIR_GEN, CKK_DH },
                  { CKM_X9_42_DH_KEY_PAIR_GEN, CKK_X9_42_DH } };
    FIXTURE(fix);
    CK_BYTE later[PRIME_BYTES] = { 0 };
    CK_BYTE now[PRIME_BYTES] = { 1 };

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const pair one = make_later(session, kinds[i].make);
        const pair two = make_later(session, kinds[i].make);

        CHECK_EQ(agree(session, kinds[i].type, &one, &two, later), PRIME_BYTES);
        CHECK_EQ(agree(fix.session, kinds[i].type, &two, &one, now), PRIME_BYTES);
        CHECK_BYTES(later, PRIME_BYTES, now, PRIME_BYTES);
    }
}

/* --- operations ----------------------------------------------------------------------------------- */

static void signatures_come_later(void)
{
    static const CK_MECHANISM_TYPE rsa[] = { CKM_RSA_PKCS, CKM_RSA_X_509, CKM_SHA256_RSA_PKCS };
    FIXTURE(fix);
    CK_BYTE signature[ASYNC_ROOM];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    for (size_t i = 0; i < ARRAY_LEN(rsa); i++) {
        memset(signature, 0x5a, sizeof signature);
        CHECK_EQ(start_signature(session, rsa[i], keys.private_key, signature, sizeof signature),
                 CKR_PENDING);
        CHECK_EQ(signature[0] == 0x5a && signature[255] == 0x5a, true);
        CHECK_OK(await(session, "C_Sign", &data));
        CHECK_EQ(data.pValue == signature, true);
        CHECK_EQ(data.ulValue, 256);
        CHECK_EQ(data.hObject, CK_INVALID_HANDLE);
        CHECK_EQ(signature[256], 0x5a);
        CHECK_OK(verify_signature(fix.session, rsa[i], keys.public_key, signature, 256));
    }
    const pair slow = make_later(session, CKM_SLH_DSA_KEY_PAIR_GEN);
    CHECK_EQ(start_signature(session, CKM_SLH_DSA, slow.private_key, signature, sizeof signature),
             CKR_PENDING);
    CHECK_OK(await(session, "C_Sign", &data));
    CHECK_EQ(data.ulValue, 17088);
    CHECK_OK(verify_signature(fix.session, CKM_SLH_DSA, slow.public_key, signature, 17088));
}

static void signatures_in_parts_come_later(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_BYTE part[1000];
    CK_BYTE signature[256];
    CK_ULONG len = 0;
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    memset(part, 'p', sizeof part);
    REQUIRE_OK(p11->C_SignInit(session, &mechanism, keys.private_key));
    CHECK_OK(p11->C_SignUpdate(session, part, sizeof part));
    CHECK_OK(p11->C_SignUpdate(session, part, sizeof part));
    CHECK_OK(p11->C_SignFinal(session, NULL, &len)); /* a question is answered at once ... */
    CHECK_EQ(len, 256);
    len = 255; /* ... and so is a room that is too small (5.21.1) */
    CHECK_EQ(p11->C_SignFinal(session, signature, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(len, 256);
    CHECK_EQ(p11->C_SignFinal(session, signature, &len), CKR_PENDING);
    CHECK_EQ(ask(session, "C_Sign", &data), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(await(session, "C_SignFinal", &data));
    CHECK_EQ(data.ulValue, 256);
    REQUIRE_OK(p11->C_VerifyInit(fix.session, &mechanism, keys.public_key));
    CHECK_OK(p11->C_VerifyUpdate(fix.session, part, sizeof part));
    CHECK_OK(p11->C_VerifyUpdate(fix.session, part, sizeof part));
    CHECK_OK(p11->C_VerifyFinal(fix.session, signature, sizeof signature));
}

static void recoverable_signatures_come_later(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    CK_BYTE text[] = "recovered";
    CK_BYTE signature[256];
    CK_BYTE back[256];
    CK_ULONG len = sizeof signature;
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    REQUIRE_OK(p11->C_SignRecoverInit(session, &mechanism, keys.private_key));
    CHECK_EQ(p11->C_SignRecover(session, text, sizeof text, signature, &len), CKR_PENDING);
    CHECK_OK(await(session, "C_SignRecover", &data));
    len = sizeof back;
    REQUIRE_OK(p11->C_VerifyRecoverInit(session, &mechanism, keys.public_key));
    CHECK_OK(p11->C_VerifyRecover(session, signature, sizeof signature, back, &len));
    CHECK_BYTES(back, len, text, sizeof text);
}

static CK_RV encrypt_rsa(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_BYTE *cipher)
{
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    CK_BYTE plain[] = "plaintext";
    CK_ULONG len = 256;

    CHECK_OK(p11->C_EncryptInit(session, &mechanism, key));
    return p11->C_Encrypt(session, plain, sizeof plain, cipher, &len);
}

static void plaintexts_come_later(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    CK_BYTE cipher[256];
    CK_BYTE plain[256] = { 0 };
    CK_ULONG len = 0;
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    REQUIRE_OK(encrypt_rsa(fix.session, keys.public_key, cipher));
    REQUIRE_OK(p11->C_DecryptInit(session, &mechanism, keys.private_key));
    CHECK_OK(p11->C_Decrypt(session, cipher, sizeof cipher, NULL, &len));
    CHECK_THAT(len >= 10 && len <= 256);
    len = 9; /* room that can't do for this text: told by the call itself */
    CHECK_EQ(p11->C_Decrypt(session, cipher, sizeof cipher, plain, &len), CKR_BUFFER_TOO_SMALL);
    len = 10; /* room that does for this text, though not for all: the call waits */
    CHECK_OK(p11->C_Decrypt(session, cipher, sizeof cipher, plain, &len));
    CHECK_BYTES(plain, len, "plaintext", 10);

    memset(plain, 0x5a, sizeof plain);
    len = sizeof plain;
    REQUIRE_OK(p11->C_DecryptInit(session, &mechanism, keys.private_key));
    CHECK_EQ(p11->C_Decrypt(session, cipher, sizeof cipher, plain, &len), CKR_PENDING);
    CHECK_EQ(plain[0], 0x5a);
    CHECK_OK(await(session, "C_Decrypt", &data));
    CHECK_EQ(data.pValue == plain, true);
    CHECK_BYTES(plain, data.ulValue, "plaintext", 10);
}

static void errors_come_later(void)
{
    FIXTURE(fix);
    CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep };
    CK_BYTE cipher[256] = { 0 };
    CK_BYTE plain[256];
    CK_ULONG len = sizeof plain;
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    cipher[100] = 9;
    memset(plain, 0x5a, sizeof plain);
    REQUIRE_OK(p11->C_DecryptInit(session, &mechanism, keys.private_key));
    CHECK_EQ(p11->C_Decrypt(session, cipher, sizeof cipher, plain, &len), CKR_PENDING);
    CHECK_EQ(await(session, "C_Decrypt", &data), CKR_ENCRYPTED_DATA_INVALID);
    CHECK_EQ(data.pValue == plain, true); /* which buffer is the caller's again */
    CHECK_EQ(data.ulValue, 0);
    CHECK_EQ(plain[0], 0x5a);
    CHECK_EQ(ask(session, "C_Decrypt", &data), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(p11->C_Decrypt(session, cipher, sizeof cipher, plain, &len),
             CKR_OPERATION_NOT_INITIALIZED);
}

/* --- what does not wait --------------------------------------------------------------------------- */

static void other_calls_are_answered_at_once(void)
{
    FIXTURE(fix);
    static CK_BYTE large[1024 * 1024 + 1];
    CK_MECHANISM hashed = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_BYTE signature[256];
    CK_ULONG len = sizeof signature;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair rsa = generate_pair(fix.session, &rsa_2048, false, "rsa");
    const pair ec = generate_pair(session, &p_256, false, "ec");
    CHECK_OK(start_signature(session, CKM_ECDSA, ec.private_key, signature, sizeof signature));
    CHECK_OK(verify_signature(session, CKM_ECDSA, ec.public_key, signature, 64));
    CHECK_THAT(generate_aes(session, 32, false, "aes") != CK_INVALID_HANDLE);
    /* Input is copied, but not any amount of it. */
    REQUIRE_OK(p11->C_SignInit(session, &hashed, rsa.private_key));
    CHECK_OK(p11->C_Sign(session, large, sizeof large, signature, &len));
    REQUIRE_OK(p11->C_SignInit(session, &hashed, rsa.private_key));
    CHECK_EQ(p11->C_Sign(session, large, sizeof large - 1, signature, &len), CKR_PENDING);
    CHECK_EQ(p11_3->C_SessionCancel(session, CKF_SIGN), CKR_OK);
    /* A session that is not asynchronous. */
    CHECK_OK(start_signature(fix.session, CKM_RSA_PKCS, rsa.private_key, signature, 256));
}

static void what_can_be_refused_is_refused_at_once(void)
{
    FIXTURE(fix);
    const pair_order order = { 1000000, false, true, "too long" };
    const pair_order kept = { 2048, true, true, "kept" };
    const pair_order secret = { 2048, false, true, "private" };
    CK_SESSION_HANDLE read_only = CK_INVALID_HANDLE;
    CK_BYTE signature[256];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    CHECK_EQ(start_rsa(session, &order), CKR_KEY_SIZE_RANGE);
    CHECK_EQ(start_signature(session, CKM_RSA_PKCS, 99999, signature, 256), CKR_KEY_HANDLE_INVALID);
    CHECK_EQ(start_signature(session, CKM_RSA_PKCS, keys.public_key, signature, 256),
             CKR_KEY_FUNCTION_NOT_PERMITTED);
    REQUIRE_OK(p11->C_OpenSession(fix.slot, CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, NULL, NULL,
                                  &read_only));
    CHECK_EQ(start_rsa(read_only, &kept), CKR_SESSION_READ_ONLY);
    CHECK_OK(p11->C_Logout(session));
    CHECK_EQ(start_rsa(session, &secret), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(ask(session, "C_GenerateKeyPair", &data), CKR_OPERATION_NOT_INITIALIZED);
}

static void arguments_of_the_functions(void)
{
    FIXTURE(fix);
    CK_BYTE signature[256];
    CK_ULONG id = 4711;
    CK_ASYNC_DATA data = { .ulVersion = 1 };

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    CHECK_EQ(p11_3->C_AsyncGetID(session, utf8("C_Sign"), &id), CKR_OPERATION_NOT_INITIALIZED);
    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, keys.private_key, signature, 256) ==
                 CKR_PENDING);
    CHECK_EQ(p11_3->C_AsyncComplete(session, NULL, &data), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_AsyncComplete(session, utf8("C_Sign"), &data), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_AsyncComplete(session, utf8("C_Sign"), NULL), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_AsyncComplete(session, utf8("C_SignInit"), NULL),
             CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(ask(session, "C_Sig", &data), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(ask(session, "C_SignF", &data), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(ask(session, "", &data), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(ask(fix.session, "C_Sign", &data), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(ask(4711, "C_Sign", &data), CKR_SESSION_HANDLE_INVALID);

    CHECK_EQ(p11_3->C_AsyncGetID(session, NULL, &id), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_AsyncGetID(session, utf8("C_Sign"), NULL), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_AsyncGetID(session, utf8("C_Digest"), &id), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(p11_3->C_AsyncGetID(session, utf8("C_Sign"), &id), CKR_STATE_UNSAVEABLE);
    CHECK_EQ(id, 4711);
    CHECK_EQ(p11_3->C_AsyncJoin(session, NULL, 1, signature, 256), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_AsyncJoin(session, utf8("C_Sign"), 1, signature, 256),
             CKR_SAVED_STATE_INVALID);
    CHECK_EQ(p11_3->C_AsyncJoin(4711, utf8("C_Sign"), 1, signature, 256),
             CKR_SESSION_HANDLE_INVALID);
    /* None of it did any harm. */
    CHECK_OK(await(session, "C_Sign", &data));
    CHECK_OK(verify_signature(session, CKM_RSA_PKCS, keys.public_key, signature, data.ulValue));
}

static void one_call_at_a_time(void)
{
    FIXTURE(fix);
    const pair_order order = { 2048, false, true, "second" };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    CK_BYTE signature[256];
    CK_BYTE digest[32];
    CK_ULONG len = sizeof signature;
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, keys.private_key, signature, 256) ==
                 CKR_PENDING);
    CHECK_EQ(p11->C_SignInit(session, &mechanism, keys.private_key), CKR_OPERATION_ACTIVE);
    CHECK_EQ(p11->C_SignUpdate(session, digest, 1), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(start_rsa(session, &order), CKR_OPERATION_ACTIVE);
    CHECK_OK(p11->C_DecryptInit(session, &mechanism, keys.private_key));
    CHECK_EQ(p11->C_Decrypt(session, signature, 256, signature, &len), CKR_OPERATION_ACTIVE);
    CHECK_EQ(p11->C_Decrypt(session, signature, 256, signature, &len),
             CKR_OPERATION_NOT_INITIALIZED);
    /* What is done at once goes on beside it. */
    len = sizeof digest;
    CHECK_OK(p11->C_DigestInit(session, &sha));
    CHECK_OK(p11->C_Digest(session, utf8("abc"), 3, digest, &len));
    CHECK_EQ(verify_signature(session, CKM_RSA_PKCS, keys.public_key, signature, 1),
             CKR_SIGNATURE_LEN_RANGE);
    CHECK_OK(await(session, "C_Sign", &data));
    REQUIRE_THAT(start_rsa(session, &order) == CKR_PENDING);
    CHECK_OK(await(session, "C_GenerateKeyPair", &data));
}

static void keys_that_ask_each_time(void)
{
    FIXTURE(fix);
    CK_MECHANISM make = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    CK_BYTE signature[256];
    CK_ULONG len = sizeof signature;
    CK_ASYNC_DATA data;
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };
    pair keys;

    REQUIRE_ASYNC(&fix);
    put_ulong(&pub, CKA_MODULUS_BITS, 2048);
    put_bool(&priv, CKA_SIGN, true);
    put_bool(&priv, CKA_ALWAYS_AUTHENTICATE, true);
    REQUIRE_OK(p11->C_GenerateKeyPair(fix.session, &make, pub.at, pub.count, priv.at, priv.count,
                                      &keys.public_key, &keys.private_key));
    const CK_SESSION_HANDLE session = open_async(&fix);
    REQUIRE_OK(p11->C_SignInit(session, &mechanism, keys.private_key));
    CHECK_EQ(p11->C_Sign(session, signature, 20, signature, &len), CKR_USER_NOT_LOGGED_IN);
    REQUIRE_OK(p11->C_SignInit(session, &mechanism, keys.private_key));
    CHECK_OK(login(session, CKU_CONTEXT_SPECIFIC, USER_PIN));
    CHECK_EQ(p11->C_Sign(session, signature, 20, signature, &len), CKR_PENDING);
    CHECK_OK(await(session, "C_Sign", &data));
}

static const check_test tests[] = {
    CHECK_TEST(sessions_say_what_they_are),
    CHECK_TEST(an_rsa_pair_is_made),
    CHECK_TEST(primes_are_agreed_over),
    CHECK_TEST(signatures_come_later),
    CHECK_TEST(signatures_in_parts_come_later),
    CHECK_TEST(recoverable_signatures_come_later),
    CHECK_TEST(plaintexts_come_later),
    CHECK_TEST(errors_come_later),
    CHECK_TEST(other_calls_are_answered_at_once),
    CHECK_TEST(what_can_be_refused_is_refused_at_once),
    CHECK_TEST(arguments_of_the_functions),
    CHECK_TEST(one_call_at_a_time),
    CHECK_TEST(keys_that_ask_each_time),
};

CHECK_MAIN(tests)
