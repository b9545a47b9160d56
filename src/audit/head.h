/* The head: where the log ends, kept apart from it in the store's directory, so that a log that was cut
 * is known as such. A page that all processes on a store share; what it says is authenticated.
 *
 * A head has all that is needed to go on. Writing it costs as much as making an entry, so it may stay
 * behind for some entries, and only the tip moves: how many entries there are and which one is the last.
 * Who comes from elsewhere reads the entries between head and tip.
 *
 * There are two places for each, written in turn, so that a write that was cut short leaves the one
 * before it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_AUDIT_HEAD_H
#define HSM_AUDIT_HEAD_H

#include "audit/line.h"
#include "os/lock.h"

/* Rotated files kept beside the current one: LOG.1 (newest) .. LOG.5. */
#define HSM_AUDIT_GENERATIONS 5u
#define HSM_BOOT_ID_BYTES 16u

typedef enum hsm_head_flag {
    HSM_HEAD_ROTATING = 1u, /* the files are being renamed */
    HSM_HEAD_UNSYNCED =
        2u, /* a sync failed: what was written since `durable` must be written again */
} hsm_head_flag;

typedef struct hsm_head {
    uint64_t serial; /* 0: there is none yet; rises with each write */
    uint32_t flags;
    uint8_t log_id[HSM_LOG_ID_BYTES];
    uint8_t boot_id[HSM_BOOT_ID_BYTES];        /* of the boot it was written in */
    uint64_t generation;                       /* times rotated */
    uint64_t offset;                           /* in the current file, where the next line begins */
    uint64_t durable_count;                    /* entries known to be on disk */
    uint64_t durable_offset;                   /* in the current file */
    uint64_t first[HSM_AUDIT_GENERATIONS + 1]; /* index of the first entry of LOG, LOG.1, ... */
    uint32_t files;                            /* how many of them exist: 1 .. */
    hsm_chain_state chain;
} hsm_head;

/* The end of the log, as far as it was told: at the head or after it. */
typedef struct hsm_tip {
    uint64_t count;
    uint64_t offset;
    uint8_t link[HSM_LINK_BYTES];
    bool is_lost; /* the machine went down while the page was being written: the head has to do */
} hsm_tip;

/* The tip that stands where the head does. */
hsm_tip hsm_head_tip(const hsm_head *head);

typedef struct hsm_head_page hsm_head_page;

/* Opens or makes (may_write) the page of a file.
 * in      mac  authenticates the head; borrowed until close
 * errors  HSM_E_STORE_NOT_FOUND (none, and not to be made), those of os/file.h, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_head_open(const char *path, hsm_hmac *mac, bool may_write,
                                   hsm_head_page **out_page);
/* NULL is allowed; fine in a forked child. */
void hsm_head_close(hsm_head_page *page);
/* Whether somebody wrote since this page was last read or written here.
 * thread  as all below, the log's lock is held */
bool hsm_head_has_moved(const hsm_head_page *page);
/* The newest head that is authentic, and the tip that goes with it; a head with serial 0 if the page is
 * new.
 * errors  HSM_E_STORE_CORRUPT (no head and tip that are authentic and belong together), HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_head_read(hsm_head_page *page, hsm_head *out_head, hsm_tip *out_tip);
/* Writes head with the next serial, which head is given, and the tip with it. */
HSM_MUST_USE hsm_err hsm_head_write(hsm_head_page *page, hsm_head *head);
/* Writes the tip alone, after entries and nothing else were added to the head that was last read or
 * written. */
HSM_MUST_USE hsm_err hsm_head_move_tip(hsm_head_page *page, const hsm_head *head);
/* Entries by which the tip is ahead of the head. */
uint64_t hsm_head_distance(const hsm_head_page *page, const hsm_head *head);
/* Marks that a writer is at work; who finds it set under the lock comes after one that died. */
void hsm_head_mark(hsm_head_page *page, bool is_writing);
bool hsm_head_is_marked(const hsm_head_page *page);
/* Entries lost by processes that have ended, of which no entry tells yet: any process may add to it or
 * take from it. Not authenticated.
 * thread  any, without a lock */
_Atomic(uint64_t) *hsm_head_lost(hsm_head_page *page);
/* The part of the page that is the lock of all processes (os/lock.h). */
hsm_latch_words *hsm_head_latch(hsm_head_page *page);
/* Makes it durable. errors HSM_E_STORE_IO */
HSM_MUST_USE hsm_err hsm_head_sync(hsm_head_page *page);

/* The file of a log's head in a state directory, which depends on the log's path: audit-....head;
 * free() it. */
HSM_MUST_USE hsm_err hsm_head_path(hsm_crypto *crypto, const char *state_directory,
                                   const char *log_path, char **out_path);
/* Reads the head of a log that others may be writing to, without a lock; count, offset and link are the
 * tip's, the rest may be older.
 * errors  HSM_E_STORE_NOT_FOUND (none, or nothing in it), HSM_E_STORE_CORRUPT (not authentic under
 *         mac_key), those of os/file.h */
HSM_MUST_USE hsm_err hsm_head_load(hsm_crypto *crypto, const char *path, hsm_bytes mac_key,
                                   hsm_head *out_head);

/* This boot's name; zeros where the system does not tell. */
void hsm_head_boot_id(uint8_t out[HSM_BOOT_ID_BYTES]);

#endif
