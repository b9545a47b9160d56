/* Taking lines apart. What is read here may have been written by anybody.
 * SPDX-License-Identifier: Apache-2.0 */
#include "audit/line.h"
#include "base/base64.h"
#include "base/utf8.h"

#define HEX_LINK_CHARS (2 * (size_t)HSM_LINK_BYTES)
#define PREVIOUS_HEAD ",\"previous_hash\":\""
#define MAC_HEAD "\",\"hmac\":\""
#define LINE_END "\"}"
/* Every line ends with as many bytes of fixed form. */
#define TAIL_BYTES                                                                      \
    (sizeof PREVIOUS_HEAD - 1 + HEX_LINK_CHARS + sizeof MAC_HEAD - 1 + HEX_LINK_CHARS + \
     sizeof LINE_END - 1)
#define U64_DIGITS_MAX 20u

static hsm_bytes skip(hsm_bytes text, size_t len)
{
    return hsm_bytes_of(text.data + len, text.len - len);
}

/* Takes `literal` off the front. */
static bool take(hsm_bytes *text, const char *literal)
{
    const size_t len = strlen(literal);

    if (text->len < len ||
        !hsm_bytes_equal(hsm_bytes_of(text->data, len), hsm_bytes_of(literal, len)))
        return false;
    *text = skip(*text, len);
    return true;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

hsm_err hsm_hex_decode(hsm_bytes text, uint8_t *out, size_t len)
{
    HSM_CHECK(text.len == 2 * len, HSM_E_DATA);
    for (size_t i = 0; i < len; i++) {
        const int high = hex_value(text.data[2 * i]);
        const int low = hex_value(text.data[2 * i + 1]);

        HSM_CHECK(high >= 0 && low >= 0, HSM_E_DATA);
        out[i] = (uint8_t)(high << 4 | low);
    }
    return HSM_OK;
}

/* Takes a decimal number off the front: no sign, no leading zeros. */
static hsm_err take_u64(hsm_bytes *text, uint64_t *out_value)
{
    uint64_t value = 0;
    size_t len = 0;

    while (len < text->len && text->data[len] >= '0' && text->data[len] <= '9') {
        const uint64_t digit = (uint64_t)(text->data[len] - '0');

        HSM_CHECK(len < U64_DIGITS_MAX && value <= (UINT64_MAX - digit) / 10, HSM_E_DATA);
        value = value * 10 + digit;
        len++;
    }
    HSM_CHECK(len == 1 || (len > 1 && text->data[0] != '0'), HSM_E_DATA);
    *text = skip(*text, len);
    *out_value = value;
    return HSM_OK;
}

static hsm_err parse_tail(hsm_bytes tail, hsm_line *line)
{
    HSM_CHECK(take(&tail, PREVIOUS_HEAD), HSM_E_DATA);
    HSM_TRY(
        hsm_hex_decode(hsm_bytes_of(tail.data, HEX_LINK_CHARS), line->previous, HSM_LINK_BYTES));
    tail = skip(tail, HEX_LINK_CHARS);
    HSM_CHECK(take(&tail, MAC_HEAD), HSM_E_DATA);
    HSM_TRY(hsm_hex_decode(hsm_bytes_of(tail.data, HEX_LINK_CHARS), line->mac, HSM_SHA256_BYTES));
    tail = skip(tail, HEX_LINK_CHARS);
    HSM_CHECK(take(&tail, LINE_END), HSM_E_DATA);
    return HSM_OK;
}

hsm_err hsm_line_parse(hsm_bytes text, hsm_line *out_line)
{
    hsm_line line = { .whole = text };
    hsm_bytes rest = text;

    HSM_CHECK(text.len > TAIL_BYTES && text.len < HSM_LINE_MAX_BYTES, HSM_E_DATA);
    HSM_TRY(parse_tail(skip(text, text.len - TAIL_BYTES), &line));
    line.maced = hsm_bytes_of(text.data, text.len - sizeof LINE_END + 1 - HEX_LINK_CHARS -
                                             (sizeof MAC_HEAD - 2));
    HSM_CHECK(take(&rest, "{\"timestamp\":"), HSM_E_DATA);
    HSM_TRY(take_u64(&rest, &line.timestamp));
    HSM_CHECK(take(&rest, ",\"index\":"), HSM_E_DATA);
    HSM_TRY(take_u64(&rest, &line.index));
    HSM_CHECK(take(&rest, ",") && rest.len > TAIL_BYTES, HSM_E_DATA);
    line.members = hsm_bytes_of(rest.data, rest.len - TAIL_BYTES);
    rest = line.members;
    line.is_checkpoint = take(&rest, "\"operation\":\"checkpoint\",");
    *out_line = line;
    return HSM_OK;
}

/* --- members ---------------------------------------------------------------------------------- */

/* Takes a string with its quotes off the front; out_text is what lies between them. */
static bool take_string(hsm_bytes *rest, hsm_bytes *out_text)
{
    size_t len = 0;

    if (!take(rest, "\""))
        return false;
    while (len < rest->len && rest->data[len] != '"')
        len += rest->data[len] == '\\' ? 2 : 1;
    if (len >= rest->len)
        return false;
    *out_text = hsm_bytes_of(rest->data, len);
    *rest = skip(*rest, len + 1);
    return true;
}

static bool take_value(hsm_bytes *rest, hsm_member *member)
{
    const hsm_bytes start = *rest;
    uint64_t ignored;

    if (take_string(rest, &member->value)) {
        member->kind = HSM_MEMBER_STRING;
        return true;
    }
    member->kind = HSM_MEMBER_BOOL;
    if (!take(rest, "true") && !take(rest, "false")) {
        member->kind = HSM_MEMBER_NUMBER;
        if (take_u64(rest, &ignored) != HSM_OK)
            return false;
    }
    member->value = hsm_bytes_of(start.data, start.len - rest->len);
    return true;
}

bool hsm_member_next(hsm_bytes *rest, hsm_member *out_member)
{
    hsm_bytes at = *rest;
    hsm_member member;

    (void)take(&at, ",");
    if (!take_string(&at, &member.name) || !take(&at, ":") || !take_value(&at, &member))
        return false;
    *rest = at;
    *out_member = member;
    return true;
}

bool hsm_member_find(hsm_bytes members, const char *name, hsm_member *out_member)
{
    hsm_member member;

    while (hsm_member_next(&members, &member)) {
        if (hsm_bytes_equal(member.name, hsm_bytes_of_text(name))) {
            *out_member = member;
            return true;
        }
    }
    return false;
}

hsm_err hsm_member_u64(const hsm_member *member, uint64_t *out_value)
{
    hsm_bytes rest = member->value;

    HSM_CHECK(member->kind == HSM_MEMBER_NUMBER, HSM_E_DATA);
    HSM_TRY(take_u64(&rest, out_value));
    HSM_CHECK(rest.len == 0, HSM_E_DATA);
    return HSM_OK;
}

/* Four hexadecimal digits off the front. */
static hsm_err take_unit(hsm_bytes *rest, uint32_t *out_unit)
{
    uint8_t bytes[2];

    HSM_CHECK(rest->len >= 4, HSM_E_DATA);
    HSM_TRY(hsm_hex_decode(hsm_bytes_of(rest->data, 4), bytes, sizeof bytes));
    *out_unit = (uint32_t)bytes[0] << 8 | bytes[1];
    *rest = skip(*rest, 4);
    return HSM_OK;
}

static hsm_err put_code(uint32_t code, hsm_buf *out)
{
    static const uint8_t heads[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    const size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    uint8_t bytes[4];

    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    bytes[0] = (uint8_t)(heads[len] | code);
    return hsm_buf_append(out, hsm_bytes_of(bytes, len));
}

/* What follows a backslash and a `u`, perhaps two halves of a pair. */
static hsm_err take_escape(hsm_bytes *rest, hsm_buf *out)
{
    uint32_t code;
    uint32_t low;

    HSM_TRY(take_unit(rest, &code));
    HSM_CHECK(code < 0xdc00 || code > 0xdfff, HSM_E_DATA);
    if (code >= 0xd800 && code <= 0xdbff) {
        HSM_CHECK(take(rest, "\\u"), HSM_E_DATA);
        HSM_TRY(take_unit(rest, &low));
        HSM_CHECK(low >= 0xdc00 && low <= 0xdfff, HSM_E_DATA);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_code(code, out);
}

hsm_err hsm_member_text(const hsm_member *member, hsm_buf *out_text)
{
    hsm_bytes rest = member->value;

    while (rest.len > 0) {
        if (take(&rest, "\\u")) {
            HSM_TRY(take_escape(&rest, out_text));
            continue;
        }
        const bool is_escaped = take(&rest, "\\");
        HSM_CHECK(rest.len > 0 && (!is_escaped || rest.data[0] == '"' || rest.data[0] == '\\'),
                  HSM_E_DATA);
        HSM_TRY(hsm_buf_append(out_text, hsm_bytes_of(rest.data, 1)));
        rest = skip(rest, 1);
    }
    return HSM_OK;
}

/* --- checkpoints ------------------------------------------------------------------------------ */

static hsm_err find_hex(hsm_bytes members, const char *name, uint8_t *out, size_t len)
{
    hsm_member member;

    HSM_CHECK(hsm_member_find(members, name, &member), HSM_E_DATA);
    return hsm_hex_decode(member.value, out, len);
}

static hsm_err find_base64(hsm_bytes members, const char *name, uint8_t *out, size_t len)
{
    hsm_member member;
    size_t got = len;

    HSM_CHECK(hsm_member_find(members, name, &member), HSM_E_DATA);
    HSM_CHECK(hsm_base64_decode(member.value, out, &got) == HSM_OK && got == len, HSM_E_DATA);
    return HSM_OK;
}

static hsm_err find_u64(hsm_bytes members, const char *name, uint64_t *out_value)
{
    hsm_member member;

    HSM_CHECK(hsm_member_find(members, name, &member), HSM_E_DATA);
    return hsm_member_u64(&member, out_value);
}

hsm_err hsm_checkpoint_parse(const hsm_line *line, hsm_checkpoint *out_checkpoint)
{
    const hsm_bytes members = line->members;
    hsm_checkpoint made;
    uint64_t covered = 0;

    HSM_CHECK(line->is_checkpoint, HSM_E_DATA);
    HSM_TRY(find_hex(members, "log_id", made.log_id, HSM_LOG_ID_BYTES));
    HSM_TRY(find_u64(members, "first", &made.first));
    HSM_TRY(find_u64(members, "covered", &covered));
    HSM_CHECK(covered >= 1 && covered <= HSM_TREE_LEAVES_MAX, HSM_E_DATA);
    made.covered = (uint32_t)covered;
    HSM_TRY(find_hex(members, "root", made.root, HSM_LINK_BYTES));
    HSM_TRY(find_base64(members, "ed25519", made.signatures.ed25519, HSM_ED25519_SIGNATURE_BYTES));
    HSM_TRY(find_base64(members, "ml_dsa_65", made.signatures.ml_dsa_65,
                        HSM_ML_DSA_65_SIGNATURE_BYTES));
    memcpy(made.previous, line->previous, HSM_LINK_BYTES);
    *out_checkpoint = made;
    return HSM_OK;
}
