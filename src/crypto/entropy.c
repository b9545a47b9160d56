/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/entropy.h"

#include "base/break.h"
#include "base/log.h"
#include "os/random.h"

_Static_assert(HSM_ENTROPY_START_UP % HSM_ENTROPY_DRAW_MAX_BYTES == 0, "whole draws");

static hsm_err kernel_source(void *arg, uint8_t *out, size_t len)
{
    (void)arg;
    HSM_TRY(hsm_os_random(out, len));
    if (hsm_break("entropy-repetition"))
        memset(out, 0x5a, len);
    for (size_t i = 0; hsm_break("entropy-proportion") && i < len; i += 4)
        out[i] = 0x5a;
    return hsm_break("entropy-source") ? HSM_E_RANDOM : HSM_OK;
}

void hsm_entropy_init(hsm_entropy *entropy, hsm_entropy_source *source, void *arg)
{
    *entropy = (hsm_entropy){ .source = source != NULL ? source : kernel_source, .arg = arg };
}

void hsm_entropy_init_quietly(hsm_entropy *entropy, hsm_entropy_source *source, void *arg)
{
    hsm_entropy_init(entropy, source, arg);
    entropy->is_quiet = true;
}

/* 4.4.1 */
static bool is_repetition_fine(hsm_entropy *entropy, uint8_t sample)
{
    const bool is_same = entropy->has_last && entropy->last == sample;

    entropy->repeats = is_same ? entropy->repeats + 1 : 1;
    entropy->last = sample;
    entropy->has_last = true;
    return entropy->repeats < HSM_ENTROPY_REPEATS_MAX;
}

/* 4.4.2 */
static bool is_proportion_fine(hsm_entropy *entropy, uint8_t sample)
{
    if (entropy->seen == 0) {
        entropy->first = sample;
        entropy->matches = 0;
    }
    if (sample == entropy->first)
        entropy->matches++;
    entropy->seen = (entropy->seen + 1) % HSM_ENTROPY_WINDOW;
    return entropy->matches < HSM_ENTROPY_MATCHES_MAX;
}

static hsm_err fail(hsm_entropy *entropy, const char *what)
{
    entropy->has_failed = true;
    if (!entropy->is_quiet)
        hsm_log(HSM_LOG_ERROR, "entropy source: %s", what);
    return HSM_E_SELF_TEST;
}

static hsm_err draw_tested(hsm_entropy *entropy, uint8_t *out, size_t len)
{
    if (entropy->source(entropy->arg, out, len) != HSM_OK)
        return fail(entropy, "it gives nothing");
    for (size_t i = 0; i < len; i++) {
        if (!is_repetition_fine(entropy, out[i]))
            return fail(entropy, "the repetition count test failed");
        if (!is_proportion_fine(entropy, out[i]))
            return fail(entropy, "the adaptive proportion test failed");
    }
    return HSM_OK;
}

static hsm_err start_up(hsm_entropy *entropy)
{
    uint8_t samples[HSM_ENTROPY_DRAW_MAX_BYTES];
    hsm_err err = HSM_OK;

    for (size_t at = 0; at < HSM_ENTROPY_START_UP && err == HSM_OK; at += sizeof samples)
        err = draw_tested(entropy, samples, sizeof samples);
    explicit_bzero(samples, sizeof samples);
    entropy->is_started = err == HSM_OK;
    return err;
}

hsm_err hsm_entropy_draw(hsm_entropy *entropy, uint8_t *out, size_t len)
{
    HSM_CHECK(len <= HSM_ENTROPY_DRAW_MAX_BYTES, HSM_E_ARG);
    if (len > 0)
        memset(out, 0, len);
    HSM_CHECK(!entropy->has_failed, HSM_E_SELF_TEST);
    if (!entropy->is_started)
        HSM_TRY(start_up(entropy));
    const hsm_err err = draw_tested(entropy, out, len);
    if (err != HSM_OK && len > 0)
        explicit_bzero(out, len);
    return err;
}
