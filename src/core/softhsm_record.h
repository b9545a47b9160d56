/* An object of SoftHSM2 as its files have it: a generation, then attributes, each a type, a kind and a
 * value; numbers are 8 bytes, big-endian (docs/migrate.md).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_SOFTHSM_RECORD_H
#define HSM_CORE_SOFTHSM_RECORD_H

#include "base/bytes.h"
#include "base/scope.h"

#define HSM_SOFTHSM_ATTRS_MAX 128u
/* One value: a data object or a certificate is the largest, and encryption adds two blocks. */
#define HSM_SOFTHSM_VALUE_MAX_BYTES ((size_t)1024 * 1024 + 64)

typedef enum hsm_softhsm_kind {
    HSM_SOFTHSM_BOOL = 1,
    HSM_SOFTHSM_ULONG = 2,
    HSM_SOFTHSM_BYTES = 3,
    HSM_SOFTHSM_TEMPLATE = 4,
    HSM_SOFTHSM_MECHANISMS = 5,
} hsm_softhsm_kind;

typedef struct hsm_softhsm_attr {
    uint64_t type; /* CKA_..., or one of SoftHSM2's own */
    hsm_softhsm_kind kind;
    uint64_t number; /* BOOL: 0 or 1; ULONG */
    hsm_bytes
        bytes;     /* BYTES: the value; MECHANISMS: 8 bytes each; TEMPLATE: attributes; borrowed */
    size_t offset; /* of the attribute in its file */
} hsm_softhsm_attr;

typedef struct hsm_softhsm_record {
    hsm_softhsm_attr attrs[HSM_SOFTHSM_ATTRS_MAX];
    size_t count;
} hsm_softhsm_record;

/* Where a file is not what it should be, and in which way. */
typedef struct hsm_softhsm_fault {
    size_t offset;
    const char *what;
} hsm_softhsm_fault;

/* Takes a file's content apart.
 * errors  HSM_E_DATA, with out_fault */
HSM_MUST_USE hsm_err hsm_softhsm_read(hsm_bytes content, hsm_softhsm_record *out_record,
                                      hsm_softhsm_fault *out_fault);
/* The same for the attributes of a template, among which there is no template. */
HSM_MUST_USE hsm_err hsm_softhsm_read_template(const hsm_softhsm_attr *tmpl,
                                               hsm_softhsm_record *out_record,
                                               hsm_softhsm_fault *out_fault);
/* NULL when the record has none of that type. */
const hsm_softhsm_attr *hsm_softhsm_find(const hsm_softhsm_record *record, uint64_t type);

#endif
