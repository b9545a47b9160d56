#!/usr/bin/env bash
# key export: openssl opens what was written, and it is the same key; what openssl wrote and came in goes out
# again; keys that may not leave stay.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export_key() { key export --new-passphrase-file pass "$@"; }

prepare() {
    printf 'Correct horse 7 battery\n' >pass
    printf 'short\n' >weak
    date >message
    local type
    for type in RSA-2048 P-256 P-521 ed25519 x25519 ML-DSA-65; do
        key generate --type "$type" --label "k-$type" --extractable --attributes sensitive=no || return 1
        key export-public --label "k-$type" --class public --output "k-$type.pub" || return 1
    done
    key generate --type P-256 --label k-sensitive --extractable || return 1
    key generate --type P-256 --label k-inside --attributes sensitive=no || return 1
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem &&
        openssl req -x509 -new -key rsa.pem -subj /CN=export -days 10 -out cert.pem &&
        openssl req -x509 -newkey rsa:2048 -nodes -keyout other.pem -subj /CN=other -days 10 -out other-cert.pem &&
        openssl pkcs12 -export -inkey rsa.pem -in cert.pem -passout file:pass -out in.p12
}

# The file's public half is the one that the token gave before.
same_key() { # same_key FILE PUBLIC [FORM]
    openssl pkey -in "$1" -inform "${3:-PEM}" -passin file:pass -pubout -out public.pem && cmp public.pem "$2"
}

test_pkcs8() {
    local type
    for type in RSA-2048 P-256 P-521 ed25519 x25519; do
        check "$type, PEM" export_key --label "k-$type" --output "k-$type.pem"
        check 'openssl opens it' same_key "k-$type.pem" "k-$type.pub"
    done
    check 'nobody else may read it' test "$(stat -c %a k-P-256.pem)" = 600
    check 'it says that it is encrypted' grep -q 'BEGIN ENCRYPTED PRIVATE KEY' k-P-256.pem
    check 'DER' export_key --label k-P-256 --format der --output k.der
    check 'openssl opens it' same_key k.der k-P-256.pub DER
    check 'ML-DSA' export_key --label k-ML-DSA-65 --output mldsa.pem
    check_json 'and back' 'len(d["objects"]) == 2 and d["objects"][0]["type"] == "ML-DSA-65"' \
        key import --file mldsa.pem --label again --passphrase-file pass
    check 'the same public key' key export-public --label again --class public --output again.pub
    check 'the same public key' cmp again.pub k-ML-DSA-65.pub
    check 'AES-256 and PBKDF2 with many rounds' \
        sh -c 'openssl asn1parse -inform DER -in k.der | grep -q aes-256-cbc &&
            openssl asn1parse -inform DER -in k.der | grep -q "INTEGER *:0927C0"' # 600,000
}

test_pkcs12() {
    check 'PKCS#12 of openssl comes in' key import --file in.p12 --label web --id 77 --passphrase-file pass \
        --extractable --attributes sensitive=no
    check_status 'another certificate comes in' 0 certificate key import --file other-cert.pem --label other --id 78
    check 'PKCS#12' export_key --id 77 --format pkcs12 --output out.p12
    check 'openssl finds the key' \
        sh -c 'openssl pkcs12 -in out.p12 -passin file:pass -nodes -nocerts | openssl pkey -pubout >a.pub &&
            openssl pkey -in rsa.pem -pubout >b.pub && cmp a.pub b.pub'
    check 'and the certificate' \
        sh -c 'openssl pkcs12 -in out.p12 -passin file:pass -nokeys | openssl x509 -outform DER >a.crt &&
            openssl x509 -in cert.pem -outform DER >b.crt && cmp a.crt b.crt'
    check_says 'under its name' 'friendlyName: web' openssl pkcs12 -in out.p12 -passin file:pass -nokeys
    check_json 'and back' 'len(d["objects"]) == 3' key import --file out.p12 --label back --passphrase-file pass
    check_status 'a key without a certificate' 4 'no certificate fits' export_key --label k-P-256 --format pkcs12 --output x.p12
    local other
    other=$(key list --label other --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["objects"][0]["handle"])')
    check_status 'a certificate of another key' 2 "not the key's" \
        export_key --id 77 --format pkcs12 --certificate "$other" --output x.p12
    check_fails 'openssl refuses another passphrase' 'invalid|error' openssl pkcs12 -in out.p12 -passin file:weak -nodes
}

test_refusals() {
    check_status 'a sensitive key' 3 'never leaves' export_key --label k-sensitive --output x
    check_status 'a key that is not extractable' 3 'a backup of the token has it' export_key --label k-inside --output x
    check_status 'a weak passphrase' 2 'too weak' key export --label k-P-256 --output x --new-passphrase-file weak
    check_status 'no such key' 4 'none fits' export_key --label nobody --output x
    check_status 'which key?' 2 'several objects fit' export_key --output x
    check_status 'where to?' 2 'output' export_key --label k-P-256
    check_status 'a form that there is not' 2 'format' export_key --label k-P-256 --format jks --output x
    check 'no file was made' test ! -e x -a ! -e x.p12
    check_status 'a file that is there stays' 5 'exists' export_key --label k-P-256 --output k.der
    check 'unless asked for' export_key --label k-P-256 --output k.der --format der --force
}

test_log() {
    check_says 'it is in the log' '"operation":"get_attribute","result":"success".*"detail":"export"' \
        admin audit export-ndjson
    check_says 'and so are refusals' '"operation":"get_attribute","result":"CKR_ATTRIBUTE_SENSITIVE".*"detail":"export"' \
        admin audit export-ndjson
}

# shellcheck disable=SC2119
begin_admin
make_admin_token
check 'keys' prepare || exit 1
test_pkcs8
test_pkcs12
test_refusals
test_log
