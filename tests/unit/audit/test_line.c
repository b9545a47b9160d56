/* Lines of the log, taken apart: each part wrong by itself. Forms are those of docs/audit-format.md.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "audit/line.h"
#include "support/check.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define MEMBERS "\"operation\":\"sign\",\"pid\":1,\"uid\":0"
#define HEAD "{\"timestamp\":12,\"index\":3," MEMBERS
#define PREVIOUS ",\"previous_hash\":\"" HEX64 "\""
#define MAC ",\"hmac\":\"" HEX64 "\"}"
#define BIG "18446744073709551615"

static const struct {
    const char *label;
    const char *text;
} bad_lines[] = {
    { "nothing", "" },
    { "no end", HEAD PREVIOUS },
    { "only an end", "{" PREVIOUS MAC },
    { "no previous hash", HEAD ",\"previous_hush\":\"" HEX64 "\"" MAC },
    { "a previous hash of capitals",
      HEAD ",\"previous_hash\":"
           "\"AA112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"" MAC },
    { "a previous hash with another character",
      HEAD ",\"previous_hash\":\"0/"
           "112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"" MAC },
    { "no hmac", HEAD PREVIOUS ",\"hmak\":\"" HEX64 "\"}" },
    { "an hmac with another character", HEAD PREVIOUS
      ",\"hmac\":\"g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}" },
    { "another end", HEAD PREVIOUS ",\"hmac\":\"" HEX64 "\"]" },
    { "a blank before", " " HEAD PREVIOUS MAC },
    { "no time", "{\"timestamp\":,\"index\":3," MEMBERS PREVIOUS MAC },
    { "a time with a zero before", "{\"timestamp\":012,\"index\":3," MEMBERS PREVIOUS MAC },
    { "a time below zero", "{\"timestamp\":-1,\"index\":3," MEMBERS PREVIOUS MAC },
    { "a time of 2^64", "{\"timestamp\":18446744073709551616,\"index\":3," MEMBERS PREVIOUS MAC },
    { "a time of 21 digits",
      "{\"timestamp\":100000000000000000000,\"index\":3," MEMBERS PREVIOUS MAC },
    { "no index", "{\"timestamp\":12,\"number\":3," MEMBERS PREVIOUS MAC },
    { "an index that is text", "{\"timestamp\":12,\"index\":\"3\"," MEMBERS PREVIOUS MAC },
    { "nothing between", "{\"timestamp\":12,\"index\":3" PREVIOUS MAC },
};

static void lines_of_another_form(void)
{
    hsm_line line = { .index = 77 };

    for (size_t i = 0; i < HSM_ARRAY_LEN(bad_lines); i++) {
        CASE(bad_lines[i].label);
        CHECK_ERR(hsm_line_parse(hsm_bytes_of_text(bad_lines[i].text), &line), HSM_E_DATA);
        CHECK_EQ(line.index, 77);
    }
}

static void a_line_taken_apart(void)
{
    static const char text[] = "{\"timestamp\":" BIG ",\"index\":0," MEMBERS PREVIOUS MAC;
    hsm_line line;

    REQUIRE_OK(hsm_line_parse(hsm_bytes_of_text(text), &line));
    CHECK_EQ(line.timestamp, UINT64_MAX);
    CHECK_EQ(line.index, 0);
    CHECK_THAT(!line.is_checkpoint);
    CHECK_BYTES(line.members.data, line.members.len, MEMBERS, strlen(MEMBERS));
    CHECK_EQ(line.previous[1], 0x11);
    CHECK_EQ(line.mac[31], 0xff);
    CHECK_EQ(line.maced.len, strlen(text) - strlen(MAC));
}

static void the_longest_line(void)
{
    static char text[HSM_LINE_MAX_BYTES + 64];
    static const char head[] = "{\"timestamp\":12,\"index\":3,\"detail\":\"";
    static const char tail[] = "\"" PREVIOUS MAC;
    hsm_line line;

    for (size_t len = HSM_LINE_MAX_BYTES - 1; len <= HSM_LINE_MAX_BYTES; len++) {
        memset(text, 'x', sizeof text);
        memcpy(text, head, strlen(head));
        memcpy(text + len - strlen(tail), tail, strlen(tail));
        CASE(len < HSM_LINE_MAX_BYTES ? "with its line feed as long as may be" : "one more");
        CHECK_ERR(hsm_line_parse(hsm_bytes_of(text, len), &line),
                  len < HSM_LINE_MAX_BYTES ? HSM_OK : HSM_E_DATA);
    }
}

/* --- members ---------------------------------------------------------------------------------- */

static const struct {
    const char *label;
    const char *text;
    hsm_member_kind kind;
    const char *value; /* NULL: it is no member */
} members[] = {
    { "a string", "\"name\":\"text\"", HSM_MEMBER_STRING, "text" },
    { "an empty string", "\"name\":\"\"", HSM_MEMBER_STRING, "" },
    { "a quote in a string", "\"name\":\"a\\\"b\"", HSM_MEMBER_STRING, "a\\\"b" },
    { "a comma before", ",\"name\":\"text\"", HSM_MEMBER_STRING, "text" },
    { "a number", "\"name\":10,\"more\":1", HSM_MEMBER_NUMBER, "10" },
    { "zero", "\"name\":0", HSM_MEMBER_NUMBER, "0" },
    { "true", "\"name\":true", HSM_MEMBER_BOOL, "true" },
    { "false", "\"name\":false,", HSM_MEMBER_BOOL, "false" },
    { "nothing", "", HSM_MEMBER_BOOL, NULL },
    { "a name without an end", "\"name", HSM_MEMBER_BOOL, NULL },
    { "a name that ends in a backslash", "\"name\\", HSM_MEMBER_BOOL, NULL },
    { "a name alone", "\"name\"", HSM_MEMBER_BOOL, NULL },
    { "a name without quotes", "name:1", HSM_MEMBER_BOOL, NULL },
    { "no value", "\"name\":", HSM_MEMBER_BOOL, NULL },
    { "a value without an end", "\"name\":\"text", HSM_MEMBER_BOOL, NULL },
    { "another value", "\"name\":null", HSM_MEMBER_BOOL, NULL },
    { "a number below zero", "\"name\":-1", HSM_MEMBER_BOOL, NULL },
};

static void members_of_lines(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(members); i++) {
        hsm_bytes rest = hsm_bytes_of_text(members[i].text);
        hsm_member member = { .kind = HSM_MEMBER_BOOL };

        CASE(members[i].label);
        const bool is_one = hsm_member_next(&rest, &member);
        CHECK_EQ(is_one, members[i].value != NULL);
        if (is_one && members[i].value != NULL) {
            CHECK_EQ(member.kind, members[i].kind);
            CHECK_BYTES(member.value.data, member.value.len, members[i].value,
                        strlen(members[i].value));
        } else {
            CHECK_EQ(rest.len, strlen(members[i].text)); /* nothing was taken */
        }
    }
}

static void numbers(void)
{
    static const struct {
        const char *label;
        hsm_member member;
        uint64_t value;
        hsm_err want;
    } rows[] = {
        { "the largest",
          { .kind = HSM_MEMBER_NUMBER, .value = { (const uint8_t *)BIG, 20 } },
          UINT64_MAX,
          HSM_OK },
        { "more behind it",
          { .kind = HSM_MEMBER_NUMBER, .value = { (const uint8_t *)"1 ", 2 } },
          0,
          HSM_E_DATA },
        { "no digit",
          { .kind = HSM_MEMBER_NUMBER, .value = { (const uint8_t *)"", 0 } },
          0,
          HSM_E_DATA },
        { "text",
          { .kind = HSM_MEMBER_STRING, .value = { (const uint8_t *)"1", 1 } },
          0,
          HSM_E_DATA },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        uint64_t value = 0;

        CASE(rows[i].label);
        CHECK_ERR(hsm_member_u64(&rows[i].member, &value), rows[i].want);
        if (rows[i].want == HSM_OK)
            CHECK_EQ(value, rows[i].value);
    }
}

/* RFC 8259, 7, of which the log has a part: quotes, backslashes, \uXXXX. */
static const struct {
    const char *label;
    const char *text;
    const char *want; /* NULL: HSM_E_DATA */
} texts[] = {
    { "plain", "abc", "abc" },
    { "quote and backslash", "\\\"\\\\", "\"\\" },
    { "a control character", "\\u0001", "\x01" },
    { "two bytes", "\\u00e9", "\xc3\xa9" },
    { "three bytes", "\\u20ac", "\xe2\x82\xac" },
    { "a pair", "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
    { "the first pair", "\\ud800\\udc00", "\xf0\x90\x80\x80" },
    { "the last pair", "\\udbff\\udfff", "\xf4\x8f\xbf\xbf" },
    { "a backslash at the end", "a\\", NULL },
    { "another escape", "\\n", NULL },
    { "three digits", "\\u00e", NULL },
    { "no digits", "\\u00zz", NULL },
    { "a second half alone", "\\udc00", NULL },
    { "the last second half alone", "\\udfff", NULL },
    { "a first half alone", "\\ud83d", NULL },
    { "a first half and text", "\\ud83dabcdef", NULL },
    { "a first half and three digits", "\\ud83d\\ude0", NULL },
    { "two first halves", "\\ud83d\\ud83d", NULL },
    { "a first half and a letter", "\\ud83d\\ue000", NULL },
};

static void escapes(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(texts); i++) {
        HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };
        const hsm_member member = { .kind = HSM_MEMBER_STRING,
                                    .value = hsm_bytes_of_text(texts[i].text) };

        CASE(texts[i].label);
        const hsm_err err = hsm_member_text(&member, &text);
        CHECK_ERR(err, texts[i].want == NULL ? HSM_E_DATA : HSM_OK);
        if (texts[i].want != NULL)
            CHECK_BYTES(text.data, text.len, texts[i].want, strlen(texts[i].want));
    }
}

/* --- checkpoints ------------------------------------------------------------------------------ */

#define ID "\"log_id\":\"00112233445566778899aabbccddeeff\","
#define ROOT "\"root\":\"" HEX64 "\","
#define CHECKPOINT "\"operation\":\"checkpoint\",\"result\":\"success\","

static const struct {
    const char *label;
    const char *members;
} bad_checkpoints[] = {
    { "no log", CHECKPOINT "\"first\":0,\"covered\":3," ROOT },
    { "a log's name that is short",
      CHECKPOINT "\"log_id\":\"0011\",\"first\":0,\"covered\":3," ROOT },
    { "no first entry", CHECKPOINT ID "\"covered\":3," ROOT },
    { "a first entry in quotes", CHECKPOINT ID "\"first\":\"0\",\"covered\":3," ROOT },
    { "no number of entries", CHECKPOINT ID "\"first\":0," ROOT },
    { "no entry", CHECKPOINT ID "\"first\":0,\"covered\":0," ROOT },
    { "more entries than a tree has", CHECKPOINT ID "\"first\":0,\"covered\":4294967297," ROOT },
    { "no root", CHECKPOINT ID "\"first\":0,\"covered\":3," },
    { "a root that is a number", CHECKPOINT ID "\"first\":0,\"covered\":3,\"root\":7," },
    { "no signatures", CHECKPOINT ID "\"first\":0,\"covered\":3," ROOT },
    { "a short signature",
      CHECKPOINT ID "\"first\":0,\"covered\":3," ROOT "\"ed25519\":\"AAAA\"," },
    { "a signature that is no Base64",
      CHECKPOINT ID "\"first\":0,\"covered\":3," ROOT "\"ed25519\":\"????\"," },
};

static void checkpoints_of_another_form(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(bad_checkpoints); i++) {
        char text[1024];
        hsm_checkpoint checkpoint = { .covered = 77 };
        hsm_line line;

        CASE(bad_checkpoints[i].label);
        (void)snprintf(text, sizeof text,
                       "{\"timestamp\":12,\"index\":3,%s\"pid\":1,\"uid\":0" PREVIOUS MAC,
                       bad_checkpoints[i].members);
        if (!CHECK_OK(hsm_line_parse(hsm_bytes_of_text(text), &line)))
            continue;
        CHECK_THAT(line.is_checkpoint);
        CHECK_ERR(hsm_checkpoint_parse(&line, &checkpoint), HSM_E_DATA);
        CHECK_EQ(checkpoint.covered, 77);
    }
    CASE("another entry");
    hsm_checkpoint checkpoint;
    hsm_line line;
    REQUIRE_OK(hsm_line_parse(hsm_bytes_of_text(HEAD PREVIOUS MAC), &line));
    CHECK_ERR(hsm_checkpoint_parse(&line, &checkpoint), HSM_E_DATA);
}

static const check_test tests[] = {
    CHECK_TEST(a_line_taken_apart),
    CHECK_TEST(lines_of_another_form),
    CHECK_TEST(the_longest_line),
    CHECK_TEST(members_of_lines),
    CHECK_TEST(numbers),
    CHECK_TEST(escapes),
    CHECK_TEST(checkpoints_of_another_form),
};
CHECK_MAIN(tests)
