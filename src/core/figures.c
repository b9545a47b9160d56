/* SPDX-License-Identifier: Apache-2.0 */
#include "core/figures.h"

#include "audit/log.h"
#include "core/internal.h"

void hsm_core_measure(hsm_core *core)
{
    hsm_meter_start(hsm_store_meter(core->store));
    if (core->audit != NULL)
        hsm_meter_start(hsm_audit_meter(core->audit));
}

void hsm_core_figures_read(const hsm_core *core, hsm_core_figures *out_figures)
{
    hsm_core_figures figures = { .has_failed = hsm_core_has_failed(core) };

    figures.store = hsm_meter_read(hsm_store_meter(core->store));
    if (core->audit != NULL) {
        figures.audit = hsm_meter_read(hsm_audit_meter(core->audit));
        figures.audit_lost = hsm_audit_lost(core->audit);
    }
    *out_figures = figures;
}
