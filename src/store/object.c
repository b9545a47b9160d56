/* SPDX-License-Identifier: Apache-2.0 */
#include "store/object.h"

#include <stdlib.h>

#include "store/attr_internal.h"

#define SERIAL_BYTES 16u

void hsm_object_aad(const hsm_object_ident *ident, const char part[5],
                    uint8_t out[HSM_OBJECT_AAD_BYTES])
{
    hsm_writer writer = hsm_writer_of(out, HSM_OBJECT_AAD_BYTES);
    uint8_t serial[SERIAL_BYTES] = { 0 };
    const size_t len = ident->token_serial.len;

    if (len > 0)
        memcpy(serial, ident->token_serial.data, len < SERIAL_BYTES ? len : SERIAL_BYTES);
    hsm_write_raw(&writer, hsm_bytes_of(serial, sizeof serial));
    hsm_write_u32(&writer, ident->slot);
    hsm_write_u64(&writer, ident->id);
    hsm_write_u64(&writer, ident->version);
    hsm_write_raw(&writer, hsm_bytes_of(part, 4));
}

/* --- life --------------------------------------------------------------------------------------- */

/* Copies the values behind the array: everything is in one block. */
static void fill_block(hsm_object *object, hsm_attr *attrs, const hsm_template *from)
{
    uint8_t *at = (uint8_t *)(attrs + from->count);
    unsigned place = 0;

    for (size_t i = 0; i < from->count; i++, place++) {
        const hsm_bytes value = from->attrs[i].value;

        attrs[i] = (hsm_attr){ .type = from->attrs[i].type, .value = hsm_bytes_of(at, value.len) };
        if (value.len > 0)
            memcpy(at, value.data, value.len);
        at += value.len;
        while (hsm_layout_row(object->layout, place)->type != attrs[i].type)
            place++; /* both ascend */
        object->present |= hsm_place_bit(place);
    }
    object->attrs = attrs;
    object->attr_count = from->count;
}

hsm_err hsm_object_build(const hsm_object_ident *ident, const hsm_layout *layout,
                         const hsm_template *attrs, hsm_seal *seal, hsm_object **out_object)
{
    size_t len = sizeof(hsm_object) + attrs->count * sizeof(hsm_attr);

    _Static_assert(sizeof(hsm_object) % _Alignof(hsm_attr) == 0, "the array follows the object");
    for (size_t i = 0; i < attrs->count; i++)
        len +=
            attrs->attrs[i].value.len; /* bounded: HSM_OBJECT_MAX_BYTES or the size of a record */

    hsm_object *object = malloc(len);
    HSM_CHECK(object != NULL, HSM_E_NO_MEMORY);
    *object = (hsm_object){
        .refs = 1,
        .is_live = true,
        .id = ident->id,
        .version = ident->version,
        .slot = ident->slot,
        .kind = layout->kind,
        .layout = layout,
        .seal = hsm_seal_acquire(seal),
    };
    fill_block(object, (hsm_attr *)(object + 1), attrs);
    hsm_facts_read(object);

    *out_object = object;
    return HSM_OK;
}

/* Encodes secret attributes and seals them. */
static hsm_err seal_secrets(hsm_object *object, const hsm_object_ident *ident,
                            const hsm_template *secrets)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;
    uint8_t aad[HSM_OBJECT_AAD_BYTES];
    hsm_writer counter = hsm_writer_of(NULL, 0);

    hsm_part_write(&counter, secrets);
    HSM_TRY(hsm_secret_create(counter.len, &plain));
    hsm_writer writer = hsm_writer_of(hsm_secret_data(plain), counter.len);
    hsm_part_write(&writer, secrets);
    HSM_TRY(hsm_writer_end(&writer));
    hsm_object_aad(ident, HSM_OBJECT_PART_SECRET, aad);
    HSM_TRY(hsm_buf_reserve(&object->sealed, counter.len + HSM_SEAL_OVERHEAD_BYTES));
    return hsm_seal_close(object->seal, hsm_bytes_of(aad, sizeof aad), hsm_secret_view(plain),
                          &object->sealed);
}

hsm_err hsm_object_create(const hsm_draft *draft, const hsm_object_ident *ident, hsm_seal *seal,
                          hsm_object **out_object)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_UNINITIALIZED hsm_draft_lists lists; /* filled by hsm_draft_list() */

    HSM_CHECK((hsm_draft_layout(draft)->naming & ~hsm_draft_present(draft)) == 0,
              HSM_E_TEMPLATE_INCOMPLETE);
    hsm_draft_list(draft, &lists);
    const hsm_template open = { .attrs = lists.open, .count = lists.open_count };
    const hsm_template secret = { .attrs = lists.secret, .count = lists.secret_count };
    HSM_TRY(hsm_object_build(ident, hsm_draft_layout(draft), &open, seal, &object));
    if (secret.count > 0)
        HSM_TRY(seal_secrets(object, ident, &secret));

    *out_object = HSM_MOVE(object);
    return HSM_OK;
}

void hsm_object_release(hsm_object *object)
{
    if (object == NULL || atomic_fetch_sub_explicit(&object->refs, 1, memory_order_acq_rel) != 1)
        return;
    hsm_key_destroy(atomic_load_explicit(&object->key, memory_order_acquire));
    hsm_buf_clear(&object->sealed);
    hsm_seal_release(object->seal);
    free(object);
}

hsm_err hsm_object_to_draft(const hsm_object *object, hsm_bytes token_serial, hsm_draft **out_draft)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };

    HSM_TRY(hsm_object_open_secrets(object, token_serial, &secrets));
    HSM_TRY(hsm_draft_create(object->kind, &draft));
    for (size_t i = 0; i < object->attr_count; i++)
        HSM_TRY(hsm_draft_put(draft, object->attrs[i].type, object->attrs[i].value));
    for (size_t i = 0; i < secrets.attr_count; i++)
        HSM_TRY(hsm_draft_put(draft, secrets.attrs[i].type, secrets.attrs[i].value));

    *out_draft = HSM_MOVE(draft);
    return HSM_OK;
}

/* --- attributes --------------------------------------------------------------------------------- */

const hsm_attr *hsm_object_attr(const hsm_object *object, CK_ATTRIBUTE_TYPE type)
{
    const unsigned place = hsm_layout_find(object->layout, type);

    if (place == HSM_PLACE_NONE || (object->present & hsm_place_bit(place)) == 0)
        return NULL;
    return &object->attrs[hsm_place_count(object->present & (hsm_place_bit(place) - 1))];
}

bool hsm_object_bool(const hsm_object *object, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    const hsm_attr *attr = hsm_object_attr(object, type);
    const hsm_template one = { .attrs = attr, .count = attr == NULL ? 0 : 1 };

    return hsm_template_bool(&one, type, fallback);
}

CK_ULONG hsm_object_ulong(const hsm_object *object, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback)
{
    const hsm_attr *attr = hsm_object_attr(object, type);
    const hsm_template one = { .attrs = attr, .count = attr == NULL ? 0 : 1 };

    return hsm_template_ulong(&one, type, fallback);
}

/* --- secret attributes -------------------------------------------------------------------------- */

/* Reads an opened secret part; no native form differs, since all are bytes. */
static hsm_err read_secrets(const hsm_object *object, hsm_object_secrets *secrets)
{
    hsm_attr attrs[HSM_OBJECT_ATTRS_MAX];

    HSM_TRY(hsm_part_read(hsm_secret_view(secrets->plain), NULL, attrs, &secrets->attr_count));
    HSM_CHECK(secrets->attr_count <= HSM_ARRAY_LEN(secrets->attrs), HSM_E_STORE_CORRUPT);
    for (size_t i = 0; i < secrets->attr_count; i++) {
        const hsm_attr_info *info = hsm_attr_find(attrs[i].type, object->kind);

        HSM_CHECK(info != NULL && (info->flags & HSM_ATTR_SECRET) != 0, HSM_E_STORE_CORRUPT);
        secrets->attrs[i] = attrs[i];
    }
    return HSM_OK;
}

hsm_err hsm_object_open_secrets(const hsm_object *object, hsm_bytes token_serial,
                                hsm_object_secrets *out_secrets)
{
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    const hsm_object_ident ident = { .id = object->id,
                                     .version = object->version,
                                     .slot = object->slot,
                                     .token_serial = token_serial };
    uint8_t aad[HSM_OBJECT_AAD_BYTES];

    if (object->sealed.len > 0) {
        hsm_object_aad(&ident, HSM_OBJECT_PART_SECRET, aad);
        HSM_TRY(hsm_seal_open(object->seal, hsm_bytes_of(aad, sizeof aad),
                              hsm_buf_view(&object->sealed), &secrets.plain));
        HSM_TRY(read_secrets(object, &secrets));
    }

    *out_secrets = secrets;
    secrets = (hsm_object_secrets){ 0 };
    return HSM_OK;
}

void hsm_object_secrets_clear(hsm_object_secrets *secrets)
{
    hsm_secret_destroy(secrets->plain);
    *secrets = (hsm_object_secrets){ 0 };
}
