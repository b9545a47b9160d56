/* Arenas of equal slots between two guard pages each; what describes them lies on the heap, so that
 * an overrun of a secret can't change it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define ARENA_FIRST_BYTES ((size_t)16 * 1024) /* a few fit in the 64 KiB some containers allow */
#define ARENA_MAX_BYTES ((size_t)256 * 1024)
#define SLOT_MIN_BYTES ((size_t)64)
#define CLASS_COUNT 8u /* 64, 128 ... 8,192 bytes; what is larger has an arena of its own */
#define SLOT_MAX_BYTES (SLOT_MIN_BYTES << (CLASS_COUNT - 1))
#define ALIGN_BYTES ((size_t)16)
#define LOCK_LIMIT_KIB 8192u /* enough for thousands of open keys, and the usual default */

typedef struct arena arena;

struct hsm_secret {
    arena *home;
    uint8_t *data;
    size_t len;            /* 0: the slot is free */
    hsm_secret *next_free; /* while free */
};

struct arena {
    arena *prev; /* neighbours in its class's list */
    arena *next;
    uint8_t *map; /* guard page, body, guard page */
    size_t map_len;
    uint8_t *body;
    size_t body_len;
    size_t slot_bytes;
    size_t slots;
    size_t slots_used;
    unsigned class_index; /* CLASS_COUNT: a single large secret */
    unsigned life;        /* which process's arena it is */
    bool is_locked;
    hsm_secret *free_slots;
    hsm_secret secrets[];
};

typedef struct size_class {
    arena *open; /* arenas with a free slot; all that hold a large secret */
    size_t arenas;
    size_t empty; /* of them without a secret: one is kept, against mapping back and forth */
} size_class;

/* Process-wide, because the limit on locked memory is. */
static struct {
    pthread_mutex_t lock;
    size_class classes[CLASS_COUNT + 1]; /* the last one lists the single large secrets */
    hsm_secret_stats stats;
    unsigned life; /* counts forks: secrets of an earlier life are gone */
    bool is_warned;
} slab = { .lock = PTHREAD_MUTEX_INITIALIZER };
static atomic_bool is_lock_required;

static void poison(const uint8_t *data, size_t len)
{
#ifdef HAS_ASAN
    ASAN_POISON_MEMORY_REGION(data, len);
#else
    (void)data;
    (void)len;
#endif
}

static void unpoison(const uint8_t *data, size_t len)
{
#ifdef HAS_ASAN
    ASAN_UNPOISON_MEMORY_REGION(data, len);
#else
    (void)data;
    (void)len;
#endif
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t value, size_t step)
{
    return (value + step - 1) / step * step;
}

/* --- arenas ------------------------------------------------------------------------------- */

static void arena_destroy(arena *a)
{
    if (a == NULL)
        return;
    if (a->map != NULL) {
        unpoison(a->body, a->body_len);
        (void)munmap(a->map, a->map_len); /* also unlocks */
    }
    free(a);
}

static void arena_drop(arena **a)
{
    arena_destroy(*a);
}

static hsm_err arena_map(arena *a)
{
    const size_t page = page_bytes();

    a->map_len = a->body_len + 2 * page;
    void *map = mmap(NULL, a->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    HSM_CHECK(map != MAP_FAILED, HSM_E_NO_MEMORY);
    a->map = map;
    a->body = a->map + page;
    HSM_CHECK(mprotect(a->body, a->body_len, PROT_READ | PROT_WRITE) == 0, HSM_E_NO_MEMORY);

    (void)madvise(a->body, a->body_len, MADV_DONTDUMP); /* a file system may refuse: no loss */
    if (madvise(a->body, a->body_len, MADV_WIPEONFORK) != 0)
        HSM_CHECK(madvise(a->body, a->body_len, MADV_DONTFORK) == 0, HSM_E_NO_MEMORY);
    a->is_locked = mlock(a->body, a->body_len) == 0;
    return HSM_OK;
}

/* Divides the body. A single large secret ends at the upper guard page. */
static void arena_divide(arena *a)
{
    uint8_t *first = a->body + (a->slots == 1 ? a->body_len - a->slot_bytes : 0);

    for (size_t i = a->slots; i > 0; i--) {
        hsm_secret *secret = &a->secrets[i - 1];

        secret->home = a;
        secret->data = first + (i - 1) * a->slot_bytes;
        secret->next_free = a->free_slots;
        a->free_slots = secret;
    }
    poison(a->body, a->body_len);
}

static hsm_err arena_create(unsigned class_index, size_t slot_bytes, size_t slots,
                            arena **out_arena)
{
    HSM_AUTO(arena_drop) arena *a = calloc(1, sizeof *a + slots * sizeof a->secrets[0]);
    HSM_CHECK(a != NULL, HSM_E_NO_MEMORY);

    a->class_index = class_index;
    a->slot_bytes = slot_bytes;
    a->slots = slots;
    a->body_len = round_up(slot_bytes * slots, page_bytes());
    a->life = slab.life;
    HSM_TRY(arena_map(a));
    HSM_CHECK(a->is_locked || !atomic_load(&is_lock_required), HSM_E_NO_LOCKED_MEMORY);
    arena_divide(a);
    *out_arena = HSM_MOVE(a);
    return HSM_OK;
}

/* --- the lists; all expect the slab's lock ------------------------------------------------ */

static void list_push(arena *a)
{
    size_class *class = &slab.classes[a->class_index];

    a->prev = NULL;
    a->next = class->open;
    if (a->next != NULL)
        a->next->prev = a;
    class->open = a;
}

static void list_remove(arena *a)
{
    if (a->prev != NULL)
        a->prev->next = a->next;
    else
        slab.classes[a->class_index].open = a->next;
    if (a->next != NULL)
        a->next->prev = a->prev;
    a->prev = NULL;
    a->next = NULL;
}

static void count_arena(const arena *a, bool is_new)
{
    const size_t unlocked = a->is_locked ? 0 : a->body_len;

    slab.stats.arena_bytes += is_new ? a->body_len : 0 - a->body_len;
    slab.stats.unlocked_bytes += is_new ? unlocked : 0 - unlocked;
}

static unsigned class_for(size_t len)
{
    unsigned index = 0;

    while (index < CLASS_COUNT && SLOT_MIN_BYTES << index < len)
        index++;
    return index;
}

/* An arena of the class with a free slot that may be used. */
static hsm_err find_arena(unsigned class_index, arena **out_arena)
{
    size_class *class = &slab.classes[class_index];
    const bool must_lock = atomic_load(&is_lock_required);
    arena *a = class->open;

    while (a != NULL && must_lock && !a->is_locked)
        a = a->next;
    if (a == NULL) {
        const size_t slot_bytes = SLOT_MIN_BYTES << class_index;
        size_t body_len = ARENA_FIRST_BYTES;

        for (size_t i = 0; i < class->arenas && body_len < ARENA_MAX_BYTES; i++)
            body_len *= 2; /* few arenas, however many secrets */
        HSM_TRY(arena_create(class_index, slot_bytes, body_len / slot_bytes, &a));
        count_arena(a, true);
        class->arenas++;
        class->empty++;
        list_push(a);
    }
    *out_arena = a;
    return HSM_OK;
}

static hsm_err take_slot(size_t len, hsm_secret **out_secret)
{
    const unsigned class_index = class_for(len);
    arena *a = NULL;

    if (class_index == CLASS_COUNT) {
        HSM_TRY(arena_create(class_index, round_up(len, ALIGN_BYTES), 1, &a));
        count_arena(a, true);
        list_push(a);
    } else {
        HSM_TRY(find_arena(class_index, &a));
        if (a->slots_used == 0)
            slab.classes[class_index].empty--;
    }
    hsm_secret *secret = a->free_slots;
    a->free_slots = secret->next_free;
    a->slots_used++;
    if (class_index < CLASS_COUNT && a->free_slots == NULL)
        list_remove(a);

    secret->len = len;
    slab.stats.secrets++;
    slab.stats.bytes += len;
    unpoison(secret->data, len);
    *out_secret = secret;
    return HSM_OK;
}

/* Returns the arena if it is no longer needed. */
static arena *give_back(hsm_secret *secret)
{
    arena *a = secret->home;

    slab.stats.secrets--;
    slab.stats.bytes -= secret->len;
    secret->len = 0;
    if (a->class_index < CLASS_COUNT && a->free_slots == NULL)
        list_push(a);
    secret->next_free = a->free_slots;
    a->free_slots = secret;
    a->slots_used--;
    if (a->slots_used > 0)
        return NULL;

    if (a->class_index < CLASS_COUNT) {
        size_class *class = &slab.classes[a->class_index];

        if (class->empty == 0) {
            class->empty = 1;
            return NULL;
        }
        class->arenas--;
    }
    list_remove(a);
    count_arena(a, false);
    return a;
}

/* Says once that memory is not locked, and what to set. */
static void warn_unlocked(size_t more_bytes)
{
    struct rlimit limit = { 0 };

    (void)getrlimit(RLIMIT_MEMLOCK, &limit);
    const unsigned long long now_kib = (unsigned long long)limit.rlim_cur / 1024;
    unsigned long long need_kib = LOCK_LIMIT_KIB;
    if (now_kib >= need_kib) /* the host process has used it up */
        need_kib = now_kib + round_up(more_bytes, 1024) / 1024;
    hsm_log(HSM_LOG_WARNING,
            "secret memory can't be locked (limit %llu KiB): keys may reach the swap space; "
            "set `ulimit -l %llu` or more",
            now_kib, need_kib);
}

void hsm_secret_warn_unlocked(size_t more_bytes)
{
    (void)pthread_mutex_lock(&slab.lock);
    const bool must_warn = !slab.is_warned;
    slab.is_warned = true;
    (void)pthread_mutex_unlock(&slab.lock);
    if (must_warn)
        warn_unlocked(more_bytes);
}

/* --- for everybody ------------------------------------------------------------------------ */

static hsm_err create(size_t len, size_t max, hsm_secret **out_secret)
{
    HSM_CHECK(len >= 1 && len <= max && out_secret != NULL, HSM_E_ARG);
    (void)pthread_mutex_lock(&slab.lock);
    const hsm_err err = take_slot(len, out_secret);
    const size_t arena_bytes = slab.stats.arena_bytes;
    const bool must_warn = slab.stats.unlocked_bytes > 0 && !slab.is_warned;
    (void)pthread_mutex_unlock(&slab.lock);
    if (must_warn)
        hsm_secret_warn_unlocked(arena_bytes);
    return err;
}

hsm_err hsm_secret_create(size_t len, hsm_secret **out_secret)
{
    return create(len, HSM_SECRET_MAX_BYTES, out_secret);
}

hsm_err hsm_secret_create_large(size_t len, hsm_secret **out_secret)
{
    return create(len, HSM_SECRET_LARGE_MAX_BYTES, out_secret);
}

hsm_err hsm_secret_dup(hsm_bytes value, hsm_secret **out_secret)
{
    HSM_CHECK(out_secret != NULL, HSM_E_ARG);
    HSM_TRY(hsm_secret_create(value.len, out_secret));
    memcpy((*out_secret)->data, value.data, value.len);
    return HSM_OK;
}

void hsm_secret_destroy(hsm_secret *secret)
{
    if (secret == NULL || secret->home->life != slab.life)
        return; /* of the process before a fork: zero already */

    explicit_bzero(secret->data, secret->len);
    poison(secret->data, secret->len);
    (void)pthread_mutex_lock(&slab.lock);
    arena *unused = give_back(secret);
    (void)pthread_mutex_unlock(&slab.lock);
    arena_destroy(unused);
}

uint8_t *hsm_secret_data(hsm_secret *secret)
{
    return secret->data;
}

size_t hsm_secret_len(const hsm_secret *secret)
{
    return secret->len;
}

size_t hsm_secret_room(const hsm_secret *secret)
{
    return secret == NULL ? 0 : secret->home->slot_bytes;
}

void hsm_secret_shrink(hsm_secret *secret, size_t len)
{
    if (len < 1 || len >= secret->len || secret->home->life != slab.life)
        return;
    const size_t cut = secret->len - len;
    explicit_bzero(secret->data + len, cut);
    poison(secret->data + len, cut);
    (void)pthread_mutex_lock(&slab.lock);
    slab.stats.bytes -= cut;
    secret->len = len;
    (void)pthread_mutex_unlock(&slab.lock);
}

hsm_err hsm_secret_keep_line(hsm_secret *secret)
{
    const uint8_t *data = hsm_secret_data(secret);
    const size_t all = hsm_secret_len(secret);
    size_t len = 0;

    while (len < all && data[len] != '\n' && data[len] != '\r' && data[len] != '\0')
        len++;
    HSM_CHECK(len > 0, HSM_E_DATA);
    hsm_secret_shrink(secret, len);
    return HSM_OK;
}

hsm_bytes hsm_secret_view(const hsm_secret *secret)
{
    return secret == NULL ? hsm_bytes_none() : hsm_bytes_of(secret->data, secret->len);
}

void hsm_secret_require_locked(bool is_required)
{
    atomic_store(&is_lock_required, is_required);
}

hsm_secret_stats hsm_secret_statistics(void)
{
    (void)pthread_mutex_lock(&slab.lock);
    const hsm_secret_stats stats = slab.stats;
    (void)pthread_mutex_unlock(&slab.lock);
    return stats;
}

/* Runs where only async-signal-safe calls are allowed and another thread may have held the lock or
 * been in the middle of a list: nothing is walked or freed. What is forgotten are descriptions;
 * the arenas read as zero, and no lock of the parent's is inherited. */
void hsm_secret_after_fork(void)
{
    const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

    memcpy(&slab.lock, &fresh, sizeof fresh);
    memset(slab.classes, 0, sizeof slab.classes);
    slab.stats = (hsm_secret_stats){ 0 };
    slab.life++;
}
