/* A private key in a token, by its PKCS#11 URI (RFC 7512), as far as a configuration may name one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CONFIG_KEY_URI_H
#define HSM_CONFIG_KEY_URI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HSM_KEY_URI_VALUE_MAX_BYTES 255u

/* What the key and its token must be; texts are empty where the URI says nothing. */
typedef struct hsm_key_uri {
    char token[32 + 1];  /* the token's label */
    char serial[16 + 1]; /* its serial number */
    bool has_slot;
    uint32_t slot;
    char label[HSM_KEY_URI_VALUE_MAX_BYTES + 1]; /* object */
    uint8_t id[HSM_KEY_URI_VALUE_MAX_BYTES];
    size_t id_len;
    char pin_path[PATH_MAX]; /* absolute; pin-source */
} hsm_key_uri;

/* Whether a text is meant as such a URI and not as a path. */
bool hsm_key_uri_is(const char *text);

/* Reads one: "pkcs11:" and token, serial, slot-id, object, id, type=private and pin-source=file:/PATH,
 * each at most once, of which one at least says which token. Nothing else is let pass: an attribute
 * that was not understood would choose another key than the one that was meant.
 * out     out_uri  set on success only
 * returns NULL, or why not (a constant, which never has any of the text in it) */
const char *hsm_key_uri_read(const char *text, hsm_key_uri *out_uri);

#endif
