/* The module linked in, with a token in memory and keys of most types: what the targets that call
 * C_... functions share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stddef.h>

#include "pkcs11/pkcs11.h"

#define FUZZ_USER_PIN "fuzz-user-pin"

enum { FUZZ_KEYS_MAX = 24, FUZZ_MECHANISMS_MAX = 512 };

typedef struct fuzz_world {
    CK_SESSION_HANDLE session; /* read-write, the user is logged in; owns the keys */
    CK_OBJECT_HANDLE keys[FUZZ_KEYS_MAX];
    size_t key_count;
    CK_OBJECT_HANDLE aes; /* one of them, for every use */
    CK_MECHANISM_TYPE mechanisms[FUZZ_MECHANISMS_MAX];
    CK_ULONG mechanism_count;
} fuzz_world;

/* The world, made on the first call, and anew when the last input finalised the library, logged out
 * or destroyed a key. */
fuzz_world *fuzz_world_get(void);

#endif
