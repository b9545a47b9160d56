/* Message-based signing and verifying: every mechanism that says it can, published MACs, parts,
 * parameters for one message, states. */
#include "support.h"

enum { SIGNATURE_MAX = 5000 };

static CK_BYTE first[] = "the first message";
static CK_BYTE second[] = "the second message, which is longer";

typedef struct signer {
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE sign_key;
    CK_OBJECT_HANDLE verify_key;
    bool needs_hash; /* signs what is a hash already: 32 bytes */
    bool is_whole;   /* not in parts */
} signer;

static CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
static CK_MAC_GENERAL_PARAMS mac_len = 10;

static pair generate_ml_dsa(CK_SESSION_HANDLE session)
{
    CK_MECHANISM mechanism = { CKM_ML_DSA_KEY_PAIR_GEN, NULL, 0 };
    pair made = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_PARAMETER_SET, CKP_ML_DSA_44);
    CHECK_OK(p11->C_GenerateKeyPair(session, &mechanism, tmpl.at, tmpl.count, NULL, 0,
                                    &made.public_key, &made.private_key));
    return made;
}

/* One of each family; the mechanisms of a family share code. */
static size_t make_signers(CK_SESSION_HANDLE session, signer out[16])
{
    const pair rsa = generate_pair(session, &rsa_2048, false, "rsa");
    const pair ec = generate_pair(session, &p_256, false, "ec");
    const pair ed = generate_pair(session, &ed_25519, false, "ed");
    const pair pqc = generate_ml_dsa(session);
    const CK_OBJECT_HANDLE secret = import_secret(session, CKK_GENERIC_SECRET, "key", 3);
    const CK_OBJECT_HANDLE aes = generate_aes(session, 32, false, "aes");
    const signer all[] = {
        { { CKM_RSA_PKCS, NULL, 0 }, rsa.private_key, rsa.public_key, true, true },
        { { CKM_SHA256_RSA_PKCS, NULL, 0 }, rsa.private_key, rsa.public_key, false, false },
        { { CKM_RSA_PKCS_PSS, &pss, sizeof pss }, rsa.private_key, rsa.public_key, true, true },
        { { CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss },
          rsa.private_key,
          rsa.public_key,
          false,
          false },
        { { CKM_ECDSA, NULL, 0 }, ec.private_key, ec.public_key, true, true },
        { { CKM_ECDSA_SHA384, NULL, 0 }, ec.private_key, ec.public_key, false, false },
        { { CKM_EDDSA, NULL, 0 }, ed.private_key, ed.public_key, false, false },
        { { CKM_ML_DSA, NULL, 0 }, pqc.private_key, pqc.public_key, false, false },
        { { CKM_SHA256_HMAC, NULL, 0 }, secret, secret, false, false },
        { { CKM_SHA3_256_HMAC_GENERAL, &mac_len, sizeof mac_len }, secret, secret, false, false },
        { { CKM_AES_CMAC, NULL, 0 }, aes, aes, false, false },
    };

    memcpy(out, all, sizeof all);
    return ARRAY_LEN(all);
}

/* Signs both messages in one operation and checks each with C_Verify. */
static void sign_both(CK_SESSION_HANDLE session, signer *s, CK_BYTE *const data[2],
                      const CK_ULONG data_len[2])
{
    CK_BYTE signature[SIGNATURE_MAX];

    CHECK_OK(p11_3->C_MessageSignInit(session, &s->mechanism, s->sign_key));
    CHECK_OK(p11_3->C_MessageVerifyInit(session, &s->mechanism, s->verify_key));
    for (size_t i = 0; i < 2; i++) {
        CK_ULONG asked = 0;
        CK_ULONG len = sizeof signature;

        CHECK_OK(p11_3->C_SignMessage(session, NULL, 0, data[i], data_len[i], NULL, &asked));
        CHECK_OK(p11_3->C_SignMessage(session, NULL, 0, data[i], data_len[i], signature, &len));
        CHECK_EQ(asked, len);
        CHECK_OK(p11->C_VerifyInit(session, &s->mechanism, s->verify_key));
        CHECK_OK(p11->C_Verify(session, data[i], data_len[i], signature, len));
        CHECK_OK(p11_3->C_VerifyMessage(session, NULL, 0, data[i], data_len[i], signature, len));
        CHECK_EQ(
            p11_3->C_VerifyMessage(session, NULL, 0, data[1 - i], data_len[1 - i], signature, len),
            CKR_SIGNATURE_INVALID);
        CHECK_EQ(p11_3->C_VerifyMessage(session, NULL, 0, data[i], data_len[i], signature, len - 1),
                 CKR_SIGNATURE_LEN_RANGE);
        len--;
        CHECK_EQ(p11_3->C_SignMessage(session, NULL, 0, data[i], data_len[i], signature, &len),
                 CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(len, asked);
    }
}

static void in_parts(CK_SESSION_HANDLE session, const signer *s)
{
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = 0;

    if (s->is_whole) {
        CHECK_EQ(p11_3->C_SignMessageBegin(session, NULL, 0), CKR_FUNCTION_NOT_SUPPORTED);
        CHECK_EQ(p11_3->C_VerifyMessageBegin(session, NULL, 0), CKR_FUNCTION_NOT_SUPPORTED);
        return;
    }
    for (int i = 0; i < 2; i++) {
        CHECK_OK(p11_3->C_SignMessageBegin(session, NULL, 0));
        CHECK_OK(p11_3->C_SignMessageNext(session, NULL, 0, second, 3, NULL, NULL));
        /* Neither a question nor a room too small takes the last part. */
        CHECK_OK(p11_3->C_SignMessageNext(session, NULL, 0, second + 3, 4, NULL, &len));
        len--;
        CHECK_EQ(p11_3->C_SignMessageNext(session, NULL, 0, second + 3, 4, signature, &len),
                 CKR_BUFFER_TOO_SMALL);
        CHECK_OK(p11_3->C_SignMessageNext(session, NULL, 0, second + 3, 4, signature, &len));
        CHECK_OK(
            p11->C_VerifyInit(session, (CK_MECHANISM *)(uintptr_t)&s->mechanism, s->verify_key));
        CHECK_OK(p11->C_Verify(session, second, 7, signature, len));
        CHECK_OK(p11_3->C_VerifyMessageBegin(session, NULL, 0));
        CHECK_OK(p11_3->C_VerifyMessageNext(session, NULL, 0, second, 5, NULL, 0));
        CHECK_OK(p11_3->C_VerifyMessageNext(session, NULL, 0, second + 5, 2, signature, len));
        CHECK_OK(p11_3->C_VerifyMessageBegin(session, NULL, 0));
        CHECK_EQ(p11_3->C_VerifyMessageNext(session, NULL, 0, second, 5, signature, len),
                 CKR_SIGNATURE_INVALID);
    }
}

static void families(void)
{
    FIXTURE(fix);
    signer signers[16];
    const size_t count = make_signers(fix.session, signers);
    CK_BYTE *const texts[2] = { first, second };
    const CK_ULONG lens[2] = { sizeof first, sizeof second };
    CK_BYTE hash[2][32] = { { 1 }, { 2 } };
    CK_BYTE *const hashes[2] = { hash[0], hash[1] };
    const CK_ULONG hash_lens[2] = { 32, 32 };

    for (size_t i = 0; i < count; i++) {
        CK_MECHANISM_INFO info;

        sign_both(fix.session, &signers[i], signers[i].needs_hash ? hashes : texts,
                  signers[i].needs_hash ? hash_lens : lens);
        in_parts(fix.session, &signers[i]);
        CHECK_OK(p11_3->C_MessageSignFinal(fix.session));
        CHECK_OK(p11_3->C_MessageVerifyFinal(fix.session));
        CHECK_OK(p11->C_GetMechanismInfo(fix.slot, signers[i].mechanism.mechanism, &info));
        CHECK_THAT((info.flags & CKF_MESSAGE_SIGN) != 0 && (info.flags & CKF_MESSAGE_VERIFY) != 0);
        CHECK_EQ((info.flags & CKF_MULTI_MESSAGE) == 0, signers[i].is_whole);
    }
}

/* RFC 4231, test cases 2 and 3 under one key of ours: case 2's, whose value is published. */
static void published_mac(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_GENERIC_SECRET, "Jefe", 4);
    CK_MECHANISM mechanism = { CKM_SHA256_HMAC, NULL, 0 };
    CK_BYTE text[] = "what do ya want for nothing?";
    CK_BYTE want[32];
    CK_BYTE mac[32];
    CK_ULONG len = sizeof mac;

    (void)from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", want, 32);
    CHECK_OK(p11_3->C_MessageSignInit(fix.session, &mechanism, key));
    CHECK_OK(p11_3->C_SignMessage(fix.session, NULL, 0, text, 28, mac, &len));
    CHECK_BYTES(mac, len, want, 32);
    CHECK_OK(p11_3->C_SignMessageBegin(fix.session, NULL, 0));
    CHECK_OK(p11_3->C_SignMessageNext(fix.session, NULL, 0, text, 28, NULL, NULL));
    CHECK_OK(p11_3->C_SignMessageNext(fix.session, NULL, 0, NULL, 0, mac, &len));
    CHECK_BYTES(mac, len, want, 32);
}

/* A message may bring the mechanism's parameter; the operation's own stays for the others, also
 * after the caller's memory has gone. */
static void parameters(void)
{
    FIXTURE(fix);
    const pair keys = generate_ml_dsa(fix.session);
    CK_BYTE context[] = "of all";
    CK_BYTE other[] = "of one";
    CK_SIGN_ADDITIONAL_CONTEXT usual = { CKH_HEDGE_PREFERRED, context, 6 };
    CK_SIGN_ADDITIONAL_CONTEXT special = { CKH_HEDGE_PREFERRED, other, 6 };
    CK_SIGN_ADDITIONAL_CONTEXT kept = usual;
    CK_BYTE kept_context[] = "of all";
    CK_MECHANISM mechanism = { CKM_ML_DSA, &usual, sizeof usual };
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof signature;

    kept.pContext = kept_context;
    CHECK_OK(p11_3->C_MessageSignInit(fix.session, &mechanism, keys.private_key));
    CHECK_OK(p11_3->C_MessageVerifyInit(fix.session, &mechanism, keys.public_key));
    memset(context, 'x', sizeof context);
    CHECK_OK(p11_3->C_SignMessage(fix.session, NULL, 0, first, 5, signature, &len));
    CHECK_OK(p11_3->C_VerifyMessage(fix.session, NULL, 0, first, 5, signature, len));
    CHECK_OK(p11_3->C_VerifyMessage(fix.session, &kept, sizeof kept, first, 5, signature, len));
    CHECK_EQ(
        p11_3->C_VerifyMessage(fix.session, &special, sizeof special, first, 5, signature, len),
        CKR_SIGNATURE_INVALID);
    CHECK_OK(
        p11_3->C_SignMessage(fix.session, &special, sizeof special, first, 5, signature, &len));
    CHECK_EQ(p11_3->C_VerifyMessage(fix.session, NULL, 0, first, 5, signature, len),
             CKR_SIGNATURE_INVALID);
    CHECK_OK(
        p11_3->C_VerifyMessage(fix.session, &special, sizeof special, first, 5, signature, len));
    CHECK_EQ(p11_3->C_SignMessage(fix.session, &special, 1, first, 5, signature, &len),
             CKR_MECHANISM_PARAM_INVALID);
    CHECK_OK(p11_3->C_SignMessage(fix.session, NULL, 0, first, 5, signature, &len));
}

static void states(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_GENERIC_SECRET, "Jefe", 4);
    const CK_OBJECT_HANDLE aes = generate_aes(fix.session, 16, false, "aes");
    CK_MECHANISM hmac = { CKM_SHA256_HMAC, NULL, 0 };
    CK_GCM_PARAMS gcm = { first, 12, 96, NULL, 0, 128 };
    CK_MECHANISM gmac = { CKM_AES_GMAC, &gcm, sizeof gcm };
    CK_BYTE mac[32];
    CK_ULONG len = sizeof mac;

    CHECK_EQ(p11_3->C_SignMessage(fix.session, NULL, 0, first, 1, mac, &len),
             CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(p11_3->C_MessageSignFinal(fix.session), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(p11_3->C_MessageSignInit(fix.session, &gmac, aes), CKR_MECHANISM_INVALID);
    CHECK_OK(p11_3->C_MessageSignInit(fix.session, &hmac, key));
    CHECK_EQ(p11_3->C_MessageSignInit(fix.session, &hmac, key), CKR_OPERATION_ACTIVE);
    CHECK_EQ(p11_3->C_SignMessageNext(fix.session, NULL, 0, first, 1, mac, &len),
             CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(p11_3->C_SignMessageBegin(fix.session, NULL, 0));
    CHECK_EQ(p11_3->C_SignMessageBegin(fix.session, NULL, 0), CKR_OPERATION_ACTIVE);
    CHECK_EQ(p11_3->C_SignMessage(fix.session, NULL, 0, first, 1, mac, &len), CKR_OPERATION_ACTIVE);
    CHECK_EQ(p11_3->C_MessageSignFinal(fix.session), CKR_OPERATION_ACTIVE);
    CHECK_EQ(p11_3->C_SignMessageNext(fix.session, NULL, 0, NULL, 1, mac, &len), CKR_ARGUMENTS_BAD);
    CHECK_OK(p11_3->C_SignMessage(fix.session, NULL, 0, first, 1, mac, &len)); /* it was ended */
    CHECK_OK(p11->C_SignInit(fix.session, &hmac, key));                        /* beside it */
    CHECK_OK(p11_3->C_SessionCancel(fix.session, CKF_MESSAGE_SIGN));
    CHECK_OK(p11->C_Sign(fix.session, first, 1, mac, &len));
    CHECK_EQ(p11_3->C_MessageSignFinal(fix.session), CKR_OPERATION_NOT_INITIALIZED);

    CHECK_OK(p11_3->C_MessageVerifyInit(fix.session, &hmac, key));
    CHECK_OK(p11_3->C_VerifyMessageBegin(fix.session, NULL, 0));
    CHECK_EQ(p11_3->C_MessageVerifyFinal(fix.session), CKR_OPERATION_ACTIVE);
    CHECK_OK(p11_3->C_MessageVerifyInit(fix.session, NULL, 0));
    CHECK_EQ(p11_3->C_MessageVerifyFinal(fix.session), CKR_OPERATION_NOT_INITIALIZED);
}

/* CKA_ALWAYS_AUTHENTICATE: the PIN is asked for with each message. */
static void every_use_is_authenticated(void)
{
    FIXTURE(fix);
    CK_MECHANISM gen = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM ecdsa = { CKM_ECDSA_SHA256, NULL, 0 };
    pair keys = { 0, 0 };
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;

    put_bytes(&pub, CKA_EC_PARAMS, p_256.params, p_256.params_len);
    put_bool(&priv, CKA_ALWAYS_AUTHENTICATE, true);
    CHECK_OK(p11->C_GenerateKeyPair(fix.session, &gen, pub.at, pub.count, priv.at, priv.count,
                                    &keys.public_key, &keys.private_key));
    CHECK_OK(p11_3->C_MessageSignInit(fix.session, &ecdsa, keys.private_key));
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(p11_3->C_SignMessage(fix.session, NULL, 0, first, 5, signature, &len),
                 CKR_USER_NOT_LOGGED_IN);
        CHECK_OK(login(fix.session, CKU_CONTEXT_SPECIFIC, USER_PIN));
        CHECK_OK(p11_3->C_SignMessage(fix.session, NULL, 0, first, 5, NULL, &len)); /* no use */
        CHECK_OK(p11_3->C_SignMessage(fix.session, NULL, 0, first, 5, signature, &len));
    }
    CHECK_OK(login(fix.session, CKU_CONTEXT_SPECIFIC, USER_PIN));
    CHECK_OK(p11_3->C_SignMessageBegin(fix.session, NULL, 0));
    CHECK_OK(p11_3->C_SignMessageNext(fix.session, NULL, 0, first, 5, signature, &len));
    CHECK_EQ(p11_3->C_SignMessageBegin(fix.session, NULL, 0), CKR_USER_NOT_LOGGED_IN);
}

static const check_test tests[] = {
    CHECK_TEST(families),
    CHECK_TEST(published_mac),
    CHECK_TEST(parameters),
    CHECK_TEST(states),
    CHECK_TEST(every_use_is_authenticated),
};
CHECK_MAIN(tests)
