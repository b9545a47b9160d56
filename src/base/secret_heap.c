/* Blocks of 27 sizes, each with a header before it. Free ones lie in lists: a few in one of the
 * thread's own, so that the usual call costs no lock, the others in a common one. They are cut from
 * mapped chunks, which stay.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/secret_heap.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/secret.h"

#define SIZE_FIRST_SHIFT 5u /* 32, 48, 64, 96, 128 ... 262,144 bytes, with the header */
#define SIZE_COUNT 27u
#define SIZE_MAX_BYTES ((size_t)256 * 1024)
#define SIZE_ALONE SIZE_COUNT /* a larger block, with a mapping of its own */
#define CHUNK_BYTES ((size_t)256 * 1024)
#define CHUNK_SHARED_MAX ((size_t)64 * 1024) /* larger blocks have a chunk each */
#define KEPT_BYTES ((size_t)8 * 1024)        /* of one size by one thread; none of larger blocks */
#define KEPT_COUNT 32u
#define LEN_MAX ((size_t)1 << 40)
#define MARK 0x68736d21u

typedef struct block {
    uint32_t size; /* index */
    uint32_t mark; /* MARK while it is in use */
    size_t len;    /* asked for */
} block;
_Static_assert(sizeof(block) == 16, "what is given out stays aligned");

/* A free block: its list. */
typedef struct free_block {
    struct free_block *next;
} free_block;

/* Of one thread. A block that is alone is in no list, and finds no room in any. */
typedef struct cache {
    free_block *list[SIZE_COUNT + 1];
    uint32_t room[SIZE_COUNT + 1]; /* for how many more */
} cache;

/* Process-wide, as the library's allocator is. */
static struct {
    pthread_mutex_t lock;
    free_block *list[SIZE_COUNT];
    uint8_t *cut; /* the rest of the newest chunk */
    size_t cut_len;
    hsm_secret_heap_stats stats;
} heap = { .lock = PTHREAD_MUTEX_INITIALIZER };

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t cache_key; /* only so that thread_ends() is called */
static bool has_cache_key;

static HSM_THREAD_LOCAL cache *thread_cache;

static size_t bytes_of(uint32_t size)
{
    return (size_t)(2u + size % 2u) << (SIZE_FIRST_SHIFT - 1u + size / 2u);
}

static uint32_t size_for(size_t bytes)
{
    if (bytes <= (size_t)1 << SIZE_FIRST_SHIFT)
        return 0;
    if (bytes > SIZE_MAX_BYTES)
        return SIZE_ALONE;
    const uint32_t log = 63u - (uint32_t)__builtin_clzll((unsigned long long)bytes - 1);
    const size_t between = (size_t)3 << (log - 1u);
    return 2u * (log - SIZE_FIRST_SHIFT) + (bytes > between ? 2u : 1u);
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t to_pages(size_t len)
{
    const size_t page = page_bytes();

    return (len + page - 1) / page * page;
}

/* --- mappings ---------------------------------------------------------------------------------- */

/* Whole pages between two guard pages, or NULL. */
static uint8_t *map_pages(size_t len)
{
    const size_t page = page_bytes();
    uint8_t *map = mmap(NULL, len + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED)
        return NULL;
    uint8_t *body = map + page;
    if (mprotect(body, len, PROT_READ | PROT_WRITE) != 0) {
        (void)munmap(map, len + 2 * page);
        return NULL;
    }
    (void)madvise(body, len, MADV_DONTDUMP); /* as in secret.c */
    return body;
}

/* Half of the limit is left to secrets of our own, which in approved mode are locked or refused.
 * thread  the lock is held, here and in what follows up to take_common() */
static bool may_lock(size_t len)
{
    struct rlimit limit = { 0 };

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return false;
    return limit.rlim_cur == RLIM_INFINITY ||
           heap.stats.locked_bytes + len <= (size_t)(limit.rlim_cur / 2);
}

static uint8_t *map_locked(size_t len)
{
    uint8_t *body = map_pages(len);

    if (body == NULL)
        return NULL;
    if (may_lock(len) && mlock(body, len) == 0)
        heap.stats.locked_bytes += len;
    heap.stats.mapped_bytes += len;
    return body;
}

/* A new block of a size. */
static free_block *cut_block(uint32_t size)
{
    const size_t bytes = bytes_of(size);

    if (bytes > CHUNK_SHARED_MAX)
        return (free_block *)(void *)map_locked(to_pages(bytes));
    if (heap.cut_len < bytes) {
        uint8_t *chunk = map_locked(CHUNK_BYTES);

        if (chunk == NULL)
            return NULL;
        heap.cut = chunk;
        heap.cut_len = CHUNK_BYTES;
    }
    free_block *made = (free_block *)(void *)heap.cut;
    heap.cut += bytes;
    heap.cut_len -= bytes;
    return made;
}

static free_block *take_common(uint32_t size)
{
    free_block *taken = heap.list[size];

    if (taken == NULL)
        return cut_block(size);
    heap.list[size] = taken->next;
    return taken;
}

/* --- the lists of a thread --------------------------------------------------------------------- */

static uint32_t kept_max(uint32_t size)
{
    const size_t fit = KEPT_BYTES / bytes_of(size);

    return fit < KEPT_COUNT ? (uint32_t)fit : KEPT_COUNT;
}

static void keep_block(cache *own, uint32_t size, free_block *kept)
{
    kept->next = own->list[size];
    own->list[size] = kept;
    own->room[size]--;
}

static free_block *take_kept(cache *own, uint32_t size)
{
    free_block *taken = own->list[size];

    own->list[size] = taken->next;
    own->room[size]++;
    return taken;
}

/* thread  the lock is held */
static void give_common(uint32_t size, free_block *given)
{
    given->next = heap.list[size];
    heap.list[size] = given;
}

/* As many of a size as it takes to have room for `room` more. */
static void give_back(cache *own, uint32_t size, uint32_t room)
{
    (void)pthread_mutex_lock(&heap.lock);
    while (own->room[size] < room)
        give_common(size, take_kept(own, size));
    (void)pthread_mutex_unlock(&heap.lock);
}

static void thread_ends(void *arg)
{
    cache *own = arg;

    thread_cache = NULL;
    for (uint32_t size = 0; size < SIZE_COUNT; size++) {
        if (own->list[size] != NULL)
            give_back(own, size, kept_max(size));
    }
    free(own);
}

static void make_key(void)
{
    has_cache_key = pthread_key_create(&cache_key, thread_ends) == 0;
}

/* NULL: this thread does without. */
static cache *make_cache(void)
{
    (void)pthread_once(&key_once, make_key);
    if (!has_cache_key)
        return NULL;
    cache *made = calloc(1, sizeof *made);
    if (made != NULL && pthread_setspecific(cache_key, made) != 0) {
        free(made);
        return NULL;
    }
    for (uint32_t size = 0; made != NULL && size < SIZE_COUNT; size++)
        made->room[size] = kept_max(size);
    thread_cache = made;
    return made;
}

static cache *own_cache(void)
{
    return thread_cache != NULL ? thread_cache : make_cache();
}

static free_block *refill(cache *own, uint32_t size)
{
    const uint32_t more = own == NULL ? 0 : kept_max(size) / 4;

    (void)pthread_mutex_lock(&heap.lock);
    free_block *taken = take_common(size);
    for (uint32_t i = 0; taken != NULL && i < more; i++) {
        free_block *kept = take_common(size);

        if (kept == NULL)
            break;
        keep_block(own, size, kept);
    }
    const size_t unlocked_bytes = heap.stats.mapped_bytes - heap.stats.locked_bytes;
    (void)pthread_mutex_unlock(&heap.lock);
    if (unlocked_bytes > 0)
        hsm_secret_warn_unlocked(2 * unlocked_bytes); /* only half of the limit is for this heap */
    return taken;
}

/* --- for everybody ----------------------------------------------------------------------------- */

/* Larger than any key: it would take the room of keys if it were locked. */
static block *alloc_alone(size_t bytes)
{
    return (block *)(void *)map_pages(to_pages(bytes));
}

static void free_alone(block *b)
{
    const size_t page = page_bytes();

    (void)munmap((uint8_t *)b - page, to_pages(sizeof *b + b->len) + 2 * page);
}

/* Where the thread has no block, or no room for one. */
static HSM_APART block *alloc_other(size_t bytes, uint32_t size)
{
    if (size == SIZE_ALONE)
        return alloc_alone(bytes);
    return (block *)(void *)refill(own_cache(), size);
}

static HSM_APART void free_other(block *b, uint32_t size)
{
    free_block *given = (free_block *)(void *)b;

    if (size == SIZE_ALONE) {
        free_alone(b);
        return;
    }
    cache *own = own_cache();
    if (own != NULL && own->list[size] != NULL) /* full: half of them go */
        give_back(own, size, (kept_max(size) + 1) / 2);
    if (own != NULL && own->room[size] > 0) {
        keep_block(own, size, given);
        return;
    }
    (void)pthread_mutex_lock(&heap.lock);
    give_common(size, given);
    (void)pthread_mutex_unlock(&heap.lock);
}

/* explicit_bzero() without its two further calls, which take as long as the work: most blocks are small.
 * The compiler is told that somebody reads the zeros. */
static void wipe(void *data, size_t len)
{
    memset(data, 0, len);
    __asm__ volatile("" : : "r"(data) : "memory");
}

void *hsm_secret_heap_alloc(size_t len)
{
    if (len == 0 || len > LEN_MAX)
        return NULL;

    const uint32_t size = size_for(sizeof(block) + len);
    cache *own = thread_cache;
    block *b = own != NULL && own->list[size] != NULL ? (block *)(void *)take_kept(own, size)
                                                      : alloc_other(sizeof(block) + len, size);
    if (b == NULL)
        return NULL;
    *b = (block){ .size = size, .mark = MARK, .len = len };
    return b + 1;
}

void hsm_secret_heap_free(void *data)
{
    if (data == NULL)
        return;

    block *b = (block *)data - 1;
    if (b->mark != MARK) /* not ours, or overwritten: better lost than used twice */
        return;
    wipe(data, b->len);
    b->mark = 0;
    const uint32_t size = b->size;
    cache *own = thread_cache;
    if (own != NULL && own->room[size] > 0)
        keep_block(own, size, (free_block *)(void *)b);
    else
        free_other(b, size);
}

void *hsm_secret_heap_resize(void *data, size_t len)
{
    if (data == NULL)
        return hsm_secret_heap_alloc(len);
    if (len == 0) {
        hsm_secret_heap_free(data);
        return NULL;
    }

    block *b = (block *)data - 1;
    if (b->size != SIZE_ALONE && len <= LEN_MAX && size_for(sizeof *b + len) == b->size) {
        if (len < b->len)
            wipe((uint8_t *)data + len, b->len - len);
        b->len = len;
        return data;
    }
    void *moved = hsm_secret_heap_alloc(len);
    if (moved == NULL)
        return NULL;
    memcpy(moved, data, len < b->len ? len : b->len);
    hsm_secret_heap_free(data);
    return moved;
}

hsm_secret_heap_stats hsm_secret_heap_statistics(void)
{
    (void)pthread_mutex_lock(&heap.lock);
    const hsm_secret_heap_stats stats = heap.stats;
    (void)pthread_mutex_unlock(&heap.lock);
    return stats;
}

/* Runs where only async-signal-safe calls are allowed. Another thread may have been in the middle of
 * a list: what lies in the common ones is lost to the child. Locks on memory are not inherited. */
void hsm_secret_heap_after_fork(void)
{
    const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

    memcpy(&heap.lock, &fresh, sizeof fresh);
    memset(heap.list, 0, sizeof heap.list);
    heap.cut = NULL;
    heap.cut_len = 0;
    heap.stats = (hsm_secret_heap_stats){ 0 };
}
