/* One slot's token: label, serial, PINs, lockout, and who is logged in.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_TOKEN_TOKEN_H
#define HSM_TOKEN_TOKEN_H

#include "crypto/crypto.h"
#include "store/store.h"

typedef struct hsm_token hsm_token;

#define HSM_TOKEN_LABEL_BYTES 32

typedef struct hsm_token_options {
    hsm_store *store;
    hsm_crypto *crypto;
    uint32_t slot;
    uint32_t pin_min_bytes; /* 4 .. pin_max_bytes */
    uint32_t pin_max_bytes; /* at most 256 */
    uint32_t tries_max;     /* wrong PINs in a row before the lock, 3 .. 100 */
    uint32_t iterations;    /* PBKDF2, for PINs set from now on; 100,000 .. 10,000,000 */
    const char *serial;     /* 1 .. 16 printable ASCII for a token made from now on; NULL: random */
} hsm_token_options;

typedef enum hsm_user {
    HSM_USER_SO,
    HSM_USER_USER,
} hsm_user;

/* Who is logged in, in this application (PKCS#11 v3.2, 5.6). */
typedef enum hsm_login {
    HSM_LOGIN_NONE,
    HSM_LOGIN_USER,
    HSM_LOGIN_SO,
} hsm_login;

typedef struct hsm_token_info {
    bool is_initialized;
    bool has_user_pin;
    uint8_t label[HSM_TOKEN_LABEL_BYTES]; /* blank padded */
    uint8_t serial[HSM_SERIAL_BYTES];     /* blank padded */
    uint32_t user_tries_left;
    uint32_t so_tries_left;
    uint32_t tries_max;
    uint32_t pin_min_bytes;
    uint32_t pin_max_bytes;
    bool must_change_user_pin; /* the SO set it */
} hsm_token_info;

/* Opens the slot's token, initialised or not; reads no object.
 * errors  HSM_E_ARG (an option is out of range), HSM_E_STORE_CORRUPT, HSM_E_STORE_VERSION,
 *         HSM_E_STORE_IO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_token_open(const hsm_token_options *options, hsm_token **out_token);
/* Logs out and frees; NULL is allowed. */
void hsm_token_close(hsm_token *token);
static inline void hsm_token_drop(hsm_token **token)
{
    hsm_token_close(*token);
    *token = NULL;
}

/* Notices what other processes did: when one initialised the token anew (or its owner removed the
 * record), this application is logged out and the store's slot locked; a PIN change logs nobody out.
 * All functions below that read the record do the same.
 * errors  HSM_E_STORE_IO, HSM_E_STORE_CORRUPT, HSM_E_STORE_VERSION
 * thread  no lock and no system call while no process has committed since */
HSM_MUST_USE hsm_err hsm_token_refresh(hsm_token *token);

/* Reads the record again. errors HSM_E_STORE_IO, HSM_E_STORE_CORRUPT, HSM_E_STORE_VERSION */
HSM_MUST_USE hsm_err hsm_token_get_info(hsm_token *token, hsm_token_info *out_info);

/* Whether the token is initialised, also if another process has done it meanwhile.
 * errors  HSM_E_TOKEN_NOT_INITIALIZED, HSM_E_STORE_IO, HSM_E_STORE_CORRUPT
 * thread  any; no lock and no system call while no process commits */
HSM_MUST_USE hsm_err hsm_token_check_initialized(hsm_token *token);

/* Makes a new token: new serial (unless configured), new master key, all objects destroyed. On an
 * initialised token the SO PIN must be the present one (and counts as a try); a locked one stays
 * locked, until who owns the files removes the token record.
 * errors  HSM_E_PIN_INCORRECT, HSM_E_PIN_LOCKED, HSM_E_STORE_*; HSM_E_PIN_LEN and
 *         HSM_E_PIN_INVALID (not UTF-8) for the first PIN of a token not initialised
 * after   nobody is logged in */
HSM_MUST_USE hsm_err hsm_token_init(hsm_token *token, hsm_bytes so_pin,
                                    const uint8_t label[HSM_TOKEN_LABEL_BYTES]);

/* Ends the token: all objects destroyed, the slot as if never initialised. so_pin as in
 * hsm_token_init(); data NULL: not asked for, by the right of who owns the files.
 * errors  HSM_E_TOKEN_NOT_INITIALIZED, HSM_E_PIN_INCORRECT, HSM_E_PIN_LOCKED, HSM_E_STORE_*
 * after   nobody is logged in */
HSM_MUST_USE hsm_err hsm_token_remove(hsm_token *token, hsm_bytes so_pin);

/**
 * Checks a PIN and logs in: the try is counted durably before the answer is known to the caller, in
 * all processes; a right PIN sets the counter back. The work is the same whether the PIN is right,
 * wrong, locked or not set. On a read-only store no try can be counted, so nobody can log in.
 *
 * errors  HSM_E_PIN_INCORRECT, HSM_E_PIN_LOCKED, HSM_E_USER_PIN_NOT_INITIALIZED,
 *         HSM_E_TOKEN_NOT_INITIALIZED, HSM_E_ALREADY_LOGGED_IN, HSM_E_OTHER_USER_LOGGED_IN,
 *         HSM_E_STORE_* (READ_ONLY; CONFLICT: the token was initialised anew meanwhile)
 * after   user: the store's slot is unlocked. SO: it stays locked, the SO sees no private objects
 * thread  the token's lock is held throughout
 */
HSM_MUST_USE hsm_err hsm_token_login(hsm_token *token, hsm_user user, hsm_bytes pin);
/* Context-specific: checks the PIN of whoever is logged in, with the same counting, and changes
 * nothing else. errors  as login, HSM_E_NOT_LOGGED_IN */
HSM_MUST_USE hsm_err hsm_token_check_pin(hsm_token *token, hsm_bytes pin);
/* errors HSM_E_NOT_LOGGED_IN */
HSM_MUST_USE hsm_err hsm_token_logout(hsm_token *token);
/* thread  an atomic read, no lock */
hsm_login hsm_token_login_state(const hsm_token *token);

/* Sets the user PIN (bytes of UTF-8); the SO is logged in. Unlocks it, keeps all objects.
 * errors  HSM_E_NOT_LOGGED_IN, HSM_E_PIN_LEN, HSM_E_PIN_INVALID, HSM_E_STORE_* */
HSM_MUST_USE hsm_err hsm_token_init_pin(hsm_token *token, hsm_bytes pin);
/* Changes the PIN of `user` (the one logged in; the user when nobody is) by the present one, which
 * counts as a try. A new PIN against the rules is refused before that.
 * errors  HSM_E_PIN_INCORRECT, HSM_E_PIN_LOCKED, HSM_E_PIN_LEN, HSM_E_PIN_INVALID,
 *         HSM_E_USER_PIN_NOT_INITIALIZED, HSM_E_TOKEN_NOT_INITIALIZED,
 *         HSM_E_STORE_* (CONFLICT: the PIN was changed meanwhile) */
HSM_MUST_USE hsm_err hsm_token_set_pin(hsm_token *token, hsm_user user, hsm_bytes old_pin,
                                       hsm_bytes new_pin);

#endif
