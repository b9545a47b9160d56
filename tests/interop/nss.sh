#!/usr/bin/env bash
# NSS: modutil adds the module, certutil makes keys, a CA and requests in the token; openssl verifies.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

nss() { # nss PROGRAM ARGUMENT...
    local directory=-d
    [ "$1" != modutil ] || directory=-dbdir
    "$1" $directory "sql:$work/nssdb" "${@:2}"
}

cert() { nss certutil -h "$token" -f "$work/pin" "$@"; }

test_module() {
    mkdir nssdb
    : >empty
    check 'database made' nss certutil -N --empty-password
    # FRIENDLY: certificates are found without a login, which certutil -C forgets.
    check 'modutil adds the module' nss modutil -force -add interop -libfile "$module" -mechanisms FRIENDLY
    check_says 'modutil lists the token' "$token" nss modutil -list
}

test_keys() {
    check_says 'certutil lists a key of the token' 'server' cert -K
    check_says 'and its kind' 'rsa' cert -K -k rsa
}

# certutil asks for the basic constraints: a CA, no limit on the path, critical.
test_ca() {
    check 'certutil makes a CA' make_ca -S -n ca -s 'CN=NSS CA' -x -t C,C,C -m 1 -v 2 -z noise -g 2048 -2 \
        -Z SHA256 --keyUsage certSigning,crlSigning
}

make_ca() { printf 'y\n\ny\n' | cert "$@"; }

test_issue() { # test_issue NAME CERTUTIL-KEY-ARGUMENT...
    check "$1: request" cert -R -s "CN=$1" -z noise -Z SHA256 -a -o "$1.csr" "${@:2}"
    check_says "$1: openssl verifies the request" 'verify OK' openssl req -verify -noout -in "$1.csr"
    check "$1: the CA signs it" cert -C -c "$token:ca" -m "$((RANDOM + 2))" -v 2 -Z SHA256 -a -i "$1.csr" -o "$1.pem"
    check_says "$1: openssl verifies it" OK openssl verify -CAfile ca.pem "$1.pem"
    check "$1: written to the token" cert -A -n "$1" -t ,, -a -i "$1.pem"
    check_says "$1: certutil finds its key" "$1" cert -K
}

# CMS with the key in the token.
test_cms() { # test_cms NAME
    check "$1: cmsutil signs" nss cmsutil -S -N "$token:$1" -f "$work/pin" -H SHA256 -i message -o message.cms
    check "$1: openssl verifies it" openssl cms -verify -inform DER -in message.cms -CAfile ca.pem -purpose any \
        -out message.out
    check "$1: the message is in it" cmp message message.out
}

need pkcs11-tool opensc
need certutil libnss3-tools
need modutil libnss3-tools
need cmsutil libnss3-tools
need openssl openssl
begin
date >message
head -c 64 /dev/urandom >noise
make_token
check 'key made before' user --keypairgen --key-type rsa:2048 --id 51 --label server
test_module
test_keys
test_ca
check 'CA certificate exported' cert -L -n "$token:ca" -a -o ca.pem
check_says 'openssl verifies it' OK openssl verify -check_ss_sig -CAfile ca.pem ca.pem
test_issue leaf -g 2048
test_issue leafEc -k ec -q nistp256
test_cms leaf
