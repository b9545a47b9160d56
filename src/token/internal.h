/* Structures shared inside token/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_TOKEN_INTERNAL_H
#define HSM_TOKEN_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "token/token.h"

#define HSM_PIN_MAX_BYTES 256u
#define HSM_PIN_ITERATIONS_MAX 10000000u
#define HSM_MASTER_KEY_BYTES 32
#define HSM_EPOCH_BYTES 16
#define HSM_PIN_SALT_BYTES 32
#define HSM_PIN_VERIFIER_BYTES 32
#define HSM_USER_COUNT 2

/* One PIN: what proves it and the master key wrapped under it. A PIN that is not set has a random
 * salt and verifier too, so that checking it costs what checking any other does. */
typedef struct hsm_pin_entry {
    bool is_set;
    bool is_locked;      /* also stays when a configuration allows more tries later */
    bool must_change;    /* the SO set it */
    uint16_t tries_used; /* since the last right one */
    uint32_t iterations; /* 1 .. HSM_PIN_ITERATIONS_MAX */
    uint8_t salt[HSM_PIN_SALT_BYTES];
    uint8_t verifier[HSM_PIN_VERIFIER_BYTES];
    uint8_t nonce[HSM_AEAD_NONCE_BYTES];
    uint8_t wrapped_key[HSM_MASTER_KEY_BYTES + HSM_AEAD_TAG_BYTES];
} hsm_pin_entry;

/* The token record. The store authenticates it; nothing in it opens anything without a PIN. */
typedef struct hsm_token_record {
    uint8_t epoch[HSM_EPOCH_BYTES]; /* random, new with every C_InitToken */
    uint8_t label[HSM_TOKEN_LABEL_BYTES];
    uint8_t serial[HSM_SERIAL_BYTES];
    hsm_pin_entry pin[HSM_USER_COUNT]; /* by hsm_user */
} hsm_token_record;

/* token_record.c: the record as bytes, format 1, big-endian, nothing optional:
 *     u16  format, 1
 *     16   epoch
 *     32   label
 *     16   serial
 *     then the SO's PIN and the user's, each:
 *     u8   flags: 1 set, 2 locked, 4 must be changed
 *     u16  tries used
 *     u32  PBKDF2 iterations
 *     32   salt
 *     32   verifier
 *     12   nonce
 *     48   master key sealed under the PIN's wrapping key, tag behind */
#define HSM_TOKEN_RECORD_FORMAT 1
#define HSM_PIN_ENTRY_BYTES                                                           \
    (1 + 2 + 4 + HSM_PIN_SALT_BYTES + HSM_PIN_VERIFIER_BYTES + HSM_AEAD_NONCE_BYTES + \
     HSM_MASTER_KEY_BYTES + HSM_AEAD_TAG_BYTES)
#define HSM_TOKEN_RECORD_BYTES                                        \
    (2 + HSM_EPOCH_BYTES + HSM_TOKEN_LABEL_BYTES + HSM_SERIAL_BYTES + \
     HSM_USER_COUNT * HSM_PIN_ENTRY_BYTES)

/* errors  none with the sizes above; HSM_E_INTERNAL or HSM_E_BUFFER_TOO_SMALL if they are wrong */
HSM_MUST_USE hsm_err hsm_token_record_encode(const hsm_token_record *record,
                                             uint8_t out[HSM_TOKEN_RECORD_BYTES]);
/* errors  HSM_E_STORE_VERSION (a format from the future), HSM_E_STORE_CORRUPT */
HSM_MUST_USE hsm_err hsm_token_record_decode(hsm_bytes encoded, hsm_token_record *out_record);

/* Whether two records are of the same initialisation of the token. */
static inline bool hsm_token_same_epoch(const hsm_token_record *a, const hsm_token_record *b)
{
    return hsm_bytes_equal(hsm_bytes_of(a->epoch, sizeof a->epoch),
                           hsm_bytes_of(b->epoch, sizeof b->epoch));
}

/* Whether `user` has the same PIN in both: its salt is new whenever it is set, even to the same. */
static inline bool hsm_token_same_pin(const hsm_token_record *a, const hsm_token_record *b,
                                      hsm_user user)
{
    return hsm_token_same_epoch(a, b) &&
           hsm_bytes_equal(hsm_bytes_of(a->pin[user].salt, HSM_PIN_SALT_BYTES),
                           hsm_bytes_of(b->pin[user].salt, HSM_PIN_SALT_BYTES));
}

struct hsm_token {
    pthread_mutex_t lock; /* everything below but the atomics */
    hsm_token_options options;
    char serial[HSM_SERIAL_BYTES + 1]; /* configured; options.serial points here or is NULL */
    _Atomic(uint64_t) seen_changes;    /* store change counter before the record was last read */
    atomic_int login;                  /* hsm_login; written under the lock */
    atomic_bool is_initialized;        /* written under the lock */
    uint64_t version;                  /* of the record as last read */
    hsm_token_record record;
    hsm_secret *so_master_key; /* while the SO is logged in, for hsm_token_init_pin() */
};

/* Locks for a scope: HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token); */
static inline hsm_token *hsm_token_enter(hsm_token *token)
{
    (void)pthread_mutex_lock(&token->lock);
    return token;
}
static inline void hsm_token_leave(hsm_token **token)
{
    (void)pthread_mutex_unlock(&(*token)->lock);
}

/* The functions below expect the token's lock. */

/* token.c: reads the record as it is now. When it is another token's than before (initialised anew,
 * by whomever, or removed), this application is logged out first.
 * errors  HSM_E_STORE_* */
HSM_MUST_USE hsm_err hsm_token_load(hsm_token *token);
/* Ends a login if there is one: state, master keys. */
void hsm_token_forget_login(hsm_token *token);

/* A change of the record: edits the present one and says whether it is to be written. May be called
 * again, on a newer record, when another process was faster. */
typedef bool (*hsm_token_change)(hsm_token_record *record, void *arg);
/* Applies a change durably. errors HSM_E_TOKEN_NOT_INITIALIZED, HSM_E_STORE_* */
HSM_MUST_USE hsm_err hsm_token_update(hsm_token *token, hsm_token_change change, void *arg);

/* login.c: counts a try durably, checks the PIN, sets the counter back if it is right.
 * out     master_key  the object master key; the caller's
 * errors  HSM_E_PIN_INCORRECT, HSM_E_PIN_LOCKED, HSM_E_USER_PIN_NOT_INITIALIZED,
 *         HSM_E_TOKEN_NOT_INITIALIZED, HSM_E_STORE_* (CONFLICT: initialised anew meanwhile) */
HSM_MUST_USE hsm_err hsm_token_verify(hsm_token *token, hsm_user user, hsm_bytes pin,
                                      hsm_secret **out_master_key);

/* pin.c */

/* Rules for a new PIN. errors HSM_E_PIN_LEN, HSM_E_PIN_INVALID (not UTF-8) */
HSM_MUST_USE hsm_err hsm_pin_check_rules(const hsm_token *token, hsm_bytes pin);
/* Fills record->pin[user] anew: salt, verifier, the master key wrapped; no tries used.
 * errors  HSM_E_RANDOM, HSM_E_CRYPTO, HSM_E_STORE_IO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_pin_set(hsm_token *token, hsm_token_record *record, hsm_user user,
                                 hsm_bytes pin, hsm_bytes master_key);
/* Fills record->pin[user] for a PIN that is not set. errors HSM_E_RANDOM */
HSM_MUST_USE hsm_err hsm_pin_unset(hsm_token *token, hsm_token_record *record, hsm_user user);
/* A PIN somebody gives, and its keys once they are derived. */
typedef struct hsm_pin_try {
    hsm_user user;
    hsm_bytes pin;
    hsm_secret *keys; /* NULL before hsm_pin_derive() */
} hsm_pin_try;
void hsm_pin_try_clear(hsm_pin_try *given);
/* The slow part: derives the PIN's keys for an entry of any state; says nothing about the PIN.
 * errors  HSM_E_CRYPTO, HSM_E_STORE_IO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_pin_derive(hsm_token *token, const hsm_token_record *record,
                                    hsm_pin_try *given);
/* The quick part: compares and unwraps.
 * errors  HSM_E_PIN_INCORRECT, HSM_E_STORE_CORRUPT (the verifier fits, the wrapped key does not),
 *         HSM_E_CRYPTO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_pin_open(hsm_token *token, const hsm_token_record *record,
                                  const hsm_pin_try *given, hsm_secret **out_master_key);

#endif
