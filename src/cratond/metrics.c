/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/metrics.h"

#include <stdlib.h>

#include "cratond/grpc_status.h"
#include "cratond/rpc.h"

/* Upper ends of the buckets of call times, in microseconds. */
static const int64_t bucket_us[METRICS_BUCKETS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 10000000,
};

/* One method's calls. The last row is of methods that do not exist. */
typedef struct method_counts {
    uint64_t by_status[HSM_GRPC_STATUSES];
    uint64_t buckets[METRICS_BUCKETS + 1];
    uint64_t sum_us;
} method_counts;

struct metrics {
    uint64_t handshakes_failed;
    uint64_t connections_refused;
    size_t method_count;
    method_counts methods[];
};

hsm_err metrics_create(metrics **out_metrics)
{
    size_t count = 0;

    (void)rpc_table(&count);
    metrics *made = calloc(1, sizeof *made + (count + 1) * sizeof made->methods[0]);
    HSM_CHECK(made != NULL, HSM_E_NO_MEMORY);
    made->method_count = count;
    *out_metrics = made;
    return HSM_OK;
}

void metrics_destroy(metrics *counts)
{
    free(counts);
}

void metrics_handshake_failed(metrics *counts)
{
    counts->handshakes_failed++;
}

void metrics_connection_refused(metrics *counts)
{
    counts->connections_refused++;
}

void metrics_call(metrics *counts, int method, int status, int64_t took_us)
{
    method_counts *row = &counts->methods[method >= 0 ? (size_t)method : counts->method_count];
    size_t bucket = 0;

    while (bucket < METRICS_BUCKETS && took_us > bucket_us[bucket])
        bucket++;
    row->buckets[bucket]++;
    row->sum_us += (uint64_t)took_us;
    row->by_status[status >= 0 && status < HSM_GRPC_STATUSES ? status : 2]++;
}
