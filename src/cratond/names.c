/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/names.h"

#include <stdlib.h>

void peer_names_clear(peer_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    names->count = 0;
}

hsm_err peer_names_add(peer_names *names, const char *kind, hsm_bytes text)
{
    const size_t kind_len = strlen(kind);

    HSM_CHECK(names->count < PEER_NAMES_MAX, HSM_E_LIMIT);
    HSM_CHECK(text.len < PEER_NAME_MAX_BYTES - kind_len, HSM_E_LIMIT);
    for (size_t i = 0; i < text.len; i++)
        HSM_CHECK(text.data[i] >= 0x20 && text.data[i] != 0x7f, HSM_E_DATA);
    char *name = calloc(1, kind_len + text.len + 1);
    HSM_CHECK(name != NULL, HSM_E_NO_MEMORY);
    memcpy(name, kind, kind_len);
    if (text.len > 0)
        memcpy(name + kind_len, text.data, text.len);
    names->names[names->count++] = name;
    return HSM_OK;
}

/* Only the last asterisk met has to be gone back to, so the work is bounded by the product of the
 * lengths. */
bool name_matches(const char *pattern, hsm_bytes text)
{
    const char *after_star = NULL;
    size_t star_at = 0;
    size_t at = 0;

    while (at < text.len) {
        if (*pattern == '*') {
            after_star = ++pattern;
            star_at = at;
        } else if (*pattern != '\0' && (uint8_t)*pattern == text.data[at]) {
            pattern++;
            at++;
        } else if (after_star != NULL) {
            pattern = after_star;
            at = ++star_at;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
