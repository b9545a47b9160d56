/* The memory of one request's messages: bounded, and wiped when it is given back.
 *
 * A message of empty sub-messages grows thirty-six-fold when it is decoded; the budget refuses it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_ARENA_H
#define HSM_CRATOND_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/scope.h"

/* What decoding may allocate: this, and so many bytes for each byte received. */
#define ARENA_BASE_BYTES ((size_t)256 * 1024)
#define ARENA_FACTOR 2u
/* The first of it is at hand: requests and answers of the usual sizes need no more. Where a sanitizer
 * looks at each block, each is one of its own. */
#ifdef __SANITIZE_ADDRESS__
#define ARENA_ROOM_BYTES ((size_t)16)
#else
#define ARENA_ROOM_BYTES ((size_t)2048)
#endif

typedef struct arena_block arena_block;

typedef struct arena {
    ProtobufCAllocator allocator; /* what protobuf-c is given */
    arena_block *blocks;
    size_t used;
    size_t budget;
    size_t room_used;
    _Alignas(max_align_t) uint8_t room[ARENA_ROOM_BYTES];
} arena;

/* Not to be moved afterwards. thread: one at a time */
void arena_init(arena *memory, size_t budget);
/* Wipes and releases everything that was allocated; it can be used again. */
void arena_clear(arena *memory);
/* Zeroed memory until arena_clear(), or NULL. */
void *arena_alloc(arena *memory, size_t len);
/* A copy of bytes in *out. errors HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err arena_put(arena *memory, hsm_bytes bytes, ProtobufCBinaryData *out);
/* A copy of text, or NULL. */
char *arena_text(arena *memory, hsm_bytes text);

#endif
