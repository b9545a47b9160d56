/* Counts vectors by mechanism: passed, failed, excluded and why.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FAILURES_SHOWN_MAX = 60, REASON_BYTES_MAX = 96 };

typedef struct reason {
    struct reason *next;
    size_t count;
    char text[REASON_BYTES_MAX];
} reason;

typedef struct row {
    struct row *next;
    CK_MECHANISM_TYPE type;
    char name[48];
    size_t passed;
    size_t failed;
    size_t excluded;
    reason *reasons;
} row;

struct tally {
    row *rows; /* by name */
    size_t shown;
};

static const struct {
    const char *name;
    CK_MECHANISM_TYPE type;
} mechanisms[] = {
#include "mechanism_names.inc"
};

const char *mechanism_name(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
        if (mechanisms[i].type == type)
            return mechanisms[i].name;
    return NULL;
}

bool mechanism_number(const char *name, CK_MECHANISM_TYPE *out_type)
{
    if (strncmp(name, "0x", 2) == 0) { /* vendor-defined: the header has no name */
        *out_type = strtoul(name, NULL, 16);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
        if (strcmp(mechanisms[i].name, name) == 0) {
            *out_type = mechanisms[i].type;
            return true;
        }
    return false;
}

static void *must(void *p)
{
    if (p == NULL)
        kat_die("memory", 0, "none left");
    return p;
}

tally *tally_create(void)
{
    return must(calloc(1, sizeof(tally)));
}

void tally_destroy(tally *t)
{
    while (t->rows != NULL) {
        row *r = t->rows;

        t->rows = r->next;
        while (r->reasons != NULL) {
            reason *why = r->reasons;

            r->reasons = why->next;
            free(why);
        }
        free(r);
    }
    free(t);
}

static row *named_row(tally *t, CK_MECHANISM_TYPE type, const char *name)
{
    row **at = &t->rows;
    row *fresh;

    while (*at != NULL && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    if (*at != NULL && strcmp((*at)->name, name) == 0)
        return *at;
    fresh = must(calloc(1, sizeof *fresh));
    fresh->type = type;
    (void)snprintf(fresh->name, sizeof fresh->name, "%s", name);
    fresh->next = *at;
    *at = fresh;
    return fresh;
}

static row *row_of(tally *t, CK_MECHANISM_TYPE type)
{
    const char *known = mechanism_name(type);
    char name[48];

    (void)snprintf(name, sizeof name, "0x%08lx", type);
    return named_row(t, type, known != NULL ? known : name);
}

void kat_pass(kat *k, CK_MECHANISM_TYPE type)
{
    row_of(k->counts, type)->passed++;
}

void kat_fail(kat *k, const kat_case *c, CK_MECHANISM_TYPE type, const char *format, ...)
{
    const char *comment = case_text(c, "comment");
    row *r = row_of(k->counts, type);
    va_list args;

    r->failed++;
    if (k->counts->shown++ >= FAILURES_SHOWN_MAX)
        return;
    printf("# WRONG %s %zu, %s: ", c->file, c->number, r->name);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("%s%.60s\n", comment != NULL ? " -- " : "", comment != NULL ? comment : "");
}

static void exclude(row *r, const char *text)
{
    reason *why = r->reasons;

    r->excluded++;
    while (why != NULL && strncmp(why->text, text, REASON_BYTES_MAX - 1) != 0)
        why = why->next;
    if (why == NULL) {
        why = must(calloc(1, sizeof *why));
        (void)snprintf(why->text, sizeof why->text, "%s", text);
        why->next = r->reasons;
        r->reasons = why;
    }
    why->count++;
}

void kat_exclude(kat *k, CK_MECHANISM_TYPE type, const char *text)
{
    exclude(row_of(k->counts, type), text);
}

void kat_exclude_named(kat *k, const char *what, const char *text)
{
    exclude(named_row(k->counts, CK_UNAVAILABLE_INFORMATION, what), text);
}

size_t tally_failed(const tally *t)
{
    size_t failed = 0;

    for (const row *r = t->rows; r != NULL; r = r->next)
        failed += r->failed;
    return failed;
}

size_t tally_passed(const tally *t, CK_MECHANISM_TYPE type)
{
    for (const row *r = t->rows; r != NULL; r = r->next)
        if (r->type == type)
            return r->passed;
    return 0;
}

void tally_print(const tally *t)
{
    size_t passed = 0;
    size_t failed = 0;
    size_t excluded = 0;

    printf("# %-28s %7s %7s %7s %9s  %s\n", "mechanism", "run", "passed", "failed", "excluded",
           "why excluded");
    for (const row *r = t->rows; r != NULL; r = r->next) {
        const reason *why = r->reasons;

        printf("# %-28s %7zu %7zu %7zu %9zu", r->name, r->passed + r->failed, r->passed, r->failed,
               r->excluded);
        for (; why != NULL; why = why->next)
            printf("%s%zu: %s", why == r->reasons ? "  " : "; ", why->count, why->text);
        putchar('\n');
        passed += r->passed;
        failed += r->failed;
        excluded += r->excluded;
    }
    printf("# %-28s %7zu %7zu %7zu %9zu\n", "all", passed + failed, passed, failed, excluded);
}

#define NAMED(RV) \
    {             \
        RV, #RV   \
    }
const char *rv_text(CK_RV rv)
{
    static const struct {
        CK_RV rv;
        const char *name;
    } names[] = {
        NAMED(CKR_OK),
        NAMED(CKR_GENERAL_ERROR),
        NAMED(CKR_FUNCTION_FAILED),
        NAMED(CKR_ARGUMENTS_BAD),
        NAMED(CKR_ATTRIBUTE_TYPE_INVALID),
        NAMED(CKR_ATTRIBUTE_VALUE_INVALID),
        NAMED(CKR_CURVE_NOT_SUPPORTED),
        NAMED(CKR_DATA_INVALID),
        NAMED(CKR_DATA_LEN_RANGE),
        NAMED(CKR_ENCRYPTED_DATA_INVALID),
        NAMED(CKR_ENCRYPTED_DATA_LEN_RANGE),
        NAMED(CKR_FUNCTION_NOT_SUPPORTED),
        NAMED(CKR_KEY_FUNCTION_NOT_PERMITTED),
        NAMED(CKR_KEY_SIZE_RANGE),
        NAMED(CKR_KEY_TYPE_INCONSISTENT),
        NAMED(CKR_MECHANISM_INVALID),
        NAMED(CKR_MECHANISM_PARAM_INVALID),
        NAMED(CKR_SIGNATURE_INVALID),
        NAMED(CKR_SIGNATURE_LEN_RANGE),
        NAMED(CKR_TEMPLATE_INCOMPLETE),
        NAMED(CKR_TEMPLATE_INCONSISTENT),
        NAMED(CKR_WRAPPED_KEY_INVALID),
        NAMED(CKR_WRAPPED_KEY_LEN_RANGE),
    };
    static char number[24];

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].rv == rv)
            return names[i].name;
    (void)snprintf(number, sizeof number, "0x%lx", rv);
    return number;
}
