/* audit dump, audit export-*: the log's entries in other clothes, in constant memory.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/cmd_audit.h"

/* RFC 5424, 6.2.1: facility "log audit", severities. */
#define FACILITY 13u
#define SEVERITY_ERROR 3u
#define SEVERITY_WARNING 4u
#define SEVERITY_INFO 6u

/* An export under way. */
typedef struct export
{
    hsm_admin *admin;
    bool is_first; /* nothing was written yet */
    void (*put)(struct export * at, const hsm_core_audit_entry *entry);
}
export;

static void put_bytes(hsm_bytes bytes)
{
    (void)fwrite(bytes.data, 1, bytes.len, stdout);
}

/* What stands for a line that is no entry: where it is, and what is there. */
static void put_damaged_json(const hsm_core_audit_entry *entry)
{
    (void)fputs("{\"damaged\":true,\"file\":", stdout);
    hsm_admin_json_string(hsm_bytes_of_text(entry->place.file), stdout);
    (void)printf(",\"line\":%" PRIu64 ",\"text\":", entry->place.line);
    hsm_admin_json_string(entry->text, stdout);
    (void)fputc('}', stdout);
}

static void put_object(const hsm_core_audit_entry *entry)
{
    if (entry->is_entry)
        put_bytes(entry->text);
    else
        put_damaged_json(entry);
}

static void put_json(export *at, const hsm_core_audit_entry *entry)
{
    (void)fputs(at->is_first ? "\n" : ",\n", stdout);
    put_object(entry);
}

static void put_ndjson(export *at, const hsm_core_audit_entry *entry)
{
    (void)at;
    put_object(entry);
    (void)fputc('\n', stdout);
}

/* --- syslog ------------------------------------------------------------------------------------ */

static unsigned severity_of(const hsm_core_audit_entry *entry)
{
    if (!entry->is_entry || entry->operation == HSM_AUDITED_EVENTS_LOST)
        return SEVERITY_ERROR;
    if (entry->operation == HSM_AUDITED_RECOVER)
        return SEVERITY_WARNING;
    return entry->is_begin || entry->is_success ? SEVERITY_INFO : SEVERITY_WARNING;
}

static void put_member(hsm_bytes members, const char *name)
{
    hsm_member member;

    if (hsm_member_find(members, name, &member) && member.value.len > 0)
        put_bytes(member.value);
    else
        (void)fputc('-', stdout);
}

/* <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG; the host is not in the log. */
static void put_syslog(export *at, const hsm_core_audit_entry *entry)
{
    char when[HSM_ADMIN_TIME_CHARS] = "-";

    (void)at;
    if (entry->is_entry)
        hsm_admin_time_text(entry->timestamp, when);
    (void)printf("<%u>1 %s - craton-hsm ", FACILITY * 8 + severity_of(entry), when);
    put_member(entry->members, "pid");
    (void)fputc(' ', stdout);
    put_member(entry->members, "operation");
    (void)fputs(" - ", stdout);
    put_object(entry);
    (void)fputc('\n', stdout);
}

/* --- for people -------------------------------------------------------------------------------- */

static bool is_shown_first(hsm_bytes name)
{
    return hsm_bytes_equal(name, hsm_bytes_of_text("operation")) ||
           hsm_bytes_equal(name, hsm_bytes_of_text("result"));
}

/* Of a checkpoint: too long for a line of a terminal. */
static bool is_signature(hsm_bytes name)
{
    return hsm_bytes_equal(name, hsm_bytes_of_text("ed25519")) ||
           hsm_bytes_equal(name, hsm_bytes_of_text("ml_dsa_65"));
}

static void put_text(export *at, const hsm_core_audit_entry *entry)
{
    char when[HSM_ADMIN_TIME_CHARS];
    hsm_bytes rest = entry->members;
    hsm_member member;

    (void)at;
    if (!entry->is_entry) {
        (void)printf("%s:%" PRIu64 ": no entry: ", entry->place.file, entry->place.line);
        hsm_admin_print_plain(entry->text, stdout);
        (void)fputc('\n', stdout);
        return;
    }
    hsm_admin_time_text(entry->timestamp, when);
    (void)printf("%" PRIu64 " %s ", entry->index, when);
    put_member(entry->members, "operation");
    (void)fputc(' ', stdout);
    put_member(entry->members, entry->is_begin ? "phase" : "result");
    while (hsm_member_next(&rest, &member)) {
        if (is_shown_first(member.name) || is_signature(member.name))
            continue;
        (void)fputc(' ', stdout);
        put_bytes(member.name);
        (void)fputc('=', stdout);
        put_bytes(member.value);
    }
    (void)fputc('\n', stdout);
}

/* --- the run ----------------------------------------------------------------------------------- */

/* Writes `lines` entries after skipping the first `skip`. */
static hsm_err write_lines(export *at, hsm_core_audit *audit, uint64_t skip, uint64_t lines)
{
    hsm_core_audit_entry entry;

    for (uint64_t i = 0; i < lines; i++) {
        const hsm_err err = hsm_core_audit_next(audit, &entry);
        if (err == HSM_E_NO_EVENT) /* the oldest file went away meanwhile */
            break;
        HSM_TRY(err);
        if (i < skip)
            continue;
        at->put(at, &entry);
        at->is_first = false;
        HSM_CHECK(ferror(stdout) == 0, HSM_E_STORE_IO); /* main() says the rest */
    }
    return HSM_OK;
}

/* What stands around the lines. */
typedef struct frame {
    const char *command; /* of the document that the lines are the "entries" of; NULL: none */
    const char *before;
    const char *after;
} frame;

static void begin_output(const frame *around, bool is_ok)
{
    if (around->command != NULL)
        (void)printf("{\n\"command\": \"%s\",\n\"ok\": %s,\n\"entries\": ", around->command,
                     is_ok ? "true" : "false");
    (void)fputs(around->before, stdout);
}

static hsm_err write_log(export *at, const frame *around, uint64_t last)
{
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;
    hsm_admin_audit_count count = { 0 };

    HSM_TRY(hsm_admin_open_audit(at->admin, hsm_bytes_none(), &audit));
    HSM_TRY(hsm_admin_count_audit(audit, &count));
    at->is_first = true;
    at->admin->is_written = true;
    begin_output(around, count.damaged == 0);
    HSM_TRY(write_lines(at, audit, count.lines > last ? count.lines - last : 0, count.lines));
    (void)fputs(around->after, stdout);
    return hsm_admin_end_audit(at->admin, &count);
}

#define NO_FRAME ((frame){ NULL, "", "" })

hsm_err hsm_admin_run_dump(hsm_admin *admin)
{
    static const frame document = { "audit dump", "[", "\n]}\n" };
    const hsm_admin_range range = { .min = 1, .max = UINT64_MAX, .fallback = UINT64_MAX };
    export at = { .admin = admin, .put = admin->is_json ? put_json : put_text };
    uint64_t last = 0;

    HSM_TRY(hsm_admin_number(admin, "last", range, &last));
    return write_log(&at, admin->is_json ? &document : &NO_FRAME, last);
}

hsm_err hsm_admin_run_export_json(hsm_admin *admin)
{
    static const frame array = { NULL, "[", "\n]\n" };
    static const frame document = { "audit export-json", "[", "\n]}\n" };
    export at = { .admin = admin, .put = put_json };

    return write_log(&at, admin->is_json ? &document : &array, UINT64_MAX);
}

/* Exports that are many documents are not one. */
static hsm_err refuse_json(hsm_admin *admin)
{
    if (!admin->is_json)
        return HSM_OK;
    hsm_admin_hint(admin, "craton-hsm-admin audit export-json --json");
    return hsm_admin_fail(admin, HSM_E_ARG, "--json: this export is no single document");
}

hsm_err hsm_admin_run_export_ndjson(hsm_admin *admin)
{
    export at = { .admin = admin, .put = put_ndjson };

    HSM_TRY(refuse_json(admin));
    return write_log(&at, &NO_FRAME, UINT64_MAX);
}

hsm_err hsm_admin_run_export_syslog(hsm_admin *admin)
{
    export at = { .admin = admin, .put = put_syslog };

    HSM_TRY(refuse_json(admin));
    return write_log(&at, &NO_FRAME, UINT64_MAX);
}
