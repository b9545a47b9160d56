/* Help, made from the table.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "admin/admin.h"

#define NAME_WIDTH 26

static void print_groups(void)
{
    size_t count = 0;
    const hsm_admin_group *const *groups = hsm_admin_groups(&count);

    (void)puts("usage: craton-hsm-admin COMMAND [OPTIONS]\n");
    for (size_t i = 0; i < count; i++)
        (void)printf("  %-*s %s\n", NAME_WIDTH, groups[i]->name, groups[i]->summary);
    (void)puts(
        "\nMore of each: craton-hsm-admin COMMAND --help. Every command takes --config FILE and\n"
        "--json. PINs and passphrases are asked for, or read from a file, a descriptor or a\n"
        "systemd credential. Exit status: 0 done, 2 usage, 3 denied, 4 not found, 5 state,\n"
        "6 data, 7 resource, 8 internal.");
}

static void print_usage(const hsm_admin_group *group, const hsm_admin_command *command)
{
    (void)printf("usage: craton-hsm-admin %s", group->name);
    if (command->name[0] != '\0')
        (void)printf(" %s", command->name);
    if (command->operand != NULL)
        (void)printf(" %s", command->operand);
    for (size_t i = 0; command->options[i].name != NULL; i++) {
        const hsm_admin_option *option = &command->options[i];
        if (option->is_required)
            (void)printf(" --%s %s", option->name, option->value);
    }
    (void)puts(" [OPTIONS]");
}

static void print_options(const hsm_admin_option *options)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        const hsm_admin_option *option = &options[i];
        char name[64];

        (void)snprintf(name, sizeof name, "--%s%s%s", option->name,
                       option->value != NULL ? " " : "",
                       option->value != NULL ? option->value : "");
        (void)printf("  %-*s %s%s", NAME_WIDTH, name, option->help,
                     option->is_required ? " (required)" : "");
        if (option->kind == HSM_ADMIN_CHOICE)
            (void)printf(": %s", option->choices);
        (void)putchar('\n');
    }
}

static void print_command(const hsm_admin_group *group, const hsm_admin_command *command)
{
    print_usage(group, command);
    (void)printf("\n  %s\n", command->summary);
    if (command->text != NULL)
        (void)printf("\n%s\n", command->text);
    (void)putchar('\n');
    print_options(command->options);
    print_options(hsm_admin_common_options());
}

static void print_group(const hsm_admin_group *group)
{
    (void)printf("usage: craton-hsm-admin %s COMMAND [OPTIONS]\n\n", group->name);
    for (size_t i = 0; i < group->command_count; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "%s%s%s", group->name,
                       group->commands[i].name[0] != '\0' ? " " : "", group->commands[i].name);
        (void)printf("  %-*s %s\n", NAME_WIDTH, name, group->commands[i].summary);
    }
}

void hsm_admin_print_help(const hsm_admin_group *group, const hsm_admin_command *command)
{
    if (group == NULL)
        print_groups();
    else if (command == NULL)
        print_group(group);
    else
        print_command(group, command);
    if (group != NULL && command != NULL && command->name[0] == '\0' && group->command_count > 1) {
        (void)putchar('\n');
        print_group(group);
    }
}
