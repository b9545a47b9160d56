/* The vectors of this folder: vectors/ *.txt. Each says what it is:
 *
 *     [Mechanism = AES_CBC]       without CKM_, or a number; holds until the next one
 *     [Op = cipher]               digest, mac, cipher, decrypt, sign, verify, recover, wrap, unwrap,
 *                                 derive, generate, decapsulate, import, keymat or public
 *     [Source = ...]              the document, or the other implementation
 *
 *     Key = 2b7e...               a secret key; KeyType = GENERIC_SECRET overrides what the name says
 *     UseKey = NAME               or a key defined before: DefineKey = NAME and its parts
 *     Input = ...                 message, plaintext, value to wrap; hexadecimal or "text"
 *     Output = ...                what must come out, or the signature to verify
 *     Result = invalid            when it must be refused
 *     Parts = 1                   also in several parts
 *
 * and the names of the mechanism's parameters, which param() below lists.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include <stdlib.h>

static span bytes_of(const kat_case *c, const char *name)
{
    return value_bytes(c, case_text(c, name));
}

static const hash_row *hash_of(const kat_case *c, const char *name)
{
    const hash_row *hash = hash_find(case_text(c, name));

    if (hash == NULL)
        kat_die(c->file, c->number, "no such hash");
    return hash;
}

static void eddsa(job *j, const kat_case *c)
{
    if (case_has(c, "Context") || case_has(c, "Prehash"))
        param_eddsa(j, case_has(c, "Prehash"), bytes_of(c, "Context"));
}

static void hkdf(job *j, const kat_case *c)
{
    param_hkdf(j, hash_of(c, "Hash"), !case_is(c, "Mode", "expand"), !case_is(c, "Mode", "extract"),
               bytes_of(c, "Salt"), bytes_of(c, "Info"));
}

static void kbkdf(job *j, const kat_case *c, const char *name)
{
    CK_MECHANISM_TYPE prf;

    if (!mechanism_number(case_text(c, "Prf"), &prf))
        kat_die(c->file, c->number, "no such PRF");
    param_kbkdf(j, prf, case_number(c, "CounterBits"), bytes_of(c, "Before"), bytes_of(c, "After"));
    if (strcmp(name, "SP800_108_COUNTER_KDF") != 0)
        param_chained(j);
    if (strcmp(name, "SP800_108_FEEDBACK_KDF") == 0)
        param_feedback(j, bytes_of(c, "IV"));
}

/* CKD_NULL without Hash; Kdf = SP800 chooses the concatenation KDF, else it is X9.63's. */
static void ecdh(job *j, const kat_case *c)
{
    CK_ULONG kdf = CKD_NULL;

    if (case_has(c, "Hash"))
        kdf = case_is(c, "Kdf", "SP800") ? hash_of(c, "Hash")->kdf_sp800 : hash_of(c, "Hash")->kdf;
    param_ecdh(j, kdf, bytes_of(c, "SharedData"), bytes_of(c, "PeerPoint"));
}

static void context(job *j, const kat_case *c)
{
    if (case_has(c, "Hash"))
        param_hashed(j, hash_of(c, "Hash")->digest, bytes_of(c, "Context"),
                     CKH_DETERMINISTIC_REQUIRED);
    else if (case_has(c, "Context"))
        param_context(j, bytes_of(c, "Context"), CKH_DETERMINISTIC_REQUIRED);
}

static void tls(job *j, const kat_case *c)
{
    const span randoms[] = { bytes_of(c, "Client"), bytes_of(c, "Server") };
    const CK_ULONG bits[] = { case_number(c, "MacBits"), case_number(c, "KeyBits"),
                              case_number(c, "IvBits") };
    const hash_row *hash = hash_of(c, "Hash");

    if (case_has(c, "Label"))
        param_tls_kdf(j, hash->digest, bytes_of(c, "Label"), bytes_of(c, "Seed1"),
                      bytes_of(c, "Seed2"));
    else if (case_has(c, "SessionHash"))
        param_tls_extended(j, hash, bytes_of(c, "SessionHash"));
    else if (case_has(c, "MacBits"))
        param_tls_keys(j, hash, randoms, bits);
    else
        param_tls_master(j, hash, randoms[0], randoms[1]);
}

/* To decapsulate, the public value is the ciphertext and not in the parameter. */
static void dh(job *j, const kat_case *c, const char *name, const char *op)
{
    const span none = { (const uint8_t *)"", 0 };
    const bool is_kem = strcmp(op, "decapsulate") == 0;
    const span peer = bytes_of(c, "Peer");

    if (is_kem)
        j->in = peer;
    if (strncmp(name, "X9_42_", 6) == 0)
        param_x9_42(j, is_kem ? none : peer);
    else
        param_dh(j, is_kem ? none : peer);
}

/* The parameter of a key derivation; false: of something else. */
static bool derive_param(job *j, const kat_case *c, const char *name)
{
    if (strncmp(name, "ECDH1_", 6) == 0)
        ecdh(j, c);
    else if (strncmp(name, "HKDF_", 5) == 0)
        hkdf(j, c);
    else if (strncmp(name, "SP800_108_", 10) == 0)
        kbkdf(j, c, name);
    else if (strncmp(name, "TLS", 3) == 0)
        tls(j, c);
    else if (strcmp(name, "PKCS5_PBKD2") == 0)
        param_pbkdf2(j, hash_of(c, "Hash"), bytes_of(c, "Password"), bytes_of(c, "Salt"),
                     case_number(c, "Iterations"));
    else if (case_has(c, "StringData") && case_has(c, "IV"))
        param_cbc_data(j, bytes_of(c, "IV"), bytes_of(c, "StringData"));
    else if (case_has(c, "StringData"))
        param_string(j, bytes_of(c, "StringData"));
    else if (case_has(c, "Bit"))
        param_mac_len(j, case_number(c, "Bit"));
    else
        return false;
    return true;
}

static bool has_suffix(const char *name, const char *suffix)
{
    const size_t len = strlen(name);
    const size_t tail = strlen(suffix);

    return len >= tail && strcmp(name + len - tail, suffix) == 0;
}

static void param(job *j, const kat_case *c, const char *name)
{
    const span out = bytes_of(c, "Output");

    if (has_suffix(name, "_GENERAL"))
        param_mac_len(j, out.len);
    else if (has_suffix(name, "_PSS"))
        param_pss(j, hash_of(c, "Hash"), hash_of(c, "MgfHash"), case_number(c, "SaltBytes"));
    else if (strcmp(name, "RSA_PKCS_OAEP") == 0)
        param_oaep(j, hash_of(c, "Hash"), hash_of(c, "MgfHash"), bytes_of(c, "Label"));
    else if (strcmp(name, "AES_GCM") == 0 || strcmp(name, "AES_GMAC") == 0)
        param_gcm(j, bytes_of(c, "IV"), bytes_of(c, "AAD"), case_number(c, "TagBytes"));
    else if (strcmp(name, "AES_CCM") == 0)
        param_ccm(j, bytes_of(c, "IV"), bytes_of(c, "AAD"), case_number(c, "TagBytes"),
                  bytes_of(c, "Input").len);
    else if (strcmp(name, "CHACHA20_POLY1305") == 0)
        param_chacha(j, bytes_of(c, "IV"), bytes_of(c, "AAD"));
    else if (strcmp(name, "CHACHA20") == 0)
        param_chacha_block(j, bytes_of(c, "Counter"), bytes_of(c, "IV"));
    else if (strcmp(name, "AES_CTR") == 0)
        param_ctr(j, bytes_of(c, "IV"), case_number(c, "CounterBits"));
    else if (strcmp(name, "EDDSA") == 0)
        eddsa(j, c);
    else if (strstr(name, "ML_DSA") != NULL || strstr(name, "SLH_DSA") != NULL ||
             strncmp(name, "0xc352", 6) == 0) /* composites */
        context(j, c);
    else if (!derive_param(j, c, name) && case_has(c, "IV"))
        param_iv(j, bytes_of(c, "IV"));
}

static CK_KEY_TYPE secret_type(const kat_case *c, const char *name)
{
    if (case_is(c, "KeyType", "GENERIC_SECRET"))
        return CKK_GENERIC_SECRET;
    if (case_is(c, "KeyType", "AES"))
        return CKK_AES;
    if (strncmp(name, "AES_XTS", 7) == 0)
        return CKK_AES_XTS;
    if (strncmp(name, "DES3", 4) == 0)
        return CKK_DES3;
    if (strncmp(name, "CHACHA20", 8) == 0)
        return CKK_CHACHA20;
    return strncmp(name, "AES_", 4) == 0 ? CKK_AES : CKK_GENERIC_SECRET;
}

/* A key of DefineKey: Pkcs8 and Spki, or Curve and Value or Point, or Set and Private, Seed, Public, or
 * Prime, Base, Subprime and Value or Public. */
static bool pair_key(job *j, const kat_case *c, bool is_public)
{
    const char *set = case_text(c, "Set");
    const char *curve = case_text(c, "Curve");

    if (set != NULL)
        return is_public
                   ? key_pqc_public(&j->key, set, bytes_of(c, "Public"))
                   : key_pqc_private(&j->key, set, bytes_of(c, "Private"), bytes_of(c, "Seed"));
    if (case_has(c, "Prime"))
        key_dh(&j->key, is_public ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY, c,
               bytes_of(c, is_public ? "Public" : "Value"));
    else if (curve != NULL && is_public)
        key_ec_public(&j->key, c, curve, bytes_of(c, "Point"));
    else if (curve != NULL)
        key_ec_private(&j->key, curve, bytes_of(c, "Value"));
    else
        return is_public ? key_from_spki(&j->key, c, bytes_of(c, "Spki"))
                         : key_from_pkcs8(&j->key, c, bytes_of(c, "Pkcs8"));
    return true;
}

typedef void run_fn(kat *k, const kat_case *c, job *j);
typedef enum which_key { NO_KEY, PUBLIC, PRIVATE } which_key;

static const struct {
    const char *op;
    run_fn *run;
    which_key key;
} ops[] = {
    { "digest", run_digest, NO_KEY },   { "mac", run_mac, PRIVATE },
    { "cipher", run_cipher, PRIVATE },  { "decrypt", run_cipher, PRIVATE },
    { "sign", run_sign, PRIVATE },      { "verify", run_verify, PUBLIC },
    { "recover", run_recover, PUBLIC }, { "wrap", run_wrap, PRIVATE },
    { "unwrap", run_unwrap, PRIVATE },  { "derive", run_derive, PRIVATE },
    { "generate", run_derive, NO_KEY }, { "decapsulate", run_decapsulate, PRIVATE },
    { "import", run_import, PRIVATE },  { "keymat", run_key_material, PRIVATE },
    { "public", run_public, PRIVATE },
};

static bool load_key(job *j, const kat_case *c, const char *name, which_key which)
{
    if (which == NO_KEY)
        return true;
    if (case_has(c, "UseKey"))
        return pair_key(j, c, which == PUBLIC);
    if (!case_has(c, "Key"))
        return false;
    key_secret(&j->key, secret_type(c, name), bytes_of(c, "Key"));
    return true;
}

/* The parameter is the handle of a second key. */
static void with_other_key(kat *k, const kat_case *c, job *j, run_fn *run)
{
    attrs other = { .count = 0 };
    CK_OBJECT_HANDLE handle;

    key_secret(&other, CKK_GENERIC_SECRET, bytes_of(c, "OtherKey"));
    if (!CHECK_OK(p11->C_CreateObject(k->session, other.at, other.count, &handle)))
        return;
    param_handle(j, handle);
    run(k, c, j);
    CHECK_OK(p11->C_DestroyObject(k->session, handle));
}

static void one_op(kat *k, const kat_case *c, const char *name, size_t op)
{
    CK_MECHANISM_TYPE type;
    job j;

    if (!mechanism_number(name, &type))
        kat_die(c->file, c->number, "no such mechanism");
    job_start(&j, type);
    j.expect = case_has(c, "Result") ? MUST_FAIL : MUST_WORK;
    j.in = bytes_of(c, "Input");
    j.want = bytes_of(c, "Output");
    j.is_one_way = strcmp(ops[op].op, "decrypt") == 0;
    j.is_multi_part = case_has(c, "Parts");
    j.is_data = case_is(c, "Object", "data");
    if (case_has(c, "Peer"))
        dh(&j, c, name, ops[op].op);
    else
        param(&j, c, name);
    if (!load_key(&j, c, name, ops[op].key))
        kat_die(c->file, c->number, "no key, or one that can not be read");
    if (own_ike(k, c, &j))
        return;
    if (case_has(c, "OtherKey"))
        with_other_key(k, c, &j, ops[op].run);
    else
        ops[op].run(k, c, &j);
}

/* More than one operation may stand there: [Op = sign verify]. */
void own_case(kat *k, const kat_case *c)
{
    const char *name = case_text(c, "Mechanism");
    const char *at = case_text(c, "Op");
    size_t done = 0;

    if (!case_has(c, "Output") || name == NULL || at == NULL || !case_has(c, "Source"))
        kat_die(c->file, c->number, "Mechanism, Op, Source and Output belong to every vector");
    while (*at != '\0') {
        const size_t len = strcspn(at, " ");

        for (size_t i = 0; i < ARRAY_LEN(ops); i++)
            if (strlen(ops[i].op) == len && strncmp(ops[i].op, at, len) == 0) {
                one_op(k, c, name, i);
                done++;
            }
        at += len + strspn(at + len, " ");
    }
    if (done == 0)
        kat_die(c->file, c->number, "no such Op");
}
