/* A strict reader of TOML 1.0 (https://toml.io/en/v1.0.0), for small files.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CONFIG_TOML_H
#define HSM_CONFIG_TOML_H

#include "base/bytes.h"
#include "base/scope.h"

/* Limits; what is beyond them is refused. */
#define HSM_TOML_MAX_BYTES ((size_t)1024 * 1024)
#define HSM_TOML_MAX_DEPTH 32u    /* tables and arrays within each other */
#define HSM_TOML_MAX_KEYS 4096u   /* in the whole file, with the names of tables */
#define HSM_TOML_MAX_ITEMS 16384u /* elements of arrays in the whole file */

typedef enum hsm_toml_type {
    HSM_TOML_STRING,
    HSM_TOML_INTEGER,
    HSM_TOML_FLOAT, /* checked; its text is kept, no number is made of it */
    HSM_TOML_BOOLEAN,
    HSM_TOML_DATE_TIME, /* date, time or both, checked; its text is kept */
    HSM_TOML_ARRAY,
    HSM_TOML_TABLE,
} hsm_toml_type;

/* A value with its key. Read only; all of it is owned by the document. */
typedef struct hsm_toml_node hsm_toml_node;
struct hsm_toml_node {
    hsm_toml_type type;
    unsigned line;   /* where the key, or the element of an array, begins; from 1 */
    unsigned column; /* in characters, from 1 */
    char *key;       /* NUL-terminated, but may contain NUL: NULL for elements of arrays */
    size_t key_len;
    char *text; /* STRING, FLOAT, DATE_TIME: NUL-terminated UTF-8, may contain NUL */
    size_t text_len;
    int64_t integer;      /* INTEGER */
    bool boolean;         /* BOOLEAN */
    hsm_toml_node *first; /* TABLE, ARRAY: what is in it, in the order of the file */
    hsm_toml_node *next;
    /* for the reader: */
    hsm_toml_node *last;
    hsm_toml_node *parent;
    unsigned depth;
    unsigned dotted_in; /* section whose dotted keys made it; 0: none */
    bool is_explicit;   /* has its own [header] */
    bool is_closed;     /* written inline: nothing may be added */
    bool is_table_list; /* made by [[header]] */
};

/* What is wrong with a file, and where. */
typedef struct hsm_toml_error {
    unsigned line;
    unsigned column;
    char key[128];      /* the dotted key concerned, cut if long; "" if none */
    const char *reason; /* a constant */
} hsm_toml_error;

/* Reads a document; the result is its root table, to be released with hsm_toml_destroy().
 * errors  HSM_E_CONFIG (out_error says why, and is written only then), HSM_E_NO_MEMORY
 * thread  any */
HSM_MUST_USE hsm_err hsm_toml_parse(hsm_bytes text, hsm_toml_node **out_root,
                                    hsm_toml_error *out_error);
/* Releases a node with all below it; NULL is allowed. */
void hsm_toml_destroy(hsm_toml_node *root);

/* The value of a key in a table, or NULL. */
const hsm_toml_node *hsm_toml_get(const hsm_toml_node *table, const char *key);
/* "a string", "a table" ...: for messages. */
const char *hsm_toml_type_name(hsm_toml_type type);

#endif
