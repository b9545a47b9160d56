#include "base/secret_heap.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "support/check.h"

/* Around each size of block there is, and beyond the largest. */
static const size_t lens[] = { 1,     15,    16,     17,     32,     33,     48,    49,
                               80,    240,   1000,   8176,   8177,   49136,  65520, 65521,
                               98288, 98289, 262128, 262129, 400000, 1000000 };

static void every_size_is_whole_and_aligned(void)
{
    uint8_t *blocks[HSM_ARRAY_LEN(lens)];

    for (size_t i = 0; i < HSM_ARRAY_LEN(lens); i++) {
        blocks[i] = hsm_secret_heap_alloc(lens[i]);
        REQUIRE_THAT(blocks[i] != NULL);
        CHECK_EQ((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)i + 1, lens[i]);
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(lens); i++) {
        size_t same = 0;

        for (size_t k = 0; k < lens[i]; k++)
            same += blocks[i][k] == i + 1;
        CHECK_EQ(same, lens[i]); /* no block overlaps another */
        hsm_secret_heap_free(blocks[i]);
    }
}

/* A block's bytes after its release: of those sizes that stay mapped. */
static void release_wipes(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(lens) && lens[i] <= 200000; i++) {
        uint8_t *block = hsm_secret_heap_alloc(lens[i]);
        size_t left = 0;

        REQUIRE_THAT(block != NULL);
        memset(block, 0xa5, lens[i]);
        hsm_secret_heap_free(block);
        for (size_t k = 0; k < lens[i]; k++)
            left += ((volatile uint8_t *)block)[k] == 0xa5;
        CHECK_EQ(left, 0);
    }
    hsm_secret_heap_free(NULL);
}

static void resize_keeps_and_wipes(void)
{
    uint8_t *block = hsm_secret_heap_resize(NULL, 20);
    REQUIRE_THAT(block != NULL);
    memset(block, 7, 20);
    uint8_t *same = hsm_secret_heap_resize(block, 30); /* the block has room */
    CHECK_THAT(same == block);
    CHECK_EQ(block[19], 7);
    CHECK_THAT(hsm_secret_heap_resize(block, 18) == block);
    CHECK_EQ(((volatile uint8_t *)block)[18], 0); /* cut off */
    uint8_t *moved = hsm_secret_heap_resize(block, 5000);
    REQUIRE_THAT(moved != NULL && moved != block);
    CHECK_EQ(moved[17], 7);
    CHECK_EQ(((volatile uint8_t *)block)[17], 0); /* moved away from */
    uint8_t *large = hsm_secret_heap_resize(moved, 600000);
    REQUIRE_THAT(large != NULL);
    CHECK_EQ(large[0], 7);
    uint8_t *small = hsm_secret_heap_resize(large, 1);
    REQUIRE_THAT(small != NULL);
    CHECK_EQ(small[0], 7);
    CHECK_THAT(hsm_secret_heap_resize(small, 0) == NULL);
}

static void impossible_sizes(void)
{
    void *block = hsm_secret_heap_alloc(16);

    CHECK_THAT(hsm_secret_heap_alloc(0) == NULL);
    CHECK_THAT(hsm_secret_heap_alloc(SIZE_MAX) == NULL);
    CHECK_THAT(hsm_secret_heap_alloc(SIZE_MAX / 2) == NULL);
    CHECK_THAT(hsm_secret_heap_resize(block, SIZE_MAX) == NULL); /* and the block stays */
    memset(block, 1, 16);
    hsm_secret_heap_free(block);
    hsm_secret_heap_free(block); /* twice: no harm */
    void *first = hsm_secret_heap_alloc(16);
    void *second = hsm_secret_heap_alloc(16);
    CHECK_THAT(first != second);
    hsm_secret_heap_free(first);
    hsm_secret_heap_free(second);
}

/* Whether the page of an address is left out of core files, and locked. */
static bool has_flag(const void *address, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    unsigned long from = 0, to = 0;
    bool is_there = false;
    char line[512];

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long low, high;

        if (sscanf(line, "%lx-%lx", &low, &high) == 2) {
            from = low;
            to = high;
        } else if (strncmp(line, "VmFlags:", 8) == 0 && (uintptr_t)address >= from &&
                   (uintptr_t)address < to) {
            is_there = strstr(line, flag) != NULL;
        }
    }
    if (maps != NULL)
        (void)fclose(maps);
    return is_there;
}

static void is_not_dumped(void)
{
    const size_t some[] = { 16, 5000, 100000, 500000 };

    for (size_t i = 0; i < HSM_ARRAY_LEN(some); i++) {
        void *block = hsm_secret_heap_alloc(some[i]);

        REQUIRE_THAT(block != NULL);
        CHECK_THAT(has_flag(block, " dd"));
        hsm_secret_heap_free(block);
    }
}

/* In a child, whose heap is new: at most half of the limit is taken. */
static int lock_half(void)
{
    enum { LIMIT = 1024 * 1024, BLOCKS = 200, BYTES = 10000 };
    const struct rlimit limit = { LIMIT, LIMIT };

    hsm_secret_heap_after_fork();
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return 1;
    for (int i = 0; i < BLOCKS; i++) {
        if (hsm_secret_heap_alloc(BYTES) == NULL)
            return 2;
    }
    const hsm_secret_heap_stats stats = hsm_secret_heap_statistics();
    if (stats.mapped_bytes < (size_t)BLOCKS * BYTES)
        return 3;
    return stats.locked_bytes > 0 && stats.locked_bytes <= LIMIT / 2 ? 0 : 4;
}

/* The limit on memory itself: no block, and no harm. */
static int run_out(void)
{
    struct rlimit limit = { 0 };
    size_t got = 0;

    hsm_secret_heap_after_fork();
    (void)getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = 64 * 1024 * 1024;
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return 1;
    while (got < 1000000 && hsm_secret_heap_alloc(200000) != NULL)
        got++;
    if (got == 0 || got == 1000000)
        return 2;
    return hsm_secret_heap_alloc(1000000000) == NULL ? 0 : 3;
}

static int status_of(int (*child)(void))
{
    int status = -1;

    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0)
        _exit(child());
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void limits(void)
{
    CASE("locked memory");
    CHECK_EQ(status_of(lock_half), 0);
    if (!IS_SANITIZED) { /* whose shadow needs more */
        CASE("memory");
        CHECK_EQ(status_of(run_out), 0);
    }
}

/* --- threads ------------------------------------------------------------------------------------ */

enum { THREADS = 4, ROUNDS = 3000, HELD = 64 };

typedef struct shared {
    pthread_mutex_t lock;
    uint8_t *handed[THREADS]; /* blocks that the next thread frees */
    size_t len[THREADS];
} shared;

typedef struct worker {
    shared *all;
    unsigned number;
    unsigned wrong;
} worker;

/* Fills blocks with its number, sees that nobody else wrote there, and hands some on. */
static void *work(void *arg)
{
    worker *me = arg;
    uint8_t *held[HELD] = { NULL };
    size_t len[HELD] = { 0 };
    unsigned seed = me->number;

    for (int round = 0; round < ROUNDS; round++) {
        const unsigned at = (unsigned)rand_r(&seed) % HELD;

        for (size_t k = 0; k < len[at]; k++)
            me->wrong += held[at][k] != me->number;
        (void)pthread_mutex_lock(&me->all->lock);
        uint8_t *mine = me->all->handed[me->number];
        me->all->handed[me->number] = NULL;
        if (me->all->handed[(me->number + 1) % THREADS] == NULL) {
            me->all->handed[(me->number + 1) % THREADS] = held[at];
            held[at] = NULL;
        }
        (void)pthread_mutex_unlock(&me->all->lock);
        hsm_secret_heap_free(mine);
        hsm_secret_heap_free(held[at]);
        len[at] = (size_t)rand_r(&seed) % 3000 + 1;
        held[at] = hsm_secret_heap_alloc(len[at]);
        memset(held[at], (int)me->number, len[at]);
    }
    for (unsigned at = 0; at < HELD; at++)
        hsm_secret_heap_free(held[at]);
    return NULL;
}

static void threads_do_not_meet(void)
{
    shared all = { .lock = PTHREAD_MUTEX_INITIALIZER };
    worker workers[THREADS];
    pthread_t threads[THREADS];

    for (int again = 0; again < 3; again++) { /* what ended threads kept is used again */
        for (unsigned i = 0; i < THREADS; i++) {
            workers[i] = (worker){ .all = &all, .number = i };
            REQUIRE_OK(pthread_create(&threads[i], NULL, work, &workers[i]));
        }
        for (unsigned i = 0; i < THREADS; i++) {
            CHECK_OK(pthread_join(threads[i], NULL));
            CHECK_EQ(workers[i].wrong, 0);
        }
    }
    for (unsigned i = 0; i < THREADS; i++)
        hsm_secret_heap_free(all.handed[i]);
    CHECK_THAT(hsm_secret_heap_statistics().mapped_bytes < (size_t)64 * 1024 * 1024);
}

enum { MANY = 100, NOT_OURS_MAX = 8 };

typedef struct visitor {
    void *const *blocks; /* MANY that the first thread has freed */
    size_t len;
    int wanted;
    int known; /* of those that it got, how many are among them */
} visitor;

static int known_of(void *const *blocks, void *const *got, int count)
{
    int known = 0;

    for (int i = 0; i < count; i++) {
        for (int k = 0; k < MANY; k++)
            known += got[i] == blocks[k];
    }
    return known;
}

static void *visit(void *arg)
{
    visitor *v = arg;
    void *got[MANY] = { NULL };

    for (int i = 0; i < v->wanted; i++)
        got[i] = hsm_secret_heap_alloc(v->len);
    v->known = known_of(v->blocks, got, v->wanted);
    for (int i = 0; i < v->wanted; i++)
        hsm_secret_heap_free(got[i]);
    return NULL;
}

/* A thread keeps 8 KiB of a size and 32 blocks; the rest, and all when it ends, is for the others. */
static void others_get_the_rest(void)
{
    const struct {
        size_t len;
        int kept_max;
    } rows[] = { { 100, 32 }, { 1000, 8 }, { 5000, 1 }, { 20000, 0 } };

    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        void *blocks[MANY];
        void *again[MANY];
        visitor v = { .blocks = blocks, .len = rows[i].len, .wanted = MANY - rows[i].kept_max };
        pthread_t thread;

        for (int k = 0; k < MANY; k++)
            blocks[k] = hsm_secret_heap_alloc(v.len);
        for (int k = 0; k < MANY; k++)
            hsm_secret_heap_free(blocks[k]);
        REQUIRE_OK(pthread_create(&thread, NULL, visit, &v));
        CHECK_OK(pthread_join(thread, NULL));
        CHECK_THAT(v.known >= v.wanted - rows[i].kept_max / 4); /* a few are taken ahead */

        for (int k = 0; k < MANY; k++)
            again[k] = hsm_secret_heap_alloc(v.len);
        CHECK_THAT(known_of(blocks, again, MANY) >= MANY - NOT_OURS_MAX);
        for (int k = 0; k < MANY; k++)
            hsm_secret_heap_free(again[k]);
    }
}

static const check_test tests[] = {
    CHECK_TEST(every_size_is_whole_and_aligned),
    CHECK_TEST(release_wipes),
    CHECK_TEST(resize_keeps_and_wipes),
    CHECK_TEST(impossible_sizes),
    CHECK_TEST(is_not_dumped),
    CHECK_TEST(limits),
    CHECK_TEST(threads_do_not_meet),
    CHECK_TEST(others_get_the_rest),
};
CHECK_MAIN(tests)
