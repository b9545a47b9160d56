#include "async.h"

#include <poll.h>

bool has_async_sessions(const fixture *fix)
{
    CK_TOKEN_INFO info = { .flags = 0 };

    return p11->C_GetTokenInfo(fix->slot, &info) == CKR_OK &&
           (info.flags & CKF_ASYNC_SESSION_SUPPORTED) != 0;
}

CK_SESSION_HANDLE open_async(const fixture *fix)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    CHECK_OK(p11->C_OpenSession(fix->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION,
                                NULL, NULL, &session));
    return session;
}

CK_RV ask(CK_SESSION_HANDLE session, const char *function, CK_ASYNC_DATA *out_data)
{
    CK_BYTE guard = 0;
    const CK_ASYNC_DATA untouched = { .pValue = &guard, .ulValue = 77 };

    *out_data = untouched;
    const CK_RV rv = p11_3->C_AsyncComplete(session, utf8(function), out_data);
    if (rv == CKR_PENDING) {
        CHECK_EQ(out_data->pValue == &guard, true);
        CHECK_EQ(out_data->ulValue, 77);
    }
    return rv;
}

CK_RV await(CK_SESSION_HANDLE session, const char *function, CK_ASYNC_DATA *out_data)
{
    CK_RV rv = ask(session, function, out_data);

    while (rv == CKR_PENDING) {
        (void)poll(NULL, 0, 1); /* the processor is the other thread's */
        rv = ask(session, function, out_data);
    }
    return rv;
}

CK_RV start_rsa(CK_SESSION_HANDLE session, const pair_order *order)
{
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE handles[2] = { 1234, 5678 };
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };

    put_ulong(&pub, CKA_MODULUS_BITS, order->bits);
    put_bool(&pub, CKA_TOKEN, order->is_token);
    put_bool(&pub, CKA_VERIFY, true);
    put_bool(&pub, CKA_ENCRYPT, true);
    put_bool(&priv, CKA_TOKEN, order->is_token);
    put_bool(&priv, CKA_PRIVATE, order->is_private);
    put_bool(&priv, CKA_SIGN, true);
    put_bool(&priv, CKA_DECRYPT, true);
    put_text(&pub, CKA_LABEL, order->label);
    put_text(&priv, CKA_LABEL, order->label);
    const CK_RV rv = p11->C_GenerateKeyPair(session, &mechanism, pub.at, pub.count, priv.at,
                                            priv.count, &handles[0], &handles[1]);
    CHECK_EQ(handles[0], 1234);
    CHECK_EQ(handles[1], 5678);
    memset(&pub, 0xee, sizeof pub); /* whoever still reads it is found out */
    memset(&priv, 0xee, sizeof priv);
    return rv;
}

/* Whatever the hash of the mechanism. */
static const char signed_text[] = "thirty-two bytes: as a SHA-256...";
enum { SIGNED_LEN = 32 };

CK_RV start_signature(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key,
                      CK_BYTE *room, CK_ULONG cap)
{
    CK_MECHANISM with = { mechanism, NULL, 0 };
    CK_BYTE data[SIGNED_LEN];
    CK_ULONG len = cap;

    memcpy(data, signed_text, sizeof data);
    const CK_RV begun = p11->C_SignInit(session, &with, key);
    if (begun != CKR_OK)
        return begun;
    const CK_RV rv = p11->C_Sign(session, data, sizeof data, room, &len);
    memset(data, 0xee, sizeof data);
    if (rv == CKR_PENDING)
        CHECK_EQ(len, cap);
    return rv;
}

CK_RV verify_signature(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key,
                       CK_BYTE *signature, CK_ULONG len)
{
    CK_MECHANISM with = { mechanism, NULL, 0 };
    CK_BYTE data[SIGNED_LEN];

    memcpy(data, signed_text, sizeof data);
    const CK_RV begun = p11->C_VerifyInit(session, &with, key);
    return begun == CKR_OK ? p11->C_Verify(session, data, sizeof data, signature, len) : begun;
}

bool threads_fall_to(size_t count)
{
    enum { TRIES = 20000 };

    for (int i = 0; i < TRIES; i++) {
        if (count_threads() <= count)
            return true;
        (void)poll(NULL, 0, 1);
    }
    return false;
}
