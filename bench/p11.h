/* A PKCS#11 module being measured; for p11*.c only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_P11_H
#define BENCH_P11_H

#include "bench/rows.h"
#include "pkcs11/pkcs11.h"

typedef struct p11 {
    CK_FUNCTION_LIST *f;
    CK_FUNCTION_LIST_3_2 *f3; /* NULL where the module has none */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session; /* logged in */
    CK_OBJECT_HANDLE key[BENCH_KEY_COUNT];
    CK_OBJECT_HANDLE public_key[BENCH_KEY_COUNT];
    CK_OBJECT_HANDLE wrapped; /* the key that the wrapping rows wrap */
    bool is_nss;              /* for what it does otherwise than the standard has it */
} p11;

/* A row being repeated in a session. */
typedef struct p11_loop {
    p11 *state;
    const bench_row *row;
    CK_SESSION_HANDLE session;
    CK_MECHANISM mech;
    CK_OBJECT_HANDLE key;
    CK_ECDH1_DERIVE_PARAMS ecdh;
    uint8_t point[200];                   /* the peer's */
    uint8_t result[BENCH_SIGNATURE_ROOM]; /* a signature, a ciphertext, a wrapped key */
    CK_ULONG result_len;
} p11_loop;

/* Whether it is CKR_OK; if not, says so on standard error. */
bool p11_is_ok(const char *what, CK_RV rv);

/* The token keys of all rows; those that the module can't make are CK_INVALID_HANDLE. */
bool p11_make_keys(p11 *state);
CK_RV p11_make_pair(p11 *state, bench_key key, bool is_token, CK_OBJECT_HANDLE *out_public,
                    CK_OBJECT_HANDLE *out_private);

/* False: the module can't do this row. */
bool p11_prepare(p11_loop *l);
/* One operation of a p11_loop; for bench_repeat(). */
bool p11_once(void *loop);

#endif
