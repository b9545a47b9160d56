/* What depends on size: searching among many objects, durable creation, opening again, memory.
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/rows.h"
#include "pkcs11/pkcs11.h"

static CK_BBOOL yes = CK_TRUE;

static long rss_kib(const char *field)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kib = -1;

    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtol(line + strlen(field) + 1, NULL, 10);
    }
    if (status != NULL)
        (void)fclose(status);
    return kib;
}

/* One small token key with an ID and a label of its own. */
static CK_RV create_key(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, unsigned long number)
{
    CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_OBJECT_HANDLE made = 0;
    uint8_t value[32] = { 1 };
    char label[32];
    const int label_len = snprintf(label, sizeof label, "key %lu", number);
    CK_ATTRIBUTE tmpl[] = {
        { CKA_CLASS, &object_class, sizeof object_class },
        { CKA_KEY_TYPE, &type, sizeof type },
        { CKA_TOKEN, &yes, 1 },
        { CKA_PRIVATE, &yes, 1 },
        { CKA_ENCRYPT, &yes, 1 },
        { CKA_VALUE, value, sizeof value },
        { CKA_ID, &number, sizeof number },
        { CKA_LABEL, label, (CK_ULONG)label_len },
    };

    memcpy(value, &number, sizeof number);
    return f->C_CreateObject(session, tmpl, sizeof tmpl / sizeof tmpl[0], &made);
}

typedef struct creator {
    pthread_t thread;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    unsigned long first;
    unsigned long count;
    CK_RV rv;
} creator;

static void *create_many(void *arg)
{
    creator *c = arg;

    for (unsigned long i = 0; i < c->count && c->rv == CKR_OK; i++)
        c->rv = create_key(c->f, c->session, c->first + i);
    return NULL;
}

/* Objects per second made durably by `threads` threads; negative on failure. */
static double create_rate(void *state, unsigned long *next, unsigned long count, unsigned threads)
{
    creator creators[16] = { 0 };
    CK_FUNCTION_LIST *f = bench_p11_functions(state);
    CK_SESSION_INFO info;
    bool is_good = f->C_GetSessionInfo(bench_p11_session(state), &info) == CKR_OK;
    const double start = bench_now();

    for (unsigned i = 0; i < threads && is_good; i++) {
        creators[i] = (creator){ .f = f, .first = *next, .count = count / threads };
        *next += count / threads;
        is_good = f->C_OpenSession(info.slotID, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                   &creators[i].session) == CKR_OK &&
                  pthread_create(&creators[i].thread, NULL, create_many, &creators[i]) == 0;
    }
    for (unsigned i = 0; i < threads && is_good; i++) {
        (void)pthread_join(creators[i].thread, NULL);
        (void)f->C_CloseSession(creators[i].session);
        is_good = creators[i].rv == CKR_OK;
        if (!is_good)
            (void)fprintf(stderr, "bench: C_CreateObject: 0x%lx\n", (unsigned long)creators[i].rv);
    }
    return is_good ? (double)count / (bench_now() - start) : -1;
}

/* Bytes this process has written by system calls; 0 when the kernel does not say. */
static unsigned long bytes_written(void)
{
    unsigned long bytes = 0;
    char line[64];
    FILE *file = fopen("/proc/self/io", "re");

    while (file != NULL && bytes == 0 && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "wchar: %lu", &bytes);
    if (file != NULL)
        (void)fclose(file);
    return bytes;
}

/* The disk's own rate of writing so many bytes and fdatasync(), as a log does it: one after the
 * other in a file that already has its size. */
static double disk_rate(size_t bytes, double seconds)
{
    enum { ROOM = 4 << 20 };
    const char *folder = getenv("BENCH_DIRECTORY");
    static const char block[64 << 10];
    char path[4096];
    unsigned long done = 0;
    off_t at = 0;

    (void)snprintf(path, sizeof path, "%s/sync-probe", folder == NULL ? "." : folder);
    const int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    (void)unlink(path); /* goes when it is closed */
    for (off_t made = lseek(fd, 0, SEEK_END); fd >= 0 && made < ROOM; made += (off_t)sizeof block) {
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fdatasync(fd) != 0)
            break;
    }
    if (bytes > sizeof block)
        bytes = sizeof block;
    const double start = bench_now();
    while (fd >= 0 && bench_now() - start < seconds) {
        if (pwrite(fd, block, bytes, at) != (ssize_t)bytes || fdatasync(fd) != 0)
            break;
        at = at + 2 * (off_t)bytes > ROOM ? 0 : at + (off_t)bytes;
        done++;
    }
    const double rate = (double)done / (bench_now() - start);
    if (fd >= 0)
        (void)close(fd);
    return rate;
}

/* Seconds by `clock` for one whole search (Init, Find, Final); negative on failure or if nothing is
 * found. */
static double find_once(void *state, CK_ATTRIBUTE *attr, double (*clock)(void))
{
    CK_FUNCTION_LIST *f = bench_p11_functions(state);
    const CK_SESSION_HANDLE session = bench_p11_session(state);
    CK_OBJECT_HANDLE found = 0;
    CK_ULONG count = 0;
    const double start = clock();
    const bool is_good = f->C_FindObjectsInit(session, attr, 1) == CKR_OK &&
                         f->C_FindObjects(session, &found, 1, &count) == CKR_OK &&
                         f->C_FindObjectsFinal(session) == CKR_OK && count == 1;

    return is_good ? clock() - start : -1;
}

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* What is searched for: 1000 different keys, each once. */
#define SEARCHES 1000u

typedef struct searches {
    void *state;
    unsigned long objects;
    unsigned long first; /* so that runs do not meet what an earlier one left in the cache */
    bool by_label;
} searches;

/* Median of the searches, by `clock`. */
static double find_median(const searches *s, double (*clock)(void))
{
    double *times = calloc(SEARCHES, sizeof *times);
    double median = -1;

    for (unsigned i = 0; times != NULL && i < SEARCHES; i++) {
        unsigned long number = 1 + (s->first + i * 7919UL) % s->objects;
        char label[32];
        const int label_len = snprintf(label, sizeof label, "key %lu", number);
        CK_ATTRIBUTE attr = { CKA_ID, &number, sizeof number };

        if (s->by_label)
            attr = (CK_ATTRIBUTE){ CKA_LABEL, label, (CK_ULONG)label_len };
        times[i] = find_once(s->state, &attr, clock);
        if (times[i] < 0) {
            free(times);
            return -1;
        }
    }
    if (times != NULL) {
        qsort(times, SEARCHES, sizeof *times, by_value);
        median = times[SEARCHES / 2];
    }
    free(times);
    return median;
}

#define DURABLE_ROUNDS 7

static double median_of(double values[DURABLE_ROUNDS])
{
    qsort(values, DURABLE_ROUNDS, sizeof *values, by_value);
    return values[DURABLE_ROUNDS / 2];
}

/* The disk's speed moves while we look, so each figure is held against the rates before and after. */
static bool measure_durable(void *state, const char *name, unsigned long *next)
{
    double disk[DURABLE_ROUNDS];
    double ratio_1[DURABLE_ROUNDS];
    double ratio_8[DURABLE_ROUNDS];

    /* Until the log has its size, each commit makes a file longer, which no disk does as fast. */
    if (create_rate(state, next, 6400, 8) < 0)
        return false;
    const unsigned long before = bytes_written();
    if (create_rate(state, next, 500, 1) < 0)
        return false;
    const size_t bytes = (bytes_written() - before) / 500;
    for (int i = 0; i < DURABLE_ROUNDS; i++) {
        const double disk_before = disk_rate(bytes, 0.3);
        const double one = create_rate(state, next, 300, 1);
        const double disk_between = disk_rate(bytes, 0.3);
        const double eight = create_rate(state, next, 1600, 8);
        const double disk_after = disk_rate(bytes, 0.3);

        if (one < 0 || eight < 0)
            return false;
        disk[i] = disk_between;
        ratio_1[i] = 2 * one / (disk_before + disk_between);
        ratio_8[i] = 2 * eight / (disk_between + disk_after);
    }
    (void)printf("{\"module\": \"%s\", \"bytes_per_create\": %zu, \"disk_syncs_per_s\": %.0f, "
                 "\"ratio_1_thread\": %.2f, \"ratio_8_threads\": %.2f}\n",
                 name, bytes, median_of(disk), median_of(ratio_1), median_of(ratio_8));
    return true;
}

int bench_fill(void *state, const char *name, unsigned long objects)
{
    unsigned long next = 1;

    if (!measure_durable(state, name, &next))
        return 1;
    (void)fflush(stdout);
    return objects > next && create_rate(state, &next, objects + 8 - next, 8) < 0;
}

/* Milliseconds of a step, and the time after it. */
static double lap(double *at)
{
    const double before = *at;

    *at = bench_now();
    return (*at - before) * 1e3;
}

int bench_search(const char *module_path, const char *name, unsigned long objects)
{
    CK_UTF8CHAR pin[] = "1234-abcd";
    unsigned long number = objects / 2;
    CK_ATTRIBUTE attr = { CKA_ID, &number, sizeof number };
    double at = bench_now();
    void *state = bench_p11_open_again(module_path);
    const double initialize_ms = lap(&at);

    if (state == NULL || bench_p11_functions(state)->C_Login(bench_p11_session(state), CKU_USER,
                                                             pin, sizeof pin - 1) != CKR_OK)
        return 1;
    const double login_ms = lap(&at);
    const long idle_kib = rss_kib("VmRSS:");
    const double first = find_once(state, &attr, bench_now);
    const double by_id = find_median(&(searches){ state, objects, 0, false }, bench_now);
    const double by_label = find_median(&(searches){ state, objects, 1, true }, bench_now);
    /* On a busy machine only these mean something. */
    const double id_cpu = find_median(&(searches){ state, objects, 2, false }, bench_cpu);
    const double label_cpu = find_median(&(searches){ state, objects, 3, true }, bench_cpu);
    (void)printf("{\"module\": \"%s\", \"objects\": %lu, \"initialize_ms\": %.2f, "
                 "\"login_ms\": %.2f, \"first_find_ms\": %.3f, \"find_by_id_us\": %.1f, "
                 "\"find_by_label_us\": %.1f, \"find_by_id_cpu_us\": %.1f, "
                 "\"find_by_label_cpu_us\": %.1f, \"rss_logged_in_kib\": %ld, "
                 "\"rss_after_1000_kib\": %ld, \"rss_peak_kib\": %ld}\n",
                 name, objects, initialize_ms, login_ms, first * 1e3, by_id * 1e6, by_label * 1e6,
                 id_cpu * 1e6, label_cpu * 1e6, idle_kib, rss_kib("VmRSS:"), rss_kib("VmHWM:"));
    bench_p11_close(state);
    return first < 0 || by_id < 0 || by_label < 0 || id_cpu < 0 || label_cpu < 0;
}
