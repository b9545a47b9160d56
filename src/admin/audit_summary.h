/* What a report of the audit log counts: one pass over it, in an amount of memory that does not depend on
 * its length.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_AUDIT_SUMMARY_H
#define HSM_ADMIN_AUDIT_SUMMARY_H

#include "core/audit_log.h"

/* Spans of time that the log is divided into; where they do not reach, two become one. */
#define HSM_SUMMARY_SPANS 96u
/* Different keys, failures and users that are told apart; what goes beyond is counted together. */
#define HSM_SUMMARY_KEYS_MAX 4096u
#define HSM_SUMMARY_ROWS_MAX 256u
/* The newest failures and logins, each with its time. */
#define HSM_SUMMARY_LAST 40u
/* Characters of a label or a client that a page shows, as UTF-8 with a NUL. */
#define HSM_SUMMARY_TEXT_BYTES 264u

typedef enum hsm_summary_kind {
    HSM_SUMMARY_USE,     /* of keys: sign, decrypt, ... */
    HSM_SUMMARY_OBJECTS, /* made, changed, destroyed */
    HSM_SUMMARY_ACCESS,  /* sessions, logins, PINs */
    HSM_SUMMARY_ADMIN,
    HSM_SUMMARY_KINDS,
} hsm_summary_kind;

typedef struct hsm_summary_tally {
    uint64_t succeeded;
    uint64_t failed;
} hsm_summary_tally;

typedef struct hsm_summary_key {
    char id[HSM_SUMMARY_TEXT_BYTES];
    char label[HSM_SUMMARY_TEXT_BYTES];
    hsm_summary_tally tally;
    uint64_t last_timestamp;
} hsm_summary_key;

/* What failed how, or who logged in as whom. */
typedef struct hsm_summary_row {
    char what[HSM_SUMMARY_TEXT_BYTES]; /* operation; who */
    char how[HSM_SUMMARY_TEXT_BYTES];  /* result; user */
    hsm_summary_tally tally;
    uint64_t last_timestamp;
} hsm_summary_row;

typedef struct hsm_summary_rows {
    hsm_summary_row row[HSM_SUMMARY_ROWS_MAX];
    size_t count;
    uint64_t others; /* entries beyond the rows */
} hsm_summary_rows;

typedef struct hsm_summary_event {
    uint64_t timestamp;
    uint64_t index;
    char operation[HSM_SUMMARY_TEXT_BYTES];
    char result[HSM_SUMMARY_TEXT_BYTES];
    char who[HSM_SUMMARY_TEXT_BYTES];
    char label[HSM_SUMMARY_TEXT_BYTES];
} hsm_summary_event;

typedef struct hsm_summary_last {
    hsm_summary_event event[HSM_SUMMARY_LAST]; /* a ring: number n is at n % HSM_SUMMARY_LAST */
    uint64_t count;
} hsm_summary_last;

typedef struct hsm_summary {
    hsm_summary_tally spans[HSM_SUMMARY_SPANS][HSM_SUMMARY_KINDS];
    uint64_t span_ns;
    uint64_t first_timestamp;
    uint64_t last_timestamp;
    uint64_t entries;
    uint64_t damaged; /* lines that are no entries */
    hsm_summary_tally kinds[HSM_SUMMARY_KINDS];
    hsm_summary_key
        *keys;        /* HSM_SUMMARY_KEYS_MAX, key_count of them used; busiest first at the end */
    uint32_t *places; /* by hash: place in keys + 1, 0 free */
    size_t key_count;
    uint64_t other_keys; /* entries of keys beyond those */
    hsm_summary_rows failures;
    hsm_summary_rows logins;
    hsm_summary_last last_failures;
    hsm_summary_last last_logins;
} hsm_summary;

HSM_MUST_USE hsm_err hsm_summary_create(hsm_summary **out_summary);
void hsm_summary_destroy(hsm_summary *summary);
HSM_DEFINE_DROP(hsm_summary)
void hsm_summary_add(hsm_summary *summary, const hsm_core_audit_entry *entry);
/* After the last entry: keys and rows are put in order, the busiest first. */
void hsm_summary_end(hsm_summary *summary);

#endif
