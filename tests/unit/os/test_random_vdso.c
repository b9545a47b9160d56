/* The real code with the loader, the C library's version and the memory in the test's hands, so that every way
 * it can go is gone on any machine. Where the kernel has no such code, the system call stands in for it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <linux/random.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "os/random.h"
#include "scratch.h"
#include "support/check.h"

static void *open_code(const char *name, int how);
static void *find_code(void *handle, const char *name);
static const char *libc_version(void);
static void *take_memory(void *at, size_t len, int prot, int flags, int fd, off_t offset);

#define dlopen open_code
#define dlsym find_code
#define gnu_get_libc_version libc_version
#define mmap take_memory
#include "os/random_vdso.c"
#undef dlopen
#undef dlsym
#undef gnu_get_libc_version
#undef mmap

enum { BLOCK = 32, THREADS = 100, DRAWS = 100, SHORT_THREADS = IS_SANITIZED ? 1000 : 10000 };

/* What a case makes of the machine. */
typedef struct machine {
    const char *label;
    const char *libc;
    bool has_no_code;
    bool has_no_function;
    bool is_refused;
    bool has_no_memory;
    bool is_copied_whole; /* as by a snapshot of a virtual machine: no page is wiped in a child */
    uint32_t state_len;   /* 0: as it is; another one the kernel answers by the system call */
    ssize_t gives;        /* instead of what was asked; 0: that */
} machine;
static machine now = { .libc = "2.36" };

static draw_function *real;            /* NULL: the kernel has none */
static void (*amid)(void);             /* called inside a draw */
static atomic_uint maps;               /* times that memory was taken */
static atomic_uint shared;             /* times that two were in one state */
static atomic_uint guests[SLOT_COUNT]; /* who is in a state */

static void *open_code(const char *name, int how)
{
    void *code = dlopen(name, how);

    CHECK_THAT(how & RTLD_NOLOAD);
    if (now.has_no_code)
        return NULL;
    return code != NULL ? code : dlopen(NULL, RTLD_LAZY);
}

static atomic_uint *guests_of(const void *state)
{
    size_t i = 0;

    while (vdso.slots[i].state != state)
        i++;
    return &guests[i];
}

static ssize_t ask_kernel(void *out, size_t len, unsigned flags, void *state, size_t state_len)
{
    if (real != NULL)
        return real(out, len, flags, state, state_len);
    if (state_len != QUESTION)
        return getrandom(out, len, flags);
    *(state_params *)state =
        (state_params){ 144, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, { 0 } };
    return 0;
}

static ssize_t draw_watched(void *out, size_t len, unsigned flags, void *state, size_t state_len)
{
    if (state_len == QUESTION) {
        const ssize_t got = ask_kernel(out, len, flags, state, state_len);

        if (now.state_len != 0)
            ((state_params *)state)->len = now.state_len;
        return now.is_refused ? -ENOSYS : got;
    }
    atomic_uint *mine = guests_of(state);
    if (atomic_fetch_add(mine, 1) > 0)
        atomic_fetch_add(&shared, 1);
    if (amid != NULL)
        amid();
    const ssize_t got = now.gives != 0 ? now.gives : ask_kernel(out, len, flags, state, state_len);
    atomic_fetch_sub(mine, 1);
    return got;
}

static void *find_code(void *handle, const char *name)
{
    draw_function *watched = draw_watched;

    *(void **)&real = dlsym(handle, name);
    return now.has_no_function ? NULL : *(void **)&watched;
}

static const char *libc_version(void)
{
    return now.libc;
}

static void *take_memory(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
    atomic_fetch_add(&maps, 1);
    if (now.is_copied_whole)
        flags = MAP_PRIVATE | MAP_ANONYMOUS;
    return now.has_no_memory ? MAP_FAILED : mmap(at, len, prot, flags, fd, offset);
}

/* --- what is drawn ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, BLOCK);
}

static bool differ(uint8_t (*blocks)[BLOCK], size_t count)
{
    qsort(blocks, count, BLOCK, compare);
    for (size_t i = 1; i < count; i++) {
        if (memcmp(blocks[i - 1], blocks[i], BLOCK) == 0)
            return false;
    }
    return true;
}

static void every_length_is_filled(void)
{
    static const size_t lengths[] = { 0, 1, 2, 31, 64, 95, 96, 97, 255, 256, 257, 4096 };
    static uint8_t out[4096 + 1];

    REQUIRE_THAT(hsm_random_vdso_is_used());
    for (size_t i = 0; i < HSM_ARRAY_LEN(lengths); i++) {
        const size_t len = lengths[i];
        uint8_t seen[4096] = { 0 };

        for (int round = 0; round < 8; round++) {
            memset(out, 0, sizeof out);
            CHECK_THAT(hsm_random_vdso(out, len));
            for (size_t at = 0; at < len; at++)
                seen[at] |= out[at];
            CHECK_EQ(out[len], 0);
        }
        for (size_t at = 0; at < len; at++)
            CHECK_THAT(seen[at] != 0); /* 8 times zero: once in 2^64 */
    }
}

static void states_lie_as_the_kernel_wants_them(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    REQUIRE_THAT(hsm_random_vdso_is_used());
    CHECK_THAT(SLOT_COUNT * vdso.state_len > page); /* so the next line is a question */
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const uintptr_t at = (uintptr_t)vdso.slots[i].state;

        CHECK_THAT(at % page + vdso.state_len <= page);
        CHECK_EQ(at % CACHE_LINE_BYTES, 0);
        if (i > 0)
            CHECK_THAT(at >= (uintptr_t)vdso.slots[i - 1].state + vdso.state_len);
    }
}

/* --- threads ------------------------------------------------------------------------------------ */

static uint8_t drawn[THREADS * DRAWS][BLOCK];
static pthread_barrier_t start;

static void *draw_many(void *arg)
{
    uint8_t(*out)[BLOCK] = arg;

    (void)pthread_barrier_wait(&start);
    for (size_t i = 0; i < DRAWS; i++)
        CHECK_OK(hsm_os_random(out[i], BLOCK));
    return NULL;
}

static void threads_draw_apart(void)
{
    pthread_t threads[THREADS];

    REQUIRE_OK(pthread_barrier_init(&start, NULL, THREADS));
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE_OK(pthread_create(&threads[i], NULL, draw_many, drawn[i * DRAWS]));
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE_OK(pthread_join(threads[i], NULL));
    CHECK_THAT(differ(drawn, HSM_ARRAY_LEN(drawn)));
    CHECK_EQ(atomic_load(&shared), 0);
    (void)pthread_barrier_destroy(&start);
}

static void *draw_once(void *arg)
{
    CHECK_THAT(hsm_random_vdso(arg, BLOCK));
    return NULL;
}

static void threads_that_end_leave_nothing(void)
{
    REQUIRE_THAT(hsm_random_vdso_is_used());
    const unsigned before = atomic_load(&maps);

    for (size_t i = 0; i < SHORT_THREADS; i++) {
        pthread_t thread;

        REQUIRE_OK(pthread_create(&thread, NULL, draw_once, drawn[i]));
        REQUIRE_OK(pthread_join(thread, NULL));
    }
    CHECK_THAT(differ(drawn, SHORT_THREADS));
    CHECK_EQ(atomic_load(&maps), before);
}

static int draws_in_it(void *arg)
{
    return hsm_random_vdso(arg, BLOCK) ? 0 : 1;
}

/* As a fork finds it while others draw: they are not there in the child. */
static void who_is_inside_matters_in_this_process_only(void)
{
    uint8_t out[BLOCK] = { 0 };

    REQUIRE_THAT(hsm_random_vdso_is_used());
    for (size_t i = 0; i < TRIES; i++) {
        CHECK_THAT(hsm_random_vdso(out, sizeof out));
        CHECK_THAT(try_enter(&choose(i)->inside));
    }
    CHECK_THAT(!hsm_random_vdso(out, sizeof out));
    CHECK_OK(hsm_os_random(out, sizeof out));
    CHECK_EQ(in_child(draws_in_it, out), 0);
    CHECK_EQ(in_bare_child(draws_in_it, out), 0);
    for (size_t i = 0; i < TRIES; i++)
        leave(&choose(i)->inside);
    CHECK_THAT(hsm_random_vdso(out, sizeof out));
}

/* --- amid a draw -------------------------------------------------------------------------------- */

static uint8_t by_handler[BLOCK];

static void handle(int signal_number)
{
    (void)signal_number;
    amid = NULL;
    CHECK_OK(hsm_os_random(by_handler, sizeof by_handler));
}

static void interrupt(void)
{
    (void)raise(SIGUSR1);
}

static void a_signal_handler_may_draw(void)
{
    uint8_t out[BLOCK] = { 0 };

    REQUIRE_THAT(hsm_random_vdso_is_used());
    REQUIRE_THAT(signal(SIGUSR1, handle) != SIG_ERR);
    amid = interrupt;
    CHECK_THAT(hsm_random_vdso(out, sizeof out));
    CHECK_THAT(amid == NULL);
    CHECK_EQ(atomic_load(&shared), 0);
    CHECK_THAT(memcmp(out, by_handler, sizeof out) != 0);
}

static pid_t child;

static void fork_now(void)
{
    amid = NULL;
    child = fork();
}

/* --- forked children ---------------------------------------------------------------------------- */

enum { ROUNDS = 4, FAMILY = 8 };
static uint8_t (*family)[BLOCK]; /* shared with children */

static int draw_rounds(void *arg)
{
    uint8_t(*out)[BLOCK] = arg;
    int failed = 0;

    for (size_t i = 0; i < ROUNDS; i++)
        failed += hsm_random_vdso(out[i], BLOCK) ? 0 : 1;
    return failed;
}

static bool make_family(void)
{
    if (family == NULL) {
        void *map = mmap(NULL, sizeof(uint8_t[FAMILY * ROUNDS][BLOCK]), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        family = map != MAP_FAILED ? map : NULL;
    }
    return CHECK_THAT(family != NULL);
}

static void children_draw_apart(void)
{
    uint8_t(*next)[BLOCK] = NULL;

    REQUIRE_THAT(hsm_random_vdso_is_used());
    REQUIRE_THAT(make_family());
    next = family;
    CHECK_EQ(draw_rounds(next), 0);
    for (size_t i = 1; i < FAMILY - 1; i++)
        CHECK_EQ((i % 2 == 0 ? in_child : in_bare_child)(draw_rounds, next + i * ROUNDS), 0);
    CHECK_EQ(draw_rounds(next + (FAMILY - 1) * ROUNDS), 0);
    CHECK_THAT(differ(family, FAMILY * ROUNDS));
}

static void a_fork_amid_a_draw_gives_two(void)
{
    uint8_t out[BLOCK] = { 0 };

    REQUIRE_THAT(hsm_random_vdso_is_used());
    REQUIRE_THAT(make_family());
    fflush(stdout);
    amid = fork_now;
    const bool is_drawn = hsm_random_vdso(out, sizeof out);
    if (child == 0) {
        memcpy(family[0], out, sizeof out);
        _exit(is_drawn && draw_rounds(family + 1) == 0 ? 0 : 1);
    }
    CHECK_THAT(is_drawn);
    CHECK_EQ(child_status(child), 0);
    memcpy(family[ROUNDS + 1], out, sizeof out);
    CHECK_EQ(draw_rounds(family + ROUNDS + 2), 0);
    CHECK_THAT(differ(family, 2 * ROUNDS + 2));
}

/* --- copies of a virtual machine ---------------------------------------------------------------- */

/* What the kernel does when it is told of a copy. */
static int reseed_and_draw(void *arg)
{
    const int fd = open("/dev/random", O_RDWR | O_CLOEXEC);
    const bool is_done = fd >= 0 && ioctl(fd, RNDRESEEDCRNG) == 0;

    return is_done ? draw_rounds(arg) : -1;
}

/* Exit status: 0, -1 (may not), or what was wrong. */
static int draw_in_copies(void *arg)
{
    (void)arg;
    memset(&vdso, 0, sizeof vdso);
    now.is_copied_whole = true;
    const int failed = draw_rounds(family);
    const int without =
        in_bare_child(draw_rounds, family) + in_bare_child(draw_rounds, family + ROUNDS);
    const bool is_copy = memcmp(family, family + ROUNDS, sizeof(uint8_t[ROUNDS][BLOCK])) == 0;
    const int with =
        in_bare_child(reseed_and_draw, family) | in_bare_child(reseed_and_draw, family + ROUNDS);

    if (with == 0xff)
        return -1;
    return failed != 0 || without != 0 || !is_copy || with != 0 ||
           !differ(family, (size_t)2 * ROUNDS);
}

static void copies_draw_apart_once_the_kernel_knows(void)
{
    REQUIRE_THAT(make_family());
    REQUIRE_THAT(hsm_random_vdso_is_used());
    if (real == NULL)
        SKIP("the kernel has no such code");
    const int status = in_child(draw_in_copies, NULL);
    if (status == 0xff)
        SKIP("only root may have the kernel reseed");
    CHECK_EQ(status, 0);
}

/* --- machines without it ------------------------------------------------------------------------ */

static const machine with_it[] = {
    { .label = "Debian 11", .libc = "2.31" },
    { .label = "Debian 12", .libc = "2.36" },
    { .label = "the last without", .libc = "2.40" },
    { .label = "on its way to the next", .libc = "2.40.9000" },
    { .label = "other states", .libc = "2.36", .state_len = 200 },
};

static const machine without_it[] = {
    { .label = "the C library has it", .libc = "2.41" },
    { .label = "and later ones", .libc = "2.100" },
    { .label = "no vDSO", .libc = "2.36", .has_no_code = true },
    { .label = "an older vDSO", .libc = "2.36", .has_no_function = true },
    { .label = "the vDSO refuses", .libc = "2.36", .is_refused = true },
    { .label = "no memory", .libc = "2.36", .has_no_memory = true },
    { .label = "states larger than a page", .libc = "2.36", .state_len = 1u << 20 },
};

static const machine in_trouble[] = {
    { .label = "an error", .libc = "2.36", .gives = -EAGAIN },
    { .label = "fewer bytes", .libc = "2.36", .gives = BLOCK - 1 },
};

enum { IS_USED = 1, IS_DRAWN = 2, IS_RANDOM = 4, IS_TRIED_ONCE = 8 };

/* What there is on the machine `arg`, in a process that never drew. */
static int look_around(void *arg)
{
    uint8_t blocks[2][BLOCK] = { 0 };

    memset(&vdso, 0, sizeof vdso);
    atomic_store(&maps, 0);
    now = *(const machine *)arg;
    int seen = hsm_random_vdso_is_used() ? IS_USED : 0;
    seen |= hsm_random_vdso(blocks[0], BLOCK) ? IS_DRAWN : 0;
    seen |=
        hsm_os_random(blocks[0], BLOCK) == HSM_OK && hsm_os_random(blocks[1], BLOCK) == HSM_OK &&
                blocks[0][0] + blocks[0][1] + blocks[0][2] + blocks[0][3] != 0 && differ(blocks, 2)
            ? IS_RANDOM
            : 0;
    return seen | (atomic_load(&maps) <= 1 ? IS_TRIED_ONCE : 0);
}

static void machines_differ(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(with_it); i++) {
        machine one = with_it[i];

        CASE(one.label);
        CHECK_EQ(in_child(look_around, &one), IS_USED | IS_DRAWN | IS_RANDOM | IS_TRIED_ONCE);
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(without_it); i++) {
        machine one = without_it[i];

        CASE(one.label);
        CHECK_EQ(in_child(look_around, &one), IS_RANDOM | IS_TRIED_ONCE);
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(in_trouble); i++) {
        machine one = in_trouble[i];

        CASE(one.label);
        CHECK_EQ(in_child(look_around, &one), IS_USED | IS_RANDOM | IS_TRIED_ONCE);
    }
}

static const check_test tests[] = {
    CHECK_TEST(machines_differ),
    CHECK_TEST(every_length_is_filled),
    CHECK_TEST(states_lie_as_the_kernel_wants_them),
    CHECK_TEST(threads_draw_apart),
    CHECK_TEST(threads_that_end_leave_nothing),
    CHECK_TEST(who_is_inside_matters_in_this_process_only),
    CHECK_TEST(a_signal_handler_may_draw),
    CHECK_TEST(children_draw_apart),
    CHECK_TEST(a_fork_amid_a_draw_gives_two),
    CHECK_TEST(copies_draw_apart_once_the_kernel_knows),
};
CHECK_MAIN(tests)
