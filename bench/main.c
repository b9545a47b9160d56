/* make bench: ours against raw OpenSSL and another module, interleaved in one run.
 *
 *   bench [--json] [--seconds S] [--rounds N] [--row TEXT] [--threads] NAME=MODULE...
 *   bench --fill OBJECTS NAME=MODULE
 *   bench --search OBJECTS NAME=MODULE      (in a new process, after --fill)
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rows.h"

#define MODULES_MAX 4
#define ROUNDS_MAX 32
#define RAW_P256_SIGN_REFERENCE 45000.0 /* the machine the absolute goals are for */

typedef struct bench {
    bench_contestant contestant[MODULES_MAX + 1]; /* [0] is raw OpenSSL */
    size_t contestants;
    double seconds;
    int rounds;
    const char *only;
    bool is_json;
    bool with_threads;
    bool without_raw;
    unsigned long fill;
    unsigned long search;
    double machine; /* raw P-256 signatures here, as a share of the reference */
} bench;

static int by_rate(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Best and median of the rounds, contestants taking turns. */
typedef struct score {
    double best;
    double median;
} score;

static void measure(const bench *b, const bench_row *row, score *out_scores)
{
    double rates[MODULES_MAX + 1][ROUNDS_MAX];

    for (int round = 0; round < b->rounds; round++) {
        for (size_t i = 0; i < b->contestants; i++)
            rates[i][round] = i == 0 && b->without_raw
                                  ? -1
                                  : b->contestant[i].run(b->contestant[i].state, row, b->seconds);
    }
    for (size_t i = 0; i < b->contestants; i++) {
        qsort(rates[i], (size_t)b->rounds, sizeof rates[i][0], by_rate);
        out_scores[i] =
            (score){ .best = rates[i][b->rounds - 1], .median = rates[i][b->rounds / 2] };
    }
}

static const char *verdict(const bench *b, const bench_row *row, const score *scores)
{
    const double ours = scores[1].best;

    if (row->target_ratio > 0)
        return ours >= row->target_ratio * scores[0].best ? "reached" : "MISSED";
    if (row->target_per_sec > 0 && b->machine > 0)
        return ours >= row->target_per_sec * b->machine ? "reached" : "MISSED";
    return "-";
}

static void print_row(const bench *b, const bench_row *row, const score *scores)
{
    if (b->is_json) {
        (void)printf("{\"row\": \"%s\"", row->name);
        for (size_t i = 0; i < b->contestants; i++)
            (void)printf(", \"%s\": {\"best_per_s\": %.0f, \"median_per_s\": %.0f}",
                         b->contestant[i].name, scores[i].best, scores[i].median);
        (void)printf(", \"goal\": \"%s\"}\n", verdict(b, row, scores));
    } else {
        (void)printf("%-26s", row->name);
        for (size_t i = 0; i < b->contestants; i++) {
            if (scores[i].best < 0)
                (void)printf(" %12s        ", "-");
            else if (i == 0 || scores[0].best < 0)
                (void)printf(" %12.0f        ", scores[i].best);
            else
                (void)printf(" %12.0f (%4.0f%%)", scores[i].best,
                             100 * scores[i].best / scores[0].best);
        }
        (void)printf("  %s\n", verdict(b, row, scores));
    }
    (void)fflush(stdout);
}

static void print_header(const bench *b)
{
    if (b->is_json)
        return;
    (void)printf("%-26s", "operations per second");
    for (size_t i = 0; i < b->contestants; i++)
        (void)printf(" %12s %7s", b->contestant[i].name, i == 0 ? "" : "of raw");
    (void)printf("  goal\n");
}

static bool is_wanted(const bench *b, const bench_row *row)
{
    return b->only == NULL || strstr(row->name, b->only) != NULL;
}

static void run_rows(bench *b)
{
    score scores[MODULES_MAX + 1];

    for (size_t i = 0; !b->without_raw && i < bench_row_count; i++) {
        const bench_row *row = &bench_rows[i];

        if (row->kind == BENCH_SIGN && row->key == BENCH_KEY_P256)
            b->machine = b->contestant[0].run(b->contestant[0].state, row, b->seconds) /
                         RAW_P256_SIGN_REFERENCE;
    }
    print_header(b);
    for (size_t i = 0; i < bench_row_count; i++) {
        if (!is_wanted(b, &bench_rows[i]))
            continue;
        measure(b, &bench_rows[i], scores);
        print_row(b, &bench_rows[i], scores);
    }
    if (!b->is_json && !b->without_raw)
        (void)printf("this machine signs P-256 at %.0f%% of the reference (raw, 45,000/s)\n",
                     100 * b->machine);
}

/* One thread against two, on one key. */
static void run_threads(const bench *b)
{
    for (size_t i = 0; i < bench_row_count; i++) {
        const bench_row *row = &bench_rows[i];

        if (row->sessions_open > 0 || row->kind == BENCH_GENERATE_PAIR || !is_wanted(b, row))
            continue;
        double one = 0;
        double two = 0;
        for (int round = 0; round < b->rounds; round++) {
            const double a = bench_p11_run_threads(b->contestant[1].state, row, b->seconds, 1);
            const double c = bench_p11_run_threads(b->contestant[1].state, row, b->seconds, 2);

            one = a > one ? a : one;
            two = c > two ? c : two;
        }
        (void)printf("{\"row\": \"%s\", \"one_thread_per_s\": %.0f, \"two_threads_per_s\": %.0f, "
                     "\"scaling\": %.2f}\n",
                     row->name, one, two, one > 0 ? two / one : 0);
        (void)fflush(stdout);
    }
}

static int add_module(bench *b, char *spec)
{
    char *path = strchr(spec, '=');

    if (path == NULL || b->contestants > MODULES_MAX) {
        (void)fprintf(stderr, "bench: want NAME=MODULE, at most %d\n", MODULES_MAX);
        return 2;
    }
    *path++ = '\0';
    if (b->search > 0)
        exit(bench_search(path, spec, b->search));
    b->contestant[b->contestants] =
        (bench_contestant){ .name = spec, .run = bench_p11_run, .state = bench_p11_open(path) };
    return b->contestant[b->contestants++].state == NULL ? 1 : 0;
}

static int parse(bench *b, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const bool has_value = i + 1 < argc;

        if (strcmp(argv[i], "--json") == 0)
            b->is_json = true;
        else if (strcmp(argv[i], "--no-raw") == 0)
            b->without_raw = true;
        else if (strcmp(argv[i], "--threads") == 0)
            b->with_threads = true;
        else if (strcmp(argv[i], "--seconds") == 0 && has_value)
            b->seconds = strtod(argv[++i], NULL);
        else if (strcmp(argv[i], "--rounds") == 0 && has_value)
            b->rounds = (int)strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--row") == 0 && has_value)
            b->only = argv[++i];
        else if (strcmp(argv[i], "--fill") == 0 && has_value)
            b->fill = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--search") == 0 && has_value)
            b->search = strtoul(argv[++i], NULL, 10);
        else if (add_module(b, argv[i]) != 0)
            return 1;
    }
    if (b->contestants < 2 || b->rounds < 1 || b->rounds > ROUNDS_MAX || b->seconds <= 0) {
        (void)fprintf(stderr,
                      "usage: bench [--json] [--seconds S] [--rounds 1-%d] [--row TEXT] "
                      "[--threads] [--no-raw] [--fill OBJECTS | --search OBJECTS] NAME=MODULE...\n",
                      ROUNDS_MAX);
        return 2;
    }
    return 0;
}

int main(int argc, char **argv)
{
    bench b = { .seconds = 0.2, .rounds = 5, .contestants = 1 };
    int status = 0;

    b.contestant[0] =
        (bench_contestant){ .name = "openssl", .run = bench_raw_run, .state = bench_raw_open() };
    if (parse(&b, argc, argv) != 0)
        return 2;
    if (b.fill > 0)
        status = bench_fill(b.contestant[1].state, b.contestant[1].name, b.fill);
    else if (b.with_threads)
        run_threads(&b);
    else
        run_rows(&b);
    for (size_t i = 1; i < b.contestants; i++)
        bench_p11_close(b.contestant[i].state);
    bench_raw_close(b.contestant[0].state);
    return status;
}
