/* From templates to drafts, by the flags of the attribute table.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/ct.h"
#include "store/attr_internal.h"

/* What a flag of the table must not be, and must be, for a template of each origin. A derived key's
 * value comes from the mechanism, as a generated one's does. */
static const struct {
    unsigned forbidden;
    hsm_attr_flag needed; /* 0: nothing */
} origins[] = {
    [HSM_ORIGIN_CREATE] = { HSM_ATTR_NOT_CREATE, HSM_ATTR_MUST_CREATE },
    [HSM_ORIGIN_GENERATE] = { HSM_ATTR_NOT_GENERATE, HSM_ATTR_MUST_GENERATE },
    [HSM_ORIGIN_UNWRAP] = { HSM_ATTR_NOT_UNWRAP, HSM_ATTR_MUST_UNWRAP },
    [HSM_ORIGIN_DERIVE] = { HSM_ATTR_NOT_GENERATE | HSM_ATTR_COMPUTED, 0 },
    [HSM_ORIGIN_COPY] = { HSM_ATTR_COMPUTED, 0 },
    [HSM_ORIGIN_TOKEN] = { 0, 0 },
};

/* The place of an attribute, whose value has its form. A type the standard has, but not for this kind
 * of object, contradicts the class (4.1.1, 5). */
static hsm_err find_place(const hsm_draft *draft, const hsm_attr *attr, unsigned *out_place)
{
    const hsm_layout *layout = hsm_draft_layout(draft);
    const unsigned place = hsm_layout_find(layout, attr->type);

    if (place == HSM_PLACE_NONE)
        return hsm_attr_any(attr->type) == NULL ? HSM_E_ATTRIBUTE_TYPE
                                                : HSM_E_TEMPLATE_INCONSISTENT;
    HSM_TRY(hsm_attr_check_row(hsm_layout_row(layout, place), attr->value));
    *out_place = place;
    return HSM_OK;
}

static bool is_true(const hsm_attr *attr)
{
    return attr->value.len == sizeof(CK_BBOOL) && attr->value.data[0] != CK_FALSE;
}

/* Compares in constant time: the attribute may be a secret one. */
static bool is_same(const hsm_attr_info *info, hsm_bytes a, hsm_bytes b)
{
    if (info->kind == HSM_ATTR_NUMBER)
        return hsm_ct_equal(hsm_attr_trim(a), hsm_attr_trim(b));
    return hsm_ct_equal(a, b);
}

/* 4.1.1, 6: the same value twice is as good as once. */
static hsm_err repeats(const hsm_draft *draft, unsigned place, const hsm_attr *attr)
{
    const hsm_attr_info *info = hsm_layout_row(hsm_draft_layout(draft), place);

    HSM_CHECK(is_same(info, attr->value, hsm_draft_at(draft, place)), HSM_E_TEMPLATE_INCONSISTENT);
    return HSM_OK;
}

/* --- creation ----------------------------------------------------------------------------------- */

static hsm_err put_implied(hsm_draft *draft, const hsm_template *implied)
{
    for (size_t i = 0; i < implied->count; i++) {
        unsigned place = 0;

        HSM_TRY(find_place(draft, &implied->attrs[i], &place));
        HSM_TRY(hsm_draft_put_at(draft, place, implied->attrs[i].value));
    }
    return HSM_OK;
}

/* What a template is applied to. */
typedef struct application {
    hsm_origin origin;
    bool is_so;
    hsm_place_set implied; /* what the mechanism gives */
    hsm_place_set given;   /* what the template gave so far */
} application;

static hsm_err put_given(hsm_draft *draft, application *to, const hsm_attr *attr)
{
    unsigned place = 0;

    HSM_TRY(find_place(draft, attr, &place));
    if ((to->given & hsm_place_bit(place)) != 0)
        return repeats(draft, place, attr);
    const hsm_attr_info *info = hsm_layout_row(hsm_draft_layout(draft), place);
    to->given |= hsm_place_bit(place);
    HSM_CHECK((info->flags & origins[to->origin].forbidden) == 0, HSM_E_ATTRIBUTE_READ_ONLY);
    if ((info->flags & HSM_ATTR_SO_ONLY_TRUE) != 0 && is_true(attr))
        HSM_CHECK(to->is_so, HSM_E_ATTRIBUTE_READ_ONLY);
    if ((to->implied & hsm_place_bit(place)) != 0) {
        HSM_CHECK(is_same(info, attr->value, hsm_draft_at(draft, place)),
                  HSM_E_TEMPLATE_INCONSISTENT);
        return HSM_OK;
    }
    return hsm_draft_put_at(draft, place, attr->value);
}

static hsm_place_set needed_places(const hsm_draft *draft, hsm_origin origin)
{
    const hsm_attr_flag needed = origins[origin].needed;

    return needed == 0 ? 0 : hsm_layout_with(hsm_draft_layout(draft), needed);
}

hsm_err hsm_draft_from_template(hsm_origin origin, const hsm_template *tmpl,
                                const hsm_template *implied, bool is_so, hsm_draft **out_draft)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    application to = { .origin = origin, .is_so = is_so };
    hsm_object_kind kind = 0;

    HSM_CHECK(tmpl->count <= HSM_TEMPLATE_MAX_ATTRS, HSM_E_ARG);
    HSM_TRY(hsm_rules_kind(tmpl, implied, &kind));
    /* 4.1.1: objects that are built in are not for callers to make. */
    if (origin != HSM_ORIGIN_TOKEN)
        HSM_CHECK(kind != HSM_KIND_PROFILE && kind != HSM_KIND_MECHANISM &&
                      kind != HSM_KIND_VALIDATION,
                  HSM_E_ATTRIBUTE_VALUE);

    HSM_TRY(hsm_draft_create(kind, &draft));
    HSM_TRY(put_implied(draft, implied));
    to.implied = hsm_draft_present(draft);
    for (size_t i = 0; i < tmpl->count; i++)
        HSM_TRY(put_given(draft, &to, &tmpl->attrs[i]));
    HSM_TRY(hsm_rules_complete(draft, origin, needed_places(draft, origin)));
    HSM_TRY(hsm_rules_agree(draft));

    *out_draft = HSM_MOVE(draft);
    return HSM_OK;
}

/* --- change ------------------------------------------------------------------------------------- */

/* Whether the flags allow the change. old: the present value, NULL if there is none. */
static bool may_change(const hsm_attr_info *info, const hsm_attr *change, bool has_old,
                       bool is_copy, bool is_so)
{
    if ((info->flags & HSM_ATTR_STICKY_TRUE) != 0)
        return !has_old || is_true(change); /* a value that stays is settled before */
    if ((info->flags & HSM_ATTR_STICKY_FALSE) != 0)
        return !has_old || !is_true(change);
    if ((info->flags & HSM_ATTR_SO_ONLY_TRUE) != 0)
        return is_so;
    return (info->flags & HSM_ATTR_MODIFIABLE) != 0 ||
           (is_copy && (info->flags & HSM_ATTR_COPY_CHANGE) != 0);
}

static hsm_err apply_change(hsm_draft *draft, unsigned place, const hsm_attr *change, bool is_copy,
                            bool is_so)
{
    const hsm_attr_info *info = hsm_layout_row(hsm_draft_layout(draft), place);
    const bool has_old = (hsm_draft_present(draft) & hsm_place_bit(place)) != 0;
    const bool stays = has_old && is_same(info, hsm_draft_at(draft, place), change->value);
    const bool is_sticky = (info->flags & (HSM_ATTR_STICKY_TRUE | HSM_ATTR_STICKY_FALSE)) != 0;

    /* A copy may name what it keeps; a change may repeat what can only change one way. */
    if (stays && (is_copy || is_sticky) && (info->flags & HSM_ATTR_COMPUTED) == 0)
        return HSM_OK;
    HSM_CHECK(may_change(info, change, has_old, is_copy, is_so), HSM_E_ATTRIBUTE_READ_ONLY);
    HSM_TRY(hsm_rules_change(draft, change, is_so));
    return hsm_draft_put_at(draft, place, change->value);
}

hsm_err hsm_draft_change(hsm_draft *draft, hsm_origin origin, const hsm_template *changes,
                         bool is_so)
{
    hsm_place_set given = 0;

    HSM_CHECK(changes->count <= HSM_TEMPLATE_MAX_ATTRS, HSM_E_ARG);
    for (size_t i = 0; i < changes->count; i++) {
        unsigned place = 0;

        HSM_TRY(find_place(draft, &changes->attrs[i], &place));
        if ((given & hsm_place_bit(place)) != 0) {
            HSM_TRY(repeats(draft, place, &changes->attrs[i]));
            continue;
        }
        given |= hsm_place_bit(place);
        HSM_TRY(apply_change(draft, place, &changes->attrs[i], origin == HSM_ORIGIN_COPY, is_so));
    }
    /* 4.1.2: a change is never incomplete; what it asks for can't be without something else. */
    const hsm_err err = hsm_rules_agree(draft);
    return err == HSM_E_TEMPLATE_INCOMPLETE ? HSM_E_TEMPLATE_INCONSISTENT : err;
}
