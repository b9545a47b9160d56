/* Calls of auditors: the audit log as it stands in its files, and whether it is whole.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/audit_log.h"
#include "cratond/handlers.h"
#include "cratond/internal.h"
#include <craton_hsm.pb-c.h>

/* Of one answer. */
#define ENTRIES_MAX 1000u
#define ENTRIES_MAX_BYTES ((size_t)4 * 1024 * 1024)

static hsm_err open_log(const rpc_context *context, hsm_core_audit **out_audit)
{
    const hsm_core_audit_source source = { .config = context->server->config };

    HSM_CHECK(context->server->config->audit.enabled, HSM_E_NOT_SUPPORTED);
    return hsm_core_audit_open(&source, out_audit);
}

/* An answer that is being filled. */
typedef struct page {
    rpc_context *context;
    CratonHsm__ReadAuditResponse *out;
    size_t max_count;
    size_t bytes;
} page;

static hsm_err put_entry(page *to, const hsm_core_audit_entry *entry)
{
    CratonHsm__AuditEntry *made = arena_alloc(to->context->memory, sizeof *made);

    HSM_CHECK(made != NULL, HSM_E_NO_MEMORY);
    craton_hsm__audit_entry__init(made);
    made->index = entry->index;
    HSM_TRY(arena_put(to->context->memory, entry->text, &made->line));
    to->out->entries[to->out->n_entries++] = made;
    to->out->next_index = entry->index + 1;
    to->bytes += entry->text.len;
    return HSM_OK;
}

/* Lines that are no entries are for VerifyAudit to find. */
static hsm_err fill(page *to, hsm_core_audit *audit, uint64_t from)
{
    hsm_core_audit_entry entry;
    hsm_err err = HSM_OK;

    while (to->out->n_entries < to->max_count && to->bytes < ENTRIES_MAX_BYTES) {
        err = hsm_core_audit_next(audit, &entry);
        if (err != HSM_OK)
            break;
        if (entry.is_entry && entry.index >= from)
            HSM_TRY(put_entry(to, &entry));
    }
    to->out->is_end = err == HSM_E_NO_EVENT;
    return err == HSM_E_NO_EVENT ? HSM_OK : err;
}

hsm_err rpc_read_audit(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__ReadAuditRequest *in = request;
    CratonHsm__ReadAuditResponse *out = response;
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;
    page to = { .context = context, .out = out, .max_count = ENTRIES_MAX };

    if (in->max_count > 0 && in->max_count < ENTRIES_MAX)
        to.max_count = (size_t)in->max_count;
    out->next_index = in->from_index;
    out->entries = arena_alloc(context->memory, to.max_count * sizeof(CratonHsm__AuditEntry *));
    HSM_CHECK(out->entries != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(open_log(context, &audit));
    return fill(&to, audit, in->from_index);
}

hsm_err rpc_verify_audit(rpc_context *context, const void *request, void *response)
{
    CratonHsm__VerifyAuditResponse *out = response;
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;
    hsm_audit_verdict verdict;

    (void)request;
    HSM_TRY(open_log(context, &audit));
    HSM_TRY(hsm_core_audit_verify(audit, NULL, NULL, &verdict));
    out->intact = verdict.fault == HSM_AUDIT_FAULT_NONE;
    out->fault =
        arena_text(context->memory, hsm_bytes_of_text(hsm_audit_fault_name(verdict.fault)));
    HSM_CHECK(out->fault != NULL, HSM_E_NO_MEMORY);
    out->bad_index = verdict.bad_index;
    out->entries = verdict.entries;
    out->checkpoints = verdict.checkpoints;
    out->proven = verdict.proven;
    out->first_index = verdict.first_index;
    return HSM_OK;
}
