/* Reads "Name = value" files: NIST's response files, OpenSSL's evptest format and our own.
 *
 * A blank line ends a vector; so does a second Count. "[Name = value]" holds for all that follow.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef struct reader {
    kat *k;
    kat_handler *handler;
    arena *memory;
    kat_case *section;
    kat_case *current; /* NULL: between two vectors */
    kat_case *keys;
    char *pem; /* base64 so far; NULL: not inside of PEM */
    size_t pem_len;
    size_t line;
} reader;

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

static kat_case *new_case(reader *r)
{
    kat_case *c = arena_take(r->memory, sizeof *c);

    c->memory = r->memory;
    c->file = r->k->file;
    c->number = r->line;
    return c;
}

static bool defines_key(const kat_case *c)
{
    static const char *const names[] = { "PrivateKey", "PublicKey", "PrivateKeyRaw", "PublicKeyRaw",
                                         "DefineKey" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(c->first->name, names[i]) == 0)
            return true;
    return false;
}

/* A key of our own files holds for every vector that names it. */
static const kat_case *used_key(const kat_case *c)
{
    const char *name = case_text(c, "UseKey");

    if (name == NULL)
        return NULL;
    for (const kat_case *key = c->keys; key != NULL; key = key->next_key)
        if (strcmp(key->first->value, name) == 0)
            return key;
    kat_die(c->file, c->number, "UseKey names no key");
}

static void flush(reader *r)
{
    kat_case *c = r->current;

    r->current = NULL;
    if (c == NULL)
        return;
    c->keys = r->keys;
    if (defines_key(c)) {
        c->next_key = r->keys;
        r->keys = c;
        return;
    }
    const kat_case *key = used_key(c);
    if (key != NULL) {
        kat_case *group = new_case(r);

        *group = *key;
        group->group = r->section;
        c->group = group;
    }
    r->handler(r->k, c);
}

/* The section is copied on each change: vectors before it keep the old one. */
static void section(reader *r, char *text)
{
    kat_case *fresh = new_case(r);
    char *close = strrchr(text, ']');
    char *equals;

    flush(r);
    if (close != NULL)
        *close = '\0';
    equals = strchr(text, '=');
    if (equals != NULL) {
        *equals = '\0';
        case_add(fresh, trim(text), trim(equals + 1));
    } else {
        case_add(fresh, "Section", trim(text));
    }
    for (const field *f = r->section->first; f != NULL; f = f->next)
        case_add(fresh, f->name, f->value);
    r->section = fresh;
}

static bool pem_line(reader *r, const char *text)
{
    if (strncmp(text, "-----BEGIN ", 11) == 0) {
        r->pem = arena_take(r->memory, 1 << 14);
        r->pem_len = 0;
        return true;
    }
    if (r->pem == NULL)
        return false;
    if (strncmp(text, "-----END ", 9) == 0) {
        case_add(r->current, "PEM", r->pem);
        r->pem = NULL;
        return true;
    }
    if (r->pem_len + strlen(text) + 1 >= 1 << 14)
        kat_die(r->k->file, r->line, "PEM is too long");
    memcpy(r->pem + r->pem_len, text, strlen(text));
    r->pem_len += strlen(text);
    return true;
}

static void name_and_value(reader *r, char *text)
{
    char *equals = strchr(text, '=');
    const char *name;

    if (equals != NULL)
        *equals = '\0';
    name = trim(text);
    if (r->current != NULL && strcasecmp(name, "Count") == 0)
        flush(r);
    if (r->current == NULL) {
        r->current = new_case(r);
        r->current->group = r->section;
    }
    case_add(r->current, name, equals == NULL ? "" : trim(equals + 1));
}

static void one_line(reader *r, char *line)
{
    char *text = trim(line);

    if (*text == '\0')
        flush(r);
    else if (r->current != NULL && pem_line(r, text))
        return;
    else if (*text == '[')
        section(r, text + 1);
    else if (*text != '#')
        name_and_value(r, text);
}

void read_stanzas(kat *k, const char *path, kat_handler *handler)
{
    reader r = { .k = k, .handler = handler, .memory = arena_create() };
    FILE *file = fopen(path, "rb");
    char *line = NULL;
    size_t room = 0;

    if (file == NULL)
        kat_die(path, 0, "can not be opened");
    r.section = new_case(&r);
    for (;;) {
        const ssize_t len = getline(&line, &room, file);

        if (len < 0)
            break;
        r.line++;
        one_line(&r, arena_text(r.memory, line, (size_t)len));
    }
    flush(&r);
    free(line);
    (void)fclose(file);
    arena_destroy(r.memory);
}
