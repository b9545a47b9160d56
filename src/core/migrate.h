/* Tokens of other software become tokens here (docs/migrate.md).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_MIGRATE_H
#define HSM_CORE_MIGRATE_H

#include "core/core.h"

#define HSM_MIGRATE_WHERE_MAX 512u

/* What becomes of one object. */
typedef enum hsm_migrate_result {
    HSM_MIGRATE_ADDED, /* or would be */
    HSM_MIGRATE_UNSUPPORTED,
} hsm_migrate_result;

typedef struct hsm_migrate_object {
    const char *name; /* in the other token: its file, or "object 7" */
    const char *class_name;
    hsm_bytes label;
    hsm_bytes id;
    const char *unique_id; /* its handle here; NULL: it has none */
    hsm_migrate_result result;
    const char *why; /* UNSUPPORTED */
} hsm_migrate_object;

/* An attribute that is not as it was. */
typedef struct hsm_migrate_change {
    const char *name;      /* of the object */
    const char *attribute; /* "CKA_LOCAL", or its number */
    const char *what;      /* "set to false", "left out" ... */
    const char *why;
} hsm_migrate_change;

typedef struct hsm_migrate_watch {
    void (*object)(void *arg, const hsm_migrate_object *object);
    void (*change)(void *arg, const hsm_migrate_change *change);
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
} hsm_migrate_watch;

typedef struct hsm_migrate_request {
    const char *directory;
    hsm_bytes pin; /* the other token's user PIN */
    bool is_dry;   /* everything is read and checked, nothing is changed */
    bool may_skip; /* what this token can't have is left behind; else nothing is migrated */
    const hsm_migrate_watch *watch;
} hsm_migrate_request;

typedef struct hsm_migrate_report {
    uint8_t label[32]; /* of the other token, blank padded */
    uint8_t serial[16];
    bool is_database;
    uint64_t objects;
    uint64_t present;
    uint64_t added;
    uint64_t unsupported;
    char where[HSM_MIGRATE_WHERE_MAX]; /* of an error: file, byte, what; or empty */
} hsm_migrate_report;

/* Puts the objects of a SoftHSM2 token (2.6, 2.7) into the session's token, whose user is logged in: all
 * that earlier runs have not brought, in one commit, or none.
 * errors  HSM_E_NOT_LOGGED_IN, HSM_E_SESSION_READ_ONLY, HSM_E_PIN_INCORRECT (theirs),
 *         HSM_E_USER_PIN_NOT_INITIALIZED (theirs), HSM_E_DATA, HSM_E_ENCRYPTED_DATA (damaged),
 *         HSM_E_NOT_SUPPORTED (objects that this token can't have, and not may_skip), HSM_E_LIMIT,
 *         HSM_E_STORE_*
 * after   out_report is written whatever the result */
HSM_MUST_USE hsm_err hsm_core_migrate_softhsm(hsm_core *core, hsm_session *session,
                                              const hsm_migrate_request *request,
                                              hsm_migrate_report *out_report);

#endif
