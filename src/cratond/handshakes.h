/* Who begins handshakes: a handshake is the dearest thing that a stranger can ask for, so each address
 * has its share of them, and what one asks for beyond that costs nobody else anything.
 *
 * All functions are the loop's.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_HANDSHAKES_H
#define HSM_CRATOND_HANDSHAKES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/scope.h"

typedef struct handshakes handshakes;

typedef struct handshakes_limits {
    uint32_t running_max; /* of one address at a time; 0: no limit */
    uint32_t per_sec;     /* that one address may begin, on average; 0: no limit */
    uint32_t burst;       /* of those at once, at least 1; fewer than per_sec: so many as that */
    uint32_t conns_max;   /* that can run at all: as many addresses have room, and some more */
} handshakes_limits;

/* errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err handshakes_create(const handshakes_limits *limits, handshakes **out_counts);
/* NULL is allowed. */
void handshakes_destroy(handshakes *counts);

/* Counts one more handshake of this address and writes its number for handshakes_end(); false: it has had
 * its share, or there is no room for another address, and nothing is counted. The addresses of one IPv6 network of 64 bits,
 * which one machine may have all of, are one; addresses that are neither IPv4 nor IPv6 are one as well. */
bool handshakes_begin(handshakes *counts, const struct sockaddr *peer, int64_t now_ms,
                      uint32_t *out_number);
/* It has succeeded, or failed. */
void handshakes_end(handshakes *counts, uint32_t number);

#endif
