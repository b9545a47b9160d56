/* Checks of single values.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "config/internal.h"
#include "config/key_uri.h"
#include "os/file.h"

#define DISTANCE_MAX_CHARS 64u

const char *config_check_serial(char **text)
{
    for (const char *at = *text; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e)
            return "must be printable ASCII";
    }
    return NULL;
}

const char *config_check_backend(char **text)
{
    static const struct {
        const char *name;
        const char *means;
    } names[] = {
        { "openssl", "openssl" },
        { "openssl-fips", "openssl-fips" },
        { "rustcrypto", "openssl" },
        { "awslc", "openssl-fips" },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        if (strcmp(*text, names[i].name) != 0)
            continue;
        if (strcmp(names[i].name, names[i].means) == 0)
            return NULL;
        char *current = hsm_text_dup(names[i].means);
        if (current == NULL)
            return "out of memory";
        hsm_log(HSM_LOG_WARNING, "algorithms.crypto_backend: \"%s\" is an old name of \"%s\"",
                names[i].name, names[i].means);
        free(*text);
        *text = current;
        return NULL;
    }
    return "must be \"openssl\" or \"openssl-fips\"";
}

const char *config_check_bind(char **text)
{
    const char *colon = strrchr(*text, ':');
    const size_t digits = colon == NULL ? 0 : strlen(colon + 1);

    if (digits == 0 || digits > 5 || colon == *text || strspn(colon + 1, "0123456789") != digits ||
        strtoul(colon + 1, NULL, 10) > 65535)
        return "must be an address, a colon and a port of 0 to 65535";
    return NULL;
}

const char *config_check_metrics(char **text)
{
    if (strncmp(*text, "unix:/", 6) == 0)
        return strlen(*text) <= 5 + 107 ? NULL : "must be a path of at most 107 bytes";
    return config_check_bind(text) == NULL
               ? NULL
               : "must be an address, a colon and a port, or unix: and an absolute path";
}

const char *config_check_tls_key(char **text)
{
    hsm_key_uri uri;

    return hsm_key_uri_is(*text) ? hsm_key_uri_read(*text, &uri) : NULL;
}

const char *config_check_path(char **text)
{
    if (hsm_path_check(*text) != HSM_OK)
        return "must be a path without \"..\"";
    switch (hsm_path_check_links(*text)) {
    case HSM_OK:
        return NULL;
    case HSM_E_STORE_PERMISSION:
        return "has a component that is a symbolic link, or may not be looked at";
    default:
        return "can't be looked at";
    }
}

size_t config_distance(const char *a, const char *b)
{
    size_t row[DISTANCE_MAX_CHARS + 1]; /* of the usual matrix: a's first i against b's prefixes */
    const size_t a_len = strnlen(a, DISTANCE_MAX_CHARS);
    const size_t b_len = strnlen(b, DISTANCE_MAX_CHARS);

    for (size_t k = 0; k <= b_len; k++)
        row[k] = k;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            const size_t exchange = diagonal + (a[i - 1] == b[k - 1] ? 0 : 1);
            const size_t change = 1 + (row[k] < row[k - 1] ? row[k] : row[k - 1]);

            diagonal = row[k];
            row[k] = exchange < change ? exchange : change;
        }
    }
    return row[b_len];
}
