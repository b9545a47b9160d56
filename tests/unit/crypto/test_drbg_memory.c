/* Where the generator's state and its seeds lie: not in what a core file takes along; and what it gives. From
 * known entropy a child computes what the state must be, so that nothing of it is here but the generator's.
 * SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>
#include <unistd.h>

#include "abi/needles.h"
#include "crypto/backend_openssl.h"
#include "crypto/backend_openssl_random.h"
#include "crypto/backend_openssl_seed.h"
#include "sym_support.h"

enum { HASH_BYTES = 32, MASK = 0xa5, SEED_PIECES = HSM_SEED_BYTES / HASH_BYTES };

static needles all;

static uint8_t entropy_at(size_t place)
{
    return (uint8_t)(place * 37 % 251);
}

static hsm_err count_up(void *arg, uint8_t *out, size_t len)
{
    size_t *next = arg;

    for (size_t i = 0; i < len; i++)
        out[i] = entropy_at((*next)++);
    return HSM_OK;
}

/* What the child tells. */
typedef struct model {
    uint8_t key[HASH_BYTES];
    uint8_t value[HASH_BYTES];
    uint8_t output[HASH_BYTES];
    uint8_t fresh_output[HASH_BYTES]; /* of the request after */
    uint8_t seed[HSM_SEED_BYTES];
} model;

static bool hmac(OSSL_LIB_CTX *libctx, const uint8_t key[HASH_BYTES], const uint8_t *data,
                 size_t len, uint8_t out[HASH_BYTES])
{
    return EVP_Q_mac(libctx, "HMAC", NULL, "SHA256", NULL, key, HASH_BYTES, data, len, out,
                     HASH_BYTES, NULL) != NULL;
}

/* SP 800-90A, 10.1.2.2 */
static bool update(OSSL_LIB_CTX *libctx, model *m, const uint8_t *data, size_t len)
{
    uint8_t input[HASH_BYTES + 1 + HSM_SEED_BYTES + HSM_SEED_NONCE_BYTES];
    bool is_done = true;

    for (uint8_t round = 0; round < (len > 0 ? 2 : 1); round++) {
        memcpy(input, m->value, HASH_BYTES);
        input[HASH_BYTES] = round;
        memcpy(input + HASH_BYTES + 1, data, len);
        is_done = is_done && hmac(libctx, m->key, input, HASH_BYTES + 1 + len, m->key) &&
                  hmac(libctx, m->key, m->value, HASH_BYTES, m->value);
    }
    return is_done;
}

/* A request with fresh entropy: XOR the hash of as many samples as a seed has. */
static bool compute_fresh(OSSL_LIB_CTX *libctx, model *m, size_t next)
{
    uint8_t samples[HSM_SEED_BYTES];
    uint8_t digest[HASH_BYTES];

    (void)count_up(&next, samples, sizeof samples);
    if (EVP_Q_digest(libctx, "SHA256", NULL, samples, sizeof samples, digest, NULL) != 1 ||
        !hmac(libctx, m->key, m->value, HASH_BYTES, m->fresh_output))
        return false;
    for (size_t i = 0; i < HASH_BYTES; i++)
        m->fresh_output[i] ^= digest[i];
    return true;
}

/* Instantiation and two requests. The nonce is drawn first, after the start-up test. */
static bool compute(OSSL_LIB_CTX *libctx, model *m)
{
    uint8_t material[HSM_SEED_BYTES + HSM_SEED_NONCE_BYTES];
    size_t next = HSM_ENTROPY_START_UP;

    (void)count_up(&next, material + HSM_SEED_BYTES, HSM_SEED_NONCE_BYTES);
    (void)count_up(&next, material, HSM_SEED_BYTES);
    memcpy(m->seed, material, HSM_SEED_BYTES);
    memset(m->key, 0, HASH_BYTES);
    memset(m->value, 1, HASH_BYTES);
    if (!update(libctx, m, material, sizeof material) ||
        !hmac(libctx, m->key, m->value, HASH_BYTES, m->value))
        return false;
    memcpy(m->output, m->value, HASH_BYTES);
    return update(libctx, m, material, 0) && compute_fresh(libctx, m, next);
}

/* Masked, as what comes through a pipe stays in buffers. */
static bool ask_child(OSSL_LIB_CTX *libctx, model *out_masked)
{
    int ends[2];
    int status = -1;

    if (pipe(ends) != 0)
        return false;
    const pid_t child = fork();
    if (child == 0) {
        bool is_done = compute(libctx, out_masked);

        for (size_t i = 0; i < sizeof *out_masked; i++)
            ((uint8_t *)out_masked)[i] ^= MASK;
        is_done = is_done && write(ends[1], out_masked, sizeof *out_masked) == sizeof *out_masked;
        _exit(is_done ? 0 : 1);
    }
    const bool is_read = read(ends[0], out_masked, sizeof *out_masked) == sizeof *out_masked;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && is_read;
}

static void look_for(const char *label, const uint8_t masked[HASH_BYTES])
{
    uint8_t value[HASH_BYTES];

    for (size_t i = 0; i < HASH_BYTES; i++)
        value[i] = masked[i] ^ MASK;
    needles_add(&all, label, value, sizeof value, false);
    explicit_bzero(value, sizeof value);
}

static void state_is_in_the_heap(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    size_t next = 0;
    uint8_t output[HASH_BYTES];
    model m;

    if (IS_SANITIZED)
        SKIP("a sanitizer's own allocator is used");
    REQUIRE_OK(hsm_crypto_random(crypto, output, 1)); /* the instance is there */
    REQUIRE_THAT(ask_child(hsm_ossl_of(crypto)->libctx, &m));
    look_for("K", m.key);
    look_for("V", m.value);
    for (size_t i = 0; i < SEED_PIECES; i++)
        look_for("seed", m.seed + i * HASH_BYTES);
    hsm_ossl_random_start(hsm_ossl_of(crypto), count_up, &next);
    REQUIRE_OK(hsm_crypto_random(crypto, output, sizeof output));
    for (size_t i = 0; i < sizeof output; i++)
        output[i] ^= MASK;
    CHECK_BYTES(output, sizeof output, m.output, sizeof m.output); /* the model is right */

    if (!CHECK_EQ(needles_in_memory(&all, true), 0))
        needles_show(&all, "what a core file takes along");
    CASE("that they can be found");
    CHECK_THAT(needles_in_memory(&all, false) != SIZE_MAX);
    CHECK_THAT(all.at[0].found > 0 && all.at[1].found > 0);
    CASE("a seed is wiped when it was used");
    for (size_t i = 2; i < all.count; i++)
        CHECK_EQ(all.at[i].found, 0);
    CASE("the next request has fresh entropy in it");
    REQUIRE_OK(hsm_crypto_random(crypto, output, sizeof output));
    for (size_t i = 0; i < sizeof output; i++)
        output[i] ^= MASK;
    CHECK_BYTES(output, sizeof output, m.fresh_output, sizeof m.fresh_output);
    hsm_ossl_random_start(hsm_ossl_of(crypto), NULL, NULL);
}

static const check_test tests[] = { CHECK_TEST(state_is_in_the_heap) };
CHECK_MAIN(tests)
