/* Reads Wycheproof's JSON: testGroups, each with fields of its own and a list `tests`. Strict: what
 * is not JSON ends the program. A field of an object in a group is named "object.field".
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 16 << 20, DEPTH_MAX = 16, NAME_BYTES_MAX = 128 };

typedef struct reader {
    kat *k;
    kat_handler *handler;
    arena *memory;
    const char *start;
    const char *at; /* ends with a NUL, which no rule accepts */
} reader;

static _Noreturn void refuse(const reader *r, const char *why)
{
    kat_die(r->k->file, (size_t)(r->at - r->start), why);
}

static char peek(reader *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
        r->at++;
    return *r->at;
}

static void expect(reader *r, char c)
{
    if (peek(r) != c)
        refuse(r, "not the character that must be here");
    r->at++;
}

static bool next_if(reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

static char escaped(reader *r)
{
    const char c = *r->at++;

    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
    case 'b':
    case 'f':
        return ' ';
    case 'u': /* only in comments, which nothing here depends on */
        for (int i = 0; i < 4; i++)
            if (!isxdigit((unsigned char)*r->at++))
                refuse(r, "a wrong \\u");
        return '?';
    default:
        refuse(r, "a wrong escape");
    }
}

/* Copied only when somebody wants it: skipped parts cost no memory. */
static const char *string(reader *r, bool is_wanted)
{
    const char *begin;
    const char *end;
    char *copy;
    size_t n = 0;

    expect(r, '"');
    begin = r->at;
    for (end = begin; *end != '"'; end++) {
        if ((unsigned char)*end < ' ')
            refuse(r, "a string does not end");
        if (*end == '\\' && *++end == '\0')
            refuse(r, "a string does not end");
    }
    if (!is_wanted) {
        r->at = end + 1;
        return "";
    }
    copy = arena_take(r->memory, (size_t)(end - begin) + 1);
    while (r->at < end) {
        const char c = *r->at++;

        copy[n++] = c == '\\' ? escaped(r) : c;
    }
    r->at = end + 1;
    return copy;
}

static const char *word(reader *r)
{
    const char *begin = r->at;

    while (isalnum((unsigned char)*r->at) || *r->at == '-' || *r->at == '+' || *r->at == '.')
        r->at++;
    if (r->at == begin)
        refuse(r, "no value");
    return arena_text(r->memory, begin, (size_t)(r->at - begin));
}

static void value(reader *r, kat_case *into, const char *name, int depth);

static void members(reader *r, kat_case *into, const char *prefix, int depth)
{
    expect(r, '{');
    if (next_if(r, '}'))
        return;
    do {
        const char *member = string(r, into != NULL);
        char *name = NULL;

        expect(r, ':');
        if (into != NULL && *prefix != '\0') {
            name = arena_take(r->memory, NAME_BYTES_MAX);
            (void)snprintf(name, NAME_BYTES_MAX, "%s.%s", prefix, member);
        }
        value(r, into, name == NULL ? member : name, depth + 1);
    } while (next_if(r, ','));
    expect(r, '}');
}

/* Adds the value to `into`, or skips it (NULL). */
static void value(reader *r, kat_case *into, const char *name, int depth)
{
    const char *text;

    if (depth > DEPTH_MAX)
        refuse(r, "too deep");
    switch (peek(r)) {
    case '{':
        members(r, into, name, depth);
        return;
    case '[':
        r->at++;
        if (next_if(r, ']'))
            return;
        do {
            value(r, into, name, depth + 1);
        } while (next_if(r, ','));
        expect(r, ']');
        return;
    case '"':
        text = string(r, into != NULL);
        break;
    default:
        text = word(r);
    }
    if (into != NULL)
        case_add(into, name, text);
}

static kat_case *new_case(const reader *r, const kat_case *group)
{
    kat_case *c = arena_take(r->memory, sizeof *c);

    c->memory = r->memory;
    c->file = r->k->file;
    c->group = group;
    return c;
}

static void tests(reader *r, const kat_case *group)
{
    expect(r, '[');
    if (next_if(r, ']'))
        return;
    do {
        kat_case *c = new_case(r, group);

        value(r, c, "", 0);
        c->number = case_number(c, "tcId");
        r->handler(r->k, c);
    } while (next_if(r, ','));
    expect(r, ']');
}

/* The group's fields may follow its tests: those are skipped first and read afterwards. */
static void one_group(reader *r)
{
    kat_case *group = new_case(r, NULL);
    const char *tests_at = NULL;

    expect(r, '{');
    do {
        const char *name = string(r, true);

        expect(r, ':');
        if (strcmp(name, "tests") == 0) {
            (void)peek(r);
            tests_at = r->at;
            value(r, NULL, name, 1);
        } else {
            value(r, group, name, 1);
        }
    } while (next_if(r, ','));
    expect(r, '}');
    if (tests_at == NULL)
        refuse(r, "a group without tests");

    reader again = *r;
    again.at = tests_at;
    tests(&again, group);
}

static void whole_file(reader *r)
{
    expect(r, '{');
    do {
        const char *name = string(r, true);

        expect(r, ':');
        if (strcmp(name, "testGroups") != 0) {
            value(r, NULL, name, 1);
            continue;
        }
        expect(r, '[');
        do {
            one_group(r);
        } while (next_if(r, ','));
        expect(r, ']');
    } while (next_if(r, ','));
    expect(r, '}');
    if (peek(r) != '\0')
        refuse(r, "something follows the end");
}

void read_json(kat *k, const char *path, kat_handler *handler)
{
    reader r = { .k = k, .handler = handler, .memory = arena_create() };
    FILE *file = fopen(path, "rb");
    struct stat status;

    if (file == NULL || fstat(fileno(file), &status) != 0 || status.st_size > FILE_BYTES_MAX)
        kat_die(path, 0, "can not be opened");

    const size_t len = (size_t)status.st_size;
    char *text = arena_take(r.memory, len + 1);
    if (fread(text, 1, len, file) != len)
        kat_die(path, 0, "can not be read");
    (void)fclose(file);
    r.start = text;
    r.at = text;
    whole_file(&r);
    arena_destroy(r.memory);
}
