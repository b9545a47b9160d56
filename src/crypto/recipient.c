/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/recipient.h"

#include "crypto/import.h"
#include "crypto/kem.h"

static const hsm_mech *generation(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        if ((rows[i].ops & HSM_OP_GENERATE_PAIR) != 0 && rows[i].key_type == CKK_CRATON_COMP_KEM)
            return &rows[i];
    }
    return NULL;
}

/* The mechanism, where the rules in force leave it. */
static hsm_err find_kem(hsm_crypto *crypto, hsm_op op, const hsm_mech **out_mech)
{
    const hsm_mech *mech = hsm_mech_by_alg(HSM_ALG_COMP_KEM);

    HSM_CHECK(mech != NULL, HSM_E_MECHANISM);
    HSM_TRY(hsm_mech_allow(crypto, mech, op));
    *out_mech = mech;
    return HSM_OK;
}

static hsm_err check_set(const hsm_key_parts *parts)
{
    const hsm_bytes set = parts->part[HSM_PART_PARAMETER_SET];
    CK_ULONG id = 0;

    HSM_CHECK(parts->key_type == CKK_CRATON_COMP_KEM && set.len == sizeof id, HSM_E_KEY_TYPE);
    memcpy(&id, set.data, sizeof id);
    HSM_CHECK(id == CKP_CRATON_COMP_KEM_MLKEM768_X25519, HSM_E_KEY_TYPE);
    return HSM_OK;
}

static hsm_err open_private(hsm_crypto *crypto, hsm_bytes pkcs8, hsm_key **out_key)
{
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle read = { 0 };
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle whole = { 0 };

    HSM_TRY(hsm_key_pkcs8_decode(crypto, pkcs8, CKK_CRATON_COMP_KEM, &read));
    HSM_TRY(check_set(&read.parts));
    HSM_TRY(hsm_key_complete(crypto, &read.parts, &whole));
    return hsm_key_create(crypto, &whole.parts, out_key);
}

hsm_err hsm_recipient_generate(hsm_crypto *crypto, hsm_secret **out_pkcs8, hsm_buf *out_spki)
{
    const hsm_keygen request = {
        .mech = generation(),
        .key_type = CKK_CRATON_COMP_KEM,
        .parameter_set = CKP_CRATON_COMP_KEM_MLKEM768_X25519,
        .pair_test = HSM_PAIR_TEST_NOW,
    };
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle made = { 0 };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *pkcs8 = NULL;

    HSM_CHECK(request.mech != NULL, HSM_E_MECHANISM);
    HSM_TRY(hsm_mech_allow(crypto, request.mech, HSM_OP_GENERATE_PAIR));
    HSM_TRY(hsm_keygen_run(crypto, &request, &made));
    HSM_TRY(hsm_key_create(crypto, &made.parts, &key));
    HSM_TRY(hsm_key_pkcs8_encode(key, &pkcs8));
    HSM_TRY(hsm_key_spki(key, out_spki));
    *out_pkcs8 = HSM_MOVE(pkcs8);
    return HSM_OK;
}

hsm_err hsm_recipient_seal(hsm_crypto *crypto, hsm_bytes spki,
                           uint8_t ciphertext[HSM_RECIPIENT_CIPHERTEXT_BYTES],
                           hsm_secret **out_secret)
{
    const hsm_mech_params params = { 0 };
    hsm_kem_use use = { .params = &params };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_key_parts parts = { 0 };

    HSM_TRY(find_kem(crypto, HSM_OP_ENCAPSULATE, &use.mech));
    HSM_TRY(hsm_import_public(crypto, spki, &parts));
    HSM_TRY(check_set(&parts));
    HSM_TRY(hsm_key_create(crypto, &parts, &key));
    use.key = key;
    HSM_CHECK(hsm_kem_ciphertext_len(&use) == HSM_RECIPIENT_CIPHERTEXT_BYTES, HSM_E_INTERNAL);
    return hsm_kem_encapsulate(&use, ciphertext, out_secret);
}

hsm_err hsm_recipient_open(hsm_crypto *crypto, hsm_bytes pkcs8, hsm_bytes ciphertext,
                           hsm_secret **out_secret)
{
    const hsm_mech_params params = { 0 };
    hsm_kem_use use = { .params = &params };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    HSM_TRY(find_kem(crypto, HSM_OP_DECAPSULATE, &use.mech));
    HSM_TRY(open_private(crypto, pkcs8, &key));
    use.key = key;
    return hsm_kem_decapsulate(&use, ciphertext, out_secret);
}

hsm_err hsm_recipient_public(hsm_crypto *crypto, hsm_bytes pkcs8, hsm_buf *out_spki)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    HSM_TRY(open_private(crypto, pkcs8, &key));
    return hsm_key_spki(key, out_spki);
}
