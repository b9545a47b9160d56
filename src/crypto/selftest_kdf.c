/* Known answers of key derivation.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/selftest_internal.h"

/* The fifth input of RFC 6070 with SHA-256, as OpenSSL publishes it in evpkdf_pbkdf2.txt: long enough
 * for the FIPS provider. */
hsm_err hsm_selftest_pbkdf2(hsm_crypto *crypto, hsm_selftest test)
{
    const hsm_mech_params params = {
        .hash = HSM_HASH_SHA256,
        .password = hsm_bytes_of_text("passwordPASSWORDpassword"),
        .iv = hsm_bytes_of_text("saltSALTsaltSALTsaltSALTsaltSALTsalt"),
        .iterations = 4096,
    };
    HSM_AUTO(hsm_secret_drop) hsm_secret *out = NULL;

    HSM_TRY(hsm_secret_create(40, &out));
    HSM_TRY(crypto->backend->pbkdf2(crypto, &params, out));
    return known_equals(test, hsm_secret_view(out),
                        "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1"
                        "c635518c7dac47e9");
}

typedef struct row {
    hsm_selftest test;
    hsm_alg alg;
    const char *key;
    const char *salt;
    const char *iv;
    const char *data; /* HKDF: info; SP 800-108: fixed input; TLS: both randoms */
    const char *out;
} row;

#define COUNTED_KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define FIXED_INPUT "666978656420696e7075742064617461" /* "fixed input data" */

/* All with HMAC-SHA256. */
static const row rows[] = {
    { /* RFC 5869, A.1 */
      .test = HSM_SELFTEST_HKDF,
      .alg = HSM_ALG_HKDF,
      .key = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
      .salt = "000102030405060708090a0b0c",
      .data = "f0f1f2f3f4f5f6f7f8f9",
      .out = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
             "34007208d5b887185865" },
    { /* NIST CAVP, KDFCTR_gen: counter of 32 bits before the fixed data */
      .test = HSM_SELFTEST_KBKDF_COUNTER,
      .alg = HSM_ALG_KBKDF_COUNTER,
      .key = "dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0",
      .data = "01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b8"
              "64a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac",
      .out = "10621342bfb0fd40046c0e29f2cfdbf0" },
    { /* SP 800-108 rev. 1, 4.2, by Python's hmac */
      .test = HSM_SELFTEST_KBKDF_FEEDBACK,
      .alg = HSM_ALG_KBKDF_FEEDBACK,
      .key = COUNTED_KEY,
      .iv = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      .data = FIXED_INPUT,
      .out = "e23e6662dfd135e7a46aad97ef5bd3b3f0203c4882b86dace349c3fac61f3875"
             "9af0fbc96fb66adfdb445708020670806b9d0f595ac68eade0cc865e1788688a"
             "bdbe3cdc9d80a6c04c2d437fa1e6104a" },
    { /* SP 800-108 rev. 1, 4.3, by Python's hmac */
      .test = HSM_SELFTEST_KBKDF_PIPELINE,
      .alg = HSM_ALG_KBKDF_PIPELINE,
      .key = COUNTED_KEY,
      .data = FIXED_INPUT,
      .out = "7e46facaa8ac32c8a474b0d31c5540d9de5a420b3b0ffdf5f794dfdbc22c8ca3"
             "a51037c57be3c85a7c1d4a17961f7fc0f748068a19538189f092720921426de8"
             "6713b4e3fa5b0ba044e8158e1d362d5e" },
    { /* NIST CAVP, tlsprf_vectors, TLS 1.2, SHA-256, COUNT 0: the master secret */
      .test = HSM_SELFTEST_TLS12_PRF,
      .alg = HSM_ALG_TLS12_MASTER,
      .key = "193f02f13c3c59ccb33c39e94a1cb5cdebf4ac41d5f599dbe9131f6df8264ddf"
             "bd2570e22b473b11458ccbf1c1ecfbdb",
      .data = "cd80dbd121522fcff7ace185a2fd7574ca9373d80749a26cfb7922636983856b"
              "388a24f4e0850efffa5d690c97dbb5dfe9a61422e6257d4fbd4d633741bb3133",
      .out = "e8389cf4ae9d20a9a73479afbceaebbb1d30623049f85d08b6ccf8874e30c440"
             "b69b9a0b030d4783bf10ce80b0fc3d19" },
};

static const row *find_row(hsm_selftest test)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        if (rows[i].test == test)
            return &rows[i];
    }
    return NULL;
}

/* The chain variable, a counter of 32 bits (which in counter mode are the same), the fixed data. */
static void put_segments(hsm_kdf *kdf, hsm_alg alg, hsm_bytes data)
{
    size_t count = 0;

    kdf->segments[count++] = (hsm_kdf_segment){ .piece = HSM_KDF_ITERATION, .width = 4 };
    if (alg != HSM_ALG_KBKDF_COUNTER)
        kdf->segments[count++] = (hsm_kdf_segment){ .piece = HSM_KDF_COUNTER, .width = 4 };
    kdf->segments[count++] = (hsm_kdf_segment){ .piece = HSM_KDF_BYTES, .data = data };
    kdf->segment_count = count;
}

static void put_tls(hsm_kdf *kdf, hsm_bytes randoms)
{
    kdf->label = hsm_bytes_of_text("master secret");
    kdf->client_random = hsm_bytes_of(randoms.data, randoms.len / 2);
    kdf->server_random = hsm_bytes_of(randoms.data + randoms.len / 2, randoms.len / 2);
}

hsm_err hsm_selftest_kdf(hsm_crypto *crypto, hsm_selftest test)
{
    const row *r = find_row(test);
    HSM_CHECK(r != NULL, HSM_E_INTERNAL);
    const known key = known_of(r->key);
    const known salt = known_of(r->salt);
    const known iv = known_of(r->iv);
    const known data = known_of(r->data);
    const hsm_mech mech = { .alg = r->alg };
    hsm_kdf kdf = { .hash = HSM_HASH_SHA256,
                    .does_extract = true,
                    .does_expand = true,
                    .salt = known_view(&salt),
                    .iv = known_view(&iv) };
    HSM_AUTO(hsm_secret_drop) hsm_secret *out = NULL;

    if (r->alg == HSM_ALG_TLS12_MASTER)
        put_tls(&kdf, known_view(&data));
    else if (r->alg == HSM_ALG_HKDF)
        kdf.info = known_view(&data);
    else
        put_segments(&kdf, r->alg, known_view(&data));
    kdf.keys_len = strlen(r->out) / 2;
    HSM_TRY(hsm_secret_create(kdf.keys_len, &out));
    HSM_TRY(crypto->backend->kdf(crypto, &mech, &kdf, known_view(&key), out));
    return known_equals(test, hsm_secret_view(out), r->out);
}
