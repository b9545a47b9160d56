/* Wycheproof: MACs, ciphers, key wrapping and derivation from secret keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wycheproof.h"

expectation wy_expect(const kat_case *c)
{
    if (case_is(c, "result", "valid"))
        return MUST_WORK;
    return case_is(c, "result", "invalid") ? MUST_FAIL : MAY_FAIL;
}

void wy_start(job *j, const kat_case *c, CK_MECHANISM_TYPE type)
{
    job_start(j, type);
    j->expect = wy_expect(c);
}

static span truncated(const kat_case *c)
{
    return case_hex(c, "tag");
}

/* A MAC shorter than the whole one has a mechanism of its own. */
void wy_mac(kat *k, const kat_case *c)
{
    const bool is_whole = case_number(c, "tagSize") == 128;
    job j;

    wy_start(&j, c, is_whole ? CKM_AES_CMAC : CKM_AES_CMAC_GENERAL);
    key_secret(&j.key, CKK_AES, case_hex(c, "key"));
    j.in = case_hex(c, "msg");
    j.want = truncated(c);
    if (!is_whole)
        param_mac_len(&j, case_number(c, "tagSize") / 8);
    j.is_multi_part = true;
    run_mac(k, c, &j);
}

void wy_hmac(kat *k, const kat_case *c)
{
    const hash_row *hash = hash_find(k->arg);
    const bool is_whole = case_number(c, "tagSize") == 8 * hash->len;
    job j;

    wy_start(&j, c, is_whole ? hash->hmac : hash->hmac_general);
    key_secret(&j.key, CKK_GENERIC_SECRET, case_hex(c, "key"));
    j.in = case_hex(c, "msg");
    j.want = truncated(c);
    if (!is_whole)
        param_mac_len(&j, case_number(c, "tagSize") / 8);
    j.is_multi_part = true;
    if (case_number(c, "keySize") == 0) {
        kat_exclude(k, j.mechanism.mechanism, "PKCS#11 has no secret key of length 0");
        return;
    }
    run_mac(k, c, &j);
}

/* IV and length of the tag are in the parameter of GCM; the message is the associated data. */
void wy_gmac(kat *k, const kat_case *c)
{
    const span none = { (const uint8_t *)"", 0 };
    job j;

    wy_start(&j, c, CKM_AES_GMAC);
    key_secret(&j.key, CKK_AES, case_hex(c, "key"));
    param_gcm(&j, case_hex(c, "iv"), none, case_number(c, "tagSize") / 8);
    j.in = case_hex(c, "msg");
    j.want = case_hex(c, "tag");
    j.is_multi_part = true;
    run_mac(k, c, &j);
}

void wy_kmac(kat *k, const kat_case *c)
{
    CK_MECHANISM_TYPE type;
    job j;

    if (!mechanism_number(k->arg, &type)) {
        kat_exclude_named(k, k->arg, "PKCS#11 3.2 has no KMAC mechanism");
        return;
    }
    wy_start(&j, c, type);
    key_secret(&j.key, CKK_GENERIC_SECRET, case_hex(c, "key"));
    param_mac_len(&j, case_number(c, "tagSize") / 8);
    j.in = case_hex(c, "msg");
    j.want = case_hex(c, "tag");
    run_mac(k, c, &j);
}

void wy_cipher(kat *k, const kat_case *c)
{
    job j;

    wy_start(&j, c, k->mechanism);
    key_secret(&j.key, CKK_AES, case_hex(c, "key"));
    param_iv(&j, case_hex(c, "iv"));
    j.in = case_hex(c, "msg");
    j.want = case_hex(c, "ct");
    j.is_multi_part = true;
    run_cipher(k, c, &j);
}

/* The vectors give the data unit's number little-endian and short; the mechanism wants 16 bytes. */
void wy_xts(kat *k, const kat_case *c)
{
    static const uint8_t zeros[16] = { 0 };
    const span iv = case_hex(c, "iv");
    job j;

    wy_start(&j, c, CKM_AES_XTS);
    if (case_number(c, "keySize") == 384) {
        kat_exclude(k, CKM_AES_XTS, "AES-192: SP 800-38E has XTS with 128 and 256 only");
        return;
    }
    if (iv.len > 16) {
        kat_exclude(k, CKM_AES_XTS, "a tweak of more than 16 bytes");
        return;
    }
    key_secret(&j.key, CKK_AES_XTS, case_hex(c, "key"));
    param_iv(&j, span_join(c->memory, iv, (span){ zeros, 16 - iv.len }));
    j.in = case_hex(c, "msg");
    j.want = case_hex(c, "ct");
    run_cipher(k, c, &j);
}

void wy_aead(kat *k, const kat_case *c)
{
    const bool is_gcm = k->mechanism == CKM_AES_GCM;
    const span iv = case_hex(c, "iv");
    job j;

    wy_start(&j, c, k->mechanism);
    key_secret(&j.key, is_gcm ? CKK_AES : CKK_CHACHA20, case_hex(c, "key"));
    if (is_gcm)
        param_gcm(&j, iv, case_hex(c, "aad"), case_number(c, "tagSize") / 8);
    else
        param_chacha(&j, iv, case_hex(c, "aad"));
    j.in = case_hex(c, "msg");
    j.want = span_join(c->memory, case_hex(c, "ct"), case_hex(c, "tag"));
    j.is_multi_part = true;
    if (is_gcm && iv.len > 128 && j.expect == MUST_WORK)
        kat_exclude(k, CKM_AES_GCM, "an IV of more than 128 bytes: OpenSSL takes no longer one");
    else
        run_cipher(k, c, &j);
}

void wy_keywrap(kat *k, const kat_case *c)
{
    job j;

    wy_start(&j, c, k->mechanism);
    key_secret(&j.key, CKK_AES, case_hex(c, "key"));
    j.in = case_hex(c, "msg");
    j.want = case_hex(c, "ct");
    if (j.in.len == 0 && j.expect != MUST_FAIL) {
        kat_exclude(k, k->mechanism, "PKCS#11 has no secret key of length 0");
        return;
    }
    run_wrap(k, c, &j);
}

void wy_hkdf(kat *k, const kat_case *c)
{
    const hash_row *hash = hash_find(k->arg);
    const span salt = case_hex(c, "salt");
    job j;

    wy_start(&j, c, CKM_HKDF_DERIVE);
    key_secret(&j.key, CKK_GENERIC_SECRET, case_hex(c, "ikm"));
    param_hkdf(&j, hash, true, true, salt, case_hex(c, "info"));
    j.want = case_hex(c, "okm");
    if (j.expect == MUST_FAIL) { /* a length that can not be: any bytes of it will do */
        const size_t len = case_number(c, "size");

        j.want = (span){ arena_take(c->memory, len), len };
    }
    run_derive(k, c, &j);
}

void wy_pbkdf2(kat *k, const kat_case *c)
{
    const hash_row *hash = hash_find(k->arg);
    job j;

    wy_start(&j, c, CKM_PKCS5_PBKD2);
    param_pbkdf2(&j, hash, case_hex(c, "password"), case_hex(c, "salt"),
                 case_number(c, "iterationCount"));
    j.want = case_hex(c, "dk");
    run_derive(k, c, &j);
}
