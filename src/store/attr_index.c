/* SPDX-License-Identifier: Apache-2.0 */
#include "store/attr_index.h"

#define UNIQUE_ID_CHARS 16u

const CK_ATTRIBUTE_TYPE hsm_attr_index_fine[HSM_TAGS_FINE_MAX] = {
    CKA_ID, CKA_LABEL, CKA_SUBJECT, CKA_SERIAL_NUMBER, CKA_ISSUER,
};
const CK_ATTRIBUTE_TYPE hsm_attr_index_coarse[HSM_TAGS_COARSE] = { CKA_CLASS, CKA_KEY_TYPE };

/* The value of a digit, or 16. */
static unsigned digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0';
    return c >= 'a' && c <= 'f' ? c - (unsigned)'a' + 10 : 16;
}

static bool parse_unique_id(hsm_bytes text, uint64_t *out_id)
{
    uint64_t id = 0;

    if (text.len != UNIQUE_ID_CHARS)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned value = digit_value(text.data[i]);
        if (value > 15)
            return false;
        id = id << 4 | value;
    }
    *out_id = id;
    return id >= 1 && id <= HSM_STORE_ID_MAX;
}

hsm_search_scope hsm_template_scope(const hsm_template *tmpl)
{
    hsm_search_scope scope = { .may_public = true, .may_private = true };
    const hsm_attr *unique_id = hsm_template_get(tmpl, CKA_UNIQUE_ID);

    if (hsm_template_get(tmpl, CKA_PRIVATE) != NULL) {
        scope.may_private = hsm_template_bool(tmpl, CKA_PRIVATE, false);
        scope.may_public = !scope.may_private;
    }
    if (unique_id != NULL) {
        scope.has_id = true;
        scope.is_hopeless = !parse_unique_id(unique_id->value, &scope.id);
    }
    if (!hsm_template_bool(tmpl, CKA_TOKEN, true))
        scope.is_hopeless = true;
    return scope;
}

hsm_err hsm_draft_put_store_id(hsm_draft *draft, uint64_t id)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t text[UNIQUE_ID_CHARS];

    for (size_t i = 0; i < UNIQUE_ID_CHARS; i++)
        text[i] = (uint8_t)digits[id >> (60 - 4 * i) & 15];
    return hsm_draft_put_unique_id(draft, hsm_bytes_of(text, sizeof text));
}

bool hsm_draft_is_private(const hsm_draft *draft)
{
    return hsm_draft_bool(draft, CKA_PRIVATE, false);
}
