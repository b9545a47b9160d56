/* The only control-flow macros of the code base.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_SCOPE_H
#define HSM_BASE_SCOPE_H

#include "base/err.h"

#define HSM_MUST_USE __attribute__((warn_unused_result))

/* Number of elements of an array (not of a pointer). */
#define HSM_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Declares a local that the function fills before it reads it: spares the zeros that the build's
 * hardening would write first, where that costs (the path of every operation). */
#define HSM_UNINITIALIZED __attribute__((uninitialized))

/* A function that stays out of its callers: they would all pay for the room that it needs, and few calls
 * come this way. */
#define HSM_APART __attribute__((noinline))

/* One object a thread, at a fixed offset of its block, for what every operation asks for. A library that
 * is loaded at run time shares a few hundred bytes of that with others: flags and pointers only. */
#define HSM_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))

/* Declares a local that `drop` releases however the scope is left; some are there for nothing else. */
#define HSM_AUTO(drop) __attribute__((cleanup(drop), unused))

/* Returns the error of `call`, if any. */
#define HSM_TRY(call)                   \
    do {                                \
        const hsm_err try_err = (call); \
        if (try_err != HSM_OK)          \
            return try_err;             \
    } while (0)

/* Returns `err` unless `cond` holds. */
#define HSM_CHECK(cond, err) \
    do {                     \
        if (!(cond))         \
            return (err);    \
    } while (0)

/* The value of pointer `p`, which is left NULL: hands ownership on. */
#define HSM_MOVE(p)                \
    __extension__({                \
        __typeof__(p) moved = (p); \
        (p) = NULL;                \
        moved;                     \
    })

/* Defines T_drop(T **) for HSM_AUTO from T_destroy(T *). */
#define HSM_DEFINE_DROP(type)                \
    static inline void type##_drop(type **p) \
    {                                        \
        type##_destroy(*p);                  \
        *p = NULL;                           \
    }

#endif
