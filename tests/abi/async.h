/* What the tests of asynchronous sessions share: calls that answer CKR_PENDING, and waiting for them. */
#ifndef ABI_ASYNC_H
#define ABI_ASYNC_H

#include "support.h"
#include "support/threads.h"

/* Larger than any result here. */
enum { ASYNC_ROOM = 20000 };

/* Leaves the test where the module has no such sessions. */
#define REQUIRE_ASYNC(fix)                         \
    if (p11_3 == NULL || !has_async_sessions(fix)) \
    SKIP("no asynchronous sessions")

bool has_async_sessions(const fixture *fix);
/* CK_INVALID_HANDLE, and a failed check, when it can't be opened. */
CK_SESSION_HANDLE open_async(const fixture *fix);

/* Asks until the function has ended; its answer. */
CK_RV await(CK_SESSION_HANDLE session, const char *function, CK_ASYNC_DATA *out_data);
/* One question. */
CK_RV ask(CK_SESSION_HANDLE session, const char *function, CK_ASYNC_DATA *out_data);

/* Asks for an RSA key pair, and checks that nothing is written yet. */
typedef struct pair_order {
    CK_ULONG bits;
    bool is_token;
    bool is_private;
    const char *label;
} pair_order;
CK_RV start_rsa(CK_SESSION_HANDLE session, const pair_order *order);

/* Begins and ends a signature; what the end answered. */
CK_RV start_signature(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key,
                      CK_BYTE *room, CK_ULONG cap);
/* Whether a signature over what start_signature() signs is good. */
CK_RV verify_signature(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key,
                       CK_BYTE *signature, CK_ULONG len);

/* Waits until there are no more than so many; false if that does not come. */
bool threads_fall_to(size_t count);

#endif
