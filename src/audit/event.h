/* What is audited: the table of operations, and an event as the rest of the program tells it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_AUDIT_EVENT_H
#define HSM_AUDIT_EVENT_H

#include "base/bytes.h"
#include "base/ck.h"
#include "base/scope.h"
#include "base/text.h"

typedef enum hsm_audited {
    HSM_AUDITED_INITIALIZE,
    HSM_AUDITED_FINALIZE,
    HSM_AUDITED_OPEN_SESSION,
    HSM_AUDITED_CLOSE_SESSION,
    HSM_AUDITED_LOGIN,
    HSM_AUDITED_LOGOUT,
    HSM_AUDITED_INIT_TOKEN,
    HSM_AUDITED_INIT_PIN,
    HSM_AUDITED_SET_PIN,
    HSM_AUDITED_GENERATE_KEY,
    HSM_AUDITED_GENERATE_KEY_PAIR,
    HSM_AUDITED_CREATE_OBJECT,
    HSM_AUDITED_COPY_OBJECT,
    HSM_AUDITED_DESTROY_OBJECT,
    HSM_AUDITED_SET_ATTRIBUTE,
    HSM_AUDITED_FIND_OBJECTS,
    HSM_AUDITED_GET_ATTRIBUTE, /* of a secret attribute, given or refused */
    HSM_AUDITED_SIGN,
    HSM_AUDITED_VERIFY,
    HSM_AUDITED_ENCRYPT,
    HSM_AUDITED_DECRYPT,
    HSM_AUDITED_DIGEST,
    HSM_AUDITED_WRAP_KEY,
    HSM_AUDITED_UNWRAP_KEY,
    HSM_AUDITED_DERIVE_KEY,
    HSM_AUDITED_ENCAPSULATE,
    HSM_AUDITED_DECAPSULATE,
    HSM_AUDITED_GENERATE_RANDOM,
    HSM_AUDITED_SEED_RANDOM,
    HSM_AUDITED_ZEROIZE,
    HSM_AUDITED_DESTROY_TOKEN,
    HSM_AUDITED_BACKUP,
    HSM_AUDITED_RESTORE,
    HSM_AUDITED_MIGRATE,
    HSM_AUDITED_REFUSE,      /* by a front door's own rules */
    HSM_AUDITED_CHECKPOINT,  /* the log's own from here */
    HSM_AUDITED_RECOVER,     /* what was found wrong with the log when it was opened */
    HSM_AUDITED_EVENTS_LOST, /* on_error = "count": so many could not be written */
    HSM_AUDITED_COUNT,
} hsm_audited;

/* Kinds that audit.log_level selects by; an operation may be of several. */
#define HSM_AUDIT_CLASS_CRYPTO 1u
#define HSM_AUDIT_CLASS_AUTH 2u
#define HSM_AUDIT_CLASS_ADMIN 4u
#define HSM_AUDIT_CLASS_LOG 8u /* the log's own: whatever the level */
#define HSM_AUDIT_CLASS_ANY 15u

typedef struct hsm_audited_info {
    const char *name; /* as the log writes it */
    unsigned classes;
} hsm_audited_info;
/* operation below HSM_AUDITED_COUNT */
const hsm_audited_info *hsm_audited_get(hsm_audited operation);

/* What the rules say of the algorithm used. */
typedef enum hsm_audit_approved {
    HSM_AUDIT_APPROVED_UNKNOWN, /* no algorithm: the field is left out */
    HSM_AUDIT_APPROVED_YES,
    HSM_AUDIT_APPROVED_NO,
} hsm_audit_approved;

/* An object, by what identifies it outside; empty: none. */
typedef struct hsm_audit_object {
    hsm_bytes id; /* CKA_UNIQUE_ID */
    hsm_bytes label;
} hsm_audit_object;

/* One event; everything is borrowed. Fields that are zero are left out of the line. */
typedef struct hsm_audit_event {
    hsm_audited operation;
    hsm_err result;
    bool is_begin; /* written before a lasting effect; a second event tells the result */
    bool has_slot;
    uint32_t slot;
    CK_SESSION_HANDLE session;
    const char *user;   /* who is logged in: "user", "so", "none" */
    const char *client; /* who is asking from afar */
    bool has_mechanism;
    CK_MECHANISM_TYPE mechanism;
    const char *mechanism_name; /* NULL: not one of ours, the number is written */
    uint32_t key_bits;
    hsm_audit_approved approved;
    hsm_audit_object object; /* what was used, made, changed or destroyed */
    hsm_audit_object
        other;       /* the key it was made, wrapped or unwrapped with; a pair's public key */
    uint64_t amount; /* entries lost or set aside, bytes given, as the operation says */
    const char *detail;
} hsm_audit_event;

/* The longest text hsm_audit_event_write() makes. */
#define HSM_AUDIT_EVENT_MAX_BYTES 7168u
/* Characters of a label, of a client, and of a detail that an entry keeps. */
#define HSM_AUDIT_LABEL_MAX_CHARS 64u
#define HSM_AUDIT_CLIENT_MAX_CHARS 256u
#define HSM_AUDIT_DETAIL_MAX_CHARS 128u

/* Writes the event's fields as members of a JSON object, without braces:
 * "operation":"sign","result":"success",... */
void hsm_audit_event_write(const hsm_audit_event *event, hsm_text *out);

#endif
