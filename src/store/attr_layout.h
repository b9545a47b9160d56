/* What the attribute table says of one kind of object: its rows, which have which flag, the defaults.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_ATTR_LAYOUT_H
#define HSM_STORE_ATTR_LAYOUT_H

#include "base/op.h"
#include "store/attr.h"

#define HSM_LAYOUT_STEPS 128u
/* More than the booleans and numbers of any kind take. */
#define HSM_LAYOUT_FIRST_MAX_BYTES 256u

/* The attributes of a kind have places, 0 to 63, by ascending type: a set of them is one number. */
typedef uint64_t hsm_place_set;
#define HSM_PLACE_NONE UINT32_MAX

static inline hsm_place_set hsm_place_bit(unsigned place)
{
    return (hsm_place_set)1 << place;
}

/* The lowest place of a set that is not empty. */
static inline unsigned hsm_place_first(hsm_place_set set)
{
    return (unsigned)__builtin_ctzll(set);
}

static inline unsigned hsm_place_count(hsm_place_set set)
{
    return (unsigned)__builtin_popcountll(set);
}

/* Where a value lies among others. */
typedef struct hsm_extent {
    uint32_t at;
    uint32_t len;
} hsm_extent;

/* Attributes that core asks for all the time (attr_facts.c). */
typedef enum hsm_fact {
    HSM_FACT_CLASS,
    HSM_FACT_KEY_TYPE,
    HSM_FACT_TOKEN,
    HSM_FACT_PRIVATE,
    HSM_FACT_SENSITIVE,
    HSM_FACT_EXTRACTABLE,
    HSM_FACT_ALWAYS_AUTHENTICATE,
    HSM_FACT_ALLOWED_MECHANISMS,
    HSM_FACT_START_DATE,
    HSM_FACT_END_DATE,
    HSM_FACT_KEY_STATE,
    HSM_FACT_COUNT
} hsm_fact;

typedef struct hsm_layout {
    hsm_object_kind kind;
    unsigned count;
    uint8_t rows[HSM_OBJECT_ATTRS_MAX]; /* which row of the table a place is */
    uint8_t steps[HSM_LAYOUT_STEPS];    /* place + 1 by type, an open hash table; 0: nothing */
    hsm_place_set with[32];             /* by the number of the flag's bit */
    hsm_place_set naming;               /* what says that an object is of this kind */
    hsm_place_set granted;              /* whose default is CK_TRUE */
    hsm_place_set bools;
    hsm_place_set usages;                     /* CKA_SIGN and the like, */
    hsm_op_set allowed[HSM_OBJECT_ATTRS_MAX]; /* and what each allows */
    hsm_place_set facts[HSM_FACT_COUNT];      /* the place of each, if the kind has it */
    /* What the values of a new draft begin with: room for each boolean and CK_ULONG, because these have
     * one length, with the default in it where there is one. Other values have no room yet. */
    hsm_extent first_extents[HSM_OBJECT_ATTRS_MAX];
    uint8_t first_bytes[HSM_LAYOUT_FIRST_MAX_BYTES];
    uint32_t first_len;
} hsm_layout;

/* in      kind  one kind */
const hsm_layout *hsm_layout_of(hsm_object_kind kind);
/* The place of a type, or HSM_PLACE_NONE. */
unsigned hsm_layout_find(const hsm_layout *layout, CK_ATTRIBUTE_TYPE type);

/* The places whose rows have a flag. */
static inline hsm_place_set hsm_layout_with(const hsm_layout *layout, hsm_attr_flag flag)
{
    return layout->with[__builtin_ctz(flag)];
}

/* The table, as hsm_attr_table() gives it. */
extern const hsm_attr_info hsm_attr_rows[];
extern const size_t hsm_attr_row_count;

static inline const hsm_attr_info *hsm_layout_row(const hsm_layout *layout, unsigned place)
{
    return &hsm_attr_rows[layout->rows[place]];
}

#endif
