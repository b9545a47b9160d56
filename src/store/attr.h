/* THE attribute table: type, kind, who has it, who may set it and when, default, secrecy.
 * Values in memory are in PKCS#11's native form (CK_BBOOL, CK_ULONG in host order, bytes); nested
 * templates are in the encoded form of hsm_template_encode().
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_ATTR_H
#define HSM_STORE_ATTR_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/ck.h"
#include "base/scope.h"
#include "base/template.h"

/* Limits of what comes from outside. */
#define HSM_ATTR_MAX_BYTES ((size_t)64 * 1024)         /* one value, except: */
#define HSM_ATTR_MAX_DATA_BYTES ((size_t)1024 * 1024)  /* CKA_VALUE of data and certificates */
#define HSM_OBJECT_MAX_BYTES ((size_t)2 * 1024 * 1024) /* all values of one object */
#define HSM_OBJECT_ATTRS_MAX 64u                       /* more than any kind of object has */

typedef enum hsm_attr_kind {
    HSM_ATTR_BOOL,       /* CK_BBOOL */
    HSM_ATTR_ULONG,      /* CK_ULONG */
    HSM_ATTR_BYTES,      /* any bytes */
    HSM_ATTR_NUMBER,     /* unsigned big-endian, leading zeros dropped */
    HSM_ATTR_TEXT,       /* UTF-8 */
    HSM_ATTR_DATE,       /* CK_DATE or empty */
    HSM_ATTR_MECHANISMS, /* array of CK_MECHANISM_TYPE */
    HSM_ATTR_TEMPLATE,   /* nested template, encoded */
} hsm_attr_kind;

/* Kinds of object: the class, and for keys the family of key types with the same attributes.
 * A row of the table names a set of them. */
typedef enum hsm_object_kind {
    HSM_KIND_DATA = 1u << 0,
    HSM_KIND_CERTIFICATE = 1u << 1, /* CKC_X_509 */
    HSM_KIND_RSA_PUBLIC = 1u << 2,
    HSM_KIND_RSA_PRIVATE = 1u << 3,
    HSM_KIND_EC_PUBLIC = 1u << 4, /* CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY */
    HSM_KIND_EC_PRIVATE = 1u << 5,
    HSM_KIND_SECRET = 1u << 6,
    HSM_KIND_DOMAIN = 1u << 7, /* DSA, DH, X9.42 domain parameters */
    HSM_KIND_PROFILE = 1u << 8,
    HSM_KIND_MECHANISM = 1u << 9,
    HSM_KIND_PQC_PUBLIC = 1u << 10,      /* CKK_ML_DSA, CKK_ML_KEM, CKK_SLH_DSA */
    HSM_KIND_LATTICE_PRIVATE = 1u << 11, /* CKK_ML_DSA, CKK_ML_KEM: seed or value or both */
    HSM_KIND_SLH_PRIVATE = 1u << 12,     /* CKK_SLH_DSA, composites */
    HSM_KIND_DH_PUBLIC = 1u << 13,       /* CKK_DH, CKK_X9_42_DH */
    HSM_KIND_DH_PRIVATE = 1u << 14,
    HSM_KIND_TRUST = 1u << 15,
    HSM_KIND_VALIDATION = 1u << 16,
} hsm_object_kind;
typedef unsigned hsm_kind_set;

/* How an object comes into being; the standard's footnotes speak of these. */
typedef enum hsm_origin {
    HSM_ORIGIN_CREATE,   /* C_CreateObject */
    HSM_ORIGIN_GENERATE, /* C_GenerateKey, C_GenerateKeyPair */
    HSM_ORIGIN_UNWRAP,   /* C_UnwrapKey */
    HSM_ORIGIN_DERIVE,   /* C_DeriveKey, C_EncapsulateKey, C_DecapsulateKey */
    HSM_ORIGIN_COPY,     /* C_CopyObject */
    HSM_ORIGIN_TOKEN,    /* built in: profiles, mechanisms */
} hsm_origin;

/* The standard's footnotes (PKCS#11 v3.2, table "Common footnotes for object attribute tables"). */
typedef enum hsm_attr_flag {
    HSM_ATTR_MUST_CREATE = 1u << 0,   /* 1 */
    HSM_ATTR_NOT_CREATE = 1u << 1,    /* 2 */
    HSM_ATTR_MUST_GENERATE = 1u << 2, /* 3 */
    HSM_ATTR_NOT_GENERATE = 1u << 3,  /* 4 */
    HSM_ATTR_MUST_UNWRAP = 1u << 4,   /* 5 */
    HSM_ATTR_NOT_UNWRAP = 1u << 5,    /* 6 */
    HSM_ATTR_SECRET = 1u << 6,        /* 7: never revealed while sensitive or unextractable */
    HSM_ATTR_MODIFIABLE = 1u << 7,    /* 8 */
    HSM_ATTR_SO_ONLY_TRUE = 1u << 8,  /* 10 */
    HSM_ATTR_STICKY_TRUE = 1u << 9,   /* 11: once true never false */
    HSM_ATTR_STICKY_FALSE = 1u << 10, /* 12: once false never true */
    HSM_ATTR_COPY_CHANGE = 1u << 11,  /* C_CopyObject may change it though not modifiable */
    HSM_ATTR_INDEXED = 1u << 12,      /* in the blind index */
    HSM_ATTR_COMPUTED = 1u << 13,     /* the token sets it; never by a caller */
    HSM_ATTR_HAS_DEFAULT = 1u << 14,  /* default_bool or default_ulong, or empty bytes */
} hsm_attr_flag;

typedef struct hsm_attr_info {
    CK_ATTRIBUTE_TYPE type;
    const char *name; /* "CKA_LABEL" */
    hsm_attr_kind kind;
    hsm_kind_set kinds; /* objects this row is about; a type may have several rows */
    unsigned flags;     /* hsm_attr_flag */
    CK_ULONG default_value;
} hsm_attr_info;

/* The row for `type` on an object of `kind`, or NULL. */
const hsm_attr_info *hsm_attr_find(CK_ATTRIBUTE_TYPE type, hsm_object_kind kind);
/* Any row of the type (its kind is the same in all), or NULL for an unknown type. */
const hsm_attr_info *hsm_attr_any(CK_ATTRIBUTE_TYPE type);
/* The whole table, for tests and documents. */
const hsm_attr_info *hsm_attr_table(size_t *out_count);

/* The kind of an object by its class and, for keys, key type (certificates: type).
 * errors  HSM_E_ATTRIBUTE_VALUE (unknown class or type), HSM_E_TEMPLATE_INCOMPLETE is the
 *         caller's to raise before */
HSM_MUST_USE hsm_err hsm_kind_of(CK_OBJECT_CLASS object_class, CK_ULONG type,
                                 hsm_object_kind *out_kind);

/* Checks a value's form: length of bool, ulong and date, UTF-8, limits.
 * errors  HSM_E_ATTRIBUTE_TYPE (unknown), HSM_E_ATTRIBUTE_VALUE */
HSM_MUST_USE hsm_err hsm_attr_check(const hsm_attr *attr);

/* Looks a template up; NULL if the type is not in it. */
const hsm_attr *hsm_template_get(const hsm_template *tmpl, CK_ATTRIBUTE_TYPE type);
/* The value of a bool or ulong attribute if present and well formed, else `fallback`. */
bool hsm_template_bool(const hsm_template *tmpl, CK_ATTRIBUTE_TYPE type, bool fallback);
CK_ULONG hsm_template_ulong(const hsm_template *tmpl, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback);

/* A nested template as bytes: u16 count, then u64 type, u32 length, value each, by ascending type
 * (integers widened to u64, so that it is the same on every machine). Each type once, nothing that
 * is secret in a key, and no template in it: one level is all there is. encode appends; decode gives
 * attributes that borrow from `encoded` and from out_template->values (native forms).
 * errors  HSM_E_ATTRIBUTE_TYPE, HSM_E_ATTRIBUTE_VALUE, HSM_E_TEMPLATE_INCONSISTENT (a type twice,
 *         secret, or a template), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_template_encode(const hsm_template *tmpl, hsm_buf *out_encoded);
HSM_MUST_USE hsm_err hsm_template_decode(hsm_bytes encoded, hsm_template_owned *out_template);
void hsm_template_owned_clear(hsm_template_owned *tmpl);

#endif
