/* What a client is called: the names its certificate, or its socket, proves.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_NAMES_H
#define HSM_CRATOND_NAMES_H

#include "base/bytes.h"
#include "base/scope.h"

#define PEER_NAMES_MAX 16u
#define PEER_NAME_MAX_BYTES 256u /* with its kind; what an event can hold */

/* "uri:...", "dns:...", "subject:..." (RFC 2253), "uid:N", "anonymous"; the first one is the
 * identity. */
typedef struct peer_names {
    char *names[PEER_NAMES_MAX];
    size_t count;
} peer_names;

void peer_names_clear(peer_names *names);
/* Adds KIND and text. Text with a NUL or a control character is no name.
 * errors  HSM_E_LIMIT (too many or too long), HSM_E_DATA (text), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err peer_names_add(peer_names *names, const char *kind, hsm_bytes text);

/* Whether text fits a pattern, in which each asterisk stands for any number of characters. */
bool name_matches(const char *pattern, hsm_bytes text);

#endif
