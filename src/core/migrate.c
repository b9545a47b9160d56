/* SPDX-License-Identifier: Apache-2.0 */
#include "core/migrate.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/audited.h"
#include "core/key_names.h"
#include "core/prints.h"
#include "core/softhsm.h"
#include "store/attr_index.h"

/* --- marks: what earlier runs brought ------------------------------------------------------------ */

/* A run leaves a private data object whose value has a print of each object that it brought: the first
 * bytes of a hash of the other token's serial and the object's name there. */
#define APPLICATION "craton-hsm migrated softhsm2"

static const CK_OBJECT_CLASS data_class = CKO_DATA;
static const CK_BBOOL is_true = CK_TRUE;

static hsm_err print_of(hsm_crypto *crypto, const hsm_softhsm_source *source, const char *name,
                        uint8_t out[HSM_PRINT_BYTES])
{
    uint8_t text[sizeof source->serial + 64] = { 0 };

    memcpy(text, source->serial, sizeof source->serial);
    (void)snprintf((char *)text + sizeof source->serial, sizeof text - sizeof source->serial, "%s",
                   name);
    return hsm_print_make(crypto, hsm_bytes_of(text, sizeof text), out);
}

static hsm_err add_prints(hsm_core *core, uint32_t slot, uint64_t id, hsm_buf *prints)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    const hsm_err err = hsm_store_get(core->store, slot, id, &object);
    if (err == HSM_E_STORE_NOT_FOUND)
        return HSM_OK;
    HSM_TRY(err);
    const hsm_bytes value = hsm_object_value(object, CKA_VALUE);
    if (value.len % HSM_PRINT_BYTES != 0 ||
        !hsm_bytes_equal(hsm_object_value(object, CKA_APPLICATION), hsm_bytes_of_text(APPLICATION)))
        return HSM_OK;
    return hsm_buf_append(prints, value);
}

/* The prints of all marks about this token, in order. */
static hsm_err read_marks(hsm_core *core, uint32_t slot, const hsm_softhsm_source *source,
                          hsm_buf *prints)
{
    const hsm_attr attrs[] = {
        { CKA_CLASS, hsm_bytes_of(&data_class, sizeof data_class) },
        { CKA_LABEL, hsm_bytes_of(source->serial, sizeof source->serial) },
    };
    const hsm_template tmpl = { attrs, HSM_ARRAY_LEN(attrs) };
    HSM_AUTO(hsm_buf_clear) hsm_buf ids = { 0 };

    HSM_TRY(hsm_store_find(core->store, slot, &tmpl, &ids));
    for (size_t at = 0; at < ids.len; at += sizeof(uint64_t)) {
        uint64_t id;
        memcpy(&id, ids.data + at, sizeof id);
        HSM_TRY(add_prints(core, slot, id, prints));
    }
    hsm_prints_sort(prints);
    return HSM_OK;
}

static hsm_err make_mark(const hsm_softhsm_source *source, hsm_bytes prints, hsm_draft **out_draft)
{
    static const CK_BBOOL is_false = CK_FALSE;
    const hsm_attr attrs[] = {
        { CKA_CLASS, hsm_bytes_of(&data_class, sizeof data_class) },
        { CKA_TOKEN, hsm_bytes_of(&is_true, sizeof is_true) },
        { CKA_PRIVATE, hsm_bytes_of(&is_true, sizeof is_true) },
        { CKA_MODIFIABLE, hsm_bytes_of(&is_false, sizeof is_false) },
        { CKA_APPLICATION, hsm_bytes_of_text(APPLICATION) },
        { CKA_LABEL, hsm_bytes_of(source->serial, sizeof source->serial) },
        { CKA_VALUE, prints },
    };
    const hsm_template tmpl = { attrs, HSM_ARRAY_LEN(attrs) };
    const hsm_template none = { 0 };

    return hsm_draft_from_template(HSM_ORIGIN_CREATE, &tmpl, &none, false, out_draft);
}

/* --- gathering ----------------------------------------------------------------------------------- */

/* A migration under way. */
typedef struct migration {
    hsm_core *core;
    hsm_session *session;
    const hsm_migrate_request *request;
    hsm_softhsm_source source;
    hsm_softhsm_where where;
    hsm_buf old_prints;
    hsm_buf new_prints;
    hsm_softhsm_made *made; /* to be added; the last place is the mark's */
    char (*names)[64];
    size_t count;
    hsm_migrate_report report;
} migration;

static void migration_clear(migration *at)
{
    for (size_t i = 0; i < at->count; i++)
        hsm_softhsm_made_clear(&at->made[i]);
    free(at->made);
    free(at->names);
    hsm_buf_clear(&at->old_prints);
    hsm_buf_clear(&at->new_prints);
    hsm_softhsm_close(&at->source);
}

static void show(const migration *at, const char *name, const hsm_softhsm_made *made,
                 hsm_migrate_result result, const char *unique_id)
{
    const hsm_migrate_watch *watch = at->request->watch;
    const hsm_migrate_object object = {
        .name = name,
        .class_name = hsm_class_name(made->object_class),
        .label = hsm_buf_view(&made->label),
        .id = hsm_buf_view(&made->id),
        .unique_id = unique_id,
        .result = result,
        .why = made->why,
    };

    if (watch != NULL)
        watch->object(watch->arg, &object);
}

/* Reads and makes one object. */
static hsm_err make_one(migration *at, const hsm_softhsm_content *content,
                        hsm_softhsm_made *out_made)
{
    hsm_softhsm_record record = { .count = 0 };
    hsm_softhsm_fault fault = { .what = "" };
    const hsm_softhsm_object from = {
        .source = &at->source,
        .name = content->name,
        .record = &record,
        .watch = at->request->watch,
        .where = &at->where,
    };

    const hsm_err err = hsm_softhsm_read(hsm_softhsm_content_view(content), &record, &fault);
    HSM_TRY(hsm_softhsm_at(&at->source, content->name, &fault, &at->where, err));
    return hsm_softhsm_make(at->core, &from, out_made);
}

static hsm_err gather_one(migration *at, size_t index)
{
    HSM_AUTO(hsm_softhsm_content_clear) hsm_softhsm_content content = { 0 };
    HSM_AUTO(hsm_softhsm_made_clear) hsm_softhsm_made made = { 0 };
    uint8_t print[HSM_PRINT_BYTES];

    HSM_TRY(hsm_softhsm_load(&at->source, index, &content, &at->where));
    HSM_TRY(print_of(at->core->crypto, &at->source, content.name, print));
    if (hsm_prints_have(&at->old_prints, print)) {
        at->report.present++;
        return HSM_OK;
    }
    HSM_TRY(make_one(at, &content, &made));
    if (made.draft == NULL) {
        at->report.unsupported++;
        show(at, content.name, &made, HSM_MIGRATE_UNSUPPORTED, NULL);
        return HSM_OK;
    }
    HSM_TRY(hsm_buf_append(&at->new_prints, hsm_bytes_of(print, sizeof print)));
    memcpy(at->names[at->count], content.name, sizeof content.name);
    at->made[at->count++] = made;
    made = (hsm_softhsm_made){ 0 };
    return HSM_OK;
}

static hsm_err gather(migration *at)
{
    const hsm_migrate_watch *watch = at->request->watch;
    const size_t total = at->source.count;

    at->made = calloc(total + 1, sizeof *at->made);
    at->names = calloc(total + 1, sizeof *at->names);
    HSM_CHECK(at->made != NULL && at->names != NULL, HSM_E_NO_MEMORY);
    at->report.objects = total;
    for (size_t i = 0; i < total; i++) {
        HSM_TRY(gather_one(at, i));
        if (watch != NULL)
            watch->progress(watch->arg, i + 1, total);
    }
    return HSM_OK;
}

/* --- adding -------------------------------------------------------------------------------------- */

static void show_added(const migration *at, hsm_object *const *objects)
{
    for (size_t i = 0; i < at->report.added; i++) {
        const hsm_bytes id =
            objects == NULL ? hsm_bytes_none() : hsm_object_value(objects[i], CKA_UNIQUE_ID);
        char text[64] = "";

        if (id.len > 0 && id.len < sizeof text)
            memcpy(text, id.data, id.len);
        show(at, at->names[i], &at->made[i], HSM_MIGRATE_ADDED, id.len == 0 ? NULL : text);
    }
}

typedef struct shelf {
    hsm_draft **drafts;
    hsm_object **objects;
    size_t count;
} shelf;

static void shelf_clear(shelf *all)
{
    for (size_t i = 0; all->objects != NULL && i < all->count; i++)
        hsm_object_release(all->objects[i]);
    free(all->objects);
    free(all->drafts);
}

/* Everything in one commit, the mark with it. */
static hsm_err add_all(migration *at)
{
    HSM_AUTO(shelf_clear) shelf all = { .count = at->count + 1 };
    hsm_softhsm_made *mark = &at->made[at->count];

    HSM_TRY(make_mark(&at->source, hsm_buf_view(&at->new_prints), &mark->draft));
    at->count++;
    all.drafts = calloc(all.count, sizeof(hsm_draft *));
    all.objects = calloc(all.count, sizeof(hsm_object *));
    HSM_CHECK(all.drafts != NULL && all.objects != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < all.count; i++)
        all.drafts[i] = at->made[i].draft;
    if (at->session->audited != NULL)
        HSM_TRY(hsm_audited_announce(at->session->audited));
    HSM_TRY(
        hsm_store_insert(at->core->store, at->session->slot, all.drafts, all.count, all.objects));
    show_added(at, all.objects);
    return HSM_OK;
}

static hsm_err run(migration *at)
{
    const hsm_migrate_request *request = at->request;

    HSM_TRY(hsm_core_may_write(at->core, at->session, true, true));
    HSM_TRY(hsm_softhsm_open(request->directory, &at->source, &at->where));
    memcpy(at->report.label, at->source.label, sizeof at->report.label);
    memcpy(at->report.serial, at->source.serial, sizeof at->report.serial);
    at->report.is_database = at->source.db != NULL;
    HSM_TRY(hsm_softhsm_unlock(at->core->crypto, &at->source, request->pin));
    HSM_TRY(read_marks(at->core, at->session->slot, &at->source, &at->old_prints));
    HSM_TRY(gather(at));
    HSM_CHECK(at->report.unsupported == 0 || request->may_skip || request->is_dry,
              HSM_E_NOT_SUPPORTED);
    at->report.added = at->count;
    if (request->is_dry || at->count == 0) {
        show_added(at, NULL);
        return HSM_OK;
    }
    const hsm_err err = add_all(at);
    if (err != HSM_OK)
        at->report.added = 0;
    return err;
}

static hsm_err migrate(hsm_core *core, hsm_session *session, const hsm_migrate_request *request,
                       hsm_migrate_report *out_report)
{
    HSM_AUTO(migration_clear)
    migration at = { .core = core, .session = session, .request = request };

    const hsm_err err = run(&at);
    memcpy(at.report.where, at.where.text, sizeof at.report.where);
    *out_report = at.report; /* what was found, also when it is why nothing is done */
    return err;
}

hsm_err hsm_core_migrate_softhsm(hsm_core *core, hsm_session *session,
                                 const hsm_migrate_request *request, hsm_migrate_report *out_report)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_MIGRATE))
        return migrate(core, session, request, out_report);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_MIGRATE);
    call.event.detail = request->is_dry ? "softhsm2, dry run" : "softhsm2";
    return hsm_audited_end(&call, migrate(core, session, request, out_report));
}
