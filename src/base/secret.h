/* Secret memory: guarded, locked, left out of core dumps, zero in a forked child, wiped on release.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_SECRET_H
#define HSM_BASE_SECRET_H

#include "base/bytes.h"
#include "base/scope.h"

/* The largest secret: an RSA-16384 private key with all its parts, encoded, has room. */
#define HSM_SECRET_MAX_BYTES ((size_t)128 * 1024)

/* len bytes of secret memory from the process-wide slab. Not shared between threads unless the
 * owner says how. */
typedef struct hsm_secret hsm_secret;

/**
 * Takes `len` zeroed bytes from the slab; release with hsm_secret_destroy().
 *
 * in      len  1 .. HSM_SECRET_MAX_BYTES
 * errors  HSM_E_ARG, HSM_E_NO_MEMORY, HSM_E_NO_LOCKED_MEMORY (only when locking is required)
 * thread  any; the slab has its own lock
 */
HSM_MUST_USE hsm_err hsm_secret_create(size_t len, hsm_secret **out_secret);

/* The same for what has many keys in it, as a whole backup: a mapping of its own. It may well be more
 * than can be locked: then it is an error where locking is required, and else warned about.
 * in      len  1 .. HSM_SECRET_LARGE_MAX_BYTES */
#define HSM_SECRET_LARGE_MAX_BYTES ((size_t)512 * 1024 * 1024)
HSM_MUST_USE hsm_err hsm_secret_create_large(size_t len, hsm_secret **out_secret);

/* The same with a copy of `value` (at least 1 byte). */
HSM_MUST_USE hsm_err hsm_secret_dup(hsm_bytes value, hsm_secret **out_secret);

/* Wipes and releases; NULL is allowed. */
void hsm_secret_destroy(hsm_secret *secret);
HSM_DEFINE_DROP(hsm_secret)

/* The bytes, to be written by the owner; borrowed until the secret is destroyed. */
uint8_t *hsm_secret_data(hsm_secret *secret);
size_t hsm_secret_len(const hsm_secret *secret);
/* What it takes of the slab; 0 for NULL. */
size_t hsm_secret_room(const hsm_secret *secret);
/* Makes a secret shorter (1 .. its length) and wipes what is cut off. */
void hsm_secret_shrink(hsm_secret *secret, size_t len);
/* Keeps the first line, without its end: what files with PINs and passphrases mean.
 * errors  HSM_E_DATA (there is nothing in it; the secret is as it was) */
HSM_MUST_USE hsm_err hsm_secret_keep_line(hsm_secret *secret);
/* The bytes as a span; empty for NULL. */
hsm_bytes hsm_secret_view(const hsm_secret *secret);

/* Refuses unlocked memory from now on (approved mode), or allows it with one warning (default). */
void hsm_secret_require_locked(bool is_required);
/* Warns, once in a process, that memory of secrets is not locked, and says which limit would do:
 * more_bytes is what could not be locked. */
void hsm_secret_warn_unlocked(size_t more_bytes);
/* What the slab holds now, for tests and status. */
typedef struct hsm_secret_stats {
    size_t secrets;        /* live secrets */
    size_t bytes;          /* their bytes */
    size_t arena_bytes;    /* mapped */
    size_t unlocked_bytes; /* mapped but not locked: the limit was too small */
} hsm_secret_stats;
hsm_secret_stats hsm_secret_statistics(void);
/* In a forked child, before anything else: forgets the parent's secrets, whose memory is zero. */
void hsm_secret_after_fork(void);

#endif
