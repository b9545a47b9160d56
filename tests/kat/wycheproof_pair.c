/* Wycheproof: public-key mechanisms.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wycheproof.h"

/* A private key may come with leading zeros, and as many bytes as the curve has. */
static span fitted(const kat_case *c, span number, size_t len)
{
    uint8_t *out = arena_take(c->memory, len);

    while (number.len > len && number.data[0] == 0)
        number = (span){ number.data + 1, number.len - 1 };
    if (number.len > len)
        return number;
    memcpy(out + len - number.len, number.data, number.len);
    return (span){ out, len };
}

/* The peer's point; false: the vector is about an encoding that C_DeriveKey never sees. */
static bool peer_point(kat *k, const kat_case *c, const char *curve, span *out_point)
{
    const span encoded = case_hex(c, "public");
    const char *name;

    *out_point = encoded;
    if (!case_is(c, "encoding", "asn"))
        return true;
    if (spki_point(encoded, &name, out_point) &&
        span_equal(curve_params(name), curve_params(curve)))
        return true;
    kat_exclude(k, CKM_ECDH1_DERIVE, "peer key in ASN.1 that is not a point on a named curve");
    return false;
}

void wy_ecdh(kat *k, const kat_case *c)
{
    const char *curve = case_text(c, "curve");
    const bool is_point = curve_key_type(curve) == CKK_EC;
    span value = case_hex(c, "private");
    span point;
    job j;

    wy_start(&j, c, CKM_ECDH1_DERIVE);
    if (!peer_point(k, c, curve, &point))
        return;
    if (is_point)
        value = fitted(c, value, curve_bytes(curve));
    key_ec_private(&j.key, curve, value);
    param_ecdh(&j, CKD_NULL, (span){ (const uint8_t *)"", 0 }, point);
    j.want = case_hex(c, "shared");
    run_derive(k, c, &j);
}

void wy_ecdsa(kat *k, const kat_case *c)
{
    const hash_row *hash = hash_find(case_text(c, "sha"));
    const char *curve = case_text(c, "publicKey.curve");
    const size_t part_len = curve_bytes(curve);
    job j;

    wy_start(&j, c, hash->ecdsa);
    key_ec_public(&j.key, c, curve, case_hex(c, "publicKey.uncompressed"));
    j.in = case_hex(c, "msg");
    j.want = case_hex(c, "sig");
    j.is_multi_part = true;
    if (case_is(c, "type", "EcdsaVerify") && !signature_raw(c->memory, j.want, part_len, &j.want)) {
        kat_exclude(k, hash->ecdsa, "DER that is not r and s: PKCS#11 takes them raw");
        return;
    }
    run_verify(k, c, &j);
}

void wy_eddsa(kat *k, const kat_case *c)
{
    job j;

    wy_start(&j, c, CKM_EDDSA);
    key_ec_public(&j.key, c, case_text(c, "publicKey.curve"), case_hex(c, "publicKey.pk"));
    j.in = case_hex(c, "msg");
    j.want = case_hex(c, "sig");
    if (case_is(c, "publicKey.curve", "edwards448")) /* the parameter is mandatory there */
        param_eddsa(&j, false, (span){ (const uint8_t *)"", 0 });
    run_verify(k, c, &j);
}

static void rsa_public(kat *k, const kat_case *c, job *j, const char *field_name)
{
    if (!key_from_spki(&j->key, c, case_hex(c, field_name)))
        kat_fail(k, c, j->mechanism.mechanism, "the public key can not be read");
    j->in = case_hex(c, "msg");
    j->want = case_hex(c, "sig");
    j->is_multi_part = true;
}

/* "Acceptable": a DigestInfo without NULL, which may be refused; weak keys and hashes, which work. */
void wy_rsa_verify(kat *k, const kat_case *c)
{
    const hash_row *hash = hash_find(case_text(c, "sha"));
    job j;

    if (hash->rsa == CK_UNAVAILABLE_INFORMATION) {
        kat_exclude_named(k, "RSA PKCS#1", "PKCS#11 has no mechanism with this hash");
        return;
    }
    wy_start(&j, c, hash->rsa);
    rsa_public(k, c, &j, "publicKeyDer");
    run_verify(k, c, &j);
}

void wy_rsa_pss(kat *k, const kat_case *c)
{
    const hash_row *hash = hash_find(case_text(c, "sha"));
    job j;

    wy_start(&j, c, hash->pss);
    param_pss(&j, hash, hash_find(case_text(c, "mgfSha")), case_number(c, "sLen"));
    rsa_public(k, c, &j, "publicKeyDer");
    run_verify(k, c, &j);
}

static bool rsa_private(kat *k, const kat_case *c, job *j)
{
    if (key_from_pkcs8(&j->key, c, case_hex(c, "privateKeyPkcs8")))
        return true;
    kat_fail(k, c, j->mechanism.mechanism, "the private key can not be read");
    return false;
}

/* Here "acceptable" only says that the hash is old: the signature is exact. */
void wy_rsa_sign(kat *k, const kat_case *c)
{
    const hash_row *hash = hash_find(case_text(c, "sha"));
    job j;

    if (hash->rsa == CK_UNAVAILABLE_INFORMATION) {
        kat_exclude_named(k, "RSA PKCS#1", "PKCS#11 has no mechanism with this hash");
        return;
    }
    wy_start(&j, c, hash->rsa);
    j.expect = MUST_WORK;
    if (!rsa_private(k, c, &j))
        return;
    j.in = case_hex(c, "msg");
    j.want = case_hex(c, "sig");
    j.is_multi_part = true;
    run_sign(k, c, &j);
}

static void rsa_decrypt(kat *k, const kat_case *c, job *j)
{
    if (!rsa_private(k, c, j))
        return;
    j->in = case_hex(c, "msg");
    j->want = case_hex(c, "ct");
    j->is_one_way = true;
    run_cipher(k, c, j);
}

void wy_oaep(kat *k, const kat_case *c)
{
    job j;

    wy_start(&j, c, CKM_RSA_PKCS_OAEP);
    param_oaep(&j, hash_find(case_text(c, "sha")), hash_find(case_text(c, "mgfSha")),
               case_hex(c, "label"));
    rsa_decrypt(k, c, &j);
}

/* With implicit rejection an invalid padding decrypts to some other text; that it is not the one
 * in the vector is what matters. */
void wy_rsa_decrypt(kat *k, const kat_case *c)
{
    job j;

    wy_start(&j, c, CKM_RSA_PKCS);
    if (j.expect == MUST_FAIL) {
        kat_exclude(k, CKM_RSA_PKCS,
                    "invalid padding: rejected implicitly, see evppkey_rsa_common");
        return;
    }
    rsa_decrypt(k, c, &j);
}
