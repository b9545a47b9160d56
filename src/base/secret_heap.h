/* A heap for a library that keeps secrets of its own and lets its allocator be replaced: left out of
 * core dumps, locked as far as the limit allows, wiped on release. For what is ours there is
 * base/secret.h, which promises more: guard pages for each arena, zero in a forked child.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_SECRET_HEAP_H
#define HSM_BASE_SECRET_HEAP_H

#include <stddef.h>

/* As malloc, realloc and free, but that what is given back, moved away from or cut off is wiped. Not
 * zeroed, aligned to 16 bytes; NULL when there is no memory, or for 0 bytes. Memory is kept for the
 * next caller, never returned to the system, but for blocks above 256 KiB.
 * thread  any; most calls take no lock */
void *hsm_secret_heap_alloc(size_t len);
void *hsm_secret_heap_resize(void *data, size_t len);
void hsm_secret_heap_free(void *data);

/* What the heap holds now, for tests and status. At most half of the limit on locked memory is used
 * here: the other half is for base/secret.h. */
typedef struct hsm_secret_heap_stats {
    size_t mapped_bytes;
    size_t locked_bytes;
} hsm_secret_heap_stats;
hsm_secret_heap_stats hsm_secret_heap_statistics(void);

/* In a forked child, before anything else: blocks of the parent stay readable, and can be freed;
 * what other threads were about is given up. */
void hsm_secret_heap_after_fork(void);

#endif
