/* The parts of a report, for the files that print it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_REPORT_PARTS_H
#define HSM_ADMIN_REPORT_PARTS_H

#include "admin/report.h"

typedef enum hsm_report_kind {
    HSM_REPORT_NONE,
    HSM_REPORT_TEXT,
    HSM_REPORT_NUMBER,
    HSM_REPORT_SIZE,
    HSM_REPORT_BOOL,
    HSM_REPORT_VERDICT,
} hsm_report_kind;

typedef struct hsm_report_value {
    const char *key;   /* of a field; borrowed constants */
    const char *title; /* NULL: not for people */
    hsm_report_kind kind;
    uint64_t number; /* also of BOOL and VERDICT */
    char *text;      /* owned, ends with a zero byte after len bytes */
    size_t len;
} hsm_report_value;

typedef struct hsm_report_values {
    hsm_report_value *items;
    size_t count;
    size_t cap;
} hsm_report_values;

typedef struct hsm_report_table {
    const char *key;
    const hsm_admin_column *columns;
    size_t column_count;
    size_t row_count;
    hsm_report_values cells; /* row after row */
} hsm_report_table;

#define HSM_REPORT_TABLES_MAX 4u

struct hsm_admin_report {
    hsm_report_values fields;
    hsm_report_values notes;
    hsm_report_table tables[HSM_REPORT_TABLES_MAX];
    size_t table_count;
    bool is_in_table; /* values go to the last table */
    bool is_failed;   /* something could not be added */
};

#endif
