/* Completion for bash and zsh, made from the table.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"

/* The words after a command: "--name" each; for choices, what follows them. */
static void print_option_words(const hsm_admin_option *options)
{
    for (size_t i = 0; options[i].name != NULL; i++)
        (void)printf(" --%s", options[i].name);
}

static void print_words(const hsm_admin_group *group, const hsm_admin_command *command)
{
    (void)printf("    '%s%s%s') words='", group->name, command->name[0] != '\0' ? " " : "",
                 command->name);
    if (command->name[0] == '\0') {
        for (size_t i = 0; i < group->command_count; i++)
            (void)printf("%s ", group->commands[i].name);
    }
    print_option_words(command->options);
    print_option_words(hsm_admin_common_options());
    (void)puts("' ;;");
}

/* What comes after an option: one of its choices, or a file. */
static void print_values(const hsm_admin_group *group, const hsm_admin_command *command)
{
    for (size_t i = 0; command->options[i].name != NULL; i++) {
        const hsm_admin_option *option = &command->options[i];
        if (option->kind != HSM_ADMIN_CHOICE && option->kind != HSM_ADMIN_FILE)
            continue;
        (void)printf("    '%s%s%s --%s') ", group->name, command->name[0] != '\0' ? " " : "",
                     command->name, option->name);
        if (option->kind == HSM_ADMIN_CHOICE)
            (void)printf("words='%s' ;;\n", option->choices);
        else
            (void)puts("files=1 ;;");
    }
}

static void each_command(void (*print)(const hsm_admin_group *, const hsm_admin_command *))
{
    size_t count = 0;
    const hsm_admin_group *const *groups = hsm_admin_groups(&count);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < groups[i]->command_count; j++)
            print(groups[i], &groups[i]->commands[j]);
    }
}

/* "key" alone, where no command has that short a name. */
static void print_group_words(void)
{
    size_t count = 0;
    const hsm_admin_group *const *groups = hsm_admin_groups(&count);

    (void)printf("    '') words='");
    for (size_t i = 0; i < count; i++)
        (void)printf("%s ", groups[i]->name);
    (void)puts("' ;;");
    for (size_t i = 0; i < count; i++) {
        if (hsm_admin_find_command(groups[i], "") != NULL)
            continue;
        (void)printf("    '%s') words='", groups[i]->name);
        for (size_t j = 0; j < groups[i]->command_count; j++)
            (void)printf("%s ", groups[i]->commands[j].name);
        (void)puts("' ;;");
    }
}

/* Both shells run the same function; zsh through its emulation of bash's completion. The path typed
 * so far is what stands before the first option. */
static void print_function(void)
{
    (void)puts("_craton_hsm_admin()\n{\n"
               "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path='' "
               "words='' files='' i\n"
               "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
               "        [[ ${COMP_WORDS[i]} != -* ]] || break\n"
               "        path=\"$path${path:+ }${COMP_WORDS[i]}\"\n"
               "    done\n"
               "    case \"$path $prev\" in\n"
               "    *' --config') files=1 ;;");
    each_command(print_values);
    (void)puts("    esac\n"
               "    if [ -n \"$files\" ]; then\n"
               "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
               "        return\n"
               "    fi\n"
               "    [ -n \"$words\" ] || case $path in");
    print_group_words();
    each_command(print_words);
    (void)puts("    esac\n"
               "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
               "}");
}

static hsm_err run_completion(hsm_admin *admin)
{
    const bool is_zsh = strcmp(admin->operand, "zsh") == 0;

    if (!is_zsh && strcmp(admin->operand, "bash") != 0)
        return hsm_admin_fail(admin, HSM_E_ARG, "%s: bash or zsh", admin->operand);
    if (is_zsh)
        (void)puts("#compdef craton-hsm-admin\nautoload -U +X bashcompinit && bashcompinit");
    print_function();
    (void)puts("complete -o default -F _craton_hsm_admin craton-hsm-admin");
    if (is_zsh) /* as a file of fpath it is read at the first completion, which it then has to make */
        (void)puts("[[ ${funcstack[1]} != _craton-hsm-admin ]] ||\n"
                   "    _bash_complete -o default -F _craton_hsm_admin");
    return HSM_OK;
}

static const hsm_admin_option completion_options[] = { { .name = NULL } };

static const hsm_admin_command completion_commands[] = {
    {
        .name = "",
        .operand = "SHELL",
        .summary = "print the completion script of bash or zsh",
        .text = "Bash: source <(craton-hsm-admin completion bash). The package installs it.",
        .options = completion_options,
        .run = run_completion,
    },
};

const hsm_admin_group hsm_admin_completion_group = {
    .name = "completion",
    .summary = "print a shell's completion script",
    .commands = completion_commands,
    .command_count = HSM_ARRAY_LEN(completion_commands),
};
