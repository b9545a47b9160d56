/* SPDX-License-Identifier: Apache-2.0 */
#include "core/foreign.h"

#include <stdio.h>

#include "base/utf8.h"

bool hsm_foreign_is_refusal(hsm_err err)
{
    switch ((int)err) {
    case HSM_E_ATTRIBUTE_TYPE:
    case HSM_E_ATTRIBUTE_VALUE:
    case HSM_E_ATTRIBUTE_READ_ONLY:
    case HSM_E_TEMPLATE_INCOMPLETE:
    case HSM_E_TEMPLATE_INCONSISTENT:
    case HSM_E_KEY_TYPE:
    case HSM_E_KEY_SIZE:
    case HSM_E_CURVE:
    case HSM_E_DOMAIN_PARAMS:
    case HSM_E_PARAMETER_SET:
    case HSM_E_LIMIT:
        return true;
    default:
        return false;
    }
}

void hsm_foreign_tell(const hsm_migrate_watch *watch, const char *name, uint64_t type,
                      const char *what, const char *why)
{
    const hsm_attr_info *info = hsm_attr_any((CK_ATTRIBUTE_TYPE)type);
    char number[24];
    hsm_migrate_change change = { .name = name, .what = what, .why = why };

    if (watch == NULL)
        return;
    (void)snprintf(number, sizeof number, "0x%llx", (unsigned long long)type);
    change.attribute = info != NULL ? info->name : number;
    watch->change(watch->arg, &change);
}

hsm_err hsm_foreign_text(hsm_bytes *value, hsm_buf *room, bool *out_is_new)
{
    *out_is_new = !hsm_utf8_is_valid(*value);
    if (!*out_is_new)
        return HSM_OK;
    for (size_t i = 0; i < value->len;) {
        const hsm_bytes rest = hsm_bytes_of(value->data + i, value->len - i);
        const size_t len = hsm_utf8_char_len(rest);
        const uint8_t two[2] = { (uint8_t)(0xc0 | rest.data[0] >> 6),
                                 (uint8_t)(0x80 | (rest.data[0] & 0x3f)) };

        HSM_TRY(hsm_buf_append(room, len > 0 ? hsm_bytes_of(rest.data, len)
                                             : hsm_bytes_of(two, sizeof two)));
        i += len > 0 ? len : 1;
    }
    *value = hsm_buf_view(room);
    return HSM_OK;
}
