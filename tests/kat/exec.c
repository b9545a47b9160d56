/* Runs digests, MACs, ciphers and signatures, in one part and in pieces.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exec.h"
#include "kat.h"

#include <stdlib.h>

/* More than any signature or ciphertext of the vectors; C_ functions are told this room. */
enum { OUT_BYTES_MAX = 1 << 17 };

static uint8_t output[OUT_BYTES_MAX];

CK_BYTE_PTR span_ptr(span s)
{
    return (CK_BYTE_PTR)(uintptr_t)s.data;
}

bool is_offered(kat *k, const kat_case *c, CK_MECHANISM_TYPE type, CK_FLAGS flags)
{
    CK_SESSION_INFO session;
    CK_MECHANISM_INFO info;

    (void)c;
    if (p11->C_GetSessionInfo(k->session, &session) == CKR_OK &&
        p11->C_GetMechanismInfo(session.slotID, type, &info) == CKR_OK &&
        (info.flags & flags) == flags)
        return true;
    kat_exclude(k, type, "mechanism not offered");
    return false;
}

bool is_breakdown(CK_RV rv)
{
    return rv == CKR_GENERAL_ERROR || rv == CKR_HOST_MEMORY || rv == CKR_DEVICE_ERROR ||
           rv == CKR_DEVICE_MEMORY || rv == CKR_SESSION_HANDLE_INVALID ||
           rv == CKR_OPERATION_NOT_INITIALIZED || rv == CKR_OPERATION_ACTIVE ||
           rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_CRYPTOKI_NOT_INITIALIZED ||
           rv == CKR_KEY_HANDLE_INVALID || rv == CKR_KEY_FUNCTION_NOT_PERMITTED ||
           rv == CKR_BUFFER_TOO_SMALL || rv == CKR_MECHANISM_INVALID;
}

void judge(kat *k, const kat_case *c, const job *j, const char *what, CK_RV rv)
{
    const CK_MECHANISM_TYPE type = j->mechanism.mechanism;

    if (rv == CKR_OK && j->expect == MUST_FAIL)
        kat_fail(k, c, type, "%s accepts what is invalid", what);
    else if (rv != CKR_OK && j->expect == MUST_WORK)
        kat_fail(k, c, type, "%s answers %s to what is valid", what, rv_text(rv));
    else if (rv != CKR_OK && is_breakdown(rv))
        kat_fail(k, c, type, "%s answers %s", what, rv_text(rv));
    else
        kat_pass(k, type);
}

static void hex32(span s, char out[static 72])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (size_t i = 0; i < s.len && i < 32; i++) {
        out[n++] = digits[s.data[i] >> 4];
        out[n++] = digits[s.data[i] & 15];
    }
    out[n] = '\0';
}

bool same(kat *k, const kat_case *c, const job *j, const char *what, const span both[static 2])
{
    char got[72];
    char want[72];

    if (span_equal(both[0], both[1]))
        return true;
    hex32(both[0], got);
    hex32(both[1], want);
    kat_fail(k, c, j->mechanism.mechanism, "%s: got %zu bytes %s, expected %zu bytes %s", what,
             both[0].len, got, both[1].len, want);
    return false;
}

/* --- one operation, whole or in pieces ---------------------------------------------------------- */

typedef CK_RV part_fn(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV final_fn(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV feed_fn(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);

/* Pieces of 1, 2, 3, ... bytes cross every block boundary in another place. */
static CK_RV in_pieces(kat *k, part_fn *update, final_fn *final, span in, span *out)
{
    CK_ULONG len;
    size_t total = 0;
    CK_RV rv = CKR_OK;

    for (size_t at = 0, step = 1; at < in.len && rv == CKR_OK; step++) {
        const size_t count = in.len - at < step ? in.len - at : step;

        len = OUT_BYTES_MAX - total;
        rv = update(k->session, (CK_BYTE_PTR)(uintptr_t)in.data + at, count, output + total, &len);
        total += rv == CKR_OK ? len : 0;
        at += count;
    }
    len = OUT_BYTES_MAX - total;
    if (rv == CKR_OK)
        rv = final(k->session, output + total, &len);
    *out = (span){ output, total + len };
    return rv;
}

static CK_RV feed_pieces(kat *k, feed_fn *update, span in)
{
    CK_RV rv = CKR_OK;

    for (size_t at = 0, step = 1; at < in.len && rv == CKR_OK; step++) {
        const size_t count = in.len - at < step ? in.len - at : step;

        rv = update(k->session, (CK_BYTE_PTR)(uintptr_t)in.data + at, count);
        at += count;
    }
    return rv;
}

static CK_RV in_one(kat *k, part_fn *single, span in, span *out)
{
    CK_ULONG len = OUT_BYTES_MAX;
    const CK_RV rv = single(k->session, span_ptr(in), in.len, output, &len);

    *out = (span){ output, len };
    return rv;
}

/* --- digests ------------------------------------------------------------------------------------ */

void run_digest(kat *k, const kat_case *c, job *j)
{
    span out;
    CK_ULONG len = OUT_BYTES_MAX;
    CK_RV rv;

    if (!is_offered(k, c, j->mechanism.mechanism, CKF_DIGEST))
        return;
    rv = p11->C_DigestInit(k->session, &j->mechanism);
    if (rv == CKR_OK)
        rv = in_one(k, p11->C_Digest, j->in, &out);
    if (rv == CKR_OK && !same(k, c, j, "C_Digest", (span[]){ out, j->want }))
        return;
    if (rv == CKR_OK)
        rv = p11->C_DigestInit(k->session, &j->mechanism);
    if (rv == CKR_OK)
        rv = feed_pieces(k, p11->C_DigestUpdate, j->in);
    if (rv == CKR_OK)
        rv = p11->C_DigestFinal(k->session, output, &len);
    if (rv == CKR_OK && !same(k, c, j, "C_DigestFinal", (span[]){ { output, len }, j->want }))
        return;
    judge(k, c, j, "C_Digest", rv);
}

/* --- signatures and MACs ------------------------------------------------------------------------ */

static CK_RV verify(kat *k, job *j, CK_OBJECT_HANDLE key, bool is_in_pieces)
{
    CK_RV rv = p11->C_VerifyInit(k->session, &j->mechanism, key);

    if (rv != CKR_OK)
        return rv;
    if (!is_in_pieces)
        return p11->C_Verify(k->session, span_ptr(j->in), j->in.len, span_ptr(j->want),
                             j->want.len);
    rv = feed_pieces(k, p11->C_VerifyUpdate, j->in);
    return rv != CKR_OK ? rv : p11->C_VerifyFinal(k->session, span_ptr(j->want), j->want.len);
}

static CK_RV sign(kat *k, job *j, CK_OBJECT_HANDLE key, bool is_in_pieces, span *out)
{
    CK_ULONG len = OUT_BYTES_MAX;
    CK_RV rv = p11->C_SignInit(k->session, &j->mechanism, key);

    if (rv != CKR_OK)
        return rv;
    if (!is_in_pieces)
        return in_one(k, p11->C_Sign, j->in, out);
    rv = feed_pieces(k, p11->C_SignUpdate, j->in);
    if (rv == CKR_OK)
        rv = p11->C_SignFinal(k->session, output, &len);
    *out = (span){ output, len };
    return rv;
}

/* Both ways of calling must agree. */
static CK_RV verify_both(kat *k, const kat_case *c, job *j, CK_OBJECT_HANDLE key)
{
    const CK_RV rv = verify(k, j, key, false);
    CK_RV again;

    if (!j->is_multi_part)
        return rv;
    again = verify(k, j, key, true);
    if ((again == CKR_OK) != (rv == CKR_OK)) {
        kat_fail(k, c, j->mechanism.mechanism, "C_Verify answers %s, in pieces 0x%lx", rv_text(rv),
                 again);
        return CKR_CANCEL;
    }
    return rv;
}

void run_verify(kat *k, const kat_case *c, job *j)
{
    CK_OBJECT_HANDLE key;
    CK_RV rv;

    if (!is_offered(k, c, j->mechanism.mechanism, CKF_VERIFY) ||
        !create_key(k, c, j, &j->key, &key))
        return;
    rv = verify_both(k, c, j, key);
    if (rv != CKR_CANCEL)
        judge(k, c, j, "C_Verify", rv);
    destroy_key(k, key);
}

static CK_RV sign_both(kat *k, const kat_case *c, job *j, CK_OBJECT_HANDLE key)
{
    const bool is_exact = j->expect == MUST_WORK;
    span out;
    CK_RV rv = sign(k, j, key, false, &out);

    if (rv == CKR_OK && is_exact && !same(k, c, j, "C_Sign", (span[]){ out, j->want }))
        return CKR_CANCEL;
    if (rv != CKR_OK || !j->is_multi_part)
        return rv;
    rv = sign(k, j, key, true, &out);
    if (rv == CKR_OK && is_exact && !same(k, c, j, "C_SignFinal", (span[]){ out, j->want }))
        return CKR_CANCEL;
    return rv;
}

void run_sign(kat *k, const kat_case *c, job *j)
{
    CK_OBJECT_HANDLE key;
    CK_RV rv;

    if (!is_offered(k, c, j->mechanism.mechanism, CKF_SIGN) || !create_key(k, c, j, &j->key, &key))
        return;
    rv = sign_both(k, c, j, key);
    if (rv != CKR_CANCEL)
        judge(k, c, j, "C_Sign", rv);
    destroy_key(k, key);
}

void run_mac(kat *k, const kat_case *c, job *j)
{
    CK_OBJECT_HANDLE key;
    CK_RV rv = CKR_OK;

    if (!is_offered(k, c, j->mechanism.mechanism, CKF_SIGN | CKF_VERIFY) ||
        !create_key(k, c, j, &j->key, &key))
        return;
    if (j->expect == MUST_WORK)
        rv = sign_both(k, c, j, key);
    if (rv == CKR_OK)
        rv = verify_both(k, c, j, key);
    if (rv != CKR_CANCEL)
        judge(k, c, j, "C_Sign or C_Verify", rv);
    destroy_key(k, key);
}

void run_recover(kat *k, const kat_case *c, job *j)
{
    CK_OBJECT_HANDLE key;
    span out;
    CK_RV rv;

    if (!is_offered(k, c, j->mechanism.mechanism, CKF_VERIFY_RECOVER) ||
        !create_key(k, c, j, &j->key, &key))
        return;
    rv = p11->C_VerifyRecoverInit(k->session, &j->mechanism, key);
    if (rv == CKR_OK)
        rv = in_one(k, p11->C_VerifyRecover, j->in, &out);
    if (rv != CKR_OK || j->expect != MUST_WORK ||
        same(k, c, j, "C_VerifyRecover", (span[]){ out, j->want }))
        judge(k, c, j, "C_VerifyRecover", rv);
    destroy_key(k, key);
}

/* --- ciphers ------------------------------------------------------------------------------------ */

static CK_RV encrypt_both(kat *k, const kat_case *c, job *j, CK_OBJECT_HANDLE key)
{
    span out;
    CK_RV rv = p11->C_EncryptInit(k->session, &j->mechanism, key);

    if (rv == CKR_OK)
        rv = in_one(k, p11->C_Encrypt, j->in, &out);
    if (rv == CKR_OK && !same(k, c, j, "C_Encrypt", (span[]){ out, j->want }))
        return CKR_CANCEL;
    if (rv != CKR_OK || !j->is_multi_part)
        return rv;
    rv = p11->C_EncryptInit(k->session, &j->mechanism, key);
    if (rv == CKR_OK)
        rv = in_pieces(k, p11->C_EncryptUpdate, p11->C_EncryptFinal, j->in, &out);
    if (rv == CKR_OK && !same(k, c, j, "C_EncryptUpdate", (span[]){ out, j->want }))
        return CKR_CANCEL;
    return rv;
}

static CK_RV decrypt(kat *k, job *j, CK_OBJECT_HANDLE key, bool is_in_pieces, span *out)
{
    const CK_RV rv = p11->C_DecryptInit(k->session, &j->mechanism, key);

    if (rv != CKR_OK)
        return rv;
    if (is_in_pieces)
        return in_pieces(k, p11->C_DecryptUpdate, p11->C_DecryptFinal, j->want, out);
    return in_one(k, p11->C_Decrypt, j->want, out);
}

static CK_RV decrypt_both(kat *k, const kat_case *c, job *j, CK_OBJECT_HANDLE key)
{
    const bool is_exact = j->expect != MUST_FAIL;
    span out;
    CK_RV rv = decrypt(k, j, key, false, &out);
    CK_RV again;

    if (rv == CKR_OK && is_exact && !same(k, c, j, "C_Decrypt", (span[]){ out, j->in }))
        return CKR_CANCEL;
    if (!j->is_multi_part)
        return rv;
    again = decrypt(k, j, key, true, &out);
    if (again == CKR_OK && is_exact && !same(k, c, j, "C_DecryptUpdate", (span[]){ out, j->in }))
        return CKR_CANCEL;
    if ((again == CKR_OK) != (rv == CKR_OK)) {
        kat_fail(k, c, j->mechanism.mechanism, "C_Decrypt answers %s, in pieces 0x%lx", rv_text(rv),
                 again);
        return CKR_CANCEL;
    }
    return rv;
}

void run_cipher(kat *k, const kat_case *c, job *j)
{
    const CK_FLAGS flags = j->is_one_way ? CKF_DECRYPT : CKF_ENCRYPT | CKF_DECRYPT;
    CK_OBJECT_HANDLE key;
    CK_RV rv = CKR_OK;

    if (!is_offered(k, c, j->mechanism.mechanism, flags) || !create_key(k, c, j, &j->key, &key))
        return;
    if (!j->is_one_way && j->expect == MUST_WORK)
        rv = encrypt_both(k, c, j, key);
    if (rv == CKR_OK)
        rv = decrypt_both(k, c, j, key);
    if (rv != CKR_CANCEL)
        judge(k, c, j, "C_Encrypt or C_Decrypt", rv);
    destroy_key(k, key);
}
