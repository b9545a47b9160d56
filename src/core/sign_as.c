/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sign_as.h"

#include "crypto/mech.h"

static const hsm_alg algs[] = {
    [HSM_SIGN_RSA_PKCS1] = HSM_ALG_RSA_PKCS, [HSM_SIGN_RSA_PSS] = HSM_ALG_RSA_PSS,
    [HSM_SIGN_ECDSA] = HSM_ALG_ECDSA,        [HSM_SIGN_EDDSA] = HSM_ALG_EDDSA,
    [HSM_SIGN_ML_DSA] = HSM_ALG_ML_DSA,
};

static const struct {
    uint32_t bits;
    hsm_hash hash;
} hashes[] = {
    { 0, HSM_HASH_NONE },
    { 256, HSM_HASH_SHA256 },
    { 384, HSM_HASH_SHA384 },
    { 512, HSM_HASH_SHA512 },
};

static hsm_err find_mech(const hsm_sign_request *request, const hsm_mech **out_mech)
{
    const bool is_hashed = request->kind != HSM_SIGN_EDDSA && request->kind != HSM_SIGN_ML_DSA;

    HSM_CHECK(is_hashed == (request->hash_bits > 0), HSM_E_MECHANISM);
    for (size_t i = 0; i < HSM_ARRAY_LEN(hashes); i++) {
        if (hashes[i].bits != request->hash_bits)
            continue;
        *out_mech = hsm_mech_by_hash(algs[request->kind], hashes[i].hash);
        return *out_mech != NULL ? HSM_OK : HSM_E_MECHANISM;
    }
    return HSM_E_MECHANISM;
}

hsm_err hsm_core_sign_as(hsm_core *core, hsm_session *session, const hsm_sign_request *request,
                         hsm_out *out)
{
    const hsm_mech *mech = NULL;
    CK_RSA_PKCS_PSS_PARAMS pss;
    CK_MECHANISM mechanism = { .mechanism = CK_UNAVAILABLE_INFORMATION };

    HSM_TRY(find_mech(request, &mech));
    mechanism.mechanism = mech->id;
    if (request->kind == HSM_SIGN_RSA_PSS) {
        const hsm_hash_info *hash = hsm_hash_get(mech->hash);

        pss = (CK_RSA_PKCS_PSS_PARAMS){ .hashAlg = hash->digest_mech,
                                        .mgf = hash->mgf,
                                        .sLen = hash->len };
        mechanism.pParameter = &pss;
        mechanism.ulParameterLen = sizeof pss;
    }
    HSM_TRY(hsm_core_op_init(core, session, HSM_OP_SIGN, &mechanism, request->key));
    return hsm_core_op_single(core, session, HSM_OP_SIGN, request->data, out);
}
