/* Load on a gRPC server over mutual TLS, from one thread: prints one JSON object.
 *
 *     load --port N --ca FILE --cert FILE --key FILE --path /SERVICE/METHOD [--message FILE]...
 *          [--connections N] [--streams N] [--seconds S] [--warm-up S] [--reply-min BYTES] [--pid PID]
 *     load --raw          microseconds of processor time of a P-256 signature, to compare with
 *     load --idle ...     opens the connections, tells what they cost the server, holds them until
 *                         its standard input ends
 *
 * Each stream sends one of the messages (protobuf, not framed) again and again: stream n of all has
 * message n modulo their number. An answer counts if grpc-status is 0 and it has enough bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define EVENTS_MAX 256
#define WAIT_MS 50
#define PREFIX_BYTES 5u
#define MESSAGE_MAX_BYTES ((size_t)4 * 1024 * 1024)

static load_options options = { .connections = 1, .streams = 1, .seconds = 3, .warm_up = 0.5 };
static load_conn **conns;

double load_now(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void load_fail(const char *what)
{
    (void)fprintf(stderr, "load: %s\n", what);
    exit(1);
}

/* --- the command line ----------------------------------------------------------------------------- */

static void add_message(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(PREFIX_BYTES + MESSAGE_MAX_BYTES);

    if (file == NULL || data == NULL || options.message_count == LOAD_MESSAGES_MAX)
        load_fail("can't read a message");
    const size_t len = fread(data + PREFIX_BYTES, 1, MESSAGE_MAX_BYTES, file);
    (void)fclose(file);
    data[0] = 0;
    for (unsigned i = 0; i < 4; i++)
        data[1 + i] = (uint8_t)(len >> (24 - 8 * i));
    uint8_t *fitting = realloc(data, PREFIX_BYTES + len);
    options.messages[options.message_count++] =
        (load_message){ .data = fitting != NULL ? fitting : data, .len = PREFIX_BYTES + len };
}

static unsigned number(const char *text, unsigned max)
{
    char *end = NULL;
    const unsigned long value = strtoul(text, &end, 10);

    if (*end != '\0' || value < 1 || value > max)
        load_fail("a number is out of its range");
    return (unsigned)value;
}

static void take_option(int option)
{
    switch (option) {
    case 'p':
        options.port = (uint16_t)number(optarg, UINT16_MAX);
        return;
    case 'a':
        options.ca = optarg;
        return;
    case 'c':
        options.cert = optarg;
        return;
    case 'k':
        options.key = optarg;
        return;
    case 'm':
        options.path = optarg;
        return;
    case 'f':
        add_message(optarg);
        return;
    case 'n':
        options.connections = number(optarg, LOAD_CONNECTIONS_MAX);
        return;
    case 's':
        options.streams = number(optarg, LOAD_STREAMS_MAX);
        return;
    case 't':
        options.seconds = strtod(optarg, NULL);
        return;
    case 'w':
        options.warm_up = strtod(optarg, NULL);
        return;
    case 'r':
        options.reply_min_bytes = number(optarg, UINT32_MAX);
        return;
    case 'i':
        options.server_pid = (long)number(optarg, INT32_MAX);
        return;
    case 'I':
        options.is_idle = true;
        return;
    case 'R':
        (void)printf("%.2f\n", load_raw_sign_us());
        exit(0);
    default:
        load_fail("unknown option");
    }
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {
        { "port", required_argument, NULL, 'p' },
        { "ca", required_argument, NULL, 'a' },
        { "cert", required_argument, NULL, 'c' },
        { "key", required_argument, NULL, 'k' },
        { "path", required_argument, NULL, 'm' },
        { "message", required_argument, NULL, 'f' },
        { "connections", required_argument, NULL, 'n' },
        { "streams", required_argument, NULL, 's' },
        { "seconds", required_argument, NULL, 't' },
        { "warm-up", required_argument, NULL, 'w' },
        { "reply-min", required_argument, NULL, 'r' },
        { "pid", required_argument, NULL, 'i' },
        { "idle", no_argument, NULL, 'I' },
        { "raw", no_argument, NULL, 'R' },
        { 0 },
    };
    int option = 0;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        take_option(option);
    if (options.port == 0 || options.ca == NULL || options.cert == NULL || options.key == NULL ||
        (options.path == NULL && !options.is_idle))
        load_fail("--port, --ca, --cert, --key and --path are needed");
    if (options.message_count == 0)
        add_message("/dev/null"); /* the empty message */
}

/* --- the server, seen from outside ------------------------------------------------------------------ */

/* Seconds of processor time it has used; 0 if it can't be told. */
static double server_cpu(void)
{
    char path[64];
    char text[1024] = "";
    unsigned long user = 0;
    unsigned long system = 0;

    (void)snprintf(path, sizeof path, "/proc/%ld/stat", options.server_pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    const size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    const char *after_name = strrchr(text, ')');
    if (after_name == NULL ||
        sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static unsigned long server_rss_kib(void)
{
    char path[64];
    char line[256];
    unsigned long kib = 0;

    (void)snprintf(path, sizeof path, "/proc/%ld/status", options.server_pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && kib == 0 && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "VmRSS: %lu", &kib);
    if (file != NULL)
        (void)fclose(file);
    return kib;
}

/* --- running ------------------------------------------------------------------------------------------ */

static void open_all(load_tally *tally)
{
    SSL_CTX *ctx = load_tls(&options);

    conns = calloc(options.connections, sizeof *conns);
    if (conns == NULL)
        load_fail("no memory");
    for (unsigned i = 0; i < options.connections; i++) {
        conns[i] = load_conn_open(&options, tally, ctx, i);
        load_conn_settle(conns[i]);
    }
    SSL_CTX_free(ctx);
}

static void close_all(void)
{
    for (unsigned i = 0; i < options.connections; i++)
        load_conn_close(conns[i]);
    free(conns);
}

static int hold_idle(load_tally *tally)
{
    char byte = 0;
    const unsigned long before = server_rss_kib();

    open_all(tally);
    const unsigned long after = server_rss_kib();
    (void)printf("{\"connections\": %u, \"server_rss_kib\": %lu, \"bytes_per_connection\": %.0f}\n",
                 options.connections, after,
                 ((double)after - (double)before) * 1024 / options.connections);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    close_all();
    return 0;
}

static void run_until(int epoll_fd, double end)
{
    struct epoll_event events[EVENTS_MAX];

    while (load_now(CLOCK_MONOTONIC) < end) {
        const int count = epoll_wait(epoll_fd, events, EVENTS_MAX, WAIT_MS);

        for (int i = 0; i < count; i++) {
            load_conn *on = events[i].data.ptr;
            const bool is_full = load_conn_turn(on);
            struct epoll_event next = { .events = EPOLLIN | (is_full ? EPOLLOUT : 0),
                                        .data.ptr = on };

            if (is_full || (events[i].events & EPOLLOUT) != 0)
                (void)epoll_ctl(epoll_fd, EPOLL_CTL_MOD, load_conn_fd(on), &next);
        }
    }
}

static uint32_t percentile(const load_tally *tally, double share)
{
    uint64_t seen = 0;

    for (uint32_t i = 0; i < LOAD_LATENCY_MAX_US; i++) {
        seen += tally->latency[i];
        if (tally->done > 0 && (double)seen >= share * (double)tally->done)
            return i;
    }
    return 0;
}

static void tell(const load_tally *tally, double took, double cpu, double own_cpu)
{
    const double done = tally->done > 0 ? (double)tally->done : 1;

    (void)printf("{\"path\": \"%s\", \"connections\": %u, \"streams\": %u, \"per_second\": %.0f, "
                 "\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, \"server_cpu_us\": %.2f, "
                 "\"client_cpu_us\": %.2f, \"failed\": %llu}\n",
                 options.path, options.connections, options.streams, (double)tally->done / took,
                 percentile(tally, 0.5), percentile(tally, 0.99), percentile(tally, 1),
                 cpu / done * 1e6, own_cpu / done * 1e6, (unsigned long long)tally->failed);
}

static int run(load_tally *tally)
{
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    open_all(tally);
    for (unsigned i = 0; i < options.connections; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = conns[i] };

        load_conn_start(conns[i]);
        (void)load_conn_turn(conns[i]);
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, load_conn_fd(conns[i]), &event) != 0)
            load_fail("epoll");
    }
    run_until(epoll_fd, load_now(CLOCK_MONOTONIC) + options.warm_up);
    const double start = load_now(CLOCK_MONOTONIC);
    const double cpu = server_cpu();
    const double own_cpu = load_now(CLOCK_PROCESS_CPUTIME_ID);
    tally->is_counting = true;
    run_until(epoll_fd, start + options.seconds);
    tally->is_counting = false;
    tell(tally, load_now(CLOCK_MONOTONIC) - start, server_cpu() - cpu,
         load_now(CLOCK_PROCESS_CPUTIME_ID) - own_cpu);
    tally->is_over = true;
    (void)close(epoll_fd);
    close_all();
    return tally->failed > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    load_tally tally = { .latency = calloc(LOAD_LATENCY_MAX_US, sizeof *tally.latency) };

    if (tally.latency == NULL)
        load_fail("no memory");
    (void)signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv);
    const int status = options.is_idle ? hold_idle(&tally) : run(&tally);
    free(tally.latency);
    return status;
}
