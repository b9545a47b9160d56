/* PrivateKeyInfo as an unwrapped or imported key brings it: what is taken can be parsed, encoded and
 * taken again as the same key. The first byte chooses the key type that is asked for.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key.h"
#include "fuzz.h"

static hsm_crypto *open_once(void)
{
    static hsm_crypto *crypto;
    const hsm_crypto_options options = { .backend = "openssl", .may_use_pqc = true };

    if (crypto == NULL)
        FUZZ_REQUIRE(hsm_crypto_create(&options, &crypto) == HSM_OK);
    return crypto;
}

static const CK_KEY_TYPE types[] = {
    CKK_RSA,      CKK_EC,     CKK_EC_EDWARDS, CKK_EC_MONTGOMERY, CKK_DH,
    CKK_X9_42_DH, CKK_ML_DSA, CKK_ML_KEM,     CKK_SLH_DSA,       CKK_AES,
};

static bool same_parts(const hsm_key_parts *a, const hsm_key_parts *b)
{
    for (size_t i = 0; i < HSM_PART_COUNT; i++) {
        if (!hsm_bytes_equal(a->part[i], b->part[i]))
            return false;
    }
    return a->key_type == b->key_type && a->key_class == b->key_class;
}

static void encode_again(hsm_crypto *crypto, const hsm_key_bundle *first)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *der = NULL;
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle whole = { 0 };
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle second = { 0 };

    /* Parts that can't make a key are the caller's to refuse, here and then. */
    if (hsm_key_complete(crypto, &first->parts, &whole) != HSM_OK ||
        hsm_key_create(crypto, &whole.parts, &key) != HSM_OK)
        return;
    FUZZ_REQUIRE(hsm_key_bits(key) > 0);
    if (hsm_key_check(key) != HSM_OK)
        return;
    if (hsm_key_pkcs8_encode(key, &der) != HSM_OK)
        return;
    FUZZ_REQUIRE(hsm_key_pkcs8_decode(crypto, hsm_secret_view(der), first->parts.key_type,
                                      &second) == HSM_OK);

    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle completed = { 0 };
    FUZZ_REQUIRE(hsm_key_complete(crypto, &second.parts, &completed) == HSM_OK);
    FUZZ_REQUIRE(same_parts(&completed.parts, &whole.parts));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hsm_crypto *crypto = open_once();
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };

    if (size == 0)
        return 0;
    const CK_KEY_TYPE wanted = types[data[0] % HSM_ARRAY_LEN(types)];
    if (hsm_key_pkcs8_decode(crypto, hsm_bytes_of(data + 1, size - 1), wanted, &bundle) != HSM_OK)
        return 0;
    FUZZ_REQUIRE(bundle.parts.key_type == wanted && bundle.parts.key_class == CKO_PRIVATE_KEY);
    encode_again(crypto, &bundle);
    return 0;
}
