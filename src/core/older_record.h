/* What the older system's backups say once they are decrypted: a head and objects, as JSON (its format
 * 1) or in a binary form (its format 2). docs/backup-format.md has both.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_OLDER_RECORD_H
#define HSM_CORE_OLDER_RECORD_H

#include "base/bytes.h"
#include "base/scope.h"

#define HSM_OLDER_OBJECTS_MAX 10000u /* the most that the older system holds */
#define HSM_OLDER_ATTRS_MAX 64u
#define HSM_OLDER_FIELD_MAX_BYTES ((size_t)64 * 1024)
#define HSM_OLDER_OBJECT_MAX_BYTES ((size_t)1024 * 1024) /* of the binary form */
#define HSM_OLDER_TEXT_MAX_BYTES ((size_t)4096)          /* of the head's texts */

typedef enum hsm_older_number {
    HSM_OLDER_HANDLE,
    HSM_OLDER_SLOT,
    HSM_OLDER_CLASS,
    HSM_OLDER_KEY_TYPE,
    HSM_OLDER_MODULUS_BITS,
    HSM_OLDER_VALUE_LEN,
    HSM_OLDER_CREATED, /* seconds since 1970 */
    HSM_OLDER_NUMBER_COUNT,
} hsm_older_number;

typedef enum hsm_older_flag {
    HSM_OLDER_TOKEN,
    HSM_OLDER_PRIVATE,
    HSM_OLDER_SENSITIVE,
    HSM_OLDER_EXTRACTABLE,
    HSM_OLDER_MODIFIABLE,
    HSM_OLDER_DESTROYABLE,
    HSM_OLDER_COPYABLE,
    HSM_OLDER_ENCRYPT,
    HSM_OLDER_DECRYPT,
    HSM_OLDER_SIGN,
    HSM_OLDER_VERIFY,
    HSM_OLDER_WRAP,
    HSM_OLDER_UNWRAP,
    HSM_OLDER_DERIVE,
    HSM_OLDER_FLAG_COUNT,
} hsm_older_flag;

typedef enum hsm_older_bytes {
    HSM_OLDER_LABEL,
    HSM_OLDER_ID,
    HSM_OLDER_KEY,    /* what is secret in a key; also the value of data and certificates */
    HSM_OLDER_PUBLIC, /* Ed25519 and post-quantum: the public key */
    HSM_OLDER_MODULUS,
    HSM_OLDER_EXPONENT,
    HSM_OLDER_EC_PARAMS,
    HSM_OLDER_EC_POINT,
    HSM_OLDER_START_DATE, /* 8 digits */
    HSM_OLDER_END_DATE,
    HSM_OLDER_BYTES_COUNT,
} hsm_older_bytes;

/* The numbers are those of its binary form. */
typedef enum hsm_older_state {
    HSM_OLDER_PRE_ACTIVATION,
    HSM_OLDER_ACTIVE,
    HSM_OLDER_DEACTIVATED,
    HSM_OLDER_COMPROMISED,
    HSM_OLDER_DESTROYED,
    HSM_OLDER_STATE_COUNT,
} hsm_older_state;

/* An attribute that the older system keeps and does not look at: the bytes that an application gave. */
typedef struct hsm_older_attr {
    uint64_t type;
    hsm_bytes value;
} hsm_older_attr;

/* An object; spans are borrowed from the content. */
typedef struct hsm_older_object {
    uint64_t number[HSM_OLDER_NUMBER_COUNT];
    bool has_number[HSM_OLDER_NUMBER_COUNT];
    bool flag[HSM_OLDER_FLAG_COUNT];
    hsm_bytes bytes[HSM_OLDER_BYTES_COUNT]; /* data NULL: it has none */
    hsm_older_attr attrs[HSM_OLDER_ATTRS_MAX];
    size_t attr_count;
    hsm_older_state state;
} hsm_older_object;
/* NULL: it has none of that type. */
const hsm_older_attr *hsm_older_find(const hsm_older_object *object, uint64_t type);

/* What stands before the objects; spans as those of objects. */
typedef struct hsm_older_head {
    uint64_t created; /* seconds since 1970 */
    hsm_bytes id;     /* 32 hexadecimal digits, if it is right */
    hsm_bytes serial; /* of the token */
    uint64_t objects; /* how many follow */
} hsm_older_head;

/* Decrypted content being read, from its start to its end. Byte strings that JSON has as lists of
 * numbers become bytes where they stand, so that no second copy of a key is made: what was read
 * can't be read again. */
typedef struct hsm_older_reader {
    unsigned format; /* 1, 2 */
    uint8_t *data;   /* the owner's */
    size_t len;
    size_t at;
    uint64_t left;     /* objects still to come */
    bool has_begun;    /* JSON: a first object was read */
    const char *fault; /* of an error: what is wrong at `at`; a constant */
} hsm_older_reader;

/* in      reader  format, data, len; the rest 0
 * errors  HSM_E_DATA (with fault), HSM_E_LIMIT (more than HSM_OLDER_OBJECTS_MAX) */
HSM_MUST_USE hsm_err hsm_older_begin(hsm_older_reader *reader, hsm_older_head *out_head);
/* The next object; to be called while left > 0. errors HSM_E_DATA (with fault) */
HSM_MUST_USE hsm_err hsm_older_next(hsm_older_reader *reader, hsm_older_object *out_object);
/* Whether nothing follows the last one. errors HSM_E_DATA (with fault) */
HSM_MUST_USE hsm_err hsm_older_end(hsm_older_reader *reader);

/* --- for the two forms (older_json.c, older_binary.c) --- */

typedef enum hsm_older_kind {
    HSM_OLDER_KIND_NUMBER,
    HSM_OLDER_KIND_FLAG,
    HSM_OLDER_KIND_BYTES,
    HSM_OLDER_KIND_DATE, /* 8 bytes */
    HSM_OLDER_KIND_ATTRS,
    HSM_OLDER_KIND_STATE,
} hsm_older_kind;

/* A field of an object. The rows stand in the order of the binary form. */
typedef struct hsm_older_field {
    const char *name; /* in JSON */
    hsm_older_kind kind;
    uint8_t index;    /* hsm_older_number, _flag or _bytes */
    bool is_optional; /* may be none: null, or absent */
    bool may_lack;    /* JSON of the first versions does not have it */
} hsm_older_field;
extern const hsm_older_field hsm_older_fields[];
extern const size_t hsm_older_field_count;

/* How a form takes a value of each kind. errors HSM_E_DATA (with fault) */
typedef struct hsm_older_form {
    hsm_err (*number)(hsm_older_reader *reader, uint64_t *out_number);
    hsm_err (*flag)(hsm_older_reader *reader, bool *out_flag);
    hsm_err (*bytes)(hsm_older_reader *reader, hsm_bytes *out_bytes);
    hsm_err (*date)(hsm_older_reader *reader, hsm_bytes *out_date);
    hsm_err (*attrs)(hsm_older_reader *reader, hsm_older_object *object);
    hsm_err (*state)(hsm_older_reader *reader, hsm_older_state *out_state);
} hsm_older_form;
/* Takes the value of a field that is there. */
HSM_MUST_USE hsm_err hsm_older_take(hsm_older_reader *reader, const hsm_older_form *form,
                                    const hsm_older_field *field, hsm_older_object *object);

/* Notes what is wrong; gives HSM_E_DATA. */
hsm_err hsm_older_fail(hsm_older_reader *reader, const char *what);
/* Adds an attribute to an object. errors HSM_E_DATA (one too many, or a type twice) */
HSM_MUST_USE hsm_err hsm_older_add_attr(hsm_older_reader *reader, hsm_older_object *object,
                                        const hsm_older_attr *attr);

HSM_MUST_USE hsm_err hsm_older_json_begin(hsm_older_reader *reader, hsm_older_head *head);
HSM_MUST_USE hsm_err hsm_older_json_next(hsm_older_reader *reader, hsm_older_object *object);
HSM_MUST_USE hsm_err hsm_older_json_end(hsm_older_reader *reader);
HSM_MUST_USE hsm_err hsm_older_binary_begin(hsm_older_reader *reader, hsm_older_head *head);
HSM_MUST_USE hsm_err hsm_older_binary_next(hsm_older_reader *reader, hsm_older_object *object);
HSM_MUST_USE hsm_err hsm_older_binary_end(hsm_older_reader *reader);

#endif
