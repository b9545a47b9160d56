/* The log's life, and a leader's turn.
 * SPDX-License-Identifier: Apache-2.0 */
#include "audit/log.h"

#include <stdlib.h>
#include <unistd.h>

#include "audit/internal.h"
#include "base/log.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/fork.h"
#include "os/paths.h"

/* How often opening is tried again where events may be lost. */
#define RETRY_NS HSM_NS_PER_SEC
#define FILE_LEAST_BYTES 65536u
#define CHECKPOINT_EVERY_MOST (1u << 19)

#define KEYS_NAME "audit.keys"
#define GATE_NAME "audit.lock"

/* --- making ready: the leader, once ---------------------------------------------------------- */

static hsm_err refuse(const hsm_audit_log *log, const char *what, hsm_err err)
{
    if (err != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "audit log %s: %s: %s", log->log_path, what, hsm_err_text(err));
    return err;
}

/* The head's page, which is the lock of all processes too. */
static hsm_err open_page(hsm_audit_log *log)
{
    HSM_AUTO(hsm_path_drop) char *gate = NULL;
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    if (log->latch.words != NULL)
        return HSM_OK;
    HSM_TRY(hsm_path_join(log->state_directory, GATE_NAME, &gate));
    HSM_TRY(hsm_head_path(log->options.crypto, log->state_directory, log->log_path, &path));
    if (log->page == NULL)
        HSM_TRY(hsm_head_open(path, log->chain.mac, true, &log->page));
    hsm_latch_close(&log->latch);
    HSM_TRY(hsm_latch_open(&log->latch, gate, path));
    return hsm_latch_join(&log->latch, hsm_head_latch(log->page),
                          hsm_clock_deadline_ns(log->options.busy_ms));
}

static hsm_err open_signer(hsm_audit_log *log)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    if (log->signer != NULL)
        return HSM_OK;
    HSM_TRY(hsm_path_join(log->state_directory, KEYS_NAME, &path));
    HSM_TRY(hsm_signer_open(log->options.crypto, path, log->options.seal_key, true, &log->signer));
    log->chain.signer = log->signer;
    return HSM_OK;
}

static hsm_err ensure_directory(hsm_audit_log *log)
{
    HSM_AUTO(hsm_path_drop) char *directory = hsm_text_dup(log->log_path);

    HSM_CHECK(directory != NULL, HSM_E_NO_MEMORY);
    char *slash = strrchr(directory, '/');
    HSM_CHECK(slash != NULL, HSM_E_ARG);
    *(slash == directory ? slash + 1 : slash) = '\0';
    return hsm_dir_ensure(directory);
}

/* Expects the locks of all processes. */
static hsm_err make_ready(hsm_audit_log *log)
{
    log->tried_ns = hsm_clock_monotonic_ns();
    HSM_TRY(refuse(log, "checkpoint keys", open_signer(log)));
    HSM_TRY(refuse(log, "recovery", hsm_log_recover(log)));
    log->is_ready = true;
    return HSM_OK;
}

static bool is_worth_trying(const hsm_audit_log *log)
{
    return log->tried_ns == 0 || hsm_clock_monotonic_ns() - log->tried_ns >= RETRY_NS;
}

/* --- one turn --------------------------------------------------------------------------------- */

static hsm_err in_turn(hsm_audit_log *log, void *const *requests, size_t count)
{
    hsm_err err = HSM_OK;

    if (!log->is_ready) {
        HSM_CHECK(is_worth_trying(log), HSM_E_AUDIT);
        err = make_ready(log);
    } else {
        err = hsm_log_refresh(log);
    }
    return err == HSM_OK ? hsm_log_write(log, requests, count) : err;
}

/* The leader, or whoever opens the log. */
static hsm_err take_turn(hsm_audit_log *log, void *const *requests, size_t count)
{
    HSM_CHECK(!atomic_load(&log->is_stopped), HSM_E_AUDIT);
    HSM_TRY(refuse(log, "head", open_page(log)));
    HSM_TRY(refuse(log, "lock", hsm_latch_enter(&log->latch, log->options.busy_ms)));
    const hsm_err err = in_turn(log, requests, count);
    hsm_latch_leave(&log->latch);
    return err;
}

/* The combiner's write(). */
static void write_requests(void *arg, void *const *requests, size_t count)
{
    hsm_audit_log *log = arg;
    const hsm_err err = take_turn(log, requests, count);

    for (size_t i = 0; i < count; i++) {
        hsm_audit_request *one = requests[i];

        one->err = err;
    }
}

/* A write of the combiner fits into the buffer, beside the log's own entries. */
static void init_combiner(hsm_audit_log *log, bool is_batch)
{
    const hsm_combiner_options options = {
        .write = write_requests,
        .arg = log,
        .count_max = HSM_COMBINER_MAX,
        .bytes_max = HSM_AUDIT_BUFFER_BYTES - 2 * (size_t)HSM_LINE_MAX_BYTES,
        .is_gathering = !is_batch,
    };

    hsm_combiner_init(&log->combiner, &options);
}

static hsm_err submit(hsm_audit_log *log, hsm_audit_request *request)
{
    const size_t bytes =
        request->is_checkpoint ? HSM_LINE_MAX_BYTES : request->members.len + HSM_LINE_FRAME_BYTES;

    hsm_combiner_submit(&log->combiner, request, bytes);
    return request->err == HSM_OK ? HSM_OK : HSM_E_AUDIT;
}

/* --- what others call ------------------------------------------------------------------------- */

bool hsm_audit_wants(const hsm_audit_log *log, hsm_audited operation)
{
    const unsigned classes = hsm_audited_get(operation)->classes;

    return (classes & (log->options.classes | HSM_AUDIT_CLASS_LOG)) != 0;
}

hsm_err hsm_audit_append(hsm_audit_log *log, const hsm_audit_event *event)
{
    HSM_UNINITIALIZED char members[HSM_AUDIT_EVENT_MAX_BYTES];
    hsm_text text = hsm_text_of(members, sizeof members);

    if (!hsm_audit_wants(log, event->operation))
        return HSM_OK;
    hsm_audit_event_write(event, &text);
    hsm_audit_request request = { .members = hsm_text_view(&text) };
    const uint64_t begun_ns = hsm_meter_begin(&log->meter);
    const hsm_err err = text.is_failed ? HSM_E_AUDIT : submit(log, &request);
    hsm_meter_end(&log->meter, begun_ns);
    if (err != HSM_OK && log->options.may_lose) {
        (void)atomic_fetch_add(&log->lost, 1);
        return HSM_OK;
    }
    return err;
}

hsm_err hsm_audit_checkpoint(hsm_audit_log *log)
{
    hsm_audit_request request = { .is_checkpoint = true };

    return submit(log, &request);
}

hsm_err hsm_audit_start_clerk(hsm_audit_log *log)
{
    return hsm_combiner_start_clerk(&log->combiner);
}

hsm_meter *hsm_audit_meter(hsm_audit_log *log)
{
    return &log->meter;
}

uint64_t hsm_audit_lost(const hsm_audit_log *log)
{
    return atomic_load(&log->lost);
}

/* --- life ------------------------------------------------------------------------------------- */

/* A lock must not live on in a child when its holder is gone (os/lock.h). */
static void in_child(void *arg)
{
    hsm_audit_log *log = arg;

    hsm_latch_close(&log->latch);
}

static hsm_err copy_options(hsm_audit_log *log, const hsm_audit_options *options)
{
    log->options = *options;
    log->log_path = hsm_text_dup(options->log_path);
    log->state_directory = hsm_text_dup(options->state_directory);
    HSM_CHECK(log->log_path != NULL && log->state_directory != NULL, HSM_E_NO_MEMORY);
    log->file.path = log->log_path;
    HSM_TRY(hsm_secret_create((size_t)2 * HSM_AUDIT_KEY_BYTES, &log->keys));
    uint8_t *keys = hsm_secret_data(log->keys);
    memcpy(keys, options->mac_key.data, HSM_AUDIT_KEY_BYTES);
    memcpy(keys + HSM_AUDIT_KEY_BYTES, options->seal_key.data, HSM_AUDIT_KEY_BYTES);
    log->options.mac_key = hsm_bytes_of(keys, HSM_AUDIT_KEY_BYTES);
    log->options.seal_key = hsm_bytes_of(keys + HSM_AUDIT_KEY_BYTES, HSM_AUDIT_KEY_BYTES);
    if (log->options.file_max_bytes == 0)
        log->options.file_max_bytes = HSM_AUDIT_FILE_MAX_BYTES;
    if (log->options.checkpoint_every == 0)
        log->options.checkpoint_every = HSM_AUDIT_CHECKPOINT_EVERY;
    return HSM_OK;
}

static hsm_err check_options(const hsm_audit_options *options)
{
    HSM_CHECK(options->log_path[0] == '/', HSM_E_ARG);
    HSM_CHECK(options->mac_key.len == HSM_AUDIT_KEY_BYTES, HSM_E_ARG);
    HSM_CHECK(options->seal_key.len == HSM_AUDIT_KEY_BYTES, HSM_E_ARG);
    HSM_CHECK(options->file_max_bytes == 0 || options->file_max_bytes >= FILE_LEAST_BYTES,
              HSM_E_ARG);
    HSM_CHECK(options->checkpoint_every <= CHECKPOINT_EVERY_MOST, HSM_E_ARG);
    return HSM_OK;
}

static void destroy(hsm_audit_log *log)
{
    hsm_fork_hook_remove(in_child, log);
    hsm_latch_close(&log->latch);
    hsm_log_file_close(&log->file);
    hsm_head_close(log->page);
    hsm_chain_clear(&log->chain);
    hsm_signer_destroy(log->signer);
    hsm_secret_destroy(log->keys);
    free(log->buffer);
    free(log->state_directory);
    free(log->log_path);
    free(log);
}

static void log_drop(hsm_audit_log **log)
{
    if (*log != NULL) {
        hsm_combiner_clear(&(*log)->combiner);
        destroy(*log);
    }
    *log = NULL;
}

static hsm_err first_turn(hsm_audit_log *log)
{
    const hsm_err err = take_turn(log, NULL, 0);

    if (err == HSM_OK || log->options.may_lose)
        return HSM_OK;
    return HSM_E_AUDIT;
}

hsm_err hsm_audit_open(const hsm_audit_options *options, hsm_audit_log **out_log)
{
    HSM_AUTO(log_drop) hsm_audit_log *log = NULL;

    HSM_TRY(check_options(options));
    log = calloc(1, sizeof *log);
    HSM_CHECK(log != NULL, HSM_E_NO_MEMORY);
    log->latch = (hsm_latch){ .gate_fd = -1, .owners_fd = -1 };
    log->file.fd = -1;
    log->pid = (uint32_t)getpid();
    init_combiner(log, options->is_batch);
    HSM_TRY(copy_options(log, options));
    log->buffer = malloc(HSM_AUDIT_BUFFER_BYTES);
    HSM_CHECK(log->buffer != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_chain_init(&log->chain, options->crypto, log->options.mac_key));
    HSM_TRY(hsm_fork_hook_add(in_child, log));
    const hsm_err err = ensure_directory(log);
    if (err != HSM_OK && !options->may_lose)
        return refuse(log, "directory", err) == HSM_OK ? HSM_OK : HSM_E_AUDIT;
    HSM_TRY(first_turn(log));
    *out_log = HSM_MOVE(log);
    return HSM_OK;
}

/* Expects the locks of all processes. */
static hsm_err settle(hsm_audit_log *log)
{
    hsm_head next = log->head;

    HSM_TRY(hsm_log_refresh(log));
    next = log->head;
    if (next.durable_count != next.chain.count)
        HSM_TRY(hsm_log_commit(log, &next, hsm_bytes_none(), true));
    HSM_TRY(hsm_log_file_trim(&log->file, log->head.offset));
    return hsm_head_sync(log->page);
}

/* Whoever writes next tells of what this process lost and could not tell any more. */
static void leave_lost(hsm_audit_log *log)
{
    const uint64_t lost = atomic_load(&log->lost);

    if (lost == 0)
        return;
    hsm_log(HSM_LOG_ERROR, "audit log %s: %llu events were lost", log->log_path,
            (unsigned long long)lost);
    if (log->page != NULL)
        (void)atomic_fetch_add(hsm_head_lost(log->page), lost);
}

void hsm_audit_close(hsm_audit_log *log)
{
    if (log == NULL)
        return;
    hsm_combiner_clear(&log->combiner);
    if (log->is_ready && !atomic_load(&log->is_stopped) &&
        hsm_latch_enter(&log->latch, log->options.busy_ms) == HSM_OK) {
        const hsm_err err = settle(log);

        if (err != HSM_OK)
            hsm_log(HSM_LOG_ERROR, "audit log %s: %s", log->log_path, hsm_err_text(err));
        hsm_latch_leave(&log->latch);
    }
    leave_lost(log);
    destroy(log);
}

void hsm_audit_abandon(hsm_audit_log *log)
{
    if (log != NULL)
        destroy(log);
}
