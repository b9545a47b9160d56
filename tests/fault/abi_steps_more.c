/* Steps of newer parts: post-quantum keys, messages, saved states, lifecycle. Their keys are session objects
 * where a failure of the random source, which ends all sessions, would lose the handle. */
#include "fault/abi_steps.h"

#define STATE (CKA_VENDOR_DEFINED | 0x43520002UL)

static CK_RV make_pqc(scene *s, CK_MECHANISM_TYPE type, CK_ULONG parameter_set, bool is_token)
{
    CK_MECHANISM mechanism = { type, NULL, 0 };
    const bool is_kem = type == CKM_ML_KEM_KEY_PAIR_GEN;
    attrs pub = { .count = 0 }, priv = { .count = 0 };

    put_ulong(&pub, CKA_PARAMETER_SET, parameter_set);
    put_bool(&pub, CKA_TOKEN, is_token);
    put_bool(&pub, is_kem ? CKA_ENCAPSULATE : CKA_VERIFY, true);
    put_bool(&priv, CKA_TOKEN, is_token);
    put_bool(&priv, is_kem ? CKA_DECAPSULATE : CKA_SIGN, true);
    return p11->C_GenerateKeyPair(s->session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                  &s->made[0], &s->made[1]);
}

CK_RV scene_store_ml_dsa(scene *s)
{
    return make_pqc(s, CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_44, true);
}

CK_RV scene_make_ml_dsa(scene *s)
{
    return make_pqc(s, CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_44, false);
}

CK_RV scene_make_ml_kem(scene *s)
{
    return make_pqc(s, CKM_ML_KEM_KEY_PAIR_GEN, CKP_ML_KEM_512, false);
}

CK_RV scene_sign_ml_dsa(scene *s)
{
    static CK_BYTE signature[4096];
    CK_MECHANISM mechanism = { CKM_ML_DSA, NULL, 0 };
    CK_ULONG len = sizeof signature;
    CK_RV rv = p11->C_SignInit(s->session, &mechanism, s->made[1]);

    if (rv == CKR_OK)
        rv = p11->C_Sign(s->session, s->message, sizeof s->message, signature, &len);
    if (rv == CKR_OK)
        rv = p11->C_VerifyInit(s->session, &mechanism, s->made[0]);
    if (rv == CKR_OK)
        rv = p11->C_Verify(s->session, s->message, sizeof s->message, signature, len);
    return rv;
}

CK_RV scene_agree_ml_kem(scene *s)
{
    CK_MECHANISM mechanism = { CKM_ML_KEM, NULL, 0 };
    CK_OBJECT_HANDLE sent = CK_INVALID_HANDLE, received = CK_INVALID_HANDLE;
    CK_BYTE ciphertext[1024];
    CK_ULONG len = sizeof ciphertext;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    CK_RV rv = p11_3->C_EncapsulateKey(s->session, &mechanism, s->made[0], tmpl.at, tmpl.count,
                                       ciphertext, &len, &sent);
    if (rv == CKR_OK)
        rv = p11_3->C_DecapsulateKey(s->session, &mechanism, s->made[1], tmpl.at, tmpl.count,
                                     ciphertext, len, &received);
    for (int i = 0; i < 2; i++) {
        const CK_OBJECT_HANDLE made = i == 0 ? sent : received;

        if (made == CK_INVALID_HANDLE)
            continue;
        const CK_RV destroyed = p11->C_DestroyObject(s->session, made);
        rv = rv == CKR_OK ? destroyed : rv;
    }
    return rv;
}

CK_RV scene_encrypt_message(scene *s)
{
    CK_BYTE iv[12] = { 0 }, tag[16], out[64];
    CK_GCM_MESSAGE_PARAMS params = { .pIv = iv,
                                     .ulIvLen = sizeof iv,
                                     .ivGenerator = CKG_GENERATE_RANDOM,
                                     .pTag = tag,
                                     .ulTagBits = 128 };
    CK_MECHANISM mechanism = { CKM_AES_GCM, NULL, 0 };
    CK_ULONG len = sizeof out;
    CK_RV rv = p11_3->C_MessageEncryptInit(s->session, &mechanism, s->aes);

    if (rv != CKR_OK)
        return rv;
    rv = p11_3->C_EncryptMessage(s->session, &params, sizeof params, NULL, 0, s->message,
                                 sizeof s->message, out, &len);
    (void)p11_3->C_MessageEncryptFinal(s->session);
    return rv;
}

CK_RV scene_save_state(scene *s)
{
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_BYTE state[8192], hash[32];
    CK_ULONG len = sizeof state, hash_len = sizeof hash;
    CK_RV rv = p11->C_DigestInit(s->session, &mechanism);

    if (rv == CKR_OK)
        rv = p11->C_DigestUpdate(s->session, s->message, sizeof s->message);
    if (rv == CKR_OK)
        rv = p11->C_GetOperationState(s->session, state, &len);
    if (rv == CKR_OK)
        rv = p11->C_SetOperationState(s->session, state, len, 0, 0);
    if (rv == CKR_OK)
        rv = p11->C_DigestFinal(s->session, hash, &hash_len);
    (void)p11->C_DigestInit(s->session, NULL); /* what a failure left open */
    /* Memory that is short makes what was fed unsaveable: that is the answer then. */
    return rv == CKR_STATE_UNSAVEABLE ? CKR_HOST_MEMORY : rv;
}

CK_RV scene_deactivate(scene *s)
{
    CK_ULONG state = 3;
    CK_ATTRIBUTE attr = { STATE, &state, sizeof state };

    return p11->C_SetAttributeValue(s->session, s->made[0], &attr, 1);
}
