/* What an open core can say about itself in numbers, for the daemon's metrics.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_FIGURES_H
#define HSM_CORE_FIGURES_H

#include "core/core.h"
#include "os/meter.h"

typedef struct hsm_core_figures {
    hsm_meter_reading audit; /* entries that callers have waited for; none without a log */
    hsm_meter_reading store; /* changes of the store, the same */
    uint64_t audit_lost;     /* entries, with audit.on_error = "count" */
    bool has_failed;         /* hsm_core_has_failed() */
} hsm_core_figures;

/* From now on times are taken, of this core and those that share its log and store: nothing else pays
 * for what nobody reads. */
void hsm_core_measure(hsm_core *core);
/* thread  any */
void hsm_core_figures_read(const hsm_core *core, hsm_core_figures *out_figures);

#endif
