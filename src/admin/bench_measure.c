/* A row measured: its key, its threads and their sessions.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "admin/bench.h"
#include "base/handle.h"
#include "os/clock.h"
#include "os/thread.h"

/* The clock is read so often at most. */
#define BATCH_NS HSM_NS_PER_MS
#define SHARED_KEY_BYTES 32u

/* --- one thread ----------------------------------------------------------------------------------- */

typedef struct worker {
    hsm_bench_loop loop;
    uint64_t limit_ns;
    uint64_t elapsed_ns; /* at least 1 */
    hsm_err err;
    pthread_t thread;
    bool is_started;
} worker;

static hsm_err run_batch(hsm_bench_loop *loop, uint64_t batch)
{
    for (uint64_t i = 0; i < batch; i++) {
        HSM_TRY(loop->row->once(loop));
        loop->count++;
    }
    return HSM_OK;
}

static void *work(void *arg)
{
    worker *self = arg;
    const uint64_t first = self->loop.count;
    const uint64_t start = hsm_clock_monotonic_ns();
    uint64_t batch = 1;

    do {
        self->err = run_batch(&self->loop, batch);
        self->elapsed_ns = hsm_clock_monotonic_ns() - start + 1;
        if (self->err == HSM_OK &&
            self->elapsed_ns / (self->loop.count - first) * batch < BATCH_NS / 2)
            batch *= 2;
    } while (self->err == HSM_OK && self->elapsed_ns < self->limit_ns);
    self->loop.count -= first;
    return NULL;
}

/* --- all threads ---------------------------------------------------------------------------------- */

/* The workers of a row; the first one's session owns the keys. */
typedef struct crew {
    const hsm_bench_setup *setup;
    const hsm_bench_row *row;
    hsm_bench_templates templates;
    worker *workers;
    size_t count;
} crew;

static void crew_clear(crew *team)
{
    if (team->row->end != NULL && team->count > 0)
        team->row->end(&team->workers[0].loop);
    for (size_t i = 0; i < team->count; i++) {
        const hsm_err err =
            hsm_core_close_session(team->setup->core, team->workers[i].loop.session);
        (void)err; /* one that was never opened */
    }
    free(team->workers);
    hsm_named_clear(&team->templates.public_key);
    hsm_named_clear(&team->templates.use_key);
    hsm_named_clear(&team->templates.shared_key);
}

static hsm_err open_session(const crew *team, CK_SESSION_HANDLE *out_session)
{
    return hsm_core_open_session(team->setup->core, 0, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                 out_session);
}

static hsm_err fill_templates(crew *team)
{
    hsm_bench_templates *templates = &team->templates;

    if (team->row->public_use != NULL)
        HSM_TRY(hsm_named_put_bool(&templates->public_key, team->row->public_use, true));
    HSM_TRY(hsm_named_put_bool(&templates->use_key, team->row->use, true));
    HSM_TRY(hsm_named_put_bool(&templates->use_key, "PRIVATE", true));
    HSM_TRY(hsm_named_put_bool(&templates->use_key, "SENSITIVE", true));
    HSM_TRY(hsm_named_put_ulong(&templates->shared_key, "CLASS", CKO_SECRET_KEY));
    HSM_TRY(hsm_named_put_ulong(&templates->shared_key, "KEY_TYPE", CKK_GENERIC_SECRET));
    return hsm_named_put_ulong(&templates->shared_key, "VALUE_LEN", SHARED_KEY_BYTES);
}

static hsm_err make_key(crew *team, hsm_bench_loop *loop)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_key_spec spec;
    const hsm_make_request request = { &spec, &team->templates.public_key,
                                       &team->templates.use_key };
    CK_OBJECT_HANDLE made[2] = { HSM_HANDLE_NONE, HSM_HANDLE_NONE };
    size_t count = 0;

    HSM_TRY(hsm_core_key_spec(team->row->key, &spec));
    HSM_TRY(fill_templates(team));
    HSM_TRY(hsm_core_session(loop->core, loop->session, &session));
    HSM_TRY(hsm_core_make_key(loop->core, session, &request, made, &count));
    loop->public_key = made[0];
    loop->use_key = made[count - 1];
    return HSM_OK;
}

/* The first worker, with all that the row needs, after one operation. */
static hsm_err make_ready(crew *team)
{
    hsm_bench_loop *loop = &team->workers[0].loop;

    *loop = (hsm_bench_loop){
        .core = team->setup->core,
        .row = team->row,
        .templates = &team->templates,
        .directory = team->setup->directory,
        .file = { .fd = -1 },
    };
    team->count = 1;
    HSM_TRY(open_session(team, &loop->session));
    if (team->row->key != NULL)
        HSM_TRY(make_key(team, loop));
    if (team->row->prepare != NULL)
        HSM_TRY(team->row->prepare(loop));
    return run_batch(loop, 1);
}

/* The others begin where the first one is, with sessions of their own. */
static hsm_err multiply(crew *team, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        CK_SESSION_HANDLE session = HSM_HANDLE_NONE;

        HSM_TRY(open_session(team, &session));
        team->workers[i].loop = team->workers[0].loop;
        team->workers[i].loop.session = session;
        team->count++;
    }
    return HSM_OK;
}

static hsm_err run_all(crew *team)
{
    hsm_err err = HSM_OK;

    for (size_t i = 0; i < team->count && err == HSM_OK; i++) {
        team->workers[i].limit_ns = team->setup->seconds * HSM_NS_PER_SEC;
        err = hsm_thread_start(work, &team->workers[i], &team->workers[i].thread);
        team->workers[i].is_started = err == HSM_OK;
    }
    for (size_t i = 0; i < team->count; i++) {
        if (!team->workers[i].is_started)
            continue;
        (void)pthread_join(team->workers[i].thread, NULL);
        err = err == HSM_OK ? team->workers[i].err : err;
    }
    return err;
}

static hsm_bench_speed speed_of(const crew *team)
{
    hsm_bench_speed speed = { 0 };
    uint64_t elapsed_ns = 0;
    uint64_t count = 0;

    for (size_t i = 0; i < team->count; i++) {
        const worker *one = &team->workers[i];

        speed.per_second += one->loop.count * HSM_NS_PER_SEC / one->elapsed_ns;
        elapsed_ns += one->elapsed_ns;
        count += one->loop.count;
    }
    speed.nanoseconds = count > 0 ? elapsed_ns / count : 0;
    return speed;
}

hsm_err hsm_bench_measure(const hsm_bench_setup *setup, const hsm_bench_row *row,
                          hsm_bench_speed *out_speed)
{
    HSM_AUTO(crew_clear) crew team = { .setup = setup, .row = row };
    const size_t count = row->is_alone ? 1 : (size_t)setup->threads;

    team.workers = calloc(count, sizeof *team.workers);
    HSM_CHECK(team.workers != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(make_ready(&team));
    HSM_TRY(multiply(&team, count));
    HSM_TRY(run_all(&team));
    *out_speed = speed_of(&team);
    return HSM_OK;
}
