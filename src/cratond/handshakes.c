/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/handshakes.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define MS_PER_SEC 1000.0
/* Addresses that are remembered beside those with handshakes that run. Whoever has more of them than that
 * can have the oldest forgotten, and with it what it has used up; a look through all of them is still
 * little beside a handshake. */
#define QUIET_MAX 1024u
#define NETWORK_BYTES 8

typedef struct address {
    uint8_t key[NETWORK_BYTES];
    bool is_v6;
    uint32_t running;
    double tokens; /* handshakes that may come at once */
    int64_t seen_ms;
} address;

struct handshakes {
    handshakes_limits limits;
    size_t count;
    size_t max;
    address list[];
};

hsm_err handshakes_create(const handshakes_limits *limits, handshakes **out_counts)
{
    const size_t max = (size_t)limits->conns_max + QUIET_MAX;
    handshakes *made = calloc(1, sizeof *made + max * sizeof made->list[0]);

    HSM_CHECK(made != NULL, HSM_E_NO_MEMORY);
    made->limits = *limits;
    if (made->limits.burst < limits->per_sec)
        made->limits.burst = limits->per_sec;
    made->max = max;
    *out_counts = made;
    return HSM_OK;
}

void handshakes_destroy(handshakes *counts)
{
    free(counts);
}

static void set_key(const struct sockaddr *peer, address *out)
{
    if (peer->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, peer, sizeof in);
        memcpy(out->key, &in.sin_addr, sizeof in.sin_addr);
    } else if (peer->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, peer, sizeof in6);
        const uint8_t *bytes = in6.sin6_addr.s6_addr;
        /* A socket for both kinds shows the old kind so. */
        out->is_v6 = !IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        memcpy(out->key, out->is_v6 ? bytes : bytes + 12, out->is_v6 ? NETWORK_BYTES : 4);
    }
}

static bool is_same(const address *a, const address *b)
{
    return a->is_v6 == b->is_v6 && hsm_bytes_equal(hsm_bytes_of(a->key, sizeof a->key),
                                                   hsm_bytes_of(b->key, sizeof b->key));
}

/* The address's place: its own, a new one, or that of the one that has been quiet for longest. NULL:
 * handshakes of all of them run. */
static address *find(handshakes *counts, const address *wanted)
{
    address *oldest = NULL;

    for (size_t i = 0; i < counts->count; i++) {
        address *at = &counts->list[i];

        if (is_same(at, wanted))
            return at;
        if (at->running == 0 && (oldest == NULL || at->seen_ms < oldest->seen_ms))
            oldest = at;
    }
    if (counts->count < counts->max)
        oldest = &counts->list[counts->count++];
    if (oldest != NULL)
        *oldest = *wanted;
    return oldest;
}

static bool has_token(const handshakes_limits *limits, address *of, int64_t now_ms)
{
    if (limits->per_sec == 0)
        return true;
    of->tokens += limits->per_sec * (double)(now_ms - of->seen_ms) / MS_PER_SEC;
    if (of->tokens > limits->burst)
        of->tokens = limits->burst;
    return of->tokens >= 1;
}

bool handshakes_begin(handshakes *counts, const struct sockaddr *peer, int64_t now_ms,
                      uint32_t *out_number)
{
    const handshakes_limits *limits = &counts->limits;
    address wanted = { .tokens = limits->burst, .seen_ms = now_ms };

    set_key(peer, &wanted);
    address *of = find(counts, &wanted);
    if (of == NULL)
        return false;
    const bool may = has_token(limits, of, now_ms) &&
                     (limits->running_max == 0 || of->running < limits->running_max);
    of->seen_ms = now_ms;
    if (!may)
        return false;
    of->tokens -= 1;
    of->running++;
    *out_number = (uint32_t)(of - counts->list);
    return true;
}

void handshakes_end(handshakes *counts, uint32_t number)
{
    counts->list[number].running--;
}
