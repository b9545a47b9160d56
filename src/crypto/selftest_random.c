/* The random generator: its algorithm with known answers, and its health tests with sources that are
 * known to be good and bad.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/break.h"
#include "crypto/entropy.h"
#include "crypto/selftest_internal.h"

/* NIST CAVP, drbgvectors_pr_true, HMAC_DRBG, SHA-256, with personalisation and additional input:
 * COUNT 0. Instantiate, and twice a reseed and a request; the second's output. */
hsm_err hsm_selftest_drbg(hsm_crypto *crypto, hsm_selftest test)
{
    const known entropy =
        known_of("4294671d493dc085b5184607d7de2ff2b6aceb734a1b026f6cfee7c5a90f03da");
    const known nonce = known_of("d071544e599235d5eb38b64b551d2a6e");
    const known personal =
        known_of("63bc769ae1d95a98bde870e4db7776297041d37c8a5c688d4e024b78d83f4d78");
    const known additional[2] = {
        known_of("28848becd3f47696f124f4b14853a456156f69be583a7d4682cff8d44b39e1d3"),
        known_of("8bfce0b7132661c3cd78175d83926f643e36f7608eec2c5dac3ddcbacc8c2182"),
    };
    const known fresh[2] = {
        known_of("db9b4790b62336fbb9a684b82947065393eeef8f57bd2477141ad17e776dac34"),
        known_of("4a9abe80f6f522f29878bedf8245b27940a76471006fb4a4110beb4decb6c341"),
    };
    const hsm_drbg_question question = {
        .entropy = known_view(&entropy),
        .nonce = known_view(&nonce),
        .personal = known_view(&personal),
        .additional = { known_view(&additional[0]), known_view(&additional[1]) },
        .fresh = { known_view(&fresh[0]), known_view(&fresh[1]) },
    };
    uint8_t out[128];

    HSM_TRY(crypto->backend->drbg_answer(crypto, &question, out, sizeof out));
    return known_equals(test, hsm_bytes_of(out, sizeof out),
                        "e580dc969194b2b18a97478aef9d1a72390aff14562747bf080d741527a6655c"
                        "e7fc135325b457483a9f9c70f91165a811cf4524b50d51199a0df3bd60d12aba"
                        "c27d0bf6618e6b114e05420352e23f3603dfe8a225dc19b3d1fff1dc245dc6b1"
                        "df24c741744bec3f9437dbbf222df84881a457a589e7815ef132f686b760f012");
}

/* Every value as often as every other; from `at` on, the same one so often in a row, or each so many
 * bytes. */
typedef struct stand_in {
    size_t given;
    size_t at;
    size_t run;
    size_t period;
} stand_in;

static hsm_err give(void *arg, uint8_t *out, size_t len)
{
    stand_in *self = arg;

    for (size_t i = 0; i < len; i++, self->given++) {
        const size_t since = self->given - self->at;
        const bool is_late = self->given >= self->at;

        out[i] = (uint8_t)(self->given * 37 % 128);
        if (is_late && (since < self->run || (self->period > 0 && since % self->period == 0)))
            out[i] = 0x80;
    }
    return HSM_OK;
}

static bool passes(stand_in source)
{
    hsm_entropy entropy;
    uint8_t out[HSM_ENTROPY_DRAW_MAX_BYTES];

    hsm_entropy_init_quietly(&entropy, give, &source);
    for (size_t at = 0; at < 2 * HSM_ENTROPY_START_UP; at += sizeof out) {
        if (hsm_entropy_draw(&entropy, out, sizeof out) != HSM_OK)
            return false;
    }
    return true;
}

/* Each health test just passes and just fails, in the start-up and later. */
hsm_err hsm_selftest_rng(hsm_crypto *crypto, hsm_selftest test)
{
    static const size_t places[] = { 0, HSM_ENTROPY_START_UP + HSM_ENTROPY_WINDOW };

    (void)crypto;
    HSM_CHECK(!hsm_break(hsm_selftest_name(test)), HSM_E_SELF_TEST);
    for (size_t i = 0; i < HSM_ARRAY_LEN(places); i++) {
        const size_t at = places[i];

        HSM_CHECK(passes((stand_in){ .at = at, .run = HSM_ENTROPY_REPEATS_MAX - 1 }) &&
                      !passes((stand_in){ .at = at, .run = HSM_ENTROPY_REPEATS_MAX }),
                  HSM_E_SELF_TEST);
        HSM_CHECK(passes((stand_in){ .at = at, .period = 7 }) &&    /* 74 in a window */
                      !passes((stand_in){ .at = at, .period = 6 }), /* 86 */
                  HSM_E_SELF_TEST);
    }
    return HSM_OK;
}
