/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/arrivals.h"

#include <string.h>

/* --- what was changed ------------------------------------------------------------------------------ */

static void count_change(void *arg, const hsm_migrate_change *one)
{
    hsm_admin_arrivals *at = arg;

    for (size_t i = 0; i < at->change_count; i++) {
        if (at->changes[i].what == one->what && at->changes[i].why == one->why &&
            strcmp(at->changes[i].attribute, one->attribute) == 0) {
            at->changes[i].objects++;
            return;
        }
    }
    if (at->change_count == HSM_ADMIN_CHANGES_MAX)
        return;
    hsm_admin_change *fresh = &at->changes[at->change_count++];
    (void)snprintf(fresh->attribute, sizeof fresh->attribute, "%s", one->attribute);
    fresh->what = one->what;
    fresh->why = one->why;
    fresh->objects = 1;
}

static const hsm_admin_column change_columns[] = {
    { "attribute", "ATTRIBUTE" },
    { "objects", "OBJECTS" },
    { "what", "CHANGE" },
    { "why", "WHY" },
};

static void put_changes(const hsm_admin_arrivals *at)
{
    hsm_admin_report *report = at->admin->report;

    hsm_admin_table(report, "changes", change_columns, HSM_ARRAY_LEN(change_columns));
    for (size_t i = 0; i < at->change_count; i++) {
        hsm_admin_row(report);
        hsm_admin_put_text(report, NULL, NULL, at->changes[i].attribute);
        hsm_admin_put_number(report, NULL, NULL, at->changes[i].objects);
        hsm_admin_put_text(report, NULL, NULL, at->changes[i].what);
        hsm_admin_put_text(report, NULL, NULL, at->changes[i].why);
    }
    hsm_admin_table_end(report);
}

/* --- objects --------------------------------------------------------------------------------------- */

static const char *result_name(const hsm_migrate_object *object)
{
    switch (object->result) {
    case HSM_MIGRATE_ADDED:
        return object->unique_id != NULL ? "added" : "to be added";
    case HSM_MIGRATE_UNSUPPORTED:
        return "unsupported";
    }
    return NULL;
}

static void put_object(void *arg, const hsm_migrate_object *object)
{
    const hsm_admin_arrivals *at = arg;
    hsm_admin_report *report = at->admin->report;

    hsm_admin_row(report);
    hsm_admin_put_text(report, NULL, NULL, object->name);
    hsm_admin_put_text(report, NULL, NULL, object->class_name);
    hsm_admin_put_bytes(report, NULL, NULL, object->label);
    hsm_admin_put_hex(report, NULL, NULL, object->id);
    hsm_admin_put_text(report, NULL, NULL, result_name(object));
    hsm_admin_put_text(report, NULL, NULL, object->unique_id);
    hsm_admin_put_text(report, NULL, NULL, object->why);
    if (object->why != NULL)
        hsm_admin_note(report, "Unsupported: %s: %s", object->name, object->why);
}

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
    hsm_admin_arrivals *at = arg;

    hsm_progress_step(&at->bar, done, total);
}

/* --- both ------------------------------------------------------------------------------------------ */

void hsm_admin_arrivals_begin(hsm_admin_arrivals *at, hsm_admin *admin, const char *key,
                              const char *name_title)
{
    static const hsm_admin_column columns[] = {
        { "name", NULL },       { "class", "CLASS" },   { "label", "LABEL" }, { "id", "ID" },
        { "result", "RESULT" }, { "handle", "HANDLE" }, { "why", NULL },
    };

    _Static_assert(sizeof columns == sizeof at->columns, "a place for each column");
    at->admin = admin;
    at->change_count = 0;
    memcpy(at->columns, columns, sizeof columns);
    at->columns[0].title = name_title;
    hsm_admin_table(admin->report, key, at->columns, HSM_ARRAY_LEN(at->columns));
}

hsm_migrate_watch hsm_admin_arrivals_watch(hsm_admin_arrivals *at)
{
    return (hsm_migrate_watch){ put_object, count_change, show_progress, at };
}

void hsm_admin_arrivals_end(hsm_admin_arrivals *at)
{
    hsm_admin_table_end(at->admin->report);
    put_changes(at);
}
