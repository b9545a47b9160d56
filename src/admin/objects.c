/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/handle.h"
#include "os/file.h"
#include "os/paths.h"

hsm_err hsm_admin_objects_begin(hsm_admin *admin, hsm_admin_objects *out_objects)
{
    HSM_TRY(hsm_admin_login(admin, HSM_ADMIN_USER_PIN, &out_objects->handle));
    return hsm_core_session(admin->core, out_objects->handle, &out_objects->session);
}

void hsm_admin_objects_end(hsm_admin_objects *objects)
{
    hsm_core_release(&objects->session);
}

/* --- choosing --------------------------------------------------------------------------------- */

static const struct {
    const char *option;
    const char *attribute;
} selectors[] = {
    { "label", "LABEL" },
    { "id", "ID" },
};

static hsm_err put_handle(hsm_admin *admin, const char *handle, hsm_named *named)
{
    if (hsm_core_is_unique_id(handle))
        return hsm_named_put_text(named, "UNIQUE_ID", handle);
    hsm_admin_hint(admin, "craton-hsm-admin key list");
    return hsm_admin_fail(admin, HSM_E_ARG,
                          "--handle %s: no handle, which is 16 hexadecimal digits", handle);
}

static hsm_err put_names(hsm_admin *admin, hsm_named *named)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(selectors); i++) {
        const char *text = hsm_admin_text(admin, selectors[i].option);
        if (text == NULL)
            continue;
        const hsm_err err = hsm_named_put_text(named, selectors[i].attribute, text);
        if (err == HSM_E_ATTRIBUTE_VALUE)
            return hsm_admin_fail(admin, HSM_E_ARG, "--%s %s: not hexadecimal", selectors[i].option,
                                  text);
        HSM_TRY(err);
    }
    return HSM_OK;
}

/* handle, class_name: NULL for any. */
static hsm_err select_by(hsm_admin *admin, const char *handle, const char *class_name,
                         hsm_named *out_named)
{
    const char *type = hsm_admin_text(admin, "type");
    CK_OBJECT_CLASS object_class = 0;
    hsm_key_spec spec;

    HSM_TRY(hsm_named_put_bool(out_named, "TOKEN", true));
    if (handle != NULL)
        HSM_TRY(put_handle(admin, handle, out_named));
    HSM_TRY(put_names(admin, out_named));
    if (class_name != NULL) {
        HSM_TRY(hsm_core_class_by_name(class_name, &object_class));
        HSM_TRY(hsm_named_put_ulong(out_named, "CLASS", object_class));
    }
    if (type != NULL) {
        const hsm_err err = hsm_core_key_spec(type, &spec);
        if (err != HSM_OK)
            return hsm_admin_fail(admin, err, "--type %s", type);
        HSM_TRY(hsm_named_put_ulong(out_named, "KEY_TYPE", spec.key_type));
    }
    return HSM_OK;
}

hsm_err hsm_admin_selection(hsm_admin *admin, hsm_named *out_named)
{
    return select_by(admin, hsm_admin_text(admin, "handle"), hsm_admin_text(admin, "class"),
                     out_named);
}

void hsm_admin_choices_clear(hsm_admin_choices *choices)
{
    for (size_t i = 0; i < choices->count; i++)
        hsm_named_clear(&choices->named[i]);
    free(choices->named);
    free(choices->templates);
}

static hsm_err add_choice(hsm_admin *admin, const char *handle, hsm_admin_choices *choices)
{
    hsm_named *named = &choices->named[choices->count++];

    HSM_TRY(select_by(admin, handle, hsm_admin_text(admin, "class"), named));
    choices->templates[choices->count - 1] = hsm_named_template(named);
    return HSM_OK;
}

/* One for each handle of a list, or one without. */
static hsm_err add_choices(hsm_admin *admin, size_t count_max, hsm_admin_choices *choices)
{
    const char *handles = hsm_admin_text(admin, "handle");
    HSM_AUTO(hsm_path_drop) char *copy = handles == NULL ? NULL : hsm_text_dup(handles);
    char *rest = copy;

    if (handles == NULL)
        return add_choice(admin, NULL, choices);
    HSM_CHECK(copy != NULL, HSM_E_NO_MEMORY);
    while (rest != NULL) {
        if (choices->count == count_max)
            return hsm_admin_fail(admin, HSM_E_ARG, "--handle: more than %zu handles", count_max);
        HSM_TRY(add_choice(admin, strsep(&rest, ","), choices));
    }
    return HSM_OK;
}

static bool is_chosen(const hsm_admin *admin)
{
    return hsm_admin_is_given(admin, "handle") || hsm_admin_is_given(admin, "label") ||
           hsm_admin_is_given(admin, "id") || hsm_admin_is_given(admin, "class") ||
           hsm_admin_is_given(admin, "type");
}

hsm_err hsm_admin_get_choices(hsm_admin *admin, size_t count_max, hsm_admin_choices *out_choices)
{
    HSM_AUTO(hsm_admin_choices_clear) hsm_admin_choices choices = { 0 };

    if (!is_chosen(admin))
        return HSM_OK;
    choices.named = calloc(count_max, sizeof *choices.named);
    choices.templates = calloc(count_max, sizeof *choices.templates);
    /* cppcheck-suppress memleak ; HSM_AUTO */
    HSM_CHECK(choices.named != NULL && choices.templates != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(add_choices(admin, count_max, &choices));
    *out_choices = choices;
    choices = (hsm_admin_choices){ 0 };
    return HSM_OK;
}

hsm_err hsm_admin_find_one(hsm_admin *admin, const hsm_admin_objects *objects,
                           const hsm_named *named, CK_OBJECT_HANDLE *out_object)
{
    const hsm_template tmpl = hsm_named_template(named);
    CK_OBJECT_HANDLE found[2] = { HSM_HANDLE_NONE, HSM_HANDLE_NONE };
    size_t count = 0;

    HSM_TRY(hsm_core_find_init(admin->core, objects->session, &tmpl));
    HSM_TRY(hsm_core_find(admin->core, objects->session, found, 2, &count));
    HSM_TRY(hsm_core_find_final(admin->core, objects->session));
    HSM_CHECK(count > 0, HSM_E_OBJECT_HANDLE);
    HSM_CHECK(count == 1, HSM_E_ARG);
    *out_object = found[0];
    return HSM_OK;
}

hsm_err hsm_admin_select_one(hsm_admin *admin, const hsm_admin_objects *objects,
                             CK_OBJECT_HANDLE *out_object)
{
    return hsm_admin_select_class(admin, objects, hsm_admin_text(admin, "class"), out_object);
}

hsm_err hsm_admin_select_class(hsm_admin *admin, const hsm_admin_objects *objects,
                               const char *class_name, CK_OBJECT_HANDLE *out_object)
{
    HSM_AUTO(hsm_named_clear) hsm_named named = { 0 };

    HSM_TRY(select_by(admin, hsm_admin_text(admin, "handle"), class_name, &named));
    if (named.count < 2)
        return hsm_admin_fail(admin, HSM_E_ARG, "name an object: --handle, --label or --id");
    const hsm_err err = hsm_admin_find_one(admin, objects, &named, out_object);
    if (err != HSM_E_OBJECT_HANDLE && err != HSM_E_ARG)
        return err;
    hsm_admin_hint(admin, "craton-hsm-admin key list");
    return hsm_admin_fail(admin, err,
                          err == HSM_E_ARG ? "several objects fit; narrow it down, or use --handle"
                                           : "none fits the options");
}

/* --- showing ---------------------------------------------------------------------------------- */

static const hsm_admin_column object_columns[] = {
    { "handle", "HANDLE" },  { "class", "CLASS" }, { "type", "TYPE" },  { "label", "LABEL" },
    { "id", "ID" },          { "flags", "FLAGS" }, { "private", NULL }, { "sensitive", NULL },
    { "extractable", NULL }, { "local", NULL },
};

void hsm_admin_objects_table(hsm_admin *admin)
{
    hsm_admin_table(admin->report, "objects", object_columns, HSM_ARRAY_LEN(object_columns));
}

/* p: needs a login to be seen, s: sensitive, x: extractable, l: made in this token */
static void put_flags(hsm_admin_report *report, const hsm_object_facts *facts)
{
    const char text[] = {
        facts->is_private ? 'p' : '-',
        facts->is_sensitive ? 's' : '-',
        facts->is_extractable ? 'x' : '-',
        facts->is_local ? 'l' : '-',
    };

    hsm_admin_put_bytes(report, NULL, NULL, hsm_bytes_of(text, sizeof text));
    hsm_admin_put_bool(report, NULL, NULL, facts->is_private);
    hsm_admin_put_bool(report, NULL, NULL, facts->is_sensitive);
    hsm_admin_put_bool(report, NULL, NULL, facts->is_extractable);
    hsm_admin_put_bool(report, NULL, NULL, facts->is_local);
}

hsm_err hsm_admin_put_object(hsm_admin *admin, const hsm_admin_objects *objects,
                             CK_OBJECT_HANDLE handle)
{
    hsm_admin_report *report = admin->report;
    HSM_AUTO(hsm_object_facts_clear) hsm_object_facts facts = { 0 };

    HSM_TRY(hsm_core_describe(admin->core, objects->session, handle, &facts));
    hsm_admin_row(report);
    hsm_admin_put_text(report, NULL, NULL, facts.unique_id);
    hsm_admin_put_text(report, NULL, NULL, facts.class_name);
    hsm_admin_put_text(report, NULL, NULL, facts.type);
    hsm_admin_put_bytes(report, NULL, NULL, hsm_buf_view(&facts.label));
    hsm_admin_put_hex(report, NULL, NULL, hsm_buf_view(&facts.id));
    put_flags(report, &facts);
    return HSM_OK;
}

/* --- files ------------------------------------------------------------------------------------ */

hsm_err hsm_admin_write_output(hsm_admin *admin, hsm_bytes content, unsigned mode)
{
    const char *path = hsm_admin_text(admin, "output");

    HSM_CHECK(path != NULL, HSM_E_INTERNAL); /* every command that writes has the option */
    /* Nothing is lost in a pipe or a device. */
    const bool may_replace = hsm_admin_is_given(admin, "force") || hsm_file_is_special(path);
    const hsm_err err =
        may_replace ? hsm_file_replace(path, content, mode) : hsm_file_create(path, content, mode);
    if (err == HSM_E_STORE_CONFLICT) {
        hsm_admin_hint(admin, "choose another name, or add --force to replace it");
        return hsm_admin_fail(admin, err, "%s exists", path);
    }
    return err == HSM_OK ? err : hsm_admin_fail(admin, err, "%s", path);
}
