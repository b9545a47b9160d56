/* Entropy for the random generators: bytes of a noise source, let through only while they pass the
 * health tests of SP 800-90B, 4.4. The cut-offs are derived in docs/entropy.md.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_ENTROPY_H
#define HSM_CRYPTO_ENTROPY_H

#include "base/bytes.h"
#include "base/scope.h"

/* What is claimed of the source: bits of min-entropy in each byte, the sample. */
#define HSM_ENTROPY_BITS_A_BYTE 4u
/* Bytes that carry so many bits by that claim. */
#define HSM_ENTROPY_BYTES(bits) ((bits) / HSM_ENTROPY_BITS_A_BYTE)
/* The same value so many times in a row fails (4.4.1). */
#define HSM_ENTROPY_REPEATS_MAX 11u
/* The first value of a window so many times in it fails (4.4.2). */
#define HSM_ENTROPY_WINDOW 512u
#define HSM_ENTROPY_MATCHES_MAX 78u
/* Samples that are tested and thrown away before the first that is used (4.3, requirement 4). */
#define HSM_ENTROPY_START_UP 1024u
/* The longest draw. */
#define HSM_ENTROPY_DRAW_MAX_BYTES 256u

/* Fills out, or fails. */
typedef hsm_err hsm_entropy_source(void *arg, uint8_t *out, size_t len);

/* A source and the state of its tests.
 * thread  one at a time */
typedef struct hsm_entropy {
    hsm_entropy_source *source;
    void *arg;
    bool is_quiet;   /* fails without a line in the log */
    bool is_started; /* the start-up test was passed */
    bool has_failed; /* for good */
    bool has_last;
    uint8_t last;
    uint32_t repeats; /* of last, in a row */
    uint8_t first;    /* of the window */
    uint32_t matches; /* of first */
    uint32_t seen;    /* samples of the window; 0: none */
} hsm_entropy;

/* Begins anew: the next draw runs the start-up test. source NULL: the kernel's getrandom(). */
void hsm_entropy_init(hsm_entropy *entropy, hsm_entropy_source *source, void *arg);

/* The same for a source that is meant to fail. */
void hsm_entropy_init_quietly(hsm_entropy *entropy, hsm_entropy_source *source, void *arg);

/**
 * Draws samples that passed the tests.
 *
 * in      len  0 .. HSM_ENTROPY_DRAW_MAX_BYTES
 * errors  HSM_E_SELF_TEST  a test failed or the source did, now or earlier: out is zero, and every
 *                          later draw fails too
 *         HSM_E_ARG        len is too large
 */
HSM_MUST_USE hsm_err hsm_entropy_draw(hsm_entropy *entropy, uint8_t *out, size_t len);

#endif
