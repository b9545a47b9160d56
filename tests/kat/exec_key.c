/* Runs wrapping, derivation, encapsulation and import: what ends in a key.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exec.h"

enum { VALUE_BYTES_MAX = 1 << 16 };

static uint8_t value[VALUE_BYTES_MAX];

/* The template one value after the other; 0: longer than the room. */
static size_t flatten(const attrs *key, uint8_t *out, size_t room)
{
    size_t len = 0;

    for (CK_ULONG i = 0; i < key->count; i++) {
        if (key->at[i].ulValueLen > room - len)
            return 0;
        memcpy(out + len, key->at[i].pValue, key->at[i].ulValueLen);
        len += key->at[i].ulValueLen;
    }
    return len;
}

/* Importing an RSA key takes the module a test of its primes, and many vectors in a row share one. */
static bool is_cached(kat *k, const attrs *key, CK_OBJECT_HANDLE *out_key)
{
    uint8_t flat[sizeof k->rsa_template];
    const size_t len = flatten(key, flat, sizeof flat);

    if (key_type_of(key) != CKK_RSA || len == 0)
        return false;
    if (k->rsa_key != CK_INVALID_HANDLE &&
        span_equal((span){ flat, len }, (span){ k->rsa_template, k->rsa_template_len })) {
        *out_key = k->rsa_key;
        return true;
    }
    if (k->rsa_key != CK_INVALID_HANDLE)
        CHECK_OK(p11->C_DestroyObject(k->session, k->rsa_key));
    memcpy(k->rsa_template, flat, len);
    k->rsa_template_len = len;
    k->rsa_key = CK_INVALID_HANDLE;
    return false;
}

bool create_key(kat *k, const kat_case *c, job *j, attrs *key, CK_OBJECT_HANDLE *out_key)
{
    CK_RV rv;

    if (is_cached(k, key, out_key))
        return true;
    rv = p11->C_CreateObject(k->session, key->at, key->count, out_key);
    if (rv == CKR_OK && key_type_of(key) == CKK_RSA)
        k->rsa_key = *out_key;
    if (rv == CKR_OK)
        return true;
    if (rv == CKR_CURVE_NOT_SUPPORTED)
        kat_exclude(k, j->mechanism.mechanism, "curve not offered");
    else if (j->expect == MUST_FAIL && !is_breakdown(rv))
        kat_pass(k, j->mechanism.mechanism);
    else
        kat_fail(k, c, j->mechanism.mechanism, "the key can not be imported: %s", rv_text(rv));
    return false;
}

void destroy_key(kat *k, CK_OBJECT_HANDLE key)
{
    if (key != k->rsa_key)
        CHECK_OK(p11->C_DestroyObject(k->session, key));
}

static CK_RV read_attr(kat *k, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, span *out)
{
    CK_ATTRIBUTE attr = { type, value, sizeof value };
    const CK_RV rv = p11->C_GetAttributeValue(k->session, object, &attr, 1);

    *out = (span){ value, rv == CKR_OK ? attr.ulValueLen : 0 };
    return rv;
}

/* A readable generic secret, to which the job may add, or data. */
static void secret_template(attrs *tmpl, const job *j, size_t len)
{
    tmpl->count = 0;
    if (j->is_data) {
        put_ulong(tmpl, CKA_CLASS, CKO_DATA);
        put_ulong(tmpl, CKA_VALUE_LEN, len);
        return;
    }
    put_ulong(tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bool(tmpl, CKA_SENSITIVE, false);
    put_bool(tmpl, CKA_EXTRACTABLE, true);
    if (len > 0)
        put_ulong(tmpl, CKA_VALUE_LEN, len);
    for (CK_ULONG i = 0; i < j->derived.count; i++)
        tmpl->at[tmpl->count++] = j->derived.at[i];
}

/* The new key's value is `want`; the key goes. */
static bool has_value(kat *k, const kat_case *c, job *j, CK_OBJECT_HANDLE key, span want)
{
    span got;
    const CK_RV rv = read_attr(k, key, CKA_VALUE, &got);
    bool is_right = rv == CKR_OK;

    if (!is_right)
        kat_fail(k, c, j->mechanism.mechanism, "the key's value can not be read: %s", rv_text(rv));
    else
        is_right = same(k, c, j, "the key's value", (span[]){ got, want });
    destroy_key(k, key);
    return is_right;
}

static CK_RV wrap_secret(kat *k, const kat_case *c, job *j, CK_OBJECT_HANDLE key)
{
    attrs secret = { .count = 0 };
    CK_OBJECT_HANDLE target;
    CK_ULONG len = sizeof value;
    CK_RV rv;

    key_secret(&secret, CKK_GENERIC_SECRET, j->in);
    if (!create_key(k, c, j, &secret, &target))
        return CKR_CANCEL;
    rv = p11->C_WrapKey(k->session, &j->mechanism, key, target, value, &len);
    destroy_key(k, target);
    if (rv == CKR_OK && !same(k, c, j, "C_WrapKey", (span[]){ { value, len }, j->want }))
        return CKR_CANCEL;
    return rv;
}

static CK_RV unwrap_secret(kat *k, const kat_case *c, job *j, CK_OBJECT_HANDLE key)
{
    CK_OBJECT_HANDLE fresh = CK_INVALID_HANDLE;
    attrs tmpl;
    CK_RV rv;

    secret_template(&tmpl, j, 0);
    rv = p11->C_UnwrapKey(k->session, &j->mechanism, key, span_ptr(j->want), j->want.len, tmpl.at,
                          tmpl.count, &fresh);
    if (rv == CKR_OK && j->expect == MUST_FAIL)
        destroy_key(k, fresh);
    else if (rv == CKR_OK && !has_value(k, c, j, fresh, j->in))
        return CKR_CANCEL;
    return rv;
}

void run_wrap(kat *k, const kat_case *c, job *j)
{
    CK_OBJECT_HANDLE key;
    CK_RV rv = CKR_OK;

    if (!is_offered(k, c, j->mechanism.mechanism, CKF_WRAP | CKF_UNWRAP) ||
        !create_key(k, c, j, &j->key, &key))
        return;
    if (j->expect == MUST_WORK && !j->is_one_way)
        rv = wrap_secret(k, c, j, key);
    if (rv == CKR_OK)
        rv = unwrap_secret(k, c, j, key);
    if (rv != CKR_CANCEL)
        judge(k, c, j, "C_WrapKey or C_UnwrapKey", rv);
    destroy_key(k, key);
}

void run_unwrap(kat *k, const kat_case *c, job *j)
{
    j->is_one_way = true;
    run_wrap(k, c, j);
}

static CK_RV derive(kat *k, job *j, CK_OBJECT_HANDLE base, CK_OBJECT_HANDLE *out_key)
{
    attrs tmpl;

    secret_template(&tmpl, j, j->want.len);
    if (base == CK_INVALID_HANDLE)
        return p11->C_GenerateKey(k->session, &j->mechanism, tmpl.at, tmpl.count, out_key);
    return p11->C_DeriveKey(k->session, &j->mechanism, base, tmpl.at, tmpl.count, out_key);
}

void run_derive(kat *k, const kat_case *c, job *j)
{
    const bool is_generated = j->key.count == 0;
    CK_OBJECT_HANDLE base = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE fresh = CK_INVALID_HANDLE;
    bool is_right = true;
    CK_RV rv;

    if (!is_offered(k, c, j->mechanism.mechanism, is_generated ? CKF_GENERATE : CKF_DERIVE) ||
        (!is_generated && !create_key(k, c, j, &j->key, &base)))
        return;
    rv = derive(k, j, base, &fresh);
    if (rv == CKR_OK && j->expect == MUST_FAIL)
        destroy_key(k, fresh);
    else if (rv == CKR_OK)
        is_right = has_value(k, c, j, fresh, j->want);
    if (is_right)
        judge(k, c, j, is_generated ? "C_GenerateKey" : "C_DeriveKey", rv);
    if (!is_generated)
        destroy_key(k, base);
}

void run_decapsulate(kat *k, const kat_case *c, job *j)
{
    CK_OBJECT_HANDLE key;
    CK_OBJECT_HANDLE fresh = CK_INVALID_HANDLE;
    bool is_right = true;
    attrs tmpl;
    CK_RV rv;

    if (p11_3 == NULL || !is_offered(k, c, j->mechanism.mechanism, CKF_DECAPSULATE) ||
        !create_key(k, c, j, &j->key, &key))
        return;
    secret_template(&tmpl, j, j->want.len);
    rv = p11_3->C_DecapsulateKey(k->session, &j->mechanism, key, tmpl.at, tmpl.count,
                                 span_ptr(j->in), j->in.len, &fresh);
    if (rv == CKR_OK && j->expect == MUST_FAIL)
        destroy_key(k, fresh);
    else if (rv == CKR_OK)
        is_right = has_value(k, c, j, fresh, j->want);
    if (is_right)
        judge(k, c, j, "C_DecapsulateKey", rv);
    destroy_key(k, key);
}

static bool ends_with(span whole, span tail)
{
    return whole.len >= tail.len &&
           span_equal((span){ whole.data + whole.len - tail.len, tail.len }, tail);
}

void run_import(kat *k, const kat_case *c, job *j)
{
    const CK_MECHANISM_TYPE type = j->mechanism.mechanism;
    CK_OBJECT_HANDLE key;
    span got;
    CK_RV rv;

    if (!is_offered(k, c, type, 0) || !create_key(k, c, j, &j->key, &key))
        return;
    rv = read_attr(k, key, CKA_VALUE, &got);
    if (rv == CKR_OK && j->want.len > 0 &&
        !same(k, c, j, "the private key", (span[]){ got, j->want }))
        rv = CKR_CANCEL;
    if (rv == CKR_OK)
        rv = read_attr(k, key, CKA_PUBLIC_KEY_INFO, &got);
    if (rv == CKR_OK && !ends_with(got, j->in)) {
        kat_fail(k, c, type, "CKA_PUBLIC_KEY_INFO does not end with the public key");
        rv = CKR_CANCEL;
    }
    if (rv != CKR_CANCEL)
        judge(k, c, j, "reading the imported key", rv);
    destroy_key(k, key);
}

void run_import_only(kat *k, const kat_case *c, job *j)
{
    CK_OBJECT_HANDLE key;

    if (!is_offered(k, c, j->mechanism.mechanism, 0) ||
        !create_key(k, c, j, j->pub.count > 0 ? &j->pub : &j->key, &key))
        return;
    judge(k, c, j, "C_CreateObject", CKR_OK);
    destroy_key(k, key);
}
