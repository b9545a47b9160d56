#include "store/seal.h"

#include "support/check.h"
#include "support/snapshot.h"
#include "unit/store/object_env.h"

static const char message[] = "what is to be sealed";
static const char place[] = "where it belongs";

static hsm_bytes text(const char *string)
{
    return hsm_bytes_of_text(string);
}

static void what_was_sealed_opens(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_buf_clear) hsm_buf sealed = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf plain = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    REQUIRE_OK(hsm_buf_append(&sealed, text("in front")));
    REQUIRE_OK(hsm_seal_close(seal, text(place), text(message), &sealed));
    CHECK_EQ(sealed.len, 8 + strlen(message) + HSM_SEAL_OVERHEAD_BYTES);
    CHECK_BYTES(sealed.data, 8, "in front", 8);
    const hsm_bytes view = hsm_bytes_of(sealed.data + 8, sealed.len - 8);
    REQUIRE_OK(hsm_seal_open(seal, text(place), view, &secret));
    CHECK_BYTES(hsm_secret_data(secret), hsm_secret_len(secret), message, strlen(message));
    REQUIRE_OK(hsm_seal_open_public(seal, text(place), view, &plain));
    CHECK_BYTES(plain.data, plain.len, message, strlen(message));
}

static void nonces_differ(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_buf_clear) hsm_buf a = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf b = { 0 };

    REQUIRE_OK(hsm_seal_close(seal, text(place), text(message), &a));
    REQUIRE_OK(hsm_seal_close(seal, text(place), text(message), &b));
    CHECK_THAT(!hsm_bytes_equal(hsm_bytes_of(a.data, HSM_AEAD_NONCE_BYTES),
                                hsm_bytes_of(b.data, HSM_AEAD_NONCE_BYTES)));
    CHECK_THAT(!hsm_bytes_equal(hsm_buf_view(&a), hsm_buf_view(&b)));
}

/* A machine whose snapshot is resumed twice: what both write to their stores. */
typedef struct resumption {
    hsm_seal *seal;
    uint8_t *out; /* shared */
} resumption;

static void seal_in_copy(void *arg)
{
    const resumption *self = arg;
    HSM_AUTO(hsm_buf_clear) hsm_buf sealed = { 0 };

    if (CHECK_OK(hsm_seal_close(self->seal, text(place), text(message), &sealed)))
        memcpy(self->out, sealed.data, sealed.len);
}

static bool is_same_in_copies(hsm_seal *seal)
{
    const size_t len = strlen(message) + HSM_SEAL_OVERHEAD_BYTES;
    uint8_t *out = snapshot_shared(2 * len);
    HSM_AUTO(hsm_buf_clear) hsm_buf first = { 0 };

    if (!CHECK_THAT(out != NULL) ||
        !CHECK_OK(hsm_seal_close(seal, text(place), text(message), &first)))
        return false;
    for (size_t i = 0; i < 2; i++) {
        resumption one = { seal, out + i * len };

        CHECK_THAT(snapshot_resume(seal_in_copy, &one));
        CHECK_THAT(one.out[len - 1] != 0 || one.out[len - 2] != 0); /* of the tag */
    }
    return memcmp(out, out + len, HSM_AEAD_NONCE_BYTES) == 0;
}

static void nonces_differ_in_copies(void)
{
    static const uint8_t key[32] = { 3 };
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_seal_drop) hsm_seal *counting = NULL;

    CHECK_THAT(!is_same_in_copies(seal));
    CASE("that they are copies: what is counted, and never leaves the memory, is the same");
    REQUIRE_OK(hsm_seal_create_counting(env_crypto(), hsm_bytes_of(key, sizeof key), &counting));
    CHECK_THAT(is_same_in_copies(counting));
}

/* Each must be an error, and leave the outputs alone. */
static void check_refused(hsm_seal *seal, hsm_bytes aad, hsm_bytes sealed)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf plain = { 0 };

    CHECK_ERR(hsm_seal_open(seal, aad, sealed, &secret), HSM_E_STORE_CORRUPT);
    CHECK_THAT(secret == NULL);
    CHECK_ERR(hsm_seal_open_public(seal, aad, sealed, &plain), HSM_E_STORE_CORRUPT);
    CHECK_EQ(plain.len, 0);
}

static void any_flipped_bit_is_noticed(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_buf_clear) hsm_buf sealed = { 0 };

    REQUIRE_OK(hsm_seal_close(seal, text(place), text(message), &sealed));
    for (size_t bit = 0; bit < sealed.len * 8; bit++) {
        sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_refused(seal, text(place), hsm_buf_view(&sealed));
        sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void any_shorter_one_is_noticed(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_buf_clear) hsm_buf sealed = { 0 };

    REQUIRE_OK(hsm_seal_close(seal, text(place), text(message), &sealed));
    for (size_t len = 0; len < sealed.len; len++)
        check_refused(seal, text(place), hsm_bytes_of(sealed.data, len));
}

static void another_place_or_key_is_noticed(void)
{
    static const uint8_t other_key[HSM_AEAD_KEY_BYTES] = { 43 };
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_seal_drop) hsm_seal *other = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf sealed = { 0 };

    REQUIRE_OK(hsm_seal_create(env_crypto(), hsm_bytes_of(other_key, sizeof other_key), &other));
    REQUIRE_OK(hsm_seal_close(seal, text(place), text(message), &sealed));
    CASE("another place");
    check_refused(seal, text("where it belongS"), hsm_buf_view(&sealed));
    check_refused(seal, hsm_bytes_none(), hsm_buf_view(&sealed));
    CASE("another key");
    check_refused(other, text(place), hsm_buf_view(&sealed));
}

static void nothing_can_be_sealed_in_public(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_buf_clear) hsm_buf sealed = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf plain = { 0 };

    REQUIRE_OK(hsm_seal_close(seal, text(place), hsm_bytes_none(), &sealed));
    CHECK_OK(hsm_seal_open_public(seal, text(place), hsm_buf_view(&sealed), &plain));
    CHECK_EQ(plain.len, 0);
}

static void a_seal_lives_as_long_as_it_is_held(void)
{
    hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_seal_drop) hsm_seal *held = hsm_seal_acquire(seal);
    HSM_AUTO(hsm_buf_clear) hsm_buf sealed = { 0 };

    hsm_seal_release(seal);
    CHECK_OK(hsm_seal_close(held, text(place), text(message), &sealed));
    hsm_seal_release(NULL);
}

static void a_key_has_32_bytes(void)
{
    static const uint8_t key[33] = { 1 };
    hsm_seal *seal = NULL;

    CHECK_ERR(hsm_seal_create(env_crypto(), hsm_bytes_of(key, 31), &seal), HSM_E_ARG);
    CHECK_ERR(hsm_seal_create(env_crypto(), hsm_bytes_of(key, 33), &seal), HSM_E_ARG);
    CHECK_THAT(seal == NULL);
}

static const check_test tests[] = {
    CHECK_TEST(what_was_sealed_opens),
    CHECK_TEST(nonces_differ),
    CHECK_TEST(nonces_differ_in_copies),
    CHECK_TEST(any_flipped_bit_is_noticed),
    CHECK_TEST(any_shorter_one_is_noticed),
    CHECK_TEST(another_place_or_key_is_noticed),
    CHECK_TEST(nothing_can_be_sealed_in_public),
    CHECK_TEST(a_seal_lives_as_long_as_it_is_held),
    CHECK_TEST(a_key_has_32_bytes),
};
CHECK_MAIN(tests)
