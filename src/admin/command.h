/* What a command of craton-hsm-admin is: a row of a table, from which parsing, help, completion and
 * manual pages follow.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_COMMAND_H
#define HSM_ADMIN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scope.h"

struct hsm_admin;

typedef enum hsm_admin_value {
    HSM_ADMIN_SWITCH, /* no value */
    HSM_ADMIN_TEXT,
    HSM_ADMIN_NUMBER, /* decimal, checked where it is used */
    HSM_ADMIN_FILE,
    HSM_ADMIN_CHOICE, /* one of `choices` */
} hsm_admin_value;

/* --name VALUE or --name=VALUE; a row whose name is NULL ends a list. */
typedef struct hsm_admin_option {
    const char *name;  /* without the dashes */
    const char *value; /* what the help calls the value; NULL for switches */
    const char *help;  /* one line, lower case, no full stop */
    hsm_admin_value kind;
    bool is_required;
    const char *choices; /* words with blanks between them, for completion and checking */
} hsm_admin_option;

#define HSM_ADMIN_OPTIONS_MAX 32u

/* One command: "GROUP NAME", or "GROUP" alone when name is "". */
typedef struct hsm_admin_command {
    const char *name;
    const char *operand; /* the one argument without dashes, as help calls it; "[...]": may be left
                          * out; NULL: none */
    const char *summary; /* one line, lower case, no full stop */
    const char *text;    /* paragraphs for the help of this command and its manual page; or NULL */
    const hsm_admin_option *options; /* besides those that every command has */
    hsm_err (*run)(struct hsm_admin *admin);
} hsm_admin_command;

typedef struct hsm_admin_group {
    const char *name;
    const char *summary;
    const hsm_admin_command *commands;
    size_t command_count;
} hsm_admin_group;

/* Every group, in the order of the help. */
const hsm_admin_group *const *hsm_admin_groups(size_t *out_count);
/* What every command understands: --config, --json, --help. */
const hsm_admin_option *hsm_admin_common_options(void);
/* NULL when there is none of that name. */
const hsm_admin_group *hsm_admin_find_group(const char *name);
const hsm_admin_command *hsm_admin_find_command(const hsm_admin_group *group, const char *name);

/* The groups, each in its own file. */
extern const hsm_admin_group hsm_admin_status_group;
extern const hsm_admin_group hsm_admin_token_group;
extern const hsm_admin_group hsm_admin_pin_group;
extern const hsm_admin_group hsm_admin_key_group;
extern const hsm_admin_group hsm_admin_csr_group;
extern const hsm_admin_group hsm_admin_backup_group;
extern const hsm_admin_group hsm_admin_restore_group;
extern const hsm_admin_group hsm_admin_migrate_group;
extern const hsm_admin_group hsm_admin_audit_group;
extern const hsm_admin_group hsm_admin_doctor_group;
extern const hsm_admin_group hsm_admin_integrity_group;
extern const hsm_admin_group hsm_admin_bench_group;
extern const hsm_admin_group hsm_admin_completion_group;
extern const hsm_admin_group hsm_admin_man_group;

/* Options that several commands share. */
#define HSM_ADMIN_OPTION_SLOT                                                             \
    {                                                                                     \
        .name = "slot", .value = "N", .help = "which slot (0)", .kind = HSM_ADMIN_NUMBER, \
    }
#define HSM_ADMIN_OPTION_YES                                           \
    {                                                                  \
        .name = "yes", .help = "do not ask", .kind = HSM_ADMIN_SWITCH, \
    }
#define HSM_ADMIN_OPTION_FORCE                                                             \
    {                                                                                      \
        .name = "force", .help = "replace a file that is there", .kind = HSM_ADMIN_SWITCH, \
    }
/* A file that the command makes. */
#define HSM_ADMIN_OPTION_NEW_FILE(option, what)                                \
    {                                                                          \
        .name = option, .value = "FILE", .help = what, .kind = HSM_ADMIN_FILE, \
        .is_required = true,                                                   \
    }
/* Two ways to bring a secret; see secrets.h. */
#define HSM_ADMIN_OPTIONS_SECRET(role, what)                                          \
    { .name = role "-file",                                                           \
      .value = "FILE",                                                                \
      .help = what ": the first line of a file of mode 0600",                         \
      .kind = HSM_ADMIN_FILE },                                                       \
    {                                                                                 \
        .name = role "-fd", .value = "N", .help = what ": from this open descriptor", \
        .kind = HSM_ADMIN_NUMBER,                                                     \
    }

#endif
