#include "fault/abi_steps.h"

CK_RV scene_start(scene *s)
{
    CK_RV rv = p11->C_Initialize(NULL);

    if (rv == CKR_OK)
        rv = p11->C_OpenSession(s->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                &s->session);
    return rv == CKR_OK ? scene_log_in(s) : rv;
}

static CK_RV set_pins(scene *s, const char *from, const char *to)
{
    return p11->C_SetPIN(s->session, utf8(from), strlen(from), utf8(to), strlen(to));
}

CK_RV scene_log_in(scene *s)
{
    CK_RV rv = login(s->session, CKU_USER, USER_PIN);

    if (rv != CKR_PIN_INCORRECT)
        return rv;
    rv = login(s->session, CKU_USER, OTHER_PIN);
    s->had_other_pin = rv == CKR_OK;
    return rv == CKR_OK ? set_pins(s, OTHER_PIN, USER_PIN) : rv;
}

size_t scene_count(scene *s)
{
    CK_OBJECT_HANDLE found[128];
    attrs tmpl = { .count = 0 };

    put_bool(&tmpl, CKA_TOKEN, true);
    return find_all(s->session, &tmpl, found, ARRAY_LEN(found));
}

/* Handles are of one initialisation. */
void scene_find(scene *s)
{
    static const char *const labels[] = { "rsa", "ec", "ed" };
    pair *pairs[] = { &s->rsa, &s->ec, &s->ed };

    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        CK_OBJECT_HANDLE found[2] = { 0 };

        CHECK_EQ(find_label(s->session, labels[i], found, 2), 2);
        const bool is_first = ask_attr(s->session, found[0], CKA_SIGN) == CKR_OK;
        pairs[i]->private_key = found[is_first ? 0 : 1];
        pairs[i]->public_key = found[is_first ? 1 : 0];
    }
    CHECK_EQ(find_label(s->session, "aes", &s->aes, 1), 1);
    CHECK_EQ(find_label(s->session, "hmac", &s->hmac, 1), 1);
}

void scene_make(scene *s)
{
    attrs tmpl = { .count = 0 };

    s->rsa = generate_pair(s->session, &rsa_2048, true, "rsa");
    s->ec = generate_pair(s->session, &p_256, true, "ec");
    s->ed = generate_pair(s->session, &ed_25519, true, "ed");
    s->aes = generate_aes(s->session, 32, true, "aes");
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_bool(&tmpl, CKA_SIGN, true);
    put_text(&tmpl, CKA_LABEL, "hmac");
    put_text(&tmpl, CKA_VALUE, "0123456789abcdef0123456789abcdef");
    CHECK_OK(p11->C_CreateObject(s->session, tmpl.at, tmpl.count, &s->hmac));
    s->objects = scene_count(s);
}

static bool is_of_scene(scene *s, CK_OBJECT_HANDLE object)
{
    static const char *const labels[] = { "rsa", "ec", "ed", "aes", "hmac" };
    char label[8] = "";
    const size_t len = get_attr(s->session, object, CKA_LABEL, label, sizeof label);

    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        if (len == strlen(labels[i]) && memcmp(label, labels[i], len) == 0)
            return true;
    }
    return false;
}

size_t scene_sweep(scene *s)
{
    CK_OBJECT_HANDLE found[128];
    attrs tmpl = { .count = 0 };
    size_t swept = 0;

    put_bool(&tmpl, CKA_TOKEN, true);
    const size_t count = find_all(s->session, &tmpl, found, ARRAY_LEN(found));
    for (size_t i = 0; i < count && i < ARRAY_LEN(found); i++) {
        if (is_of_scene(s, found[i]))
            continue;
        CHECK_OK(p11->C_DestroyObject(s->session, found[i]));
        swept++;
    }
    return swept;
}

/* --- steps -------------------------------------------------------------------------------------- */

static CK_RV nothing(scene *s)
{
    (void)s;
    return CKR_OK;
}

static CK_RV finalize(scene *s)
{
    (void)s;
    return p11->C_Finalize(NULL);
}

static CK_RV initialize(scene *s)
{
    (void)s;
    return p11->C_Initialize(NULL);
}

/* What was opened in spite of the failure can be used. */
static CK_RV use_and_finalize(scene *s)
{
    CK_RV rv =
        p11->C_OpenSession(s->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s->session);

    if (rv == CKR_OK)
        rv = login(s->session, CKU_USER, USER_PIN);
    return rv == CKR_OK ? finalize(s) : rv;
}

static CK_RV init_second_token(scene *s)
{
    CK_SLOT_ID slots[4];
    CK_ULONG count = ARRAY_LEN(slots);
    CK_UTF8CHAR label[32];
    const CK_RV rv = p11->C_GetSlotList(CK_FALSE, slots, &count);

    (void)s;
    memset(label, ' ', sizeof label);
    return rv == CKR_OK ? p11->C_InitToken(slots[1], utf8(SO_PIN), strlen(SO_PIN), label) : rv;
}

static CK_RV open_close(scene *s)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    const CK_RV rv = p11->C_OpenSession(s->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);

    return rv == CKR_OK ? p11->C_CloseSession(session) : rv;
}

static CK_RV log_in(scene *s)
{
    return login(s->session, CKU_USER, USER_PIN);
}

/* Nothing was written yet. */
static CK_RV start_anew(scene *s)
{
    CK_RV rv = p11->C_Finalize(NULL);

    if (rv == CKR_OK)
        rv = p11->C_Initialize(NULL);
    return rv == CKR_OK ? p11->C_OpenSession(s->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                             NULL, &s->session)
                        : rv;
}

static CK_RV log_out(scene *s)
{
    return p11->C_Logout(s->session);
}

static CK_RV log_in_so(scene *s)
{
    return login(s->session, CKU_SO, SO_PIN);
}

static CK_RV init_pin(scene *s)
{
    return p11->C_InitPIN(s->session, utf8(USER_PIN), strlen(USER_PIN));
}

static CK_RV out_and_so(scene *s)
{
    const CK_RV rv = log_out(s);

    return rv == CKR_OK ? log_in_so(s) : rv;
}

static CK_RV out_and_user(scene *s)
{
    const CK_RV rv = log_out(s);

    if (rv != CKR_OK)
        return rv;
    return log_in(s);
}

static CK_RV so_and_back(scene *s)
{
    const CK_RV rv = out_and_so(s);

    return rv == CKR_OK ? out_and_user(s) : rv;
}

static CK_RV out_and_in(scene *s)
{
    const CK_RV rv = log_out(s);

    return rv == CKR_OK ? scene_log_in(s) : rv;
}

static CK_RV set_pin(scene *s)
{
    return set_pins(s, USER_PIN, OTHER_PIN);
}

static CK_RV set_pin_back(scene *s)
{
    return set_pins(s, OTHER_PIN, USER_PIN);
}

static CK_RV destroy_made(scene *s)
{
    CK_RV rv = CKR_OK;

    for (size_t i = 0; i < ARRAY_LEN(s->made) && rv == CKR_OK; i++) {
        if (s->made[i] != CK_INVALID_HANDLE)
            rv = p11->C_DestroyObject(s->session, s->made[i]);
        if (rv == CKR_OK)
            s->made[i] = CK_INVALID_HANDLE;
    }
    return rv;
}

/* The handles may be of an earlier initialisation. */
static CK_RV sweep(scene *s)
{
    (void)scene_sweep(s);
    return CKR_OK;
}

static CK_RV make_pair(scene *s, const pair_kind *kind)
{
    static const CK_BYTE exponent[] = { 0x01, 0x00, 0x01 };
    CK_MECHANISM mechanism = { kind->mechanism, NULL, 0 };
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };

    put_bool(&pub, CKA_TOKEN, true);
    if (kind->rsa_bits > 0) {
        put_ulong(&pub, CKA_MODULUS_BITS, kind->rsa_bits);
        put_bytes(&pub, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    } else {
        put_bytes(&pub, CKA_EC_PARAMS, kind->params, kind->params_len);
    }
    put_bool(&priv, CKA_TOKEN, true);
    return p11->C_GenerateKeyPair(s->session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                  &s->made[0], &s->made[1]);
}

static CK_RV make_rsa(scene *s)
{
    return make_pair(s, &rsa_2048);
}

static CK_RV make_ec(scene *s)
{
    return make_pair(s, &p_256);
}

static CK_RV make_ed(scene *s)
{
    return make_pair(s, &ed_25519);
}

static CK_RV make_aes(scene *s)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_VALUE_LEN, 32);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    return p11->C_GenerateKey(s->session, &mechanism, tmpl.at, tmpl.count, &s->made[0]);
}

static CK_RV make_data(scene *s)
{
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_text(&tmpl, CKA_LABEL, "made");
    put_text(&tmpl, CKA_VALUE, "some data");
    return p11->C_CreateObject(s->session, tmpl.at, tmpl.count, &s->made[0]);
}

static CK_RV sign_with(scene *s, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key, CK_ULONG len)
{
    CK_MECHANISM mechanism = { type, NULL, 0 };
    CK_RV rv = p11->C_SignInit(s->session, &mechanism, key);

    s->signature_len = sizeof s->signature;
    if (rv == CKR_OK)
        rv = p11->C_Sign(s->session, s->message, len, s->signature, &s->signature_len);
    return rv;
}

static CK_RV verify_with(scene *s, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key, CK_ULONG len)
{
    CK_MECHANISM mechanism = { type, NULL, 0 };
    CK_RV rv = p11->C_VerifyInit(s->session, &mechanism, key);

    if (rv == CKR_OK)
        rv = p11->C_Verify(s->session, s->message, len, s->signature, s->signature_len);
    return rv;
}

CK_RV scene_sign_rsa(scene *s)
{
    return sign_with(s, CKM_SHA256_RSA_PKCS, s->rsa.private_key, 64);
}

CK_RV scene_verify_rsa(scene *s)
{
    return verify_with(s, CKM_SHA256_RSA_PKCS, s->rsa.public_key, 64);
}

CK_RV scene_sign_ec(scene *s)
{
    return sign_with(s, CKM_ECDSA, s->ec.private_key, 32);
}

CK_RV scene_verify_ec(scene *s)
{
    return verify_with(s, CKM_ECDSA, s->ec.public_key, 32);
}

static CK_RV sign_ed(scene *s)
{
    return sign_with(s, CKM_EDDSA, s->ed.private_key, 64);
}

static CK_RV verify_ed(scene *s)
{
    return verify_with(s, CKM_EDDSA, s->ed.public_key, 64);
}

static CK_RV sign_hmac(scene *s)
{
    return sign_with(s, CKM_SHA256_HMAC, s->hmac, 64);
}

static CK_BYTE gcm_nonce[12] = { 1, 2, 3 };

static CK_MECHANISM gcm(CK_GCM_PARAMS *params)
{
    *params = (CK_GCM_PARAMS){ .pIv = gcm_nonce, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
    return (CK_MECHANISM){ CKM_AES_GCM, params, sizeof *params };
}

CK_RV scene_encrypt(scene *s)
{
    CK_GCM_PARAMS params;
    CK_MECHANISM mechanism = gcm(&params);
    CK_RV rv = p11->C_EncryptInit(s->session, &mechanism, s->aes);

    s->cipher_len = sizeof s->cipher;
    if (rv == CKR_OK)
        rv = p11->C_Encrypt(s->session, s->message, 64, s->cipher, &s->cipher_len);
    return rv;
}

CK_RV scene_decrypt(scene *s)
{
    CK_GCM_PARAMS params;
    CK_MECHANISM mechanism = gcm(&params);
    CK_BYTE plain[128];
    CK_ULONG len = sizeof plain;
    CK_RV rv = p11->C_DecryptInit(s->session, &mechanism, s->aes);

    if (rv == CKR_OK)
        rv = p11->C_Decrypt(s->session, s->cipher, s->cipher_len, plain, &len);
    if (rv == CKR_OK)
        CHECK_BYTES(plain, len, s->message, 64);
    return rv;
}

static CK_RV encrypt_in_parts(scene *s)
{
    CK_MECHANISM mechanism = { CKM_AES_CBC_PAD, s->message, 16 };
    CK_BYTE part[128];
    CK_ULONG len = sizeof part;
    CK_RV rv = p11->C_EncryptInit(s->session, &mechanism, s->aes);

    if (rv == CKR_OK)
        rv = p11->C_EncryptUpdate(s->session, s->message, 60, part, &len);
    len = sizeof part;
    if (rv == CKR_OK)
        rv = p11->C_EncryptFinal(s->session, part, &len);
    return rv;
}

static CK_RV digest(scene *s)
{
    CK_MECHANISM mechanism = { CKM_SHA512, NULL, 0 };
    CK_BYTE out[64];
    CK_ULONG len = sizeof out;
    CK_RV rv = p11->C_DigestInit(s->session, &mechanism);

    if (rv == CKR_OK)
        rv = p11->C_DigestUpdate(s->session, s->message, 64);
    if (rv == CKR_OK)
        rv = p11->C_DigestFinal(s->session, out, &len);
    return rv;
}

static CK_RV give_random(scene *s)
{
    CK_BYTE out[64];

    return p11->C_GenerateRandom(s->session, out, sizeof out);
}

static CK_RV find(scene *s)
{
    CK_OBJECT_HANDLE found[64];
    CK_ULONG count = 0;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
    put_text(&tmpl, CKA_LABEL, "ec");
    CK_RV rv = p11->C_FindObjectsInit(s->session, tmpl.at, tmpl.count);
    if (rv != CKR_OK)
        return rv;
    rv = p11->C_FindObjects(s->session, found, ARRAY_LEN(found), &count);
    const CK_RV end = p11->C_FindObjectsFinal(s->session);
    if (rv == CKR_OK)
        CHECK_EQ(count, 1);
    return rv != CKR_OK ? rv : end;
}

static CK_RV wrap(scene *s)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };

    s->cipher_len = sizeof s->cipher;
    return p11->C_WrapKey(s->session, &mechanism, s->aes, s->aes, s->cipher, &s->cipher_len);
}

static CK_RV unwrap(scene *s)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    put_bool(&tmpl, CKA_TOKEN, true);
    return p11->C_UnwrapKey(s->session, &mechanism, s->aes, s->cipher, s->cipher_len, tmpl.at,
                            tmpl.count, &s->made[0]);
}

static CK_RV derive(scene *s)
{
    CK_BYTE point[128];
    attrs tmpl = { .count = 0 };
    CK_ATTRIBUTE want = { CKA_EC_POINT, point, sizeof point };
    CK_RV rv = p11->C_GetAttributeValue(s->session, s->ec.public_key, &want, 1);
    CK_ECDH1_DERIVE_PARAMS params = { .kdf = CKD_NULL,
                                      .pPublicData = point,
                                      .ulPublicDataLen = want.ulValueLen };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof params };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_ulong(&tmpl, CKA_VALUE_LEN, 32);
    put_bool(&tmpl, CKA_TOKEN, true);
    if (rv == CKR_OK)
        rv = p11->C_DeriveKey(s->session, &mechanism, s->ec.private_key, tmpl.at, tmpl.count,
                              &s->made[0]);
    return rv;
}

static CK_RV copy(scene *s)
{
    attrs tmpl = { .count = 0 };

    put_text(&tmpl, CKA_LABEL, "copied");
    return p11->C_CopyObject(s->session, s->aes, tmpl.at, tmpl.count, &s->made[0]);
}

static CK_RV set_attribute(scene *s)
{
    attrs tmpl = { .count = 0 };

    put_text(&tmpl, CKA_ID, "an id");
    return p11->C_SetAttributeValue(s->session, s->aes, tmpl.at, tmpl.count);
}

static CK_RV get_attribute(scene *s)
{
    CK_BYTE modulus[256];
    CK_ATTRIBUTE attr = { CKA_MODULUS, modulus, sizeof modulus };

    return p11->C_GetAttributeValue(s->session, s->rsa.public_key, &attr, 1);
}

static CK_RV close_down(scene *s)
{
    return finalize(s);
}

#define STORES (FAULT_MEMORY | FAULT_WRITES)

const step steps[] = {
    { "initialize", nothing, initialize, use_and_finalize, nothing, FAULT_MEMORY | FAULT_FILES,
      true, false },
    { "life", nothing, scene_start, finalize, out_and_in, STORES, true, true },
    { "init token", nothing, init_second_token, nothing, init_second_token, STORES, false, true },
    { "open session", nothing, open_close, nothing, nothing, 0, false, false },
    { "login", log_out, log_in, nothing, out_and_in, FAULT_WRITES, false, true },
    { "first login", start_anew, log_in, nothing, out_and_in, FAULT_FILES, false, true },
    { "login so", log_out, log_in_so, out_and_user, so_and_back, FAULT_WRITES, false, true },
    { "init pin", out_and_so, init_pin, out_and_user, so_and_back, FAULT_WRITES, false, true },
    { "set pin", nothing, set_pin, set_pin_back, out_and_in, FAULT_WRITES, false, true },
    { "generate rsa", nothing, make_rsa, destroy_made, nothing, STORES, false, false },
    { "generate ec", nothing, make_ec, destroy_made, nothing, STORES, false, false },
    { "generate ed", nothing, make_ed, destroy_made, nothing, STORES, false, false },
    { "generate aes", nothing, make_aes, destroy_made, nothing, STORES, false, false },
    { "create", nothing, make_data, destroy_made, nothing, STORES, false, false },
    { "sign rsa", nothing, scene_sign_rsa, nothing, nothing, 0, false, false },
    { "verify rsa", scene_sign_rsa, scene_verify_rsa, nothing, nothing, 0, false, false },
    { "sign ec", nothing, scene_sign_ec, nothing, nothing, 0, false, false },
    { "verify ec", scene_sign_ec, scene_verify_ec, nothing, nothing, 0, false, false },
    { "sign ed", nothing, sign_ed, nothing, nothing, 0, false, false },
    { "verify ed", sign_ed, verify_ed, nothing, nothing, 0, false, false },
    { "hmac", nothing, sign_hmac, nothing, nothing, 0, false, false },
    { "encrypt", nothing, scene_encrypt, nothing, nothing, 0, false, false },
    { "decrypt", scene_encrypt, scene_decrypt, nothing, nothing, 0, false, false },
    { "encrypt in parts", nothing, encrypt_in_parts, nothing, nothing, 0, false, false },
    { "digest", nothing, digest, nothing, nothing, 0, false, false },
    { "random", nothing, give_random, nothing, nothing, 0, false, false },
    { "find", nothing, find, nothing, nothing, FAULT_MEMORY, false, false },
    { "wrap", nothing, wrap, nothing, nothing, 0, false, false },
    { "unwrap", wrap, unwrap, destroy_made, nothing, STORES, false, false },
    { "derive", nothing, derive, destroy_made, nothing, STORES, false, false },
    { "copy", nothing, copy, destroy_made, nothing, STORES, false, false },
    { "set attribute", nothing, set_attribute, nothing, nothing, STORES, false, false },
    { "get attribute", nothing, get_attribute, nothing, nothing, 0, false, false },
    { "destroy", make_data, destroy_made, nothing, sweep, FAULT_WRITES, false, false },
    { "generate ml-dsa", nothing, scene_store_ml_dsa, destroy_made, nothing, STORES, false, false },
    { "sign ml-dsa", scene_make_ml_dsa, scene_sign_ml_dsa, destroy_made, nothing, FAULT_MEMORY,
      false, false },
    { "ml-kem", scene_make_ml_kem, scene_agree_ml_kem, destroy_made, nothing, FAULT_MEMORY, false,
      false },
    { "encrypt message", nothing, scene_encrypt_message, nothing, nothing, 0, false, false },
    { "save state", nothing, scene_save_state, nothing, nothing, FAULT_MEMORY, false, false },
    { "deactivate", scene_make_ml_dsa, scene_deactivate, destroy_made, nothing, FAULT_MEMORY, false,
      false },
    { "finalize", nothing, close_down, scene_start, nothing, 0, false, false },
};
const size_t step_count = ARRAY_LEN(steps);
