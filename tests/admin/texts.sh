#!/usr/bin/env bash
# What is generated from the table of commands: completion, manual page; and that docs/admin.md and the
# table know the same commands.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

complete_line() { # complete_line WORD...: what bash offers for the last of them
    bash -c '. ./completion.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_craton_hsm_admin
printf "%s\n" "${COMPREPLY[@]}"' bash craton-hsm-admin "$@"
}

commands() { # every command, one a line, from the manual page
    admin man | sed -n 's/^\.SS "\(.*\)"$/\1/p' | sed 's/ \[*[A-Z][A-Z]*\]*$//'
}

test_completion() {
    admin completion bash >completion.bash
    admin completion zsh >completion.zsh
    check 'bash reads its completion' bash -n completion.bash
    check_says 'bash: groups' '^token$' complete_line to
    check_says 'bash: commands of a group' '^destroy$' complete_line token ''
    check_says 'bash: options' '^--label$' complete_line token init --l
    check_says 'bash: choices' '^SO$' complete_line pin change --user-type S
    check_says 'bash: files' '^completion.bash$' complete_line token init --so-pin-file comp
    check_says 'bash: files of any option that takes one' '^completion.zsh$' complete_line audit report --html completion.z
    if command -v zsh >/dev/null; then
        check 'zsh reads its completion' zsh -n completion.zsh
        mkdir -p functions
        cp completion.zsh functions/_craton-hsm-admin
        # Outside of a completion it can't go further than to complain that it is outside of one.
        # shellcheck disable=SC2016 # for zsh to expand
        check_says 'and completes the first time, as a file of fpath' '^_bash_complete:' zsh -fc '
            fpath=($PWD/functions $fpath); autoload -U compinit && compinit -D -u
            _craton-hsm-admin 2>&1; true'
    else
        skip 'zsh reads its completion' 'no zsh'
    fi
    check_status 'another shell' 2 'bash or zsh' admin completion fish
}

test_man() {
    admin man >page.1
    if command -v man >/dev/null; then
        check_says 'man shows the page' 'so-pin-file' bash -c 'man -l page.1 2>&1'
    else
        skip 'man shows the page' 'no man'
    fi
}

each_command_has_help() {
    local line words
    while read -r line; do
        read -ra words <<<"$line"
        admin "${words[@]}" --help | grep -q '^usage: ' || { echo "no help: $line"; return 1; }
    done < <(commands)
}

each_command_is_documented() {
    local line
    while read -r line; do
        grep -q -F "\`$line\`" "$docs/admin.md" || { echo "not in docs/admin.md: $line"; return 1; }
    done < <(commands)
}

docs=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../docs" && pwd)
# shellcheck disable=SC2119
begin_admin
test_completion
test_man
check 'every command has help' each_command_has_help
check 'every command is in docs/admin.md' each_command_is_documented
