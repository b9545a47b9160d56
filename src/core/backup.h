/* Backups: the objects of a token in one encrypted file, and the way back (docs/backup-format.md).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_BACKUP_H
#define HSM_CORE_BACKUP_H

#include "base/buf.h"
#include "base/secret.h"
#include "core/core.h"
#include "core/migrate.h"

#define HSM_BACKUP_ID_BYTES 16u
#define HSM_BACKUP_AGE_MAX_DAYS 30u
#define HSM_BACKUP_RECIPIENTS_MAX 16u
#define HSM_BACKUP_ITERATIONS 600000u /* of the passphrase; the older system's default too */
#define HSM_BACKUP_ITERATIONS_MAX 10000000u
#define HSM_BACKUP_WHERE_MAX 160u

/* How the key of a backup is kept. */
typedef enum hsm_backup_method {
    HSM_BACKUP_BY_PASSPHRASE = 1,
    HSM_BACKUP_BY_RECIPIENTS = 2, /* each opens it with a private key */
} hsm_backup_method;

/* What stands in the clear at the beginning of a backup, and is authenticated with the rest. Those of
 * the older system say nothing in the clear but their format: the rest is known once one is open. */
typedef struct hsm_backup_head {
    uint32_t format; /* 2; of the older system: 1 or 2, which is another 2 than ours */
    bool is_older;
    uint8_t id[HSM_BACKUP_ID_BYTES];
    uint64_t created_ns; /* since 1970 */
    uint8_t serial[16];  /* of the token, blank padded, as the label */
    uint8_t label[32];
    hsm_backup_method method;
    bool is_selected;    /* it has not all objects that the token had */
    uint32_t iterations; /* BY_RECIPIENTS: how many there are */
    uint8_t salt[32];
} hsm_backup_head;

/* Whether a passphrase may protect a backup: at least 16 characters from 3 of 4 classes (small, capital,
 * digit, other) with 6 distinct, or at least 24 with 12 distinct. errors HSM_E_PIN_LEN */
HSM_MUST_USE hsm_err hsm_backup_check_passphrase(hsm_bytes passphrase);

/* Who may open a backup that is made: who knows the passphrase, or, if there are any, the recipients. */
typedef struct hsm_backup_lock {
    hsm_bytes passphrase;
    const hsm_bytes *recipients; /* SubjectPublicKeyInfo each (crypto/recipient.h) */
    size_t recipient_count;      /* 0 .. HSM_BACKUP_RECIPIENTS_MAX */
} hsm_backup_lock;
/* What opens one: as its head says. */
typedef struct hsm_backup_key {
    hsm_bytes passphrase;
    hsm_bytes private_key; /* PrivateKeyInfo of a recipient */
    uint32_t iterations;   /* for the older system's, which don't say; 0: HSM_BACKUP_ITERATIONS */
} hsm_backup_key;

/* --- recipients (backup_recipient.c) --- */

/* Makes a recipient's keys: the private one encrypted under a passphrase, both DER, appended.
 * errors  HSM_E_PIN_LEN (the passphrase, as for a backup), HSM_E_MECHANISM (approved mode) */
HSM_MUST_USE hsm_err hsm_core_make_recipient(hsm_core *core, hsm_bytes passphrase,
                                             hsm_buf *out_private, hsm_buf *out_public);
/* Reads a recipient's public key, PEM or DER, into SubjectPublicKeyInfo.
 * errors  HSM_E_DATA, HSM_E_KEY_TYPE (a key of another kind) */
HSM_MUST_USE hsm_err hsm_core_read_recipient(hsm_core *core, hsm_bytes file, hsm_buf *out_spki);
/* Opens a recipient's private key, PEM or DER.
 * errors  HSM_E_DATA, HSM_E_ENCRYPTED_DATA (wrong passphrase), HSM_E_KEY_TYPE */
HSM_MUST_USE hsm_err hsm_core_open_recipient(hsm_core *core, hsm_bytes file, hsm_bytes passphrase,
                                             hsm_secret **out_private_key);

/* Which of the token's objects a backup takes. */
#define HSM_BACKUP_CHOICES_MAX 64u
typedef struct hsm_backup_selection {
    const hsm_template *choices; /* what fits one of them is taken */
    size_t choice_count;         /* 0 .. HSM_BACKUP_CHOICES_MAX; 0: everything is taken */
    bool with_related; /* and of each key of a pair or certificate those with its CKA_ID */
} hsm_backup_selection;

typedef void (*hsm_backup_progress)(void *arg, uint64_t done);
typedef struct hsm_backup_watch {
    hsm_backup_progress progress; /* gets the number of objects looked at so far */
    void *arg;
} hsm_backup_watch;

typedef struct hsm_backup_request {
    hsm_backup_lock lock;
    hsm_backup_selection selection;
    const hsm_backup_watch *watch; /* NULL: nobody */
} hsm_backup_request;
/* What is in a backup that was made. */
typedef struct hsm_backup_made {
    uint64_t objects;
    uint64_t token_objects; /* that the token had then; as many, if none were selected */
    size_t unmet;           /* of HSM_E_OBJECT_HANDLE: the first choice that nothing fits */
} hsm_backup_made;
/* Appends a backup of the token objects in view, or of those selected, as they are at one moment;
 * applications go on. The user is logged in, else private objects would be missing.
 * errors  HSM_E_NOT_LOGGED_IN, HSM_E_PIN_LEN (the passphrase), HSM_E_OBJECT_HANDLE (a choice that no
 *         object fits), HSM_E_STORE_CONFLICT (what is related changes all the time), HSM_E_LIMIT,
 *         HSM_E_NO_MEMORY (also over HSM_BUF_MAX_BYTES), HSM_E_STORE_*
 * after   out_made is written whatever the result */
HSM_MUST_USE hsm_err hsm_core_backup(hsm_core *core, hsm_session *session,
                                     const hsm_backup_request *request, hsm_buf *out_backup,
                                     hsm_backup_made *out_made);

/* Reads the head alone; nothing of it is proved yet.
 * errors  HSM_E_DATA (no backup), HSM_E_STORE_VERSION (a format from the future) */
HSM_MUST_USE hsm_err hsm_backup_read_head(hsm_bytes backup, hsm_backup_head *out_head);

/* What a restore found and did, or would do. */
typedef struct hsm_restore_report {
    uint64_t objects;       /* in the backup */
    uint64_t token_objects; /* that the token of the backup had; more than objects: selected ones */
    uint64_t present;       /* still in the token: left as they are */
    uint64_t changed; /* of these, but not as in the backup; not known of the older system's */
    uint64_t added;
    uint64_t unsupported; /* of the older system: this token can't have them */
    bool is_other_token;
    bool is_restored_before;
    bool is_old;                      /* more than HSM_BACKUP_AGE_MAX_DAYS */
    hsm_backup_head head;             /* all of it, also of the older system's, once it is open */
    char where[HSM_BACKUP_WHERE_MAX]; /* of HSM_E_DATA within an older one; or empty */
} hsm_restore_report;

typedef struct hsm_restore_request {
    hsm_bytes backup;
    hsm_backup_key key;
    bool is_dry; /* everything is checked, nothing is changed */
    bool may_other_token;
    bool may_again;
    bool may_old;
    const hsm_migrate_watch *watch; /* of an older one also objects and changes, else these may be
                                     * NULL; NULL: nobody */
} hsm_restore_request;
/* Puts the objects of a backup that are not there into the token: all of them in one commit, or none, so
 * that who was interrupted begins again. Whole and authentic before anything is changed.
 * Of the older system's, what this token can't have is left out and reported; the same for keys whose
 * parts do not fit together.
 * errors  HSM_E_DATA (no backup; an older one's content, where says how), HSM_E_STORE_VERSION,
 *         HSM_E_ENCRYPTED_DATA (wrong passphrase, or damaged), HSM_E_ACTION_PROHIBITED (another token,
 *         restored before, too old; out_report says which), HSM_E_LIMIT, HSM_E_NOT_LOGGED_IN,
 *         HSM_E_STORE_*
 * after   out_report is written, what was found also when it is why nothing is done */
HSM_MUST_USE hsm_err hsm_core_restore(hsm_core *core, hsm_session *session,
                                      const hsm_restore_request *request,
                                      hsm_restore_report *out_report);
/* What is in a backup. */
typedef struct hsm_backup_verdict {
    hsm_backup_head head;
    uint64_t objects;
    uint64_t token_objects;           /* that the token had; more than objects: selected ones */
    char where[HSM_BACKUP_WHERE_MAX]; /* of HSM_E_DATA within an older one; or empty */
} hsm_backup_verdict;
typedef struct hsm_verify_request {
    hsm_bytes backup;
    hsm_backup_key key;
    const hsm_migrate_watch *watch; /* its progress alone; NULL: nobody */
} hsm_verify_request;
/* Opens a backup and counts its objects, without looking at the token.
 * errors  as of restore
 * after   out_verdict->where says what it has to whatever the result */
HSM_MUST_USE hsm_err hsm_core_verify_backup(hsm_core *core, const hsm_verify_request *request,
                                            hsm_backup_verdict *out_verdict);

#endif
