/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/arena.h"

#include <stdlib.h>

/* Before each block; as large as the strictest alignment asks. */
struct arena_block {
    _Alignas(max_align_t) arena_block *next;
    arena_block *prev;
    size_t len;
};

/* From the room at hand, or NULL. It is given back with everything else, not piece by piece. */
static void *take_room(arena *memory, size_t len)
{
    const size_t align = _Alignof(max_align_t);
    const size_t left = ARENA_ROOM_BYTES - memory->room_used;

    if (len > left || (len + align - 1) / align * align > left)
        return NULL;
    void *body = memory->room + memory->room_used;
    memory->room_used += (len + align - 1) / align * align;
    memory->used += len;
    return body;
}

static bool is_in_room(const arena *memory, const void *body)
{
    return (uintptr_t)body - (uintptr_t)memory->room < ARENA_ROOM_BYTES;
}

static void *take(void *data, size_t len)
{
    arena *memory = data;

    if (len > memory->budget - memory->used)
        return NULL;
    void *at_hand = take_room(memory, len);
    if (at_hand != NULL)
        return at_hand;
    arena_block *block = malloc(sizeof *block + len);
    if (block == NULL)
        return NULL;
    *block = (arena_block){ .next = memory->blocks, .len = len };
    if (memory->blocks != NULL)
        memory->blocks->prev = block;
    memory->blocks = block;
    memory->used += len;
    return block + 1;
}

static void give(void *data, void *body)
{
    arena *memory = data;

    if (body == NULL || is_in_room(memory, body))
        return;
    arena_block *block = (arena_block *)body - 1;
    if (block->next != NULL)
        block->next->prev = block->prev;
    if (block->prev != NULL)
        block->prev->next = block->next;
    else
        memory->blocks = block->next;
    memory->used -= block->len;
    explicit_bzero(body, block->len);
    free(block);
}

void arena_init(arena *memory, size_t budget)
{
    memory->allocator =
        (ProtobufCAllocator){ .alloc = take, .free = give, .allocator_data = memory };
    memory->blocks = NULL;
    memory->used = 0;
    memory->budget = budget;
    memory->room_used = 0;
}

void arena_clear(arena *memory)
{
    while (memory->blocks != NULL)
        give(memory, memory->blocks + 1);
    if (memory->room_used > 0)
        explicit_bzero(memory->room, memory->room_used);
    memory->room_used = 0;
    memory->used = 0;
}

void *arena_alloc(arena *memory, size_t len)
{
    void *data = take(memory, len);

    if (data != NULL)
        memset(data, 0, len);
    return data;
}

hsm_err arena_put(arena *memory, hsm_bytes bytes, ProtobufCBinaryData *out)
{
    uint8_t *data = NULL;

    if (bytes.len > 0) {
        data = take(memory, bytes.len);
        HSM_CHECK(data != NULL, HSM_E_NO_MEMORY);
        memcpy(data, bytes.data, bytes.len);
    }
    *out = (ProtobufCBinaryData){ .len = bytes.len, .data = data };
    return HSM_OK;
}

char *arena_text(arena *memory, hsm_bytes text)
{
    char *copy = arena_alloc(memory, text.len + 1);

    if (copy != NULL && text.len > 0)
        memcpy(copy, text.data, text.len);
    return copy;
}
