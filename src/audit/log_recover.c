/* Bringing a log in order: after a crash, after another process's crash, after somebody's hands.
 *
 * Entries that follow the head and are whole are adopted: their writer died before it could say so.
 * What is not whole is set aside in a file of its own. A log that ends before its head says, or
 * otherwise, goes on from the head: the gap stays visible to whoever verifies. Only entries that a
 * batch had not synced when the machine went down are let go, and an entry says how many.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/internal.h"
#include "base/log.h"
#include "os/file.h"
#include "os/paths.h"

#define NAME_MAX_BYTES 64u

/* What was found, for the entry that tells of it. */
typedef struct findings {
    const char *what; /* NULL: nothing */
    uint64_t amount;
    uint64_t set_aside_bytes;
    char set_aside[NAME_MAX_BYTES]; /* what the file's name ends in */
} findings;

/* --- reading what is there -------------------------------------------------------------------- */

static uint8_t *buffer_of(hsm_audit_log *log)
{
    return (uint8_t *)log->buffer;
}

/* Whether an entry may come next; it moves the state. */
static bool follows(hsm_audit_log *log, hsm_chain_state *state, hsm_bytes text)
{
    uint8_t link[HSM_LINK_BYTES];
    hsm_line line;

    if (hsm_line_parse(text, &line) != HSM_OK || hsm_line_check_mac(&log->chain, &line) != HSM_OK)
        return false;
    if (line.index != state->count || line.timestamp <= state->timestamp ||
        !hsm_bytes_equal(hsm_bytes_of(line.previous, sizeof state->link),
                         hsm_bytes_of(state->link, sizeof state->link)))
        return false;
    return hsm_line_link(&log->chain, &line, link) == HSM_OK &&
           hsm_line_follow(&log->chain, state, &line, link) == HSM_OK;
}

/* Moves the state over the whole lines at the front; how many bytes they are. */
static size_t adopt_lines(hsm_audit_log *log, hsm_chain_state *state, hsm_bytes bytes)
{
    size_t done = 0;

    while (done < bytes.len) {
        const uint8_t *start = bytes.data + done;
        const uint8_t *end = memchr(start, '\n', bytes.len - done);

        if (end == NULL || !follows(log, state, hsm_bytes_of(start, (size_t)(end - start))))
            break;
        done += (size_t)(end - start) + 1;
    }
    return done;
}

/* Moves the head over the whole lines that follow it and end before `end`. */
static hsm_err adopt(hsm_audit_log *log, hsm_head *next, uint64_t end)
{
    size_t adopted = 1;

    while (adopted > 0 && next->offset < end) {
        const uint64_t rest = end - next->offset;
        size_t len = rest < HSM_AUDIT_BUFFER_BYTES ? (size_t)rest : HSM_AUDIT_BUFFER_BYTES;

        HSM_TRY(hsm_log_file_get(&log->file, next->offset, buffer_of(log), len, &len));
        adopted = adopt_lines(log, &next->chain, hsm_bytes_of(log->buffer, len));
        next->offset += adopted;
    }
    return HSM_OK;
}

/* The same up to the tip; whether that was reached. */
static hsm_err follow_tip(hsm_audit_log *log, hsm_head *next, bool *out_is_good)
{
    const hsm_tip *tip = &log->tip;

    HSM_TRY(adopt(log, next, tip->offset));
    *out_is_good = next->offset == tip->offset && next->chain.count == tip->count &&
                   hsm_bytes_equal(hsm_bytes_of(next->chain.link, HSM_LINK_BYTES),
                                   hsm_bytes_of(tip->link, HSM_LINK_BYTES));
    return HSM_OK;
}

/* What the file holds where nothing was written yet; zeros come from a file system after a crash. */
static bool is_room(char c)
{
    return c == ' ' || c == '\0';
}

/* Where the content that begins somewhere at or after `start` ends: `start` if there is none. */
static hsm_err find_end(hsm_audit_log *log, uint64_t start, uint64_t *out_end)
{
    uint64_t end = start;
    size_t len = HSM_AUDIT_BUFFER_BYTES;

    for (uint64_t at = start; len == HSM_AUDIT_BUFFER_BYTES; at += len) {
        HSM_TRY(hsm_log_file_get(&log->file, at, buffer_of(log), HSM_AUDIT_BUFFER_BYTES, &len));
        size_t used = len;

        while (used > 0 && is_room(log->buffer[used - 1]))
            used--;
        end = used > 0 ? at + used : end;
    }
    *out_end = end;
    return HSM_OK;
}

/* The line that ends with a line feed right before `end`; borrowed from the log's buffer. */
static hsm_err line_before(hsm_audit_log *log, uint64_t end, hsm_line *out_line)
{
    const uint64_t start = end > HSM_LINE_MAX_BYTES ? end - HSM_LINE_MAX_BYTES : 0;
    size_t len = 0;

    HSM_CHECK(end > 0, HSM_E_DATA);
    HSM_TRY(hsm_log_file_get(&log->file, start, buffer_of(log), (size_t)(end - start), &len));
    HSM_CHECK(len == end - start && log->buffer[len - 1] == '\n', HSM_E_DATA);
    const uint8_t *before = len > 1 ? memrchr(log->buffer, '\n', len - 1) : NULL;
    const uint8_t *first = before == NULL ? buffer_of(log) : before + 1;
    return hsm_line_parse(hsm_bytes_of(first, (size_t)(buffer_of(log) + len - 1 - first)),
                          out_line);
}

/* The end of the last line feed before `end`. */
static hsm_err line_border(hsm_audit_log *log, uint64_t end, uint64_t *out_border)
{
    while (end > 0) {
        const uint64_t start = end > HSM_LINE_MAX_BYTES ? end - HSM_LINE_MAX_BYTES : 0;
        size_t len = 0;

        HSM_TRY(hsm_log_file_get(&log->file, start, buffer_of(log), (size_t)(end - start), &len));
        const uint8_t *feed = memrchr(log->buffer, '\n', len);
        if (feed != NULL) {
            *out_border = start + (uint64_t)(feed - buffer_of(log)) + 1;
            return HSM_OK;
        }
        end = start;
    }
    *out_border = 0;
    return HSM_OK;
}

/* --- setting aside ---------------------------------------------------------------------------- */

static hsm_err copy_out(hsm_audit_log *log, uint64_t from, uint64_t end, const char *path)
{
    HSM_AUTO(hsm_fd_drop)
    int fd = hsm_fd_raise(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));

    HSM_CHECK(fd >= 0, hsm_file_err(errno));
    while (from < end) {
        const uint64_t left = end - from;
        size_t len = 0;

        HSM_TRY(hsm_log_file_get(
            &log->file, from, buffer_of(log),
            left < HSM_AUDIT_BUFFER_BYTES ? (size_t)left : HSM_AUDIT_BUFFER_BYTES, &len));
        HSM_CHECK(len > 0, HSM_E_STORE_IO);
        HSM_TRY(hsm_file_write_all(fd, hsm_bytes_of(log->buffer, len)));
        from += len;
    }
    HSM_CHECK(fsync(fd) == 0, hsm_file_err(errno));
    return hsm_dir_sync_parent(path);
}

/* Everything from next->offset on goes into a file of its own, named by the time. */
static hsm_err set_aside(hsm_audit_log *log, const hsm_head *next, uint64_t end, findings *found)
{
    const size_t room = strlen(log->log_path) + NAME_MAX_BYTES;
    HSM_AUTO(hsm_path_drop) char *path = malloc(room);

    HSM_CHECK(path != NULL, HSM_E_NO_MEMORY);
    (void)snprintf(found->set_aside, sizeof found->set_aside, ".torn.%llu",
                   (unsigned long long)hsm_log_stamp(log).now_ns);
    (void)snprintf(path, room, "%s%s", log->log_path, found->set_aside);
    HSM_TRY(copy_out(log, next->offset, end, path));
    HSM_TRY(hsm_log_file_trim(&log->file, next->offset));
    HSM_TRY(hsm_log_file_sync(&log->file));
    found->set_aside_bytes = end - next->offset;
    hsm_log(HSM_LOG_WARNING, "%s: %llu bytes that are no whole entry are now in %s", log->log_path,
            (unsigned long long)found->set_aside_bytes, path);
    return HSM_OK;
}

static hsm_err set_rest_aside(hsm_audit_log *log, const hsm_head *next, findings *found)
{
    uint64_t end = 0;

    HSM_TRY(find_end(log, next->offset, &end));
    return end > next->offset ? set_aside(log, next, end, found) : HSM_OK;
}

/* --- the end of the log ----------------------------------------------------------------------- */

/* Whether the head's last entry stands where the head says. */
static hsm_err check_end(hsm_audit_log *log, const hsm_head *head, bool *out_is_good)
{
    uint8_t link[HSM_LINK_BYTES];
    hsm_line line;

    *out_is_good = true;
    if (head->offset == 0)
        return HSM_OK;
    hsm_err err = line_before(log, head->offset, &line);
    if (err == HSM_OK)
        err = hsm_line_link(&log->chain, &line, link);
    HSM_CHECK(err == HSM_OK || err == HSM_E_DATA, err);
    *out_is_good = err == HSM_OK && hsm_bytes_equal(hsm_bytes_of(link, sizeof link),
                                                    hsm_bytes_of(head->chain.link, sizeof link));
    return HSM_OK;
}

/* After another boot, entries that no sync had reached may be gone: the log goes on from the last one
 * that was. Their tree is lost with them; the entries before are still chained. */
static hsm_err return_to_durable(hsm_audit_log *log, hsm_head *next, bool *out_is_done)
{
    hsm_line line;

    *out_is_done = false;
    if (next->durable_count == next->chain.count)
        return HSM_OK;
    hsm_chain_state state = { .count = next->durable_count, .interval_first = next->durable_count };
    if (next->durable_offset > 0) {
        if (line_before(log, next->durable_offset, &line) != HSM_OK ||
            hsm_line_check_mac(&log->chain, &line) != HSM_OK ||
            line.index + 1 != next->durable_count)
            return HSM_OK;
        HSM_TRY(hsm_line_link(&log->chain, &line, state.link));
        state.timestamp = line.timestamp;
    } else {
        HSM_CHECK(next->durable_count == 0, HSM_OK); /* right after a rotation: not undone */
    }
    next->chain = state;
    next->offset = next->durable_offset;
    *out_is_done = true;
    return HSM_OK;
}

static bool is_of_earlier_boot(const hsm_head *head)
{
    uint8_t boot[HSM_BOOT_ID_BYTES];

    hsm_head_boot_id(boot);
    return !hsm_bytes_equal(hsm_bytes_of(boot, sizeof boot),
                            hsm_bytes_of(head->boot_id, sizeof boot));
}

/* What the power cut took: the log goes on from what is left. */
static hsm_err mend_after_boot(hsm_audit_log *log, hsm_head *next, findings *found)
{
    HSM_TRY(adopt(log, next, UINT64_MAX));
    found->what = "unsynced: entries lost when the machine went down";
    found->amount = log->tip.count > next->chain.count ? log->tip.count - next->chain.count : 0;
    return HSM_OK;
}

/* The chain goes on from the tip, whatever is left of what led there; the tree of what came between head
 * and tip went with it. */
static void go_on_from_tip(const hsm_audit_log *log, hsm_chain_state *chain)
{
    *chain = log->head.chain;
    if (log->tip.count == chain->count)
        return;
    chain->count = log->tip.count;
    memcpy(chain->link, log->tip.link, sizeof chain->link);
    chain->interval_first = chain->count;
    chain->tree.count = 0;
}

/* is_head_there: the head's last entry is, and next stands after what follows it. */
static hsm_err mend_end(hsm_audit_log *log, hsm_head *next, bool is_head_there, findings *found)
{
    const uint64_t told = log->tip.offset;
    bool is_done = is_head_there;
    uint64_t end = 0;

    if (is_of_earlier_boot(next)) {
        if (!is_done)
            HSM_TRY(return_to_durable(log, next, &is_done));
        if (is_done)
            return mend_after_boot(log, next, found);
    }
    HSM_TRY(find_end(log, 0, &end));
    found->what = end < told ? "cut: the log ended before its head says"
                             : "changed: the log's last entry is not the one its head knows";
    found->amount = end < told ? told - end : 0;
    hsm_log(HSM_LOG_ERROR, "%s: %s", log->log_path, found->what);
    go_on_from_tip(log, &next->chain);
    return line_border(log, end, &next->offset);
}

static hsm_err go_on_from_head(hsm_audit_log *log, hsm_head *next, findings *found)
{
    bool is_there = false;
    bool is_good = false;

    HSM_TRY(check_end(log, next, &is_there));
    if (is_there)
        HSM_TRY(follow_tip(log, next, &is_good));
    if (!is_good)
        return mend_end(log, next, is_there, found);
    if (log->tip.is_lost)
        found->what = "half a head: the machine went down while it was written";
    return adopt(log, next, UINT64_MAX);
}

/* A log without a head: it may begin anywhere, if its entries are ours. */
static hsm_err start_from_file(hsm_audit_log *log, hsm_head *next)
{
    hsm_line line;
    size_t len = 0;

    HSM_TRY(hsm_log_file_get(&log->file, 0, buffer_of(log), HSM_LINE_MAX_BYTES, &len));
    const uint8_t *feed = memchr(log->buffer, '\n', len);
    if (feed == NULL ||
        hsm_line_parse(hsm_bytes_of(log->buffer, (size_t)(feed - buffer_of(log))), &line) !=
            HSM_OK ||
        hsm_line_check_mac(&log->chain, &line) != HSM_OK)
        return HSM_OK;
    next->chain.count = line.index;
    next->chain.interval_first = line.index;
    next->chain.timestamp = line.timestamp - 1;
    next->first[0] = line.index;
    memcpy(next->chain.link, line.previous, sizeof next->chain.link);
    return HSM_OK;
}

/* The log's name in its checkpoints: of keys and path, so that it is the same should the head be lost. */
static hsm_err name_log(hsm_audit_log *log, uint8_t out_id[HSM_LOG_ID_BYTES])
{
    const hsm_bytes parts[] = { hsm_bytes_of_text("craton-hsm audit log id\n"),
                                hsm_bytes_of_text(log->log_path) };
    uint8_t mac[HSM_SHA256_BYTES];

    HSM_TRY(hsm_hmac_compute(log->chain.mac, parts, HSM_ARRAY_LEN(parts), mac));
    memcpy(out_id, mac, HSM_LOG_ID_BYTES);
    return HSM_OK;
}

static hsm_err make_head(hsm_audit_log *log, hsm_head *next, findings *found)
{
    const uint64_t before = next->chain.count;

    HSM_TRY(name_log(log, next->log_id));
    next->files = 1;
    HSM_TRY(start_from_file(log, next));
    HSM_TRY(adopt(log, next, UINT64_MAX));
    if (next->chain.count > before) {
        found->what = "no head: entries were adopted from the log alone";
        found->amount = next->chain.count;
        hsm_log(HSM_LOG_WARNING, "%s: %s", log->log_path, found->what);
    }
    return HSM_OK;
}

/* --- in order --------------------------------------------------------------------------------- */

static hsm_err add_finding(hsm_audit_log *log, hsm_head *next, const findings *found, hsm_text *out)
{
    char detail[HSM_AUDIT_DETAIL_MAX_CHARS];
    const hsm_audit_event what = {
        .operation = HSM_AUDITED_RECOVER,
        .amount = found->amount,
        .detail = found->what,
    };
    const hsm_audit_event torn = {
        .operation = HSM_AUDITED_RECOVER,
        .amount = found->set_aside_bytes,
        .detail = detail,
    };

    if (found->what != NULL)
        HSM_TRY(hsm_log_add_own(log, next, &what, out));
    if (found->set_aside_bytes == 0)
        return HSM_OK;
    (void)snprintf(detail, sizeof detail, "torn: bytes set aside in a file whose name ends in %s",
                   found->set_aside);
    return hsm_log_add_own(log, next, &torn, out);
}

/* What a failed sync left is written once more, so that the kernel has it again as not yet written. */
static hsm_err write_again(hsm_audit_log *log, hsm_head *next)
{
    size_t len = HSM_AUDIT_BUFFER_BYTES;

    for (uint64_t at = next->durable_offset; len == HSM_AUDIT_BUFFER_BYTES; at += len) {
        HSM_TRY(hsm_log_file_get(&log->file, at, buffer_of(log), HSM_AUDIT_BUFFER_BYTES, &len));
        HSM_TRY(hsm_log_file_put(&log->file, at, hsm_bytes_of(log->buffer, len)));
    }
    HSM_TRY(hsm_log_file_sync(&log->file));
    next->flags &= ~(uint32_t)HSM_HEAD_UNSYNCED;
    return HSM_OK;
}

static bool is_as_before(const hsm_head *next, const hsm_head *head)
{
    return head->serial > 0 && next->chain.count == head->chain.count &&
           next->offset == head->offset && next->flags == head->flags &&
           hsm_bytes_equal(hsm_bytes_of(next->boot_id, sizeof next->boot_id),
                           hsm_bytes_of(head->boot_id, sizeof next->boot_id));
}

/* The file is open and fits the head's generation. */
static hsm_err bring_in_order(hsm_audit_log *log)
{
    findings found = { 0 };
    hsm_head next = log->head;

    if ((next.flags & HSM_HEAD_UNSYNCED) != 0)
        HSM_TRY(write_again(log, &next));
    HSM_TRY(next.serial == 0 ? make_head(log, &next, &found) : go_on_from_head(log, &next, &found));
    HSM_TRY(set_rest_aside(log, &next, &found));
    hsm_head_boot_id(next.boot_id);
    memcpy(log->chain.log_id, next.log_id, sizeof log->chain.log_id);

    hsm_text out = hsm_text_of(log->buffer, HSM_AUDIT_BUFFER_BYTES);
    HSM_TRY(add_finding(log, &next, &found, &out));
    if (is_as_before(&next, &log->head) && !hsm_head_is_marked(log->page))
        return HSM_OK;
    return hsm_log_commit(log, &next, hsm_text_view(&out), true);
}

static hsm_err open_file(hsm_audit_log *log)
{
    const hsm_err err = hsm_log_file_open(&log->file);

    if (err != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "%s: %s", log->log_path, hsm_err_text(err));
    return err;
}

hsm_err hsm_log_finish_rotation(hsm_audit_log *log)
{
    hsm_head next = log->head;

    HSM_TRY(hsm_log_rotate_files(log->log_path));
    HSM_TRY(open_file(log));
    next.flags &= ~(uint32_t)HSM_HEAD_ROTATING;
    next.generation++;
    next.offset = 0;
    next.durable_offset = 0;
    next.durable_count = next.chain.count;
    memmove(&next.first[1], &next.first[0], HSM_AUDIT_GENERATIONS * sizeof next.first[0]);
    next.first[0] = next.chain.count;
    next.files = next.files <= HSM_AUDIT_GENERATIONS ? next.files + 1 : next.files;
    HSM_TRY(hsm_head_write(log->page, &next));
    HSM_TRY(hsm_head_sync(log->page));
    log->head = next;
    log->tip = hsm_head_tip(&log->head);
    return HSM_OK;
}

hsm_err hsm_log_recover(hsm_audit_log *log)
{
    HSM_TRY(hsm_head_read(log->page, &log->head, &log->tip));
    if ((log->head.flags & HSM_HEAD_ROTATING) != 0)
        HSM_TRY(hsm_log_finish_rotation(log));
    HSM_TRY(open_file(log));
    return bring_in_order(log);
}

/* The page says something new: takes it over. */
static hsm_err take_over(hsm_audit_log *log, uint64_t generation)
{
    bool is_good = false;

    HSM_CHECK((log->head.flags & HSM_HEAD_UNSYNCED) == 0, HSM_E_AUDIT);
    if ((log->head.flags & HSM_HEAD_ROTATING) != 0)
        HSM_TRY(hsm_log_finish_rotation(log));
    else if (log->head.generation != generation)
        HSM_TRY(open_file(log));
    if (hsm_head_is_marked(log->page))
        return bring_in_order(log);
    hsm_head next = log->head;
    HSM_TRY(follow_tip(log, &next, &is_good));
    if (!is_good)
        return bring_in_order(log);
    log->head = next;
    return HSM_OK;
}

hsm_err hsm_log_refresh(hsm_audit_log *log)
{
    const uint64_t generation = log->is_stale ? UINT64_MAX : log->head.generation;

    if (!log->is_stale && !hsm_head_has_moved(log->page) && !hsm_head_is_marked(log->page))
        return HSM_OK;
    log->is_stale = true; /* until all of it is done */
    log->is_shared = true;
    HSM_TRY(hsm_head_read(log->page, &log->head, &log->tip));
    HSM_TRY(take_over(log, generation));
    log->is_stale = false;
    return HSM_OK;
}

hsm_err hsm_log_check_place(hsm_audit_log *log)
{
    if (hsm_log_file_is_in_place(&log->file))
        return HSM_OK;
    hsm_log(HSM_LOG_ERROR, "%s: the log was moved or removed while it was in use", log->log_path);
    HSM_TRY(open_file(log));
    log->tip = hsm_head_tip(&log->head);
    return bring_in_order(log);
}
