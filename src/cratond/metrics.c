/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/remote.h"
#include "cratond/grpc_status.h"
#include "cratond/rpc.h"

#define LINE_MAX_BYTES 1024
#define US_PER_SEC 1e6
#define NS_PER_SEC 1e9
/* More than there are. */
#define MECHANISMS_MAX 512u

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

typedef struct mechanism_counts {
    uint64_t id;
    const char *name;
    uint64_t good;
    uint64_t failed;
    uint64_t sum_us;
} mechanism_counts;

struct metrics {
    mechanism_counts mechanisms[MECHANISMS_MAX]; /* those that were used, in their order */
    size_t mechanism_count;
    uint64_t handshakes_failed;
    uint64_t handshakes_refused;
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

void metrics_handshake_refused(metrics *counts)
{
    counts->handshakes_refused++;
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

static mechanism_counts *find_mechanism(metrics *counts, uint64_t id)
{
    hsm_mechanism_facts facts;

    for (size_t i = 0; i < counts->mechanism_count; i++) {
        if (counts->mechanisms[i].id == id)
            return &counts->mechanisms[i];
    }
    if (counts->mechanism_count == MECHANISMS_MAX ||
        hsm_core_mechanism_facts((CK_MECHANISM_TYPE)id, &facts) != HSM_OK)
        return NULL;
    mechanism_counts *made = &counts->mechanisms[counts->mechanism_count++];
    *made = (mechanism_counts){ .id = id, .name = facts.name };
    return made;
}

void metrics_mechanism(metrics *counts, uint64_t mechanism, bool is_ok, int64_t took_us)
{
    mechanism_counts *row = find_mechanism(counts, mechanism);

    if (row == NULL)
        return;
    row->good += is_ok;
    row->failed += !is_ok;
    row->sum_us += (uint64_t)took_us;
}

/* --- as text ---------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static hsm_err put(hsm_buf *out, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;

    va_start(arguments, format);
    const int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    HSM_CHECK(len >= 0 && (size_t)len < sizeof line, HSM_E_INTERNAL);
    return hsm_buf_append(out, hsm_bytes_of(line, (size_t)len));
}

static const char *method_name(const metrics *counts, size_t row)
{
    size_t ignored = 0;

    return row < counts->method_count ? rpc_table(&ignored)[row].path : "unknown";
}

static hsm_err put_logins(const uint64_t *logins, hsm_buf *out)
{
    static const char *const outcomes[LOGIN_OUTCOMES] = {
        [LOGIN_OK] = "ok",         [LOGIN_WRONG_PIN] = "wrong_pin",
        [LOGIN_LOCKED] = "locked", [LOGIN_COOLDOWN] = "cooldown",
        [LOGIN_OTHER] = "other",
    };

    HSM_TRY(put(out, "# HELP cratond_logins_total PINs that clients gave, by what came of them.\n"
                     "# TYPE cratond_logins_total counter\n"));
    for (size_t i = 0; i < LOGIN_OUTCOMES; i++)
        HSM_TRY(put(out, "cratond_logins_total{outcome=\"%s\"} %llu\n", outcomes[i],
                    (unsigned long long)logins[i]));
    return HSM_OK;
}

static hsm_err put_meter(const char *name, const char *help, hsm_meter_reading read, hsm_buf *out)
{
    return put(out,
               "# HELP cratond_%s_seconds %s\n# TYPE cratond_%s_seconds summary\n"
               "cratond_%s_seconds_sum %g\ncratond_%s_seconds_count %llu\n",
               name, help, name, name, (double)read.ns / NS_PER_SEC, name,
               (unsigned long long)read.count);
}

static hsm_err put_core(const hsm_core_figures *core, hsm_buf *out)
{
    HSM_TRY(put_meter("audit_write", "What calls waited for entries of the audit log.", core->audit,
                      out));
    return put_meter("store_write", "What calls waited for changes of the store.", core->store,
                     out);
}

static hsm_err put_calls(const metrics *counts, hsm_buf *out)
{
    HSM_TRY(put(out, "# HELP cratond_calls_total Calls that have ended.\n"
                     "# TYPE cratond_calls_total counter\n"));
    for (size_t row = 0; row <= counts->method_count; row++) {
        for (int status = 0; status < HSM_GRPC_STATUSES; status++) {
            if (counts->methods[row].by_status[status] == 0)
                continue;
            HSM_TRY(put(out, "cratond_calls_total{method=\"%s\",status=\"%s\"} %llu\n",
                        method_name(counts, row), grpc_status_name(status),
                        (unsigned long long)counts->methods[row].by_status[status]));
        }
    }
    return HSM_OK;
}

static hsm_err put_times_of(const metrics *counts, size_t row, hsm_buf *out)
{
    const method_counts *of = &counts->methods[row];
    const char *name = method_name(counts, row);
    uint64_t total = 0;

    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        total += of->buckets[i];
        HSM_TRY(put(out, "cratond_call_seconds_bucket{method=\"%s\",le=\"%g\"} %llu\n", name,
                    (double)bucket_us[i] / US_PER_SEC, (unsigned long long)total));
    }
    total += of->buckets[METRICS_BUCKETS];
    return put(out,
               "cratond_call_seconds_bucket{method=\"%s\",le=\"+Inf\"} %llu\n"
               "cratond_call_seconds_sum{method=\"%s\"} %g\n"
               "cratond_call_seconds_count{method=\"%s\"} %llu\n",
               name, (unsigned long long)total, name, (double)of->sum_us / US_PER_SEC, name,
               (unsigned long long)total);
}

static hsm_err put_times(const metrics *counts, hsm_buf *out)
{
    HSM_TRY(put(out, "# HELP cratond_call_seconds From a call's headers to its outcome.\n"
                     "# TYPE cratond_call_seconds histogram\n"));
    for (size_t row = 0; row <= counts->method_count; row++) {
        uint64_t total = 0;

        for (size_t i = 0; i <= METRICS_BUCKETS; i++)
            total += counts->methods[row].buckets[i];
        if (total > 0)
            HSM_TRY(put_times_of(counts, row, out));
    }
    return HSM_OK;
}

static hsm_err put_mechanisms(const metrics *counts, hsm_buf *out)
{
    HSM_TRY(put(out, "# HELP cratond_mechanism_calls_total Calls whose request named a mechanism.\n"
                     "# TYPE cratond_mechanism_calls_total counter\n"));
    for (size_t i = 0; i < counts->mechanism_count; i++) {
        const mechanism_counts *of = &counts->mechanisms[i];

        HSM_TRY(put(out,
                    "cratond_mechanism_calls_total{mechanism=\"%s\",result=\"ok\"} %llu\n"
                    "cratond_mechanism_calls_total{mechanism=\"%s\",result=\"error\"} %llu\n",
                    of->name, (unsigned long long)of->good, of->name,
                    (unsigned long long)of->failed));
    }
    HSM_TRY(put(out, "# HELP cratond_mechanism_seconds_total How long those took, all together.\n"
                     "# TYPE cratond_mechanism_seconds_total counter\n"));
    for (size_t i = 0; i < counts->mechanism_count; i++)
        HSM_TRY(put(out, "cratond_mechanism_seconds_total{mechanism=\"%s\"} %g\n",
                    counts->mechanisms[i].name, (double)counts->mechanisms[i].sum_us / US_PER_SEC));
    return HSM_OK;
}

hsm_err metrics_write(const metrics *counts, const metrics_gauges *now, hsm_buf *out)
{
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } singles[] = {
        { "connections", "gauge", "Connections open now.", now->connections },
        { "clients", "gauge", "Different clients known now.", now->clients },
        { "sessions", "gauge", "Sessions open now.", now->sessions },
        { "uptime_seconds", "gauge", "Seconds since the start.", now->uptime_secs },
        { "certificate_end_seconds", "gauge",
          "When the daemon's certificate expires, in seconds since 1970.",
          (uint64_t)now->certificate_end },
        { "error_state", "gauge", "1: a self-test or the entropy source has failed.",
          now->core.has_failed },
        { "audit_lost", "gauge", "Entries that the audit log lacks and does not tell of yet.",
          now->core.audit_lost },
        { "handshakes_failed_total", "counter", "TLS handshakes that failed.",
          counts->handshakes_failed },
        { "handshakes_refused_total", "counter", "TLS handshakes beyond an address's share.",
          counts->handshakes_refused },
        { "connections_refused_total", "counter", "Connections beyond the limit.",
          counts->connections_refused },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(singles); i++)
        HSM_TRY(put(out, "# HELP cratond_%s %s\n# TYPE cratond_%s %s\ncratond_%s %llu\n",
                    singles[i].name, singles[i].help, singles[i].name, singles[i].type,
                    singles[i].name, (unsigned long long)singles[i].value));
    HSM_TRY(put_logins(now->logins, out));
    HSM_TRY(put_core(&now->core, out));
    HSM_TRY(put_calls(counts, out));
    HSM_TRY(put_mechanisms(counts, out));
    return put_times(counts, out);
}
