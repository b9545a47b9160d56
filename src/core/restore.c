/* Reading a backup, and putting its objects into the token.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/restore.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/ct.h"
#include "base/hex.h"
#include "core/audited.h"
#include "core/backup_parts.h"
#include "core/key_names.h"
#include "core/older.h"
#include "core/present.h"
#include "os/clock.h"
#include "store/attr_index.h"
#include "store/object_portable.h"

#define NS_PER_DAY (HSM_NS_PER_SEC * 86400u)
#define LABEL_CHARS (2 * HSM_BACKUP_ID_BYTES)

/* --- the mark --------------------------------------------------------------------------------- */

bool hsm_core_is_restore_mark(const hsm_object *object)
{
    return hsm_bytes_equal(hsm_object_value(object, CKA_APPLICATION),
                           hsm_bytes_of_text(HSM_RESTORE_APPLICATION));
}

static const CK_OBJECT_CLASS data_class = CKO_DATA;
static const CK_BBOOL is_true = CK_TRUE;
static const CK_BBOOL is_false = CK_FALSE;

static hsm_err make_mark(const hsm_backup_head *head, hsm_draft **out_draft)
{
    char label[LABEL_CHARS];
    const hsm_attr attrs[] = {
        { CKA_CLASS, hsm_bytes_of(&data_class, sizeof data_class) },
        { CKA_TOKEN, hsm_bytes_of(&is_true, sizeof is_true) },
        { CKA_PRIVATE, hsm_bytes_of(&is_true, sizeof is_true) },
        { CKA_MODIFIABLE, hsm_bytes_of(&is_false, sizeof is_false) },
        { CKA_APPLICATION, hsm_bytes_of_text(HSM_RESTORE_APPLICATION) },
        { CKA_LABEL, hsm_bytes_of(label, sizeof label) },
    };
    const hsm_template tmpl = { attrs, HSM_ARRAY_LEN(attrs) };
    const hsm_template none = { 0 };

    hsm_hex_encode(hsm_bytes_of(head->id, sizeof head->id), label);
    return hsm_draft_from_template(HSM_ORIGIN_CREATE, &tmpl, &none, false, out_draft);
}

static hsm_err was_restored(hsm_core *core, uint32_t slot, const hsm_backup_head *head,
                            bool *out_was)
{
    char label[LABEL_CHARS];
    const hsm_attr attrs[] = {
        { CKA_CLASS, hsm_bytes_of(&data_class, sizeof data_class) },
        { CKA_LABEL, hsm_bytes_of(label, sizeof label) },
    };
    const hsm_template tmpl = { attrs, HSM_ARRAY_LEN(attrs) };
    HSM_AUTO(hsm_buf_clear) hsm_buf ids = { 0 };

    hsm_hex_encode(hsm_bytes_of(head->id, sizeof head->id), label);
    *out_was = false;
    HSM_TRY(hsm_store_find(core->store, slot, &tmpl, &ids));
    for (size_t at = 0; at < ids.len; at += sizeof(uint64_t)) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        uint64_t id;
        memcpy(&id, ids.data + at, sizeof id);
        const hsm_err err = hsm_store_get(core->store, slot, id, &object);
        if (err == HSM_OK && hsm_core_is_restore_mark(object))
            *out_was = true;
    }
    return HSM_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A backup that is being read. */
typedef struct reading {
    hsm_backup_seal seal;
    hsm_reader reader;
    hsm_buf open;       /* of the present object; its private attributes may be in it */
    hsm_secret *secret; /* of the present object, or NULL */
    hsm_backup_frame next;
    hsm_buf next_open;
    hsm_present *present; /* where ids of the backup tell nothing, what the token has; or NULL */
    const hsm_migrate_watch *watch; /* NULL: nobody */
} reading;

static reading reading_of(const hsm_migrate_watch *watch)
{
    return (reading){ .open = HSM_BUF_WIPED, .next_open = HSM_BUF_WIPED, .watch = watch };
}

static void reading_clear(reading *at)
{
    hsm_backup_seal_clear(&at->seal);
    hsm_buf_clear(&at->open);
    hsm_buf_clear(&at->next_open);
    hsm_secret_destroy(at->secret);
    hsm_present_destroy(at->present);
}

static hsm_err advance(reading *at)
{
    return hsm_backup_get_frame(&at->seal, &at->reader, &at->next, &at->next_open, &at->secret);
}

static hsm_err start_reading(hsm_crypto *crypto, hsm_bytes backup, const hsm_backup_key *key,
                             const hsm_backup_head *head, reading *at)
{
    hsm_bytes rest = hsm_bytes_none();

    HSM_TRY(hsm_backup_unlock(crypto, head, backup, key, &at->seal, &rest));
    at->reader = hsm_reader_of(rest);
    return advance(at);
}

/* The next object is in open and secret. errors HSM_E_ENCRYPTED_DATA (also frames out of order) */
static hsm_err next_object(reading *at)
{
    const hsm_buf spare = at->open;

    HSM_CHECK(at->next == HSM_BACKUP_PUBLIC, HSM_E_ENCRYPTED_DATA);
    at->open = at->next_open;
    at->next_open = spare;
    hsm_secret_destroy(at->secret);
    at->secret = NULL;
    HSM_TRY(advance(at));
    return at->next == HSM_BACKUP_SECRET ? advance(at) : HSM_OK;
}

/* How many there are is said at the end only. */
static void show_progress(const reading *at, uint64_t objects)
{
    if (at->watch != NULL)
        at->watch->progress(at->watch->arg, objects, 0);
}

/* The end is there, says the right number, and nothing follows. */
static hsm_err check_end(reading *at, const hsm_backup_head *head, uint64_t objects,
                         uint64_t *out_token_objects)
{
    hsm_reader counts = hsm_reader_of(hsm_buf_view(&at->next_open));

    HSM_CHECK(hsm_read_u64(&counts) == objects, HSM_E_ENCRYPTED_DATA);
    const uint64_t token_objects = head->is_selected ? hsm_read_u64(&counts) : objects;
    HSM_CHECK(token_objects >= objects, HSM_E_ENCRYPTED_DATA);
    HSM_TRY(hsm_reader_end(&counts, HSM_E_ENCRYPTED_DATA));
    HSM_TRY(hsm_reader_end(&at->reader, HSM_E_ENCRYPTED_DATA));
    *out_token_objects = token_objects;
    return HSM_OK;
}

static hsm_err count_objects(hsm_crypto *crypto, const hsm_verify_request *request,
                             hsm_backup_verdict *verdict)
{
    HSM_AUTO(reading_clear) reading at = reading_of(request->watch);

    HSM_TRY(start_reading(crypto, request->backup, &request->key, &verdict->head, &at));
    while (at.next != HSM_BACKUP_END) {
        HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
        HSM_TRY(next_object(&at));
        HSM_TRY(hsm_draft_from_parts(hsm_buf_view(&at.open), hsm_secret_view(at.secret), &draft));
        verdict->objects++;
        show_progress(&at, verdict->objects);
    }
    return check_end(&at, &verdict->head, verdict->objects, &verdict->token_objects);
}

hsm_err hsm_core_verify_backup(hsm_core *core, const hsm_verify_request *request,
                               hsm_backup_verdict *out_verdict)
{
    HSM_AUTO(hsm_older_source_clear) hsm_older_source older = { 0 };
    hsm_backup_head *head = &out_verdict->head;

    *out_verdict = (hsm_backup_verdict){ 0 };
    HSM_TRY(hsm_backup_read_head(request->backup, head));
    if (!head->is_older)
        return count_objects(core->crypto, request, out_verdict);
    HSM_TRY(hsm_older_open(core->crypto, request->backup, &request->key, head, &older,
                           out_verdict->where));
    HSM_TRY(hsm_older_count(&older, &out_verdict->objects, out_verdict->where));
    out_verdict->token_objects = out_verdict->objects;
    return HSM_OK;
}

/* --- restoring -------------------------------------------------------------------------------- */

void hsm_harvest_clear(hsm_harvest *all)
{
    for (size_t i = 0; i < all->count; i++)
        hsm_draft_destroy(all->drafts[i]);
    free(all->drafts);
    free(all->names);
}

static hsm_err grow(hsm_harvest *all)
{
    const size_t cap = all->cap == 0 ? 64 : all->cap * 2;

    HSM_CHECK(all->count < HSM_BACKUP_OBJECTS_MAX - 1, HSM_E_LIMIT);
    hsm_draft **drafts = realloc(all->drafts, cap * sizeof(hsm_draft *));
    HSM_CHECK(drafts != NULL, HSM_E_NO_MEMORY);
    all->drafts = drafts;
    void *names = realloc(all->names, cap * sizeof all->names[0]);
    HSM_CHECK(names != NULL, HSM_E_NO_MEMORY);
    all->names = names;
    all->cap = cap;
    return HSM_OK;
}

hsm_err hsm_harvest_keep(hsm_harvest *all, hsm_draft **draft, const char *name)
{
    if (all->count == all->cap)
        HSM_TRY(grow(all));
    (void)snprintf(all->names[all->count], sizeof all->names[0], "%s", name != NULL ? name : "");
    all->drafts[all->count++] = HSM_MOVE(*draft);
    return HSM_OK;
}

/* The token's object of the same unique id, if there is one. */
static hsm_err find_by_id(hsm_core *core, uint32_t slot, const hsm_draft *draft,
                          hsm_object **out_object)
{
    hsm_attr attr = { .type = CKA_UNIQUE_ID };
    const hsm_template tmpl = { &attr, 1 };

    if (!hsm_draft_get(draft, CKA_UNIQUE_ID, &attr.value))
        return HSM_OK;
    const hsm_search_scope scope = hsm_template_scope(&tmpl);
    if (scope.is_hopeless || !scope.has_id)
        return HSM_OK;
    const hsm_err err = hsm_store_get(core->store, slot, scope.id, out_object);
    return err == HSM_E_STORE_NOT_FOUND ? HSM_OK : err;
}

/* Whether an object is still what the backup has of it. */
static hsm_err is_unchanged(hsm_core *core, const hsm_object *object, const reading *at,
                            bool *out_is)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf open = HSM_BUF_WIPED;
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    HSM_TRY(hsm_object_take_apart(object, hsm_core_serial(core, object->slot), &open, &secret));
    *out_is = hsm_bytes_equal(hsm_buf_view(&open), hsm_buf_view(&at->open)) &&
              hsm_ct_equal(hsm_secret_view(secret), hsm_secret_view(at->secret));
    return HSM_OK;
}

static hsm_err gather_one(hsm_core *core, uint32_t slot, reading *at, hsm_harvest *all,
                          hsm_restore_report *report)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    bool is_same = true;
    bool is_counted = false;

    HSM_TRY(next_object(at));
    HSM_TRY(hsm_draft_from_parts(hsm_buf_view(&at->open), hsm_secret_view(at->secret), &draft));
    report->objects++;
    if (!report->is_other_token)
        HSM_TRY(find_by_id(core, slot, draft, &object));
    if (object == NULL)
        return hsm_harvest_keep(all, &draft, NULL);
    if (at->present != NULL) /* it can't answer for another object any more */
        HSM_TRY(hsm_present_take(at->present, draft, &is_counted));
    HSM_TRY(is_unchanged(core, object, at, &is_same));
    report->present++;
    report->changed += is_same ? 0 : 1;
    return HSM_OK;
}

/* Takes out what the token has under another id. */
static hsm_err drop_present(hsm_present *present, hsm_harvest *all, hsm_restore_report *report)
{
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++) {
        HSM_AUTO(hsm_draft_drop) hsm_draft *draft = HSM_MOVE(all->drafts[i]);
        bool is_there = false;

        HSM_TRY(hsm_present_take(present, draft, &is_there));
        if (is_there)
            report->present++;
        else
            all->drafts[kept++] = HSM_MOVE(draft);
    }
    all->count = kept;
    return HSM_OK;
}

/* An object is there when its unique id is. Another token has other ids, and so has what was restored
 * before: there the key, certificate or data tells. */
static hsm_err gather(hsm_core *core, uint32_t slot, reading *at, hsm_harvest *all,
                      hsm_restore_report *report)
{
    if (report->is_other_token || report->is_restored_before)
        HSM_TRY(hsm_present_create(core, slot, &at->present));
    while (at->next != HSM_BACKUP_END) {
        HSM_TRY(gather_one(core, slot, at, all, report));
        show_progress(at, report->objects);
    }
    HSM_TRY(check_end(at, &report->head, report->objects, &report->token_objects));
    return at->present == NULL ? HSM_OK : drop_present(at->present, all, report);
}

static hsm_err judge(hsm_core *core, uint32_t slot, const hsm_backup_head *head,
                     hsm_restore_report *report)
{
    const uint64_t now = hsm_clock_wall_ns();

    report->is_other_token = !hsm_bytes_equal(hsm_bytes_of(head->serial, sizeof head->serial),
                                              hsm_core_serial(core, slot));
    report->is_old =
        now > head->created_ns && (now - head->created_ns) / NS_PER_DAY >= HSM_BACKUP_AGE_MAX_DAYS;
    return was_restored(core, slot, head, &report->is_restored_before);
}

static bool is_allowed(const hsm_restore_request *request, const hsm_restore_report *report)
{
    return (!report->is_other_token || request->may_other_token) &&
           (!report->is_restored_before || request->may_again) &&
           (!report->is_old || request->may_old);
}

/* Tells what was added, or would be; `objects` NULL: nothing was. */
static void show_added(const hsm_migrate_watch *watch, const hsm_harvest *all, size_t count,
                       hsm_object *const *objects)
{
    for (size_t i = 0; watch != NULL && watch->object != NULL && i < count; i++) {
        const hsm_bytes id =
            objects == NULL ? hsm_bytes_none() : hsm_object_value(objects[i], CKA_UNIQUE_ID);
        const hsm_draft *draft = all->drafts[i];
        char text[64] = "";
        hsm_migrate_object object = {
            .name = all->names[i],
            .class_name = hsm_class_name(hsm_draft_ulong(draft, CKA_CLASS, CKO_DATA)),
            .unique_id = id.len == 0 ? NULL : text,
            .result = HSM_MIGRATE_ADDED,
        };

        if (id.len > 0 && id.len < sizeof text)
            memcpy(text, id.data, id.len);
        (void)hsm_draft_get(draft, CKA_LABEL, &object.label);
        (void)hsm_draft_get(draft, CKA_ID, &object.id);
        watch->object(watch->arg, &object);
    }
}

static hsm_err keep_mark(const hsm_backup_head *head, hsm_harvest *all)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *mark = NULL;

    HSM_TRY(make_mark(head, &mark));
    return hsm_harvest_keep(all, &mark, NULL);
}

/* Everything in one commit, the mark with it, unless there is one. */
static hsm_err insert_all(hsm_core *core, uint32_t slot, const hsm_restore_report *report,
                          const hsm_migrate_watch *watch, hsm_harvest *all)
{
    const size_t added = all->count;

    if (!report->is_restored_before)
        HSM_TRY(keep_mark(&report->head, all));
    if (all->count == 0)
        return HSM_OK;
    hsm_object **objects = calloc(all->count, sizeof(hsm_object *));
    HSM_CHECK(objects != NULL, HSM_E_NO_MEMORY);
    const hsm_err err = hsm_store_insert(core->store, slot, all->drafts, all->count, objects);
    if (err == HSM_OK)
        show_added(watch, all, added, objects);
    for (size_t i = 0; i < all->count; i++)
        hsm_object_release(objects[i]);
    free(objects);
    return err;
}

/* Opens the backup, judges it, and gathers what it would add. */
static hsm_err collect(hsm_core *core, uint32_t slot, const hsm_restore_request *request,
                       hsm_restore_report *report, hsm_harvest *all)
{
    HSM_AUTO(reading_clear) reading at = reading_of(request->watch);
    HSM_AUTO(hsm_older_source_clear) hsm_older_source older = { 0 };
    hsm_backup_head *head = &report->head;

    HSM_TRY(hsm_backup_read_head(request->backup, head));
    HSM_TRY(head->is_older
                ? hsm_older_open(core->crypto, request->backup, &request->key, head, &older,
                                 report->where)
                : start_reading(core->crypto, request->backup, &request->key, head, &at));
    HSM_TRY(judge(core, slot, head, report));
    if (!head->is_older)
        return gather(core, slot, &at, all, report);
    HSM_TRY(hsm_older_gather(core, slot, &older, request->watch, all, report));
    report->token_objects = report->objects;
    return HSM_OK;
}

static hsm_err announce(hsm_audited_call *call, const hsm_restore_report *report)
{
    call->event.amount = report->added;
    call->event.detail = report->head.is_selected ? "selected" : NULL;
    return hsm_audited_announce(call);
}

static hsm_err restore(hsm_core *core, hsm_session *session, const hsm_restore_request *request,
                       hsm_restore_report *report)
{
    HSM_AUTO(hsm_harvest_clear) hsm_harvest all = { 0 };

    *report = (hsm_restore_report){ 0 };
    HSM_TRY(hsm_core_may_write(core, session, true, true));
    HSM_TRY(collect(core, session->slot, request, report, &all));
    const bool may = is_allowed(request, report);
    report->added = may ? all.count : 0;
    HSM_CHECK(may || request->is_dry, HSM_E_ACTION_PROHIBITED);
    if (request->is_dry) {
        show_added(request->watch, &all, all.count, NULL);
        return HSM_OK;
    }
    if (session->audited != NULL)
        HSM_TRY(announce(session->audited, report));
    return insert_all(core, session->slot, report, request->watch, &all);
}

hsm_err hsm_core_restore(hsm_core *core, hsm_session *session, const hsm_restore_request *request,
                         hsm_restore_report *out_report)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_RESTORE))
        return restore(core, session, request, out_report);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_RESTORE);
    call.event.detail = request->is_dry ? "dry run" : NULL;
    const hsm_err err = restore(core, session, request, out_report);
    call.event.amount = err == HSM_OK ? out_report->added : 0;
    return hsm_audited_end(&call, err);
}
