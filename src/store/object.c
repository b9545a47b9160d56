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

/* An object with room for its extents and values behind it, both to be filled: everything is in one block. */
static hsm_object *new_object(const hsm_object_ident *ident, const hsm_layout *layout,
                              size_t values_len)
{
    _Static_assert(sizeof(hsm_object) % _Alignof(hsm_extent) == 0, "the array follows the object");
    /* bounded: HSM_OBJECT_MAX_BYTES or the size of a record */
    hsm_object *object = malloc(sizeof *object + layout->count * sizeof(hsm_extent) + values_len);
    if (object == NULL)
        return NULL;
    *object = (hsm_object){
        .refs = 1,
        .is_live = true,
        .id = ident->id,
        .version = ident->version,
        .slot = ident->slot,
        .kind = layout->kind,
        .layout = layout,
    };
    return object;
}

static hsm_extent *extents_of(hsm_object *object)
{
    return (hsm_extent *)(object + 1);
}

static uint8_t *values_of(hsm_object *object)
{
    return (uint8_t *)(extents_of(object) + object->layout->count);
}

/* Puts a value at the end of those that are there. */
static void put_value(hsm_object *object, unsigned place, hsm_bytes value, size_t at)
{
    if (value.len > 0)
        memcpy(values_of(object) + at, value.data, value.len);
    extents_of(object)[place] = (hsm_extent){ .at = (uint32_t)at, .len = (uint32_t)value.len };
    object->present |= hsm_place_bit(place);
    if ((object->layout->bools & hsm_place_bit(place)) != 0 && value.data[0] != CK_FALSE)
        object->truths |= hsm_place_bit(place);
}

hsm_err hsm_object_build(const hsm_object_ident *ident, const hsm_layout *layout,
                         const hsm_template *attrs, hsm_seal *seal, hsm_object **out_object)
{
    size_t values_len = 0;
    unsigned place = 0;

    for (size_t i = 0; i < attrs->count; i++)
        values_len += attrs->attrs[i].value.len;
    hsm_object *object = new_object(ident, layout, values_len);
    HSM_CHECK(object != NULL, HSM_E_NO_MEMORY);
    size_t at = 0;
    for (size_t i = 0; i < attrs->count; i++, place++) {
        /* Both ascend, and all are of the layout. */
        while (hsm_layout_row(layout, place)->type != attrs->attrs[i].type)
            place++;
        put_value(object, place, attrs->attrs[i].value, at);
        at += attrs->attrs[i].value.len;
    }
    object->seal = hsm_seal_acquire(seal);
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

/* An object of what is not secret in a draft: its values as they lie, with what became of older ones
 * between them. */
static hsm_err without_secrets(const hsm_draft *draft, const hsm_object_ident *ident,
                               hsm_seal *seal, hsm_object **out_object)
{
    const hsm_layout *layout = hsm_draft_layout(draft);
    const hsm_place_set present = hsm_draft_present(draft);
    const hsm_bytes values = hsm_draft_open(draft);

    HSM_CHECK((layout->naming & ~present) == 0, HSM_E_TEMPLATE_INCOMPLETE);
    hsm_object *object = new_object(ident, layout, values.len);
    HSM_CHECK(object != NULL, HSM_E_NO_MEMORY);
    object->present = present & ~hsm_layout_with(layout, HSM_ATTR_SECRET);
    object->truths = hsm_draft_truths(draft);
    object->seal = hsm_seal_acquire(seal);
    memcpy(extents_of(object), hsm_draft_extents(draft), layout->count * sizeof(hsm_extent));
    memcpy(values_of(object), values.data, values.len);
    hsm_facts_read(object);

    *out_object = object;
    return HSM_OK;
}

hsm_err hsm_object_create(const hsm_draft *draft, const hsm_object_ident *ident, hsm_seal *seal,
                          hsm_object **out_object)
{
    HSM_UNINITIALIZED hsm_attr attrs[HSM_OBJECT_SECRETS_MAX]; /* hsm_draft_secrets() fills it */
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    HSM_TRY(without_secrets(draft, ident, seal, &object));
    const hsm_template secrets = { attrs, hsm_draft_secrets(draft, attrs) };
    if (secrets.count > 0)
        HSM_TRY(seal_secrets(object, ident, &secrets));

    *out_object = HSM_MOVE(object);
    return HSM_OK;
}

hsm_err hsm_object_take(hsm_draft *draft, const hsm_object_ident *ident, hsm_seal *seal,
                        hsm_object **out_object)
{
    const hsm_place_set present = hsm_draft_present(draft);
    hsm_object *object = NULL;

    HSM_TRY(without_secrets(draft, ident, seal, &object));
    object->opened = present & hsm_layout_with(object->layout, HSM_ATTR_SECRET);
    object->open = hsm_draft_take_secrets(draft);

    *out_object = object;
    return HSM_OK;
}

void hsm_object_release(hsm_object *object)
{
    if (object == NULL || atomic_fetch_sub_explicit(&object->refs, 1, memory_order_acq_rel) != 1)
        return;
    hsm_key_destroy(atomic_load_explicit(&object->key, memory_order_acquire));
    hsm_buf_clear(&object->sealed);
    hsm_secret_destroy(object->open);
    hsm_seal_release(object->seal);
    free(object);
}

hsm_err hsm_object_to_draft(const hsm_object *object, hsm_bytes token_serial, hsm_draft **out_draft)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };

    HSM_TRY(hsm_object_open_secrets(object, token_serial, &secrets));
    HSM_TRY(hsm_draft_create(object->kind, &draft));
    for (hsm_place_set rest = object->present; rest != 0; rest &= rest - 1) {
        const unsigned place = hsm_place_first(rest);

        HSM_TRY(hsm_draft_put_at(draft, place, hsm_object_at(object, place)));
    }
    for (size_t i = 0; i < secrets.attr_count; i++)
        HSM_TRY(hsm_draft_put(draft, secrets.attrs[i].type, secrets.attrs[i].value));
    HSM_TRY(hsm_draft_put_check_value(draft, object, &secrets));

    *out_draft = HSM_MOVE(draft);
    return HSM_OK;
}

/* --- attributes --------------------------------------------------------------------------------- */

bool hsm_object_get(const hsm_object *object, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value)
{
    const unsigned place = hsm_layout_find(object->layout, type);

    if (place == HSM_PLACE_NONE || (object->present & hsm_place_bit(place)) == 0)
        return false;
    *out_value = hsm_object_at(object, place);
    return true;
}

hsm_bytes hsm_object_value(const hsm_object *object, CK_ATTRIBUTE_TYPE type)
{
    hsm_bytes value;

    return hsm_object_get(object, type, &value) ? value : hsm_bytes_none();
}

bool hsm_object_bool(const hsm_object *object, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    const unsigned place = hsm_layout_find(object->layout, type);

    if (place == HSM_PLACE_NONE ||
        (object->present & object->layout->bools & hsm_place_bit(place)) == 0)
        return fallback;
    return (object->truths & hsm_place_bit(place)) != 0;
}

CK_ULONG hsm_object_ulong(const hsm_object *object, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback)
{
    const hsm_bytes bytes = hsm_object_value(object, type);
    CK_ULONG value;

    if (bytes.len != sizeof value)
        return fallback;
    memcpy(&value, bytes.data, sizeof value); /* values lie side by side */
    return value;
}

size_t hsm_object_attrs(const hsm_object *object, hsm_attr out_attrs[HSM_OBJECT_ATTRS_MAX])
{
    size_t count = 0;

    for (hsm_place_set rest = object->present; rest != 0; rest &= rest - 1) {
        const unsigned place = hsm_place_first(rest);

        out_attrs[count++] =
            (hsm_attr){ hsm_layout_row(object->layout, place)->type, hsm_object_at(object, place) };
    }
    return count;
}

size_t hsm_object_bytes(const hsm_object *object)
{
    size_t bytes = object->sealed.len;

    for (hsm_place_set rest = object->present | object->opened; rest != 0; rest &= rest - 1)
        bytes += hsm_object_extents(object)[hsm_place_first(rest)].len;
    return bytes;
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

/* A secret attribute that is not sealed. */
static hsm_attr open_at(const hsm_object *object, unsigned place)
{
    const hsm_extent extent = hsm_object_extents(object)[place];

    return (hsm_attr){ hsm_layout_row(object->layout, place)->type,
                       hsm_bytes_of(hsm_secret_view(object->open).data + extent.at, extent.len) };
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

    for (hsm_place_set rest = object->opened; rest != 0; rest &= rest - 1)
        secrets.attrs[secrets.attr_count++] = open_at(object, hsm_place_first(rest));
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
