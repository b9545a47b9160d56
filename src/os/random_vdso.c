/* SPDX-License-Identifier: Apache-2.0 */
#include "os/random_vdso.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "base/thread_mark.h"
#include "os/fork.h"

#define SLOT_BITS 6u
#define SLOT_COUNT (1u << SLOT_BITS)
#define TRIES 4u /* slots that a draw looks at */
#define CACHE_LINE_BYTES 64u

#ifdef __aarch64__
#define DRAW_NAME "__kernel_getrandom"
#else
#define DRAW_NAME "__vdso_getrandom"
#endif

/* The kernel's function: `state` is memory as it wants it, which nobody else may use during the call. It fills
 * `params` instead when all else is empty and the length is QUESTION. */
typedef ssize_t draw_function(void *out, size_t len, unsigned flags, void *state, size_t state_len);
#define QUESTION SIZE_MAX

/* Of <linux/random.h> from 6.11 on. */
typedef struct state_params {
    uint32_t len;
    uint32_t mmap_prot;
    uint32_t mmap_flags;
    uint32_t reserved[13];
} state_params;

/* A state and who is in it. The kernel may zero a state at any moment, and does so in a child: this is apart. */
typedef struct slot {
    _Alignas(CACHE_LINE_BYTES) atomic_uint_least64_t inside;
    void *state;
} slot;

/* Process-wide, as what the kernel offers is. */
static struct {
    slot slots[SLOT_COUNT];
    _Atomic(draw_function *) draw; /* NULL: not looked for yet, or there is none */
    size_t state_len;
    atomic_uint_least64_t looking;
    void *code; /* held for good */
} vdso;

/* Whether nobody was inside; now the caller is. Of threads of another process, whose copy this memory is, none
 * is here. A signal handler that interrupts the draw of its own thread finds it inside. */
static bool try_enter(atomic_uint_least64_t *inside)
{
    const uint_least64_t mine = hsm_fork_generation();
    uint_least64_t other = atomic_load_explicit(inside, memory_order_relaxed);

    return other != mine && atomic_compare_exchange_strong_explicit(
                                inside, &other, mine, memory_order_acquire, memory_order_relaxed);
}

static void leave(atomic_uint_least64_t *inside)
{
    atomic_store_explicit(inside, 0, memory_order_release);
}

static bool does_libc_use_it(void)
{
#ifdef __GLIBC__
    return strverscmp(gnu_get_libc_version(), "2.41") >= 0;
#else
    return false;
#endif
}

/* No state crosses a page, and each has its own cache lines. */
static bool make_states(const state_params *params)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t each =
        ((size_t)params->len + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;

    if (each == 0 || each > page)
        return false;
    const size_t in_page = page / each;
    const size_t pages = (SLOT_COUNT + in_page - 1) / in_page;
    uint8_t *map = mmap(NULL, pages * page, (int)params->mmap_prot, (int)params->mmap_flags, -1, 0);
    if (map == MAP_FAILED)
        return false;
    for (size_t i = 0; i < SLOT_COUNT; i++)
        vdso.slots[i].state = map + i / in_page * page + i % in_page * each;
    vdso.state_len = params->len;
    return true;
}

/* Once in a process. Nobody ever leaves `looking`: what failed is not tried again. */
static HSM_APART draw_function *look_for_it(void)
{
    state_params params = { 0 };
    draw_function *draw = NULL;

    if (!try_enter(&vdso.looking) || does_libc_use_it())
        return NULL;
    vdso.code = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (vdso.code != NULL)
        *(void **)&draw = dlsym(vdso.code, DRAW_NAME);
    if (draw == NULL || draw(NULL, 0, 0, &params, QUESTION) != 0 || !make_states(&params))
        return NULL;
    atomic_store_explicit(&vdso.draw, draw, memory_order_release);
    return draw;
}

static draw_function *find_draw(void)
{
    draw_function *draw = atomic_load_explicit(&vdso.draw, memory_order_acquire);

    return draw != NULL ? draw : look_for_it();
}

/* Multiplying spreads the threads over the slots. */
static slot *choose(size_t attempt)
{
    const uint64_t mixed = (hsm_thread_mark() >> 6) * UINT64_C(0x9e3779b97f4a7c15);

    return &vdso.slots[((mixed >> (64 - SLOT_BITS)) + attempt) % SLOT_COUNT];
}

bool hsm_random_vdso(uint8_t *out, size_t len)
{
    draw_function *draw = find_draw();

    for (size_t i = 0; draw != NULL && i < TRIES; i++) {
        slot *mine = choose(i);

        if (try_enter(&mine->inside)) {
            const ssize_t got = draw(out, len, 0, mine->state, vdso.state_len);

            leave(&mine->inside);
            return got >= 0 && (size_t)got == len;
        }
    }
    return false;
}

bool hsm_random_vdso_is_used(void)
{
    return find_draw() != NULL;
}
