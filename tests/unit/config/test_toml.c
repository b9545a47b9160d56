/* Positions of errors, and limits; values are compared with another reader by check_toml.py.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config/toml.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "support/check.h"

static const struct {
    const char *text;
    unsigned line;
    unsigned column;
    const char *key;
    const char *reason;
} bad_cases[] = {
    { "a = 1\na = 2\n", 2, 1, "a", "the key is given twice" },
    { "[t]\nx.y = 1\n x.y = 2\n", 3, 4, "t.x.y", "the key is given twice" },
    { "a = \n", 1, 5, "a", "a value expected" },
    { "a", 1, 2, "a", "'=' expected after the key" },
    { "= 1", 1, 1, "", "a key expected" },
    { "a = 1 b = 2", 1, 7, "a", "the line should end here" },
    { "a = foo", 1, 5, "a", "not a value (strings need quotes)" },
    { "a = 01", 1, 5, "a", "not a value (strings need quotes)" },
    { "a = 9223372036854775808", 1, 5, "a", "the number does not fit in 64 bits" },
    { "a = 1979-02-29", 1, 5, "a", "not a date or time" },
    { "[t]\na = \"x\n", 2, 7, "t.a", "the string does not end on its line" },
    { "a = \"\xc3\xbc\\q\"", 1, 8, "a", "unknown escape after the backslash" },
    { "a = \"\\u12g4\"", 1, 10, "a", "4 hexadecimal digits expected after \\u" },
    { "a = \"\\ud800\"", 1, 12, "a", "the escape is no Unicode character" },
    { "a = \"\"\"\nx\n", 3, 1, "a", "the file ends within a string" },
    { "a = [1,\n 2\n b]", 3, 2, "a", "',' or ']' expected in the array" },
    { "a = {b = 1,}", 1, 12, "a", "a key expected" },
    { "a = {b = 1 c = 2}", 1, 12, "a", "',' or '}' expected in the inline table" },
    { "[a\nb = 1", 1, 3, "a", "']' expected" },
    { "[[a]\n", 1, 4, "a", "']]' expected" },
    { "[a]\nb = 1\n[c]\n[a]\n", 4, 2, "a", "the table is already defined" },
    { "a = 1\n[a.b]\n", 2, 2, "a", "the part before the dot has a value that is no table" },
    { "a = {}\n[a.b]\n", 2, 2, "a", "nothing can be added to what is written inline" },
    { "a = [1]\n[[a]]\n", 2, 3, "a", "the name is already defined, not as a list of tables" },
    { "a = {}\na.b = 1", 2, 1, "a", "the table is already defined elsewhere" },
    { "[a.b]\n[a]\nb.c = 1", 3, 1, "a.b", "the table is already defined elsewhere" },
    { "a = 1\nb = \x01\n", 2, 5, "", "a control character" },
    { "a = 1\r", 1, 6, "", "a control character" },
    { "# \xff\n", 1, 3, "", "not UTF-8 text" },
    { "\xc3\xbc = \"\xc3\xbc\xed\xa0\x80\"", 1, 7, "", "not UTF-8 text" },
};

static void errors_have_positions(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(bad_cases); i++) {
        hsm_toml_node *root = NULL;
        hsm_toml_error error = { 0 };

        CASE(bad_cases[i].text);
        CHECK_ERR(hsm_toml_parse(hsm_bytes_of_text(bad_cases[i].text), &root, &error),
                  HSM_E_CONFIG);
        CHECK_THAT(root == NULL);
        CHECK_EQ(error.line, bad_cases[i].line);
        CHECK_EQ(error.column, bad_cases[i].column);
        CHECK_STR(error.key, bad_cases[i].key);
        CHECK_STR(error.reason, bad_cases[i].reason);
        hsm_toml_destroy(root);
    }
}

static hsm_err parse(hsm_bytes text, hsm_toml_error *error)
{
    hsm_toml_node *root = NULL;
    const hsm_err err = hsm_toml_parse(text, &root, error);

    hsm_toml_destroy(root);
    return err;
}

/* `count` times `piece`, then the rest. */
static void repeat(hsm_buf *buf, const char *piece, unsigned count, const char *rest)
{
    hsm_buf_reset(buf);
    for (unsigned i = 0; i < count; i++)
        REQUIRE_OK(hsm_buf_append(buf, hsm_bytes_of_text(piece)));
    REQUIRE_OK(hsm_buf_append(buf, hsm_bytes_of_text(rest)));
}

static void depth_is_limited(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf buf = { 0 };
    hsm_toml_error error = { 0 };

    CASE("arrays");
    repeat(&buf, "[", 31, "1");
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };
    REQUIRE_OK(hsm_buf_append(&text, hsm_bytes_of_text("a = ")));
    REQUIRE_OK(hsm_buf_append(&text, hsm_buf_view(&buf)));
    for (int i = 0; i < 31; i++)
        REQUIRE_OK(hsm_buf_append(&text, hsm_bytes_of_text("]")));
    CHECK_OK(parse(hsm_buf_view(&text), &error));
    repeat(&buf, "[", 100000, "");
    buf.data[0] = 'a';
    buf.data[1] = '=';
    CHECK_ERR(parse(hsm_buf_view(&buf), &error), HSM_E_CONFIG);
    CHECK_STR(error.reason, "nested deeper than 32");
    CHECK_EQ(error.column, 35); /* a, =, and the 33rd level */

    CASE("dotted keys");
    repeat(&buf, "a.", 31, "a = 1");
    CHECK_OK(parse(hsm_buf_view(&buf), &error));
    repeat(&buf, "a.", 32, "a = 1");
    CHECK_ERR(parse(hsm_buf_view(&buf), &error), HSM_E_CONFIG);
    CHECK_STR(error.reason, "nested deeper than 32");
}

static void counts_are_limited(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf buf = { 0 };
    hsm_toml_error error = { 0 };
    char line[40];

    CASE("keys");
    for (unsigned i = 0; i < HSM_TOML_MAX_KEYS; i++) {
        (void)snprintf(line, sizeof line, "k%u = 1\n", i);
        REQUIRE_OK(hsm_buf_append(&buf, hsm_bytes_of_text(line)));
    }
    CHECK_OK(parse(hsm_buf_view(&buf), &error));
    REQUIRE_OK(hsm_buf_append(&buf, hsm_bytes_of_text("more = 1")));
    CHECK_ERR(parse(hsm_buf_view(&buf), &error), HSM_E_CONFIG);
    CHECK_STR(error.reason, "more than 4096 keys");
    CHECK_EQ(error.line, HSM_TOML_MAX_KEYS + 1);

    CASE("elements");
    repeat(&buf, "1,", HSM_TOML_MAX_ITEMS, "1]");
    buf.data[0] = 'a';
    buf.data[1] = '=';
    buf.data[2] = '[';
    buf.data[3] = '1';
    buf.data[4] = ' ';
    CHECK_OK(parse(hsm_buf_view(&buf), &error));
    REQUIRE_OK(hsm_buf_append(&buf, hsm_bytes_of_text("\nb = [1, 2]")));
    CHECK_ERR(parse(hsm_buf_view(&buf), &error), HSM_E_CONFIG);
    CHECK_STR(error.reason, "more than 16384 elements of arrays");

    CASE("bytes");
    repeat(&buf, "#", (unsigned)HSM_TOML_MAX_BYTES, "");
    CHECK_OK(parse(hsm_buf_view(&buf), &error));
    REQUIRE_OK(hsm_buf_append(&buf, hsm_bytes_of_text("#")));
    CHECK_ERR(parse(hsm_buf_view(&buf), &error), HSM_E_CONFIG);
    CHECK_STR(error.reason, "larger than 1 MiB");
}

static void nodes_can_be_read(void)
{
    static const char text[] = "\xef\xbb\xbf# with a byte order mark\n"
                               "title = \"a\\u0000b\"\n"
                               "[owner]\n"
                               "  \"na me\" = 'x' # comment\n"
                               "list = [\n  -5,\n  true]\n";
    hsm_toml_node *root = NULL;
    hsm_toml_error error = { 0 };

    REQUIRE_OK(hsm_toml_parse(hsm_bytes_of_text(text), &root, &error));
    const hsm_toml_node *title = hsm_toml_get(root, "title");
    const hsm_toml_node *owner = hsm_toml_get(root, "owner");
    REQUIRE_THAT(title != NULL && owner != NULL);
    CHECK_BYTES(title->text, title->text_len, "a\0b", 3);
    CHECK_EQ(owner->type, HSM_TOML_TABLE);
    const hsm_toml_node *name = hsm_toml_get(owner, "na me");
    REQUIRE_THAT(name != NULL);
    CHECK_EQ(name->line, 4);
    CHECK_EQ(name->column, 3);
    const hsm_toml_node *list = hsm_toml_get(owner, "list");
    REQUIRE_THAT(list != NULL && list->first != NULL && list->first->next != NULL);
    CHECK_EQ(list->first->integer, -5);
    CHECK_EQ(list->first->line, 6);
    CHECK_EQ(list->first->column, 3);
    CHECK_THAT(list->first->next->boolean);
    CHECK_THAT(hsm_toml_get(root, "missing") == NULL);
    CHECK_THAT(hsm_toml_get(title, "x") == NULL);
    hsm_toml_destroy(root);
    hsm_toml_destroy(NULL);
}

static void empty_is_fine(void)
{
    hsm_toml_error error = { 0 };

    CHECK_OK(parse(hsm_bytes_none(), &error));
    CHECK_OK(parse(hsm_bytes_of_text("\n\r\n  # x"), &error));
}

static const check_test tests[] = {
    CHECK_TEST(errors_have_positions), CHECK_TEST(depth_is_limited), CHECK_TEST(counts_are_limited),
    CHECK_TEST(nodes_can_be_read),     CHECK_TEST(empty_is_fine),
};
CHECK_MAIN(tests)
