/* Memory for nghttp2, of which each call takes and gives back seven blocks of a few sizes: as many calls
 * at a time as one connection may have are more than malloc() keeps at hand.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_H2_MEMORY_H
#define HSM_CRATOND_H2_MEMORY_H

#include <nghttp2/nghttp2.h>
#include <stddef.h>

/* Blocks are kept by size, in steps of so many bytes; larger ones are malloc()'s. Where a sanitizer looks
 * at each block, all are. */
#define H2_MEMORY_STEP_BYTES ((size_t)64)
#ifdef __SANITIZE_ADDRESS__
#define H2_MEMORY_STEPS ((size_t)0)
#else
#define H2_MEMORY_STEPS ((size_t)8)
#endif
/* Of each size, at most so many: 1.2 MiB in all. */
#define H2_MEMORY_KEPT_MAX 512u

typedef struct h2_block h2_block;

/* Zeroed: empty. thread: one */
typedef struct h2_memory {
    struct {
        h2_block *first;
        unsigned count;
    } kept[H2_MEMORY_STEPS + 1];
} h2_memory;

/* What nghttp2 is given; `memory` lives as long as what is allocated from it. */
nghttp2_mem h2_memory_functions(h2_memory *memory);
/* Gives back what is kept. */
void h2_memory_clear(h2_memory *memory);

#endif
