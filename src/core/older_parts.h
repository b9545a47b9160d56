/* What is a key in an object of the older system, for older_object.c.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_OLDER_PARTS_H
#define HSM_CORE_OLDER_PARTS_H

#include "core/older.h"

/* As many as the object has fields, and then some that are said besides. */
#define HSM_OLDER_MAKING_ATTRS (HSM_OLDER_ATTRS_MAX + 40u)

/* An object being made. */
typedef struct hsm_older_making {
    const hsm_older_wish *wish;
    const hsm_migrate_watch *watch; /* the wish's, or NULL: nobody */
    hsm_bytes curve;                /* what an EC key's parameters are taken to be */
    CK_OBJECT_CLASS object_class;
    CK_KEY_TYPE key_type; /* a standard one */
    hsm_object_kind kind;
    hsm_attr attrs[HSM_OLDER_MAKING_ATTRS];
    size_t count;
    CK_ULONG numbers[HSM_OLDER_MAKING_ATTRS]; /* values that attrs point to */
    size_t number_count;
    hsm_key_bundle bundle; /* an RSA key's parts */
    hsm_buf texts[HSM_OLDER_ATTRS_MAX];
    size_t text_count;
} hsm_older_making;

/* older_object.c */
void hsm_older_tell(const hsm_older_making *at, uint64_t type, const char *what, const char *why);
bool hsm_older_has(const hsm_older_making *at, CK_ATTRIBUTE_TYPE type);
/* Adds an attribute, or tells that objects of the kind have no such. */
void hsm_older_put(hsm_older_making *at, CK_ATTRIBUTE_TYPE type, hsm_bytes value);
void hsm_older_put_ulong(hsm_older_making *at, CK_ATTRIBUTE_TYPE type, CK_ULONG value);

/* older_parts.c */
/* Finds class, type and kind. errors HSM_E_ATTRIBUTE_VALUE (there is no such kind here) */
HSM_MUST_USE hsm_err hsm_older_find_kind(hsm_older_making *at);
/* Adds type and value of what the object is.
 * errors  HSM_E_ATTRIBUTE_VALUE, HSM_E_PARAMETER_SET (it can't be told), HSM_E_KEY_TYPE */
HSM_MUST_USE hsm_err hsm_older_put_parts(hsm_core *core, hsm_older_making *at);
/* The parameters of the curve on which the older system made or uses an EC key; none for others. */
hsm_bytes hsm_older_curve(const hsm_older_object *object);
/* Whether what the object says of its public half is what its key gives.
 * errors  HSM_E_ATTRIBUTE_VALUE */
HSM_MUST_USE hsm_err hsm_older_compare_halves(const hsm_older_object *from, const hsm_draft *draft);

#endif
