#!/usr/bin/env bash
# On a terminal: prompts without echo, Ctrl-C, questions, colour; in a pseudo-terminal and in tmux.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

talk() { python3 "$here/terminal.py" "$@"; }

# The command in a shell that outlives it and then says how it ended.
outlived() { printf '%s\n' bash -c 'trap : INT TERM HUP; "$@"; echo "ended: $?"; read -r _' - "$program" "$@"; }

talk_outlived() { # talk_outlived STEP... -- ARGUMENT...
    local steps=() command
    while [ "$1" != -- ]; do
        steps+=("$1")
        shift
    done
    shift
    mapfile -t command < <(outlived "$@")
    talk "${steps[@]}" -- "${command[@]}"
}

init_by_prompt() {
    talk expect='security officer PIN: ' echo=off "send=$SO_PIN\\r" expect='again, security officer PIN: ' \
        "send=$SO_PIN\\r" expect=Initialised -- "$program" token init --label prompted
}

pin_is_not_shown() { ! grep -q -e "$SO_PIN" -e "$PIN" "$work/log"; }

test_prompt() {
    check_says 'token init asks twice' 'Label +prompted' init_by_prompt
    check 'and shows no PIN' pin_is_not_shown
    check_fails 'two that differ' 'not the same' talk expect='new user PIN: ' "send=$PIN\\r" expect='again, ' \
        'send=something\r' -- "$program" pin reset --so-pin-file so-pin
    check_says 'pin reset' 'Changed +user PIN' talk expect='officer PIN: ' "send=$SO_PIN\\r" \
        expect='new user PIN: ' "send=$PIN\\r" expect='again, ' "send=$PIN\\r" expect=Changed -- "$program" pin reset
    check_says 'backspace and Ctrl-U' 'Changed' talk expect='user PIN: ' "send=wrong\\x15${PIN}x\\x7f\\r" \
        expect='new user PIN' "send=$PIN\\r" expect='again, ' "send=$PIN\\r" expect=Changed -- "$program" pin change
    check_fails 'nothing typed' 'no user PIN given' talk expect='user PIN: ' 'send=\r' -- "$program" pin change
}

test_interruption() {
    check_says 'Ctrl-C ends it' 'ended: [1-9]' talk_outlived expect='PIN: ' echo=off 'send=\x03' expect='ended: ' \
        echo=on 'send=\r' -- pin change
    check_says 'Ctrl-D too' 'cancelled' talk_outlived expect='PIN: ' 'send=ab\x04' expect='ended: ' echo=on \
        'send=\r' -- pin change
    for name in INT TERM HUP; do
        check_says "SIG$name while it asks: the terminal is as before" 'ended: 1[0-9][0-9]' talk_outlived \
            expect='PIN: ' echo=off send=ab "signal=SIG$name" expect='ended: ' echo=on 'send=\r' -- pin change
    done
}

test_question() {
    check_says 'yes' 'Destroyed' talk expect='Type yes to go on: ' 'send=yes\r' expect=Destroyed \
        -- "$program" token destroy --so-pin-file so-pin
    check 'a token again' admin token init --label prompted --so-pin-file so-pin --pin-file pin
    check_fails 'no' 'cancelled' talk expect='Type yes to go on: ' 'send=no\r' expect=cancelled \
        -- "$program" token destroy --so-pin-file so-pin
    check_json 'and it is still there' 'd["label"] == "prompted"' admin token info
}

in_tmux() { tmux -L "craton-$$" -f /dev/null "$@"; }

pane() { in_tmux capture-pane -p "$@"; }

wait_for_pane() { # wait_for_pane TEXT
    local i
    for ((i = 0; i < 600; i++)); do
        ! pane | grep -q -F -- "$1" || return 0
        sleep 0.1
    done
    echo "not shown: $1"
    pane | grep .
    return 1
}

change_in_tmux() {
    in_tmux new-session -d -x 100 -y 30 env "CRATON_HSM_CONFIG=$CRATON_HSM_CONFIG" bash --norc || return 1
    on_exit+=("in_tmux kill-server")
    in_tmux send-keys "'$program' pin change" Enter
    wait_for_pane 'user PIN:' && in_tmux send-keys "$PIN" Enter &&
        wait_for_pane 'new user PIN:' && in_tmux send-keys "$PIN" Enter &&
        wait_for_pane 'again, new user PIN:' && in_tmux send-keys "$PIN" Enter &&
        wait_for_pane 'Changed  user PIN'
}

test_tmux() {
    if ! command -v tmux >/dev/null; then
        skip 'tmux' 'no tmux'
        return
    fi
    check 'in tmux: pin change by prompts' change_in_tmux
    pane -S - >"$work/log"
    check 'in tmux: no PIN in the scroll-back' pin_is_not_shown
}

# shellcheck disable=SC2119
begin_admin
test_prompt
test_interruption
test_question
test_tmux
