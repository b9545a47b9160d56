/* Names and values of a vector.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { BLOCK_BYTES = 1 << 18 };

typedef struct block {
    struct block *next;
    size_t used;
    size_t len;
    uint8_t data[];
} block;

struct arena {
    block *newest;
};

void kat_die(const char *file, size_t line, const char *why)
{
    printf("Bail out! %s:%zu: %s\n", file, line, why);
    exit(1);
}

arena *arena_create(void)
{
    arena *memory = calloc(1, sizeof *memory);

    if (memory == NULL)
        kat_die("memory", 0, "none left");
    return memory;
}

void arena_destroy(arena *memory)
{
    for (block *b = memory->newest; b != NULL;) {
        block *next = b->next;

        free(b);
        b = next;
    }
    free(memory);
}

void *arena_take(arena *memory, size_t len)
{
    const size_t room = (len + 15) / 16 * 16;
    block *b = memory->newest;

    if (b == NULL || b->len - b->used < room) {
        const size_t body = room > BLOCK_BYTES ? room : BLOCK_BYTES;

        b = calloc(1, sizeof *b + body);
        if (b == NULL)
            kat_die("memory", 0, "none left");
        b->len = body;
        b->next = memory->newest;
        memory->newest = b;
    }
    b->used += room;
    return b->data + b->used - room;
}

char *arena_text(arena *memory, const char *text, size_t len)
{
    char *copy = arena_take(memory, len + 1);

    memcpy(copy, text, len);
    return copy;
}

void case_add(kat_case *c, const char *name, const char *value)
{
    field *f = arena_take(c->memory, sizeof *f);

    f->name = name;
    f->value = value;
    if (c->first == NULL)
        c->first = f;
    else
        c->last->next = f;
    c->last = f;
}

const char *case_text(const kat_case *c, const char *name)
{
    for (; c != NULL; c = c->group)
        for (const field *f = c->first; f != NULL; f = f->next)
            if (strcmp(f->name, name) == 0)
                return f->value;
    return NULL;
}

bool case_has(const kat_case *c, const char *name)
{
    return case_text(c, name) != NULL;
}

bool case_is(const kat_case *c, const char *name, const char *value)
{
    const char *text = case_text(c, name);

    return text != NULL && strcasecmp(text, value) == 0;
}

bool case_any(const kat_case *c, const char *name, const char *value)
{
    for (const field *f = c->first; f != NULL; f = f->next)
        if (strcmp(f->name, name) == 0 && strcasecmp(f->value, value) == 0)
            return true;
    return false;
}

CK_ULONG case_number(const kat_case *c, const char *name)
{
    const char *text = case_text(c, name);

    return text == NULL ? 0 : strtoul(text, NULL, 10);
}

static int digit(char d)
{
    if (d >= '0' && d <= '9')
        return d - '0';
    if (d >= 'a' && d <= 'f')
        return d - 'a' + 10;
    return d >= 'A' && d <= 'F' ? d - 'A' + 10 : -1;
}

span hex_bytes(arena *memory, const char *hex, size_t len)
{
    uint8_t *data = arena_take(memory, len / 2 + 1);
    size_t n = 0;

    for (size_t i = 0; i + 1 < len; i += 2) {
        if (digit(hex[i]) < 0 || digit(hex[i + 1]) < 0)
            kat_die(hex, i, "is not hexadecimal");
        data[n++] = (uint8_t)(digit(hex[i]) << 4 | digit(hex[i + 1]));
    }
    if (len % 2 != 0)
        kat_die(hex, len, "is half a byte short");
    return (span){ data, n };
}

span case_hex(const kat_case *c, const char *name)
{
    const char *text = case_text(c, name);

    return text == NULL ? (span){ (const uint8_t *)"", 0 }
                        : hex_bytes(c->memory, text, strlen(text));
}

span value_bytes(const kat_case *c, const char *value)
{
    size_t len = value == NULL ? 0 : strlen(value);

    if (value == NULL || len == 0)
        return (span){ (const uint8_t *)"", 0 };
    if (len >= 2 && value[0] == '"' && value[len - 1] == '"')
        return (span){ (const uint8_t *)value + 1, len - 2 };
    return hex_bytes(c->memory, value, len);
}

const char *case_control(const kat_case *c, const char *name, const char *prefix)
{
    const size_t len = strlen(prefix);

    for (const field *f = c->first; f != NULL; f = f->next)
        if (strcmp(f->name, name) == 0 && strncmp(f->value, prefix, len) == 0 &&
            f->value[len] == ':')
            return f->value + len + 1;
    return NULL;
}

span span_join(arena *memory, span a, span b)
{
    uint8_t *data = arena_take(memory, a.len + b.len + 1);

    memcpy(data, a.data, a.len);
    memcpy(data + a.len, b.data, b.len);
    return (span){ data, a.len + b.len };
}

span span_of_text(const char *text)
{
    return (span){ (const uint8_t *)text, strlen(text) };
}

bool span_equal(span a, span b)
{
    size_t i = 0;

    if (a.len != b.len)
        return false;
    while (i < a.len && a.data[i] == b.data[i])
        i++;
    return i == a.len;
}
