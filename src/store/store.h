/* Token objects and token records where they live: sealed, indexed blind, shared by processes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_STORE_H
#define HSM_STORE_STORE_H

#include "crypto/crypto.h"
#include "os/meter.h"
#include "store/object.h"

typedef struct hsm_store hsm_store;

#define HSM_SERIAL_BYTES 16

typedef struct hsm_store_options {
    const char *directory; /* created 0700 when absent; NULL: the memory driver */
    hsm_crypto *crypto;
    uint32_t slot_count; /* 1 .. 256 */
    uint32_t busy_ms;    /* longest wait for another process, e.g. 10,000 */
    uint32_t cached_max; /* decoded objects kept, e.g. 2048 */
    uint32_t log_pages;  /* pages in the write-ahead log that start a checkpoint; 0: as usual */
} hsm_store_options;

/**
 * Opens or creates a store: directory and files checked (owner, mode, no symlink, no network file
 * system), device key made or read, format version checked, a second copy of this library in the
 * process on the same store refused. A read-only directory or file opens read-only.
 *
 * errors  HSM_E_STORE_IO, HSM_E_STORE_PERMISSION, HSM_E_STORE_VERSION, HSM_E_STORE_CORRUPT,
 *         HSM_E_STORE_BUSY, HSM_E_STORE_FULL, HSM_E_NO_MEMORY; each logged with path and reason
 */
HSM_MUST_USE hsm_err hsm_store_open(const hsm_store_options *options, hsm_store **out_store);
/* A second view of an open store for another application of this process: the same storage and
 * device key, but slots of its own, so that a login in one view opens nothing in the other. Views see
 * each other's changes as processes do. The parent, which is no view itself, is closed last.
 * in      cached_max  decoded objects kept, 1 or more
 * errors  HSM_E_ARG, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_store_share(hsm_store *parent, uint32_t cached_max, hsm_store **out_store);
/* Starts a thread that writes in the stead of threads of lower priority than the caller's, so that nobody
 * whose changes share a commit with theirs waits for a thread that may not run for long. Before the store
 * is used or shared; once is enough; closing ends it.
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_store_start_clerk(hsm_store *store);
/* Every object of it must be released; NULL is allowed. */
void hsm_store_close(hsm_store *store);
/* In a forked child: gives up descriptors and memory of the parent's store without touching its
 * files or locks. */
void hsm_store_abandon(hsm_store *store);
static inline void hsm_store_drop(hsm_store **store)
{
    hsm_store_close(*store);
    *store = NULL;
}
bool hsm_store_is_read_only(const hsm_store *store);

/* --- Token records: one per slot, authenticated by the device key, readable before login ------ */

/* Bytes derived from the device key for the token layer: mixed into the PIN's key, so that the
 * database alone does not allow a search for the PIN. out has 32 bytes. */
HSM_MUST_USE hsm_err hsm_store_device_secret(hsm_store *store, const char *use, hsm_secret *out);

/* The slot's record and its version. errors HSM_E_STORE_NOT_FOUND (never initialised),
 * HSM_E_STORE_CORRUPT, HSM_E_STORE_IO */
HSM_MUST_USE hsm_err hsm_store_token_read(hsm_store *store, uint32_t slot, hsm_buf *out_record,
                                          uint64_t *out_version);
/* Replaces it durably if its version is still `expected` (0: there was none).
 * errors  HSM_E_STORE_CONFLICT (read again and retry), HSM_E_STORE_READ_ONLY, HSM_E_STORE_FULL,
 *         HSM_E_STORE_IO, HSM_E_STORE_BUSY */
HSM_MUST_USE hsm_err hsm_store_token_write(hsm_store *store, uint32_t slot, uint64_t expected,
                                           hsm_bytes record);
/* The same, and every object of the slot is deleted in the same transaction (C_InitToken). */
HSM_MUST_USE hsm_err hsm_store_token_reset(hsm_store *store, uint32_t slot, uint64_t expected,
                                           hsm_bytes record);

/* The latest day (YYYYMMDD) that any process saw on this store; 0: none, or a store in memory. For
 * clocks that are set back. errors HSM_E_STORE_CORRUPT, HSM_E_STORE_PERMISSION, HSM_E_STORE_IO */
HSM_MUST_USE hsm_err hsm_store_day_read(hsm_store *store, uint32_t *out_day);
/* Makes it durable; whoever writes must have read an earlier one. errors HSM_E_STORE_IO, ... */
HSM_MUST_USE hsm_err hsm_store_day_write(hsm_store *store, uint32_t day);

/* Lets one process at a time count and judge a PIN; wait until the others are through. Not held
 * longer than a few writes.
 * errors  HSM_E_STORE_BUSY, HSM_E_STORE_IO, HSM_E_STORE_READ_ONLY
 * thread  one thread at a time too; leave in the thread that entered */
HSM_MUST_USE hsm_err hsm_store_login_enter(hsm_store *store);
void hsm_store_login_leave(hsm_store *store);

/* Tells the store whose objects it reads: serial for associated data, and makes the slot's public
 * key from the device key and the serial. Again after a reset. */
HSM_MUST_USE hsm_err hsm_store_attach(hsm_store *store, uint32_t slot,
                                      const uint8_t serial[HSM_SERIAL_BYTES]);
/* Gives the object master key after a login (32 bytes, copied), or takes it away at logout:
 * private objects leave the cache. */
HSM_MUST_USE hsm_err hsm_store_unlock(hsm_store *store, uint32_t slot, hsm_bytes master_key);
void hsm_store_lock(hsm_store *store, uint32_t slot);
bool hsm_store_is_unlocked(const hsm_store *store, uint32_t slot);
/* The serial given by hsm_store_attach(). */
hsm_bytes hsm_store_serial(const hsm_store *store, uint32_t slot);

/* --- Objects --------------------------------------------------------------------------------- */

/**
 * Makes token objects durable: all of them or none (a key pair is one call). Each draft is complete;
 * CKA_UNIQUE_ID is set by the store from the new id. Private objects need the slot unlocked.
 * out_objects: one reference each.
 * errors  HSM_E_NOT_LOGGED_IN, HSM_E_STORE_READ_ONLY, HSM_E_STORE_FULL, HSM_E_STORE_IO,
 *         HSM_E_STORE_BUSY, HSM_E_LIMIT, HSM_E_NO_MEMORY
 * thread  concurrent writers share one commit
 */
HSM_MUST_USE hsm_err hsm_store_insert(hsm_store *store, uint32_t slot, hsm_draft *const *drafts,
                                      size_t draft_count, hsm_object **out_objects);
/* Replaces `old` by a new version. errors HSM_E_STORE_CONFLICT (changed meanwhile),
 * HSM_E_STORE_NOT_FOUND (destroyed meanwhile) and as above */
HSM_MUST_USE hsm_err hsm_store_replace(hsm_store *store, hsm_object *old, hsm_draft *draft,
                                       hsm_object **out_object);
/* Destroys; the bytes are overwritten (secure delete). errors HSM_E_STORE_NOT_FOUND, ... */
HSM_MUST_USE hsm_err hsm_store_delete(hsm_store *store, hsm_object *object);

/* The current version of an object, from the cache or the file; one reference.
 * errors  HSM_E_STORE_NOT_FOUND, HSM_E_NOT_LOGGED_IN (private and locked), HSM_E_STORE_CORRUPT */
HSM_MUST_USE hsm_err hsm_store_get(hsm_store *store, uint32_t slot, uint64_t id,
                                   hsm_object **out_object);
/* Whether `object` is still the current version. No system call and no lock while no process has
 * committed since it was last seen current; else one look at the file.
 * errors  HSM_E_STORE_NOT_FOUND (destroyed), HSM_E_STORE_CONFLICT (a newer version exists),
 *         HSM_E_STORE_IO */
HSM_MUST_USE hsm_err hsm_store_check_current(hsm_store *store, hsm_object *object);

/* Ids of the slot's objects that may satisfy the template, in order of creation: indexed
 * attributes are decided by the blind index, the rest by hsm_object_matches() on each. Private
 * objects only when unlocked.
 * out     ids  array of uint64_t in the buffer
 * errors  HSM_E_STORE_IO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_store_find(hsm_store *store, uint32_t slot, const hsm_template *tmpl,
                                    hsm_buf *out_ids);
/* Takes out of the cache what was not read since the last call. */
void hsm_store_age(hsm_store *store);
/* Number of objects of the slot visible now. */
HSM_MUST_USE hsm_err hsm_store_count(hsm_store *store, uint32_t slot, uint64_t *out_count);
/* Space for C_GetTokenInfo: bytes used by and free for the store. */
HSM_MUST_USE hsm_err hsm_store_space(hsm_store *store, uint64_t *out_used, uint64_t *out_free);
/* Of changes, of this store and those that share its database; lives as long as the first of them. */
hsm_meter *hsm_store_meter(hsm_store *store);

/* Counts every commit of every process on this store; for caches and wait-for-event. */
uint64_t hsm_store_changes(const hsm_store *store);

#endif
