/* The clients that are here: one entry for each identity, with its application of the core, so that
 * a login of one never opens keys for another.
 *
 * All functions but client_core() and the grants are the loop's.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_CLIENT_H
#define HSM_CRATOND_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "config/config.h"
#include "core/core.h"
#include "cratond/names.h"
#include "cratond/pool.h"

/* Wrong PINs of one client in one slot. */
typedef struct client_tries {
    atomic_uint wrong;
    _Atomic(int64_t) until_ms; /* of the monotonic clock; no login before */
} client_tries;

typedef struct client {
    struct client *next;
    struct client_table *table;
    char *name;                  /* the first of its names */
    const hsm_client_rule *rule; /* NULL: no rules are configured; never changes */
    uint32_t uses;               /* connections, and calls that still run */
    pthread_mutex_t core_lock;
    hsm_core *core;      /* made on first need */
    client_tries *tries; /* by slot */
    double tokens;       /* requests that may come at once */
    int64_t tokens_ms;   /* when that was counted */
    hsm_core *closing;   /* taken out of use, until a worker has closed it */
    pool_job close_job;
    bool is_closing;
} client;

typedef struct client_table client_table;

/* What PINs came to, of all clients. */
typedef enum login_outcome {
    LOGIN_OK,
    LOGIN_WRONG_PIN,
    LOGIN_LOCKED,   /* the token's PIN is */
    LOGIN_COOLDOWN, /* not tried: this client has to wait */
    LOGIN_OTHER,
    LOGIN_OUTCOMES,
} login_outcome;

HSM_MUST_USE hsm_err client_table_create(const hsm_config *config, hsm_core *root, pool *workers,
                                         client_table **out_table);
/* No client is in use any more. */
void client_table_destroy(client_table *table);
size_t client_table_count(const client_table *table);
/* How many PINs came to that, since the start. */
uint64_t client_table_logins(const client_table *table, login_outcome outcome);

/* The client with the first of these names and the rule that they fall under; counted as used. HSM_E_ACTION_PROHIBITED: rules are configured and
 * none matches. errors HSM_E_LIMIT (too many clients), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err client_enter(client_table *table, const peer_names *names,
                                  client **out_client);
void client_hold(client *held);
/* When nobody uses it, its application is closed, in a worker: logged out, keys wiped. */
void client_leave(client *held);

/* Whether one more request is within the client's rate. */
bool client_may_request(client *held, int64_t now_ms);

/* In a worker: the client's application. errors those of hsm_core_share() */
HSM_MUST_USE hsm_err client_core(client *held, hsm_core **out_core);

/* The rules for one client; any thread. */
bool client_may(const client *held, unsigned roles, const char *operation);
bool client_may_slot(const client *held, uint64_t slot);
bool client_may_label(const client *held, hsm_bytes label);
/* The same by a rule that says so, and not for want of one. */
bool client_is_given_label(const client *held, hsm_bytes label);
bool client_sees_all_keys(const client *held);
bool client_is_operator(const client *held);

/* Wrong PINs: whether the client has to wait, and the outcome of a try; both are counted. */
bool client_must_wait(client *held, uint32_t slot, int64_t now_ms);
void client_tried(client *held, uint32_t slot, hsm_err outcome, int64_t now_ms);

#endif
