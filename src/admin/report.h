/* What a command has to say: fields, tables and notes, printed for people or as one JSON document.
 * Nothing is printed before the command has succeeded, so that JSON is whole or absent.
 *
 * Functions that add may run out of memory: that sticks, and hsm_admin_report_print() reports it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_REPORT_H
#define HSM_ADMIN_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/scope.h"

typedef struct hsm_admin_report hsm_admin_report;

/* key: the name in JSON; title: what people read. NULL title: JSON only. */
typedef struct hsm_admin_column {
    const char *key;
    const char *title;
} hsm_admin_column;

HSM_MUST_USE hsm_err hsm_admin_report_create(hsm_admin_report **out_report);
void hsm_admin_report_destroy(hsm_admin_report *report);
HSM_DEFINE_DROP(hsm_admin_report)

/* --- Fields: of the document, or, after hsm_admin_row(), the next cell of that row (key and title are
 *     then the column's, and NULL here) ------------------------------------------------------------- */

/* NULL text: nothing there (JSON null, people "-"). */
void hsm_admin_put_text(hsm_admin_report *report, const char *key, const char *title,
                        const char *text);
void hsm_admin_put_bytes(hsm_admin_report *report, const char *key, const char *title,
                         hsm_bytes utf8);
void hsm_admin_put_hex(hsm_admin_report *report, const char *key, const char *title,
                       hsm_bytes bytes);
void hsm_admin_put_number(hsm_admin_report *report, const char *key, const char *title,
                          uint64_t number);
/* Bytes: people read "1.5 MiB", JSON has the number. */
void hsm_admin_put_size(hsm_admin_report *report, const char *key, const char *title,
                        uint64_t bytes);
void hsm_admin_put_bool(hsm_admin_report *report, const char *key, const char *title, bool value);
/* A moment, nanoseconds since 1970: "2026-11-27T11:42:38.000001Z", "-" beyond the year 9999. */
#define HSM_ADMIN_TIME_CHARS 40u
void hsm_admin_time_text(uint64_t ns, char out[HSM_ADMIN_TIME_CHARS]);
/* The same as a field; 0: nothing there. */
void hsm_admin_put_time(hsm_admin_report *report, const char *key, const char *title, uint64_t ns);
/* "ok", "warning" or "error", coloured. */
typedef enum hsm_admin_verdict {
    HSM_ADMIN_OK,
    HSM_ADMIN_WARNING,
    HSM_ADMIN_ERROR,
} hsm_admin_verdict;
void hsm_admin_put_verdict(hsm_admin_report *report, const char *key, const char *title,
                           hsm_admin_verdict verdict);

/* Starts a table; columns are borrowed until the report is destroyed. */
void hsm_admin_table(hsm_admin_report *report, const char *key, const hsm_admin_column *columns,
                     size_t column_count);
/* Starts the next row of the table. */
void hsm_admin_row(hsm_admin_report *report);
/* Ends the table: what is put next is a field of the document again. */
void hsm_admin_table_end(hsm_admin_report *report);

/* A sentence for people, after everything else; in JSON one of "notes". */
void hsm_admin_note(hsm_admin_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- Printing --------------------------------------------------------------------------------------- */

/* errors  HSM_E_NO_MEMORY (something could not be added), HSM_E_STORE_IO (out can't be written) */
HSM_MUST_USE hsm_err hsm_admin_report_print(const hsm_admin_report *report, bool may_colour,
                                            FILE *out);
/* {"command": ..., "ok": ..., fields ...}; ok: the exit status is 0 */
HSM_MUST_USE hsm_err hsm_admin_report_json(const hsm_admin_report *report, const char *command,
                                           bool is_ok, FILE *out);
/* text as a JSON string with its quotes. */
void hsm_admin_json_string(hsm_bytes utf8, FILE *out);
/* text with control characters shown as \xNN, so that a label can't steer a terminal. */
void hsm_admin_print_plain(hsm_bytes utf8, FILE *out);

#endif
