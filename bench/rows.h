/* What is measured: one row per operation, the same for every contestant.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ck.h"

typedef enum bench_kind {
    BENCH_SIGN,
    BENCH_VERIFY,
    BENCH_ENCRYPT,
    BENCH_DECRYPT,
    BENCH_MESSAGE, /* C_EncryptMessage, the key set up once */
    BENCH_ENCAPSULATE,
    BENCH_DECAPSULATE,
    BENCH_DERIVE,
    BENCH_WRAP,
    BENCH_UNWRAP,
    BENCH_DIGEST,
    BENCH_GENERATE_PAIR,
    BENCH_SESSION, /* open and close */
} bench_kind;

typedef enum bench_key {
    BENCH_KEY_NONE,
    BENCH_KEY_RSA_2048,
    BENCH_KEY_RSA_3072,
    BENCH_KEY_RSA_4096,
    BENCH_KEY_P256,
    BENCH_KEY_P384,
    BENCH_KEY_P521,
    BENCH_KEY_BRAINPOOL_256,
    BENCH_KEY_ED25519,
    BENCH_KEY_ED448,
    BENCH_KEY_X25519,
    BENCH_KEY_X448,
    BENCH_KEY_ML_DSA_44,
    BENCH_KEY_ML_DSA_65,
    BENCH_KEY_ML_DSA_87,
    BENCH_KEY_SLH_DSA_128S,
    BENCH_KEY_SLH_DSA_128F,
    BENCH_KEY_ML_KEM_512,
    BENCH_KEY_ML_KEM_768,
    BENCH_KEY_ML_KEM_1024,
    BENCH_KEY_AES_256, /* the secret ones from here on */
    BENCH_KEY_CHACHA20,
    BENCH_KEY_HMAC,
    BENCH_KEY_COUNT,
} bench_key;

/* What a key use is for; each key has one. */
typedef enum bench_use {
    BENCH_USE_SIGN,
    BENCH_USE_SIGN_MESSAGE, /* OpenSSL signs the message itself, not a digest of it */
    BENCH_USE_DERIVE,
    BENCH_USE_KEM,
    BENCH_USE_SECRET,
} bench_use;

/* How a pair is made, for every contestant. */
typedef struct bench_key_kind {
    bench_use use;
    const char *algorithm; /* OpenSSL's name; NULL for a secret key */
    const char *group;     /* of a curve that is a parameter */
    unsigned bits;         /* of an RSA modulus */
    CK_MECHANISM_TYPE gen;
    const uint8_t *params; /* CKA_EC_PARAMS */
    size_t params_len;
    CK_ULONG set; /* CKA_PARAMETER_SET */
} bench_key_kind;

extern const bench_key_kind bench_key_kinds[BENCH_KEY_COUNT];

enum {
    BENCH_SECRET_BYTES = 32,         /* of each secret key, and of what is derived or wrapped */
    BENCH_PBKDF2_ITERATIONS = 10000, /* enough that nothing else counts */
    BENCH_SIGNATURE_ROOM = 20000,
};

typedef struct bench_row {
    const char *name;
    bench_kind kind;
    bench_key key;
    CK_MECHANISM_TYPE mechanism;
    size_t data_bytes;
    double target_ratio;    /* of raw OpenSSL; 0: none */
    double target_per_sec;  /* where raw P-256 signs 45,000 a second; 0: none */
    unsigned sessions_open; /* sessions open meanwhile */
} bench_row;

extern const bench_row bench_rows[];
extern const size_t bench_row_count;

/* Runs a row for about `seconds` and gives operations per second; negative: not supported. */
typedef struct bench_contestant {
    const char *name;
    double (*run)(void *state, const bench_row *row, double seconds);
    void *state;
} bench_contestant;

/* Monotonic seconds. */
double bench_now(void);
/* Seconds of processor time of this thread: what an operation costs, also on a machine with other
 * work to do. */
double bench_cpu(void);

/* Calls `one` in batches that grow until reading the clock costs nothing beside them; operations
 * per second of `clock`, or -1 when `one` fails. */
double bench_repeat(bool (*one)(void *arg), void *arg, double (*clock)(void), double seconds);

/* Raw OpenSSL with contexts kept between operations. NULL on failure. */
void *bench_raw_open(void);
void bench_raw_close(void *state);
double bench_raw_run(void *state, const bench_row *row, double seconds);

/* A PKCS#11 module with a fresh token and token keys. The module reads its configuration from the
 * environment, which the caller has set. NULL on failure, with a line on standard error. */
void *bench_p11_open(const char *module_path);
/* The same with the token that is there; no keys of its own. */
void *bench_p11_open_again(const char *module_path);
void bench_p11_close(void *state);
double bench_p11_run(void *state, const bench_row *row, double seconds);
/* The same row on `threads` threads, each with a session of its own, all with the same key. */
double bench_p11_run_threads(void *state, const bench_row *row, double seconds, unsigned threads);
/* For the larger measurements (scale.c). */
CK_FUNCTION_LIST *bench_p11_functions(void *state);
CK_SESSION_HANDLE bench_p11_session(void *state);

/* Makes `objects` keys, durably, and says how fast; as JSON. Returns 0 if all went well. */
int bench_fill(void *state, const char *name, unsigned long objects);
/* In a process that made none of them: start-up, login, searches and memory. */
int bench_search(const char *module_path, const char *name, unsigned long objects);

#endif
