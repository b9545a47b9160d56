/* A PKCS#11 module as an application uses it: Init plus single-part call, token keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/p11.h"

#define PIN "1234-abcd"

bool p11_is_ok(const char *what, CK_RV rv)
{
    if (rv != CKR_OK)
        (void)fprintf(stderr, "bench: %s: 0x%lx\n", what, (unsigned long)rv);
    return rv == CKR_OK;
}

/* NSS's own module: its parameters come in a longer struct, and its database has one token that is
 * there from the start, the second of its slots, whose SO logs in without a PIN. */
static bool is_nss(const char *module_path)
{
    return strstr(module_path, "softokn") != NULL;
}

static CK_RV initialize(const p11 *state)
{
    struct {
        CK_C_INITIALIZE_ARGS standard; /* its pReserved is LibraryParameters there */
        void *reserved;
    } args = { .standard.flags = CKF_OS_LOCKING_OK };
    const char *folder = getenv("BENCH_DIRECTORY");
    char parameters[4200];

    (void)snprintf(parameters, sizeof parameters,
                   "configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=",
                   folder == NULL ? "." : folder);
    if (state->is_nss)
        args.standard.pReserved = parameters;
    return state->f->C_Initialize(&args);
}

static bool init_token(p11 *state, CK_SLOT_ID *slots, CK_ULONG count)
{
    CK_UTF8CHAR pin[] = PIN;
    CK_UTF8CHAR label[32];

    memset(label, ' ', sizeof label);
    memcpy(label, "bench", 5);
    if (!p11_is_ok("C_InitToken", state->f->C_InitToken(slots[0], pin, sizeof pin - 1, label)))
        return false;
    /* SoftHSM gives an initialised token another slot number. */
    return p11_is_ok("C_GetSlotList", state->f->C_GetSlotList(CK_TRUE, slots, &count));
}

static bool make_token(p11 *state)
{
    const CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    CK_UTF8CHAR pin[] = PIN;
    const CK_ULONG so_pin_len = state->is_nss ? 0 : sizeof pin - 1;

    if (!p11_is_ok("C_GetSlotList", state->f->C_GetSlotList(CK_TRUE, slots, &count)) ||
        count < (state->is_nss ? 2 : 1))
        return false;
    if (!state->is_nss && !init_token(state, slots, 16))
        return false;
    state->slot = slots[state->is_nss ? 1 : 0];
    return p11_is_ok("C_OpenSession",
                     state->f->C_OpenSession(state->slot, flags, NULL, NULL, &state->session)) &&
           p11_is_ok("C_Login SO", state->f->C_Login(state->session, CKU_SO, pin, so_pin_len)) &&
           p11_is_ok("C_InitPIN", state->f->C_InitPIN(state->session, pin, sizeof pin - 1)) &&
           p11_is_ok("C_Logout", state->f->C_Logout(state->session)) &&
           p11_is_ok("C_Login", state->f->C_Login(state->session, CKU_USER, pin, sizeof pin - 1));
}

static p11 *load(const char *module_path)
{
    CK_RV (*get_list)(CK_FUNCTION_LIST * *list) = NULL;
    CK_RV (*get_interface)(CK_UTF8CHAR *, CK_VERSION *, CK_INTERFACE **, CK_FLAGS) = NULL;
    CK_VERSION wanted = { 3, 2 };
    CK_INTERFACE *interface = NULL;
    p11 *state = calloc(1, sizeof *state);
    void *module = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);

    if (state == NULL || module == NULL) {
        (void)fprintf(stderr, "bench: %s\n", module == NULL ? dlerror() : "no memory");
        free(state);
        return NULL;
    }
    state->is_nss = is_nss(module_path);
    *(void **)&get_list = dlsym(module, "C_GetFunctionList");
    *(void **)&get_interface = dlsym(module, "C_GetInterface");
    if (get_interface != NULL && get_interface(NULL, &wanted, &interface, 0) == CKR_OK)
        state->f3 = interface->pFunctionList;
    if (get_list == NULL || get_list(&state->f) != CKR_OK ||
        !p11_is_ok("C_Initialize", initialize(state))) {
        free(state);
        return NULL;
    }
    return state;
}

void *bench_p11_open(const char *module_path)
{
    p11 *state = load(module_path);

    if (state != NULL && make_token(state) && p11_make_keys(state))
        return state;
    free(state);
    return NULL;
}

void *bench_p11_open_again(const char *module_path)
{
    const CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    p11 *state = load(module_path);

    if (state != NULL &&
        p11_is_ok("C_OpenSession", state->f->C_OpenSession(0, flags, NULL, NULL, &state->session)))
        return state;
    free(state);
    return NULL;
}

void bench_p11_close(void *opened)
{
    p11 *state = opened;

    (void)state->f->C_Finalize(NULL);
    free(state);
}

CK_FUNCTION_LIST *bench_p11_functions(void *opened)
{
    return ((p11 *)opened)->f;
}

CK_SESSION_HANDLE bench_p11_session(void *opened)
{
    return ((p11 *)opened)->session;
}

double bench_p11_run(void *opened, const bench_row *row, double seconds)
{
    p11 *state = opened;
    p11_loop l = { .state = state, .row = row, .session = state->session };
    CK_SESSION_HANDLE *held = calloc(row->sessions_open + 1u, sizeof *held);
    unsigned open = 0;
    double rate = -1;

    while (held != NULL && open < row->sessions_open &&
           state->f->C_OpenSession(state->slot, CKF_SERIAL_SESSION, NULL, NULL, &held[open]) ==
               CKR_OK)
        open++;
    if (held != NULL && open == row->sessions_open && p11_prepare(&l))
        rate = bench_repeat(p11_once, &l, bench_cpu, seconds);
    while (open > 0)
        (void)state->f->C_CloseSession(held[--open]);
    free(held);
    return rate;
}

/* What one writes must not lie in the other's cache line. */
typedef struct worker {
    _Alignas(64) pthread_t thread;
    p11_loop l;
    double seconds;
    double rate;
} worker;

static void *work(void *arg)
{
    worker *w = arg;

    w->rate = bench_repeat(p11_once, &w->l, bench_now, w->seconds);
    return NULL;
}

double bench_p11_run_threads(void *opened, const bench_row *row, double seconds, unsigned threads)
{
    enum { THREADS_MAX = 64 };
    worker workers[THREADS_MAX];
    p11 *state = opened;
    unsigned started = 0;
    double sum = 0;

    while (started < threads && started < THREADS_MAX) {
        worker *w = &workers[started];

        *w = (worker){ .l = { .state = state, .row = row }, .seconds = seconds };
        if (state->f->C_OpenSession(state->slot, CKF_SERIAL_SESSION, NULL, NULL, &w->l.session) !=
                CKR_OK ||
            !p11_prepare(&w->l) || pthread_create(&w->thread, NULL, work, w) != 0)
            break;
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        (void)state->f->C_CloseSession(workers[i].l.session);
        sum += workers[i].rate;
    }
    return started == threads ? sum : -1;
}
