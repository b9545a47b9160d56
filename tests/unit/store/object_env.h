/* Templates and objects for the tests of objects. */
#ifndef UNIT_STORE_OBJECT_ENV_H
#define UNIT_STORE_OBJECT_ENV_H

#include "store/object.h"

#define ENV_ATTRS_MAX 48u

/* A template that owns its small values; not to be copied. */
typedef struct env_template {
    hsm_attr attrs[ENV_ATTRS_MAX];
    CK_ULONG numbers[ENV_ATTRS_MAX];
    size_t count;
} env_template;

void env_bool(env_template *t, CK_ATTRIBUTE_TYPE type, bool value);
void env_ulong(env_template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
/* The bytes are borrowed. */
void env_bytes(env_template *t, CK_ATTRIBUTE_TYPE type, const void *data, size_t len);
void env_text(env_template *t, CK_ATTRIBUTE_TYPE type, const char *text);
/* Takes a type out, if it is there. */
void env_without(env_template *t, CK_ATTRIBUTE_TYPE type);
hsm_template env_view(const env_template *t);

/* What C_CreateObject needs, and no more. */
typedef enum env_base {
    ENV_DATA,
    ENV_CERTIFICATE,
    ENV_RSA_PUBLIC,
    ENV_RSA_PRIVATE,
    ENV_EC_PUBLIC,
    ENV_EC_PRIVATE,
    ENV_X25519_PRIVATE,
    ENV_AES,
    ENV_GENERIC,
    ENV_DSA_DOMAIN,
    ENV_DH_DOMAIN,
    ENV_PROFILE,
    ENV_MECHANISM,
    ENV_BASE_COUNT,
} env_base;
void env_fill(env_template *t, env_base base);

/* Class and key type only: what a mechanism implies. */
void env_kind(env_template *t, CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type);

/* A draft as C_CreateObject makes it; NULL and a failed check if it can't. */
hsm_draft *env_draft(env_base base);

extern const uint8_t env_serial[16];
hsm_bytes env_serial_bytes(void);
/* The library, opened once; NULL and a failed check if it can't. */
hsm_crypto *env_crypto(void);
/* A seal under a fixed key; released by the caller. */
hsm_seal *env_seal(void);
/* An object of a draft with id 7, version 3, slot 1. */
hsm_object *env_object(env_base base, hsm_seal *seal);

#endif
