/* The caller's attribute arrays to templates and back.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_PKCS11_ABI_TEMPLATES_H
#define HSM_PKCS11_ABI_TEMPLATES_H

#include "base/template.h"
#include "core/core.h"

/* Most templates have fewer attributes and stay off the heap. */
#define ABI_TEMPLATE_INLINE_ATTRS 24u
/* Nested templates in one template: the standard knows five attributes of that kind. */
#define ABI_TEMPLATE_NESTED_MAX 8u

/* A template read from the caller's memory; values are borrowed from it. */
typedef struct abi_template {
    hsm_template view; /* valid after abi_template_read() */
    hsm_attr inline_attrs[ABI_TEMPLATE_INLINE_ATTRS];
    hsm_attr *heap_attrs; /* NULL unless there are more */
    hsm_buf nested[ABI_TEMPLATE_NESTED_MAX];
    size_t nested_count;
} abi_template;

#define ABI_TEMPLATE_EMPTY                    \
    {                                         \
        .heap_attrs = NULL, .nested_count = 0 \
    }

/**
 * Reads `count` CK_ATTRIBUTEs; nested templates are encoded.
 *
 * inout   tmpl  ABI_TEMPLATE_EMPTY before; abi_template_clear() afterwards, also after an error
 * errors  HSM_E_ARG              NULL with a count, or more than HSM_TEMPLATE_MAX_ATTRS
 *         HSM_E_ATTRIBUTE_VALUE  a NULL value with a length, an absurd length, or a nested template
 *                                that is malformed or too deep
 *         HSM_E_TEMPLATE_INCONSISTENT  too many nested templates
 *         HSM_E_NO_MEMORY
 */
HSM_MUST_USE hsm_err abi_template_read(const void *attributes, CK_ULONG count, abi_template *tmpl);
/* What every function that makes a key takes: a mechanism, as abi_mechanism(), and a template. */
HSM_MUST_USE hsm_err abi_making_read(const void *mechanism, CK_MECHANISM *out_mechanism,
                                     const void *attributes, CK_ULONG count, abi_template *tmpl);
/* For HSM_AUTO. */
void abi_template_clear(abi_template *tmpl);

/**
 * Fills `count` CK_ATTRIBUTEs of the caller from an object (C_GetAttributeValue): goes through all
 * of them, whatever the single ones answer.
 *
 * errors  HSM_E_ARG, HSM_E_ATTRIBUTE_SENSITIVE, HSM_E_ATTRIBUTE_TYPE, HSM_E_BUFFER_TOO_SMALL, and
 *         any other error of hsm_core_attributes_get(), which ends it at once
 */
HSM_MUST_USE hsm_err abi_attributes_fill(hsm_attr_view *view, void *attributes, CK_ULONG count);

#endif
