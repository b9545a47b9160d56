/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ct.h"
#include "store/attr_internal.h"

/* Whether a search asks for the object's value. A malformed value matches nothing: searching is not
 * creating (PKCS#11 v3.2, 5.7.9: "exactly matching"). */
static bool is_wanted(const hsm_attr_info *info, hsm_bytes wanted, hsm_bytes value)
{
    if (info->kind == HSM_ATTR_NUMBER)
        wanted = hsm_attr_trim(wanted);
    return hsm_ct_equal(wanted, value);
}

/* The not secret part of a search; counts the attributes it leaves: secret ones, and check values
 * that are still to be worked out. */
static bool matches_public(const hsm_object *object, const hsm_template *tmpl, size_t *out_secret,
                           size_t *out_owed)
{
    size_t secret = 0;
    size_t owed = 0;

    for (size_t i = 0; i < tmpl->count; i++) {
        const hsm_attr_info *info = hsm_attr_find(tmpl->attrs[i].type, object->kind);

        if (info == NULL)
            return false;
        if ((info->flags & HSM_ATTR_SECRET) != 0) {
            secret++;
            continue;
        }
        if (hsm_object_owes(object, info->type)) {
            owed++;
            continue;
        }
        hsm_bytes value;
        if (!hsm_object_get(object, info->type, &value) ||
            !is_wanted(info, tmpl->attrs[i].value, value))
            return false;
    }
    *out_secret = secret;
    *out_owed = owed;
    return true;
}

static bool matches_secret(const hsm_object *object, const hsm_object_secrets *secrets,
                           const hsm_template *tmpl)
{
    const hsm_template opened = { .attrs = secrets->attrs, .count = secrets->attr_count };

    for (size_t i = 0; i < tmpl->count; i++) {
        const hsm_attr_info *info = hsm_attr_find(tmpl->attrs[i].type, object->kind);

        if (info == NULL || (info->flags & HSM_ATTR_SECRET) == 0)
            continue;
        const hsm_attr *attr = hsm_template_get(&opened, info->type);
        if (attr == NULL || !is_wanted(info, tmpl->attrs[i].value, attr->value))
            return false;
    }
    return true;
}

hsm_err hsm_object_matches(const hsm_object *object, hsm_bytes token_serial,
                           const hsm_template *tmpl, bool *out_matches)
{
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    size_t secret = 0;
    size_t owed = 0;
    bool matches = matches_public(object, tmpl, &secret, &owed);

    if (matches && owed > 0)
        HSM_TRY(hsm_object_match_check_value(object, token_serial, tmpl, &matches));
    if (matches && secret > 0) {
        matches = false;
        if (!object->is_sensitive) { /* else the search would be an oracle */
            HSM_TRY(hsm_object_open_secrets(object, token_serial, &secrets));
            matches = matches_secret(object, &secrets, tmpl);
        }
    }

    *out_matches = matches;
    return HSM_OK;
}
