/* A load client for the daemon: what all of its files share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LOAD_H
#define TESTS_LOAD_H

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_MESSAGES_MAX 4096u
#define LOAD_STREAMS_MAX 1000u
#define LOAD_CONNECTIONS_MAX 60000u

/* A request, framed as gRPC has it. */
typedef struct load_message {
    uint8_t *data;
    size_t len;
} load_message;

typedef struct load_options {
    uint16_t port;
    const char *ca;
    const char *cert;
    const char *key;
    const char *path; /* of the method */
    load_message messages[LOAD_MESSAGES_MAX];
    size_t message_count;
    unsigned connections;
    unsigned streams; /* on each connection */
    double seconds;
    double warm_up; /* seconds before anything is counted */
    size_t reply_min_bytes;
    long server_pid; /* 0: its processor time and memory are not told */
    bool is_idle;    /* the connections are opened and held, and nothing is asked */
} load_options;

/* Counts of microseconds; the last bucket has everything slower. */
#define LOAD_LATENCY_MAX_US 2000000u
typedef struct load_tally {
    uint32_t *latency; /* LOAD_LATENCY_MAX_US of them */
    uint64_t done;
    uint64_t failed;
    bool is_counting;
    bool is_over; /* no new requests */
} load_tally;

typedef struct load_conn load_conn;

double load_now(clockid_t clock);
/* Ends the program with a line on standard error. */
_Noreturn void load_fail(const char *what);

/* raw.c: microseconds of processor time of one P-256 signature. */
double load_raw_sign_us(void);

/* conn.c: one connection over TLS, made and shaken hands on; the first requests are not sent yet. */
SSL_CTX *load_tls(const load_options *options);
load_conn *load_conn_open(const load_options *options, load_tally *tally, SSL_CTX *ctx,
                          unsigned number);
int load_conn_fd(const load_conn *on);
/* Sends the first request of each stream. */
void load_conn_start(load_conn *on);
/* Reads what is there, goes on with what has been answered, writes; returns whether the socket was
 * full. */
bool load_conn_turn(load_conn *on);
/* Waits until the server's SETTINGS have come and were acknowledged. */
void load_conn_settle(load_conn *on);
void load_conn_close(load_conn *on);

#endif
