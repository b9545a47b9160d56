/* SPDX-License-Identifier: Apache-2.0 */
#include "os/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "os/random_vdso.h"

#define REQUEST_MAX_BYTES 256u /* up to here the kernel never gives less than asked */

static ssize_t draw(uint8_t *out, size_t len)
{
    return hsm_random_vdso(out, len) ? (ssize_t)len : getrandom(out, len, 0);
}

hsm_err hsm_os_random(uint8_t *out, size_t len)
{
    size_t done = 0;

    while (done < len) {
        const size_t want = len - done < REQUEST_MAX_BYTES ? len - done : REQUEST_MAX_BYTES;
        const ssize_t got = draw(out + done, want);

        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            explicit_bzero(out, len);
            return HSM_E_RANDOM;
        }
    }
    return HSM_OK;
}
