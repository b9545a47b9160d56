/* OpenSSL's evptest files: RSA.
 * SPDX-License-Identifier: Apache-2.0 */
#include "acvp.h"

#include <stdlib.h>

static const span none = { (const uint8_t *)"", 0 };

typedef struct rsa_setting {
    const char *padding;
    const char *name; /* of the key */
    const hash_row *hash;
    const hash_row *mgf;
} rsa_setting;

static const hash_row *control_hash(const kat_case *c, const char *control, const hash_row *other)
{
    const char *name = case_control(c, "Ctrl", control);

    return name == NULL ? other : hash_find(name);
}

/* Signs a digest with PSS: the length of the salt must be a number that is known beforehand. */
static bool pss_param(kat *k, const kat_case *c, job *j, const rsa_setting *s)
{
    const char *salt = case_control(c, "Ctrl", "rsa_pss_saltlen");
    CK_ULONG salt_len;

    if (s->hash == NULL || s->mgf == NULL || s->mgf->mgf == 0) {
        kat_exclude(k, j->mechanism.mechanism, "a hash that PKCS#11 has no number for, or none");
        return false;
    }
    if (salt == NULL)
        salt = "digest"; /* what the published vectors without this control were made with */
    if (strncmp(salt, "auto", 4) == 0 || strcmp(salt, "max") == 0) {
        kat_exclude(k, j->mechanism.mechanism,
                    "salt length found out by the verifier, or the longest");
        return false;
    }
    salt_len = strcmp(salt, "digest") == 0 ? s->hash->len : strtoul(salt, NULL, 10);
    param_pss(j, s->hash, s->mgf, salt_len);
    return true;
}

/* DigestInfo around a digest: what CKM_RSA_PKCS signs. */
static bool digest_info(const kat_case *c, const hash_row *hash, span *io)
{
    static const struct {
        const char *name;
        uint8_t tail[2]; /* of the object identifier: arc and number under 2.16.840.1.101.3.4.2 */
    } rows[] = { { "sha224", { 0x02, 4 } }, { "sha256", { 0x02, 1 } }, { "sha384", { 0x02, 2 } },
                 { "sha512", { 0x02, 3 } }, { "sha512224", { 2, 5 } }, { "sha512256", { 2, 6 } },
                 { "sha3224", { 2, 7 } },   { "sha3256", { 2, 8 } },   { "sha3384", { 2, 9 } },
                 { "sha3512", { 2, 10 } } };
    static const uint8_t sha1[] = { 0x30, 0x21, 0x30, 0x09, 6, 5, 0x2b, 0x0e,
                                    3,    2,    0x1a, 5,    0, 4, 20 };
    uint8_t *head = arena_take(c->memory, 19);

    if (strcmp(hash->name, "sha1") == 0) {
        *io = span_join(c->memory, (span){ sha1, sizeof sha1 }, *io);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const uint8_t bytes[] = { 0x30,
                                  (uint8_t)(17 + hash->len),
                                  0x30,
                                  0x0d,
                                  6,
                                  9,
                                  0x60,
                                  0x86,
                                  0x48,
                                  1,
                                  0x65,
                                  3,
                                  4,
                                  rows[i].tail[0],
                                  rows[i].tail[1],
                                  5,
                                  0,
                                  4,
                                  (uint8_t)hash->len };

        if (strcmp(rows[i].name, hash->name) != 0)
            continue;
        memcpy(head, bytes, sizeof bytes);
        *io = span_join(c->memory, (span){ head, sizeof bytes }, *io);
        return true;
    }
    return false;
}

/* Sets mechanism and parameter for a signature over a digest, or over a block. */
static bool sign_mechanism(kat *k, const kat_case *c, job *j, const rsa_setting *s)
{
    if (strcmp(s->padding, "pss") == 0) {
        j->mechanism.mechanism = CKM_RSA_PKCS_PSS;
        return pss_param(k, c, j, s);
    }
    if (strcmp(s->padding, "none") == 0) {
        j->mechanism.mechanism = CKM_RSA_X_509;
        if (j->expect == MUST_WORK || j->in.len >= 128)
            return true;
        kat_exclude(k, CKM_RSA_X_509, "a short block: PKCS#11 puts zeros before it");
        return false;
    }
    j->mechanism.mechanism = CKM_RSA_PKCS;
    if (strcmp(s->padding, "pkcs1") == 0)
        return s->hash == NULL || digest_info(c, s->hash, &j->in);
    kat_exclude_named(k, "RSA X9.31", "not wanted");
    return false;
}

static void rsa_sign_or_verify(kat *k, const kat_case *c, const rsa_setting *s, bool is_verify)
{
    job j;

    job_start(&j, CKM_RSA_PKCS);
    j.expect = evp_expect(c);
    j.in = evp_inputs(c);
    j.want = value_bytes(c, case_text(c, "Output"));
    if (s->hash != NULL && j.in.len != s->hash->len) {
        kat_exclude(k, CKM_RSA_PKCS, "a digest of another length than its hash has");
        return;
    }
    if (!sign_mechanism(k, c, &j, s) ||
        !(is_verify ? evp_load_public(k, c, &j, s->name) : evp_load_key(k, c, &j, s->name, false)))
        return;
    if (is_verify)
        run_verify(k, c, &j);
    else if (strcmp(s->padding, "pss") == 0 && j.params.pss.sLen > 0)
        kat_exclude(k, j.mechanism.mechanism, "signature with given randomness");
    else
        run_sign(k, c, &j);
}

static void rsa_recover(kat *k, const kat_case *c, const rsa_setting *s)
{
    job j;

    job_start(&j, strcmp(s->padding, "none") == 0 ? CKM_RSA_X_509 : CKM_RSA_PKCS);
    j.expect = evp_expect(c);
    j.in = evp_inputs(c);
    j.want = value_bytes(c, case_text(c, "Output"));
    if (j.expect == MUST_WORK && s->hash != NULL && !digest_info(c, s->hash, &j.want))
        return;
    if (j.expect == MUST_FAIL && s->hash != NULL) {
        kat_exclude(k, j.mechanism.mechanism, "what is recovered is not parsed by PKCS#11");
        return;
    }
    if (evp_load_public(k, c, &j, s->name))
        run_recover(k, c, &j);
}

static void rsa_decrypt(kat *k, const kat_case *c, const rsa_setting *s)
{
    job j;

    job_start(&j, CKM_RSA_PKCS);
    j.expect = evp_expect(c);
    j.is_one_way = true;
    j.want = evp_inputs(c);
    j.in = value_bytes(c, case_text(c, "Output"));
    if (case_any(c, "Ctrl", "rsa_pkcs1_implicit_rejection:0") && j.expect == MUST_FAIL) {
        kat_exclude(k, CKM_RSA_PKCS, "explicit rejection: never done");
        return;
    }
    if (strcmp(s->padding, "oaep") == 0) {
        const hash_row *sha1 = hash_find("sha1");
        const hash_row *hash = control_hash(c, "rsa_oaep_md", sha1);
        const hash_row *mgf = control_hash(c, "rsa_mgf1_md", hash);
        const char *label = case_control(c, "Ctrl", "rsa_oaep_label");

        j.mechanism.mechanism = CKM_RSA_PKCS_OAEP;
        param_oaep(&j, hash == NULL ? sha1 : hash, mgf == NULL ? sha1 : mgf,
                   label == NULL ? none : value_bytes(c, label));
    } else if (strcmp(s->padding, "none") == 0) {
        j.mechanism.mechanism = CKM_RSA_X_509;
    }
    if (!evp_load_key(k, c, &j, s->name, false))
        return;
    if (j.expect == MUST_WORK && j.want.len < key_attr(&j.key, CKA_MODULUS).len)
        kat_exclude(k, j.mechanism.mechanism, "a ciphertext without its leading zeros");
    else
        run_cipher(k, c, &j);
}

static void rsa_digest_sign(kat *k, const kat_case *c, bool is_verify)
{
    const char *digest = case_text(c, is_verify ? "DigestVerify" : "DigestSign");
    const char *padding = case_control(c, "Ctrl", "rsa_padding_mode");
    const bool is_pss = padding != NULL && strcmp(padding, "pss") == 0;
    const hash_row *hash = hash_find(digest);
    const rsa_setting s = { "", case_text(c, "Key"), hash, control_hash(c, "rsa_mgf1_md", hash) };
    job j;

    if (strncmp(s.name, "RSA-PSS", 7) == 0) {
        kat_exclude_named(k, "RSA", "a key that is bound to PSS: PKCS#11 has none");
        return;
    }
    if (hash == NULL || hash->rsa == CK_UNAVAILABLE_INFORMATION ||
        (padding != NULL && !is_pss && strcmp(padding, "pkcs1") != 0)) {
        kat_exclude_named(k, "RSA with hash", "no such combination of padding and hash");
        return;
    }
    job_start(&j, is_pss ? hash->pss : hash->rsa);
    if (case_has(c, "Result") && !case_is(c, "Result", "VERIFY_ERROR")) {
        kat_exclude(k, j.mechanism.mechanism, "a setting that OpenSSL refuses or misses");
        return;
    }
    j.expect = evp_expect(c);
    j.in = evp_inputs(c);
    j.want = value_bytes(c, case_text(c, "Output"));
    if ((is_pss && !pss_param(k, c, &j, &s)) ||
        !(is_verify ? evp_load_public(k, c, &j, s.name) : evp_load_key(k, c, &j, s.name, false)))
        return;
    if (is_verify)
        run_verify(k, c, &j);
    else
        run_sign(k, c, &j);
}

void acvp_rsa(kat *k, const kat_case *c)
{
    static const char *const uses[] = { "Sign", "Verify", "VerifyRecover", "Decrypt" };
    const char *padding = case_control(c, "Ctrl", "rsa_padding_mode");
    const bool is_pss = padding != NULL && strcmp(padding, "pss") == 0;
    const hash_row *hash = control_hash(c, "digest", is_pss ? hash_find("sha1") : NULL);
    rsa_setting s = { padding == NULL ? "pkcs1" : padding, NULL, hash,
                      control_hash(c, "rsa_mgf1_md", hash) };
    size_t use = 0;

    if (case_has(c, "DigestSign") || case_has(c, "DigestVerify")) {
        rsa_digest_sign(k, c, case_has(c, "DigestVerify"));
        return;
    }
    while (use < ARRAY_LEN(uses) && !case_has(c, uses[use]))
        use++;
    if (use == ARRAY_LEN(uses))
        return;
    s.name = case_text(c, uses[use]);
    if (is_openssl_rule(c) && case_has(c, "Result"))
        kat_exclude_named(k, "RSA", "a setting that OpenSSL refuses or misses");
    else if (strncmp(s.name, "RSA-512", 7) == 0)
        kat_exclude_named(k, "RSA", "a key of less than 1024 bits");
    else if (padding == NULL && strncmp(s.name, "RSA-PSS", 7) == 0)
        kat_exclude_named(k, "RSA", "a key that is bound to PSS: PKCS#11 has none");
    else if (use == 2)
        rsa_recover(k, c, &s);
    else if (use == 3)
        rsa_decrypt(k, c, &s);
    else
        rsa_sign_or_verify(k, c, &s, use == 1);
}
