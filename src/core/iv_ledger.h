/* How many initialisation vectors (IVs) were made for which key, so that none is made twice under
 * one key whatever handle, session or copy it is used through.
 *
 * A key is known by a keyed hash of its value. Entries live as long as the process: a key that comes
 * back is the same key. For keys of the token the numbers are taken out of ranges that the store
 * gave for good (iv.c), for others out of all numbers there are.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_IV_LEDGER_H
#define HSM_CORE_IV_LEDGER_H

#include "crypto/crypto.h"
#include "crypto/mech_message.h"

/* The most keys of one process. */
#define HSM_IV_KEYS_MAX ((size_t)1 << 20)

typedef struct hsm_iv_ledger hsm_iv_ledger;

/* errors  HSM_E_NO_MEMORY, HSM_E_RANDOM */
HSM_MUST_USE hsm_err hsm_iv_ledger_create(hsm_crypto *crypto, hsm_iv_ledger **out_ledger);
void hsm_iv_ledger_destroy(hsm_iv_ledger *ledger);
HSM_DEFINE_DROP(hsm_iv_ledger)

/* The name of a key in the ledger; the same value has two, as a key of the token and as one of this
 * process. */
typedef struct hsm_iv_print {
    uint8_t bytes[16];
    bool is_token;
} hsm_iv_print;
HSM_MUST_USE hsm_err hsm_iv_print_of(hsm_iv_ledger *ledger, hsm_bytes key_value, bool is_token,
                                     hsm_iv_print *out_print);

/* How a key's counter goes into its IVs: the same every time, or two could be equal. */
typedef struct hsm_iv_shape {
    hsm_iv_source source; /* HSM_IV_COUNTER, HSM_IV_COUNTER_XOR, HSM_IV_RANDOM (has no shape) */
    uint16_t iv_len;
    uint16_t fixed_bits;
    uint8_t base[16]; /* XOR: of what the counter is put to, hashed */
} hsm_iv_shape;

/* A range of numbers, from `next` up to and without `end`. */
typedef struct hsm_iv_range {
    uint64_t next;
    uint64_t end;
} hsm_iv_range;
/* The first range asked for is short, for programs that start often; later ones are longer. */
#define HSM_IV_STEP_MIN ((uint64_t)256)
#define HSM_IV_STEP_MAX ((uint64_t)1 << 20)

/* Takes the next number of a key's range. A key of the token begins with none, another with all.
 * out     out_is_empty  nothing is left of the range: add one as long as *out_number now says
 * errors  HSM_E_MECHANISM_PARAM (the key's counter goes into another shape), HSM_E_LIMIT (too many
 *         keys), HSM_E_NO_MEMORY
 * thread  takes the ledger's lock, no other */
HSM_MUST_USE hsm_err hsm_iv_take(hsm_iv_ledger *ledger, const hsm_iv_print *print,
                                 const hsm_iv_shape *shape, uint64_t *out_number,
                                 bool *out_is_empty);
/* Gives a key a range. It is let go when the key has got another one meanwhile: its numbers are then
 * never used. The key must have been asked for by hsm_iv_take(). */
void hsm_iv_give(hsm_iv_ledger *ledger, const hsm_iv_print *print, hsm_iv_range range);

#endif
