/* What calls have left on the stack. Under sanitizers, whose stack is another, a test must SKIP().
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_STACK_H
#define TEST_SUPPORT_STACK_H

#include "base/bytes.h"
#include "base/scope.h"

#define STACK_DEPTH_BYTES (16u * 1024u)

/* Whether the bytes lie below the caller's frame; they must not lie there for a reason of the test's own. */
static HSM_APART __attribute__((unused)) bool stack_has(hsm_bytes wanted)
{
    const volatile uint8_t *const frame = __builtin_frame_address(0);

    for (size_t depth = STACK_DEPTH_BYTES; depth > 0; depth--) {
        size_t same = 0;

        while (same < wanted.len && frame[same - depth] == wanted.data[same])
            same++;
        if (same == wanted.len)
            return true;
    }
    return false;
}

/* Leaves up to 256 bytes there, to show that a search finds what there is. */
static HSM_APART __attribute__((unused)) void stack_leave(hsm_bytes bytes)
{
    volatile uint8_t copy[256];

    for (size_t i = 0; i < bytes.len && i < sizeof copy; i++)
        copy[i] = bytes.data[i];
}

#endif
