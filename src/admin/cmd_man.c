/* The manual page, made from the table (man(7)).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "admin/admin.h"

/* Text with what roff would read as its own turned off. */
static void print_roff(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '-')
            (void)fputs("\\-", stdout);
        else if (*at == '\\')
            (void)fputs("\\e", stdout);
        else if ((*at == '.' || *at == '\'') && (at == text || at[-1] == '\n'))
            (void)printf("\\&%c", *at);
        else
            (void)putchar(*at);
    }
}

static void print_options(const hsm_admin_option *options)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        const hsm_admin_option *option = &options[i];

        (void)printf(".TP\n\\fB\\-\\-");
        print_roff(option->name);
        (void)printf("\\fR");
        if (option->value != NULL)
            (void)printf(" \\fI%s\\fR", option->value);
        (void)putchar('\n');
        print_roff(option->help);
        if (option->kind == HSM_ADMIN_CHOICE) {
            (void)fputs(": ", stdout);
            print_roff(option->choices);
        }
        (void)puts(option->is_required ? " (required)" : "");
    }
}

static void print_command(const hsm_admin_group *group, const hsm_admin_command *command)
{
    (void)printf(".SS \"%s%s%s%s%s\"\n", group->name, command->name[0] != '\0' ? " " : "",
                 command->name, command->operand != NULL ? " " : "",
                 command->operand != NULL ? command->operand : "");
    print_roff(command->summary);
    (void)puts(".");
    if (command->text != NULL) {
        (void)puts(".PP");
        print_roff(command->text);
        (void)putchar('\n');
    }
    print_options(command->options);
}

static void print_end(void)
{
    (void)puts(".SH \"EVERY COMMAND\"");
    print_options(hsm_admin_common_options());
    (void)puts(
        ".SH \"EXIT STATUS\"\n"
        "0 done; 2 usage; 3 denied; 4 not found; 5 state; 6 data; 7 resource; 8 internal.\n"
        ".SH ENVIRONMENT\n"
        ".TP\n\\fBCRATON_HSM_CONFIG\\fR\nthe configuration file\n"
        ".TP\n\\fBCREDENTIALS_DIRECTORY\\fR\nwhere systemd puts credentials: craton\\-hsm\\-pin, "
        "craton\\-hsm\\-so\\-pin, craton\\-hsm\\-new\\-pin, craton\\-hsm\\-passphrase ...\n"
        ".TP\n\\fBNO_COLOR\\fR\nno colour on a terminal\n"
        ".TP\n\\fBCRATON_HSM_LOG\\fR\nstderr:debug shows more");
}

static hsm_err run_man(hsm_admin *admin)
{
    size_t count = 0;
    const hsm_admin_group *const *groups = hsm_admin_groups(&count);

    (void)admin;
    (void)puts(
        ".TH CRATON\\-HSM\\-ADMIN 1\n.SH NAME\n"
        "craton\\-hsm\\-admin \\- run a Craton HSM: tokens, PINs, keys, backups\n"
        ".SH SYNOPSIS\n\\fBcraton\\-hsm\\-admin\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n"
        ".SH DESCRIPTION\n"
        "Talks to the store directly, while applications and the daemon use it too. PINs and\n"
        "passphrases are asked for without echo, or read from a file, a descriptor or a\n"
        "systemd credential; never from an argument.\n.SH COMMANDS");
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < groups[i]->command_count; j++)
            print_command(groups[i], &groups[i]->commands[j]);
    }
    print_end();
    return HSM_OK;
}

static const hsm_admin_option man_options[] = { { .name = NULL } };

static const hsm_admin_command man_commands[] = {
    {
        .name = "",
        .summary = "print the manual page, for man -l",
        .options = man_options,
        .run = run_man,
    },
};

const hsm_admin_group hsm_admin_man_group = {
    .name = "man",
    .summary = "print the manual page",
    .commands = man_commands,
    .command_count = HSM_ARRAY_LEN(man_commands),
};
