/* The loop: one thread, everything that waits is in epoll.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "core/remote.h"
#include "cratond/internal.h"
#include "cratond/listen.h"
#include "cratond/notify.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/thread.h"

#define MS_PER_SEC 1000
#define EVENTS_MAX 256
/* New connections in one turn. */
#define ACCEPTS_MAX 32
/* With no descriptor left to accept with, looking at once again would be all that is done. */
#define ACCEPT_PAUSE_MS 100
/* Between "no more streams, please" and "these were the last": a round trip. */
#define DRAIN_NOTICE_MS 200
#define SESSIONS_MAX 1000000u
#define FAST_WAITING_MAX 16384u
#define SLOW_WAITING_MAX 256u

/* A listening socket in the loop. */
typedef struct door {
    loop_source source;
    server *server;
    int fd;
    bool is_unix;
} door;

/* What only this file needs. */
typedef struct loop {
    server server; /* first: the rest of the daemon knows it as this */
    listeners open;
    scrape_door *scrape; /* NULL: no metrics */
    door doors[LISTEN_MAX];
    loop_timer accept_timer;
    loop_timer drain_timer;
    loop_timer crl_timer;
    loop_timer watchdog_timer;
    int64_t watchdog_ms; /* 0: none */
    int signal_fd;
    loop_source signal_source;
    loop_source pool_source;
    int64_t collected_ms; /* when jobs that are done were last asked for */
    pool_job reload_job;
    tls_context *reloaded;
    hsm_err reload_result;
    bool is_reloading;
    bool is_key_wanted;    /* by the reload that goes on: a key in a token is opened anew */
    bool is_reload_wanted; /* by SIGHUP, once more: files may have changed after they were read */
    bool has_gone_away;    /* the second step of stopping */
    bool has_failed;       /* a self-test of the core */
} loop;

static loop *loop_of(server *on)
{
    return (loop *)(void *)on;
}

static int64_t clock_ms(void)
{
    return (int64_t)(hsm_clock_monotonic_ns() / HSM_NS_PER_MS);
}

/* --- descriptors ---------------------------------------------------------------------------------- */

hsm_err server_watch_fd(server *on, int fd, uint32_t events, loop_source *source)
{
    struct epoll_event event = { .events = events, .data.ptr = source };

    return epoll_ctl(on->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? HSM_OK : HSM_E_INTERNAL;
}

void server_unwatch_fd(server *on, int fd)
{
    if (epoll_ctl(on->epoll_fd, EPOLL_CTL_DEL, fd, NULL) != 0)
        hsm_log(HSM_LOG_ERROR, "epoll: %s", strerror(errno));
}

void server_change_fd(server *on, int fd, uint32_t events, loop_source *source)
{
    struct epoll_event event = { .events = events, .data.ptr = source };

    if (epoll_ctl(on->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0)
        hsm_log(HSM_LOG_ERROR, "epoll: %s", strerror(errno));
}

static void open_doors(loop *on, uint32_t events)
{
    for (size_t i = 0; i < on->open.count; i++)
        server_change_fd(&on->server, on->doors[i].fd, events, &on->doors[i].source);
}

static void end_accept_pause(void *owner)
{
    loop *on = owner;

    if (!on->server.is_stopping)
        open_doors(on, EPOLLIN);
}

static void pause_accepting(loop *on)
{
    hsm_log(HSM_LOG_WARNING, "no new connections for a moment: %s", strerror(errno));
    open_doors(on, 0);
    timers_set(&on->server.timers, &on->accept_timer, on->server.now_ms + ACCEPT_PAUSE_MS);
}

static void on_door(void *owner, uint32_t events)
{
    door *at = owner;
    server *of = at->server;

    (void)events;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
        socklen_t len = sizeof peer;
        int fd = accept4(at->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            pause_accepting(loop_of(of));
        if (fd < 0)
            return;
        if (of->is_stopping || of->conn_count >= of->config->daemon.max_connections) {
            metrics_connection_refused(of->metrics);
            hsm_fd_drop(&fd);
            continue;
        }
        conn_accept(of, fd, at->is_unix ? NULL : (const struct sockaddr *)&peer);
    }
}

/* --- reloading ------------------------------------------------------------------------------------ */

static void read_files(void *owner)
{
    loop *on = owner;

    /* The loop leaves server.tls alone until use_files(). */
    on->reload_result =
        tls_context_create(on->server.tls_library, on->server.config,
                           on->is_key_wanted ? NULL : on->server.tls, &on->reloaded);
}

/* Connections whose certificate is no longer good end; the others never notice. */
static void use_context(loop *on)
{
    server *of = &on->server;

    tls_context_destroy(of->tls);
    of->tls = HSM_MOVE(on->reloaded);
    atomic_store(&of->token_key_id, tls_token_key_id(of->tls));
    for (conn *at = of->conns; at != NULL; at = at->next) {
        if (at->state == CONN_OPEN && at->tls != NULL && !tls_is_still_trusted(of->tls, at->tls)) {
            hsm_log(HSM_LOG_WARNING, "%s: its certificate is no longer accepted", at->client->name);
            conn_close(at);
        }
    }
    hsm_log(HSM_LOG_INFO, "the TLS files were read again");
}

static void reload(loop *on, bool is_key_wanted);

static void use_files(void *owner)
{
    loop *on = owner;

    on->is_reloading = false;
    if (on->is_reload_wanted) {
        on->is_reload_wanted = false;
        tls_context_destroy(HSM_MOVE(on->reloaded));
        reload(on, true);
        return;
    }
    notify_send("READY=1");
    if (on->reload_result == HSM_OK)
        use_context(on);
    else
        hsm_log(HSM_LOG_ERROR, "the TLS files can't be used; those read before stay in force");
}

/* Nothing while another one goes on. A key in a token is looked for only when somebody asks for it: that
 * is a login, and a PIN that has become wrong must not be tried again and again by a timer. */
static void reload(loop *on, bool is_key_wanted)
{
    if (on->server.tls == NULL || on->is_reloading)
        return;
    on->is_reloading = true;
    on->is_key_wanted = is_key_wanted;
    on->reload_job = (pool_job){ .run = read_files, .done = use_files, .owner = on };
    pool_add_end(on->server.workers, POOL_SLOW, &on->reload_job);
}

static void on_crl_timer(void *owner)
{
    loop *on = owner;

    reload(on, false);
    timers_set(&on->server.timers, &on->crl_timer,
               on->server.now_ms +
                   (int64_t)on->server.config->daemon.crl_refresh_secs * MS_PER_SEC);
}

/* --- stopping ------------------------------------------------------------------------------------- */

static void each_conn(server *on, void (*what)(conn *on))
{
    for (conn *at = on->conns; at != NULL; at = at->next)
        what(at);
}

static void on_drain_timer(void *owner)
{
    loop *on = owner;

    if (!on->has_gone_away) {
        on->has_gone_away = true;
        each_conn(&on->server, conn_drain);
        timers_set(&on->server.timers, &on->drain_timer,
                   on->server.now_ms +
                       (int64_t)on->server.config->daemon.drain_timeout_secs * MS_PER_SEC);
        return;
    }
    hsm_log(HSM_LOG_WARNING, "calls did not end in time; they are cut off");
    each_conn(&on->server, conn_close);
}

static void stop(loop *on)
{
    server *of = &on->server;

    if (of->is_stopping)
        return;
    hsm_log(HSM_LOG_INFO, "stopping: %u connections", of->conn_count);
    notify_send("STOPPING=1");
    open_doors(on, 0);
    health_tell(of, false);
    each_conn(of, conn_drain_notice);
    of->is_stopping = true;
    timers_set(&of->timers, &on->drain_timer, of->now_ms + DRAIN_NOTICE_MS);
}

/* From the turn on in which a self-test fails: the core answers nobody any more, so nobody new is let
 * in, watchers of the health hear of it, and the end closes the core, which wipes every key. */
static void stop_if_failed(loop *on)
{
    if (on->has_failed || !hsm_core_has_failed(on->server.root))
        return;
    on->has_failed = true;
    hsm_log(HSM_LOG_ERROR, "a self-test has failed: nothing is answered any more");
    stop(on);
}

static void on_signal(void *owner, uint32_t events)
{
    loop *on = owner;
    struct signalfd_siginfo info;

    (void)events;
    while (read(on->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            notify_send("RELOADING=1");
            on->is_reload_wanted = on->is_reloading;
            reload(on, true);
        } else {
            stop(on);
        }
    }
}

/* --- the loop ------------------------------------------------------------------------------------- */

static void collect(loop *on)
{
    on->collected_ms = on->server.now_ms;
    (void)pool_collect(on->server.workers);
}

static void on_pool(void *owner, uint32_t events)
{
    (void)events;
    collect(owner);
}

/* Whether jobs are to be asked for although the pool has not told: sockets that are never quiet must not
 * put that off. */
static bool is_collect_due(const loop *on)
{
    const int wait_ms = pool_wait_ms(on->server.workers);

    return wait_ms >= 0 && on->server.now_ms - on->collected_ms > wait_ms;
}

static void on_watchdog(void *owner)
{
    loop *on = owner;

    notify_send("WATCHDOG=1");
    timers_set(&on->server.timers, &on->watchdog_timer, on->server.now_ms + on->watchdog_ms / 2);
}

/* Until something has to be done whatever happens meanwhile. */
static int wait_ms(const server *on)
{
    const int for_timers = timers_wait_ms(&on->timers, clock_ms());
    const int for_pool = pool_wait_ms(on->workers);

    if (on->unread != NULL)
        return 0;
    if (for_timers < 0 || for_pool < 0)
        return for_timers < 0 ? for_pool : for_timers;
    return for_timers < for_pool ? for_timers : for_pool;
}

/* Flushing may finish calls, which may close connections, and the other way round. */
static void end_turn(server *on)
{
    while (on->dirty != NULL || on->graves != NULL) {
        conn *dirty = HSM_MOVE(on->dirty);

        while (dirty != NULL) {
            conn *next = dirty->next_dirty;

            conn_flush(dirty);
            dirty = next;
        }
        conn *grave = HSM_MOVE(on->graves);
        while (grave != NULL) {
            conn *next = grave->next_grave;

            conn_reap(grave);
            grave = next;
        }
    }
}

hsm_err server_turn(server *of, int wait_max_ms)
{
    struct epoll_event events[EVENTS_MAX];
    const int count = epoll_wait(of->epoll_fd, events, EVENTS_MAX, wait_max_ms);

    HSM_CHECK(count >= 0 || errno == EINTR, HSM_E_INTERNAL);
    of->now_ms = clock_ms();
    for (int i = 0; i < count; i++) {
        loop_source *source = events[i].data.ptr;

        source->on_event(source->owner, events[i].events);
    }
    conn_read_on(of);
    if (count == 0 || is_collect_due(loop_of(of)))
        collect(loop_of(of));
    timers_run(&of->timers, of->now_ms);
    stop_if_failed(loop_of(of));
    end_turn(of);
    return HSM_OK;
}

hsm_err server_run(server *of)
{
    notify_send("READY=1");
    while (!(of->is_stopping && of->conn_count == 0))
        HSM_TRY(server_turn(of, wait_ms(of)));
    hsm_log(HSM_LOG_INFO, "stopped");
    return loop_of(of)->has_failed ? HSM_E_SELF_TEST : HSM_OK;
}

/* --- opening and closing --------------------------------------------------------------------------- */

static hsm_err check_rules(const hsm_config *config)
{
    for (size_t i = 0; i < config->daemon.client_count; i++) {
        char **operations = config->daemon.clients[i].operations;

        for (size_t k = 0; operations != NULL && operations[k] != NULL; k++) {
            if (!rpc_is_operation(operations[k])) {
                hsm_log(HSM_LOG_ERROR, "daemon.client.operations: there is no operation \"%s\"",
                        operations[k]);
                return HSM_E_CONFIG;
            }
        }
    }
    return HSM_OK;
}

static hsm_err open_tls(server *on)
{
    if (on->config->daemon.allow_insecure)
        return HSM_OK;
    HSM_TRY(tls_library_open(on->root, &on->tls_library));
    HSM_TRY(tls_context_create(on->tls_library, on->config, NULL, &on->tls));
    atomic_store(&on->token_key_id, tls_token_key_id(on->tls));
    return HSM_OK;
}

/* All clients may come back at once, from one address too: after a restart they do. */
static hsm_err open_handshakes(server *on)
{
    const handshakes_limits limits = {
        .running_max = on->config->daemon.max_handshakes,
        .per_sec = on->config->daemon.max_handshakes_per_sec,
        .burst = on->config->daemon.max_connections,
        .conns_max = on->config->daemon.max_connections,
    };

    return handshakes_create(&limits, &on->handshakes);
}

static hsm_err open_core(server *on, const pool_options *workers)
{
    const uint32_t slots = on->config->token.slot_count;

    HSM_TRY(hsm_core_open(on->config, &on->root));
    HSM_TRY(hsm_core_start_clerks(on->root)); /* before the pool's threads lower their priority */
    on->slot_sessions = calloc(slots, sizeof *on->slot_sessions);
    on->slot_rw_sessions = calloc(slots, sizeof *on->slot_rw_sessions);
    HSM_CHECK(on->slot_sessions != NULL && on->slot_rw_sessions != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_handle_table_create(SESSIONS_MAX, &on->sessions));
    HSM_TRY(pool_create(workers, &on->workers));
    return client_table_create(on->config, on->root, on->workers, &on->clients);
}

static hsm_err open_signals(loop *on)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    on->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    HSM_CHECK(on->signal_fd >= 0, HSM_E_INTERNAL);
    on->signal_source = (loop_source){ .on_event = on_signal, .owner = on };
    return server_watch_fd(&on->server, on->signal_fd, EPOLLIN, &on->signal_source);
}

static hsm_err open_loop(loop *on)
{
    server *of = &on->server;

    of->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    HSM_CHECK(of->epoll_fd >= 0, HSM_E_INTERNAL);
    HSM_TRY(open_signals(on));
    on->pool_source = (loop_source){ .on_event = on_pool, .owner = on };
    HSM_TRY(server_watch_fd(of, pool_event_fd(of->workers), EPOLLIN, &on->pool_source));
    for (size_t i = 0; i < on->open.count; i++) {
        door *at = &on->doors[i];

        *at =
            (door){ .server = of, .fd = on->open.list[i].fd, .is_unix = on->open.list[i].is_unix };
        at->source = (loop_source){ .on_event = on_door, .owner = at };
        HSM_TRY(server_watch_fd(of, at->fd, EPOLLIN, &at->source));
    }
    return HSM_OK;
}

static void set_timers(loop *on)
{
    server *of = &on->server;

    on->accept_timer = (loop_timer){ .fire = end_accept_pause, .owner = on };
    on->drain_timer = (loop_timer){ .fire = on_drain_timer, .owner = on };
    on->crl_timer = (loop_timer){ .fire = on_crl_timer, .owner = on };
    on->watchdog_timer = (loop_timer){ .fire = on_watchdog, .owner = on };
    on->watchdog_ms = notify_watchdog_ms();
    if (on->watchdog_ms > 0)
        timers_set(&of->timers, &on->watchdog_timer, of->now_ms + on->watchdog_ms / 2);
    if (of->tls != NULL && of->config->daemon.tls_client_crl != NULL &&
        of->config->daemon.crl_refresh_secs > 0)
        timers_set(&of->timers, &on->crl_timer,
                   of->now_ms + (int64_t)of->config->daemon.crl_refresh_secs * MS_PER_SEC);
}

static void drop_loop(loop **on)
{
    if (*on != NULL)
        server_close(&(*on)->server);
}

/* All that nobody else notices. */
static hsm_err open_inside(const hsm_config *config, const pool_options *workers, loop **out_loop)
{
    HSM_AUTO(drop_loop) loop *on = calloc(1, sizeof *on);

    HSM_CHECK(on != NULL, HSM_E_NO_MEMORY);
    server *of = &on->server;
    of->config = config;
    of->epoll_fd = -1;
    on->signal_fd = -1;
    of->now_ms = clock_ms();
    of->started_ms = of->now_ms;
    timers_init(&of->timers, of->now_ms);
    hsm_log_use_json(config->daemon.log_format == HSM_LOG_JSON);
    HSM_TRY(check_rules(config));
    HSM_TRY(
        open_core(of, workers)); /* before TLS: it gives OpenSSL the memory that is not dumped */
    HSM_TRY(open_tls(of));
    HSM_TRY(metrics_create(&of->metrics));
    HSM_TRY(open_handshakes(of));
    *out_loop = HSM_MOVE(on);
    return HSM_OK;
}

hsm_err server_open_with(const hsm_config *config, const pool_options *workers, server **out_server)
{
    HSM_AUTO(drop_loop) loop *on = NULL;

    HSM_TRY(open_inside(config, workers, &on));
    server *of = &on->server;
    HSM_TRY(listen_open(config, &on->open));
    HSM_TRY(open_loop(on));
    HSM_TRY(scrape_open(of, &on->scrape));
    set_timers(on);
    *out_server = of;
    on = NULL;
    return HSM_OK;
}

static pool_options workers_of(const hsm_config *config)
{
    const uint32_t processors = hsm_processor_count();

    return (pool_options){
        .threads = {
            [POOL_FAST] = pool_threads(POOL_FAST, config->daemon.workers, processors),
            [POOL_SLOW] = pool_threads(POOL_SLOW, config->daemon.slow_workers, processors),
        },
        .waiting_max = { [POOL_FAST] = FAST_WAITING_MAX, [POOL_SLOW] = SLOW_WAITING_MAX },
    };
}

hsm_err server_open(const hsm_config *config, server **out_server)
{
    const pool_options workers = workers_of(config);

    return server_open_with(config, &workers, out_server);
}

hsm_err server_check(const hsm_config *config)
{
    const pool_options workers = workers_of(config);
    HSM_AUTO(drop_loop) loop *on = NULL;

    HSM_TRY(listen_check(config));
    return open_inside(config, &workers, &on);
}

void server_close(server *of)
{
    if (of == NULL)
        return;
    loop *on = loop_of(of);

    listen_close(&on->open);
    scrape_close(on->scrape);
    each_conn(of, conn_close);
    end_turn(of);
    pool_destroy(of->workers); /* runs what still waits, and frees the last connections */
    call_free_spares(of);
    h2_memory_clear(&of->h2_memory);
    client_table_destroy(of->clients);
    hsm_handle_table_destroy(of->sessions);
    free(of->slot_sessions);
    free(of->slot_rw_sessions);
    tls_context_destroy(on->reloaded);
    tls_context_destroy(of->tls);
    tls_library_close(of->tls_library);
    hsm_core_close(of->root);
    metrics_destroy(of->metrics);
    handshakes_destroy(of->handshakes);
    hsm_fd_drop(&on->signal_fd);
    hsm_fd_drop(&of->epoll_fd);
    free(on);
}
