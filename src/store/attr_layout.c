/* Worked out once in a process, because everything that makes, reads or searches objects asks these
 * questions dozens of times each.
 * SPDX-License-Identifier: Apache-2.0 */
#include "store/attr_layout.h"

#include <pthread.h>

#define KIND_COUNT 17u /* hsm_object_kind */

/* Usage attributes and the operations they allow. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    hsm_op_set ops;
} usages[] = {
    { CKA_ENCRYPT, HSM_OP_ENCRYPT | HSM_OP_MESSAGE_ENCRYPT },
    { CKA_DECRYPT, HSM_OP_DECRYPT | HSM_OP_MESSAGE_DECRYPT },
    { CKA_WRAP, HSM_OP_WRAP },
    { CKA_UNWRAP, HSM_OP_UNWRAP },
    { CKA_SIGN, HSM_OP_SIGN | HSM_OP_MESSAGE_SIGN },
    { CKA_SIGN_RECOVER, HSM_OP_SIGN_RECOVER },
    { CKA_VERIFY, HSM_OP_VERIFY | HSM_OP_MESSAGE_VERIFY },
    { CKA_VERIFY_RECOVER, HSM_OP_VERIFY_RECOVER },
    { CKA_DERIVE, HSM_OP_DERIVE },
    { CKA_ENCAPSULATE, HSM_OP_ENCAPSULATE },
    { CKA_DECAPSULATE, HSM_OP_DECAPSULATE },
};

static const CK_ATTRIBUTE_TYPE facts[HSM_FACT_COUNT] = {
    [HSM_FACT_CLASS] = CKA_CLASS,
    [HSM_FACT_KEY_TYPE] = CKA_KEY_TYPE,
    [HSM_FACT_TOKEN] = CKA_TOKEN,
    [HSM_FACT_PRIVATE] = CKA_PRIVATE,
    [HSM_FACT_SENSITIVE] = CKA_SENSITIVE,
    [HSM_FACT_EXTRACTABLE] = CKA_EXTRACTABLE,
    [HSM_FACT_ALWAYS_AUTHENTICATE] = CKA_ALWAYS_AUTHENTICATE,
    [HSM_FACT_ALLOWED_MECHANISMS] = CKA_ALLOWED_MECHANISMS,
    [HSM_FACT_START_DATE] = CKA_START_DATE,
    [HSM_FACT_END_DATE] = CKA_END_DATE,
    [HSM_FACT_KEY_STATE] = CKA_CRATON_KEY_STATE,
};

#define ANY_STEPS 512u /* several times the types there are */

static hsm_layout layouts[KIND_COUNT];
/* The first row of each type + 1 by type, as hsm_layout.steps. */
static uint8_t any_steps[ANY_STEPS];
static pthread_once_t layouts_made = PTHREAD_ONCE_INIT;

/* Types differ in their low bits, and those of another range in the high ones. */
static uint32_t mixed(CK_ATTRIBUTE_TYPE type)
{
    return ((uint32_t)type * UINT32_C(0x9E3779B1)) >> 23;
}

static size_t first_step(CK_ATTRIBUTE_TYPE type)
{
    return (size_t)mixed(type) / (ANY_STEPS / HSM_LAYOUT_STEPS);
}

static void enter(hsm_layout *layout, unsigned place)
{
    size_t step = first_step(hsm_attr_rows[layout->rows[place]].type);

    while (layout->steps[step] != 0)
        step = (step + 1) % HSM_LAYOUT_STEPS;
    layout->steps[step] = (uint8_t)(place + 1);
}

/* Gives a value of one length its room. Rows without a default have zeros in it. */
static void add_first(hsm_layout *layout, unsigned place)
{
    const hsm_attr_info *row = hsm_layout_row(layout, place);
    const CK_BBOOL flag = row->default_value == CK_TRUE ? CK_TRUE : CK_FALSE;
    hsm_bytes value = hsm_bytes_none();

    if (row->kind == HSM_ATTR_ULONG)
        value = hsm_bytes_of(&row->default_value, sizeof row->default_value);
    else if (row->kind == HSM_ATTR_BOOL)
        value = hsm_bytes_of(&flag, sizeof flag);
    layout->first_extents[place] =
        (hsm_extent){ .at = layout->first_len, .len = (uint32_t)value.len };
    if (value.len > 0)
        memcpy(layout->first_bytes + layout->first_len, value.data, value.len);
    layout->first_len += (uint32_t)value.len;
}

static bool is_naming(CK_ATTRIBUTE_TYPE type)
{
    return type == CKA_CLASS || type == CKA_KEY_TYPE || type == CKA_CERTIFICATE_TYPE;
}

static void mark(hsm_layout *layout, unsigned place)
{
    const hsm_attr_info *row = hsm_layout_row(layout, place);

    if (is_naming(row->type))
        layout->naming |= hsm_place_bit(place);
    if (row->kind == HSM_ATTR_BOOL)
        layout->bools |= hsm_place_bit(place);
    if (row->kind == HSM_ATTR_BOOL && row->default_value == CK_TRUE)
        layout->granted |= hsm_place_bit(place);
    for (size_t i = 0; i < HSM_ARRAY_LEN(usages); i++) {
        if (usages[i].type == row->type) {
            layout->usages |= hsm_place_bit(place);
            layout->allowed[place] = usages[i].ops;
        }
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(facts); i++) {
        if (facts[i] == row->type)
            layout->facts[i] = hsm_place_bit(place);
    }
}

static void add_row(hsm_layout *layout, size_t row)
{
    const unsigned place = layout->count++;

    layout->rows[place] = (uint8_t)row;
    enter(layout, place);
    for (unsigned rest = hsm_attr_rows[row].flags; rest != 0; rest &= rest - 1)
        layout->with[__builtin_ctz(rest)] |= hsm_place_bit(place);
    mark(layout, place);
    add_first(layout, place);
}

/* Rows ascend by type. */
static void enter_any(size_t row)
{
    size_t step = mixed(hsm_attr_rows[row].type);

    if (row > 0 && hsm_attr_rows[row].type == hsm_attr_rows[row - 1].type)
        return;
    while (any_steps[step] != 0)
        step = (step + 1) % ANY_STEPS;
    any_steps[step] = (uint8_t)(row + 1);
}

static void make_layouts(void)
{
    for (size_t row = 0; row < hsm_attr_row_count; row++)
        enter_any(row);
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        layouts[i].kind = (hsm_object_kind)(1u << i);
        for (size_t row = 0; row < hsm_attr_row_count; row++) {
            if ((hsm_attr_rows[row].kinds & layouts[i].kind) != 0)
                add_row(&layouts[i], row);
        }
    }
}

const hsm_attr_info *hsm_attr_any(CK_ATTRIBUTE_TYPE type)
{
    (void)pthread_once(&layouts_made, make_layouts);
    for (size_t step = mixed(type); any_steps[step] != 0; step = (step + 1) % ANY_STEPS) {
        const hsm_attr_info *row = &hsm_attr_rows[any_steps[step] - 1];

        if (row->type == type)
            return row;
    }
    return NULL;
}

const hsm_layout *hsm_layout_of(hsm_object_kind kind)
{
    (void)pthread_once(&layouts_made, make_layouts);
    return &layouts[__builtin_ctz(kind)];
}

unsigned hsm_layout_find(const hsm_layout *layout, CK_ATTRIBUTE_TYPE type)
{
    for (size_t step = first_step(type);; step = (step + 1) % HSM_LAYOUT_STEPS) {
        const unsigned place = (unsigned)layout->steps[step] - 1; /* none: HSM_PLACE_NONE */

        if (place == HSM_PLACE_NONE || hsm_attr_rows[layout->rows[place]].type == type)
            return place;
    }
}
