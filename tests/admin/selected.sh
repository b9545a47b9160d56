#!/usr/bin/env bash
# backup of selected objects, and restore that adds them to a token with objects and PINs of its own: what
# is chosen, how the file says that it is no whole token, what stays, all or nothing.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A pair "tls" with a certificate and a chain's, a pair "code", an AES key of the pair's CKA_ID: 7 objects.
prepare() {
    printf 'Correct horse 7 battery\n' >pass
    date >message
    openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.pem -subj /CN=tls -days 10 \
        -out cert.pem &&
        openssl req -x509 -new -newkey ed25519 -nodes -keyout ca.pem -subj /CN=ca -days 10 -out ca-cert.pem &&
        openssl pkey -in tls.pem -pubout -out tls-public.pem &&
        key import --file tls.pem --label tls --id 0a &&
        key import --file cert.pem --label tls-cert --id 0a &&
        key import --file ca-cert.pem --label ca --id ca &&
        key generate --type RSA-2048 --label code --id 0c &&
        key generate --type AES --label vault --id 0a
}

handle_of() { # handle_of LABEL CLASS
    key list --label "$1" --class "$2" --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["objects"][0]["handle"])'
}

sign() { # a signature of the token's pair "tls", verified by openssl with the key that was never in the token
    rm -f sig
    user --sign --mechanism ECDSA-SHA256 --signature-format openssl --id 0a --input-file message --output-file sig &&
        openssl dgst -sha256 -verify tls-public.pem -signature sig message
}

# What the token has: handle, class and label of each object, without the marks of restores.
objects() {
    key list --limit 1000 --json | python3 -c 'import json, sys
for o in json.load(sys.stdin)["objects"]:
    if o["class"] != "data": print(o["handle"], o["class"], o["label"])'
}
same_objects() { objects | cmp - "$1"; }

counts() { # counts N: a selected backup of so many of the 7
    echo "d['objects'] == $1 and d['selected'] and d['token_objects'] == 7"
}

test_selection() {
    check_json 'by label: the pair' "$(counts 2)" backup --output label.bak --label tls
    check_json 'by class and label: one half' "$(counts 1)" backup --output half.bak --label tls --class private
    check_json 'with what is related: no secret key, no chain' "$(counts 3)" \
        backup --output related.bak --label tls --class private --with-related
    check_json 'of a secret key nothing is related' "$(counts 1)" backup --output x.bak --force --label vault --with-related
    check_json 'by CKA_ID: everything that has it' "$(counts 4)" backup --output x.bak --force --id 0a
    check_json 'by family' "$(counts 2)" backup --output x.bak --force --type EC
    check_json 'by class' "$(counts 2)" backup --output x.bak --force --class certificate
    check_json 'by handles' "$(counts 2)" \
        backup --output handles.bak --handle "$(handle_of code private),$(handle_of ca certificate)"
    check_json 'by handles of a class, one twice' "$(counts 1)" \
        backup --output x.bak --force --class secret --handle "$(handle_of vault secret),$(handle_of vault secret)"
    check_json 'everything' 'd["objects"] == 7 and d["token_objects"] == 7 and not d["selected"]' backup --output whole.bak
}

test_refusals() {
    local some
    some=$(handle_of code private)
    check_status 'none of that label' 4 'no object fits' backup --output no.bak --label nobody
    check_status 'none of that label and class' 4 'no object fits' backup --output no.bak --label vault --class private
    check_status 'one handle of nothing' 4 '000000000000000f: no object fits' \
        backup --output no.bak --handle "$some,000000000000000f"
    check_status 'one that is no handle' 2 'zz: no handle' backup --output no.bak --handle "$some,zz"
    check_status 'an empty one' 2 'no handle' backup --output no.bak --handle "$some,"
    check_status '65 handles' 2 'more than 64' backup --output no.bak --handle "$(printf "$some,%.0s" {1..64})$some"
    check_json '64 handles' "$(counts 1)" backup --output x.bak --force --handle "$(printf "$some,%.0s" {1..63})$some"
    check_status 'a CKA_ID that is none' 2 'not hexadecimal' backup --output no.bak --id 0g
    check_status 'a family that is none' 2 'key type' backup --output no.bak --type frob
    check_status 'related to nothing' 2 'with-related' backup --output no.bak --with-related
    check 'and no file is left' test ! -e no.bak
}

# The kind at byte 80 says it, and is authenticated: a part can't pass for the whole, nor the whole for a part.
kind_is_authentic() {
    python3 -c 'import sys
for name, want in (("related.bak", 5), ("whole.bak", 1)):
    data = bytearray(open(name, "rb").read())
    assert data[80] == want, (name, data[80])
    data[80] ^= 4
    open("changed-" + name, "wb").write(data)'
}

test_verify() {
    check_json 'verify: 3 of 7, selected' \
        "$(counts 3) and d['verdict'] == 'ok' and d['notes'][0].startswith('3 of 7 objects, selected')" verify --input related.bak
    check_says 'to people as well' '^3 of 7 objects, selected' verify --input related.bak
    check_json 'verify of everything' 'not d["selected"] and d["token_objects"] == 7' verify --input whole.bak
    check 'the kind in the head' kind_is_authentic
    check_status 'a part is no whole' 6 'damaged' verify --input changed-related.bak
    check_status 'a whole is no part' 6 'damaged' verify --input changed-whole.bak
}

test_same_token() {
    check 'the pair is destroyed' eval 'key delete --label tls --class private --yes && key delete --label tls --class public --yes'
    objects >before
    check_json 'dry run: 2 would come' "$(counts 3) and d['added'] == 2 and d['present'] == 1 and d['changed'] == 0" \
        restore --input related.bak --dry-run
    check 'and changes nothing' same_objects before
    check_json 'restore: 2 came' "$(counts 3) and d['added'] == 2 and d['present'] == 1" restore --input related.bak
    check_says 'the log counts them' ' restore success .*amount=2.*detail=selected' admin audit dump --last 3
    check 'the key signs again' sign
    check 'nothing else changed' eval 'objects >after && ! comm -23 <(sort before) <(sort after) | grep .'
    objects >before
    check_status 'a second time' 3 '--again' restore --input related.bak
    check_json 'adds nothing' 'd["added"] == 0 and d["present"] == 3' restore --input related.bak --again
    check 'nothing at all' same_objects before
    key list --class data --limit 100 >marks
    check_says 'and leaves one mark' '^1$' grep -c data marks
}

test_changed() {
    check 'a label is changed' key set --label ca --attributes label=renamed
    check_json 'what differs is counted' "$(counts 2) and d['present'] == 2 and d['changed'] == 1 and d['added'] == 0" \
        restore --input handles.bak --dry-run
    check_says 'and said' '^1 of the objects here' restore --input handles.bak --dry-run
    check 'restore' restore --input handles.bak
    check_json 'what is there stays' 'len(d["objects"]) == 1' key list --label renamed
}

test_audit() {
    check 'a selected backup' backup --output x.bak --force --label code
    check_says 'is in the log, with its count' ' backup success .*amount=2.*detail=selected' admin audit dump --last 2
}

test_other_token() {
    printf 'another PIN 22\n' >pin2
    printf 'another SO PIN 22\n' >so-pin2
    chmod 600 pin2 so-pin2
    mkdir other && printf '[token]\nstorage_path = "%s/other/store"\n[security]\npbkdf2_iterations = 100000\n' "$work" >other.toml
    chmod 600 other.toml
    check 'another token, with PINs and a key' on_other test_other_begin
    on_other test_into_other
}

on_other() { CRATON_HSM_CONFIG="$work/other.toml" "$@"; }
test_other_begin() {
    admin token init --label other --so-pin-file so-pin2 --pin-file pin2 &&
        admin key generate --type AES --label own --pin-file pin2
}
restore2() { admin restore --pin-file pin2 "$@"; }
objects2() {
    admin key list --pin-file pin2 --json | python3 -c 'import json, sys
print(sorted(o["class"] + " " + o["label"] for o in json.load(sys.stdin)["objects"] if o["class"] != "data"))'
}
test_into_other() {
    check_status 'is refused' 3 '--other-token' restore2 --input related.bak --passphrase-file pass
    check_says 'and nothing came' "^\['secret own'\]$" objects2
    check_json 'unless asked for' "$(counts 3) and d['added'] == 3" restore2 --input related.bak --passphrase-file pass --other-token
    check_says 'its own key is still there' \
        "^\['certificate tls-cert', 'private tls', 'public tls', 'secret own'\]$" objects2
    check 'and its PINs' admin pin change --user-type SO --so-pin-file so-pin2 --new-so-pin-file so-pin2
    token=other PIN=$(cat pin2) check 'the key signs here' sign
    # Another backup with the same objects brings those that are not here, each once.
    check_json 'a later backup brings the rest' 'd["objects"] == 7 and d["present"] == 3 and d["added"] == 4' \
        restore2 --input whole.bak --passphrase-file pass --other-token
}

test_recipients() {
    check 'a recipient' admin backup recipient --output anna.key --public-output anna.pub --new-passphrase-file pass
    check_json 'selected, for a recipient' 'd["objects"] == 2 and d["selected"] and d["recipients"] == 1' \
        admin backup --output r.bak --pin-file pin --recipient anna.pub --label code
    check_json 'who opens it' 'd["objects"] == 2 and d["selected"] and d["verdict"] == "ok"' \
        verify --input r.bak --recipient-key anna.key
    check_says 'its kind' '^6$' python3 -c 'print(open("r.bak", "rb").read()[80])'
}

# Killed at any moment: all of it is there, or nothing.
killed_restores() {
    local delay n before
    before=$(objects | wc -l)
    backup --output all.bak || return 1
    objects >before
    for delay in 0.05 0.1 0.2 0.3 0.4 0.5 0.6 0.8; do
        make_token_again || return 1
        timeout -s KILL "$delay" "$program" restore --input all.bak --pin-file pin --passphrase-file pass --other-token
        n=$(objects | wc -l)
        echo "killed after $delay s: $n objects"
        [ "$n" = 0 ] || [ "$n" = "$before" ] || return 1
        restore --input all.bak --other-token --again || return 1
        [ "$(objects | wc -l)" = "$before" ] || return 1
    done
    sign
}
make_token_again() { admin token init --label "$token" --so-pin-file so-pin --pin-file pin --yes; }

# While another process makes and destroys pairs: of each private key that is taken its public key is, too.
backups_are_consistent() {
    local i pid
    (while [ ! -e enough ]; do # a command that is killed half-way goes on behind what comes next
        key generate --type P-256 --label busy && key delete --label busy --class private --yes &&
            key delete --label busy --class public --yes
    done >/dev/null 2>&1) &
    pid=$!
    key generate --type P-256 --label steady >/dev/null || return 1
    for i in 1 2 3 4 5 6 7 8; do
        backup --output "busy$i.bak" --class private --with-related --json >"busy$i.json" || break
    done
    touch enough
    wait "$pid"
    python3 -c 'import json
for i in range(1, 9):
    d = json.load(open(f"busy{i}.json"))
    # tls with its certificate, code, steady, and perhaps busy
    assert d["ok"] and d["selected"] and d["objects"] in (7, 9), d'
}

# shellcheck disable=SC2119
begin_admin
make_admin_token
check 'objects' prepare
test_selection
test_refusals
test_verify
test_same_token
test_changed
test_audit
test_other_token
test_recipients
check 'selected while keys are made and destroyed' backups_are_consistent
check 'killed' killed_restores
