/* What the files of the audit log share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_AUDIT_INTERNAL_H
#define HSM_AUDIT_INTERNAL_H

#include <stdatomic.h>

#include "audit/head.h"
#include "audit/log.h"
#include "os/combiner.h"
#include "os/lock.h"

/* The room for lines that are written at once. */
#define HSM_AUDIT_BUFFER_BYTES ((size_t)256 * 1024)

/* --- the file (log_file.c) --------------------------------------------------------------------- */

typedef struct hsm_log_file {
    const char *path; /* borrowed */
    int fd;           /* -1: closed */
    uint64_t inode;   /* of what is open */
    uint64_t device;
    uint64_t room;    /* its length when last looked at */
    uint64_t written; /* bytes this process has put into it: how much room is made ahead */
} hsm_log_file;

/* Opens the file, or makes it; closes the one that was open. */
HSM_MUST_USE hsm_err hsm_log_file_open(hsm_log_file *file);
void hsm_log_file_close(hsm_log_file *file);
/* Writes at a place, all or an error; room ahead is made by the way. */
HSM_MUST_USE hsm_err hsm_log_file_put(hsm_log_file *file, uint64_t offset, hsm_bytes bytes);
HSM_MUST_USE hsm_err hsm_log_file_sync(hsm_log_file *file);
/* Whether the path still leads to the open file. */
bool hsm_log_file_is_in_place(const hsm_log_file *file);
/* Ends the file there. */
HSM_MUST_USE hsm_err hsm_log_file_trim(hsm_log_file *file, uint64_t length);
/* Up to cap bytes from a place; fewer only at the end. */
HSM_MUST_USE hsm_err hsm_log_file_get(const hsm_log_file *file, uint64_t offset, uint8_t *data,
                                      size_t cap, size_t *out_len);
/* PATH.4 becomes PATH.5, ..., PATH becomes PATH.1, a new PATH is made. Goes on where an earlier call
 * was interrupted; does nothing if PATH is there and empty. Durable. */
HSM_MUST_USE hsm_err hsm_log_rotate_files(const char *path);
/* The name of a generation: path, path.1, ... */
HSM_MUST_USE hsm_err hsm_log_generation_path(const char *path, unsigned generation,
                                             char **out_path);
/* Whether bytes are only what room ahead is filled with. */
bool hsm_log_is_filling(hsm_bytes bytes);

/* --- the log ------------------------------------------------------------------------------------ */

/* An event that waits to be written, on its caller's stack: an item of the combiner. */
typedef struct hsm_audit_request {
    hsm_bytes members;
    bool is_checkpoint; /* no event: asks for a checkpoint */
    hsm_err err;
} hsm_audit_request;

struct hsm_audit_log {
    hsm_meter meter;           /* of hsm_audit_append() */
    hsm_audit_options options; /* its strings and keys are the log's own */
    char *log_path;
    char *state_directory;
    hsm_secret *keys; /* MAC key, then seal key */
    uint32_t pid;

    hsm_combiner combiner; /* of hsm_audit_request */

    /* What follows is the leader's, under the lock of all processes. */
    bool is_ready; /* opened and in order */
    hsm_chain chain;
    hsm_signer *signer;
    hsm_head_page *page;
    hsm_latch latch;
    hsm_log_file file;
    hsm_head head;          /* up to the last entry */
    hsm_tip tip;            /* as it was read; only while the log is brought in order */
    bool is_stale;          /* what others did was not wholly taken over */
    bool is_shared;         /* others wrote, not long ago */
    char *buffer;           /* HSM_AUDIT_BUFFER_BYTES: lines on their way */
    uint64_t synced_ns;     /* monotonic: of the last sync */
    uint64_t tried_ns;      /* monotonic: of the last try to open */
    uint64_t checkpoint_ns; /* monotonic: of this process's last checkpoint; 0: none */
    atomic_bool is_stopped; /* a sync failed: nothing more is written until it is opened anew */
    _Atomic(uint64_t) lost;
};

/* All of these: the leader, who holds the lock of all processes. */

/* Makes ready: head, keys, file, recovery (log_recover.c). */
HSM_MUST_USE hsm_err hsm_log_recover(hsm_audit_log *log);
/* Does what another process began, or died at: a rotation, a write (log_recover.c). */
HSM_MUST_USE hsm_err hsm_log_refresh(hsm_audit_log *log);
HSM_MUST_USE hsm_err hsm_log_finish_rotation(hsm_audit_log *log);
/* Goes on in the right file if somebody moved or removed the one that is open (log_recover.c). */
HSM_MUST_USE hsm_err hsm_log_check_place(hsm_audit_log *log);
/* Writes lines that were made, moves the head to next (log_write.c). */
HSM_MUST_USE hsm_err hsm_log_commit(hsm_audit_log *log, hsm_head *next, hsm_bytes lines,
                                    bool is_sync);
/* Writes the events of hsm_audit_requests (log_write.c). */
HSM_MUST_USE hsm_err hsm_log_write(hsm_audit_log *log, void *const *requests, size_t count);
/* Stamp of entries made now. */
hsm_line_stamp hsm_log_stamp(const hsm_audit_log *log);
/* Adds the line of an event of the log's own. */
HSM_MUST_USE hsm_err hsm_log_add_own(hsm_audit_log *log, hsm_head *next,
                                     const hsm_audit_event *event, hsm_text *out);

#endif
