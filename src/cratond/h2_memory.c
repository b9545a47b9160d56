/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/h2_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Before each block; as large as the strictest alignment asks. */
struct h2_block {
    _Alignas(max_align_t) h2_block *next; /* while it is kept */
    size_t steps;                         /* of its size */
};

static size_t steps_of(size_t len)
{
    return len / H2_MEMORY_STEP_BYTES + (len % H2_MEMORY_STEP_BYTES != 0);
}

static h2_block *block_of(void *body)
{
    return (h2_block *)body - 1;
}

static void *take(size_t len, void *data)
{
    h2_memory *memory = data;
    const size_t steps = steps_of(len);
    h2_block *block = NULL;

    if (steps <= H2_MEMORY_STEPS && memory->kept[steps].first != NULL) {
        block = memory->kept[steps].first;
        memory->kept[steps].first = block->next;
        memory->kept[steps].count--;
        return block + 1;
    }
    if (len > SIZE_MAX / 2)
        return NULL;
    block = malloc(sizeof *block + steps * H2_MEMORY_STEP_BYTES);
    if (block == NULL)
        return NULL;
    *block = (h2_block){ .steps = steps };
    return block + 1;
}

static void give(void *body, void *data)
{
    h2_memory *memory = data;

    if (body == NULL)
        return;
    h2_block *block = block_of(body);
    if (block->steps > H2_MEMORY_STEPS || H2_MEMORY_STEPS == 0 ||
        memory->kept[block->steps].count == H2_MEMORY_KEPT_MAX) {
        free(block);
        return;
    }
    block->next = memory->kept[block->steps].first;
    memory->kept[block->steps].first = block;
    memory->kept[block->steps].count++;
}

static void *take_zeroed(size_t count, size_t size, void *data)
{
    if (size > 0 && count > SIZE_MAX / size)
        return NULL;
    void *body = take(count * size, data);
    if (body != NULL)
        memset(body, 0, count * size);
    return body;
}

static void *change(void *body, size_t len, void *data)
{
    const size_t room = body != NULL ? block_of(body)->steps * H2_MEMORY_STEP_BYTES : 0;

    if (body != NULL && len <= room)
        return body;
    void *larger = take(len, data);
    if (larger != NULL && body != NULL) {
        memcpy(larger, body, room);
        give(body, data);
    }
    return larger;
}

nghttp2_mem h2_memory_functions(h2_memory *memory)
{
    return (nghttp2_mem){ .mem_user_data = memory,
                          .malloc = take,
                          .free = give,
                          .calloc = take_zeroed,
                          .realloc = change };
}

void h2_memory_clear(h2_memory *memory)
{
    for (size_t steps = 0; steps <= H2_MEMORY_STEPS; steps++) {
        h2_block *next = NULL;

        for (h2_block *block = memory->kept[steps].first; block != NULL; block = next) {
            next = block->next;
            free(block);
        }
    }
    *memory = (h2_memory){ 0 };
}
