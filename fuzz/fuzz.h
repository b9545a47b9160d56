/* What every fuzz target defines: libFuzzer calls it, and so does replay.c.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Tries one input; always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process: the property was found to be violated. */
#define FUZZ_REQUIRE(cond) \
    do {                   \
        if (!(cond))       \
            abort();       \
    } while (0)

#endif
