/* OpenSSL's evptest files: ciphers and derivation.
 * SPDX-License-Identifier: Apache-2.0 */
#include "acvp.h"

#include <stdlib.h>
#include <strings.h>

static const span none = { (const uint8_t *)"", 0 };

expectation evp_expect(const kat_case *c)
{
    return case_has(c, "Result") ? MUST_FAIL : MUST_WORK;
}

/* A refusal that only OpenSSL's FIPS provider, or its own checks of settings, makes. */
bool is_openssl_rule(const kat_case *c)
{
    return case_is(c, "Availablein", "fips") || case_is(c, "Result", "PKEY_CTRL_ERROR") ||
           case_is(c, "Result", "KDF_CTRL_ERROR");
}

/* CKM_AES_CTS is what NIST calls CS1 ... unless the standard is read otherwise: SP 800-38A's
 * addendum names three, and PKCS#11 says CS1. */
void acvp_cts(kat *k, const kat_case *c)
{
    const bool is_cts = case_is(c, "Cipher", "AES-128-CBC-CTS") ||
                        case_is(c, "Cipher", "AES-192-CBC-CTS") ||
                        case_is(c, "Cipher", "AES-256-CBC-CTS");
    const char *mode = case_text(c, "CTSMode");
    job j;

    if (!case_has(c, "Cipher"))
        return;
    job_start(&j, is_cts ? CKM_AES_CTS : CKM_AES_CBC);
    j.expect = evp_expect(c);
    if (mode != NULL && strcmp(mode, "CS1") != 0) {
        kat_exclude(k, CKM_AES_CTS, "CS2 or CS3: the mechanism is CS1");
        return;
    }
    key_secret(&j.key, CKK_AES, case_hex(c, "Key"));
    param_iv(&j, case_hex(c, "IV"));
    j.in = case_hex(c, "Plaintext");
    j.want = case_hex(c, "Ciphertext");
    if (j.expect == MUST_FAIL) /* no ciphertext: decrypting the too short text must fail as well */
        j.want = j.in;
    run_cipher(k, c, &j);
}

void acvp_wrap(kat *k, const kat_case *c)
{
    const char *cipher = case_text(c, "Cipher");
    job j;

    if (cipher == NULL)
        return;
    job_start(&j, strcasestr(cipher, "pad") != NULL ? CKM_AES_KEY_WRAP_KWP : CKM_AES_KEY_WRAP);
    if (strcasestr(cipher, "INV") != NULL) {
        kat_exclude(k, j.mechanism.mechanism, "wrapping with the inverse cipher");
        return;
    }
    j.expect = evp_expect(c);
    j.is_one_way = case_is(c, "Operation", "DECRYPT");
    key_secret(&j.key, CKK_AES, case_hex(c, "Key"));
    j.in = case_hex(c, "Plaintext");
    j.want = case_hex(c, "Ciphertext");
    run_wrap(k, c, &j);
}

/* --- derivation --------------------------------------------------------------------------------- */

/* "hexsalt:00ff", "salt:text", "seed:text", ...: bytes of a control. */
static span control_bytes(const kat_case *c, const char *name)
{
    const char *text = case_text(c, name);
    const char *colon = text == NULL ? NULL : strchr(text, ':');

    if (colon == NULL)
        return none;
    if (strncmp(text, "hex", 3) == 0)
        return hex_bytes(c->memory, colon + 1, strlen(colon + 1));
    return span_of_text(colon + 1);
}

/* A control may be given in parts. */
static span control_parts(const kat_case *c, const char *name)
{
    kat_case part = { .memory = c->memory };
    span all = none;

    for (const field *f = c->first; f != NULL; f = f->next) {
        if (strcmp(f->name, name) != 0)
            continue;
        field alone = { .name = f->name, .value = f->value };
        part.first = &alone;
        all = span_join(c->memory, all, control_bytes(&part, name));
    }
    return all;
}

static const char *control_text(const kat_case *c, const char *name)
{
    const char *text = case_text(c, name);
    const char *colon = text == NULL ? NULL : strchr(text, ':');

    return colon == NULL ? "" : colon + 1;
}

static void hkdf(kat *k, const kat_case *c, job *j, const hash_row *hash)
{
    const char *mode = control_text(c, "Ctrl.mode");

    key_secret(&j->key, CKK_GENERIC_SECRET, control_bytes(c, "Ctrl.IKM"));
    param_hkdf(j, hash, strcmp(mode, "EXPAND_ONLY") != 0, strcmp(mode, "EXTRACT_ONLY") != 0,
               control_bytes(c, "Ctrl.salt"), control_parts(c, "Ctrl.info"));
    run_derive(k, c, j);
}

static void kbkdf(kat *k, const kat_case *c, job *j, const hash_row *hash)
{
    const bool is_cmac = strcmp(control_text(c, "Ctrl.mac"), "CMAC") == 0;

    key_secret(&j->key, is_cmac ? CKK_AES : CKK_GENERIC_SECRET, control_bytes(c, "Ctrl.hexkey"));
    param_kbkdf(j, is_cmac ? CKM_AES_CMAC : hash->hmac,
                strtoul(control_text(c, "Ctrl.r"), NULL, 10), none,
                control_parts(c, "Ctrl.hexinfo"));
    run_derive(k, c, j);
}

static void pbkdf2(kat *k, const kat_case *c, job *j, const hash_row *hash)
{
    const bool is_hex = case_has(c, "Ctrl.hexpass");

    if (hash->pbkdf2 == 0) {
        kat_exclude(k, CKM_PKCS5_PBKD2, "PKCS#11 has no number for PBKDF2 with SHA-3");
        return;
    }
    param_pbkdf2(j, hash, control_bytes(c, is_hex ? "Ctrl.hexpass" : "Ctrl.pass"),
                 control_bytes(c, case_has(c, "Ctrl.hexsalt") ? "Ctrl.hexsalt" : "Ctrl.salt"),
                 strtoul(control_text(c, "Ctrl.iter"), NULL, 10));
    run_derive(k, c, j);
}

static void tls_prf(kat *k, const kat_case *c, job *j, const hash_row *hash)
{
    const span client = control_bytes(c, "Ctrl.client_random");
    const span server = control_bytes(c, "Ctrl.server_random");
    const bool is_expansion = strcmp(control_text(c, "Ctrl.label"), "key expansion") == 0;

    key_secret(&j->key, CKK_GENERIC_SECRET, control_bytes(c, "Ctrl.Secret"));
    param_tls_kdf(j, hash->digest, control_bytes(c, "Ctrl.label"), is_expansion ? server : client,
                  is_expansion ? client : server);
    run_derive(k, c, j);
}

void acvp_kdf(kat *k, const kat_case *c)
{
    static const struct {
        const char *kdf;
        CK_MECHANISM_TYPE type;
        void (*run)(kat *k, const kat_case *c, job *j, const hash_row *hash);
    } kdfs[] = {
        { "HKDF", CKM_HKDF_DERIVE, hkdf },
        { "KBKDF", CKM_SP800_108_COUNTER_KDF, kbkdf },
        { "PBKDF2", CKM_PKCS5_PBKD2, pbkdf2 },
        { "TLS1-PRF", CKM_TLS12_KDF, tls_prf },
    };
    const hash_row *hash = hash_find(control_text(c, "Ctrl.digest"));
    job j;

    if (case_is(c, "KDF", "X963KDF")) {
        kat_exclude_named(k, "X9.63 KDF",
                          "only after ECDH in PKCS#11: a shared secret is not given");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(kdfs); i++) {
        if (!case_is(c, "KDF", kdfs[i].kdf))
            continue;
        job_start(&j, kdfs[i].type);
        j.expect = evp_expect(c);
        j.want = case_hex(c, "Output");
        if (j.expect == MUST_FAIL)
            kat_exclude(k, kdfs[i].type, "a setting that OpenSSL refuses or misses");
        else if (hash == NULL && !case_has(c, "Ctrl.cipher"))
            kat_exclude(k, kdfs[i].type, "a hash that PKCS#11 has no number for, or none");
        else
            kdfs[i].run(k, c, &j, hash);
    }
}

/* C_GenerateRandom takes no entropy from outside, and there is no other way to a DRBG. */
void acvp_drbg(kat *k, const kat_case *c)
{
    if (case_has(c, "RAND") || case_has(c, "KDF"))
        kat_exclude_named(k, "HMAC DRBG", "PKCS#11 has no DRBG with given entropy");
}
