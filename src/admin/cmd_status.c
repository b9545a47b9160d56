/* status: everything at a glance.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/admin.h"
#include "admin/tokens.h"
#include "core/operator.h"

static void put_facts(hsm_admin *admin, const hsm_core_facts *facts)
{
    hsm_admin_report *report = admin->report;
    char version[16];

    (void)snprintf(version, sizeof version, "%d.%d", HSM_LIBRARY_VERSION_MAJOR,
                   HSM_LIBRARY_VERSION_MINOR);
    hsm_admin_put_text(report, "version", "Version", version);
    hsm_admin_put_text(report, "configuration", "Configuration", admin->config->source);
    hsm_admin_put_text(report, "storage_path", "Store", facts->storage_path);
    hsm_admin_put_bool(report, "read_only", "Read-only", facts->is_read_only);
    hsm_admin_put_size(report, "used_bytes", "Used", facts->used_bytes);
    if (facts->free_bytes == UINT64_MAX)
        hsm_admin_put_text(report, "free_bytes", "Free", NULL);
    else
        hsm_admin_put_size(report, "free_bytes", "Free", facts->free_bytes);
    hsm_admin_put_text(report, "crypto", "Cryptography", facts->crypto_version);
    hsm_admin_put_bool(report, "approved_only", "Approved only",
                       admin->config->algorithms.fips_approved_only);
}

static hsm_err run_status(hsm_admin *admin)
{
    hsm_core_facts facts;

    HSM_TRY(hsm_admin_open_core(admin));
    HSM_TRY(hsm_core_get_facts(admin->core, &facts));
    put_facts(admin, &facts);
    return hsm_admin_put_tokens(admin);
}

static const hsm_admin_option status_options[] = { { .name = NULL } };

static const hsm_admin_command status_commands[] = {
    {
        .name = "",
        .summary = "show configuration, store, cryptography and tokens",
        .text = "Needs no PIN: objects that are private are not counted.",
        .options = status_options,
        .run = run_status,
    },
};

const hsm_admin_group hsm_admin_status_group = {
    .name = "status",
    .summary = "show configuration, store, cryptography and tokens",
    .commands = status_commands,
    .command_count = HSM_ARRAY_LEN(status_commands),
};
