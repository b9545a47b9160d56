/* Making a backup.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/backup.h"

#include "core/audited.h"
#include "core/backup_parts.h"
#include "core/restore.h"
#include "os/clock.h"
#include "store/object_portable.h"

/* A backup that is being written. */
typedef struct writing {
    hsm_core *core;
    uint32_t slot;
    hsm_backup_seal seal;
    const hsm_backup_watch *watch;
    uint64_t objects;
    hsm_buf *out;
} writing;

static void writing_clear(writing *at)
{
    hsm_backup_seal_clear(&at->seal);
}

static void part_clear(hsm_buf *part)
{
    if (part->data != NULL)
        explicit_bzero(part->data, part->cap); /* a private object's attributes */
    hsm_buf_clear(part);
}

static hsm_err put_object(void *arg, hsm_object *object)
{
    writing *at = arg;
    HSM_AUTO(part_clear) hsm_buf open = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    if (hsm_core_is_restore_mark(object)) /* what this token restored is of no use elsewhere */
        return HSM_OK;
    HSM_CHECK(at->objects < HSM_BACKUP_OBJECTS_MAX, HSM_E_LIMIT);
    HSM_TRY(hsm_object_take_apart(object, hsm_core_serial(at->core, at->slot), &open, &secret));
    HSM_TRY(hsm_backup_put_frame(&at->seal, HSM_BACKUP_PUBLIC, hsm_buf_view(&open), at->out));
    if (secret != NULL)
        HSM_TRY(
            hsm_backup_put_frame(&at->seal, HSM_BACKUP_SECRET, hsm_secret_view(secret), at->out));
    at->objects++;
    if (at->watch != NULL)
        at->watch->progress(at->watch->arg, at->objects);
    return HSM_OK;
}

static hsm_err make_head(hsm_core *core, uint32_t slot, const hsm_backup_lock *lock,
                         hsm_backup_head *out_head)
{
    const bool has_recipients = lock->recipient_count > 0;
    hsm_backup_head head = {
        .format = HSM_BACKUP_FORMAT,
        .created_ns = hsm_clock_wall_ns(),
        .method = has_recipients ? HSM_BACKUP_BY_RECIPIENTS : HSM_BACKUP_BY_PASSPHRASE,
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
    uint8_t count[8];
    hsm_writer writer = hsm_writer_of(count, sizeof count);

    hsm_write_u64(&writer, at->objects);
    HSM_TRY(hsm_writer_end(&writer));
    return hsm_backup_put_frame(&at->seal, HSM_BACKUP_END, hsm_bytes_of(count, sizeof count),
                                at->out);
}

static hsm_err make_backup(hsm_core *core, hsm_session *session, const hsm_backup_lock *lock,
                           const hsm_backup_watch *watch, hsm_buf *out_backup)
{
    HSM_AUTO(writing_clear) writing at = { .core = core, .slot = session->slot, .watch = watch };
    HSM_AUTO(hsm_buf_clear) hsm_buf made = { 0 };
    hsm_backup_head head;

    HSM_CHECK(hsm_core_sees_private(core, session), HSM_E_NOT_LOGGED_IN);
    HSM_CHECK(lock->recipient_count <= HSM_BACKUP_RECIPIENTS_MAX, HSM_E_LIMIT);
    if (lock->recipient_count == 0)
        HSM_TRY(hsm_backup_check_passphrase(lock->passphrase));
    HSM_TRY(make_head(core, session->slot, lock, &head));
    HSM_TRY(hsm_backup_lock_up(core->crypto, &head, lock, &made, &at.seal));
    at.out = &made;
    HSM_TRY(hsm_store_each(core->store, session->slot, put_object, &at));
    HSM_TRY(put_end(&at));
    return hsm_buf_append(out_backup, hsm_buf_view(&made));
}

hsm_err hsm_core_backup(hsm_core *core, hsm_session *session, const hsm_backup_lock *lock,
                        const hsm_backup_watch *watch, hsm_buf *out_backup)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf made = { 0 };
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_BACKUP))
        return make_backup(core, session, lock, watch, out_backup);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_BACKUP);
    HSM_TRY(hsm_audited_end(&call, make_backup(core, session, lock, watch, &made)));
    return hsm_buf_append(out_backup, hsm_buf_view(&made));
}
