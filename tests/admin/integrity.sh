#!/usr/bin/env bash
# integrity: what is changed after it was built is noticed, by the command, by doctor, and by the
# program itself when it starts; update makes it whole again, for every user.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A byte more at the end: the loader does not mind.
change() { printf x >>"$1"; }

# In approved mode a core is only opened by a program that has its sidecar.
approved() { "$1" status --config approved.toml; }

# shellcheck disable=SC2119
begin_admin
printf '[token]\nstorage_path = "%s/approved"\n[algorithms]\nfips_approved_only = true\n' "$work" >approved.toml
cp "$program" copy
cp "$module" libcopy.so

check 'the build wrote that of the command' admin integrity verify
check 'that of the module' admin integrity verify "$module"
check 'and approved mode opens a core' approved "$program"

check_status 'no .hmac' 4 'integrity update' admin integrity verify copy
check_status 'approved mode needs one' 8 'self-test' approved ./copy
check 'it is written' admin integrity update copy
check 'and fits' admin integrity verify copy
check 'every user can read it' test "$(stat -c %a copy.hmac)" = 644
check 'approved mode opens a core then' approved ./copy
check 'with the name that a module has' admin integrity update libcopy.so
check 'beside it' cmp libcopy.hmac "${module%.so}.hmac"
check_json 'as JSON' 'd["ok"] and d["file"] == "copy" and d["verdict"] == "ok"' admin integrity verify copy

change copy
check_status 'a changed file' 6 'not what its .hmac was made of' admin integrity verify copy
check_status 'which notices itself' 8 'self-test' ./copy status
check_status 'doctor tells' 5 'integrity update' ./copy doctor
check 'a changed program still updates itself' ./copy integrity update
check 'and works' ./copy status

check_status 'no file' 4 'nothing' admin integrity verify nothing
check_status 'no file to update' 4 'nothing' admin integrity update nothing
check_status 'a directory' '[1-9]' '^craton-hsm-admin: ' admin integrity update "$work"
check_status 'two files' 2 'one argument too many' admin integrity verify copy libcopy.so
