/* Searching: candidates come from the blind index and are verified as they are handed out.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "core/audited.h"
#include "core/internal.h"

/* Keeps the search's template beyond the call. */
static hsm_err keep_template(hsm_search *search, const hsm_template *tmpl)
{
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned copy = { 0 };
    size_t total = 0;

    for (size_t i = 0; i < tmpl->count; i++)
        total += tmpl->attrs[i].value.len; /* bounded by hsm_attr_check() */
    copy.attrs = calloc(tmpl->count + 1, sizeof *copy.attrs);
    HSM_CHECK(copy.attrs != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_buf_reserve(&copy.values, total + 1)); /* never moves from here on */
    for (size_t i = 0; i < tmpl->count; i++) {
        const hsm_bytes value = tmpl->attrs[i].value;

        copy.attrs[i].type = tmpl->attrs[i].type;
        copy.attrs[i].value = hsm_bytes_of(copy.values.data + copy.values.len, value.len);
        HSM_TRY(hsm_buf_append(&copy.values, value));
    }
    copy.count = tmpl->count;
    search->tmpl = copy;
    copy = (hsm_template_owned){ 0 };
    return HSM_OK;
}

/* No object has an attribute that the table does not know: clients that look for vendors' attributes
 * find nothing, which is no error. */
static bool is_hopeless(const hsm_template *tmpl)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        if (hsm_attr_any(tmpl->attrs[i].type) == NULL)
            return true;
    }
    return false;
}

static hsm_err collect_ephemeral(hsm_core *core, hsm_session *session, const hsm_template *tmpl)
{
    const hsm_ephemeral_query query = {
        .slot = session->slot,
        .sees_private = hsm_core_sees_private(core, session),
        .token_serial = hsm_core_serial(core, session->slot),
        .tmpl = tmpl,
    };
    HSM_AUTO(hsm_ephemeral_found_clear) hsm_buf found = { 0 };

    HSM_TRY(hsm_ephemeral_find(core->ephemeral, &query, &found));
    for (size_t i = 0; i < hsm_ephemeral_found_count(&found); i++) {
        const uint64_t id = hsm_ephemeral_found_at(&found, i)->id;

        HSM_TRY(hsm_buf_append(&session->search.ids, hsm_bytes_of(&id, sizeof id)));
    }
    return HSM_OK;
}

static hsm_err collect(hsm_core *core, hsm_session *session, const hsm_template *tmpl)
{
    hsm_search *search = &session->search;

    if (is_hopeless(tmpl))
        return HSM_OK;
    for (size_t i = 0; i < tmpl->count; i++)
        HSM_TRY(hsm_attr_check(&tmpl->attrs[i]));
    HSM_TRY(keep_template(search, tmpl));
    HSM_TRY(hsm_store_find(core->store, session->slot, tmpl, &search->ids));
    return collect_ephemeral(core, session, tmpl);
}

hsm_err hsm_core_do_find_init(hsm_core *core, hsm_session *session, const hsm_template *tmpl)
{
    hsm_search *search = &session->search;

    HSM_CHECK(!search->is_open, HSM_E_OPERATION_ACTIVE);
    hsm_buf_reset(&search->ids);
    search->next = 0;
    const hsm_err err = collect(core, session, tmpl);
    if (err != HSM_OK) {
        hsm_search_end(search);
        return err;
    }
    search->is_open = true;
    return HSM_OK;
}

/* The object of a candidate if it still exists, is in view and satisfies the template. A candidate
 * that is gone meanwhile, or whose record is damaged, is passed over: the others stay usable. */
static hsm_err verify_candidate(hsm_core *core, hsm_session *session, uint64_t id,
                                CK_OBJECT_HANDLE *out_handle)
{
    const hsm_template tmpl = { session->search.tmpl.attrs, session->search.tmpl.count };
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    CK_OBJECT_HANDLE handle = HSM_HANDLE_NONE;
    bool matches = false;

    if ((id & HSM_EPHEMERAL_ID_BIT) != 0) {
        HSM_TRY(hsm_handles_find(core->handles, id, &handle));
        HSM_TRY(hsm_core_object(core, session, handle, &object));
    } else {
        HSM_TRY(hsm_store_get(core->store, session->slot, id, &object));
    }
    HSM_CHECK(!object->is_private || hsm_core_sees_private(core, session), HSM_E_NOT_LOGGED_IN);
    HSM_TRY(hsm_object_matches(object, hsm_core_serial(core, session->slot), &tmpl, &matches));
    HSM_CHECK(matches, HSM_E_STORE_NOT_FOUND);
    return hsm_core_handle_of(core, object, out_handle);
}

static bool is_passed_over(uint64_t id, hsm_err err)
{
    if (err == HSM_E_STORE_CORRUPT) /* the search itself succeeds: nobody else tells */
        hsm_log(HSM_LOG_ERROR, "object %016llx: %s; searches pass over it", (unsigned long long)id,
                hsm_err_text(err));
    return err == HSM_E_STORE_NOT_FOUND || err == HSM_E_NOT_LOGGED_IN ||
           err == HSM_E_STORE_CORRUPT || err == HSM_E_OBJECT_HANDLE;
}

hsm_err hsm_core_find(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE *handles,
                      size_t handles_max, size_t *out_count)
{
    hsm_search *search = &session->search;
    const size_t id_count = search->ids.len / sizeof(uint64_t);
    size_t found = 0;

    HSM_CHECK(search->is_open, HSM_E_OPERATION);
    while (found < handles_max && search->next < id_count) {
        uint64_t id;

        memcpy(&id, search->ids.data + search->next * sizeof id, sizeof id);
        const hsm_err err = verify_candidate(core, session, id, &handles[found]);
        if (err == HSM_OK)
            found++;
        else if (!is_passed_over(id, err))
            return err;
        search->next++;
    }
    *out_count = found;
    return HSM_OK;
}

hsm_err hsm_core_find_final(hsm_core *core, hsm_session *session)
{
    (void)core;
    HSM_CHECK(session->search.is_open, HSM_E_OPERATION);
    hsm_search_end(&session->search);
    return HSM_OK;
}
