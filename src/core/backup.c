/* Making a backup.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/backup.h"

#include "core/audited.h"
#include "core/backup_parts.h"
#include "core/restore.h"
#include "os/clock.h"
#include "store/object_portable.h"

#define TRIES 4u

/* A backup that is being written. */
typedef struct writing {
    hsm_core *core;
    uint32_t slot;
    const hsm_backup_request *request;
    hsm_backup_picker picker;
    hsm_backup_seal seal;
    hsm_backup_made *made;
    hsm_buf *out;
} writing;

static void writing_clear(writing *at)
{
    hsm_backup_seal_clear(&at->seal);
    hsm_backup_picker_clear(&at->picker);
}

static hsm_err put_object(writing *at, hsm_object *object)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf open = HSM_BUF_WIPED;
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    HSM_CHECK(at->made->objects < HSM_BACKUP_OBJECTS_MAX, HSM_E_LIMIT);
    HSM_TRY(hsm_object_take_apart(object, hsm_core_serial(at->core, at->slot), &open, &secret));
    HSM_TRY(hsm_backup_put_frame(&at->seal, HSM_BACKUP_PUBLIC, hsm_buf_view(&open), at->out));
    if (secret != NULL)
        HSM_TRY(
            hsm_backup_put_frame(&at->seal, HSM_BACKUP_SECRET, hsm_secret_view(secret), at->out));
    at->made->objects++;
    return HSM_OK;
}

static hsm_err visit_object(void *arg, hsm_object *object)
{
    writing *at = arg;
    const hsm_backup_watch *watch = at->request->watch;
    bool is_taken = false;

    if (hsm_core_is_restore_mark(object)) /* what this token restored is of no use elsewhere */
        return HSM_OK;
    HSM_TRY(hsm_backup_pick(&at->picker, object, &is_taken));
    if (is_taken)
        HSM_TRY(put_object(at, object));
    at->made->token_objects++;
    if (watch != NULL)
        watch->progress(watch->arg, at->made->token_objects);
    return HSM_OK;
}

static bool is_selected(const hsm_backup_request *request)
{
    return request->selection.choice_count > 0;
}

static hsm_err make_head(hsm_core *core, uint32_t slot, const hsm_backup_request *request,
                         hsm_backup_head *out_head)
{
    const hsm_backup_lock *lock = &request->lock;
    const bool has_recipients = lock->recipient_count > 0;
    hsm_backup_head head = {
        .format = HSM_BACKUP_FORMAT,
        .created_ns = hsm_clock_wall_ns(),
        .method = has_recipients ? HSM_BACKUP_BY_RECIPIENTS : HSM_BACKUP_BY_PASSPHRASE,
        .is_selected = is_selected(request),
        .iterations = has_recipients ? (uint32_t)lock->recipient_count : HSM_BACKUP_ITERATIONS,
    };
    hsm_token_info info;

    HSM_TRY(hsm_token_get_info(core->slots[slot].token, &info));
    memcpy(head.serial, info.serial, sizeof head.serial);
    memcpy(head.label, info.label, sizeof head.label);
    HSM_TRY(hsm_crypto_random(core->crypto, head.id, sizeof head.id));
    HSM_TRY(hsm_crypto_random(core->crypto, head.salt, sizeof head.salt));
    *out_head = head;
    return HSM_OK;
}

static hsm_err put_end(writing *at)
{
    uint8_t counts[2 * 8];
    const size_t count_len = is_selected(at->request) ? sizeof counts : sizeof(uint64_t);
    hsm_writer writer = hsm_writer_of(counts, sizeof counts);

    hsm_write_u64(&writer, at->made->objects);
    hsm_write_u64(&writer, at->made->token_objects);
    HSM_TRY(hsm_writer_end(&writer));
    return hsm_backup_put_frame(&at->seal, HSM_BACKUP_END, hsm_bytes_of(counts, count_len),
                                at->out);
}

static hsm_err check_request(const hsm_core *core, const hsm_session *session,
                             const hsm_backup_request *request)
{
    HSM_CHECK(hsm_core_sees_private(core, session), HSM_E_NOT_LOGGED_IN);
    HSM_CHECK(request->lock.recipient_count <= HSM_BACKUP_RECIPIENTS_MAX, HSM_E_LIMIT);
    return request->lock.recipient_count > 0
               ? HSM_OK
               : hsm_backup_check_passphrase(request->lock.passphrase);
}

/* errors  HSM_E_STORE_CONFLICT (begin again) */
static hsm_err write_all(writing *at)
{
    *at->made = (hsm_backup_made){ 0 };
    HSM_TRY(hsm_backup_pick_begin(&at->picker));
    HSM_TRY(hsm_store_each(at->core->store, at->slot, visit_object, at));
    return hsm_backup_pick_end(&at->picker, &at->made->unmet);
}

/* Appends it, or nothing is of use. */
static hsm_err make_backup(hsm_core *core, hsm_session *session, const hsm_backup_request *request,
                           hsm_buf *out, hsm_backup_made *made)
{
    HSM_AUTO(writing_clear)
    writing at = {
        .core = core,
        .slot = session->slot,
        .request = request,
        .picker = { .core = core, .slot = session->slot, .selection = &request->selection },
        .made = made,
        .out = out,
    };
    hsm_backup_head head;

    HSM_TRY(check_request(core, session, request));
    HSM_TRY(make_head(core, session->slot, request, &head));
    HSM_TRY(hsm_backup_lock_up(core->crypto, &head, &request->lock, out, &at.seal));
    HSM_TRY(write_all(&at));
    return put_end(&at);
}

/* What is related is looked for first, and may have changed when it is written. Each try is a backup of
 * its own, under its own key. */
static hsm_err make_steady(hsm_core *core, hsm_session *session, const hsm_backup_request *request,
                           hsm_buf *out, hsm_backup_made *made)
{
    hsm_err err = HSM_E_STORE_CONFLICT;

    for (unsigned i = 0; i < TRIES && err == HSM_E_STORE_CONFLICT; i++) {
        hsm_buf_reset(out);
        err = make_backup(core, session, request, out, made);
    }
    return err;
}

hsm_err hsm_core_backup(hsm_core *core, hsm_session *session, const hsm_backup_request *request,
                        hsm_buf *out_backup, hsm_backup_made *out_made)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf backup = { 0 };
    hsm_audited_call call;

    *out_made = (hsm_backup_made){ 0 };
    if (!hsm_core_audits(core, HSM_AUDITED_BACKUP)) {
        HSM_TRY(make_steady(core, session, request, &backup, out_made));
        return hsm_buf_append(out_backup, hsm_buf_view(&backup));
    }
    hsm_audited_begin(&call, core, session, HSM_AUDITED_BACKUP);
    call.event.detail = is_selected(request) ? "selected" : NULL;
    const hsm_err err = make_steady(core, session, request, &backup, out_made);
    call.event.amount = err == HSM_OK ? out_made->objects : 0;
    HSM_TRY(hsm_audited_end(&call, err));
    return hsm_buf_append(out_backup, hsm_buf_view(&backup));
}
