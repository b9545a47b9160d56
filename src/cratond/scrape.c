/* Metrics over HTTP/1.0, to one reader at a time: on a loopback address or a Unix socket, apart from
 * everything else. Whatever is asked for, the answer is the same.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "cratond/internal.h"
#include "cratond/listen.h"
#include "os/file.h"

#define REQUEST_MAX_BYTES 4096
#define HEAD_MAX_BYTES 256
/* A reader that takes longer makes room for the next. */
#define READER_MAX_MS 5000
#define MS_PER_SEC 1000

struct scrape_door {
    loop_source source;
    server *server;
    int fd;
    const char *unix_path; /* to be removed; NULL: none */
    /* The reader that is here; fd -1: none. */
    loop_source reader_source;
    loop_timer timer;
    int reader_fd;
    char request[REQUEST_MAX_BYTES];
    size_t request_len;
    hsm_buf answer; /* from `sent` on to be written; empty until the request is complete */
    size_t sent;
};

static void listen_again(scrape_door *door)
{
    server_change_fd(door->server, door->fd, EPOLLIN, &door->source);
}

static void end_reader(scrape_door *door)
{
    timers_stop(&door->server->timers, &door->timer);
    hsm_fd_drop(&door->reader_fd);
    hsm_buf_clear(&door->answer);
    door->request_len = 0;
    door->sent = 0;
    listen_again(door);
}

static void on_timer(void *owner)
{
    end_reader(owner);
}

static hsm_err make_answer(scrape_door *door)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf body = { 0 };
    const server *of = door->server;
    metrics_gauges now = {
        .connections = of->conn_count,
        .clients = client_table_count(of->clients),
        .sessions = atomic_load(&of->sessions_open),
        .certificate_end = of->tls != NULL ? tls_certificate_end(of->tls) : 0,
        .uptime_secs = (uint64_t)((of->now_ms - of->started_ms) / MS_PER_SEC),
    };
    char head[HEAD_MAX_BYTES];

    for (login_outcome each = 0; each < LOGIN_OUTCOMES; each++)
        now.logins[each] = client_table_logins(of->clients, each);
    hsm_core_figures_read(of->root, &now.core);
    HSM_TRY(metrics_write(of->metrics, &now, &body));
    const int len = snprintf(head, sizeof head,
                             "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                             "Content-Length: %zu\r\n\r\n",
                             body.len);
    HSM_TRY(hsm_buf_append(&door->answer, hsm_bytes_of(head, (size_t)len)));
    return hsm_buf_append(&door->answer, hsm_buf_view(&body));
}

/* True: the request's headers are complete. */
static bool read_request(scrape_door *door, bool *out_has_ended)
{
    const ssize_t len = read(door->reader_fd, door->request + door->request_len,
                             sizeof door->request - door->request_len);

    *out_has_ended = len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR);
    if (len <= 0)
        return false;
    door->request_len += (size_t)len;
    *out_has_ended = door->request_len == sizeof door->request;
    return memmem(door->request, door->request_len, "\r\n\r\n", 4) != NULL;
}

static void on_reader(void *owner, uint32_t events)
{
    scrape_door *door = owner;
    bool has_ended = false;

    (void)events;
    if (door->reader_fd < 0)
        return;
    if (door->answer.len == 0) {
        if (!read_request(door, &has_ended)) {
            if (has_ended)
                end_reader(door);
            return;
        }
        if (make_answer(door) != HSM_OK) {
            end_reader(door);
            return;
        }
        server_change_fd(door->server, door->reader_fd, EPOLLOUT, &door->reader_source);
    }
    const ssize_t len = send(door->reader_fd, door->answer.data + door->sent,
                             door->answer.len - door->sent, MSG_NOSIGNAL);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    door->sent += len > 0 ? (size_t)len : 0;
    if (len <= 0 || door->sent == door->answer.len)
        end_reader(door);
}

static void on_door(void *owner, uint32_t events)
{
    scrape_door *door = owner;

    (void)events;
    /* cppcheck-suppress nullPointer ; nobody needs the address */
    door->reader_fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (door->reader_fd < 0)
        return;
    server_change_fd(door->server, door->fd, 0, &door->source);
    timers_set(&door->server->timers, &door->timer, door->server->now_ms + READER_MAX_MS);
    if (server_watch_fd(door->server, door->reader_fd, EPOLLIN, &door->reader_source) != HSM_OK)
        end_reader(door);
}

hsm_err scrape_open(server *on, scrape_door **out_door)
{
    const char *where = on->config->daemon.metrics_bind;

    if (where == NULL)
        return HSM_OK;
    scrape_door *door = calloc(1, sizeof *door);
    HSM_CHECK(door != NULL, HSM_E_NO_MEMORY);
    *out_door = door;
    door->server = on;
    door->fd = -1;
    door->reader_fd = -1;
    door->source = (loop_source){ .on_event = on_door, .owner = door };
    door->reader_source = (loop_source){ .on_event = on_reader, .owner = door };
    door->timer = (loop_timer){ .fire = on_timer, .owner = door };
    HSM_TRY(listen_on(where, false, &door->fd));
    if (strncmp(where, "unix:", 5) == 0)
        door->unix_path = where + 5;
    hsm_core_measure(on->root);
    hsm_log(HSM_LOG_INFO, "metrics at %s", where);
    return server_watch_fd(on, door->fd, EPOLLIN, &door->source);
}

void scrape_close(scrape_door *door)
{
    if (door == NULL)
        return;
    timers_stop(&door->server->timers, &door->timer);
    hsm_fd_drop(&door->reader_fd);
    hsm_fd_drop(&door->fd);
    hsm_buf_clear(&door->answer);
    if (door->unix_path != NULL)
        (void)unlink(door->unix_path);
    free(door);
}
