/* Lines, headers and keys: what makes the tree. Values are in toml_value.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config/toml.h"

#include <stdlib.h>

#include "config/internal.h"

/* --- the input ---------------------------------------------------------------------------- */

int toml_peek_at(const toml_parser *parser, size_t distance)
{
    return distance < (size_t)(parser->end - parser->at) ? parser->at[distance] : TOML_END;
}

int toml_peek(const toml_parser *parser)
{
    return toml_peek_at(parser, 0);
}

void toml_advance(toml_parser *parser)
{
    const int c = toml_peek(parser);

    if (c == TOML_END)
        return;
    parser->at++;
    if (c == '\n') {
        parser->line++;
        parser->column = 1;
    } else if ((toml_peek(parser) & 0xc0) != 0x80 || toml_peek(parser) == TOML_END) {
        parser->column++; /* only after the last byte of a character */
    }
}

void toml_skip_blanks(toml_parser *parser)
{
    while (toml_peek(parser) == ' ' || toml_peek(parser) == '\t')
        toml_advance(parser);
}

bool toml_skip_line_end(toml_parser *parser)
{
    toml_skip_blanks(parser);
    if (toml_peek(parser) == '#') {
        while (toml_peek(parser) != TOML_END && toml_peek(parser) != '\n')
            toml_advance(parser);
    }
    if (toml_peek(parser) == '\r')
        toml_advance(parser);
    if (toml_peek(parser) == TOML_END)
        return true;
    if (toml_peek(parser) != '\n')
        return false;
    toml_advance(parser);
    return true;
}

/* Writes the dotted name of a node; what does not fit is cut. */
static void name_node(const hsm_toml_node *node, hsm_toml_error *error)
{
    const hsm_toml_node *line[HSM_TOML_MAX_DEPTH + 2];
    size_t count = 0;
    size_t len = 0;

    for (; node != NULL && count < HSM_ARRAY_LEN(line); node = node->parent) {
        if (node->key != NULL)
            line[count++] = node;
    }
    for (; count > 0; count--) {
        const hsm_toml_node *part = line[count - 1];

        if (len > 0 && len + 1 < sizeof error->key)
            error->key[len++] = '.';
        for (size_t i = 0; i < part->key_len && len + 1 < sizeof error->key; i++)
            error->key[len++] = part->key[i];
    }
    error->key[len] = '\0';
}

hsm_err toml_fail(toml_parser *parser, const char *reason)
{
    parser->error->line = parser->line;
    parser->error->column = parser->column;
    parser->error->reason = reason;
    name_node(parser->current, parser->error);
    return HSM_E_CONFIG;
}

void toml_mark(toml_parser *parser)
{
    parser->mark_line = parser->line;
    parser->mark_column = parser->column;
}

/* At the key read last, about the node that stands in its way. */
static hsm_err fail_at_mark(toml_parser *parser, const hsm_toml_node *node, const char *reason)
{
    parser->line = parser->mark_line;
    parser->column = parser->mark_column;
    parser->current = node;
    return toml_fail(parser, reason);
}

/* --- the tree ----------------------------------------------------------------------------- */

void hsm_toml_destroy(hsm_toml_node *root)
{
    if (root == NULL)
        return;
    for (hsm_toml_node *child = root->first; child != NULL;) {
        hsm_toml_node *next = child->next;

        hsm_toml_destroy(child); /* as deep as the document, which is limited */
        child = next;
    }
    free(root->key);
    free(root->text);
    free(root);
}

static void node_drop(hsm_toml_node **node)
{
    hsm_toml_destroy(*node);
    *node = NULL;
}

static hsm_toml_node *find(const hsm_toml_node *table, hsm_bytes key)
{
    for (hsm_toml_node *child = table->first; child != NULL; child = child->next) {
        if (hsm_bytes_equal(hsm_bytes_of(child->key, child->key_len), key))
            return child;
    }
    return NULL;
}

const hsm_toml_node *hsm_toml_get(const hsm_toml_node *table, const char *key)
{
    return table->type == HSM_TOML_TABLE ? find(table, hsm_bytes_of_text(key)) : NULL;
}

static hsm_err give_key(hsm_toml_node *node, hsm_buf *take_key)
{
    const hsm_bytes end = hsm_bytes_of("", 1);

    HSM_TRY(hsm_buf_append(take_key, end));
    node->key = (char *)take_key->data;
    node->key_len = take_key->len - 1;
    *take_key = (hsm_buf){ 0 };
    return HSM_OK;
}

hsm_err toml_add(toml_parser *parser, hsm_toml_node *parent, hsm_buf *take_key,
                 hsm_toml_node **out_node)
{
    unsigned *count = take_key != NULL ? &parser->keys : &parser->items;
    const unsigned max = take_key != NULL ? HSM_TOML_MAX_KEYS : HSM_TOML_MAX_ITEMS;

    if (*count >= max)
        return fail_at_mark(parser, parent,
                            take_key != NULL ? "more than 4096 keys"
                                             : "more than 16384 elements of arrays");
    if (parent->depth >= HSM_TOML_MAX_DEPTH)
        return fail_at_mark(parser, parent, "nested deeper than 32");
    HSM_AUTO(node_drop) hsm_toml_node *node = calloc(1, sizeof *node);
    HSM_CHECK(node != NULL, HSM_E_NO_MEMORY);
    if (take_key != NULL)
        HSM_TRY(give_key(node, take_key));

    (*count)++;
    node->line = parser->mark_line;
    node->column = parser->mark_column;
    node->parent = parent;
    node->depth = parent->depth + 1;
    if (parent->last != NULL)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    *out_node = HSM_MOVE(node);
    return HSM_OK;
}

/* --- key = value -------------------------------------------------------------------------- */

/* The table that a part of a dotted key names, made if it is missing. Tables that have a header, or
 * were made by dotted keys of an earlier section, are complete. */
static hsm_err step_dotted(toml_parser *parser, hsm_toml_node **table, hsm_buf *key)
{
    hsm_toml_node *child = find(*table, hsm_buf_view(key));

    if (child == NULL) {
        HSM_TRY(toml_add(parser, *table, key, &child));
        child->type = HSM_TOML_TABLE;
        child->dotted_in = parser->section;
    }
    if (child->type != HSM_TOML_TABLE)
        return fail_at_mark(parser, child, "the part before the dot has a value that is no table");
    if (child->is_closed || child->is_explicit ||
        (child->dotted_in != 0 && child->dotted_in != parser->section))
        return fail_at_mark(parser, child, "the table is already defined elsewhere");
    child->dotted_in = parser->section;
    *table = child;
    return HSM_OK;
}

/* Takes "a.b.c", and makes the node for its last part. */
static hsm_err read_pair_key(toml_parser *parser, hsm_toml_node *table, hsm_toml_node **out_node)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf key = { 0 };

    for (;;) {
        hsm_buf_clear(&key);
        HSM_TRY(toml_read_key(parser, &key));
        toml_skip_blanks(parser);
        if (toml_peek(parser) != '.')
            break;
        HSM_TRY(step_dotted(parser, &table, &key));
        toml_advance(parser);
        toml_skip_blanks(parser);
    }
    const hsm_toml_node *twin = find(table, hsm_buf_view(&key));
    if (twin != NULL)
        return fail_at_mark(parser, twin, "the key is given twice");
    return toml_add(parser, table, &key, out_node);
}

hsm_err toml_read_pair(toml_parser *parser, hsm_toml_node *table)
{
    hsm_toml_node *node = NULL;

    parser->current = table;
    HSM_TRY(read_pair_key(parser, table, &node));
    parser->current = node;
    if (toml_peek(parser) != '=')
        return toml_fail(parser, "'=' expected after the key");
    toml_advance(parser);
    toml_skip_blanks(parser);
    return toml_read_value(parser, node);
}

/* --- [header] and [[header]] -------------------------------------------------------------- */

/* The table that a part before the last names, made if missing; the newest one of a list. */
static hsm_err step_header(toml_parser *parser, hsm_toml_node **table, hsm_buf *key)
{
    hsm_toml_node *child = find(*table, hsm_buf_view(key));

    if (child == NULL) {
        HSM_TRY(toml_add(parser, *table, key, &child));
        child->type = HSM_TOML_TABLE;
    }
    if (child->is_closed)
        return fail_at_mark(parser, child, "nothing can be added to what is written inline");
    if (child->is_table_list)
        child = child->last;
    if (child->type != HSM_TOML_TABLE)
        return fail_at_mark(parser, child, "the part before the dot has a value that is no table");
    *table = child;
    return HSM_OK;
}

static hsm_err open_table(toml_parser *parser, hsm_toml_node **table, hsm_buf *key)
{
    hsm_toml_node *child = find(*table, hsm_buf_view(key));

    if (child == NULL) {
        HSM_TRY(toml_add(parser, *table, key, &child));
        child->type = HSM_TOML_TABLE;
    } else if (child->type != HSM_TOML_TABLE || child->is_explicit || child->is_closed ||
               child->dotted_in != 0) {
        return fail_at_mark(parser, child, "the table is already defined");
    }
    child->is_explicit = true;
    *table = child;
    return HSM_OK;
}

static hsm_err open_list_table(toml_parser *parser, hsm_toml_node **table, hsm_buf *key)
{
    hsm_toml_node *list = find(*table, hsm_buf_view(key));
    hsm_toml_node *item = NULL;

    if (list == NULL) {
        HSM_TRY(toml_add(parser, *table, key, &list));
        list->type = HSM_TOML_ARRAY;
        list->is_table_list = true;
    } else if (!list->is_table_list) {
        return fail_at_mark(parser, list, "the name is already defined, not as a list of tables");
    }
    HSM_TRY(toml_add(parser, list, NULL, &item));
    item->type = HSM_TOML_TABLE;
    item->is_explicit = true;
    *table = item;
    return HSM_OK;
}

static hsm_err read_header_name(toml_parser *parser, bool is_list, hsm_toml_node **table)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf key = { 0 };

    for (;;) {
        toml_skip_blanks(parser);
        hsm_buf_clear(&key);
        HSM_TRY(toml_read_key(parser, &key));
        toml_skip_blanks(parser);
        if (toml_peek(parser) != '.')
            break;
        HSM_TRY(step_header(parser, table, &key));
        toml_advance(parser);
    }
    return is_list ? open_list_table(parser, table, &key) : open_table(parser, table, &key);
}

static hsm_err read_header(toml_parser *parser, hsm_toml_node *root, hsm_toml_node **out_table)
{
    hsm_toml_node *table = root;
    const bool is_list = toml_peek_at(parser, 1) == '[';

    parser->current = NULL;
    parser->section++;
    toml_advance(parser);
    if (is_list)
        toml_advance(parser);
    HSM_TRY(read_header_name(parser, is_list, &table));
    parser->current = table;
    if (toml_peek(parser) != ']' || (is_list && toml_peek_at(parser, 1) != ']'))
        return toml_fail(parser, is_list ? "']]' expected" : "']' expected");
    toml_advance(parser);
    if (is_list)
        toml_advance(parser);
    *out_table = table;
    return HSM_OK;
}

/* --- the document ------------------------------------------------------------------------- */

static hsm_err read_lines(toml_parser *parser, hsm_toml_node *root)
{
    hsm_toml_node *table = root;

    while (toml_peek(parser) != TOML_END) {
        if (toml_skip_line_end(parser))
            continue;
        if (toml_peek(parser) == '[')
            HSM_TRY(read_header(parser, root, &table));
        else
            HSM_TRY(toml_read_pair(parser, table));
        if (!toml_skip_line_end(parser))
            return toml_fail(parser, "the line should end here");
    }
    return HSM_OK;
}

/* Stops a parser at the byte that is not text, to get its line and column. */
static hsm_err check_encoding(toml_parser *parser)
{
    const uint8_t *begin = parser->at;
    size_t bad_at = 0;
    const char *reason = NULL;
    const hsm_err err =
        toml_check_encoding(hsm_bytes_of(begin, (size_t)(parser->end - begin)), &bad_at, &reason);

    if (err == HSM_OK)
        return HSM_OK;
    while (parser->at < begin + bad_at)
        toml_advance(parser);
    return toml_fail(parser, reason);
}

hsm_err hsm_toml_parse(hsm_bytes text, hsm_toml_node **out_root, hsm_toml_error *out_error)
{
    hsm_toml_error error = { .line = 1, .column = 1 };
    HSM_AUTO(node_drop) hsm_toml_node *root = calloc(1, sizeof *root);
    HSM_CHECK(root != NULL, HSM_E_NO_MEMORY);
    root->type = HSM_TOML_TABLE;

    toml_parser parser = { .at = text.data, .line = 1, .column = 1, .section = 1, .error = &error };
    parser.end = text.len > 0 ? text.data + text.len : text.data;
    hsm_err err = HSM_OK;
    if (text.len > HSM_TOML_MAX_BYTES)
        err = toml_fail(&parser, "larger than 1 MiB");
    if (err == HSM_OK)
        err = check_encoding(&parser);
    if (err == HSM_OK && toml_peek(&parser) == 0xef && toml_peek_at(&parser, 1) == 0xbb &&
        toml_peek_at(&parser, 2) == 0xbf)
        parser.at += 3; /* a byte order mark, as some editors write it */
    if (err == HSM_OK)
        err = read_lines(&parser, root);
    if (err == HSM_E_CONFIG)
        *out_error = error;
    HSM_TRY(err);
    *out_root = HSM_MOVE(root);
    return HSM_OK;
}

const char *hsm_toml_type_name(hsm_toml_type type)
{
    static const char *const names[] = {
        [HSM_TOML_STRING] = "a string",
        [HSM_TOML_INTEGER] = "a whole number",
        [HSM_TOML_FLOAT] = "a decimal number",
        [HSM_TOML_BOOLEAN] = "true or false",
        [HSM_TOML_DATE_TIME] = "a date or time",
        [HSM_TOML_ARRAY] = "an array",
        [HSM_TOML_TABLE] = "a table",
    };

    return names[type];
}
