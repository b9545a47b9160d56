/* What the daemon counts.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_METRICS_H
#define HSM_CRATOND_METRICS_H

#include "base/buf.h"
#include "base/scope.h"

#define METRICS_BUCKETS 13

typedef struct metrics metrics;

HSM_MUST_USE hsm_err metrics_create(metrics **out_metrics);
void metrics_destroy(metrics *counts);

/* A call has ended. method: a row's index in rpc_table(), or -1. */
void metrics_handshake_failed(metrics *counts);
void metrics_connection_refused(metrics *counts);
void metrics_call(metrics *counts, int method, int status, int64_t took_us);

#endif
