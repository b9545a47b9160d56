/* One run of craton-hsm-admin: its arguments, what it opened, what it will print.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_ADMIN_H
#define HSM_ADMIN_ADMIN_H

#include "admin/command.h"
#include "admin/report.h"
#include "admin/secrets.h"
#include "config/config.h"
#include "core/core.h"

#define HSM_ADMIN_TEXT_MAX 512

typedef struct hsm_admin {
    const hsm_admin_group *group;
    const hsm_admin_command *command;
    const char *values[HSM_ADMIN_OPTIONS_MAX]; /* by option of the command; NULL: not given */
    const char *operand;                       /* NULL: not given */
    const char *config_path;                   /* --config; NULL: the usual search */
    bool is_json;
    bool is_help;
    bool is_version;
    hsm_config *config; /* from hsm_admin_open_config() */
    hsm_core *core;     /* from hsm_admin_open_core() */
    hsm_admin_report *report;
    char what[HSM_ADMIN_TEXT_MAX]; /* of an error: what and where, beyond the error's own text */
    char hint[HSM_ADMIN_TEXT_MAX]; /* of an error: what to type */
    bool is_written;               /* the command wrote its result to standard output itself */
    bool is_quiet_failure; /* the report itself says it: only the exit code is left to give */
} hsm_admin;

void hsm_admin_clear(hsm_admin *admin);

/* --- Arguments (arguments.c) -------------------------------------------------------------------- */

/* Reads argv into command, values and operand.
 * errors  HSM_E_ARG, with `what` and `hint` set */
HSM_MUST_USE hsm_err hsm_admin_parse(hsm_admin *admin, int argc, char *const *argv);
/* The value of an option of this command; NULL when it was not given. */
const char *hsm_admin_text(const hsm_admin *admin, const char *option);
bool hsm_admin_is_given(const hsm_admin *admin, const char *option);
/* A number, or `fallback` when the option was not given.
 * errors  HSM_E_ARG (no number, or not min .. max) */
typedef struct hsm_admin_range {
    uint64_t min;
    uint64_t max;
    uint64_t fallback;
} hsm_admin_range;
HSM_MUST_USE hsm_err hsm_admin_number(hsm_admin *admin, const char *option, hsm_admin_range range,
                                      uint64_t *out_value);

/* --- Errors ------------------------------------------------------------------------------------- */

/* Sets what an error is about; returns err. */
hsm_err hsm_admin_fail(hsm_admin *admin, hsm_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets what to do about it. */
void hsm_admin_hint(hsm_admin *admin, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints the error to standard error (and with --json also as the one document on standard output);
 * returns the exit status. */
int hsm_admin_tell_error(hsm_admin *admin, hsm_err err);

/* --- What commands stand on (context.c) ---------------------------------------------------------- */

/* Loads the configuration. errors HSM_E_CONFIG (a log line says more) */
HSM_MUST_USE hsm_err hsm_admin_open_config(hsm_admin *admin);
/* The same, and opens the core. errors those of hsm_core_open() */
HSM_MUST_USE hsm_err hsm_admin_open_core(hsm_admin *admin);
/* The slot of --slot. errors HSM_E_ARG, HSM_E_SLOT */
HSM_MUST_USE hsm_err hsm_admin_slot(hsm_admin *admin, CK_SLOT_ID *out_slot);
/* Opens a read-write session on the slot of --slot.
 * errors  HSM_E_TOKEN_NOT_INITIALIZED (with a hint), ... */
HSM_MUST_USE hsm_err hsm_admin_open_session(hsm_admin *admin, CK_SESSION_HANDLE *out_session);
/* The same and logs in, with the PIN of `role`.
 * errors  HSM_E_PIN_INCORRECT, HSM_E_PIN_LOCKED, ... with hints */
HSM_MUST_USE hsm_err hsm_admin_login(hsm_admin *admin, hsm_admin_role role,
                                     CK_SESSION_HANDLE *out_session);
/* Adds tries left and what to do to an error of a PIN; returns err. */
hsm_err hsm_admin_explain_pin(hsm_admin *admin, hsm_admin_role role, hsm_err err);
/* Whether the operator agrees: --yes, or "yes" typed at the terminal.
 * errors  HSM_E_ARG (no terminal and no --yes), HSM_E_OPERATION_CANCELLED */
HSM_MUST_USE hsm_err hsm_admin_confirm(hsm_admin *admin, const char *question);

/* A label as the standard pads it, without its blanks. */
hsm_bytes hsm_admin_unpad(const uint8_t *text, size_t len);

/* A result that is bytes: as they are to standard output; with --json a member `key` of the document. */
void hsm_admin_put_result(hsm_admin *admin, const char *key, hsm_bytes result);

/* --- Text made from the table --------------------------------------------------------------------- */

/* help.c; command NULL: the group; group NULL: everything. */
void hsm_admin_print_help(const hsm_admin_group *group, const hsm_admin_command *command);

#endif
