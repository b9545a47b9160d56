/* Creating, copying, changing and destroying objects.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "core/audited.h"
#include "core/internal.h"
#include "core/lifecycle.h"

hsm_err hsm_core_handle_of(hsm_core *core, hsm_object *object, CK_OBJECT_HANDLE *out_handle)
{
    const hsm_handle_target target = {
        .id = object->id,
        .slot = object->slot,
        .is_token = object->is_token,
        .is_private = object->is_private,
        .object = object->is_token ? NULL : object,
    };

    return hsm_handles_put(core->handles, &target, out_handle);
}

/* Takes back what a failed hsm_core_add() had already made. */
static void undo(hsm_core *core, hsm_object **objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const hsm_err err = objects[i]->is_token
                                ? hsm_store_delete(core->store, objects[i])
                                : hsm_ephemeral_remove(core->ephemeral, objects[i]);

        if (err != HSM_OK)
            hsm_log(HSM_LOG_ERROR, "an object without a handle stays: %s", hsm_err_text(err));
    }
}

static hsm_err insert(hsm_core *core, hsm_session *session, hsm_draft *const *drafts, size_t count,
                      hsm_object **objects)
{
    if (hsm_draft_bool(drafts[0], CKA_TOKEN, false)) {
        HSM_TRY(hsm_audited_announce_add(session, drafts[count - 1]));
        return hsm_store_insert(core->store, session->slot, drafts, count, objects);
    }
    const hsm_ephemeral_owner owner = {
        .slot = session->slot,
        .session = session->handle,
        .token_serial = hsm_core_serial(core, session->slot),
    };
    session->has_objects = true;
    return hsm_ephemeral_add(core->ephemeral, &owner, drafts, count, objects);
}

/* Inserts drafts that are all token objects or all session objects. */
static hsm_err add_alike(hsm_core *core, hsm_session *session, hsm_draft *const *drafts,
                         size_t count, CK_OBJECT_HANDLE *out_handles)
{
    HSM_UNINITIALIZED hsm_object *objects[HSM_CORE_ADD_MAX];
    HSM_UNINITIALIZED CK_OBJECT_HANDLE handles[HSM_CORE_ADD_MAX];
    hsm_err err = HSM_OK;

    HSM_CHECK(count >= 1 && count <= HSM_ARRAY_LEN(objects), HSM_E_ARG);
    HSM_TRY(insert(core, session, drafts, count, objects));
    for (size_t i = 0; i < count && err == HSM_OK; i++)
        err = hsm_core_handle_of(core, objects[i], &handles[i]);
    if (err == HSM_OK)
        memcpy(out_handles, handles, count * sizeof handles[0]);
    else
        undo(core, objects, count);
    if (err == HSM_OK)
        hsm_audited_made(session, handles, count);
    for (size_t i = 0; i < count; i++)
        hsm_object_release(objects[i]);
    return err;
}

static bool is_token(const hsm_draft *draft)
{
    return hsm_draft_bool(draft, CKA_TOKEN, false);
}

hsm_err hsm_core_add(hsm_core *core, hsm_session *session, hsm_draft *const *drafts, size_t count,
                     CK_OBJECT_HANDLE *out_handles)
{
    for (size_t i = 0; i < count; i++) {
        HSM_TRY(hsm_core_may_write(core, session, is_token(drafts[i]),
                                   hsm_draft_bool(drafts[i], CKA_PRIVATE, true)));
        HSM_TRY(hsm_core_check_forward(core, NULL, drafts[i]));
    }
    size_t first = 1; /* how many begin with the same kind of storage */
    while (first < count && is_token(drafts[first]) == is_token(drafts[0]))
        first++;
    if (first == count)
        return add_alike(core, session, drafts, count, out_handles);

    /* Some are kept and some are not: one step for each run, an error undoes those before. */
    CK_OBJECT_HANDLE handles[HSM_CORE_ADD_MAX];
    HSM_CHECK(count <= HSM_ARRAY_LEN(handles), HSM_E_ARG);
    HSM_TRY(add_alike(core, session, drafts, first, handles));
    const hsm_err err = hsm_core_add(core, session, drafts + first, count - first, handles + first);
    for (size_t i = 0; err != HSM_OK && i < first; i++) {
        const hsm_err undone = hsm_core_take_back(core, session, handles[i]);

        if (undone != HSM_OK)
            hsm_log(HSM_LOG_ERROR, "a part of several keys stays: %s", hsm_err_text(undone));
    }
    HSM_TRY(err);
    memcpy(out_handles, handles, count * sizeof handles[0]);
    return HSM_OK;
}

/* A foreign key of a pair is taken apart, checked and completed before it becomes an object. */
static hsm_err complete_half(hsm_core *core, hsm_draft *draft)
{
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_key_parts parts;

    HSM_TRY(hsm_core_draft_parts(draft, &parts));
    if (parts.key_class == CKO_PRIVATE_KEY) {
        HSM_TRY(hsm_key_complete(core->crypto, &parts, &bundle));
        parts = bundle.parts;
    }
    HSM_TRY(hsm_key_create(core->crypto, &parts, &key));
    HSM_TRY(hsm_key_check(key));
    HSM_TRY(hsm_core_put_parts(draft, &parts));
    return hsm_core_put_derived(core, draft, key);
}

static hsm_err complete_key(hsm_core *core, hsm_draft *draft)
{
    const hsm_provenance provenance = { .mechanism = CK_UNAVAILABLE_INFORMATION };

    HSM_TRY(hsm_draft_kind(draft) == HSM_KIND_SECRET ? hsm_core_complete_secret(core, draft)
                                                     : complete_half(core, draft));
    return hsm_core_put_provenance(draft, &provenance);
}

/* 4.6.2: part of the hash of the certificate; empty where a caller wants none. */
static hsm_err complete_certificate(hsm_core *core, hsm_draft *draft)
{
    enum { CHECK_VALUE_BYTES = 3, SHA1_BYTES = 20 };
    uint8_t hash[SHA1_BYTES];
    hsm_bytes value = hsm_bytes_none();
    hsm_bytes given;
    const bool has_value = hsm_draft_get(draft, CKA_VALUE, &value) && value.len > 0;
    const bool is_given = hsm_draft_get(draft, CKA_CHECK_VALUE, &given);

    if (!has_value || (is_given && given.len == 0))
        return HSM_OK;
    HSM_TRY(hsm_crypto_sha1(core->crypto, value, hash));
    const hsm_bytes own = hsm_bytes_of(hash, CHECK_VALUE_BYTES);
    HSM_CHECK(!is_given || hsm_bytes_equal(given, own), HSM_E_ATTRIBUTE_VALUE);
    return hsm_draft_put(draft, CKA_CHECK_VALUE, own);
}

hsm_err hsm_core_complete_foreign(hsm_core *core, hsm_draft *draft)
{
    const hsm_kind_set keys = HSM_KIND_RSA_PUBLIC | HSM_KIND_RSA_PRIVATE | HSM_KIND_EC_PUBLIC |
                              HSM_KIND_EC_PRIVATE | HSM_KIND_SECRET | HSM_KIND_PQC_PUBLIC |
                              HSM_KIND_LATTICE_PRIVATE | HSM_KIND_SLH_PRIVATE | HSM_KIND_DH_PUBLIC |
                              HSM_KIND_DH_PRIVATE;

    if ((hsm_draft_kind(draft) & keys) != 0)
        HSM_TRY(complete_key(core, draft));
    if (hsm_draft_kind(draft) == HSM_KIND_DOMAIN)
        HSM_TRY(hsm_core_put_domain(draft));
    if (hsm_draft_kind(draft) == HSM_KIND_CERTIFICATE)
        HSM_TRY(complete_certificate(core, draft));
    return HSM_OK;
}

hsm_err hsm_core_do_create_object(hsm_core *core, hsm_session *session, const hsm_template *tmpl,
                                  CK_OBJECT_HANDLE *out_handle)
{
    const hsm_template implied = { 0 };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;

    HSM_TRY(hsm_draft_from_template(HSM_ORIGIN_CREATE, tmpl, &implied,
                                    hsm_core_is_so(core, session), &draft));
    HSM_TRY(hsm_core_may_write(core, session, is_token(draft),
                               hsm_draft_bool(draft, CKA_PRIVATE, true)));
    HSM_TRY(hsm_core_complete_foreign(core, draft));
    return hsm_core_add(core, session, &draft, 1, out_handle);
}

hsm_err hsm_core_do_copy_object(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE source,
                                const hsm_template *changes, CK_OBJECT_HANDLE *out_handle)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;

    HSM_TRY(hsm_core_object(core, session, source, &object));
    HSM_CHECK(hsm_object_bool(object, CKA_COPYABLE, true), HSM_E_ACTION_PROHIBITED);
    HSM_TRY(hsm_object_to_draft(object, hsm_core_serial(core, object->slot), &draft));
    HSM_TRY(hsm_draft_change(draft, HSM_ORIGIN_COPY, changes, hsm_core_is_so(core, session)));
    HSM_TRY(hsm_core_check_public_info(core, draft, changes));
    HSM_TRY(hsm_core_check_forward(core, object, draft));
    if (object->is_token || is_token(draft))
        HSM_TRY(hsm_core_iv_mark_copy(object, draft));
    return hsm_core_add(core, session, &draft, 1, out_handle);
}

static hsm_err remove_object(hsm_core *core, hsm_object *object, CK_OBJECT_HANDLE handle)
{
    if (object->is_token) {
        const hsm_err err = hsm_store_delete(core->store, object);

        HSM_CHECK(err != HSM_E_STORE_NOT_FOUND, HSM_E_OBJECT_HANDLE);
        HSM_TRY(err);
    } else {
        HSM_CHECK(hsm_ephemeral_remove(core->ephemeral, object) == HSM_OK, HSM_E_OBJECT_HANDLE);
    }
    hsm_handles_remove(core->handles, handle);
    return HSM_OK;
}

hsm_err hsm_core_take_back(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    HSM_TRY(hsm_core_object(core, session, handle, &object));
    return remove_object(core, object, handle);
}

hsm_err hsm_core_do_destroy_object(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    HSM_TRY(hsm_core_object(core, session, handle, &object));
    HSM_TRY(hsm_core_may_write(core, session, object->is_token, object->is_private));
    HSM_CHECK(hsm_object_bool(object, CKA_DESTROYABLE, true), HSM_E_ACTION_PROHIBITED);
    return remove_object(core, object, handle);
}

/* That a key is deactivated or compromised can be said of one that nothing else may change. */
static bool is_state_only(const hsm_template *changes)
{
    return changes->count == 1 && changes->attrs[0].type == CKA_CRATON_KEY_STATE;
}

/* One try to change an object. HSM_E_STORE_CONFLICT: another process was faster. */
static hsm_err change_once(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle,
                           const hsm_template *changes)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *changed = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;

    HSM_TRY(hsm_core_object(core, session, handle, &object));
    HSM_TRY(hsm_core_may_write(core, session, object->is_token, object->is_private));
    HSM_CHECK(hsm_object_bool(object, CKA_MODIFIABLE, true) || is_state_only(changes),
              HSM_E_ACTION_PROHIBITED);
    HSM_TRY(hsm_object_to_draft(object, hsm_core_serial(core, object->slot), &draft));
    HSM_TRY(hsm_draft_change(draft, HSM_ORIGIN_CREATE, changes, hsm_core_is_so(core, session)));
    HSM_TRY(hsm_core_check_public_info(core, draft, changes));
    HSM_TRY(hsm_core_check_forward(core, object, draft));
    if (object->is_token)
        return hsm_store_replace(core->store, object, draft, &changed);
    HSM_TRY(hsm_ephemeral_replace(core->ephemeral, hsm_core_serial(core, object->slot), object,
                                  draft, &changed));
    hsm_handles_renew(core->handles, changed);
    return HSM_OK;
}

hsm_err hsm_core_do_set_attributes(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle,
                                   const hsm_template *changes)
{
    enum { TRIES_MAX = 16 };

    for (int i = 0; i < TRIES_MAX; i++) {
        const hsm_err err = change_once(core, session, handle, changes);

        if (err == HSM_E_STORE_NOT_FOUND)
            return HSM_E_OBJECT_HANDLE;
        if (err != HSM_E_STORE_CONFLICT)
            return err;
    }
    return HSM_E_STORE_CONFLICT;
}

hsm_err hsm_core_object_size(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle,
                             CK_ULONG *out_size)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    HSM_TRY(hsm_core_object(core, session, handle, &object));
    *out_size = (CK_ULONG)hsm_object_bytes(object);
    return HSM_OK;
}
