/* Strings, arrays and inline tables as values.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config/internal.h"

static hsm_err read_text(toml_parser *parser, hsm_toml_node *node)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };

    HSM_TRY(toml_read_string(parser, &text));
    HSM_TRY(hsm_buf_append(&text, hsm_bytes_of("", 1)));
    node->type = HSM_TOML_STRING;
    node->text_len = text.len - 1;
    node->text = (char *)text.data;
    text = (hsm_buf){ 0 };
    return HSM_OK;
}

/* In an array, line ends and comments may stand between everything. */
static void skip_between_elements(toml_parser *parser)
{
    toml_skip_blanks(parser);
    while (toml_peek(parser) == '\n' || toml_peek(parser) == '\r' || toml_peek(parser) == '#') {
        (void)toml_skip_line_end(parser);
        toml_skip_blanks(parser);
    }
}

static hsm_err read_array(toml_parser *parser, hsm_toml_node *node)
{
    node->type = HSM_TOML_ARRAY;
    node->is_closed = true;
    toml_advance(parser);
    for (;;) {
        hsm_toml_node *element = NULL;

        skip_between_elements(parser);
        if (toml_peek(parser) == ']')
            break;
        toml_mark(parser);
        HSM_TRY(toml_add(parser, node, NULL, &element));
        HSM_TRY(toml_read_value(parser, element));
        parser->current = node;
        skip_between_elements(parser);
        if (toml_peek(parser) == ']')
            break;
        if (toml_peek(parser) != ',')
            return toml_fail(parser, "',' or ']' expected in the array");
        toml_advance(parser);
    }
    toml_advance(parser);
    return HSM_OK;
}

/* On one line, and without a comma after the last pair. */
static hsm_err read_inline_table(toml_parser *parser, hsm_toml_node *node)
{
    const unsigned section_outside = parser->section;

    node->type = HSM_TOML_TABLE;
    parser->section = 1; /* its dotted keys form one section; nobody else can reach them */
    toml_advance(parser);
    toml_skip_blanks(parser);
    while (toml_peek(parser) != '}' || node->first != NULL) {
        HSM_TRY(toml_read_pair(parser, node));
        parser->current = node;
        toml_skip_blanks(parser);
        if (toml_peek(parser) == '}')
            break;
        if (toml_peek(parser) != ',')
            return toml_fail(parser, "',' or '}' expected in the inline table");
        toml_advance(parser);
        toml_skip_blanks(parser);
    }
    toml_advance(parser);
    parser->section = section_outside;
    node->is_closed = true;
    return HSM_OK;
}

hsm_err toml_read_value(toml_parser *parser, hsm_toml_node *node)
{
    switch (toml_peek(parser)) {
    case '"':
    case '\'':
        return read_text(parser, node);
    case '[':
        return read_array(parser, node);
    case '{':
        return read_inline_table(parser, node);
    default:
        return toml_read_scalar(parser, node);
    }
}
