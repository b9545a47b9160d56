#!/usr/bin/env bash
# status, token and pin: good and bad input, in a pipe.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

test_usage() {
    check_status 'no command: help, and the status of bad usage' 2 'usage: craton-hsm-admin' admin
    check_says '--help' '^  token +' admin --help
    check_says '--help of a group' 'token destroy' admin token --help
    check_says '--help of a command' '--label NAME .*required' admin token init --help
    check_status 'unknown command' 2 'unknown command: tokn' admin tokn
    check_status 'unknown command of a group' 2 'unknown command: frob' admin token frob
    check_status 'group alone' 2 'token --help' admin token
    check_status 'unknown option' 2 'unknown option: --slat' admin token info --slat 1
    check_status 'option without its value' 2 'value is missing after --slot' admin token info --slot
    check_status 'switch with a value' 2 'takes no value: --yes' admin token destroy --yes=no
    check_status 'an option twice' 2 'given twice: --slot' admin token info --slot 0 --slot 1
    check_status 'a required option is missing' 2 'missing: --label' admin token init
    check_status 'one argument too many' 2 'too many: more' admin token info more
    check_status 'a number that is none' 2 'not a number' admin token info --slot 1x
    check_status 'a negative number' 2 'not a number' admin token info --slot=-1
    check_status 'a number beyond 64 bits' 2 'not a number' admin token info --slot 99999999999999999999999
    check_status 'no such slot' 4 'there are 0 to 1' admin token info --slot 2
    check_status 'not a choice' 2 'must be one of: USER SO' admin pin change --user-type user
    check_json 'errors are JSON too' \
        'd["ok"] is False and d["error"]["name"] == "SLOT" and d["error"]["exit"] == 4 and d["command"] == "token info"' \
        admin token info --slot 2
    check_json 'also when --json comes after what is wrong' \
        'd["error"]["name"] == "ARG" and "frob" in d["error"]["where"] and d["error"]["exit"] == 2' \
        admin token frob
    check_says '--version' '^craton-hsm-admin [0-9]+\.[0-9]+$' admin --version
}

test_config() {
    check_status '--config: no such file' 2 'no such file' admin --config nowhere.toml status
    printf '[token]\nlabl = "x"\n' >bad.toml
    check_status '--config: an unknown key is named' 2 'labl' admin status --config bad.toml
    chmod 666 bad.toml
    check_status '--config: others may write' 2 'bad.toml' admin status --config bad.toml
    printf '[token]\nstorage_path = "%s"\n' "$work/other" >other.toml
    check_json '--config: another store' \
        "d['storage_path'].endswith('/other') and d['configuration'].endswith('other.toml')" \
        admin status --config other.toml
}

test_init() {
    check_json 'nothing is initialised' 'all(not t["initialized"] for t in d["tokens"]) and len(d["tokens"]) == 2' \
        admin token list
    check_status 'pin status without a token' 5 'token init' admin pin status
    check_status 'label too long' 2 '1 to 32 bytes' admin token init \
        --label 123456789012345678901234567890123 --so-pin-file so-pin
    check_status 'label empty' 2 '1 to 32 bytes' admin token init --label '' --so-pin-file so-pin
    echo 1234567 >short
    check_status 'PIN too short' 2 'use 8 to 64 bytes' admin token init --label "$token" --so-pin-file short
    chmod 640 so-pin
    check_status 'PIN file that others may read' 3 'chmod 600 so-pin' admin token init \
        --label "$token" --so-pin-file so-pin
    chmod 600 so-pin
    : >empty
    check_status 'PIN file without a PIN' 6 'first line' admin token init --label "$token" --so-pin-file empty
    check_status 'no PIN file' 4 'nowhere' admin token init --label "$token" --so-pin-file nowhere
    check_status 'no terminal to ask' 2 'give --so-pin-file' alone "$program" token init --label "$token"
    check_status 'two sources of a PIN' 2 'together' admin token init --label "$token" \
        --so-pin-file so-pin --so-pin-fd 0
    check_status 'a closed descriptor' 2 'so-pin-fd 999' admin token init --label "$token" --so-pin-fd 999
    check 'init with both PINs' admin token init --label "$token" --so-pin-file so-pin --pin-file pin
    check_json 'info' 'd["label"] == "interop" and d["user_pin_set"] and d["user_tries_left"] == 10 and d["initialized"]' \
        admin token info
    check_says 'the module sees it' 'token label *: interop' p11 --list-slots
    check_status 'init again asks' 2 'destroys the token "interop"' alone "$program" token init \
        --label again --so-pin-file so-pin
    check_status 'init again needs the SO PIN' 3 'tries are left' admin token init --label again \
        --so-pin-file pin --yes
    check_json 'it is still the old one' 'd["label"] == "interop" and d["so_tries_left"] == 9' admin token info
    check 'init again' init_by_stdin
}

# `check` closes standard input.
init_by_stdin() { admin token init --label again --so-pin-fd 0 --yes <so-pin; }

init_by_fd() { admin token init --label "$token" --slot 1 --so-pin-fd 7 --pin-fd 8 7<so-pin 8<pin; }

init_by_credential() {
    mkdir -p cred
    cp so-pin cred/craton-hsm-so-pin
    cp pin cred/craton-hsm-pin
    CREDENTIALS_DIRECTORY=$work/cred admin token init --label "$token" --yes
}

test_sources() {
    check 'PINs from descriptors' init_by_fd
    check_json 'and the slot is slot 1' 'd["user_pin_set"] and d["slot"] == 1' admin token info --slot 1
    check 'PINs from systemd credentials' init_by_credential
    printf '%s\r\n' "$PIN" >crlf
    check 'a PIN with CR LF' admin pin change --pin-file crlf --new-pin-file pin
}

test_pins() {
    printf 'another-pin\n' >new
    check 'pin change' admin pin change --pin-file pin --new-pin-file new
    check_status 'the old one is wrong now' 3 '9 tries are left' admin pin change --pin-file pin --new-pin-file new
    check_json 'and is counted' 'd["pins"][0]["tries_left"] == 9 and d["pins"][0]["state"] == "set"' admin pin status
    check_status 'a new one that is too short' 2 'use 8 to 64' admin pin change --pin-file new --new-pin-file short
    for _ in 1 2 3 4 5 6 7; do admin pin change --pin-file pin --new-pin-file new; done >/dev/null 2>&1
    check_status 'one try is left' 3 '1 try is left' admin pin change --pin-file pin --new-pin-file new
    check_status 'the last one' 3 'is locked now; .*pin reset' admin pin change --pin-file pin --new-pin-file new
    check_status 'locked' 3 'pin reset' admin pin change --pin-file new --new-pin-file pin
    check_json 'status says locked' 'd["pins"][0]["state"] == "locked"' admin pin status
    check_status 'reset with a wrong SO PIN' 3 'tries are left' admin pin reset --so-pin-file pin --new-pin-file pin
    check 'pin reset' admin pin reset --so-pin-file so-pin --new-pin-file pin
    check_json 'is to be changed' 'd["pins"][0] == {"user": "user", "state": "set", "tries_left": 10, "tries_max": 10, "to_be_changed": True}' \
        admin pin status
    check 'pin change --user-type SO' admin pin change --user-type SO --so-pin-file so-pin --new-so-pin-file new
    check_status 'the old SO PIN is wrong now' 3 'security officer' admin pin reset --so-pin-file so-pin --new-pin-file pin
    check 'and back' admin pin change --user-type=SO --so-pin-file new --new-so-pin-file so-pin
    export PIN
    check 'the module takes the PIN' user --list-objects
}

test_destroy() {
    check 'a key, to be destroyed' user --keygen --key-type AES:32 --label gone
    check_status 'destroy asks' 2 'add --yes' alone "$program" token destroy --so-pin-file so-pin
    check_status 'destroy with a wrong PIN' 3 'wrong PIN' admin token destroy --so-pin-file pin --yes
    check 'destroy' admin token destroy --so-pin-file so-pin --yes
    check_json 'is gone' 'not d["tokens"][0]["initialized"] and d["tokens"][1]["initialized"]' admin token list
    check_status 'destroy what is not there' 5 'not initialised' admin token destroy --so-pin-file so-pin --yes
    check 'destroy without the SO PIN' admin token destroy --slot 1 --without-so-pin --yes
    check 'a new token in the slot' admin token init --label new --so-pin-file so-pin --pin-file pin
    token=new check_says 'has no object of the old one' '^$' bash -c "echo; pkcs11-tool --module '$module' \
        --token-label new --login --pin env:PIN --list-objects 2>/dev/null"
}

status_to_full() { admin status >/dev/full; }
help_to_full() { admin key list --help >/dev/full; }
completion_to_full() { admin completion bash >/dev/full; }
# As `admin status | head`, but the reader has surely ended. Status 7, and no message.
status_to_a_gone_reader() {
    local status=0
    exec 8> >(:)
    wait $!
    admin status >&8 2>said || status=$?
    exec 8>&-
    [ "$status" = 7 ] && [ ! -s said ]
}
status_to_nobody() { admin status <&- >&-; }
no_stream_is_in_the_store() { ! grep -qa -e 'Read-only' -e INITIALISED store/*; }

# shellcheck disable=SC2119
slots=2 begin_admin
test_usage
test_config
test_init
test_sources
test_pins
test_destroy
check_json 'status' 'd["crypto"].startswith("OpenSSL 3.") and not d["read_only"] and d["used_bytes"] > 0' admin status
check_status 'output that can not be written' 7 'standard output' status_to_full
check_status 'help that can not be written' 7 'standard output' help_to_full
check_status 'a script that can not be written' 7 'standard output' completion_to_full
check 'a reader that ended first needs no message' status_to_a_gone_reader
check_status 'no standard output' 7 'standard output' status_to_nobody
check 'and nothing is written over the store' no_stream_is_in_the_store
