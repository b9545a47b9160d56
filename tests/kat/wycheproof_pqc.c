/* Wycheproof: ML-DSA and ML-KEM.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wycheproof.h"

static void mldsa_verify(kat *k, const kat_case *c, job *j)
{
    (void)key_pqc_public(&j->key, k->arg, case_hex(c, "publicKey"));
    param_context(j, case_hex(c, "ctx"), CKH_HEDGE_PREFERRED);
    run_verify(k, c, j);
}

static void mldsa_sign(kat *k, const kat_case *c, job *j)
{
    if (case_has(c, "rnd")) {
        kat_exclude(k, CKM_ML_DSA, "signature with given randomness");
        return;
    }
    (void)key_pqc_private(&j->key, k->arg, case_hex(c, "privateKey"), case_hex(c, "privateSeed"));
    param_context(j, case_hex(c, "ctx"), CKH_DETERMINISTIC_REQUIRED);
    run_sign(k, c, j);
}

void wy_mldsa(kat *k, const kat_case *c)
{
    job j;

    wy_start(&j, c, CKM_ML_DSA);
    j.in = case_hex(c, "msg");
    j.want = case_hex(c, "sig");
    if (!case_has(c, "msg"))
        kat_exclude(k, CKM_ML_DSA, "external mu: PKCS#11 signs messages");
    else if (case_is(c, "type", "MlDsaVerify"))
        mldsa_verify(k, c, &j);
    else
        mldsa_sign(k, c, &j);
}

/* C_EncapsulateKey chooses its own randomness: valid vectors can not be repeated. What is wrong with
 * an invalid one is its public key, which must not be taken. */
static void encapsulate(kat *k, const kat_case *c, job *j)
{
    if (j->expect == MUST_WORK) {
        kat_exclude(k, CKM_ML_KEM, "encapsulation with given randomness");
        return;
    }
    (void)key_pqc_public(&j->pub, case_text(c, "parameterSet"), case_hex(c, "ek"));
    run_import_only(k, c, j);
}

void wy_mlkem(kat *k, const kat_case *c)
{
    const char *set = case_text(c, "parameterSet");
    job j;

    wy_start(&j, c, CKM_ML_KEM);
    if (case_is(c, "type", "MLKEMEncapsTest")) {
        encapsulate(k, c, &j);
        return;
    }
    if (case_is(c, "type", "MLKEMKeyGen")) {
        (void)key_pqc_private(&j.key, set, (span){ NULL, 0 }, case_hex(c, "seed"));
        j.want = case_hex(c, "dk");
        j.in = case_hex(c, "ek");
        run_import(k, c, &j);
        return;
    }
    (void)key_pqc_private(&j.key, set, case_hex(c, "dk"), case_hex(c, "seed"));
    j.in = case_hex(c, "c");
    j.want = case_hex(c, "K");
    run_decapsulate(k, c, &j);
}
