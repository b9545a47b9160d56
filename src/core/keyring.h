/* Objects as operators see them: chosen, described and made by names and texts, not by numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_KEYRING_H
#define HSM_CORE_KEYRING_H

#include "base/buf.h"
#include "core/core.h"

/* --- Attributes by name (attr_text.c) ----------------------------------------------------------- */

/* A template that is put together by names: "label", "CKA_LABEL" and "Label" are the same, and so are
 * "key-type" and "KEY_TYPE". Owns its values; start with { 0 }, end with clear. */
#define HSM_NAMED_MAX 48u
typedef struct hsm_named {
    hsm_attr attrs[HSM_NAMED_MAX];
    uint8_t *values[HSM_NAMED_MAX]; /* what attrs point to */
    size_t count;
} hsm_named;
void hsm_named_clear(hsm_named *named);
hsm_template hsm_named_template(const hsm_named *named);
/* errors  HSM_E_ATTRIBUTE_TYPE (no such name), HSM_E_LIMIT, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_named_put(hsm_named *named, const char *name, hsm_bytes value);
HSM_MUST_USE hsm_err hsm_named_put_bool(hsm_named *named, const char *name, bool value);
/* The same unless the name is there already. */
HSM_MUST_USE hsm_err hsm_named_put_default(hsm_named *named, const char *name, bool value);
HSM_MUST_USE hsm_err hsm_named_put_ulong(hsm_named *named, const char *name, CK_ULONG value);
/* text: yes, no; a decimal number; hexadecimal bytes; a date YYYY-MM-DD or ""; UTF-8, as the
 * attribute is. errors  as above, HSM_E_ATTRIBUTE_VALUE */
HSM_MUST_USE hsm_err hsm_named_put_text(hsm_named *named, const char *name, const char *text);

/* Calls visit for each attribute of an object that may be shown, by ascending type, with its name as
 * the standard writes it and its value as a text of the forms above.
 * errors  HSM_E_OBJECT_HANDLE, those of visit */
typedef hsm_err (*hsm_attr_visit)(void *arg, const char *name, const char *text);
HSM_MUST_USE hsm_err hsm_core_each_attribute(hsm_core *core, hsm_session *session,
                                             CK_OBJECT_HANDLE handle, hsm_attr_visit visit,
                                             void *arg);

/* Appends the value of an attribute that may be shown.
 * errors  HSM_E_ATTRIBUTE_TYPE (no such name, or the object has none), HSM_E_ATTRIBUTE_SENSITIVE */
HSM_MUST_USE hsm_err hsm_core_get_value(hsm_core *core, hsm_session *session,
                                        CK_OBJECT_HANDLE handle, const char *name, hsm_buf *out);

/* --- Describing and finding (keyring.c) ------------------------------------------------------------ */

#define HSM_UNIQUE_ID_CHARS 64u
/* What a list shows of an object. label, id: release with hsm_object_facts_clear(). */
typedef struct hsm_object_facts {
    CK_OBJECT_CLASS object_class;
    const char *class_name; /* "private", "public", "secret", "certificate", ... */
    char type[48];          /* "RSA-2048", "P-256", "ML-DSA-65", "AES-256", "X.509" */
    char unique_id[HSM_UNIQUE_ID_CHARS + 1]; /* names it in every process, for ever */
    hsm_buf label;
    hsm_buf id;
    bool is_private;
    bool is_sensitive;
    bool is_extractable;
    bool is_local; /* made in the token */
} hsm_object_facts;
void hsm_object_facts_clear(hsm_object_facts *facts);
HSM_MUST_USE hsm_err hsm_core_describe(hsm_core *core, hsm_session *session,
                                       CK_OBJECT_HANDLE handle, hsm_object_facts *out_facts);

/* Whether a text can be the CKA_UNIQUE_ID of a token object: 16 hexadecimal digits in lower case. */
bool hsm_core_is_unique_id(const char *text);
/* "private", "public", "secret", "certificate", "data" to CKO_...
 * errors  HSM_E_ATTRIBUTE_VALUE */
HSM_MUST_USE hsm_err hsm_core_class_by_name(const char *name, CK_OBJECT_CLASS *out_class);
/* In an open search: passes over everything made up to the object of this unique id.
 * errors  HSM_E_OPERATION, HSM_E_ARG (no unique id of a token object) */
HSM_MUST_USE hsm_err hsm_core_find_after(hsm_core *core, hsm_session *session,
                                         const char *unique_id);

/* --- Kinds of key by name (key_spec.c) -------------------------------------------------------------- */

/* What "RSA-3072", "P-256", "Ed25519", "AES-256" or "ML-DSA-65" names. */
typedef struct hsm_key_spec {
    CK_KEY_TYPE key_type;
    CK_ULONG size;          /* bits of an RSA modulus, bytes of a secret key; else 0 */
    CK_ULONG parameter_set; /* of post-quantum keys */
    hsm_bytes ec_params;    /* of keys on curves; a constant */
    bool is_pair;
} hsm_key_spec;
/* Letter case does not count; a family alone ("RSA", "EC", "AES") means its usual size.
 * errors  HSM_E_KEY_TYPE (no such kind), HSM_E_KEY_SIZE */
HSM_MUST_USE hsm_err hsm_core_key_spec(const char *text, hsm_key_spec *out_spec);
/* The names of all kinds, for help: visit gets one after the other. */
void hsm_core_each_key_name(void (*visit)(void *arg, const char *name), void *arg);

/* Makes a key, or a pair, of a kind. Templates as in C_GenerateKeyPair, without what the kind says;
 * public_template is not used for secret keys.
 * errors  those of hsm_core_generate_key() and hsm_core_generate_pair()
 * after   out_handles: secret key, or public and private key; out_count 1 or 2 */
typedef struct hsm_make_request {
    const hsm_key_spec *spec;
    hsm_named *public_template;  /* added to */
    hsm_named *private_template; /* added to; also of a secret key */
} hsm_make_request;
HSM_MUST_USE hsm_err hsm_core_make_key(hsm_core *core, hsm_session *session,
                                       const hsm_make_request *request,
                                       CK_OBJECT_HANDLE out_handles[2], size_t *out_count);

#endif
