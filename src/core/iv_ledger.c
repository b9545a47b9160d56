/* SPDX-License-Identifier: Apache-2.0 */
#include "core/iv_ledger.h"

#include <pthread.h>
#include <stdlib.h>

#define FIRST_CAP 64u
#define PRINT_KEY_BYTES 32u

/* One key; a place in the table is free while is_used is false. */
typedef struct entry {
    bool is_used;
    bool has_shape;
    hsm_iv_print print;
    hsm_iv_shape shape;
    hsm_iv_range range;
    uint64_t step; /* how long a range to ask for next */
} entry;

struct hsm_iv_ledger {
    hsm_crypto *crypto;
    hsm_secret *print_key;
    pthread_mutex_t lock;
    bool has_lock;
    entry *table; /* open addressing; cap is a power of two, never full */
    size_t cap;
    size_t count;
};

hsm_err hsm_iv_ledger_create(hsm_crypto *crypto, hsm_iv_ledger **out_ledger)
{
    HSM_AUTO(hsm_iv_ledger_drop) hsm_iv_ledger *ledger = calloc(1, sizeof *ledger);

    HSM_CHECK(ledger != NULL, HSM_E_NO_MEMORY);
    ledger->crypto = crypto;
    HSM_CHECK(pthread_mutex_init(&ledger->lock, NULL) == 0, HSM_E_NO_MEMORY);
    ledger->has_lock = true;
    HSM_TRY(hsm_secret_create(PRINT_KEY_BYTES, &ledger->print_key));
    HSM_TRY(hsm_crypto_random(crypto, hsm_secret_data(ledger->print_key), PRINT_KEY_BYTES));
    *out_ledger = HSM_MOVE(ledger);
    return HSM_OK;
}

void hsm_iv_ledger_destroy(hsm_iv_ledger *ledger)
{
    if (ledger == NULL)
        return;
    hsm_secret_destroy(ledger->print_key);
    if (ledger->has_lock)
        (void)pthread_mutex_destroy(&ledger->lock);
    free(ledger->table);
    free(ledger);
}

hsm_err hsm_iv_print_of(hsm_iv_ledger *ledger, hsm_bytes key_value, bool is_token,
                        hsm_iv_print *out_print)
{
    uint8_t hash[HSM_SHA256_BYTES];

    HSM_TRY(hsm_crypto_hmac(ledger->crypto, hsm_secret_view(ledger->print_key), key_value, hash));
    memcpy(out_print->bytes, hash, sizeof out_print->bytes);
    out_print->is_token = is_token;
    return HSM_OK;
}

static bool is_same_key(const hsm_iv_print *a, const hsm_iv_print *b)
{
    return a->is_token == b->is_token && hsm_bytes_equal(hsm_bytes_of(a->bytes, sizeof a->bytes),
                                                         hsm_bytes_of(b->bytes, sizeof b->bytes));
}

/* The key's place, or the free one where it belongs. thread: the lock is held; there is a table */
static entry *place_of(const hsm_iv_ledger *ledger, const hsm_iv_print *print)
{
    uint64_t at = 0;

    memcpy(&at, print->bytes, sizeof at);
    for (;; at++) {
        entry *place = &ledger->table[at & (ledger->cap - 1)];

        if (!place->is_used || is_same_key(&place->print, print))
            return place;
    }
}

static hsm_err grow(hsm_iv_ledger *ledger)
{
    entry *old = ledger->table;
    const size_t old_cap = ledger->cap;
    const size_t cap = old_cap == 0 ? FIRST_CAP : old_cap * 2; /* bounded by HSM_IV_KEYS_MAX */
    entry *table = calloc(cap, sizeof *table);

    HSM_CHECK(table != NULL, HSM_E_NO_MEMORY);
    ledger->table = table;
    ledger->cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].is_used)
            *place_of(ledger, &old[i].print) = old[i];
    }
    free(old);
    return HSM_OK;
}

static hsm_err find_or_add(hsm_iv_ledger *ledger, const hsm_iv_print *print, entry **out_entry)
{
    if (2 * (ledger->count + 1) > ledger->cap)
        HSM_TRY(grow(ledger));

    entry *place = place_of(ledger, print);
    if (!place->is_used) {
        HSM_CHECK(ledger->count < HSM_IV_KEYS_MAX, HSM_E_LIMIT);
        *place = (entry){ .is_used = true, .print = *print, .step = HSM_IV_STEP_MIN };
        place->range.end = print->is_token ? 0 : UINT64_MAX;
        ledger->count++;
    }
    *out_entry = place;
    return HSM_OK;
}

static bool is_same_shape(const hsm_iv_shape *a, const hsm_iv_shape *b)
{
    return a->source == b->source && a->iv_len == b->iv_len && a->fixed_bits == b->fixed_bits &&
           hsm_bytes_equal(hsm_bytes_of(a->base, sizeof a->base),
                           hsm_bytes_of(b->base, sizeof b->base));
}

static hsm_err take(hsm_iv_ledger *ledger, const hsm_iv_print *print, const hsm_iv_shape *shape,
                    uint64_t *out_number, bool *out_is_empty)
{
    entry *key = NULL;

    HSM_TRY(find_or_add(ledger, print, &key));
    if (shape->source != HSM_IV_RANDOM) {
        HSM_CHECK(!key->has_shape || is_same_shape(&key->shape, shape), HSM_E_MECHANISM_PARAM);
        key->shape = *shape;
        key->has_shape = true;
    }
    *out_is_empty = key->range.next >= key->range.end;
    *out_number = *out_is_empty ? key->step : key->range.next++;
    return HSM_OK;
}

hsm_err hsm_iv_take(hsm_iv_ledger *ledger, const hsm_iv_print *print, const hsm_iv_shape *shape,
                    uint64_t *out_number, bool *out_is_empty)
{
    (void)pthread_mutex_lock(&ledger->lock);
    const hsm_err err = take(ledger, print, shape, out_number, out_is_empty);
    (void)pthread_mutex_unlock(&ledger->lock);
    return err;
}

void hsm_iv_give(hsm_iv_ledger *ledger, const hsm_iv_print *print, hsm_iv_range range)
{
    (void)pthread_mutex_lock(&ledger->lock);
    entry *key = ledger->table == NULL ? NULL : place_of(ledger, print);
    if (key != NULL && key->is_used && key->range.next >= key->range.end) {
        key->range = range;
        key->step = key->step < HSM_IV_STEP_MAX ? key->step * 2 : key->step;
    }
    (void)pthread_mutex_unlock(&ledger->lock);
}
