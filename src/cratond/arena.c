/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/arena.h"

#include <stdlib.h>

/* Before each block; as large as the strictest alignment asks. */
struct arena_block {
    _Alignas(max_align_t) arena_block *next;
    arena_block *prev;
    size_t len;
};

static void *take(void *data, size_t len)
{
    arena *memory = data;

    if (len > memory->budget - memory->used)
        return NULL;
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

    if (body == NULL)
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
    *memory = (arena){
        .allocator = { .alloc = take, .free = give, .allocator_data = memory },
        .budget = budget,
    };
}

void arena_clear(arena *memory)
{
    while (memory->blocks != NULL)
        give(memory, memory->blocks + 1);
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
