/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/audit_summary.h"

#include <stdlib.h>
#include <string.h>

#include "os/clock.h"

/* At most half full. */
#define PLACES (2u * HSM_SUMMARY_KEYS_MAX)

hsm_err hsm_summary_create(hsm_summary **out_summary)
{
    HSM_AUTO(hsm_summary_drop) hsm_summary *summary = calloc(1, sizeof *summary);

    HSM_CHECK(summary != NULL, HSM_E_NO_MEMORY);
    summary->span_ns = HSM_NS_PER_SEC;
    summary->keys = calloc(HSM_SUMMARY_KEYS_MAX, sizeof *summary->keys);
    summary->places = calloc(PLACES, sizeof *summary->places);
    HSM_CHECK(summary->keys != NULL && summary->places != NULL, HSM_E_NO_MEMORY);
    *out_summary = HSM_MOVE(summary);
    return HSM_OK;
}

void hsm_summary_destroy(hsm_summary *summary)
{
    if (summary == NULL)
        return;
    free(summary->keys);
    free(summary->places);
    free(summary);
}

/* --- text of an entry ----------------------------------------------------------------------------- */

/* A member's text, cut where it does not fit; "" if there is none. */
static void copy_member(const hsm_core_audit_entry *entry, const char *name,
                        char out[HSM_SUMMARY_TEXT_BYTES])
{
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };
    hsm_member member;

    out[0] = '\0';
    if (!hsm_member_find(entry->members, name, &member) ||
        hsm_member_text(&member, &text) != HSM_OK)
        return;
    size_t len = text.len < HSM_SUMMARY_TEXT_BYTES ? text.len : HSM_SUMMARY_TEXT_BYTES - 1;
    while (len < text.len && len > 0 && (text.data[len] & 0xc0) == 0x80)
        len--; /* not within a character */
    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
}

/* Who asked: the daemon's client, else the process's user. */
static void copy_who(const hsm_core_audit_entry *entry, char out[HSM_SUMMARY_TEXT_BYTES])
{
    static const char prefix[] = "uid ";
    hsm_member member;

    copy_member(entry, "client", out);
    if (out[0] != '\0' || !hsm_member_find(entry->members, "uid", &member))
        return;
    const size_t len = member.value.len < 20 ? member.value.len : 20;
    memcpy(out, prefix, sizeof prefix - 1);
    memcpy(out + sizeof prefix - 1, member.value.data, len);
    out[sizeof prefix - 1 + len] = '\0';
}

/* --- time ------------------------------------------------------------------------------------------ */

static void add_tally(hsm_summary_tally *to, const hsm_summary_tally *more)
{
    to->succeeded += more->succeeded;
    to->failed += more->failed;
}

static void count(hsm_summary_tally *tally, bool is_success)
{
    tally->succeeded += is_success ? 1u : 0u;
    tally->failed += is_success ? 0u : 1u;
}

/* Two spans become one. */
static void widen(hsm_summary *summary)
{
    for (size_t i = 0; i < HSM_SUMMARY_SPANS; i++) {
        for (size_t kind = 0; kind < HSM_SUMMARY_KINDS; kind++) {
            const hsm_summary_tally moved = summary->spans[i][kind];

            summary->spans[i][kind] = (hsm_summary_tally){ 0 };
            add_tally(&summary->spans[i / 2][kind], &moved);
        }
    }
    summary->span_ns *= 2;
}

static hsm_summary_tally *span_of(hsm_summary *summary, uint64_t timestamp, size_t kind)
{
    const uint64_t since =
        timestamp > summary->first_timestamp ? timestamp - summary->first_timestamp : 0;

    while (since / summary->span_ns >= HSM_SUMMARY_SPANS)
        widen(summary);
    return &summary->spans[since / summary->span_ns][kind];
}

/* HSM_SUMMARY_KINDS: the log's own, of none of these kinds. */
static size_t kind_of(hsm_audited operation)
{
    if (operation >= HSM_AUDITED_COUNT)
        return HSM_SUMMARY_ADMIN;
    const unsigned classes = hsm_audited_get(operation)->classes;
    if ((classes & HSM_AUDIT_CLASS_LOG) != 0)
        return HSM_SUMMARY_KINDS;
    if ((classes & HSM_AUDIT_CLASS_AUTH) != 0)
        return HSM_SUMMARY_ACCESS;
    if ((classes & HSM_AUDIT_CLASS_CRYPTO) == 0)
        return HSM_SUMMARY_ADMIN;
    return (classes & HSM_AUDIT_CLASS_ADMIN) != 0 ? HSM_SUMMARY_OBJECTS : HSM_SUMMARY_USE;
}

/* --- keys ------------------------------------------------------------------------------------------ */

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

/* The key of that id, a new one if there is room; NULL: there is none. */
static hsm_summary_key *key_of(hsm_summary *summary, const char *id)
{
    uint32_t at = hash_of(id) % PLACES;

    for (; summary->places[at] != 0; at = (at + 1) % PLACES) {
        hsm_summary_key *key = &summary->keys[summary->places[at] - 1];

        if (strcmp(key->id, id) == 0)
            return key;
    }
    if (summary->key_count == HSM_SUMMARY_KEYS_MAX)
        return NULL;
    hsm_summary_key *key = &summary->keys[summary->key_count++];
    summary->places[at] = (uint32_t)summary->key_count;
    memcpy(key->id, id, strlen(id) + 1);
    return key;
}

static void add_key(hsm_summary *summary, const hsm_core_audit_entry *entry)
{
    char id[HSM_SUMMARY_TEXT_BYTES];

    copy_member(entry, "key_id", id);
    if (id[0] == '\0')
        return;
    hsm_summary_key *key = key_of(summary, id);
    if (key == NULL) {
        summary->other_keys++;
        return;
    }
    copy_member(entry, "label", key->label); /* the latest */
    count(&key->tally, entry->is_success);
    key->last_timestamp = entry->timestamp;
}

/* --- failures and logins --------------------------------------------------------------------------- */

static void add_row(hsm_summary_rows *rows, const char *what, const char *how,
                    const hsm_core_audit_entry *entry)
{
    size_t at = 0;

    while (at < rows->count &&
           (strcmp(rows->row[at].what, what) != 0 || strcmp(rows->row[at].how, how) != 0))
        at++;
    if (at == HSM_SUMMARY_ROWS_MAX) {
        rows->others++;
        return;
    }
    hsm_summary_row *row = &rows->row[at];
    if (at == rows->count) {
        memcpy(row->what, what, strlen(what) + 1);
        memcpy(row->how, how, strlen(how) + 1);
        rows->count++;
    }
    count(&row->tally, entry->is_success);
    row->last_timestamp = entry->timestamp;
}

static void add_last(hsm_summary_last *last, const hsm_core_audit_entry *entry)
{
    hsm_summary_event *event = &last->event[last->count++ % HSM_SUMMARY_LAST];

    event->timestamp = entry->timestamp;
    event->index = entry->index;
    copy_member(entry, "operation", event->operation);
    copy_member(entry, "result", event->result);
    copy_who(entry, event->who);
    copy_member(entry, "label", event->label);
}

static void add_failure(hsm_summary *summary, const hsm_core_audit_entry *entry)
{
    char operation[HSM_SUMMARY_TEXT_BYTES];
    char result[HSM_SUMMARY_TEXT_BYTES];

    copy_member(entry, "operation", operation);
    copy_member(entry, "result", result);
    add_row(&summary->failures, operation, result, entry);
    add_last(&summary->last_failures, entry);
}

static void add_login(hsm_summary *summary, const hsm_core_audit_entry *entry)
{
    char who[HSM_SUMMARY_TEXT_BYTES];
    char user[HSM_SUMMARY_TEXT_BYTES];

    copy_who(entry, who);
    copy_member(entry, "user", user);
    add_row(&summary->logins, who, user, entry);
    add_last(&summary->last_logins, entry);
}

void hsm_summary_add(hsm_summary *summary, const hsm_core_audit_entry *entry)
{
    if (!entry->is_entry) {
        summary->damaged++;
        return;
    }
    const size_t kind = kind_of(entry->operation);
    if (summary->entries++ == 0)
        summary->first_timestamp = entry->timestamp;
    summary->last_timestamp = entry->timestamp;
    if (entry->is_begin ||
        kind == HSM_SUMMARY_KINDS) /* what is begun is told again by its result */
        return;
    count(span_of(summary, entry->timestamp, kind), entry->is_success);
    count(&summary->kinds[kind], entry->is_success);
    add_key(summary, entry);
    if (!entry->is_success)
        add_failure(summary, entry);
    if (entry->operation == HSM_AUDITED_LOGIN)
        add_login(summary, entry);
}

/* --- in order -------------------------------------------------------------------------------------- */

static int by_tally(const hsm_summary_tally *a, const hsm_summary_tally *b)
{
    const uint64_t left = a->succeeded + a->failed;
    const uint64_t right = b->succeeded + b->failed;

    return left < right ? 1 : left > right ? -1 : 0;
}

static int compare_keys(const void *a, const void *b)
{
    const hsm_summary_key *left = a;
    const hsm_summary_key *right = b;
    const int order = by_tally(&left->tally, &right->tally);

    return order != 0 ? order : strcmp(left->id, right->id);
}

static int compare_rows(const void *a, const void *b)
{
    const hsm_summary_row *left = a;
    const hsm_summary_row *right = b;
    const int order = by_tally(&left->tally, &right->tally);

    return order != 0 ? order : strcmp(left->what, right->what);
}

void hsm_summary_end(hsm_summary *summary)
{
    memset(summary->places, 0, PLACES * sizeof *summary->places); /* they name other places now */
    qsort(summary->keys, summary->key_count, sizeof *summary->keys, compare_keys);
    qsort(summary->failures.row, summary->failures.count, sizeof summary->failures.row[0],
          compare_rows);
    qsort(summary->logins.row, summary->logins.count, sizeof summary->logins.row[0], compare_rows);
}
