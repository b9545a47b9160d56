/* Objects: immutable once made, counted, their secret part sealed or in secret memory. A change makes a
 * new version.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_OBJECT_H
#define HSM_STORE_OBJECT_H

#include <stdatomic.h>

#include "base/secret.h"
#include "crypto/key.h"
#include "store/attr.h"
#include "store/seal.h"

/* Attributes being put together. Values of HSM_ATTR_SECRET rows lie in secret memory. */
typedef struct hsm_draft hsm_draft;

/* in      kind  decides which rows of the table apply */
HSM_MUST_USE hsm_err hsm_draft_create(hsm_object_kind kind, hsm_draft **out_draft);
void hsm_draft_destroy(hsm_draft *draft);
HSM_DEFINE_DROP(hsm_draft)
hsm_object_kind hsm_draft_kind(const hsm_draft *draft);
/* Sets or replaces a value (copied, also from this draft; NUMBER kinds lose leading zeros). Checks
 * its form and that the kind has the attribute, not who may set it.
 * errors  HSM_E_ATTRIBUTE_TYPE, HSM_E_ATTRIBUTE_VALUE, HSM_E_LIMIT, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_draft_put(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_bytes value);
HSM_MUST_USE hsm_err hsm_draft_put_bool(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, bool value);
HSM_MUST_USE hsm_err hsm_draft_put_ulong(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
/* hsm_draft_put() of all of a secret. The draft may keep the secret itself, instead of a copy: then
 * *value is NULL. */
HSM_MUST_USE hsm_err hsm_draft_take(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_secret **value);
/* Sets CKA_UNIQUE_ID (ASCII), which whoever gives the id must do before hsm_object_create(). */
HSM_MUST_USE hsm_err hsm_draft_put_unique_id(hsm_draft *draft, hsm_bytes text);
/* The value, borrowed until the next put; false if absent. */
bool hsm_draft_get(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value);
bool hsm_draft_bool(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type, bool fallback);
CK_ULONG hsm_draft_ulong(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback);
/* How much secret memory it takes. */
size_t hsm_draft_secret_room(const hsm_draft *draft);

/**
 * Starts a draft from a caller's template by the rules of the table for `origin`: kind from
 * CKA_CLASS, CKA_KEY_TYPE and CKA_CERTIFICATE_TYPE (or from `implied`, which the mechanism gives
 * and which the template may repeat but not contradict), each attribute known, well formed, given
 * once (the same value twice is HSM_E_TEMPLATE_INCONSISTENT too) and allowed for the origin,
 * mandatory ones present, defaults filled in. Computed attributes are left to core.
 *
 * in      implied     attributes that come from the mechanism; may be empty
 * in      is_so       the SO is logged in: may set HSM_ATTR_SO_ONLY_TRUE attributes
 * errors  HSM_E_ATTRIBUTE_TYPE, HSM_E_ATTRIBUTE_VALUE, HSM_E_ATTRIBUTE_READ_ONLY,
 *         HSM_E_TEMPLATE_INCOMPLETE, HSM_E_TEMPLATE_INCONSISTENT, HSM_E_NO_MEMORY
 * source  PKCS#11 v3.2, 4.1.1 and the tables of chapter 4
 */
HSM_MUST_USE hsm_err hsm_draft_from_template(hsm_origin origin, const hsm_template *tmpl,
                                             const hsm_template *implied, bool is_so,
                                             hsm_draft **out_draft);

/* An object: a counted, immutable version. */
typedef struct hsm_object {
    atomic_uint refs;
    atomic_bool is_live;            /* false once destroyed or replaced in this process */
    _Atomic(hsm_key *) key;         /* parsed on first use by core; freed with the object */
    _Atomic(uint64_t) seen_changes; /* store change counter at which this version was current */
    uint64_t id;                    /* the store's id; session objects: unique in the process */
    uint64_t version;               /* 1, 2, ... */
    uint32_t slot;
    bool is_token;
    bool is_private;
    hsm_object_kind kind;
    CK_OBJECT_CLASS object_class;
    CK_KEY_TYPE key_type; /* HSM_KEY_TYPE_NONE for what is no key */
    hsm_op_set usages;    /* CKA_SIGN, CKA_ENCRYPT ... that are true, as operations */
    bool is_sensitive;    /* CKA_SENSITIVE, or not CKA_EXTRACTABLE */
    bool always_authenticate;
    bool has_allowed_mechanisms;
    bool has_life; /* CKA_START_DATE, CKA_END_DATE or CKA_CRATON_KEY_STATE is there and not empty */
    const struct hsm_layout *layout; /* of its kind: which attribute has which place, */
    uint64_t present;                /* the places of the attributes that are not secret, */
    uint64_t truths;                 /* those of them whose value is CK_TRUE, */
    uint64_t opened;                 /* and the places of the attributes in `open` */
    hsm_seal *seal;                  /* what seals the secret part; borrowed from store or core */
    hsm_buf sealed;   /* secret attributes, encoded and sealed; empty if none, or open */
    hsm_secret *open; /* or they lie here, as hsm_object_take() was given them */
    /* In the same block follow where each place's value lies, and the values. */
} hsm_object;

/* What identifies an object apart from its attributes. */
typedef struct hsm_object_ident {
    uint64_t id;
    uint64_t version;
    uint32_t slot;
    hsm_bytes token_serial; /* 16 bytes */
} hsm_object_ident;

/* Associated data of a sealed part: token serial (16 bytes, zero padded), u32 slot, u64 id,
 * u64 version, name of the part (4 letters). */
#define HSM_OBJECT_AAD_BYTES 40u
#define HSM_OBJECT_PART_PUBLIC "PUBL"
#define HSM_OBJECT_PART_SECRET "SECR"
void hsm_object_aad(const hsm_object_ident *ident, const char part[5],
                    uint8_t out[HSM_OBJECT_AAD_BYTES]);

/* Makes an object of a complete draft: one reference, secret attributes sealed with `seal`
 * (associated data: ident and part name).
 * errors  HSM_E_TEMPLATE_INCOMPLETE (no class or key type), HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_object_create(const hsm_draft *draft, const hsm_object_ident *ident,
                                       hsm_seal *seal, hsm_object **out_object);
/* The same without sealing anything: takes the draft's secret memory, with the secret attributes in it,
 * so that the draft has none any more. For what never leaves this process.
 * errors  HSM_E_TEMPLATE_INCOMPLETE, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_object_take(hsm_draft *draft, const hsm_object_ident *ident,
                                     hsm_seal *seal, hsm_object **out_object);
/* A draft with all attributes of the object, secret ones and the check value that it owes included:
 * for copy and change. */
HSM_MUST_USE hsm_err hsm_object_to_draft(const hsm_object *object, hsm_bytes token_serial,
                                         hsm_draft **out_draft);
static inline hsm_object *hsm_object_acquire(hsm_object *object)
{
    (void)atomic_fetch_add_explicit(&object->refs, 1, memory_order_relaxed);
    return object;
}
/* Frees with the last reference; NULL is allowed. */
void hsm_object_release(hsm_object *object);
static inline void hsm_object_drop(hsm_object **object)
{
    hsm_object_release(*object);
    *object = NULL;
}

/* A public attribute's value, borrowed while the object is referenced; false if absent or secret. */
bool hsm_object_get(const hsm_object *object, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value);
/* The same where it makes no difference whether it is absent or empty. */
hsm_bytes hsm_object_value(const hsm_object *object, CK_ATTRIBUTE_TYPE type);
bool hsm_object_bool(const hsm_object *object, CK_ATTRIBUTE_TYPE type, bool fallback);
CK_ULONG hsm_object_ulong(const hsm_object *object, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback);
/* All public attributes by ascending type; how many. */
size_t hsm_object_attrs(const hsm_object *object, hsm_attr out_attrs[HSM_OBJECT_ATTRS_MAX]);
/* What its attributes take, secret ones included. */
size_t hsm_object_bytes(const hsm_object *object);

/* The secret attributes of an object, open for one use. */
typedef struct hsm_object_secrets {
    hsm_secret *plain; /* what attrs point into; NULL: into the object, which must outlive them */
    hsm_attr attrs[16];
    size_t attr_count;
} hsm_object_secrets;
/* errors  HSM_E_STORE_CORRUPT (the seal does not fit), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_object_open_secrets(const hsm_object *object, hsm_bytes token_serial,
                                             hsm_object_secrets *out_secrets);
void hsm_object_secrets_clear(hsm_object_secrets *secrets);

/* Whether an attribute is the check value of a secret key that does not carry it: most session keys are
 * used and gone before anybody asks for theirs, so it is worked out then. One that its owner took away is
 * there, and empty. */
bool hsm_object_owes(const hsm_object *object, CK_ATTRIBUTE_TYPE type);
/* errors as open_secrets, HSM_E_CRYPTO */
#define HSM_CHECK_VALUE_BYTES 3u
HSM_MUST_USE hsm_err hsm_object_check_value(const hsm_object *object, hsm_bytes token_serial,
                                            uint8_t out[HSM_CHECK_VALUE_BYTES]);

/* Whether the object satisfies every attribute of a search template; secret attributes of
 * sensitive or unextractable keys never match. errors as open_secrets */
HSM_MUST_USE hsm_err hsm_object_matches(const hsm_object *object, hsm_bytes token_serial,
                                        const hsm_template *tmpl, bool *out_matches);

/**
 * Applies a change (C_SetAttributeValue, C_CopyObject) to a draft of an existing object by the
 * table's rules: modifiable, sticky, SO only, CKA_MODIFIABLE and CKA_COPYABLE are the caller's.
 * in      origin  HSM_ORIGIN_COPY allows CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_DESTROYABLE
 *                 to be given; any other value means C_SetAttributeValue
 * errors  HSM_E_ATTRIBUTE_READ_ONLY, HSM_E_ATTRIBUTE_TYPE, HSM_E_ATTRIBUTE_VALUE,
 *         HSM_E_TEMPLATE_INCONSISTENT, HSM_E_NO_MEMORY
 */
HSM_MUST_USE hsm_err hsm_draft_change(hsm_draft *draft, hsm_origin origin,
                                      const hsm_template *changes, bool is_so);

/* Attributes <-> bytes for the record's two parts: the not secret ones and the secret ones
 * (docs/store-format.md). */
HSM_MUST_USE hsm_err hsm_object_encode_public(const hsm_object *object, hsm_buf *out_encoded);
/* Rebuilds an object from an opened public part and a still sealed secret part (copied).
 * errors  HSM_E_STORE_CORRUPT, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_object_decode(const hsm_object_ident *ident, hsm_bytes public_part,
                                       hsm_bytes sealed_secret, hsm_seal *seal,
                                       hsm_object **out_object);

#endif
