/* Writing: what the leader does with the events of all who wait, under the lock of all processes.
 *
 * The order: room is looked for, the head's page is marked, the lines are written and synced, the head
 * or its tip moves on, the mark goes. Whoever dies on the way leaves the mark behind; the next one
 * finds it and looks at what follows the head (log_recover.c).
 * SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "audit/internal.h"
#include "base/log.h"
#include "os/clock.h"

/* Entries that whoever comes from elsewhere may have to read: some tenths of a millisecond. */
#define DISTANCE_MAX 256u

hsm_line_stamp hsm_log_stamp(const hsm_audit_log *log)
{
    return (hsm_line_stamp){ .now_ns = hsm_clock_wall_ns(), .pid = log->pid, .uid = geteuid() };
}

hsm_err hsm_log_add_own(hsm_audit_log *log, hsm_head *next, const hsm_audit_event *event,
                        hsm_text *out)
{
    char members[HSM_AUDIT_EVENT_MAX_BYTES];
    hsm_text text = hsm_text_of(members, sizeof members);
    const hsm_line_stamp stamp = hsm_log_stamp(log);

    hsm_audit_event_write(event, &text);
    return hsm_line_append(&log->chain, &next->chain, &stamp, hsm_text_view(&text), out);
}

/* --- committing ------------------------------------------------------------------------------- */

static hsm_err stop(hsm_audit_log *log)
{
    /* The kernel may have dropped what it could not write, and will call the next sync a success:
     * nobody may go on as if nothing had been. The mark stays, so that what was written is looked
     * at. */
    atomic_store(&log->is_stopped, true);
    log->head.flags |= HSM_HEAD_UNSYNCED;
    if (hsm_head_write(log->page, &log->head) != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "%s: the head can't be written either", log->log_path);
    hsm_log(HSM_LOG_ERROR,
            "%s: a sync failed; the audit log is stopped until all processes that "
            "use it have started anew",
            log->log_path);
    return HSM_E_AUDIT;
}

static hsm_err sync_now(hsm_audit_log *log, hsm_head *next)
{
    if (hsm_log_file_sync(&log->file) != HSM_OK)
        return stop(log);
    log->synced_ns = hsm_clock_monotonic_ns();
    next->durable_count = next->chain.count;
    next->durable_offset = next->offset;
    return HSM_OK;
}

/* Nobody was told that these lines are written, so they may go. */
static void take_back(hsm_audit_log *log)
{
    if (hsm_log_file_trim(&log->file, log->head.offset) == HSM_OK)
        hsm_head_mark(log->page, false);
}

/* While this process is alone, the tip will do; where others write too, a head spares them the reading. */
static hsm_err move_on(hsm_audit_log *log, hsm_head *next, bool is_sync)
{
    if (!is_sync && !log->is_shared && hsm_head_distance(log->page, next) <= DISTANCE_MAX)
        return hsm_head_move_tip(log->page, next);
    log->is_shared = log->is_shared && !is_sync; /* they may have gone meanwhile */
    return hsm_head_write(log->page, next);
}

hsm_err hsm_log_commit(hsm_audit_log *log, hsm_head *next, hsm_bytes lines, bool is_sync)
{
    hsm_head_mark(log->page, true);
    const hsm_err err = hsm_log_file_put(&log->file, next->offset, lines);
    if (err != HSM_OK) {
        hsm_log(HSM_LOG_ERROR, "%s: %s", log->log_path, hsm_err_text(err));
        take_back(log);
        return HSM_E_AUDIT;
    }
    next->offset += lines.len;
    if (is_sync)
        HSM_TRY(sync_now(log, next));
    HSM_TRY(move_on(log, next, is_sync));
    log->head = *next;
    hsm_head_mark(log->page, false);
    return HSM_OK;
}

/* --- what is written -------------------------------------------------------------------------- */

static bool is_sync_due(const hsm_audit_log *log)
{
    return !log->options.is_batch ||
           hsm_clock_monotonic_ns() - log->synced_ns >= log->options.batch_ms * HSM_NS_PER_MS;
}

static hsm_err add_lost(hsm_audit_log *log, hsm_head *next, uint64_t lost, hsm_text *out)
{
    const hsm_audit_event event = { .operation = HSM_AUDITED_EVENTS_LOST, .amount = lost };

    return lost == 0 ? HSM_OK : hsm_log_add_own(log, next, &event, out);
}

static hsm_err add_checkpoint(hsm_audit_log *log, hsm_head *next, hsm_text *out)
{
    const hsm_line_stamp stamp = hsm_log_stamp(log);

    if (next->chain.tree.count == 0)
        return HSM_OK;
    log->checkpoint_ns = hsm_clock_monotonic_ns();
    return hsm_line_append_checkpoint(&log->chain, &next->chain, &stamp, out);
}

/* Two signatures take as long as hundreds of entries: where those come quickly, the signatures wait. */
static bool is_checkpoint_due(const hsm_audit_log *log, uint32_t count)
{
    if (count < log->options.checkpoint_every)
        return false;
    return count >= HSM_AUDIT_CHECKPOINT_MOST || log->checkpoint_ns == 0 ||
           hsm_clock_monotonic_ns() - log->checkpoint_ns >=
               log->options.checkpoint_ms * HSM_NS_PER_MS;
}

/* A checkpoint that can't be made now can be made with the next events; only the tree's size ends
 * that. */
static hsm_err add_due_checkpoint(hsm_audit_log *log, hsm_head *next, hsm_text *out)
{
    if (!is_checkpoint_due(log, next->chain.tree.count))
        return HSM_OK;
    const hsm_err err = add_checkpoint(log, next, out);
    if (err != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "%s: no checkpoint: %s", log->log_path, hsm_err_text(err));
    return HSM_OK;
}

static hsm_err rotate(hsm_audit_log *log)
{
    hsm_text out = hsm_text_of(log->buffer, HSM_AUDIT_BUFFER_BYTES);
    hsm_head next = log->head;

    HSM_TRY(add_checkpoint(log, &next, &out));
    HSM_TRY(hsm_log_commit(log, &next, hsm_text_view(&out), true));
    HSM_TRY(hsm_log_file_trim(&log->file, next.offset));
    next.flags |= HSM_HEAD_ROTATING;
    HSM_TRY(hsm_head_write(log->page, &next));
    HSM_TRY(hsm_head_sync(log->page));
    log->head = next;
    return hsm_log_finish_rotation(log);
}

static hsm_err rotate_if_full(hsm_audit_log *log, size_t members_len, size_t count)
{
    const uint64_t more = members_len + (count + 1) * HSM_LINE_FRAME_BYTES + HSM_LINE_MAX_BYTES;

    if (log->head.offset == 0 || log->head.offset + more <= log->options.file_max_bytes)
        return HSM_OK;
    const hsm_err err = rotate(log);
    if (err != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "%s: can't be rotated: %s", log->log_path, hsm_err_text(err));
    return err;
}

static hsm_err add_requests(hsm_audit_log *log, hsm_head *next, void *const *requests, size_t count,
                            hsm_text *out)
{
    const hsm_line_stamp stamp = hsm_log_stamp(log);

    for (size_t i = 0; i < count; i++) {
        const hsm_audit_request *one = requests[i];

        if (!one->is_checkpoint)
            HSM_TRY(hsm_line_append(&log->chain, &next->chain, &stamp, one->members, out));
        else
            HSM_TRY(add_checkpoint(log, next, out));
    }
    return HSM_OK;
}

hsm_err hsm_log_write(hsm_audit_log *log, void *const *requests, size_t count)
{
    const uint64_t lost = atomic_load(&log->lost);
    const uint64_t left = atomic_load(hsm_head_lost(log->page));
    bool is_sync = is_sync_due(log);
    size_t members_len = 0;

    for (size_t i = 0; i < count; i++) {
        const hsm_audit_request *one = requests[i];

        members_len += one->members.len;
        is_sync = is_sync || one->is_checkpoint;
    }
    if (is_sync)
        HSM_TRY(hsm_log_check_place(log));
    HSM_TRY(rotate_if_full(log, members_len, count));

    hsm_text out = hsm_text_of(log->buffer, HSM_AUDIT_BUFFER_BYTES);
    hsm_head next = log->head;
    HSM_TRY(add_lost(log, &next, lost + left, &out));
    HSM_TRY(add_requests(log, &next, requests, count, &out));
    HSM_TRY(add_due_checkpoint(log, &next, &out));
    if (out.len == 0)
        return HSM_OK;
    HSM_TRY(hsm_log_commit(log, &next, hsm_text_view(&out), is_sync));
    (void)atomic_fetch_sub(&log->lost, lost);
    if (left > 0)
        (void)atomic_fetch_sub(hsm_head_lost(log->page), left);
    return HSM_OK;
}
