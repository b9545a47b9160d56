/* Attributes and templates as values travel between the front doors and the store.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_TEMPLATE_H
#define HSM_BASE_TEMPLATE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/ck.h"

/* Limits of what comes from outside. */
#define HSM_TEMPLATE_MAX_ATTRS 128u
#define HSM_TEMPLATE_MAX_DEPTH 2u /* a template within a template, no deeper */

/* One attribute; the value is borrowed: CK_BBOOL, CK_ULONG in host order, bytes, or a nested
 * template in the encoded form of hsm_template_encode() (store/attr.h). */
typedef struct hsm_attr {
    CK_ATTRIBUTE_TYPE type;
    hsm_bytes value;
} hsm_attr;

typedef struct hsm_template {
    const hsm_attr *attrs;
    size_t count; /* 0 .. HSM_TEMPLATE_MAX_ATTRS */
} hsm_template;

/* A template that owns its attributes and their values. */
typedef struct hsm_template_owned {
    hsm_attr *attrs;
    size_t count;
    hsm_buf values;
} hsm_template_owned;

#endif
