/* ML-DSA, ML-KEM and SLH-DSA keys: import from seed, expanded key or both, completion, generation.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/ct.h"
#include "crypto/backend_openssl_fresh.h"
#include "crypto/backend_openssl_pqc.h"

#define PARAM_SEED OSSL_PKEY_PARAM_ML_DSA_SEED /* ML-KEM's has the same name */

hsm_err hsm_ossl_pqc_read(const EVP_PKEY *pkey, const char *name, uint8_t *out, size_t len)
{
    size_t got = 0;

    HSM_TRY(
        hsm_ossl_done(EVP_PKEY_get_octet_string_param(pkey, name, out, len, &got), HSM_E_CRYPTO));
    HSM_CHECK(got == len, HSM_E_CRYPTO);
    return HSM_OK;
}

bool hsm_ossl_pqc_has_seed(const EVP_PKEY *pkey, const hsm_pqc_set *set)
{
    size_t len = 0;

    if (set->seed_bytes == 0)
        return false;
    const bool has = EVP_PKEY_get_octet_string_param(pkey, PARAM_SEED, NULL, 0, &len) == 1 &&
                     len == set->seed_bytes;
    (void)hsm_ossl_cause(HSM_E_CRYPTO); /* a key without a seed is no failure */
    return has;
}

static hsm_err find_set(const hsm_key_parts *parts, const hsm_pqc_set **out_set)
{
    const hsm_bytes id_bytes = parts->part[HSM_PART_PARAMETER_SET];
    CK_ULONG id = 0;

    HSM_CHECK(id_bytes.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(id_bytes.len == sizeof id, HSM_E_ATTRIBUTE_VALUE);
    memcpy(&id, id_bytes.data, sizeof id);
    return hsm_pqc_find(parts->key_type, id, out_set);
}

/* An EVP_PKEY of the one octet string `name`. */
static hsm_err import_one(const hsm_crypto *crypto, const hsm_pqc_set *set, const char *name,
                          hsm_bytes value, EVP_PKEY **out_pkey)
{
    const bool is_public = strcmp(name, OSSL_PKEY_PARAM_PUB_KEY) == 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)value.data, value.len),
        OSSL_PARAM_END,
    };

    return hsm_ossl_pkey_from(crypto, set->name, is_public ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR,
                              params, out_pkey);
}

/* A part that is given must be as long as the set says. */
static bool fits(hsm_bytes part, size_t len)
{
    return part.len == 0 || part.len == len;
}

static hsm_err same_private(const EVP_PKEY *pkey, const hsm_pqc_set *set, hsm_bytes given)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;

    HSM_TRY(hsm_secret_create(set->private_bytes, &value));
    HSM_TRY(hsm_ossl_pqc_read(pkey, OSSL_PKEY_PARAM_PRIV_KEY, hsm_secret_data(value),
                              set->private_bytes));
    HSM_CHECK(hsm_ct_equal(hsm_secret_view(value), given), HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

static hsm_err same_public(const EVP_PKEY *pkey, const hsm_pqc_set *set, hsm_bytes given)
{
    uint8_t public[HSM_PQC_PUBLIC_MAX_BYTES];

    HSM_TRY(hsm_ossl_pqc_read(pkey, OSSL_PKEY_PARAM_PUB_KEY, public, set->public_bytes));
    HSM_CHECK(hsm_bytes_equal(hsm_bytes_of(public, set->public_bytes), given),
              HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

/* From the seed if there is one, for it says more; what else is given must be what follows from it. */
static hsm_err import_private(const hsm_crypto *crypto, const hsm_pqc_set *set,
                              const hsm_key_parts *parts, EVP_PKEY **out_pkey)
{
    const hsm_bytes seed = parts->part[HSM_PART_SEED];
    const hsm_bytes value = parts->part[HSM_PART_VALUE];
    const hsm_bytes public = parts->part[HSM_PART_PUBLIC];
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *pkey = NULL;

    HSM_CHECK(seed.len > 0 || value.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(fits(seed, set->seed_bytes) && fits(value, set->private_bytes),
              HSM_E_ATTRIBUTE_VALUE);
    if (seed.len > 0)
        HSM_TRY(import_one(crypto, set, PARAM_SEED, seed, &pkey));
    else
        HSM_TRY(import_one(crypto, set, OSSL_PKEY_PARAM_PRIV_KEY, value, &pkey));
    if (seed.len > 0 && value.len > 0)
        HSM_TRY(same_private(pkey, set, value));
    if (public.len > 0)
        HSM_TRY(same_public(pkey, set, public));

    *out_pkey = HSM_MOVE(pkey);
    return HSM_OK;
}

static hsm_err import_public(const hsm_crypto *crypto, const hsm_pqc_set *set,
                             const hsm_key_parts *parts, EVP_PKEY **out_pkey)
{
    const hsm_bytes public = parts->part[HSM_PART_PUBLIC];

    HSM_CHECK(public.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(public.len == set->public_bytes, HSM_E_ATTRIBUTE_VALUE);
    return import_one(crypto, set, OSSL_PKEY_PARAM_PUB_KEY, public, out_pkey);
}

static hsm_err pqc_create(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key *key)
{
    const hsm_pqc_set *set = NULL;
    EVP_PKEY *pkey = NULL;

    HSM_TRY(find_set(parts, &set));
    if (parts->key_class == CKO_PRIVATE_KEY)
        HSM_TRY(import_private(crypto, set, parts, &pkey));
    else
        HSM_TRY(import_public(crypto, set, parts, &pkey));
    key->native = pkey;
    key->set = set;
    key->bits = set->public_bytes * 8;
    return HSM_OK;
}

static hsm_err check_halves(const hsm_crypto *crypto, EVP_PKEY *pkey)
{
    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(crypto)->libctx, pkey, NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    return hsm_ossl_done(EVP_PKEY_pairwise_check(ctx), HSM_E_ATTRIBUTE_VALUE);
}

/* Import has checked a public key's encoding, and that a private key's parts agree. Within an
 * expanded key the two halves may still differ. */
static hsm_err pqc_check(hsm_key *key)
{
    if (key->key_class == CKO_PUBLIC_KEY || hsm_ossl_pqc_has_seed(key->native, key->set))
        return HSM_OK;
    return check_halves(key->crypto, key->native);
}

static hsm_err pack_private(const EVP_PKEY *pkey, const hsm_pqc_set *set, hsm_ossl_packer *packer)
{
    uint8_t *room = NULL;

    if (hsm_ossl_pqc_has_seed(pkey, set)) {
        HSM_TRY(hsm_ossl_packer_room(packer, HSM_PART_SEED, set->seed_bytes, &room));
        HSM_TRY(hsm_ossl_pqc_read(pkey, PARAM_SEED, room, set->seed_bytes));
    }
    HSM_TRY(hsm_ossl_packer_room(packer, HSM_PART_VALUE, set->private_bytes, &room));
    return hsm_ossl_pqc_read(pkey, OSSL_PKEY_PARAM_PRIV_KEY, room, set->private_bytes);
}

static hsm_err pack(const EVP_PKEY *pkey, const hsm_pqc_set *set, CK_OBJECT_CLASS key_class,
                    hsm_key_bundle *out)
{
    HSM_AUTO(hsm_ossl_packer_clear) hsm_ossl_packer packer = { 0 };
    uint8_t *room = NULL;

    HSM_TRY(hsm_ossl_packer_init(&packer, key_class, set->key_type,
                                 sizeof set->id + set->public_bytes + set->seed_bytes +
                                     set->private_bytes));
    HSM_TRY(hsm_ossl_packer_put(&packer, HSM_PART_PARAMETER_SET,
                                hsm_bytes_of(&set->id, sizeof set->id)));
    HSM_TRY(hsm_ossl_packer_room(&packer, HSM_PART_PUBLIC, set->public_bytes, &room));
    HSM_TRY(hsm_ossl_pqc_read(pkey, OSSL_PKEY_PARAM_PUB_KEY, room, set->public_bytes));
    if (key_class == CKO_PRIVATE_KEY)
        HSM_TRY(pack_private(pkey, set, &packer));
    hsm_ossl_packer_finish(&packer, out);
    return HSM_OK;
}

static hsm_err pqc_complete(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key_bundle *out)
{
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *pkey = NULL;
    const hsm_pqc_set *set = NULL;

    HSM_TRY(find_set(parts, &set));
    if (parts->key_class == CKO_PRIVATE_KEY)
        HSM_TRY(import_private(crypto, set, parts, &pkey));
    else
        HSM_TRY(import_public(crypto, set, parts, &pkey));
    return pack(pkey, set, parts->key_class, out);
}

static hsm_err generate_pkey(hsm_crypto *crypto, const hsm_pqc_set *set, EVP_PKEY **out_pkey)
{
    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(hsm_ossl_of(crypto)->libctx, set->name, NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_keygen_init(ctx), HSM_E_CRYPTO));
    HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
    return hsm_ossl_done(EVP_PKEY_generate(ctx, out_pkey), HSM_E_CRYPTO);
}

static hsm_err pqc_generate(hsm_crypto *crypto, const hsm_keygen *request, hsm_key_bundle *out)
{
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *pkey = NULL;
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };
    const hsm_pqc_set *set = NULL;

    HSM_TRY(hsm_pqc_find(request->key_type, request->parameter_set, &set));
    HSM_TRY(generate_pkey(crypto, set, &pkey));
    HSM_TRY(hsm_ossl_pair_check(crypto, pkey, request->key_type, false));
    HSM_TRY(pack(pkey, set, CKO_PRIVATE_KEY, &bundle));

    HSM_TRY(hsm_key_adopt(crypto, request->key_type, pkey, &bundle.key));
    pkey = NULL;
    bundle.key->set = set;
    bundle.key->bits = set->public_bytes * 8;
    *out = bundle;
    bundle = (hsm_key_bundle){ 0 };
    return HSM_OK;
}

const hsm_key_ops hsm_ossl_pqc_key = {
    .create = pqc_create,
    .check = pqc_check,
    .complete = pqc_complete,
    .generate = pqc_generate,
};
