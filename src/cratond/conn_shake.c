/* Handshakes: who may begin one, and those in workers. With the daemon's key in a token they wait for
 * each other's signatures and for the audit log's disk, which the loop must not do; and few at once, or
 * they would hold all workers.
 * SPDX-License-Identifier: Apache-2.0 */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "cratond/internal.h"

#define SHAKES_MAX 2u
#define REFUSALS_EACH_MS 1000

/* --- who may begin one -------------------------------------------------------------------------- */

void conn_shake_over(conn *on)
{
    if (on->is_counted)
        handshakes_end(on->server->handshakes, on->handshake);
    on->is_counted = false;
}

/* The log hears of it once in a while: it must not be what the attack fills. */
static void tell_refusal(server *on, const struct sockaddr *peer)
{
    char host[INET6_ADDRSTRLEN] = "?";

    metrics_handshake_refused(on->metrics);
    if (on->now_ms - on->refusal_told_ms < REFUSALS_EACH_MS)
        return;
    on->refusal_told_ms = on->now_ms;
    (void)getnameinfo(
        peer, peer->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6),
        host, sizeof host, NULL, 0, NI_NUMERICHOST);
    hsm_log(HSM_LOG_WARNING, "%s: begins too many handshakes; some connections are closed", host);
}

bool conn_shake_begin(conn *on, const struct sockaddr *peer)
{
    static const int yes = 1;
    server *of = on->server;

    on->is_counted = handshakes_begin(of->handshakes, peer, of->now_ms, &on->handshake);
    if (!on->is_counted) {
        tell_refusal(of, peer);
        return false;
    }
    (void)setsockopt(on->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (tls_stream_create(of->tls, on->fd, &on->tls) == HSM_OK)
        return true;
    conn_shake_over(on);
    return false;
}

/* --- in workers --------------------------------------------------------------------------------- */

static void start_next(server *of);

static void run_step(void *owner)
{
    conn *on = owner;

    on->shaken = tls_handshake(on->tls);
}

/* The loop has the connection again; it may have been closed meanwhile. */
static bool take_back(conn *on)
{
    on->is_shaking = false;
    if (on->state == CONN_CLOSED) {
        if (on->is_reap_due)
            conn_reap(on);
        return false;
    }
    if (server_watch_fd(on->server, on->fd, EPOLLIN | (on->wants_write ? EPOLLOUT : 0),
                        &on->source) == HSM_OK)
        return true;
    conn_close(on);
    return false;
}

static void after_step(void *owner)
{
    conn *on = owner;
    server *of = on->server;

    of->shakes_running--;
    if (take_back(on))
        conn_shaken(on, on->shaken);
    start_next(of);
}

static void start_next(server *of)
{
    while (of->shakes_first != NULL && of->shakes_running < SHAKES_MAX) {
        conn *on = of->shakes_first;

        of->shakes_first = on->next_shake;
        on->shake_job = (pool_job){ .run = run_step, .done = after_step, .owner = on };
        if (on->state == CONN_CLOSED)
            (void)take_back(on);
        else if (pool_add(of->workers, POOL_FAST, &on->shake_job) == HSM_OK)
            of->shakes_running++;
        else if (take_back(on))
            conn_close(on);
    }
}

void conn_shake(conn *on)
{
    server *of = on->server;

    /* Else its events would come again and again. */
    server_unwatch_fd(of, on->fd);
    on->is_shaking = true;
    on->next_shake = NULL;
    if (of->shakes_first == NULL)
        of->shakes_first = on;
    else
        of->shakes_last->next_shake = on;
    of->shakes_last = on;
    start_next(of);
}
