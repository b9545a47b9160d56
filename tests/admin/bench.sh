#!/usr/bin/env bash
# bench: every row is measured, options are checked, and nothing is left or changed: no store, no log, no
# file, also when it is interrupted.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Files with their sizes, modes and times; not this test's own, nor the note in runtime/ that the self-tests were
# passed since the machine was started, which every command may leave.
everything() {
    find . -path ./runtime -prune -o -type d -printf '%p %m\n' -o -printf '%p %m %s %T@\n' |
        grep -Ev '^\./(log|json|before|after|interrupted) ' | sort
}

is_untouched() { # is_untouched COMMAND...: whatever it did, the files are as before
    everything >before
    "$@" || return
    everything >after
    cmp before after
}

# Ends it while the file of the durable writes is there.
interrupt() { # interrupt SIGNAL
    local child status=0 tries=0
    ! compgen -G 'store/.craton-hsm-bench.*' || return
    env --default-signal="$1" "$program" bench --row durable --seconds 60 >interrupted 2>&1 & # else INT is ignored
    child=$!
    on_exit+=("kill -KILL $child")
    until compgen -G 'store/.craton-hsm-bench.*' >/dev/null; do
        kill -0 "$child" || return
        tries=$((tries + 1))
        [ "$tries" -lt 6000 ] || { kill -KILL "$child"; return 1; }
        sleep 0.01
    done
    kill -s "$1" "$child"
    wait "$child" || status=$?
    [ "$status" = $((128 + $(kill -l "$1"))) ] && ! compgen -G 'store/.craton*' && ! grep -q PER interrupted
}

test_rows() {
    check_json 'every row is measured' '(d["ok"] and d["command"] == "bench" and len(d["rows"]) == 19 and
        all(r.keys() == {"operation", "per_second", "nanoseconds"} and r["per_second"] > 0 and r["nanoseconds"] > 0
            for r in d["rows"]) and d["threads"] == 1 and d["seconds"] == 0 and d["processors"] >= 1
        and d["directory"].endswith("/store") and "notes" not in d)' admin bench --seconds 0
    check_json 'some rows' '[r["operation"] for r in d["rows"]] == ["P-256 sign", "P-256 verify", "P-256 key pair"]' \
        admin bench --seconds 0 --row p-256
    check_json 'for a second' 'len(d["rows"]) == 1 and d["rows"][0]["per_second"] > 1000 and d["seconds"] == 1' \
        admin bench --row random
    check_json 'by threads' 'd["threads"] == 64 and all(r["per_second"] > 0 for r in d["rows"]) and len(d["rows"]) == 19' \
        admin bench --seconds 0 --threads 64
    check_says 'a table' '^P-384 verify +[0-9]+ +[0-9]+$' admin bench --seconds 0 --row P-384
    check_says 'the help says where comparisons are' 'make bench' admin bench --help
}

test_options() {
    check_status 'no such row' 2 'a part of one of these: RSA-2048 sign, .*, durable write' admin bench --row nothing
    check_status 'too long' 2 'from 0 to 60' admin bench --seconds 61
    check_status 'no number' 2 'from 0 to 60' admin bench --seconds 0.5
    check_status 'no thread' 2 'from 1 to 64' admin bench --threads 0
    check_status 'too many threads' 2 'from 1 to 64' admin bench --threads 65
    check_status 'an argument' 2 'one argument too many' admin bench P-256
    check_status 'no configuration' 2 'nothing.toml' admin bench --config nothing.toml
}

# The directory of the store is not there yet, is nobody's to write, is not used.
test_without_disk() {
    check 'no store is made' is_untouched admin bench --seconds 0 --row durable
    check_json 'the row is empty then' '(d["rows"][0]["per_second"] is None and d["rows"][0]["nanoseconds"] is None
        and "durable write: not measured" in d["notes"][0])' admin bench --seconds 0 --row durable
    printf '[token]\npersist_objects = false\n' >memory.toml
    check_json 'nor in memory' 'd["directory"] is None and d["rows"][0]["per_second"] is None' \
        admin bench --seconds 0 --row durable --config memory.toml
}

configuration() { printf '[token]\nstorage_path = "%s/store"\n[algorithms]\n%s\n' "$work" "$1"; }

test_algorithms() {
    configuration 'enable_pqc = false' >classic.toml
    check_json 'what the configuration forbids is left out' '(len(d["rows"]) == 4 and
        all(r["per_second"] is None for r in d["rows"]) and len(d["notes"]) == 4)' \
        admin bench --seconds 0 --row ML- --config classic.toml
    configuration 'fips_approved_only = true' >approved.toml
    check_json 'approved mode' '(d["approved_only"] and [r["operation"] for r in d["rows"] if r["per_second"] is None]
        == ["AES-256-GCM 1 KiB"])' admin bench --seconds 0 --config approved.toml
}

# shellcheck disable=SC2119
begin_admin
test_options
test_without_disk
check 'nothing at all is made' is_untouched admin bench --seconds 0
make_admin_token
test_rows
check 'the token, the store and the log are as before' is_untouched admin bench --seconds 0
check 'Ctrl-C leaves nothing' is_untouched interrupt INT
check 'nor does the end of a service' is_untouched interrupt TERM
test_algorithms
