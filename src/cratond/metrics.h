/* What the daemon counts.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_METRICS_H
#define HSM_CRATOND_METRICS_H

#include "base/buf.h"
#include "base/scope.h"
#include "core/figures.h"
#include "cratond/client.h"

#define METRICS_BUCKETS 13

typedef struct metrics metrics;

HSM_MUST_USE hsm_err metrics_create(metrics **out_metrics);
void metrics_destroy(metrics *counts);

/* What others count. */
typedef struct metrics_gauges {
    uint64_t connections;
    uint64_t clients;
    uint64_t sessions;
    uint64_t uptime_secs;
    uint64_t logins[LOGIN_OUTCOMES];
    hsm_core_figures core;
    int64_t certificate_end; /* seconds since 1970; 0: no TLS */
} metrics_gauges;
/* Appends everything in Prometheus' text format. errors HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err metrics_write(const metrics *counts, const metrics_gauges *now, hsm_buf *out);

void metrics_handshake_failed(metrics *counts);
void metrics_connection_refused(metrics *counts);
/* One that its address was not let begin. */
void metrics_handshake_refused(metrics *counts);
/* A call has ended. method: a row's index in rpc_table(), or -1. */
void metrics_call(metrics *counts, int method, int status, int64_t took_us);
/* The same, by the mechanism that its request named; one that there is not is not counted. */
void metrics_mechanism(metrics *counts, uint64_t mechanism, bool is_ok, int64_t took_us);

#endif
