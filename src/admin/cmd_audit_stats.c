/* audit stats.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/cmd_audit.h"

/* How often an operation stands in the log. */
typedef struct tally {
    uint64_t begun;
    uint64_t succeeded;
    uint64_t failed;
} tally;

typedef struct stats {
    tally of[HSM_AUDITED_COUNT + 1]; /* the last: operations unknown to this version */
    uint64_t entries;
    uint64_t damaged;
    uint64_t first_timestamp;
    uint64_t last_timestamp;
    uint64_t bytes;
} stats;

static void add_entry(stats *all, const hsm_core_audit_entry *entry)
{
    if (!entry->is_entry) {
        all->damaged++;
        return;
    }
    tally *row = &all->of[entry->operation];
    if (entry->is_begin)
        row->begun++;
    else if (entry->is_success)
        row->succeeded++;
    else
        row->failed++;
    if (all->entries == 0)
        all->first_timestamp = entry->timestamp;
    all->last_timestamp = entry->timestamp;
    all->entries++;
}

static hsm_err read_log(hsm_core_audit *audit, stats *all)
{
    hsm_core_audit_entry entry;
    uint64_t done = 0;
    hsm_err err;

    while ((err = hsm_core_audit_next(audit, &entry)) == HSM_OK)
        add_entry(all, &entry);
    hsm_core_audit_progress(audit, &done, &all->bytes);
    return err == HSM_E_NO_EVENT ? HSM_OK : err;
}

static void put_rows(hsm_admin_report *report, const stats *all)
{
    static const hsm_admin_column columns[] = {
        { "operation", "OPERATION" },
        { "success", "SUCCESS" },
        { "failure", "FAILURE" },
        { "begun", "BEGUN" },
    };

    hsm_admin_table(report, "operations", columns, HSM_ARRAY_LEN(columns));
    for (unsigned i = 0; i <= HSM_AUDITED_COUNT; i++) {
        const tally *row = &all->of[i];

        if (row->begun + row->succeeded + row->failed == 0)
            continue;
        hsm_admin_row(report);
        hsm_admin_put_text(report, NULL, NULL,
                           i < HSM_AUDITED_COUNT ? hsm_audited_get((hsm_audited)i)->name : "other");
        hsm_admin_put_number(report, NULL, NULL, row->succeeded);
        hsm_admin_put_number(report, NULL, NULL, row->failed);
        hsm_admin_put_number(report, NULL, NULL, row->begun);
    }
    hsm_admin_table_end(report);
}

hsm_err hsm_admin_run_audit_stats(hsm_admin *admin)
{
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;
    hsm_admin_report *report = admin->report;
    stats all = { 0 };

    HSM_TRY(hsm_admin_open_audit(admin, hsm_bytes_none(), &audit));
    HSM_TRY(read_log(audit, &all));
    hsm_admin_put_text(report, "log", "Log", hsm_admin_audit_path(admin));
    hsm_admin_put_size(report, "bytes", "Size", all.bytes);
    hsm_admin_put_number(report, "entries", "Entries", all.entries);
    hsm_admin_put_number(report, "damaged_lines", "Damaged lines", all.damaged);
    hsm_admin_put_time(report, "first_time", "First", all.first_timestamp);
    hsm_admin_put_time(report, "last_time", "Last", all.last_timestamp);
    put_rows(report, &all);
    const hsm_admin_audit_count count = { .lines = all.entries, .damaged = all.damaged };
    return hsm_admin_end_audit(admin, &count);
}
