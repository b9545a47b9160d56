/* From argv to a row of the command table and its values.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"

static const hsm_admin_option common_options[] = {
    { .name = "config",
      .value = "FILE",
      .help = "the configuration file instead of the one found by itself",
      .kind = HSM_ADMIN_FILE },
    { .name = "json", .help = "print one JSON document", .kind = HSM_ADMIN_SWITCH },
    { .name = "help", .help = "say what the command does", .kind = HSM_ADMIN_SWITCH },
    { .name = "version", .help = "print the version", .kind = HSM_ADMIN_SWITCH },
    { .name = NULL },
};

const hsm_admin_option *hsm_admin_common_options(void)
{
    return common_options;
}

const hsm_admin_group *hsm_admin_find_group(const char *name)
{
    size_t count = 0;
    const hsm_admin_group *const *groups = hsm_admin_groups(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(groups[i]->name, name) == 0)
            return groups[i];
    }
    return NULL;
}

const hsm_admin_command *hsm_admin_find_command(const hsm_admin_group *group, const char *name)
{
    for (size_t i = 0; i < group->command_count; i++) {
        if (strcmp(group->commands[i].name, name) == 0)
            return &group->commands[i];
    }
    return NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

/* The place of an option in a list, or NULL. name: name_len bytes */
static const hsm_admin_option *find_option(const hsm_admin_option *list, const char *name,
                                           size_t name_len)
{
    for (size_t i = 0; list != NULL && list[i].name != NULL; i++) {
        if (strlen(list[i].name) == name_len && strncmp(list[i].name, name, name_len) == 0)
            return &list[i];
    }
    return NULL;
}

const char *hsm_admin_text(const hsm_admin *admin, const char *option)
{
    const hsm_admin_option *list = admin->command->options;
    const hsm_admin_option *row = find_option(list, option, strlen(option));

    return row != NULL ? admin->values[row - list] : NULL;
}

bool hsm_admin_is_given(const hsm_admin *admin, const char *option)
{
    return hsm_admin_text(admin, option) != NULL;
}

hsm_err hsm_admin_number(hsm_admin *admin, const char *option, hsm_admin_range range,
                         uint64_t *out_value)
{
    const char *text = hsm_admin_text(admin, option);
    char *end = NULL;

    if (text == NULL) {
        *out_value = range.fallback;
        return HSM_OK;
    }
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    const bool is_number = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
    if (!is_number || value < range.min || value > range.max)
        return hsm_admin_fail(admin, HSM_E_ARG, "--%s %s: not a number from %llu to %llu", option,
                              text, (unsigned long long)range.min, (unsigned long long)range.max);
    *out_value = value;
    return HSM_OK;
}

/* Whether `word` is one of the words of a list with blanks between them. */
static bool is_choice(const char *list, const char *word)
{
    const size_t len = strlen(word);

    for (const char *at = list; len > 0 && (at = strstr(at, word)) != NULL; at += len) {
        const bool starts = at == list || at[-1] == ' ';
        if (starts && (at[len] == ' ' || at[len] == '\0'))
            return true;
    }
    return false;
}

/* --- parsing ---------------------------------------------------------------------------------- */

/* Where the arguments are read. */
typedef struct cursor {
    int argc;
    char *const *argv;
    int at;
} cursor;

static void hint_help(hsm_admin *admin)
{
    const bool has_name = admin->command != NULL && admin->command->name[0] != '\0';

    hsm_admin_hint(admin, "craton-hsm-admin%s%s%s%s --help", admin->group != NULL ? " " : "",
                   admin->group != NULL ? admin->group->name : "", has_name ? " " : "",
                   has_name ? admin->command->name : "");
}

static hsm_err usage(hsm_admin *admin, const char *what, const char *which)
{
    hint_help(admin);
    return hsm_admin_fail(admin, HSM_E_ARG, "%s%s", what, which);
}

static hsm_err take_common(hsm_admin *admin, const hsm_admin_option *row, const char *value)
{
    if (strcmp(row->name, "config") == 0)
        admin->config_path = value;
    else if (strcmp(row->name, "json") == 0)
        admin->is_json = true;
    else if (strcmp(row->name, "version") == 0)
        admin->is_version = true;
    else
        admin->is_help = true;
    return HSM_OK;
}

static hsm_err take_own(hsm_admin *admin, const hsm_admin_option *row, const char *value)
{
    HSM_CHECK(admin->command != NULL, HSM_E_INTERNAL); /* row is one of its options */
    const size_t index = (size_t)(row - admin->command->options);
    HSM_CHECK(index < HSM_ADMIN_OPTIONS_MAX, HSM_E_INTERNAL);
    if (admin->values[index] != NULL)
        return usage(admin, "given twice: --", row->name);
    if (row->kind == HSM_ADMIN_CHOICE && value != NULL && !is_choice(row->choices, value))
        return hsm_admin_fail(admin, HSM_E_ARG, "--%s %s: must be one of: %s", row->name, value,
                              row->choices);
    admin->values[index] = value;
    return HSM_OK;
}

/* The value of an option, which follows "=" or is the next argument. */
static hsm_err value_of(hsm_admin *admin, const hsm_admin_option *row, const char *after_equals,
                        cursor *from, const char **out_value)
{
    if (row->kind == HSM_ADMIN_SWITCH) {
        if (after_equals != NULL)
            return usage(admin, "takes no value: --", row->name);
        *out_value = "";
        return HSM_OK;
    }
    if (after_equals != NULL) {
        *out_value = after_equals;
        return HSM_OK;
    }
    if (from->at >= from->argc)
        return usage(admin, "a value is missing after --", row->name);
    *out_value = from->argv[from->at++];
    return HSM_OK;
}

static hsm_err take_option(hsm_admin *admin, const char *argument, cursor *from)
{
    const char *name = argument + 2;
    const size_t name_len = strcspn(name, "=");
    const char *after_equals = name[name_len] == '=' ? name + name_len + 1 : NULL;
    const hsm_admin_option *own = admin->command != NULL ? admin->command->options : NULL;
    const hsm_admin_option *row = find_option(common_options, name, name_len);
    const char *value = NULL;

    if (row != NULL) {
        HSM_TRY(value_of(admin, row, after_equals, from, &value));
        return take_common(admin, row, value);
    }
    row = find_option(own, name, name_len);
    if (row == NULL)
        return usage(admin, "unknown option: ", argument);
    HSM_TRY(value_of(admin, row, after_equals, from, &value));
    return take_own(admin, row, value);
}

/* A word: the group, then the command, then the operand. */
static hsm_err take_word(hsm_admin *admin, const char *word)
{
    if (admin->group == NULL) {
        admin->group = hsm_admin_find_group(word);
        if (admin->group == NULL)
            return usage(admin, "unknown command: ", word);
        admin->command = hsm_admin_find_command(admin->group, "");
        return HSM_OK;
    }
    /* "backup" is a command, and so is "backup verify". */
    if (admin->operand == NULL && (admin->command == NULL || admin->command->name[0] == '\0')) {
        const hsm_admin_command *named = hsm_admin_find_command(admin->group, word);
        if (named != NULL) {
            admin->command = named;
            return HSM_OK;
        }
    }
    if (admin->command == NULL)
        return usage(admin, "unknown command: ", word);
    if (admin->command->operand == NULL || admin->operand != NULL)
        return usage(admin, "one argument too many: ", word);
    admin->operand = word;
    return HSM_OK;
}

static bool is_operand_needed(const hsm_admin_command *command)
{
    return command->operand != NULL && command->operand[0] != '[';
}

static hsm_err check_complete(hsm_admin *admin)
{
    if (admin->command == NULL)
        return usage(admin, admin->group == NULL ? "a command is missing" : "which one? ",
                     admin->group == NULL ? "" : "see the help of this group");
    if (admin->operand == NULL && is_operand_needed(admin->command))
        return usage(admin, "an argument is missing: ", admin->command->operand);
    for (size_t i = 0; admin->command->options[i].name != NULL; i++) {
        if (admin->command->options[i].is_required && admin->values[i] == NULL)
            return usage(admin, "missing: --", admin->command->options[i].name);
    }
    return HSM_OK;
}

/* Whether --json stands anywhere: what is wrong with an argument before it is to be told as JSON, too.
 * A value of that text is taken for it then, which only such an error shows. */
static bool wants_json(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

static hsm_err parse(hsm_admin *admin, int argc, char *const *argv)
{
    cursor from = { .argc = argc, .argv = argv, .at = 1 };
    bool is_words_only = false;

    while (from.at < from.argc) {
        const char *argument = argv[from.at++];

        if (is_words_only || argument[0] != '-' || argument[1] == '\0')
            HSM_TRY(take_word(admin, argument));
        else if (strcmp(argument, "-h") == 0)
            admin->is_help = true;
        else if (strcmp(argument, "--") == 0)
            is_words_only = true;
        else if (argument[1] == '-')
            HSM_TRY(take_option(admin, argument, &from));
        else
            return usage(admin, "unknown option: ", argument);
    }
    return admin->is_help || admin->is_version || argc == 1 ? HSM_OK : check_complete(admin);
}

hsm_err hsm_admin_parse(hsm_admin *admin, int argc, char *const *argv)
{
    const hsm_err err = parse(admin, argc, argv);

    if (err != HSM_OK)
        admin->is_json = wants_json(argc, argv);
    return err;
}
