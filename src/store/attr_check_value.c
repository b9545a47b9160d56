/* CKA_CHECK_VALUE of secret keys that do not carry theirs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "store/attr_internal.h"

bool hsm_object_owes(const hsm_object *object, CK_ATTRIBUTE_TYPE type)
{
    hsm_bytes carried;

    return type == CKA_CHECK_VALUE && object->kind == HSM_KIND_SECRET &&
           !hsm_object_get(object, CKA_CHECK_VALUE, &carried);
}

static hsm_err check_value_of(const hsm_object *object, const hsm_object_secrets *secrets,
                              uint8_t out[HSM_CHECK_VALUE_BYTES])
{
    const hsm_template opened = { secrets->attrs, secrets->attr_count };
    const hsm_attr *value = hsm_template_get(&opened, CKA_VALUE);

    HSM_CHECK(value != NULL, HSM_E_STORE_CORRUPT);
    return hsm_key_check_value(hsm_seal_crypto(object->seal), object->key_type, value->value, out);
}

hsm_err hsm_object_check_value(const hsm_object *object, hsm_bytes token_serial,
                               uint8_t out[HSM_CHECK_VALUE_BYTES])
{
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };

    HSM_TRY(hsm_object_open_secrets(object, token_serial, &secrets));
    return check_value_of(object, &secrets, out);
}

hsm_err hsm_draft_put_check_value(hsm_draft *draft, const hsm_object *object,
                                  const hsm_object_secrets *secrets)
{
    uint8_t bytes[HSM_CHECK_VALUE_BYTES];

    if (!hsm_object_owes(object, CKA_CHECK_VALUE))
        return HSM_OK;
    HSM_TRY(check_value_of(object, secrets, bytes));
    return hsm_draft_put(draft, CKA_CHECK_VALUE, hsm_bytes_of(bytes, sizeof bytes));
}

hsm_err hsm_object_match_check_value(const hsm_object *object, hsm_bytes token_serial,
                                     const hsm_template *tmpl, bool *out_matches)
{
    uint8_t bytes[HSM_CHECK_VALUE_BYTES];
    bool matches = true;

    HSM_TRY(hsm_object_check_value(object, token_serial, bytes));
    for (size_t i = 0; i < tmpl->count; i++) {
        if (tmpl->attrs[i].type == CKA_CHECK_VALUE)
            matches &= hsm_bytes_equal(tmpl->attrs[i].value, hsm_bytes_of(bytes, sizeof bytes));
    }
    *out_matches = matches;
    return HSM_OK;
}
