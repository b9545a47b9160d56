/* SPDX-License-Identifier: Apache-2.0 */
#include "config/key_uri.h"

#include <string.h>
#include <strings.h>

#include "base/bytes.h"

#define SCHEME "pkcs11:"
#define SCHEME_LEN (sizeof SCHEME - 1)
#define SLOT_DIGITS_MAX 9u
/* RFC 7512, 2.3: what may stand as it is, besides letters and digits. */
#define PLAIN_IN_PATH "-._~:[]@!$'()*+,=&"
#define PLAIN_IN_QUERY "-._~:[]@!$'()*+,=/?|"

/* A value without its percent signs. */
typedef struct value {
    uint8_t data[PATH_MAX];
    size_t len;
} value;

typedef const char *(*taker)(const value *given, hsm_key_uri *out);

/* --- values ------------------------------------------------------------------------------------ */

static const char *take_text(const value *given, char *out, size_t room)
{
    if (given->len >= room)
        return "has a value that is too long";
    if (memchr(given->data, 0, given->len) != NULL)
        return "has a text with a zero byte in it";
    memcpy(out, given->data, given->len);
    out[given->len] = '\0';
    return NULL;
}

static const char *take_token(const value *given, hsm_key_uri *out)
{
    return take_text(given, out->token, sizeof out->token);
}

static const char *take_serial(const value *given, hsm_key_uri *out)
{
    return take_text(given, out->serial, sizeof out->serial);
}

static const char *take_object(const value *given, hsm_key_uri *out)
{
    return take_text(given, out->label, sizeof out->label);
}

static const char *take_id(const value *given, hsm_key_uri *out)
{
    if (given->len > sizeof out->id)
        return "has a value that is too long";
    memcpy(out->id, given->data, given->len);
    out->id_len = given->len;
    return NULL;
}

static const char *take_slot(const value *given, hsm_key_uri *out)
{
    if (given->len > SLOT_DIGITS_MAX)
        return "has a slot-id that is no number of a slot";
    for (size_t i = 0; i < given->len; i++) {
        if (given->data[i] < '0' || given->data[i] > '9')
            return "has a slot-id that is no number of a slot";
        out->slot = out->slot * 10 + (uint32_t)(given->data[i] - '0');
    }
    out->has_slot = true;
    return NULL;
}

static const char *take_type(const value *given, hsm_key_uri *out)
{
    (void)out;
    return hsm_bytes_equal(hsm_bytes_of(given->data, given->len), hsm_bytes_of_text("private"))
               ? NULL
               : "must have type=private, or no type";
}

static const char *take_pin_source(const value *given, hsm_key_uri *out)
{
    char text[PATH_MAX];
    const char *reason = take_text(given, text, sizeof text);
    const char *path = text + strlen("file:");

    if (reason != NULL)
        return reason;
    if (strncmp(text, "file:", strlen("file:")) != 0)
        return "must have a pin-source of the form file:/PATH";
    if (strncmp(path, "///", 3) == 0) /* RFC 8089: an authority that is empty */
        path += 2;
    if (path[0] != '/' || path[1] == '/' || path[1] == '\0')
        return "must have a pin-source of the form file:/PATH";
    memcpy(out->pin_path, path, strlen(path) + 1);
    return NULL;
}

static const char *take_pin(const value *given, hsm_key_uri *out)
{
    (void)given;
    (void)out;
    return "must not hold a PIN (pin-value), which everybody who reads the configuration would "
           "know: name a file that has it with pin-source=file:/PATH";
}

/* --- attributes -------------------------------------------------------------------------------- */

typedef struct attribute {
    const char *name;
    taker take;
    bool is_query; /* after the question mark */
} attribute;

static const attribute attributes[] = {
    { "token", take_token, false },
    { "serial", take_serial, false },
    { "slot-id", take_slot, false },
    { "object", take_object, false },
    { "id", take_id, false },
    { "type", take_type, false },
    { "pin-source", take_pin_source, true },
    { "pin-value", take_pin, true },
};

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char lower = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    const char *at = lower == '\0' ? NULL : strchr(digits, lower);

    return at == NULL ? -1 : (int)(at - digits);
}

static bool is_plain(char c, bool is_query)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr(is_query ? PLAIN_IN_QUERY : PLAIN_IN_PATH, c) != NULL;
}

/* One byte of a value; *at goes on behind it. */
static const char *decode_one(const char **at, const char *end, bool is_query, uint8_t *out)
{
    const char c = *(*at)++;

    if (c != '%') {
        *out = (uint8_t)c;
        return is_plain(c, is_query) ? NULL
                                     : "has a character that must be written with a percent sign";
    }
    const int high = end - *at >= 2 ? digit_of((*at)[0]) : -1;
    const int low = high >= 0 ? digit_of((*at)[1]) : -1;

    if (low < 0)
        return "has a percent sign without two hexadecimal digits after it";
    *out = (uint8_t)(high << 4 | low);
    *at += 2;
    return NULL;
}

static const char *decode(const char *text, size_t len, bool is_query, value *out)
{
    const char *end = text + len;
    const char *reason = NULL;

    for (out->len = 0; text < end && reason == NULL; out->len++) {
        if (out->len == sizeof out->data)
            return "has a value that is too long";
        reason = decode_one(&text, end, is_query, &out->data[out->len]);
    }
    if (reason != NULL)
        return reason;
    return out->len > 0 ? NULL : "has an attribute without a value";
}

/* One NAME=VALUE; seen: bit n for row n. */
static const char *take(const char *text, size_t len, bool is_query, unsigned *seen,
                        hsm_key_uri *out)
{
    const char *equals = memchr(text, '=', len);
    value given;

    if (equals == NULL)
        return "has an attribute that is not of the form NAME=VALUE";
    const size_t name_len = (size_t)(equals - text);
    for (size_t i = 0; i < HSM_ARRAY_LEN(attributes); i++) {
        const attribute *row = &attributes[i];

        if (!hsm_bytes_equal(hsm_bytes_of(text, name_len), hsm_bytes_of_text(row->name)))
            continue;
        if (row->is_query != is_query)
            return "has an attribute on the wrong side of the question mark";
        if ((*seen & 1u << i) != 0)
            return "has an attribute twice";
        *seen |= 1u << i;
        const char *reason = decode(equals + 1, len - name_len - 1, is_query, &given);
        return reason != NULL ? reason : row->take(&given, out);
    }
    return "has an attribute that is none of token, serial, slot-id, object, id, type and "
           "pin-source";
}

/* The attributes of one side. */
static const char *take_all(const char *text, size_t len, bool is_query, unsigned *seen,
                            hsm_key_uri *out)
{
    const char separator = is_query ? '&' : ';';
    const char *end = text + len;

    for (;;) {
        const char *stop = memchr(text, separator, (size_t)(end - text));
        const char *reason =
            take(text, (size_t)((stop != NULL ? stop : end) - text), is_query, seen, out);

        if (reason != NULL || stop == NULL)
            return reason;
        text = stop + 1;
    }
}

bool hsm_key_uri_is(const char *text)
{
    return strncasecmp(text, SCHEME, SCHEME_LEN) == 0;
}

const char *hsm_key_uri_read(const char *text, hsm_key_uri *out_uri)
{
    hsm_key_uri uri = { .has_slot = false };
    unsigned seen = 0;

    if (!hsm_key_uri_is(text))
        return "must begin with pkcs11:";
    const char *path = text + SCHEME_LEN;
    const char *query = strchr(path, '?');
    const size_t path_len = query != NULL ? (size_t)(query - path) : strlen(path);
    const char *reason = take_all(path, path_len, false, &seen, &uri);

    if (reason == NULL && query != NULL)
        reason = take_all(query + 1, strlen(query + 1), true, &seen, &uri);
    if (reason != NULL)
        return reason;
    if (uri.token[0] == '\0' && uri.serial[0] == '\0' && !uri.has_slot)
        return "must say which token: token, serial or slot-id";
    *out_uri = uri;
    return NULL;
}
