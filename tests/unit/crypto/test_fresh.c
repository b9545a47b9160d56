/* OpenSSL draws randomness by itself inside an operation, from two instances of the thread: that fresh
 * entropy is in it. With all else equal, another entropy must give another result.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/rand.h>

#include "crypto/backend_openssl_fresh.h"
#include "crypto/backend_openssl_random.h"
#include "crypto/kem.h"
#include "pqc_support.h"

static hsm_err count_up(void *arg, uint8_t *out, size_t len)
{
    uint64_t *next = arg;

    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)((*next)++ * 37 % 251);
    return HSM_OK;
}

/* What is done: an operation that OpenSSL draws for. */
typedef struct use {
    const char *name;
    hsm_err (*run)(hsm_crypto *crypto, const pair *p, big *out);
} use;

static hsm_err encapsulate(const pair *p, CK_MECHANISM_TYPE mechanism, big *out)
{
    const hsm_mech_params none = { 0 };
    const hsm_kem_use how = { hsm_mech_find(mechanism), &none, p->public_key, 32 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    out->len = hsm_kem_ciphertext_len(&how);
    return hsm_kem_encapsulate(&how, out->data, &secret);
}

static hsm_err ml_kem(hsm_crypto *crypto, const pair *p, big *out)
{
    (void)crypto;
    return encapsulate(p, CKM_ML_KEM, out);
}

static hsm_err rsasve(hsm_crypto *crypto, const pair *p, big *out)
{
    (void)crypto;
    return encapsulate(p, CKM_RSA_X_509, out);
}

static hsm_err run(hsm_crypto *crypto, hsm_op op, const CK_MECHANISM *mechanism, hsm_key *key,
                   big *out)
{
    static const uint8_t data[32];
    const hsm_mech *mech = hsm_mech_find(mechanism->mechanism);
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    hsm_out room = hsm_out_of(out->data, sizeof out->data);
    hsm_mech_params params;

    HSM_TRY(hsm_mech_params_read(mech, mechanism, &params));
    HSM_TRY(hsm_crypt_create(crypto, &crypt));
    HSM_TRY(hsm_crypt_begin(crypt, op, mech, &params, key));
    HSM_TRY(hsm_crypt_single(crypt, hsm_bytes_of(data, sizeof data), &room));
    out->len = room.len;
    return HSM_OK;
}

static hsm_err oaep(hsm_crypto *crypto, const pair *p, big *out)
{
    CK_RSA_PKCS_OAEP_PARAMS how = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
    const CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &how, sizeof how };

    return run(crypto, HSM_OP_ENCRYPT, &mechanism, p->public_key, out);
}

static hsm_err pkcs1(hsm_crypto *crypto, const pair *p, big *out)
{
    const CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };

    return run(crypto, HSM_OP_ENCRYPT, &mechanism, p->public_key, out);
}

static hsm_err pss(hsm_crypto *crypto, const pair *p, big *out)
{
    CK_RSA_PKCS_PSS_PARAMS how = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
    const CK_MECHANISM mechanism = { CKM_RSA_PKCS_PSS, &how, sizeof how };

    return run(crypto, HSM_OP_SIGN, &mechanism, p->private_key, out);
}

static hsm_err ml_dsa(hsm_crypto *crypto, const pair *p, big *out)
{
    const CK_MECHANISM mechanism = { CKM_ML_DSA, NULL, 0 };

    return run(crypto, HSM_OP_SIGN, &mechanism, p->private_key, out);
}

static hsm_err slh_dsa(hsm_crypto *crypto, const pair *p, big *out)
{
    const CK_MECHANISM mechanism = { CKM_SLH_DSA, NULL, 0 };

    return run(crypto, HSM_OP_SIGN, &mechanism, p->private_key, out);
}

/* Both instances in a state that is always the same, then entropy from `at` on. */
static bool run_from(hsm_crypto *crypto, const use *u, const pair *p, uint64_t at, big *out)
{
    uint64_t next = 0;
    uint8_t byte;

    hsm_ossl_random_start(hsm_ossl_of(crypto), count_up, &next);
    bool is_good = CHECK_OK(hsm_crypto_random(crypto, &byte, 1)) &&
                   CHECK_OK(hsm_ossl_random_secret(crypto, &byte, 1));
    next = at;
    is_good = is_good && CHECK_OK(u->run(crypto, p, out));
    CHECK_EQ(next - at, HSM_ENTROPY_BYTES(256));
    hsm_ossl_random_start(hsm_ossl_of(crypto), NULL, NULL);
    return is_good;
}

static void check_use(hsm_crypto *crypto, const use *u, const pair *p)
{
    static big first;
    static big again;
    static big other;

    CASE(u->name);
    if (!run_from(crypto, u, p, 100 * 251, &first) || !run_from(crypto, u, p, 100 * 251, &again) ||
        !run_from(crypto, u, p, 100 * 251 + 7, &other))
        return;
    CHECK_BYTES(again.data, again.len, first.data, first.len);
    CHECK_EQ(other.len, first.len);
    CHECK_THAT(memcmp(other.data, first.data, first.len) != 0);
}

static void of_set(const char *set, const use *u)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(pair_clear) pair p = { 0 };

    REQUIRE_THAT(pair_of_set(crypto, set_named(set), &p));
    check_use(crypto, u, &p);
}

static void post_quantum(void)
{
    of_set("ML-KEM-512", &(use){ "ML-KEM", ml_kem });
    of_set("ML-DSA-44", &(use){ "ML-DSA", ml_dsa });
    of_set("SLH-DSA-SHA2-128f", &(use){ "SLH-DSA", slh_dsa });
}

static void rsa(void)
{
    static const use uses[] = {
        { "RSASVE", rsasve },
        { "OAEP", oaep },
        { "PKCS #1", pkcs1 },
        { "PSS", pss },
    };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(pair_clear) pair p = { 0 };
    static big first;

    REQUIRE_THAT(pair_rsa(crypto, 2048, &p));
    REQUIRE_OK(pss(crypto, &p, &first)); /* which also draws for the blinding of the next ones */
    for (size_t i = 0; i < HSM_ARRAY_LEN(uses); i++)
        check_use(crypto, &uses[i], &p);
}

/* What is drawn of the source by a request of OpenSSL's. */
static uint64_t drawn_for(hsm_crypto *crypto, bool is_secret, size_t len, uint64_t *next)
{
    OSSL_LIB_CTX *libctx = hsm_ossl_of(crypto)->libctx;
    const uint64_t before = *next;
    uint8_t out[64];

    CHECK_EQ(is_secret ? RAND_priv_bytes_ex(libctx, out, len, 0)
                       : RAND_bytes_ex(libctx, out, len, 0),
             1);
    return *next - before;
}

static void scopes(void)
{
    const uint64_t once = HSM_ENTROPY_BYTES(256);
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    uint64_t next = 0;

    hsm_ossl_random_start(hsm_ossl_of(crypto), count_up, &next);
    for (int is_secret = 0; is_secret < 2; is_secret++)
        CHECK_THAT(drawn_for(crypto, is_secret, 32, &next) > once); /* a new instance */
    CASE("none");
    CHECK_EQ(hsm_fresh_scope(), 0);
    CHECK_EQ(drawn_for(crypto, true, 32, &next), 0);
    {
        HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(false);
        CHECK_EQ(drawn_for(crypto, true, 32, &next), 0);
    }
    CASE("short requests: each");
    {
        HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(drawn_for(crypto, i != 1, 32, &next), once);
        {
            HSM_AUTO(hsm_fresh_end) const hsm_fresh inner = hsm_fresh_begin(true);
            CHECK_EQ(drawn_for(crypto, true, 1, &next), once);
        }
        CHECK_EQ(drawn_for(crypto, true, 32, &next), once);
        CASE("a long one: a new seed, which is enough for the scope");
        CHECK_EQ(drawn_for(crypto, true, 33, &next), once);
        CHECK_EQ(drawn_for(crypto, true, 33, &next), 0);
        CHECK_EQ(drawn_for(crypto, true, 32, &next), 0);
        CHECK_EQ(drawn_for(crypto, false, 33, &next), once); /* the other instance */
    }
    CASE("another scope");
    CHECK_EQ(drawn_for(crypto, true, 33, &next), 0);
    {
        HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
        CHECK_EQ(drawn_for(crypto, true, 33, &next), once);
    }
    hsm_ossl_random_start(hsm_ossl_of(crypto), NULL, NULL);
}

static const check_test tests[] = { CHECK_TEST(scopes), CHECK_TEST(post_quantum), CHECK_TEST(rsa) };
CHECK_MAIN(tests)
