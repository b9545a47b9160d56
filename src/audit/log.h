/* The audit log: append-only, chained, shared by processes; an event is safe when append returns.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_AUDIT_LOG_H
#define HSM_AUDIT_LOG_H

#include "audit/event.h"
#include "base/buf.h"
#include "crypto/crypto.h"
#include "os/meter.h"

#define HSM_AUDIT_KEY_BYTES 32u
/* A file is rotated before it grows over this. */
#define HSM_AUDIT_FILE_MAX_BYTES ((uint64_t)100 * 1024 * 1024)
/* Entries between two checkpoints: so many at least, and so many at most where they come quicker than
 * checkpoint_ms allows. */
#define HSM_AUDIT_CHECKPOINT_EVERY 1024u
#define HSM_AUDIT_CHECKPOINT_MOST 65536u

typedef struct hsm_audit_log hsm_audit_log;

typedef struct hsm_audit_options {
    const char *log_path;        /* absolute; its directory is made if it is missing */
    const char *state_directory; /* exists: head, checkpoint keys and locks live there */
    hsm_crypto *crypto;
    hsm_bytes mac_key;  /* HSM_AUDIT_KEY_BYTES: of entries and head */
    hsm_bytes seal_key; /* HSM_AUDIT_KEY_BYTES: of the checkpoint keys */
    unsigned classes;   /* HSM_AUDIT_CLASS_...: events of other kinds are not written */
    bool is_batch;      /* written before append returns, synced batch_ms later at the earliest */
    uint32_t batch_ms;
    bool may_lose;             /* what can't be written is counted, not refused */
    uint64_t file_max_bytes;   /* 0: HSM_AUDIT_FILE_MAX_BYTES; else at least 64 KiB */
    uint32_t checkpoint_every; /* 0: HSM_AUDIT_CHECKPOINT_EVERY; at most 2^19 */
    uint32_t checkpoint_ms;    /* least time between two of this process's checkpoints */
    uint32_t busy_ms;          /* longest wait for another process */
} hsm_audit_options;

/**
 * Opens or makes the log and brings it in order: what a crash left behind is adopted if it is whole
 * and set aside in a file if it is not, and entries say so; a log shorter than its head, or another
 * one than the head knows, is told by an entry too, and the gap stays visible for ever.
 *
 * errors  HSM_E_AUDIT (with may_lose: none, and opening is tried again later), logged with the reason;
 *         HSM_E_NO_MEMORY, HSM_E_ARG
 */
HSM_MUST_USE hsm_err hsm_audit_open(const hsm_audit_options *options, hsm_audit_log **out_log);
/* Starts a thread that writes in the stead of threads of lower priority than the caller's: such a one, once
 * others wait for what it writes, would keep them waiting until it may run again. Call it before the log
 * is used; once is enough; closing ends it.
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_audit_start_clerk(hsm_audit_log *log);
/* Syncs, gives unused room back, closes; nobody is inside. NULL is allowed. */
void hsm_audit_close(hsm_audit_log *log);
/* In a forked child: gives up descriptors and keys without touching files or locks. */
void hsm_audit_abandon(hsm_audit_log *log);

/* Whether events of that kind are written at all. thread: any, no system call */
bool hsm_audit_wants(const hsm_audit_log *log, hsm_audited operation);
/**
 * Writes an event (if its kind is wanted). On return it is on disk, or with is_batch in the file.
 * Concurrent callers share one write and one sync; allocates nothing.
 *
 * errors  HSM_E_AUDIT (not written; with may_lose never: it is counted)
 * thread  any number at once; a leaf: no other lock is asked for
 */
HSM_MUST_USE hsm_err hsm_audit_append(hsm_audit_log *log, const hsm_audit_event *event);
/* Writes and syncs a checkpoint over what no checkpoint covers yet, if there is anything.
 * errors  HSM_E_AUDIT */
HSM_MUST_USE hsm_err hsm_audit_checkpoint(hsm_audit_log *log);
/* Of hsm_audit_append(), where the event is of a kind that is written. */
hsm_meter *hsm_audit_meter(hsm_audit_log *log);
/* Events that this process counted as lost and no entry tells of yet. */
uint64_t hsm_audit_lost(const hsm_audit_log *log);

#endif
