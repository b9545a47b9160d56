/* What the files about attributes and drafts share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_ATTR_INTERNAL_H
#define HSM_STORE_ATTR_INTERNAL_H

#include "base/codec.h"
#include "store/attr_layout.h"
#include "store/object.h"

#define HSM_OBJECT_SECRETS_MAX 16u

/* hsm_attr_check() with the limits of the row's objects. */
HSM_MUST_USE hsm_err hsm_attr_check_row(const hsm_attr_info *info, hsm_bytes value);
/* A NUMBER without its leading zeros. */
hsm_bytes hsm_attr_trim(hsm_bytes value);

/* --- Encoding (attr_codec.c) -------------------------------------------------------------------- */

/* u64 type, u32 length, value: CK_ULONG widened to u64, also in arrays. The same bytes on every
 * machine. */
void hsm_attr_write(hsm_writer *writer, const hsm_attr *attr, hsm_attr_kind kind);
/* Reads one. The value borrows from the input, or from `room` where its native form differs; room as
 * long as the input is always enough. room NULL only checks: such a value is left empty.
 * errors  HSM_E_ATTRIBUTE_TYPE (unknown), HSM_E_ATTRIBUTE_VALUE (cut off, not a native value) */
HSM_MUST_USE hsm_err hsm_attr_read(hsm_reader *reader, hsm_writer *room, hsm_attr *out_attr);

/* Checks the encoded form of a nested template: well formed, canonical, no template in it.
 * errors  HSM_E_ATTRIBUTE_TYPE, HSM_E_ATTRIBUTE_VALUE, HSM_E_TEMPLATE_INCONSISTENT */
HSM_MUST_USE hsm_err hsm_template_check_encoded(hsm_bytes encoded);

/* --- Drafts (draft.c) --------------------------------------------------------------------------- */

const hsm_layout *hsm_draft_layout(const hsm_draft *draft);
/* The places that have a value. */
hsm_place_set hsm_draft_present(const hsm_draft *draft);
/* Of those, the places whose value is CK_TRUE. */
hsm_place_set hsm_draft_truths(const hsm_draft *draft);
/* The value in a place, borrowed until the next put; empty if there is none. */
hsm_bytes hsm_draft_at(const hsm_draft *draft, unsigned place);
/* hsm_draft_put() of a value that hsm_attr_check_row() has passed. */
HSM_MUST_USE hsm_err hsm_draft_put_at(hsm_draft *draft, unsigned place, hsm_bytes value);
/* Gives places that have no value the defaults of the layout. */
void hsm_draft_put_defaults(hsm_draft *draft, hsm_place_set places);
/* All values that are not secret, in no order and with gaps between; and where those of the places that are
 * present lie: in these, secret ones in the secret memory. */
hsm_bytes hsm_draft_open(const hsm_draft *draft);
const hsm_extent *hsm_draft_extents(const hsm_draft *draft);
/* The secret attributes by ascending type, borrowed until the next put; how many. out_attrs has room for
 * all, which are HSM_OBJECT_SECRETS_MAX at most. */
size_t hsm_draft_secrets(const hsm_draft *draft, hsm_attr *out_attrs);
/* The memory they lie in (NULL if there is none), the caller's from now on; the draft loses them. */
hsm_secret *hsm_draft_take_secrets(hsm_draft *draft);

/* --- Rules that need more than a row (attr_rules.c) --------------------------------------------- */

/* The kind of object that two templates together ask for.
 * errors  HSM_E_TEMPLATE_INCOMPLETE, HSM_E_TEMPLATE_INCONSISTENT, HSM_E_ATTRIBUTE_VALUE */
HSM_MUST_USE hsm_err hsm_rules_kind(const hsm_template *tmpl, const hsm_template *implied,
                                    hsm_object_kind *out_kind);
/* Fills in the defaults of what is absent.
 * in      needed  places that must have a value already
 * errors  HSM_E_TEMPLATE_INCOMPLETE, HSM_E_ATTRIBUTE_VALUE (a key's part is empty) */
HSM_MUST_USE hsm_err hsm_rules_complete(hsm_draft *draft, hsm_origin origin, hsm_place_set needed);
/* Whether the attributes of a whole draft agree.
 * errors  HSM_E_TEMPLATE_INCOMPLETE, HSM_E_TEMPLATE_INCONSISTENT, HSM_E_ATTRIBUTE_VALUE */
HSM_MUST_USE hsm_err hsm_rules_agree(const hsm_draft *draft);
/* Restrictions on one change beyond the row's flags.
 * errors  HSM_E_ATTRIBUTE_READ_ONLY, HSM_E_ATTRIBUTE_VALUE, HSM_E_TEMPLATE_INCONSISTENT */
HSM_MUST_USE hsm_err hsm_rules_change(const hsm_draft *draft, const hsm_attr *change, bool is_so);

/* --- What core asks of an object all the time (attr_facts.c) ------------------------------------ */

/* Fills the fields of `object` that follow from its attributes and kind, which it already has. */
void hsm_facts_read(hsm_object *object);
/* The class a search asks for; CK_UNAVAILABLE_INFORMATION for any. */
CK_OBJECT_CLASS hsm_facts_class(const hsm_template *tmpl);

/* --- Check values (attr_check_value.c) ---------------------------------------------------------- */

/* Puts it in a draft of the object, if there is one. errors  of hsm_object_check_value() */
HSM_MUST_USE hsm_err hsm_draft_put_check_value(hsm_draft *draft, const hsm_object *object,
                                               const hsm_object_secrets *secrets);
/* Whether it is what every CKA_CHECK_VALUE of a search asks for. errors as above */
HSM_MUST_USE hsm_err hsm_object_match_check_value(const hsm_object *object, hsm_bytes token_serial,
                                                  const hsm_template *tmpl, bool *out_matches);

/* --- Objects (object.c) ------------------------------------------------------------------------- */

/* Where the values of an object lie, by place. */
static inline const hsm_extent *hsm_object_extents(const hsm_object *object)
{
    return (const hsm_extent *)(object + 1);
}
/* The value in a place that is present. */
static inline hsm_bytes hsm_object_at(const hsm_object *object, unsigned place)
{
    const hsm_extent *extents = hsm_object_extents(object);
    const uint8_t *values = (const uint8_t *)(extents + object->layout->count);

    return hsm_bytes_of(values + extents[place].at, extents[place].len);
}

/* An object with copies of the attributes (sorted, none secret, all of the layout), not yet sealed:
 * one block, one reference. errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_object_build(const hsm_object_ident *ident, const hsm_layout *layout,
                                      const hsm_template *attrs, hsm_seal *seal,
                                      hsm_object **out_object);

/* The two parts of an object as bytes (object_codec.c): u8 format (1), u16 count, the attributes by
 * ascending type. */
#define HSM_PART_FORMAT 1u
void hsm_part_write(hsm_writer *writer, const hsm_template *attrs);
/* Reads a part; strict, so that what is read is written again to the same bytes. out_attrs has
 * HSM_OBJECT_ATTRS_MAX places. errors  HSM_E_STORE_CORRUPT */
HSM_MUST_USE hsm_err hsm_part_read(hsm_bytes part, hsm_writer *room, hsm_attr *out_attrs,
                                   size_t *out_count);

#endif
