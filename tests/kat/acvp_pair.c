/* OpenSSL's evptest files: public-key mechanisms. Keys are stanzas of their own, by name.
 * SPDX-License-Identifier: Apache-2.0 */
#include "acvp.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const span none = { (const uint8_t *)"", 0 };

/* A field defines a key: "NAME", or of the raw kinds "NAME:ALGORITHM:HEX". */
static bool defines(const kat_case *key, const char *name, bool is_public)
{
    const size_t len = strlen(name);
    const char *value = key->first->value;

    return (strncmp(key->first->name, "Public", 6) == 0) == is_public &&
           strncmp(value, name, len) == 0 && (value[len] == '\0' || value[len] == ':');
}

static const kat_case *find_key(const kat_case *c, const char *name, bool is_public)
{
    const kat_case *key = c->keys;

    while (key != NULL && !defines(key, name, is_public))
        key = key->next_key;
    return key;
}

/* The algorithm of a raw key, and its bytes. */
static const char *raw_key(const kat_case *key, span *out_value)
{
    const char *colon = strchr(key->first->value, ':');
    const char *second = colon == NULL ? NULL : strchr(colon + 1, ':');

    if (second == NULL)
        return NULL;
    *out_value = hex_bytes(key->memory, second + 1, strlen(second + 1));
    return arena_text(key->memory, colon + 1, (size_t)(second - colon - 1));
}

static bool load_raw(attrs *out, const kat_case *key, bool is_public)
{
    span value;
    const char *set = raw_key(key, &value);

    if (set == NULL)
        return false;
    if (curve_bytes(set) != 0) {
        if (is_public)
            key_ec_public(out, key, set, value);
        else
            key_ec_private(out, set, value);
        return true;
    }
    return is_public ? key_pqc_public(out, set, value) : key_pqc_private(out, set, value, none);
}

bool evp_load_key(kat *k, const kat_case *c, job *j, const char *name, bool is_public)
{
    const kat_case *key = find_key(c, name, is_public);
    const char *pem = key == NULL ? NULL : case_text(key, "PEM");
    bool is_read = false;

    if (pem != NULL && is_public)
        is_read = key_from_spki(&j->key, c, pem_bytes(c->memory, pem));
    else if (pem != NULL)
        is_read = key_from_pkcs8(&j->key, c, pem_bytes(c->memory, pem));
    else if (key != NULL)
        is_read = load_raw(&j->key, key, is_public);
    if (!is_read)
        kat_exclude(k, j->mechanism.mechanism, "curve not offered");
    return is_read;
}

/* Nearly every verification names the private key: what it needs of an RSA one is public. */
bool evp_load_public(kat *k, const kat_case *c, job *j, const char *name)
{
    job both;
    span n;
    span e;

    if (find_key(c, name, true) != NULL)
        return evp_load_key(k, c, j, name, true);
    job_start(&both, j->mechanism.mechanism);
    if (!evp_load_key(k, c, &both, name, false))
        return false;
    n = key_attr(&both.key, CKA_MODULUS);
    e = key_attr(&both.key, CKA_PUBLIC_EXPONENT);
    put_ulong(&j->key, CKA_CLASS, CKO_PUBLIC_KEY);
    put_ulong(&j->key, CKA_KEY_TYPE, CKK_RSA);
    put_bytes(&j->key, CKA_MODULUS, n.data, n.len);
    put_bytes(&j->key, CKA_PUBLIC_EXPONENT, e.data, e.len);
    put_bool(&j->key, CKA_VERIFY, true);
    put_bool(&j->key, CKA_VERIFY_RECOVER, true);
    return true;
}

/* All fields Input together: the file gives some messages in parts. */
span evp_inputs(const kat_case *c)
{
    span all = none;

    for (const field *f = c->first; f != NULL; f = f->next)
        if (strcmp(f->name, "Input") == 0)
            all = span_join(c->memory, all, value_bytes(c, f->value));
    return all;
}

/* --- ECDSA -------------------------------------------------------------------------------------- */

/* Signing is exact only with the deterministic nonce, which is a setting of the module. */
static void ecdsa_sign(kat *k, const kat_case *c, job *j, const char *name)
{
    if (!evp_load_key(k, c, j, name, false))
        return;
    if (getenv("CRATON_HSM_KAT_DETERMINISTIC") == NULL) {
        kat_exclude(k, j->mechanism.mechanism, "deterministic nonces are not switched on");
        return;
    }
    run_sign(k, c, j);
}

void acvp_ecdsa(kat *k, const kat_case *c)
{
    const char *digest = case_text(c, "DigestVerify");
    const bool is_verify = digest != NULL;
    const char *name = case_text(c, "Key");
    const hash_row *hash;
    job j;

    if (!is_verify)
        digest = case_text(c, "DigestSign");
    hash = digest == NULL ? NULL : hash_find(digest);
    if (hash == NULL)
        return;
    if (name[0] != 'P') {
        kat_exclude(k, hash->ecdsa, "curve not offered");
        return;
    }
    job_start(&j, hash->ecdsa);
    j.expect = evp_expect(c);
    j.in = evp_inputs(c);
    j.want = value_bytes(c, case_text(c, "Output"));
    j.is_multi_part = true;
    char curve[6];
    (void)snprintf(curve, sizeof curve, "%.5s", name);
    if (!signature_raw(c->memory, j.want, curve_bytes(curve), &j.want))
        kat_exclude(k, hash->ecdsa, "DER that is not r and s: PKCS#11 takes them raw");
    else if (!is_verify)
        ecdsa_sign(k, c, &j, name);
    else if (evp_load_key(k, c, &j, name, true))
        run_verify(k, c, &j);
}

/* --- Edwards curves ----------------------------------------------------------------------------- */

static void ecx_params(const kat_case *c, job *j, const char *instance)
{
    const char *context = case_control(c, "Ctrl", "hexcontext-string");
    const span bytes = context == NULL ? none : value_bytes(c, context);
    const bool is_448 = strncasecmp(instance, "Ed448", 5) == 0;
    const bool is_context = strcasestr(instance, "ctx:") != NULL;
    const bool is_prehash = strcasestr(instance, "ph:") != NULL;

    if (is_448 || is_context || is_prehash || bytes.len > 0)
        param_eddsa(j, is_prehash, bytes);
}

/* "INSTANCE:KEY" */
void acvp_ecx(kat *k, const kat_case *c)
{
    static const char *const signs[] = { "Sign-Message", "Sign" };
    const char *what = case_text(c, "Verify-Message");
    const bool is_verify = what != NULL;
    const char *colon;
    job j;

    for (size_t i = 0; i < ARRAY_LEN(signs) && what == NULL; i++)
        what = case_text(c, signs[i]);
    colon = what == NULL ? NULL : strchr(what, ':');
    if (colon == NULL)
        return;
    job_start(&j, CKM_EDDSA);
    if (case_has(c, "Sign")) {
        kat_exclude(k, CKM_EDDSA, "signature of a hash: CKM_EDDSA hashes the message itself");
        return;
    }
    j.expect = evp_expect(c);
    ecx_params(c, &j, what);
    j.in = evp_inputs(c);
    j.want = value_bytes(c, case_text(c, "Output"));
    if (!evp_load_key(k, c, &j, colon + 1, is_verify))
        return;
    if (is_verify)
        run_verify(k, c, &j);
    else
        run_sign(k, c, &j);
}

/* --- post-quantum ------------------------------------------------------------------------------- */

static void pqc_keygen(kat *k, const kat_case *c, const char *set)
{
    const char *seed = case_control(c, "Ctrl", "hexseed");
    job j;

    job_start(&j, pqc_mechanism(set));
    if (strncmp(set, "SLH", 3) == 0) {
        /* The seed is the first three quarters of the key: nothing is computed but the root. */
        j.want = value_bytes(c, case_control(c, "CtrlOut", "hexpriv"));
        (void)key_pqc_private(&j.key, set, j.want, none);
    } else {
        (void)key_pqc_private(&j.key, set, none, value_bytes(c, seed));
        j.want = value_bytes(c, case_control(c, "CtrlOut", "hexpriv"));
    }
    j.in = value_bytes(c, case_control(c, "CtrlOut", "hexpub"));
    run_import(k, c, &j);
}

static void pqc_kem(kat *k, const kat_case *c, const char *set)
{
    job j;

    job_start(&j, CKM_ML_KEM);
    j.expect = evp_expect(c);
    if (case_has(c, "EncodedPublicKey")) {
        if (j.expect == MUST_WORK) {
            kat_exclude(k, CKM_ML_KEM, "encapsulation with given randomness");
            return;
        }
        (void)key_pqc_public(&j.pub, set, case_hex(c, "EncodedPublicKey"));
        run_import_only(k, c, &j);
        return;
    }
    (void)key_pqc_private(&j.key, set, case_hex(c, "EncodedPrivateKey"), none);
    j.in = case_hex(c, "Input");
    j.want = case_hex(c, "Output");
    run_decapsulate(k, c, &j);
}

/* What PKCS#11 signs is a message, with a context; not mu, nor with given randomness. */
static const char *not_expressible(const kat_case *c)
{
    if (case_any(c, "Ctrl", "mu:1"))
        return "external mu: PKCS#11 signs messages";
    if (case_any(c, "Ctrl", "message-encoding:0"))
        return "the internal interface: PKCS#11 signs messages";
    if (case_any(c, "Ctrl", "deterministic:0"))
        return "signature with given randomness";
    return NULL;
}

void acvp_pqc(kat *k, const kat_case *c)
{
    const char *what = case_text(c, "Verify-Message-Public");
    const bool is_verify = what != NULL;
    const char *context = case_control(c, "Ctrl", "hexcontext-string");
    job j;

    if (case_has(c, "KeyGen")) {
        pqc_keygen(k, c, case_text(c, "KeyGen"));
        return;
    }
    if (case_has(c, "Kem")) {
        pqc_kem(k, c, case_text(c, "Kem"));
        return;
    }
    if (!is_verify)
        what = case_text(c, "Sign-Message");
    if (what == NULL || strchr(what, ':') == NULL)
        return;
    job_start(&j, pqc_mechanism(what));
    j.expect = evp_expect(c);
    if (not_expressible(c) != NULL) {
        kat_exclude(k, j.mechanism.mechanism, not_expressible(c));
        return;
    }
    param_context(&j, context == NULL ? none : value_bytes(c, context),
                  is_verify ? CKH_HEDGE_PREFERRED : CKH_DETERMINISTIC_REQUIRED);
    j.in = evp_inputs(c);
    j.want = value_bytes(c, case_text(c, "Output"));
    if (!evp_load_key(k, c, &j, strchr(what, ':') + 1, is_verify))
        return;
    if (is_verify)
        run_verify(k, c, &j);
    else
        run_sign(k, c, &j);
}
