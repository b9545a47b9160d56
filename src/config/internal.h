/* The parts of the TOML reader and of the configuration.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CONFIG_INTERNAL_H
#define HSM_CONFIG_INTERNAL_H

#include "base/buf.h"
#include "config/config.h"
#include "config/toml.h"

#define TOML_END (-1)

typedef struct toml_parser {
    const uint8_t *at;
    const uint8_t *end;
    unsigned line;
    unsigned column;
    unsigned mark_line; /* where the key or element read last begins */
    unsigned mark_column;
    unsigned keys;
    unsigned items;
    unsigned section; /* counts [headers]; 1 before the first */
    const hsm_toml_node *current;
    hsm_toml_error *error;
} toml_parser;

/* toml.c: the input. The text holds valid UTF-8 and no control characters but tab, LF and CR LF. */
int toml_peek(const toml_parser *parser);                     /* TOML_END at the end */
int toml_peek_at(const toml_parser *parser, size_t distance); /* the same, further on */
void toml_advance(toml_parser *parser);
void toml_skip_blanks(toml_parser *parser); /* spaces and tabs */
/* Takes a comment and the end of the line, or of the file, if they come next. */
bool toml_skip_line_end(toml_parser *parser);
/* Records what is wrong at the parser's position; returns HSM_E_CONFIG. */
hsm_err toml_fail(toml_parser *parser, const char *reason);
/* What toml_add() adds begins here. */
void toml_mark(toml_parser *parser);

/* toml.c: the tree. */
/* A new child at the end of a table (key taken, even on failure) or an array (key NULL). */
HSM_MUST_USE hsm_err toml_add(toml_parser *parser, hsm_toml_node *parent, hsm_buf *take_key,
                              hsm_toml_node **out_node);
/* key = value in a table; the key may be dotted. */
HSM_MUST_USE hsm_err toml_read_pair(toml_parser *parser, hsm_toml_node *table);

/* toml_string.c */
bool toml_is_bare(int c);
HSM_MUST_USE hsm_err toml_read_key(toml_parser *parser, hsm_buf *out);
HSM_MUST_USE hsm_err toml_read_string(toml_parser *parser, hsm_buf *out);
HSM_MUST_USE hsm_err toml_check_encoding(hsm_bytes text, size_t *out_bad_at,
                                         const char **out_reason);

/* toml_value.c: fills a node that is in the tree already. */
HSM_MUST_USE hsm_err toml_read_value(toml_parser *parser, hsm_toml_node *node);

/* toml_scalar.c: a number, boolean or date from the text of its token. */
HSM_MUST_USE hsm_err toml_read_scalar(toml_parser *parser, hsm_toml_node *node);

/* config_fields.c: the table of keys. */
/* Fills a zeroed struct with the defaults. errors HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err config_set_defaults(hsm_config *config);
/* Takes over what a document says. errors HSM_E_CONFIG (out_error is filled), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err config_apply(hsm_config *config, const hsm_toml_node *root,
                                  hsm_config_error *out_error);
/* Frees the strings. */
void config_clear(hsm_config *config);

/* config_clients.c: [[daemon.client]]. */
/* errors  HSM_E_CONFIG (out_error is filled), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err config_apply_clients(hsm_config *config, const hsm_toml_node *list,
                                          hsm_config_error *out_error);
void config_clear_clients(hsm_config *config);

/* config_check.c: what a single value must be; NULL or the reason why it is not. A check may
 * exchange the text for another spelling of the same. */
const char *config_check_serial(char **text);
const char *config_check_backend(char **text);
const char *config_check_bind(char **text);
const char *config_check_path(char **text);
const char *config_check_metrics(char **text);
const char *config_check_tls_key(char **text);
/* How many characters differ: for suggestions. */
size_t config_distance(const char *a, const char *b);

#endif
