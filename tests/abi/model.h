/* An independent model of sessions, logins, PINs and the life of a key, written from PKCS#11 v3.2
 * (5.6 sessions, 5.5 PINs and tokens) and SP 800-57 part 1, 7, not from the product's tables. */
#ifndef ABI_MODEL_H
#define ABI_MODEL_H

#include <stdbool.h>

#include "pkcs11/pkcs11.h"

enum { MODEL_TRIES_MAX = 3, MODEL_NO_PIN = 4 };
typedef enum model_login { NOBODY, THE_USER, THE_SO } model_login;
typedef enum model_key { NO_KEY, PRE_ACTIVATION, ACTIVE, DEACTIVATED, COMPROMISED } model_key;

/* All that an application can tell: at most one session of each kind, one private token key. */
typedef struct model {
    bool has_token;
    bool is_open[2];     /* read-only, read-write */
    unsigned who;        /* model_login */
    unsigned so_tries;   /* wrong ones in a row; MODEL_TRIES_MAX: locked */
    unsigned user_tries; /* the same, or MODEL_NO_PIN */
    unsigned key;        /* model_key */
} model;

/* A number of its own for each model, below MODEL_COUNT, and back. */
enum { MODEL_COUNT = 2 * 4 * 3 * 4 * 5 * 5 };
unsigned model_number(const model *m);
model model_of(unsigned number);

/* The answer the standard wants; where it leaves open which of two errors is told, the other one. */
typedef struct answer {
    CK_RV rv;
    CK_RV or_rv; /* CKR_OK: none */
} answer;

/* What can be done. Arguments of a verb are numbers from 0. */
typedef enum model_verb {
    OPEN_SESSION,
    CLOSE_SESSION,
    CLOSE_ALL,
    LOGIN_USER, /* argument: model_pin */
    LOGIN_SO,
    LOGIN_CONTEXT,
    LOGOUT,
    INIT_PIN,
    SET_PIN,
    INIT_TOKEN,
    MAKE_KEY, /* argument: model_key - PRE_ACTIVATION, of two */
    DESTROY_KEY,
    SET_STATE, /* argument: model_key - PRE_ACTIVATION, of four */
    USE_KEY,   /* argument: model_use */
    USE_LOST_HANDLE,
    MAKE_DATA,  /* argument: model_data */
    INITIALIZE, /* C_Finalize, C_Initialize */
    START_ANEW, /* the same without the store; only to get back to the beginning */
    VERB_COUNT,
} model_verb;
typedef enum model_pin { RIGHT_PIN, WRONG_PIN, SHORT_PIN } model_pin;
typedef enum model_use {
    TO_ENCRYPT,
    TO_DECRYPT,
    TO_SIGN,
    TO_VERIFY,
    TO_WRAP,
    TO_UNWRAP,
    TO_DERIVE,
    USE_COUNT,
} model_use;
typedef enum model_data { SESSION_PUBLIC, SESSION_PRIVATE, TOKEN_PUBLIC, DATA_COUNT } model_data;

enum { ACTIONS_MAX = 96 };
/* One thing to do. */
typedef struct action {
    model_verb verb;
    bool needs_session; /* else is_rw means nothing */
    bool is_rw;         /* by which of the two sessions */
    unsigned argument;
    unsigned cost; /* roughly, in milliseconds */
} action;
/* All actions; how many. */
unsigned model_actions(action out[ACTIONS_MAX]);

/* Whether the key is in view. */
bool model_sees_key(const model *m);
/* Whether it makes sense to try it: a second key, say, is not part of the model. */
bool model_can_try(const model *m, const action *a);
/* What the standard says to it, and what is so afterwards. */
answer model_act(model *m, const action *a);
/* The state of an open session (CKS_). */
CK_STATE model_session_state(const model *m, bool is_rw);
/* The flags about PINs in CK_TOKEN_INFO. */
CK_FLAGS model_token_flags(const model *m);

#endif
