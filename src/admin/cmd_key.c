/* key: generate, list, show, copy, set, delete, export-public.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/cmd_key.h"

#include <stdlib.h>
#include <string.h>

#include "admin/objects.h"
#include "admin/terminal.h"
#include "base/base64.h"
#include "base/handle.h"

#define LIST_LIMIT_USUAL 100u
#define LIST_LIMIT_MAX 100000u
#define LIST_CHUNK 64u
#define ID_RANDOM_BYTES 8u
#define ASSIGNMENTS_MAX_BYTES 4096u

/* --- list ------------------------------------------------------------------------------------- */

/* One page of an open search. */
typedef struct page {
    uint64_t limit;
    uint64_t shown;
    bool has_more;
    CK_OBJECT_HANDLE last;
} page;

static hsm_err put_page(hsm_admin *admin, const hsm_admin_objects *objects, page *at)
{
    CK_OBJECT_HANDLE found[LIST_CHUNK];
    hsm_progress progress;
    size_t count = 0;

    hsm_progress_begin(&progress, "reading");
    do {
        const uint64_t left = at->limit - at->shown + 1; /* one more tells whether there are more */
        HSM_TRY(hsm_core_find(admin->core, objects->session, found,
                              left < LIST_CHUNK ? (size_t)left : LIST_CHUNK, &count));
        for (size_t i = 0; i < count && !at->has_more; i++) {
            at->has_more = at->shown == at->limit;
            if (at->has_more)
                break;
            HSM_TRY(hsm_admin_put_object(admin, objects, found[i]));
            at->last = found[i];
            at->shown++;
        }
        hsm_progress_step(&progress, at->shown, at->limit);
    } while (count > 0 && !at->has_more);
    hsm_progress_end(&progress);
    return HSM_OK;
}

static hsm_err tell_more(hsm_admin *admin, const hsm_admin_objects *objects, const page *at)
{
    HSM_AUTO(hsm_object_facts_clear) hsm_object_facts facts = { 0 };

    hsm_admin_put_bool(admin->report, "more", NULL, at->has_more);
    if (!at->has_more || at->shown == 0)
        return HSM_OK;
    HSM_TRY(hsm_core_describe(admin->core, objects->session, at->last, &facts));
    hsm_admin_put_text(admin->report, "after", NULL, facts.unique_id);
    hsm_admin_note(admin->report, "There are more: --after %s", facts.unique_id);
    return HSM_OK;
}

static hsm_err run_list(hsm_admin *admin)
{
    const hsm_admin_range limits = { .min = 1,
                                     .max = LIST_LIMIT_MAX,
                                     .fallback = LIST_LIMIT_USUAL };
    const char *after = hsm_admin_text(admin, "after");
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named named = { 0 };
    page at = { 0 };

    HSM_TRY(hsm_admin_number(admin, "limit", limits, &at.limit));
    HSM_TRY(hsm_admin_selection(admin, &named));
    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    const hsm_template tmpl = hsm_named_template(&named);
    HSM_TRY(hsm_core_find_init(admin->core, objects.session, &tmpl));
    if (after != NULL) {
        const hsm_err err = hsm_core_find_after(admin->core, objects.session, after);
        if (err != HSM_OK)
            return hsm_admin_fail(admin, err, "--after %s: no handle", after);
    }
    hsm_admin_objects_table(admin);
    HSM_TRY(put_page(admin, &objects, &at));
    hsm_admin_table_end(admin->report);
    return tell_more(admin, &objects, &at);
}

/* --- show ------------------------------------------------------------------------------------- */

static const hsm_admin_column attribute_columns[] = {
    { "name", "ATTRIBUTE" },
    { "value", "VALUE" },
};

static hsm_err put_attribute(void *arg, const char *name, const char *text)
{
    hsm_admin *admin = arg;

    hsm_admin_row(admin->report);
    hsm_admin_put_text(admin->report, NULL, NULL, name);
    hsm_admin_put_text(admin->report, NULL, NULL, text);
    return HSM_OK;
}

static hsm_err show(hsm_admin *admin, const hsm_admin_objects *objects, CK_OBJECT_HANDLE handle)
{
    hsm_admin_report *report = admin->report;
    HSM_AUTO(hsm_object_facts_clear) hsm_object_facts facts = { 0 };

    HSM_TRY(hsm_core_describe(admin->core, objects->session, handle, &facts));
    hsm_admin_put_text(report, "handle", "Handle", facts.unique_id);
    hsm_admin_put_text(report, "class", "Class", facts.class_name);
    hsm_admin_put_text(report, "type", "Type", facts.type);
    hsm_admin_put_bytes(report, "label", "Label", hsm_buf_view(&facts.label));
    hsm_admin_put_hex(report, "id", "ID", hsm_buf_view(&facts.id));
    hsm_admin_table(report, "attributes", attribute_columns, HSM_ARRAY_LEN(attribute_columns));
    HSM_TRY(hsm_core_each_attribute(admin->core, objects->session, handle, put_attribute, admin));
    hsm_admin_table_end(report);
    return HSM_OK;
}

static hsm_err run_show(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    CK_OBJECT_HANDLE handle = HSM_HANDLE_NONE;

    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_select_one(admin, &objects, &handle));
    return show(admin, &objects, handle);
}

/* --- generate --------------------------------------------------------------------------------- */

/* NAME=VALUE,NAME=VALUE ... into a template. */
static hsm_err put_assignments(hsm_admin *admin, const char *text, hsm_named *named)
{
    char copy[ASSIGNMENTS_MAX_BYTES];
    char *rest = copy;

    if (text == NULL)
        return HSM_OK;
    if (strlen(text) >= sizeof copy)
        return hsm_admin_fail(admin, HSM_E_ARG, "too long: %.40s...", text);
    memcpy(copy, text, strlen(text) + 1);
    while (rest != NULL) {
        const char *one = strsep(&rest, ",");
        char *equals = strchr(one, '=');
        if (equals == NULL)
            return hsm_admin_fail(admin, HSM_E_ARG, "%s: must be NAME=VALUE", one);
        *equals = '\0';
        const hsm_err err = hsm_named_put_text(named, one, equals + 1);
        if (err != HSM_OK)
            return hsm_admin_fail(admin, err, "%s=%s", one, equals + 1);
    }
    return HSM_OK;
}

hsm_err hsm_admin_put_identity(hsm_admin *admin, const hsm_admin_objects *objects,
                               hsm_named *const *named, size_t count)
{
    const char *id = hsm_admin_text(admin, "id");
    uint8_t random[ID_RANDOM_BYTES];

    HSM_TRY(hsm_core_random(admin->core, objects->session, random, sizeof random));
    for (size_t i = 0; i < count; i++) {
        HSM_TRY(hsm_named_put_bool(named[i], "TOKEN", true));
        HSM_TRY(hsm_named_put_text(named[i], "LABEL", hsm_admin_text(admin, "label")));
        const hsm_err err =
            id != NULL ? hsm_named_put_text(named[i], "ID", id)
                       : hsm_named_put(named[i], "ID", hsm_bytes_of(random, sizeof random));
        if (err != HSM_OK)
            return hsm_admin_fail(admin, err, "--id %s: not hexadecimal", id);
    }
    return HSM_OK;
}

hsm_err hsm_admin_put_protection(hsm_admin *admin, hsm_named *named)
{
    HSM_TRY(put_assignments(admin, hsm_admin_text(admin, "attributes"), named));
    HSM_TRY(hsm_named_put_default(named, "PRIVATE", true));
    HSM_TRY(hsm_named_put_default(named, "SENSITIVE", true));
    if (hsm_admin_is_given(admin, "extractable")) /* said twice is a contradiction */
        return hsm_named_put_bool(named, "EXTRACTABLE", true);
    return hsm_named_put_default(named, "EXTRACTABLE", false);
}

static hsm_err make(hsm_admin *admin, const hsm_admin_objects *objects, const hsm_key_spec *spec)
{
    HSM_AUTO(hsm_named_clear) hsm_named public_template = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named private_template = { 0 };
    hsm_named *const both[] = { &private_template, &public_template };
    const hsm_make_request request = { spec, &public_template, &private_template };
    CK_OBJECT_HANDLE handles[2];
    size_t count = 0;

    HSM_TRY(hsm_admin_put_identity(admin, objects, both, spec->is_pair ? 2 : 1));
    HSM_TRY(hsm_admin_put_protection(admin, &private_template));
    const hsm_err err = hsm_core_make_key(admin->core, objects->session, &request, handles, &count);
    if (err != HSM_OK)
        return hsm_admin_fail(admin, err, "--type %s", hsm_admin_text(admin, "type"));
    hsm_admin_objects_table(admin);
    for (size_t i = 0; i < count; i++)
        HSM_TRY(hsm_admin_put_object(admin, objects, handles[i]));
    hsm_admin_table_end(admin->report);
    return HSM_OK;
}

static hsm_err run_generate(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    const char *type = hsm_admin_text(admin, "type");
    hsm_key_spec spec;

    const hsm_err err = hsm_core_key_spec(type, &spec);
    if (err != HSM_OK) {
        hsm_admin_hint(admin, "craton-hsm-admin key types");
        return hsm_admin_fail(admin, err, "--type %s", type);
    }
    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    return make(admin, &objects, &spec);
}

static const hsm_admin_column type_columns[] = { { "type", "TYPE" } };

static void put_type(void *arg, const char *name)
{
    hsm_admin_row(arg);
    hsm_admin_put_text(arg, NULL, NULL, name);
}

static hsm_err run_types(hsm_admin *admin)
{
    hsm_admin_table(admin->report, "types", type_columns, HSM_ARRAY_LEN(type_columns));
    hsm_core_each_key_name(put_type, admin->report);
    hsm_admin_table_end(admin->report);
    return HSM_OK;
}

/* --- change ----------------------------------------------------------------------------------- */

static hsm_err run_set(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named changes = { 0 };
    CK_OBJECT_HANDLE handle = HSM_HANDLE_NONE;

    HSM_TRY(put_assignments(admin, hsm_admin_text(admin, "attributes"), &changes));
    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_select_one(admin, &objects, &handle));
    const hsm_template tmpl = hsm_named_template(&changes);
    const hsm_err err = hsm_core_set_attributes(admin->core, objects.session, handle, &tmpl);
    if (err != HSM_OK)
        return hsm_admin_fail(admin, err, "%s", hsm_admin_text(admin, "attributes"));
    return show(admin, &objects, handle);
}

static hsm_err run_copy(hsm_admin *admin)
{
    const char *label = hsm_admin_text(admin, "new-label");
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named changes = { 0 };
    CK_OBJECT_HANDLE source = HSM_HANDLE_NONE;
    CK_OBJECT_HANDLE made = HSM_HANDLE_NONE;

    if (label != NULL)
        HSM_TRY(hsm_named_put_text(&changes, "LABEL", label));
    HSM_TRY(put_assignments(admin, hsm_admin_text(admin, "attributes"), &changes));
    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_select_one(admin, &objects, &source));
    const hsm_template tmpl = hsm_named_template(&changes);
    const hsm_err err = hsm_core_copy_object(admin->core, objects.session, source, &tmpl, &made);
    if (err != HSM_OK)
        return hsm_admin_fail(admin, err, "the copy");
    hsm_admin_objects_table(admin);
    HSM_TRY(hsm_admin_put_object(admin, &objects, made));
    hsm_admin_table_end(admin->report);
    return HSM_OK;
}

/* --force is the older system's word for --yes. */
static hsm_err confirm_delete(hsm_admin *admin, const hsm_object_facts *facts)
{
    char question[160];

    if (hsm_admin_is_given(admin, "force"))
        return HSM_OK;
    (void)snprintf(question, sizeof question, "Destroy the object %s (%s, %s)?", facts->unique_id,
                   facts->class_name, facts->type);
    return hsm_admin_confirm(admin, question);
}

static hsm_err run_delete(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_object_facts_clear) hsm_object_facts facts = { 0 };
    CK_OBJECT_HANDLE handle = HSM_HANDLE_NONE;

    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_select_one(admin, &objects, &handle));
    HSM_TRY(hsm_core_describe(admin->core, objects.session, handle, &facts));
    HSM_TRY(confirm_delete(admin, &facts));
    HSM_TRY(hsm_core_destroy_object(admin->core, objects.session, handle));
    hsm_admin_put_text(admin->report, "destroyed", "Destroyed", facts.unique_id);
    return HSM_OK;
}

/* --- export-public ---------------------------------------------------------------------------- */

#define PEM_LINE_BYTES 48u /* 64 characters, as RFC 7468 has it */

hsm_err hsm_admin_put_pem(hsm_bytes der, const char *what, hsm_buf *out)
{
    char line[80];

    (void)snprintf(line, sizeof line, "-----BEGIN %s-----\n", what);
    HSM_TRY(hsm_buf_append(out, hsm_bytes_of_text(line)));
    for (size_t at = 0; at < der.len; at += PEM_LINE_BYTES) {
        const size_t left = der.len - at;
        const size_t len = left < PEM_LINE_BYTES ? left : PEM_LINE_BYTES;

        hsm_base64_encode(hsm_bytes_of(der.data + at, len), line);
        line[HSM_BASE64_CHARS(len)] = '\n';
        HSM_TRY(hsm_buf_append(out, hsm_bytes_of(line, HSM_BASE64_CHARS(len) + 1)));
    }
    (void)snprintf(line, sizeof line, "-----END %s-----\n", what);
    return hsm_buf_append(out, hsm_bytes_of_text(line));
}

static bool is_der(const hsm_admin *admin)
{
    const char *format = hsm_admin_text(admin, "format");

    return format != NULL && strcmp(format, "der") == 0;
}

hsm_err hsm_admin_write_der(hsm_admin *admin, hsm_bytes der, const char *what, unsigned mode)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf pem = { 0 };

    if (is_der(admin))
        return hsm_admin_write_output(admin, der, mode);
    HSM_TRY(hsm_admin_put_pem(der, what, &pem));
    return hsm_admin_write_output(admin, hsm_buf_view(&pem), mode);
}

hsm_err hsm_admin_export_value(hsm_admin *admin, const char *attribute, const char *what)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf der = { 0 };
    CK_OBJECT_HANDLE handle = HSM_HANDLE_NONE;

    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_select_one(admin, &objects, &handle));
    const hsm_err err = hsm_core_get_value(admin->core, objects.session, handle, attribute, &der);
    if (err != HSM_OK)
        return hsm_admin_fail(admin, err, "the object has no %s", what);
    return hsm_admin_deliver_der(admin, hsm_buf_view(&der), what);
}

/* Without --output. */
static hsm_err print_der(hsm_admin *admin, hsm_bytes der, const char *what)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf pem = { 0 };

    if (is_der(admin) && admin->is_json)
        return hsm_admin_fail(admin, HSM_E_ARG, "--json with --format der needs --output");
    if (!is_der(admin))
        HSM_TRY(hsm_admin_put_pem(der, what, &pem));
    hsm_admin_put_result(admin, "pem", is_der(admin) ? der : hsm_buf_view(&pem));
    return HSM_OK;
}

hsm_err hsm_admin_deliver_der(hsm_admin *admin, hsm_bytes der, const char *what)
{
    if (!hsm_admin_is_given(admin, "output"))
        return print_der(admin, der, what);
    HSM_TRY(hsm_admin_write_der(admin, der, what, 0644));
    hsm_admin_put_text(admin->report, "output", "Written", hsm_admin_text(admin, "output"));
    return HSM_OK;
}

static hsm_err run_export_public(hsm_admin *admin)
{
    const char *class_name = hsm_admin_text(admin, "class");

    if (class_name != NULL && strcmp(class_name, "certificate") == 0)
        return hsm_admin_export_value(admin, "VALUE", "CERTIFICATE");
    return hsm_admin_export_value(admin, "PUBLIC_KEY_INFO", "PUBLIC KEY");
}

/* --- the table -------------------------------------------------------------------------------- */

static const hsm_admin_option generate_options[] = {
    { .name = "type",
      .value = "TYPE",
      .help = "RSA-3072, P-256, Ed25519, AES-256, ML-DSA-65 ... (see key types)",
      .kind = HSM_ADMIN_TEXT,
      .is_required = true },
    HSM_ADMIN_OPTIONS_NEW_KEY,
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_option list_options[] = {
    HSM_ADMIN_OPTIONS_SELECT,
    HSM_ADMIN_OPTION_FAMILY,
    { .name = "limit", .value = "N", .help = "at most so many (100)", .kind = HSM_ADMIN_NUMBER },
    { .name = "after", .value = "H", .help = "those after this handle", .kind = HSM_ADMIN_TEXT },
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_option show_options[] = {
    HSM_ADMIN_OPTIONS_SELECT,
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_option set_options[] = {
    HSM_ADMIN_OPTIONS_SELECT,
    { .name = "attributes",
      .value = "LIST",
      .help = "what to set: NAME=VALUE,NAME=VALUE,...",
      .kind = HSM_ADMIN_TEXT,
      .is_required = true },
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_option copy_options[] = {
    HSM_ADMIN_OPTIONS_SELECT,
    { .name = "new-label", .value = "L", .help = "the copy's label", .kind = HSM_ADMIN_TEXT },
    { .name = "attributes",
      .value = "LIST",
      .help = "what differs in the copy: NAME=VALUE,NAME=VALUE,...",
      .kind = HSM_ADMIN_TEXT },
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_option delete_options[] = {
    HSM_ADMIN_OPTIONS_SELECT, { .name = "force", .help = "do not ask", .kind = HSM_ADMIN_SWITCH },
    HSM_ADMIN_OPTION_YES,     HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_option export_public_options[] = {
    HSM_ADMIN_OPTIONS_SELECT, HSM_ADMIN_OPTIONS_OUTPUT, HSM_ADMIN_OPTIONS_LOGIN, { .name = NULL }
};

static const hsm_admin_option types_options[] = { { .name = NULL } };

static const hsm_admin_command key_commands[] = {
    {
        .name = "generate",
        .summary = "make a key or a key pair in the token",
        .text = "Private and secret keys are private, sensitive and not extractable unless asked "
                "for.",
        .options = generate_options,
        .run = run_generate,
    },
    {
        .name = "import",
        .summary = "make objects of a file with keys and certificates",
        .text = "Everything the file holds becomes objects, or nothing does. Keys whose parts do "
                "not fit\ntogether are refused.",
        .options = hsm_admin_import_options,
        .run = hsm_admin_run_import,
    },
    {
        .name = "list",
        .summary = "list objects, a page at a time",
        .text = "FLAGS: p private, s sensitive, x extractable, l made in this token. HANDLE names "
                "the\nobject in every process, for as long as it exists.",
        .options = list_options,
        .run = run_list,
    },
    {
        .name = "show",
        .summary = "show all attributes of an object that may be shown",
        .options = show_options,
        .run = run_show,
    },
    {
        .name = "export-public",
        .summary = "write a public key as SubjectPublicKeyInfo, or a certificate",
        .options = export_public_options,
        .run = run_export_public,
    },
    {
        .name = "export",
        .summary = "write a private key into a file, encrypted under a passphrase",
        .text =
            "Only a key that is extractable and not sensitive leaves. PKCS#12 has the certificate "
            "of the\nsame CKA_ID with it.",
        .options = hsm_admin_export_options,
        .run = hsm_admin_run_export,
    },
    {
        .name = "delete",
        .summary = "destroy an object",
        .options = delete_options,
        .run = run_delete,
    },
    {
        .name = "copy",
        .summary = "copy an object within the token",
        .options = copy_options,
        .run = run_copy,
    },
    {
        .name = "set",
        .summary = "change attributes of an object",
        .text = "Names as in the standard, with or without CKA_, in any case. Values: yes or no, a "
                "number,\nhexadecimal bytes, a date YYYY-MM-DD, text.",
        .options = set_options,
        .run = run_set,
    },
    {
        .name = "types",
        .summary = "list what key generate can make",
        .options = types_options,
        .run = run_types,
    },
};

const hsm_admin_group hsm_admin_key_group = {
    .name = "key",
    .summary = "make, list, show, change and destroy keys and other objects",
    .commands = key_commands,
    .command_count = HSM_ARRAY_LEN(key_commands),
};
