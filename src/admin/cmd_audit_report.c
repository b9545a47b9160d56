/* audit report.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "admin/audit_page.h"
#include "admin/cmd_audit.h"
#include "admin/terminal.h"
#include "os/clock.h"
#include "os/file.h"

static hsm_err read_log(hsm_core_audit *audit, hsm_summary *summary)
{
    hsm_core_audit_entry entry;
    hsm_progress bar;
    uint64_t done = 0;
    uint64_t all = 0;
    hsm_err err;

    hsm_progress_begin(&bar, "reading");
    while ((err = hsm_core_audit_next(audit, &entry)) == HSM_OK) {
        hsm_summary_add(summary, &entry);
        hsm_core_audit_progress(audit, &done, &all);
        hsm_progress_step(&bar, done, all);
    }
    hsm_progress_end(&bar);
    hsm_summary_end(summary);
    return err == HSM_E_NO_EVENT ? HSM_OK : err;
}

static void free_text(char **text)
{
    free(*text);
}

static hsm_err write_page(hsm_admin *admin, const hsm_audit_page *page, const char *path)
{
    HSM_AUTO(free_text) char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len); /* of bounded size: tables and charts are */

    HSM_CHECK(out != NULL, HSM_E_NO_MEMORY);
    hsm_audit_page_write(page, out);
    const bool is_failed = ferror(out) != 0;
    HSM_CHECK(fclose(out) == 0 && !is_failed, HSM_E_NO_MEMORY);
    const hsm_err err = hsm_file_replace(path, hsm_bytes_of(text, len), 0600);
    return err == HSM_OK ? HSM_OK : hsm_admin_fail(admin, err, "%s", path);
}

hsm_err hsm_admin_run_audit_report(hsm_admin *admin)
{
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;
    HSM_AUTO(hsm_summary_drop) hsm_summary *summary = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf pem = { 0 };
    const char *path = hsm_admin_text(admin, "html");
    hsm_audit_verdict verdict;

    if (path == NULL)
        return hsm_admin_fail(admin, HSM_E_ARG, "--html FILE is missing");
    HSM_TRY(hsm_summary_create(&summary));
    HSM_TRY(hsm_admin_read_audit_keys(admin, &pem));
    HSM_TRY(hsm_admin_open_audit(admin, hsm_buf_view(&pem), &audit));
    HSM_TRY(read_log(audit, summary));
    HSM_TRY(hsm_admin_verify_audit(audit, &verdict));
    const hsm_audit_page page = {
        .log = hsm_admin_audit_path(admin),
        .made_at = hsm_clock_wall_ns(),
        .summary = summary,
        .verdict = &verdict,
    };
    HSM_TRY(write_page(admin, &page, path));
    hsm_admin_put_text(admin->report, "report", "Report", path);
    return hsm_admin_end_verdict(admin, &verdict);
}
