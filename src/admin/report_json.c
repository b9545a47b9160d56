/* The same report as one JSON document (RFC 8259), in UTF-8.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "admin/report_parts.h"
#include "base/utf8.h"

void hsm_admin_json_string(hsm_bytes utf8, FILE *out)
{
    (void)fputc('"', out);
    for (size_t i = 0; i < utf8.len;) {
        const size_t len = hsm_utf8_char_len(hsm_bytes_of(utf8.data + i, utf8.len - i));
        const uint8_t byte = utf8.data[i];

        if (len == 0)
            (void)fputs("\\ufffd", out);
        else if (byte == '"' || byte == '\\')
            (void)fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            (void)fprintf(out, "\\u%04x", byte);
        else
            (void)fwrite(utf8.data + i, 1, len, out);
        i += len == 0 ? 1 : len;
    }
    (void)fputc('"', out);
}

static void print_value(const hsm_report_value *value, FILE *out)
{
    switch (value->kind) {
    case HSM_REPORT_NONE:
        (void)fputs("null", out);
        break;
    case HSM_REPORT_TEXT:
    case HSM_REPORT_VERDICT:
        hsm_admin_json_string(hsm_bytes_of(value->text, value->len), out);
        break;
    case HSM_REPORT_NUMBER:
    case HSM_REPORT_SIZE:
        (void)fprintf(out, "%" PRIu64, value->number);
        break;
    case HSM_REPORT_BOOL:
        (void)fputs(value->number != 0 ? "true" : "false", out);
        break;
    }
}

static void print_row(const hsm_report_table *table, size_t row, FILE *out)
{
    (void)fputs("{", out);
    for (size_t i = 0; i < table->column_count; i++) {
        const size_t at = row * table->column_count + i;
        if (at >= table->cells.count)
            break;
        (void)fprintf(out, "%s\"%s\": ", i > 0 ? ", " : "", table->columns[i].key);
        print_value(&table->cells.items[at], out);
    }
    (void)fputs("}", out);
}

static void print_table(const hsm_report_table *table, FILE *out)
{
    (void)fprintf(out, ",\n  \"%s\": [", table->key);
    for (size_t row = 0; row < table->row_count; row++) {
        (void)fputs(row > 0 ? ",\n    " : "\n    ", out);
        print_row(table, row, out);
    }
    (void)fputs(table->row_count > 0 ? "\n  ]" : "]", out);
}

static void print_notes(const hsm_report_values *notes, FILE *out)
{
    if (notes->count == 0)
        return;
    (void)fputs(",\n  \"notes\": [", out);
    for (size_t i = 0; i < notes->count; i++) {
        (void)fputs(i > 0 ? ", " : "", out);
        print_value(&notes->items[i], out);
    }
    (void)fputs("]", out);
}

hsm_err hsm_admin_report_json(const hsm_admin_report *report, const char *command, bool is_ok,
                              FILE *out)
{
    HSM_CHECK(!report->is_failed, HSM_E_NO_MEMORY);
    (void)fprintf(out, "{\n  \"command\": \"%s\",\n  \"ok\": %s", command,
                  is_ok ? "true" : "false");
    for (size_t i = 0; i < report->fields.count; i++) {
        (void)fprintf(out, ",\n  \"%s\": ", report->fields.items[i].key);
        print_value(&report->fields.items[i], out);
    }
    for (size_t i = 0; i < report->table_count; i++)
        print_table(&report->tables[i], out);
    print_notes(&report->notes, out);
    (void)fputs("\n}\n", out);
    HSM_CHECK(fflush(out) == 0 && ferror(out) == 0, HSM_E_STORE_IO);
    return HSM_OK;
}
