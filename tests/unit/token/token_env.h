/* A token on a store, and what happens to the calls it makes: counted, failed, interrupted. */
#ifndef UNIT_TOKEN_TOKEN_ENV_H
#define UNIT_TOKEN_TOKEN_ENV_H

#include "token/internal.h"

#define ENV_ITERATIONS 1000u
#define ENV_TRIES_MAX 5u
#define ENV_SO_PIN "the officer's"
#define ENV_USER_PIN "the user's"

/* Calls of the token layer that can be watched. */
typedef enum env_point {
    ENV_READ,    /* hsm_store_token_read */
    ENV_WRITE,   /* hsm_store_token_write */
    ENV_RESET,   /* hsm_store_token_reset */
    ENV_ATTACH,  /* hsm_store_attach */
    ENV_UNLOCK,  /* hsm_store_unlock */
    ENV_DEVICE,  /* hsm_store_device_secret */
    ENV_PBKDF2,  /* hsm_crypto_pbkdf2 */
    ENV_COMPARE, /* hsm_ct_equal: the PIN is looked at; can't fail */
    ENV_RANDOM,  /* hsm_crypto_random */
    ENV_SECRET,  /* hsm_secret_create */
    ENV_POINT_COUNT,
} env_point;

#define ENV_FOREVER 0x40000000

/* Forgets counts, failures and hooks. */
void env_calm(void);
/* Calls since then. */
int env_calls(env_point point);
/* PBKDF2 iterations since then. */
uint64_t env_iterations(void);
/* Calls number first, first + 1 ... (from 1, counted from now) fail, `count` of them. */
void env_fail(env_point point, int first, int count, hsm_err err);
/* Runs hook before call number `call` (from 1, counted from now). */
void env_before(env_point point, int call, void (*hook)(void *arg), void *arg);
/* The master key last given to the store. */
hsm_bytes env_master_key(void);
/* From now on the device secret is 32 times `byte` (for vectors); until env_calm(). */
void env_fix_device_secret(uint8_t byte);
/* The same for random bytes. */
void env_fix_random(uint8_t byte);

/* Crypto, store and token; directory NULL: in memory. Checks fail if it can't be opened. */
typedef struct env {
    hsm_crypto *crypto;
    hsm_store *store;
    hsm_token *token;
    hsm_token *other; /* a second one on the same store, as of another process */
    size_t secrets_before;
} env;

hsm_token_options env_options(const env *e);
bool env_open(env *e, const char *directory);
/* The same with an initialised token and a user PIN; nobody logged in. */
bool env_open_ready(env *e, const char *directory);
void env_make_other(env *e);
/* Also checks that no secret is left over. */
void env_close(env *e);

/* Initialised, SO logged in and out again, user PIN set. */
bool env_make_ready(hsm_token *token);
hsm_bytes env_pin(const char *text);
hsm_token_info env_info(hsm_token *token);
extern const uint8_t env_label[HSM_TOKEN_LABEL_BYTES];

/* Derives, compares and unwraps, as a login does. */
HSM_MUST_USE hsm_err env_pin_open(hsm_token *token, const hsm_token_record *record, hsm_user user,
                                  hsm_bytes pin, hsm_secret **out_master_key);

#endif
