/* Names in certificate requests, from text.
 * SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "crypto/request.h"

#define VALUE_MAX_BYTES 512u
#define ADDRESS_TEXT_MAX_BYTES 64u

/* One part of a subject. */
typedef struct part {
    const char *name; /* within the text */
    size_t name_len;
    char value[VALUE_MAX_BYTES];
    size_t value_len;
} part;

/* Kinds of part: OID and the longest value, in characters (RFC 5280, A.1; RFC 4524). */
typedef struct kind {
    const char *name;
    uint8_t tag; /* of the value */
    uint8_t max_chars;
    uint8_t oid_len;
    uint8_t oid[12]; /* DER with tag and length */
} kind;

static const kind kinds[] = {
    { "CN", HSM_DER_UTF8_STRING, 64, 5, { 0x06, 0x03, 0x55, 0x04, 0x03 } },
    { "serialNumber", HSM_DER_PRINTABLE_STRING, 64, 5, { 0x06, 0x03, 0x55, 0x04, 0x05 } },
    { "C", HSM_DER_PRINTABLE_STRING, 2, 5, { 0x06, 0x03, 0x55, 0x04, 0x06 } },
    { "L", HSM_DER_UTF8_STRING, 128, 5, { 0x06, 0x03, 0x55, 0x04, 0x07 } },
    { "ST", HSM_DER_UTF8_STRING, 128, 5, { 0x06, 0x03, 0x55, 0x04, 0x08 } },
    { "STREET", HSM_DER_UTF8_STRING, 128, 5, { 0x06, 0x03, 0x55, 0x04, 0x09 } },
    { "O", HSM_DER_UTF8_STRING, 64, 5, { 0x06, 0x03, 0x55, 0x04, 0x0a } },
    { "OU", HSM_DER_UTF8_STRING, 64, 5, { 0x06, 0x03, 0x55, 0x04, 0x0b } },
    { "DC",
      HSM_DER_IA5_STRING,
      63,
      12,
      { 0x06, 0x0a, 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19 } },
    { "UID",
      HSM_DER_UTF8_STRING,
      255,
      12,
      { 0x06, 0x0a, 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01 } },
    { "emailAddress",
      HSM_DER_IA5_STRING,
      255,
      11,
      { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01 } },
};

static const kind *find_kind(const part *of)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(kinds); i++) {
        if (strlen(kinds[i].name) == of->name_len &&
            strncasecmp(kinds[i].name, of->name, of->name_len) == 0)
            return &kinds[i];
    }
    return NULL;
}

static size_t count_chars(hsm_bytes utf8)
{
    size_t count = 0;

    for (size_t i = 0; i < utf8.len; i++)
        count += (utf8.data[i] & 0xc0u) != 0x80u;
    return count;
}

static bool is_ascii(hsm_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x21 || text.data[i] > 0x7e)
            return false;
    }
    return text.len > 0;
}

/* X.680, 41.4 */
static bool is_printable(hsm_bytes text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  " '()+,-./:=?";

    for (size_t i = 0; i < text.len; i++) {
        if (memchr(allowed, text.data[i], sizeof allowed - 1) == NULL)
            return false;
    }
    return true;
}

static bool fits(const kind *row, hsm_bytes value)
{
    if (value.len == 0 || !hsm_utf8_is_valid(value) || count_chars(value) > row->max_chars)
        return false;
    if (row->tag == HSM_DER_IA5_STRING)
        return is_ascii(value);
    return row->tag != HSM_DER_PRINTABLE_STRING || is_printable(value);
}

/* The value up to a comma or the end; RFC 4514, 2.4: what a backslash, and only it, may announce. */
static hsm_err read_value(const char **at, part *out_part)
{
    const char *from = *at;

    out_part->value_len = 0;
    for (; *from != '\0' && *from != ','; from++) {
        HSM_CHECK(strchr("+\"<>;", *from) == NULL, HSM_E_DATA);
        if (*from == '\\') {
            from++;
            HSM_CHECK(*from != '\0' && strchr("+\"<>;,\\ #=", *from) != NULL, HSM_E_DATA);
        }
        HSM_CHECK(out_part->value_len < VALUE_MAX_BYTES, HSM_E_LIMIT);
        out_part->value[out_part->value_len++] = *from;
    }
    *at = *from == ',' ? from + 1 : from;
    HSM_CHECK(*from == '\0' || **at != '\0', HSM_E_DATA); /* a comma at the end */
    return HSM_OK;
}

static hsm_err read_part(const char **at, part *out_part)
{
    const char *name = *at + strspn(*at, " ");

    out_part->name = name;
    out_part->name_len = strcspn(name, "=,");
    HSM_CHECK(name[out_part->name_len] == '=', HSM_E_DATA);
    *at = name + out_part->name_len + 1;
    HSM_CHECK(**at != '#', HSM_E_DATA); /* a value in hexadecimal */
    return read_value(at, out_part);
}

static hsm_err put_part(hsm_der_writer *writer, const part *of)
{
    const kind *row = find_kind(of);
    const hsm_bytes value = hsm_bytes_of(of->value, of->value_len);
    const size_t mark = hsm_der_written(writer);

    HSM_CHECK(row != NULL && fits(row, value), HSM_E_DATA);
    hsm_der_put(writer, value);
    hsm_der_wrap(writer, row->tag, mark);
    hsm_der_put(writer, hsm_bytes_of(row->oid, row->oid_len));
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark);
    hsm_der_wrap(writer, HSM_DER_SET, mark);
    return HSM_OK;
}

/* The text starts with what comes last in DER, and the writer works backwards: one pass. */
hsm_err hsm_request_put_subject(hsm_der_writer *writer, const char *text)
{
    const size_t mark = hsm_der_written(writer);
    part next;

    HSM_CHECK(strlen(text) <= HSM_REQUEST_TEXT_MAX_BYTES, HSM_E_LIMIT);
    do {
        HSM_TRY(read_part(&text, &next));
        HSM_TRY(put_part(writer, &next));
    } while (*text != '\0');
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark);
    return HSM_OK;
}

/* --- alternative names --------------------------------------------------------------------------- */

static const struct {
    const char *prefix;
    uint8_t tag; /* RFC 5280, A.2: GeneralName */
} alt_kinds[] = {
    { "EMAIL:", 0x81 },
    { "DNS:", 0x82 },
    { "URI:", 0x86 },
    { "IP:", 0x87 },
};

static hsm_err put_address(hsm_der_writer *writer, hsm_bytes value)
{
    char text[ADDRESS_TEXT_MAX_BYTES] = "";
    uint8_t address[16];

    HSM_CHECK(value.len < sizeof text, HSM_E_DATA);
    memcpy(text, value.data, value.len);
    if (inet_pton(AF_INET, text, address) == 1)
        hsm_der_put(writer, hsm_bytes_of(address, 4));
    else if (inet_pton(AF_INET6, text, address) == 1)
        hsm_der_put(writer, hsm_bytes_of(address, 16));
    else
        return HSM_E_DATA;
    return HSM_OK;
}

static hsm_err put_alt_name(hsm_der_writer *writer, hsm_bytes text)
{
    const size_t mark = hsm_der_written(writer);

    for (size_t i = 0; i < HSM_ARRAY_LEN(alt_kinds); i++) {
        const size_t prefix = strlen(alt_kinds[i].prefix);
        if (text.len <= prefix ||
            strncasecmp((const char *)text.data, alt_kinds[i].prefix, prefix) != 0)
            continue;
        const hsm_bytes value = hsm_bytes_of(text.data + prefix, text.len - prefix);
        HSM_CHECK(is_ascii(value), HSM_E_DATA);
        if (alt_kinds[i].tag == 0x87)
            HSM_TRY(put_address(writer, value));
        else
            hsm_der_put(writer, value);
        hsm_der_wrap(writer, alt_kinds[i].tag, mark);
        return HSM_OK;
    }
    return HSM_E_DATA;
}

/* From the last name to the first, so that they come out in the order of the text. */
hsm_err hsm_request_put_alt_names(hsm_der_writer *writer, const char *text)
{
    const size_t mark = hsm_der_written(writer);
    size_t end = strlen(text);
    size_t start;

    HSM_CHECK(end <= HSM_REQUEST_TEXT_MAX_BYTES, HSM_E_LIMIT);
    do {
        for (start = end; start > 0 && text[start - 1] != ',';)
            start--;
        HSM_TRY(put_alt_name(writer, hsm_bytes_of(text + start, end - start)));
        end = start > 0 ? start - 1 : 0;
    } while (start > 0);
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, mark);
    return HSM_OK;
}
