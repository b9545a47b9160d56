/* SPDX-License-Identifier: Apache-2.0 */
#include "store/object_portable.h"

#include "store/attr_internal.h"
#include "store/internal.h"

hsm_err hsm_object_take_apart(const hsm_object *object, hsm_bytes token_serial, hsm_buf *out_public,
                              hsm_secret **out_secret)
{
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };

    HSM_TRY(hsm_object_open_secrets(object, token_serial, &secrets));
    HSM_TRY(hsm_object_encode_public(object, out_public));
    *out_secret = HSM_MOVE(secrets.plain); /* opened, it is the part itself */
    return HSM_OK;
}

static hsm_err put_all(hsm_draft *draft, const hsm_attr *attrs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        HSM_CHECK(hsm_draft_put(draft, attrs[i].type, attrs[i].value) == HSM_OK,
                  HSM_E_STORE_CORRUPT);
    return HSM_OK;
}

hsm_err hsm_draft_from_parts(hsm_bytes public_part, hsm_bytes secret_part, hsm_draft **out_draft)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf natives = { 0 };
    hsm_attr attrs[HSM_OBJECT_ATTRS_MAX];
    hsm_template tmpl = { .attrs = attrs };
    const hsm_template none = { 0 };
    hsm_object_kind kind = 0;
    size_t secret_count = 0;

    HSM_TRY(hsm_buf_reserve(&natives, public_part.len + 1));
    hsm_writer room = hsm_writer_of(natives.data, natives.cap);
    HSM_TRY(hsm_part_read(public_part, &room, attrs, &tmpl.count));
    HSM_CHECK(hsm_rules_kind(&tmpl, &none, &kind) == HSM_OK, HSM_E_STORE_CORRUPT);
    HSM_TRY(hsm_draft_create(kind, &draft));
    HSM_TRY(put_all(draft, attrs, tmpl.count));
    if (secret_part.len > 0) {
        HSM_TRY(hsm_part_read(secret_part, NULL, attrs, &secret_count));
        HSM_TRY(put_all(draft, attrs, secret_count));
    }
    HSM_CHECK(hsm_rules_agree(draft) == HSM_OK, HSM_E_STORE_CORRUPT);
    *out_draft = HSM_MOVE(draft);
    return HSM_OK;
}

/* --- all objects ------------------------------------------------------------------------------ */

typedef struct walk {
    hsm_store *store;
    uint32_t slot;
    hsm_object_visit visit;
    void *arg;
} walk;

static hsm_err visit_record(void *arg, uint64_t id, const hsm_record_head *head, hsm_bytes record)
{
    const walk *at = arg;
    hsm_slot *own = &at->store->slots[at->slot];
    HSM_AUTO(hsm_half_drop) hsm_half *half = hsm_slot_half(own, head->is_private);
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    const hsm_object_ident ident = {
        .id = id,
        .version = head->version,
        .slot = at->slot,
        .token_serial = hsm_bytes_of(own->serial, HSM_SERIAL_BYTES),
    };

    if (half == NULL) /* private, and nobody is logged in */
        return HSM_OK;
    HSM_TRY(hsm_record_decode(half, record, &ident, &object));
    return at->visit(at->arg, object);
}

hsm_err hsm_store_each(hsm_store *store, uint32_t slot, hsm_object_visit visit, void *arg)
{
    walk at = { .store = store, .slot = slot, .visit = visit, .arg = arg };

    HSM_CHECK(slot < store->slot_count, HSM_E_SLOT);
    return store->storage.driver->each(store->storage.state, slot, visit_record, &at);
}
