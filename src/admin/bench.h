/* What the command bench measures: a row per operation, each repeated by one or more threads.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_BENCH_H
#define HSM_ADMIN_BENCH_H

#include <signal.h>

#include "core/keyring.h"

#define HSM_BENCH_SECONDS_MAX 60u
#define HSM_BENCH_THREADS_MAX 64u
/* The largest result: an ML-DSA-65 signature has 3309 bytes. */
#define HSM_BENCH_RESULT_BYTES 4096u

typedef struct hsm_bench_row hsm_bench_row;

/* A file that is written to, and the signals that wait until it is removed (bench_disk.c). */
typedef struct hsm_bench_file {
    char *path; /* NULL: none was made */
    int fd;     /* -1: closed */
    uint64_t offset;
    sigset_t held;   /* signals that are kept waiting */
    sigset_t before; /* the thread's mask as it was */
    bool is_holding;
} hsm_bench_file;

/* What keys are made with: of the row, and of what it makes each time. */
typedef struct hsm_bench_templates {
    hsm_named public_key;
    hsm_named use_key;
    hsm_named shared_key; /* what encapsulation makes */
} hsm_bench_templates;

/* A row as one thread repeats it. */
typedef struct hsm_bench_loop {
    hsm_core *core;
    const hsm_bench_row *row;
    CK_SESSION_HANDLE session;   /* its own, logged in */
    CK_OBJECT_HANDLE use_key;    /* signs, decapsulates; a secret key */
    CK_OBJECT_HANDLE public_key; /* verifies, encapsulates */
    const hsm_bench_templates *templates;
    const char *directory;                  /* of the store; NULL: there is none */
    uint64_t count;                         /* operations so far */
    uint8_t result[HSM_BENCH_RESULT_BYTES]; /* a signature, a ciphertext */
    size_t result_len;
    hsm_bench_file file;
} hsm_bench_loop;

struct hsm_bench_row {
    const char *name;
    const char *key;        /* its kind, as key generate names it; NULL: none */
    const char *use;        /* what it, or the private one of a pair, may do; NULL without a key */
    const char *public_use; /* the public one; NULL: a secret key */
    CK_MECHANISM_TYPE mechanism;
    size_t data_bytes;
    hsm_err (*prepare)(hsm_bench_loop *loop); /* what `once` needs besides the key; NULL: nothing */
    hsm_err (*once)(hsm_bench_loop *loop);    /* one operation */
    void (*end)(hsm_bench_loop *loop); /* undoes `prepare`, whole or not; NULL: nothing to do */
    bool is_alone;                     /* by one thread, whatever is asked for */
};

/* Every row (bench_rows.c). */
const hsm_bench_row *hsm_bench_rows(size_t *out_count);

/* A write that is on the disk when it returns, to a file of its own in the store's directory
 * (bench_disk.c). While there is such a file, signals that would end the process wait; one that waits
 * ends the row.
 * errors  HSM_E_OPERATION_CANCELLED (a signal), HSM_E_STORE_NOT_FOUND (no directory), those of
 *         os/file.h */
HSM_MUST_USE hsm_err hsm_bench_disk_prepare(hsm_bench_loop *loop);
HSM_MUST_USE hsm_err hsm_bench_disk_once(hsm_bench_loop *loop);
void hsm_bench_disk_end(hsm_bench_loop *loop);

/* How fast a row was. */
typedef struct hsm_bench_speed {
    uint64_t per_second;  /* of all threads together */
    uint64_t nanoseconds; /* of one operation in one thread */
} hsm_bench_speed;

/* What a row is measured with. */
typedef struct hsm_bench_setup {
    hsm_core *core; /* its slot 0 has a token whose user is logged in */
    const char *directory;
    uint64_t seconds; /* 0: each operation once */
    uint64_t threads; /* 1 .. HSM_BENCH_THREADS_MAX */
} hsm_bench_setup;

/* Makes the row's key, measures, and leaves no object and no session (bench_measure.c).
 * errors  those of the row's operations */
HSM_MUST_USE hsm_err hsm_bench_measure(const hsm_bench_setup *setup, const hsm_bench_row *row,
                                       hsm_bench_speed *out_speed);

#endif
