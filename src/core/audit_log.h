/* Reading and verifying the audit log: for the admin command and whoever else looks at it.
 *
 * A log is opened by the configuration (all of it, with the device's keys and the head), or by a path (a
 * copy somewhere else, with public keys at most). Neither needs a core.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_AUDIT_LOG_H
#define HSM_CORE_AUDIT_LOG_H

#include "audit/event.h"
#include "audit/verify.h"
#include "core/core.h"

struct hsm_config;
struct hsm_device_place;

/* What the device key is derived for (docs/audit-format.md). */
#define HSM_AUDIT_USE_ENTRIES "audit entries"
#define HSM_AUDIT_USE_KEYS "audit checkpoint keys"

typedef struct hsm_core_audit hsm_core_audit;

typedef struct hsm_core_audit_source {
    const struct hsm_config *config; /* borrowed; NULL: path is given */
    const char *path;                /* NULL: the configuration's */
    bool is_one_file;                /* path alone, without PATH.1 ... */
    hsm_bytes public_keys;           /* PEM: verify by these; empty: by what the store has */
} hsm_core_audit_source;

/* Opens a log for reading. With a configuration but no device key that can be read, or with a path that is
 * not the configuration's, entries are read all the same and verification does without.
 * errors  HSM_E_STORE_NOT_FOUND (no log), HSM_E_DATA (public_keys), HSM_E_STORE_PERMISSION, HSM_E_STORE_IO,
 *         HSM_E_CRYPTO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_core_audit_open(const hsm_core_audit_source *source,
                                         hsm_core_audit **out_audit);
/* NULL is allowed. */
void hsm_core_audit_close(hsm_core_audit *audit);
static inline void hsm_core_audit_drop(hsm_core_audit **audit)
{
    hsm_core_audit_close(*audit);
    *audit = NULL;
}
/* Begins again at the first entry. */
HSM_MUST_USE hsm_err hsm_core_audit_rewind(hsm_core_audit *audit);

/* An entry as it is read; spans are borrowed until the next one. */
typedef struct hsm_core_audit_entry {
    hsm_bytes text;        /* the whole line */
    hsm_audit_place place; /* file, line */
    bool is_entry;         /* false: not of the log's form; what follows is then empty */
    uint64_t timestamp;
    uint64_t index;
    hsm_bytes members;     /* the other fields, for hsm_member_next() and hsm_member_find() */
    hsm_audited operation; /* HSM_AUDITED_COUNT: none that this version knows */
    bool is_begin;
    bool is_success; /* false with is_begin */
} hsm_core_audit_entry;
/* errors  HSM_E_NO_EVENT (no more), HSM_E_STORE_IO */
HSM_MUST_USE hsm_err hsm_core_audit_next(hsm_core_audit *audit, hsm_core_audit_entry *out_entry);
/* Bytes read, and of the whole log. */
void hsm_core_audit_progress(const hsm_core_audit *audit, uint64_t *out_done, uint64_t *out_all);

/* Verifies the whole log from its beginning, in constant memory; the reader is at its end afterwards.
 * stop: as in hsm_audit_verifier_run(), NULL allowed.
 * errors  HSM_E_NO_EVENT (stopped), HSM_E_STORE_IO, HSM_E_CRYPTO; a damaged log is a verdict */
HSM_MUST_USE hsm_err hsm_core_audit_verify(hsm_core_audit *audit,
                                           bool (*stop)(void *arg, uint64_t done, uint64_t all),
                                           void *arg, hsm_audit_verdict *out_verdict);
/* The public keys that checkpoints are signed by, as PEM.
 * errors  HSM_E_STORE_NOT_FOUND (opened without) */
HSM_MUST_USE hsm_err hsm_core_audit_public_keys(hsm_core_audit *audit, hsm_buf *out_pem);
/* As hsm_audit_prove() and hsm_audit_check_proof(). */
HSM_MUST_USE hsm_err hsm_core_audit_prove(hsm_core_audit *audit, uint64_t index,
                                          hsm_buf *out_proof);
HSM_MUST_USE hsm_err hsm_core_audit_check_proof(hsm_bytes public_keys_pem, hsm_bytes proof,
                                                hsm_buf *out_line);

/* Writes a checkpoint over everything not covered yet. No log: nothing. errors HSM_E_AUDIT */
HSM_MUST_USE hsm_err hsm_core_audit_checkpoint(hsm_core *core);

/* For core: the directory of head and keys (free() it), and a key derived from the device key. */
HSM_MUST_USE hsm_err hsm_core_audit_state_directory(const struct hsm_config *config,
                                                    char **out_path);
HSM_MUST_USE hsm_err hsm_core_audit_key(hsm_crypto *crypto, const struct hsm_device_place *place,
                                        const char *use, hsm_secret **out_key);

#endif
