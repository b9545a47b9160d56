/* Gathering and printing for people.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/report_parts.h"
#include "base/hex.h"
#include "os/clock.h"

#define NOTE_MAX 1024
#define NS_PER_US 1000u

hsm_err hsm_admin_report_create(hsm_admin_report **out_report)
{
    hsm_admin_report *report = calloc(1, sizeof *report);

    HSM_CHECK(report != NULL, HSM_E_NO_MEMORY);
    *out_report = report;
    return HSM_OK;
}

static void values_clear(hsm_report_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        free(values->items[i].text);
    free(values->items);
}

void hsm_admin_report_destroy(hsm_admin_report *report)
{
    if (report == NULL)
        return;
    values_clear(&report->fields);
    values_clear(&report->notes);
    for (size_t i = 0; i < report->table_count; i++)
        values_clear(&report->tables[i].cells);
    free(report);
}

/* --- adding ----------------------------------------------------------------------------------- */

/* Makes room for one more; doubles, so that many are cheap. */
static bool grow(hsm_report_values *values)
{
    if (values->count < values->cap)
        return true;
    const size_t cap = values->cap == 0 ? 16 : values->cap * 2;
    hsm_report_value *items = realloc(values->items, cap * sizeof *items);

    if (items == NULL)
        return false;
    values->items = items;
    values->cap = cap;
    return true;
}

static void put(hsm_admin_report *report, hsm_report_value value, hsm_bytes text)
{
    hsm_report_values *values =
        report->is_in_table ? &report->tables[report->table_count - 1].cells : &report->fields;

    value.text = malloc(text.len + 1);
    if (report->is_failed || value.text == NULL || !grow(values)) {
        free(value.text);
        report->is_failed = true;
        return;
    }
    if (text.len > 0)
        memcpy(value.text, text.data, text.len);
    value.text[text.len] = '\0';
    value.len = text.len;
    values->items[values->count++] = value;
}

void hsm_admin_put_bytes(hsm_admin_report *report, const char *key, const char *title,
                         hsm_bytes utf8)
{
    const hsm_report_value value = { .key = key, .title = title, .kind = HSM_REPORT_TEXT };

    put(report, value, utf8);
}

void hsm_admin_put_text(hsm_admin_report *report, const char *key, const char *title,
                        const char *text)
{
    const hsm_report_value none = { .key = key, .title = title, .kind = HSM_REPORT_NONE };

    if (text == NULL)
        put(report, none, hsm_bytes_none());
    else
        hsm_admin_put_bytes(report, key, title, hsm_bytes_of_text(text));
}

void hsm_admin_put_hex(hsm_admin_report *report, const char *key, const char *title,
                       hsm_bytes bytes)
{
    char *hex = malloc(bytes.len * 2 + 1);

    if (hex == NULL) {
        report->is_failed = true;
        return;
    }
    hsm_hex_encode(bytes, hex);
    hsm_admin_put_bytes(report, key, title, hsm_bytes_of(hex, bytes.len * 2));
    free(hex);
}

static void put_number(hsm_admin_report *report, hsm_report_value value)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRIu64, value.number);
    put(report, value, hsm_bytes_of_text(text));
}

void hsm_admin_put_number(hsm_admin_report *report, const char *key, const char *title,
                          uint64_t number)
{
    put_number(report,
               (hsm_report_value){
                   .key = key, .title = title, .kind = HSM_REPORT_NUMBER, .number = number });
}

void hsm_admin_put_size(hsm_admin_report *report, const char *key, const char *title,
                        uint64_t bytes)
{
    put_number(report, (hsm_report_value){
                           .key = key, .title = title, .kind = HSM_REPORT_SIZE, .number = bytes });
}

void hsm_admin_put_bool(hsm_admin_report *report, const char *key, const char *title, bool value)
{
    put_number(report, (hsm_report_value){
                           .key = key, .title = title, .kind = HSM_REPORT_BOOL, .number = value });
}

void hsm_admin_time_text(uint64_t ns, char out[HSM_ADMIN_TIME_CHARS])
{
    const time_t seconds = (time_t)(ns / HSM_NS_PER_SEC);
    char date[HSM_ADMIN_TIME_CHARS / 2] = "";
    struct tm when;

    if (gmtime_r(&seconds, &when) == NULL || when.tm_year > 9999 - 1900) {
        out[0] = '-';
        out[1] = '\0';
        return;
    }
    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &when);
    (void)snprintf(out, HSM_ADMIN_TIME_CHARS, "%s.%06uZ", date,
                   (unsigned)(ns % HSM_NS_PER_SEC / NS_PER_US));
}

void hsm_admin_put_time(hsm_admin_report *report, const char *key, const char *title, uint64_t ns)
{
    char text[HSM_ADMIN_TIME_CHARS];

    hsm_admin_time_text(ns, text);
    hsm_admin_put_text(report, key, title, ns == 0 ? NULL : text);
}

void hsm_admin_put_verdict(hsm_admin_report *report, const char *key, const char *title,
                           hsm_admin_verdict verdict)
{
    static const char *const names[] = {
        [HSM_ADMIN_OK] = "ok",
        [HSM_ADMIN_WARNING] = "warning",
        [HSM_ADMIN_ERROR] = "error",
    };

    put(report,
        (hsm_report_value){
            .key = key, .title = title, .kind = HSM_REPORT_VERDICT, .number = (uint64_t)verdict },
        hsm_bytes_of_text(names[verdict]));
}

void hsm_admin_table(hsm_admin_report *report, const char *key, const hsm_admin_column *columns,
                     size_t column_count)
{
    if (report->table_count == HSM_REPORT_TABLES_MAX) {
        report->is_failed = true;
        return;
    }
    report->tables[report->table_count++] =
        (hsm_report_table){ .key = key, .columns = columns, .column_count = column_count };
    report->is_in_table = true;
}

void hsm_admin_row(hsm_admin_report *report)
{
    if (report->table_count > 0)
        report->tables[report->table_count - 1].row_count++;
}

void hsm_admin_table_end(hsm_admin_report *report)
{
    report->is_in_table = false;
}

void hsm_admin_note(hsm_admin_report *report, const char *format, ...)
{
    char text[NOTE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);

    hsm_report_value note = { .kind = HSM_REPORT_TEXT, .text = hsm_text_dup(text) };
    if (note.text == NULL || !grow(&report->notes)) {
        free(note.text);
        report->is_failed = true;
        return;
    }
    note.len = strlen(note.text);
    report->notes.items[report->notes.count++] = note;
}

/* --- for people ------------------------------------------------------------------------------- */

/* How a value reads, in a buffer for short forms. */
typedef struct shown {
    hsm_bytes text;
    char room[32];
} shown;

static const char *size_text(uint64_t bytes, char room[32])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double size = (double)bytes;
    size_t unit = 0;

    while (size >= 1024 && unit + 1 < HSM_ARRAY_LEN(units)) {
        size /= 1024;
        unit++;
    }
    (void)snprintf(room, 32, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return room;
}

static void show(const hsm_report_value *value, shown *out)
{
    switch (value->kind) {
    case HSM_REPORT_TEXT:
    case HSM_REPORT_NUMBER:
    case HSM_REPORT_VERDICT:
        out->text = hsm_bytes_of(value->text, value->len);
        break;
    case HSM_REPORT_SIZE:
        out->text = hsm_bytes_of_text(size_text(value->number, out->room));
        break;
    case HSM_REPORT_BOOL:
        out->text = hsm_bytes_of_text(value->number != 0 ? "yes" : "no");
        break;
    case HSM_REPORT_NONE:
        out->text = hsm_bytes_none();
        break;
    }
    if (out->text.len == 0)
        out->text = hsm_bytes_of_text("-");
}

static bool is_control(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* C1 control characters as UTF-8: C2 80 .. C2 9F. */
static bool is_control_at(hsm_bytes utf8, size_t at)
{
    return is_control(utf8.data[at]) ||
           (at > 0 && utf8.data[at - 1] == 0xc2 && utf8.data[at] < 0xa0) ||
           (utf8.data[at] == 0xc2 && at + 1 < utf8.len && utf8.data[at + 1] < 0xa0);
}

void hsm_admin_print_plain(hsm_bytes utf8, FILE *out)
{
    for (size_t i = 0; i < utf8.len; i++) {
        if (is_control_at(utf8, i))
            (void)fprintf(out, "\\x%02x", utf8.data[i]);
        else
            (void)fputc(utf8.data[i], out);
    }
}

/* Columns on a terminal: characters, not bytes; those of East Asia, which take two, are not told
 * apart. */
static size_t width_of(hsm_bytes utf8)
{
    size_t width = 0;

    for (size_t i = 0; i < utf8.len; i++) {
        if (is_control_at(utf8, i))
            width += 4;
        else if ((utf8.data[i] & 0xc0) != 0x80)
            width++;
    }
    return width;
}

static void print_spaces(size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++)
        (void)fputc(' ', out);
}

static void print_value(const hsm_report_value *value, bool may_colour, FILE *out)
{
    static const char *const colours[] = {
        [HSM_ADMIN_OK] = "\033[32m",
        [HSM_ADMIN_WARNING] = "\033[33m",
        [HSM_ADMIN_ERROR] = "\033[31m",
    };
    const bool is_coloured = may_colour && value->kind == HSM_REPORT_VERDICT;
    shown text;

    show(value, &text);
    if (is_coloured)
        (void)fputs(colours[value->number], out);
    hsm_admin_print_plain(text.text, out);
    if (is_coloured)
        (void)fputs("\033[0m", out);
}

/* Whether there was any for people. */
static bool print_fields(const hsm_admin_report *report, bool may_colour, FILE *out)
{
    size_t width = 0;

    for (size_t i = 0; i < report->fields.count; i++) {
        const char *title = report->fields.items[i].title;
        if (title != NULL && strlen(title) > width)
            width = strlen(title);
    }
    for (size_t i = 0; i < report->fields.count; i++) {
        const hsm_report_value *field = &report->fields.items[i];
        if (field->title == NULL)
            continue;
        (void)fprintf(out, "%s", field->title);
        print_spaces(width - strlen(field->title) + 2, out);
        print_value(field, may_colour, out);
        (void)fputc('\n', out);
    }
    return width > 0;
}

static const hsm_report_value *cell_at(const hsm_report_table *table, size_t row, size_t column)
{
    const size_t at = row * table->column_count + column;

    return at < table->cells.count ? &table->cells.items[at] : NULL;
}

static bool is_number(const hsm_report_value *cell)
{
    return cell->kind == HSM_REPORT_NUMBER || cell->kind == HSM_REPORT_SIZE;
}

static size_t column_width(const hsm_report_table *table, size_t column)
{
    size_t width = strlen(table->columns[column].title);
    shown text;

    for (size_t row = 0; row < table->row_count; row++) {
        const hsm_report_value *cell = cell_at(table, row, column);
        if (cell == NULL)
            continue;
        show(cell, &text);
        const size_t wide = width_of(text.text);
        width = wide > width ? wide : width;
    }
    return width;
}

/* The last column that people see needs no padding. */
static bool is_last_shown(const hsm_report_table *table, size_t column)
{
    for (size_t i = column + 1; i < table->column_count; i++) {
        if (table->columns[i].title != NULL)
            return false;
    }
    return true;
}

/* One cell, in its column; numbers stand to the right. */
static void print_cell(const hsm_report_value *cell, size_t width, bool is_last, bool may_colour,
                       FILE *out)
{
    shown text;

    show(cell, &text);
    const size_t wide = width_of(text.text);
    const size_t pad = width > wide ? width - wide : 0;
    const bool is_right = is_number(cell);
    if (is_right)
        print_spaces(pad, out);
    print_value(cell, may_colour, out);
    if (!is_right && !is_last)
        print_spaces(pad, out);
    (void)fputs(is_last ? "\n" : "  ", out);
}

#define COLUMNS_MAX 24u

static void print_heads(const hsm_report_table *table, const size_t *widths, FILE *out)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const char *title = table->columns[i].title;
        if (title == NULL)
            continue;
        const hsm_report_value *first = cell_at(table, 0, i);
        const bool is_right = first != NULL && is_number(first);
        const size_t pad = widths[i] - strlen(title);
        print_spaces(is_right ? pad : 0, out);
        (void)fputs(title, out);
        print_spaces(is_right || is_last_shown(table, i) ? 0 : pad, out);
        (void)fputs(is_last_shown(table, i) ? "\n" : "  ", out);
    }
}

static void print_table(const hsm_report_table *table, bool may_colour, FILE *out)
{
    size_t widths[COLUMNS_MAX] = { 0 };

    if (table->row_count == 0 || table->column_count > COLUMNS_MAX)
        return;
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].title != NULL)
            widths[i] = column_width(table, i);
    }
    print_heads(table, widths, out);
    for (size_t row = 0; row < table->row_count; row++) {
        for (size_t i = 0; i < table->column_count; i++) {
            const hsm_report_value *cell = cell_at(table, row, i);
            if (cell != NULL && table->columns[i].title != NULL)
                print_cell(cell, widths[i], is_last_shown(table, i), may_colour, out);
        }
    }
}

hsm_err hsm_admin_report_print(const hsm_admin_report *report, bool may_colour, FILE *out)
{
    HSM_CHECK(!report->is_failed, HSM_E_NO_MEMORY);
    bool is_gap_due = print_fields(report, may_colour, out);
    for (size_t i = 0; i < report->table_count; i++) {
        if (report->tables[i].row_count == 0)
            continue;
        if (is_gap_due)
            (void)fputc('\n', out);
        is_gap_due = true;
        print_table(&report->tables[i], may_colour, out);
    }
    for (size_t i = 0; i < report->notes.count; i++) {
        hsm_admin_print_plain(hsm_bytes_of(report->notes.items[i].text, report->notes.items[i].len),
                              out);
        (void)fputc('\n', out);
    }
    HSM_CHECK(fflush(out) == 0 && ferror(out) == 0, HSM_E_STORE_IO);
    return HSM_OK;
}
