#!/usr/bin/env bash
# key: every kind made, listed by pages and filters, shown, changed, copied, exported, destroyed; other
# software sees the same.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Without those that take long or are a family's name for another row.
types() { admin key types | tail -n +2 | grep -v -E '^(SLH-DSA-.*[s56]f?|SLH-DSA-.*s|GENERIC|ML-DSA-44|brainpoolP.*|MLKEM.*)$'; }

make_each() {
    local type
    while read -r type; do
        key generate --type "$type" --label "t-$type" --json >>made.json || { echo "not made: $type"; return 1; }
    done < <(types)
}

pages() { # all handles, three at a time
    local after=() next
    while :; do
        key list --limit 3 "${after[@]}" --json >page.json || return 1
        python3 -c 'import json
for o in json.load(open("page.json"))["objects"]: print(o["handle"])'
        next=$(python3 -c 'import json; print(json.load(open("page.json")).get("after", ""))')
        [ -n "$next" ] || return 0
        after=(--after "$next")
    done
}

pages_are_complete() {
    key list --limit 1000 --json >all.json || return 1
    python3 -c 'import json
for o in json.load(open("all.json"))["objects"]: print(o["handle"])' >all
    pages >paged
    cmp all paged && [ -s all ] && [ -z "$(sort all | uniq -d)" ]
}

field_of() { # field_of NAME LABEL CLASS
    key list --label "$2" --class "$3" --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["objects"][0][sys.argv[1]])' "$1"
}
handle_of() { field_of handle "$@"; }
id_of() { field_of id "$@"; }

sign_with_exported() {
    key export-public --label t-P-256 --class public --output p256.pem || return 1
    date >message
    user --sign --mechanism ECDSA-SHA256 --signature-format openssl --id "$(id_of t-P-256 private)" --input-file message \
        --output-file sig && openssl dgst -sha256 -verify p256.pem -signature sig message
}

test_generate() {
    check 'every kind is made' make_each
    check_json 'a pair: public and private, one random ID' \
        'len(d["objects"]) == 2 and d["objects"][0]["id"] == d["objects"][1]["id"] and len(d["objects"][0]["id"]) == 16' \
        key list --label t-RSA
    check_json 'private keys are sensitive and stay' \
        'all(o["sensitive"] and o["private"] and not o["extractable"] and o["local"] for o in d["objects"]) and len(d["objects"]) > 10' \
        key list --class private
    check_json 'as asked' 'd["objects"][0]["extractable"] and d["objects"][0]["id"] == "c0ffee" and d["objects"][0]["type"] == "AES-128"' \
        key generate --type aes-128 --label asked --id c0ffee --extractable --attributes encrypt=no
    check_json 'attributes too' '{a["name"]: a["value"] for a in d["attributes"]}["CKA_ENCRYPT"] == "no"' \
        key show --label asked
    check_status 'unknown kind' 2 'key types' key generate --type DES --label x
    check_status 'size that is none' 2 'key size' key generate --type AES-129 --label x
    check_status 'size out of range' 2 'key size' key generate --type RSA-1024 --label x
    check_status 'size with letters' 2 'key type' key generate --type RSA-2048x --label x
    check_status 'ID that is not hexadecimal' 2 'not hexadecimal' key generate --type AES --label x --id 0g
    check_status 'unknown attribute' 2 'frob=1' key generate --type AES --label x --attributes frob=1
    check_status 'value of the wrong form' 2 'sign=maybe' key generate --type AES --label x --attributes sign=maybe
    check_status 'attribute of another kind of key' 2 'template' key generate --type AES --label x --attributes prime-1=00
    check_status 'a wrong PIN' 3 'tries are left' admin key list --pin-file so-pin
    check_json 'none of these left anything' 'd["objects"] == []' key list --label x
}

test_list() {
    check 'pages: all objects, each once' pages_are_complete
    check_json '--class and --type' 'len(d["objects"]) == 2 and all(o["class"] == "secret" for o in d["objects"])' \
        key list --class secret --type AES
    check_json '--id' '[o["label"] for o in d["objects"]] == ["asked"]' key list --id c0ffee
    check_json '--label that nobody has' 'd["objects"] == [] and d["more"] is False' key list --label nobody
    check_json '--limit' 'len(d["objects"]) == 1 and d["more"] and d["after"] == d["objects"][0]["handle"]' key list --limit 1
    check_status '--limit 0' 2 'not a number from 1' key list --limit 0
    check_status '--after something else' 2 'no handle' key list --after 12
    check_says 'the module lists the same' 'label: *t-ML-DSA-65' bash -c "pkcs11-tool --module '$module' --login --pin env:PIN --list-objects 2>&1 | sed 's/  */ /'"
}

test_change() {
    check_status 'show needs a choice' 2 'name an object' key show
    check_status 'show of none' 4 'none fits' key show --label nobody
    check_status 'show of several' 2 'several objects fit' key show --label t-P-256
    check 'set' key set --label t-AES --attributes label=renamed,end-date=2031-12-31,derive=yes
    check_json 'is set' \
        '[{a["name"]: a["value"] for a in d["attributes"]}[n] for n in ("CKA_LABEL", "CKA_END_DATE", "CKA_DERIVE")] == ["renamed", "20311231", "yes"]' \
        key show --label renamed
    check_status 'set what can not be set' 5 'extractable=yes' key set --label renamed --attributes extractable=yes
    check_status 'set without a value' 2 'NAME=VALUE' key set --label renamed --attributes label
    check_json 'copy' 'd["objects"][0]["label"] == "twin" and d["objects"][0]["type"] == "AES-256"' \
        key copy --label renamed --new-label twin --attributes sign=no
    check_status 'delete asks' 2 'Destroy the object' alone "$program" key delete --label twin --pin-file pin
    check 'delete --handle --force' key delete --handle "$(handle_of twin secret)" --force
    check_status 'is gone' 4 'none fits' key delete --label twin --yes
    check_status 'a handle of nothing' 4 'none fits' key delete --handle 0000000000000001 --yes
    check_status 'no handle' 2 'zz: no handle' key delete --handle zz --yes
    check_status 'nor in capitals' 2 'no handle' key show --handle 00000000000000AA
    check_status 'nor for a list' 2 'no handle' key list --handle 0000000000000000
    check 'delete --yes' key delete --label renamed --yes
}

written_to_pipe() {
    openssl pkey -pubin -noout <pipe &
    key export-public --label t-P-256 --class public --output pipe && wait $! && [ -p pipe ]
}

test_export() {
    check 'a public key that openssl verifies with' sign_with_exported
    check_status 'a file that exists' 5 'exists' key export-public --label t-P-256 --class public --output p256.pem
    mkfifo pipe || return 1
    check 'a pipe is written to, and stays one' written_to_pipe
    check 'is replaced with --force' key export-public --label t-P-256 --class public --output p256.pem --force --format der
    check 'DER' openssl pkey -pubin -inform DER -in p256.pem -noout
    check_json 'printed, as JSON' 'd["ok"] and d["pem"].startswith("-----BEGIN PUBLIC KEY-----\n")' \
        key export-public --label t-P-256 --class public
    check_status 'DER is no JSON' 2 'needs --output' key export-public --label t-P-256 --class public --format der --json
    check_status 'a secret key has none' 2 'has no PUBLIC KEY' key export-public --label asked
    # openssl rewrites what it understood: the same bytes mean that our PEM is as PEM should be
    key export-public --label t-RSA --class public >rsa.pem
    check 'PEM as openssl writes it' bash -c 'openssl pkey -pubin -in rsa.pem | cmp - rsa.pem'
}

# shellcheck disable=SC2119
begin_admin
make_admin_token
test_generate
test_list
test_change
test_export
check_status 'a label that would steer the terminal' 0 'x\\x1b\[31m' bash -c "'$program' key generate --type AES --label \$'x\\x1b[31m' --pin-file pin"
