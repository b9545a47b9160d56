/* What the audit log costs here: prints one JSON object.
 *
 *     bench_audit [DIRECTORY]        a directory on the disk to measure; default: the current one
 *
 * Rates of "sync" are compared with the disk's own: the same bytes written over old ones, and synced.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/log.h"
#include "audit/verify.h"

#define LINE_BYTES 480
/* Disk and log take turns in slices this short, because the disk of a busy machine is not the same from
 * one second to the next; the ratio is the median over the pairs. */
#define SLICE_SECONDS 0.2
#define PAIRS 25
#define THREADS_MAX 64
#define BATCH_EVENTS 200000u

static const uint8_t key[HSM_AUDIT_KEY_BYTES] = "a key for measuring, 32 bytes ..";
static const char *directory;

static double seconds(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    (void)fprintf(stderr, "bench_audit: %s\n", what);
    exit(1);
}

/* --- the disk's own rate ---------------------------------------------------------------------- */

static char room[1024 * 1024];

static int open_raw(void)
{
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/raw", directory);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    memset(room, ' ', sizeof room);
    if (fd < 0 || write(fd, room, sizeof room) != (ssize_t)sizeof room || fsync(fd) != 0)
        fail("can't write");
    return fd;
}

static double raw_rate_here(int fd)
{
    const double start = seconds(CLOCK_MONOTONIC);
    size_t count = 0;

    while (seconds(CLOCK_MONOTONIC) - start < SLICE_SECONDS) {
        const off_t at = (off_t)(count * LINE_BYTES % (sizeof room - LINE_BYTES));

        if (pwrite(fd, room, LINE_BYTES, at) != LINE_BYTES || fdatasync(fd) != 0)
            fail("can't write");
        count++;
    }
    return (double)count / (seconds(CLOCK_MONOTONIC) - start);
}

typedef struct raw_worker {
    int fd;
    double rate;
} raw_worker;

static void *work_raw(void *arg)
{
    raw_worker *own = arg;

    own->rate = raw_rate_here(own->fd);
    return NULL;
}

/* In a thread of its own, as the log's callers are: processors differ in how near they are to the disk. */
static double raw_rate(int fd)
{
    raw_worker own = { .fd = fd };
    pthread_t thread;

    if (pthread_create(&thread, NULL, work_raw, &own) != 0 || pthread_join(thread, NULL) != 0)
        fail("can't start a thread");
    return own.rate;
}

/* --- the log ---------------------------------------------------------------------------------- */

static hsm_audit_log *open_log(hsm_crypto *crypto, const char *name, bool is_batch)
{
    char path[4096];
    hsm_audit_log *log = NULL;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    const hsm_audit_options options = {
        .log_path = path,
        .state_directory = directory,
        .crypto = crypto,
        .mac_key = hsm_bytes_of(key, sizeof key),
        .seal_key = hsm_bytes_of(key, sizeof key),
        .classes = HSM_AUDIT_CLASS_ANY,
        .is_batch = is_batch,
        .batch_ms = 50,
        .checkpoint_ms = 1000,
        .file_max_bytes = (uint64_t)1 << 40,
        .busy_ms = 10000,
    };
    if (hsm_audit_open(&options, &log) != HSM_OK)
        fail("can't open the log");
    return log;
}

static void append(hsm_audit_log *log)
{
    const hsm_audit_event event = {
        .operation = HSM_AUDITED_SIGN,
        .has_slot = true,
        .session = 12345678,
        .user = "user",
        .has_mechanism = true,
        .mechanism_name = "ECDSA_SHA256",
        .key_bits = 256,
        .approved = HSM_AUDIT_APPROVED_YES,
        .object = { hsm_bytes_of_text("000000000000002a00c0ffee"), hsm_bytes_of_text("key 1") },
    };

    if (hsm_audit_append(log, &event) != HSM_OK)
        fail("can't append");
}

typedef struct worker {
    pthread_t thread;
    hsm_audit_log *log;
    double until;
    size_t count;
} worker;

static void *work(void *arg)
{
    worker *own = arg;

    while (seconds(CLOCK_MONOTONIC) < own->until) {
        append(own->log);
        own->count++;
    }
    return NULL;
}

static double sync_rate(hsm_audit_log *log, size_t threads)
{
    worker workers[THREADS_MAX];
    size_t count = 0;
    const double start = seconds(CLOCK_MONOTONIC);
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (worker){ .log = log, .until = start + SLICE_SECONDS };
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            fail("can't start a thread");
    }
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        count += workers[i].count;
    }
    return (double)count / (seconds(CLOCK_MONOTONIC) - start);
}

/* Processor time of one event, in microseconds. */
static double batch_cost(hsm_crypto *crypto)
{
    hsm_audit_log *log = open_log(crypto, "batch.jsonl", true);
    const double start = seconds(CLOCK_PROCESS_CPUTIME_ID);

    for (unsigned i = 0; i < BATCH_EVENTS; i++)
        append(log);
    const double took = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    hsm_audit_close(log);
    return took / BATCH_EVENTS * 1e6;
}

typedef struct verify_result {
    double rate; /* entries a second of processor time */
    long peak_growth_kb;
} verify_result;

static long peak_kb(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static verify_result verify_rate(hsm_crypto *crypto, bool is_keyed)
{
    hsm_audit_reader *reader = NULL;
    hsm_audit_verifier *verifier = NULL;
    hsm_audit_verdict verdict;
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/batch.jsonl", directory);
    if (hsm_audit_reader_open(path, false, &reader) != HSM_OK ||
        hsm_audit_verifier_create(crypto,
                                  is_keyed ? hsm_bytes_of(key, sizeof key) : hsm_bytes_none(), NULL,
                                  &verifier) != HSM_OK)
        fail("can't open to verify");
    const long before_kb = peak_kb();
    const double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (hsm_audit_verifier_run(verifier, reader, NULL, NULL) != HSM_OK)
        fail("can't verify");
    const double took = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    hsm_audit_verifier_end(verifier, NULL, &verdict);
    hsm_audit_verifier_destroy(verifier);
    hsm_audit_reader_close(reader);
    if (verdict.fault != HSM_AUDIT_FAULT_NONE)
        fail(hsm_audit_fault_text(verdict.fault));
    return (verify_result){ (double)verdict.entries / took, peak_kb() - before_kb };
}

static void remove_all(void)
{
    DIR *dir = opendir(directory);
    char path[8192];

    for (const struct dirent *one = NULL; dir != NULL && (one = readdir(dir)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, one->d_name);
        (void)unlink(path);
    }
    if (dir != NULL)
        (void)closedir(dir);
    (void)rmdir(directory);
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;

    return a < b ? -1 : a > b;
}

static double median(double values[PAIRS])
{
    qsort(values, PAIRS, sizeof values[0], compare);
    return values[PAIRS / 2];
}

static void print_threads(hsm_audit_log *log, int raw_fd, size_t threads)
{
    double raw[PAIRS];
    double own[PAIRS];
    double ratio[PAIRS];

    for (int i = 0; i < PAIRS; i++) {
        raw[i] = raw_rate(raw_fd);
        own[i] = sync_rate(log, threads);
        ratio[i] = own[i] / raw[i];
    }
    (void)printf("    {\"threads\": %zu, \"disk_per_s\": %.0f, \"events_per_s\": %.0f, "
                 "\"ratio\": %.2f}",
                 threads, median(raw), median(own), median(ratio));
}

static void print_sync(hsm_crypto *crypto)
{
    static const size_t threads[] = { 1, 2, 8, 64 };
    hsm_audit_log *log = open_log(crypto, "sync.jsonl", false);
    const int raw_fd = open_raw();

    for (int i = 0; i < 200; i++) /* room is made ahead by now */
        append(log);
    (void)printf("  \"sync\": [");
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        (void)printf("%s\n", t == 0 ? "" : ",");
        print_threads(log, raw_fd, threads[t]);
        (void)fflush(stdout);
    }
    (void)printf("\n  ],\n");
    (void)close(raw_fd);
    hsm_audit_close(log);
}

int main(int argc, char **argv)
{
    const hsm_crypto_options options = { .backend = "openssl", .may_use_pqc = true };
    hsm_crypto *crypto = NULL;
    char made[4096];

    (void)snprintf(made, sizeof made, "%s/bench-audit-XXXXXX", argc > 1 ? argv[1] : ".");
    char *real = mkdtemp(made) == NULL ? NULL : realpath(made, NULL);
    if (real == NULL)
        fail("can't make a directory");
    directory = real;
    if (hsm_crypto_create(&options, &crypto) != HSM_OK)
        fail("no cryptography");
    (void)printf("{\n");
    if (getenv("BENCH_AUDIT_NO_SYNC") == NULL)
        print_sync(crypto);
    (void)printf("  \"batch_cpu_us_per_event\": %.2f,\n", batch_cost(crypto));
    const verify_result keyed = verify_rate(crypto, true);
    const verify_result chain = verify_rate(crypto, false);
    (void)printf("  \"verify_per_s\": %.0f, \"verify_peak_growth_kb\": %ld,\n", keyed.rate,
                 keyed.peak_growth_kb);
    (void)printf("  \"verify_chain_only_per_s\": %.0f\n}\n", chain.rate);
    hsm_crypto_destroy(crypto);
    remove_all();
    free(real);
    return 0;
}
