/* How much a derivation gives, and where each key lies in it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#include "crypto/internal.h"
#include "crypto/selftest.h"

#define TLS_MASTER_BYTES 48u
#define CMAC_BYTES 16u

bool hsm_kdf_shows_base(const hsm_mech *mech)
{
    return mech->alg == HSM_ALG_CONCAT_BASE_KEY || mech->alg == HSM_ALG_CONCAT_BASE_DATA ||
           mech->alg == HSM_ALG_CONCAT_DATA_BASE || mech->alg == HSM_ALG_XOR_BASE_DATA ||
           mech->alg == HSM_ALG_EXTRACT || mech->alg == HSM_ALG_TLS12_EXPORTER ||
           mech->alg == HSM_ALG_IKE1_EXTENDED; /* which may be the base key's beginning */
}

static bool is_kbkdf(const hsm_mech *mech)
{
    return mech->alg == HSM_ALG_KBKDF_COUNTER || mech->alg == HSM_ALG_KBKDF_FEEDBACK ||
           mech->alg == HSM_ALG_KBKDF_PIPELINE;
}

static size_t hash_len(const hsm_kdf *kdf)
{
    return kdf->is_cmac ? CMAC_BYTES : hsm_hash_get(kdf->hash)->len;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

#define AS_ASKED SIZE_MAX

/* How long the result is by itself, or AS_ASKED. */
static size_t own_len(const hsm_mech *mech, const hsm_kdf *kdf, size_t base_len)
{
    switch (mech->alg) {
    case HSM_ALG_CONCAT_BASE_KEY:
        return base_len + kdf->values[0].len;
    case HSM_ALG_CONCAT_BASE_DATA:
    case HSM_ALG_CONCAT_DATA_BASE:
        return base_len + kdf->data.len;
    case HSM_ALG_XOR_BASE_DATA:
        return smaller(base_len, kdf->data.len);
    case HSM_ALG_ENCRYPT_DATA_ECB:
    case HSM_ALG_ENCRYPT_DATA_CBC:
        return kdf->data.len;
    case HSM_ALG_HASH_DERIVE:
        return hash_len(kdf);
    case HSM_ALG_HKDF:
        return kdf->does_expand ? AS_ASKED : hash_len(kdf);
    case HSM_ALG_SHAKE_DERIVE:
        return mech->result_len;
    case HSM_ALG_IKE_PRF:
    case HSM_ALG_IKE1_PRF:
        return hash_len(kdf);
    case HSM_ALG_TLS12_MASTER:
    case HSM_ALG_TLS12_EXTENDED:
        return TLS_MASTER_BYTES;
    default: /* those that stretch */
        return AS_ASKED;
    }
}

/* The most that those give which take a length. */
static size_t most_len(const hsm_mech *mech, const hsm_kdf *kdf, size_t base_len)
{
    if (mech->alg == HSM_ALG_HKDF || mech->alg == HSM_ALG_IKE2_PRF_PLUS ||
        mech->alg == HSM_ALG_IKE1_EXTENDED)
        return 255 * hash_len(kdf); /* RFC 5869, 2.3; RFC 7296, 2.13 */
    return mech->alg == HSM_ALG_EXTRACT ? base_len : HSM_SECRET_MAX_BYTES;
}

/* The most bytes of one key, and what comes by itself (0: the template must say). */
static void give_of(const hsm_mech *mech, const hsm_kdf *kdf, size_t base_len, size_t *out_max,
                    size_t *out_usual)
{
    const size_t own = own_len(mech, kdf, base_len);
    const size_t most = own != AS_ASKED ? own : most_len(mech, kdf, base_len);

    *out_max = smaller(most, HSM_SECRET_MAX_BYTES);
    *out_usual = own != AS_ASKED ? *out_max : 0;
}

/* No two keys come from one segment of PRF output (PKCS#11 v3.2, Deriving Additional Keys). */
static size_t next_start(const hsm_mech *mech, const hsm_kdf *kdf, size_t end)
{
    const size_t unit = is_kbkdf(mech) ? hash_len(kdf) : 1;

    return (end + unit - 1) / unit * unit;
}

static hsm_err size_slice(const hsm_mech *mech, const hsm_kdf *kdf, size_t base_len,
                          hsm_kdf_slice *slice)
{
    size_t max = 0;
    size_t usual = 0;

    give_of(mech, kdf, base_len, &max, &usual);
    if (slice->len == 0)
        slice->len = usual;
    HSM_CHECK(slice->len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    if (mech->alg == HSM_ALG_ENCRYPT_DATA_ECB || mech->alg == HSM_ALG_ENCRYPT_DATA_CBC)
        HSM_CHECK(slice->len <= max, HSM_E_DATA_LEN);
    HSM_CHECK(slice->len <= max, HSM_E_KEY_SIZE);
    HSM_CHECK(mech->alg != HSM_ALG_IKE_PRF || slice->len == max, HSM_E_KEY_SIZE); /* never cut */
    return HSM_OK;
}

hsm_err hsm_kdf_plan(const hsm_mech *mech, hsm_kdf *kdf, size_t base_len, hsm_kdf_slice *slices,
                     size_t count)
{
    size_t end = 0;
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        HSM_TRY(size_slice(mech, kdf, base_len, &slices[i]));
        slices[i].at = next_start(mech, kdf, end);
        HSM_CHECK(slices[i].at + slices[i].len <= HSM_SECRET_MAX_BYTES, HSM_E_KEY_SIZE);
        end = slices[i].at + slices[i].len;
        sum += slices[i].len;
    }
    kdf->keys_len = sum;
    return HSM_OK;
}

hsm_err hsm_kdf_run(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf, hsm_key *base,
                    size_t len, hsm_secret **out_value)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;

    HSM_CHECK(base->key_class == CKO_SECRET_KEY, HSM_E_KEY_TYPE);
    HSM_CHECK(!kdf->is_cmac || kdf->is_data_key || base->key_type == CKK_AES, HSM_E_KEY_TYPE);
    HSM_TRY(hsm_selftest_use(crypto, mech, kdf->hash));
    if (kdf->is_cmac)
        HSM_TRY(hsm_selftest_need(crypto, hsm_selftest_bit(HSM_SELFTEST_AES_CMAC)));
    HSM_TRY(hsm_secret_create(len, &value));
    HSM_TRY(crypto->backend->kdf(crypto, mech, kdf, hsm_secret_view(base->value), value));
    *out_value = HSM_MOVE(value);
    return HSM_OK;
}
