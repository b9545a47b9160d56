/* NIST's response files.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include <stdio.h>
#include <stdlib.h>

/* Mlen 0 is written as one zero byte. */
static span message(const kat_case *c)
{
    return case_is(c, "Mlen", "0") ? (span){ (const uint8_t *)"", 0 } : case_hex(c, "Msg");
}

void nist_cmac(kat *k, const kat_case *c)
{
    const size_t len = case_number(c, "Tlen");
    job j;

    if (!case_has(c, "Mac"))
        return;
    job_start(&j, len == 16 ? CKM_AES_CMAC : CKM_AES_CMAC_GENERAL);
    if (len != 16)
        param_mac_len(&j, len);
    key_secret(&j.key, CKK_AES, case_hex(c, "Key"));
    j.in = message(c);
    j.want = case_hex(c, "Mac");
    j.is_multi_part = true;
    run_mac(k, c, &j);
}

void nist_hmac(kat *k, const kat_case *c)
{
    static const struct {
        size_t len;
        const char *name;
    } names[] = {
        { 20, "sha1" }, { 28, "sha224" }, { 32, "sha256" }, { 48, "sha384" }, { 64, "sha512" },
    };
    const hash_row *hash = NULL;
    const size_t len = case_number(c, "Tlen");
    job j;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].len == case_number(c, "L"))
            hash = hash_find(names[i].name);
    if (!case_has(c, "Mac") || hash == NULL)
        return;
    job_start(&j, len == hash->len ? hash->hmac : hash->hmac_general);
    if (len != hash->len)
        param_mac_len(&j, len);
    key_secret(&j.key, CKK_GENERIC_SECRET, case_hex(c, "Key"));
    j.in = case_hex(c, "Msg");
    j.want = case_hex(c, "Mac");
    j.is_multi_part = true;
    run_mac(k, c, &j);
}

void nist_wrap(kat *k, const kat_case *c)
{
    job j;

    if (!case_has(c, "C"))
        return;
    job_start(&j, k->mechanism);
    key_secret(&j.key, CKK_AES, case_hex(c, "K"));
    j.in = case_hex(c, "P");
    j.want = case_hex(c, "C");
    j.expect = case_has(c, "FAIL") ? MUST_FAIL : MUST_WORK;
    run_wrap(k, c, &j);
}

static bool kbkdf_prf(const char *name, CK_MECHANISM_TYPE *out_prf, CK_KEY_TYPE *out_type)
{
    *out_prf = CKM_AES_CMAC;
    *out_type = CKK_AES;
    if (strncmp(name, "CMAC_AES", 8) == 0)
        return true;
    if (strncmp(name, "HMAC_", 5) != 0)
        return false;
    *out_prf = hash_find(name + 5)->hmac;
    *out_type = CKK_GENERIC_SECRET;
    return true;
}

void nist_kbkdf(kat *k, const kat_case *c)
{
    const char *where = case_text(c, "CTRLOCATION");
    const span fixed = case_hex(c, "FixedInputData");
    const span none = { (const uint8_t *)"", 0 };
    span before = case_hex(c, "DataBeforeCtrData");
    span after = case_hex(c, "DataAfterCtrData");
    CK_MECHANISM_TYPE prf;
    CK_KEY_TYPE type;
    job j;

    if (!case_has(c, "KO"))
        return;
    job_start(&j, CKM_SP800_108_COUNTER_KDF);
    if (!kbkdf_prf(case_text(c, "PRF"), &prf, &type)) {
        kat_exclude(k, CKM_SP800_108_COUNTER_KDF, "CMAC with triple DES");
        return;
    }
    if (strcmp(where, "BEFORE_FIXED") == 0)
        before = none, after = fixed;
    else if (strcmp(where, "AFTER_FIXED") == 0)
        before = fixed, after = none;
    key_secret(&j.key, type, case_hex(c, "KI"));
    param_kbkdf(&j, prf, case_number(c, "RLEN"), before, after);
    j.want = case_hex(c, "KO");
    run_derive(k, c, &j);
}

/* The vectors check a whole key agreement. Z, the derived key and the public key's validity are what
 * C_DeriveKey is about; the tag over it is an HMAC, which has vectors of its own. */
typedef struct agreement {
    const char *curve;
    const hash_row *hash;
    int cause; /* the number in Result */
} agreement;

static bool read_agreement(const kat_case *c, agreement *out)
{
    static const char *const curves[] = {
        "EB", "P-224", "EC", "P-256", "ED", "P-384", "EE", "P-521"
    };
    const char *section = case_text(c, "Section"); /* "EB - SHA224" */
    const char *result = case_text(c, "Result");
    const char *paren = result == NULL ? NULL : strchr(result, '(');

    out->curve = NULL;
    if (section == NULL || strlen(section) < 6 || paren == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(curves); i += 2)
        if (strncmp(section, curves[i], 2) == 0)
            out->curve = curves[i + 1];
    out->hash = hash_find(section + 5);
    out->cause = atoi(paren + 1);
    return out->curve != NULL && out->hash != NULL;
}

/* As many bytes as the curve has: the file writes numbers in words of four bytes. */
static span fitted(const kat_case *c, const char *name, size_t len)
{
    span number = case_hex(c, name);
    uint8_t *out = arena_take(c->memory, len);

    while (number.len > len && number.data[0] == 0)
        number = (span){ number.data + 1, number.len - 1 };
    if (number.len > len)
        return number;
    memcpy(out + len - number.len, number.data, number.len);
    return (span){ out, len };
}

/* C_GetMechanismInfo does not tell the KDFs: whether this very derivation is refused as unknown. */
static bool has_derivation(kat *k, job *j)
{
    CK_OBJECT_HANDLE base;
    CK_OBJECT_HANDLE fresh;
    attrs tmpl = { .count = 0 };
    CK_RV rv;

    if (p11->C_CreateObject(k->session, j->key.at, j->key.count, &base) != CKR_OK)
        return true;
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_ulong(&tmpl, CKA_VALUE_LEN, j->want.len);
    rv = p11->C_DeriveKey(k->session, &j->mechanism, base, tmpl.at, tmpl.count, &fresh);
    if (rv == CKR_OK)
        (void)p11->C_DestroyObject(k->session, fresh);
    (void)p11->C_DestroyObject(k->session, base);
    return rv != CKR_MECHANISM_PARAM_INVALID;
}

static void agree(kat *k, const kat_case *c, const agreement *a, bool is_key)
{
    const size_t len = curve_bytes(a->curve);
    const span four = { (const uint8_t *)"\x04", 1 };
    const span none = { (const uint8_t *)"", 0 };
    job j;

    job_start(&j, CKM_ECDH1_DERIVE);
    /* 1, 2: the peer's point is not on the curve, or not the one that Z was made from. */
    j.expect = a->cause == 1 || a->cause == 2 ? MUST_FAIL : MUST_WORK;
    key_ec_private(&j.key, a->curve, fitted(c, "dsIUT", len));
    param_ecdh(
        &j, is_key ? a->hash->kdf_sp800 : CKD_NULL, is_key ? case_hex(c, "OI") : none,
        span_join(c->memory, four,
                  span_join(c->memory, fitted(c, "QsCAVSx", len), fitted(c, "QsCAVSy", len))));
    j.want = is_key ? case_hex(c, "DKM") : fitted(c, "Z", len);
    if (is_key && !has_derivation(k, &j))
        kat_exclude(k, CKM_ECDH1_DERIVE, "the KDF of SP 800-56A is not offered");
    else
        run_derive(k, c, &j);
}

void nist_kas(kat *k, const kat_case *c)
{
    agreement a;

    if (!read_agreement(c, &a))
        return;
    switch (a.cause) {
    case 5:
    case 6:
    case 7:
        kat_exclude(k, CKM_ECDH1_DERIVE, "the own key pair is wrong: not given to C_DeriveKey");
        return;
    case 8:  /* Z changed: what follows from it too */
    case 10: /* OI changed */
        kat_exclude(k, CKM_ECDH1_DERIVE, "what is changed is not given to C_DeriveKey");
        return;
    default:
        agree(k, c, &a, false);
        if (a.cause != 9 && a.cause != 1 && a.cause != 2) /* 9: DKM changed */
            agree(k, c, &a, true);
    }
}

static void tls_master(kat *k, const kat_case *c)
{
    job j;

    job_start(&j, CKM_TLS12_MASTER_KEY_DERIVE);
    key_secret(&j.key, CKK_GENERIC_SECRET, case_hex(c, "pre_master_secret"));
    param_tls_master(&j, hash_find("sha256"), case_hex(c, "clientHello_random"),
                     case_hex(c, "serverHello_random"));
    j.want = case_hex(c, "master_secret");
    run_derive(k, c, &j);
}

void nist_tls(kat *k, const kat_case *c)
{
    const char *section = case_text(c, "Section");
    job j;

    if (!case_has(c, "key_block"))
        return;
    if (section == NULL || strncmp(section, "TLS 1.2", 7) != 0) {
        kat_exclude(k, CKM_TLS_MASTER_KEY_DERIVE, "TLS 1.0 and 1.1 are not offered");
        return;
    }
    tls_master(k, c);
    job_start(&j, CKM_TLS12_KDF);
    key_secret(&j.key, CKK_GENERIC_SECRET, case_hex(c, "master_secret"));
    /* The key expansion puts the server's random first. */
    param_tls_kdf(&j, CKM_SHA256, span_of_text("key expansion"), case_hex(c, "server_random"),
                  case_hex(c, "client_random"));
    j.want = case_hex(c, "key_block");
    run_derive(k, c, &j);
}
