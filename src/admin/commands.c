/* The table of all commands.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/command.h"

static const hsm_admin_group *const groups[] = {
    &hsm_admin_status_group,     &hsm_admin_token_group,     &hsm_admin_pin_group,
    &hsm_admin_key_group,        &hsm_admin_csr_group,       &hsm_admin_backup_group,
    &hsm_admin_restore_group,    &hsm_admin_migrate_group,   &hsm_admin_audit_group,
    &hsm_admin_doctor_group,     &hsm_admin_integrity_group, &hsm_admin_bench_group,
    &hsm_admin_completion_group, &hsm_admin_man_group,
};

const hsm_admin_group *const *hsm_admin_groups(size_t *out_count)
{
    *out_count = HSM_ARRAY_LEN(groups);
    return groups;
}
