#!/usr/bin/env bash
# csr: requests of every kind of key, which openssl reads and whose signatures it verifies; refusals.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

csr() { admin csr "$@" --pin-file pin; }

subject='CN=www.example,O=Some\, Company,C=CH'
names='DNS:www.example,IP:192.0.2.1,IP:2001:db8::1,EMAIL:a@b.example,URI:https://www.example/'

# The request of a kind of key: well-formed, signed by that key, with the names in their order.
verify_request() { # verify_request TYPE
    local file=$1.csr
    csr --label "t-$1" --subject "$subject" --san "$names" --output "$file" || return 1
    "${newer:-openssl}" req -in "$file" -verify -noout || return 1
    "${newer:-openssl}" req -in "$file" -noout -pubkey >request.pem || return 1
    key export-public --label "t-$1" --class public >exported.pem || return 1
    cmp request.pem exported.pem
}

test_kinds() {
    local type
    for type in RSA-2048 P-256 P-384 P-521 secp256k1 Ed25519 Ed448 ML-DSA-65; do
        key generate --type "$type" --label "t-$type" >/dev/null || exit 1
        if [ "$type" = ML-DSA-65 ] && [ -z "$newer" ]; then
            skip "$type: openssl verifies" 'openssl has no ML-DSA'
            continue
        fi
        check "$type: openssl verifies" verify_request "$type"
    done
}

test_content() {
    check_says 'openssl writes the subject as it was given' '^subject=CN=www.example,O=Some\\, Company,C=CH$' \
        openssl req -in P-256.csr -noout -subject -nameopt RFC2253
    check_says 'alternative names in their order' \
        'DNS:www.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, email:a@b.example, URI:https://www.example/' \
        openssl req -in P-256.csr -noout -text
    check 'ML-DSA: key and signature have their name' ml_dsa_is_named
    check_says 'the hash fits the curve' 'ecdsa-with-SHA512' openssl req -in P-521.csr -noout -text
    check 'without alternative names, DER' csr --label t-P-256 --subject CN=a --output bare.der --format der
    check 'openssl verifies it' openssl req -inform DER -in bare.der -verify -noout
    # openssl writes what it read: the same bytes mean that our DER is as DER should be
    check 'DER as openssl writes it' bash -c 'openssl req -inform DER -in bare.der -outform DER | cmp - bare.der'
    csr --label t-P-256 --subject 'CN=Zürich\+Bern' >utf8.csr
    check_says 'UTF-8 and an escape, to standard output' 'Zürich\+Bern' \
        openssl req -in utf8.csr -noout -subject -nameopt utf8
}

refuse() { # refuse LABEL STATUS PATTERN [ARGUMENT...]
    check_status "$1" "$2" "$3" csr --output never.csr "${@:4}"
}

# RFC 9881: the same OID, without parameters, names the key and the signature.
ml_dsa_is_named() {
    csr --label t-ML-DSA-65 --subject CN=a >ml.csr || return 1
    [ "$(openssl asn1parse -in ml.csr | grep -c -E 'OBJECT +:(2.16.840.1.101.3.4.3.18|ML-DSA-65)$')" = 2 ]
}

test_refusals() {
    local text
    for text in '' CN 'CN=' 'CN=a,' 'XX=a' 'CN=a+O=b' 'C=CHE' 'CN=#0c0161' "CN=a\\" 'DC=ä' 'C=_a' \
        "CN=$(printf 'a%.0s' {1..65})" "CN=$(printf 'a%.0s' {1..5000})"; do
        refuse "subject ${text:0:20}" 2 'the subject' --label t-P-256 --subject "$text"
    done
    for text in '' www.example 'DNS:' 'DNS:a,' 'DNS:a b' 'IP:1.2.3' 'IP:1.2.3.4/8' 'DNS:ä'; do
        refuse "alternative name $text" 2 'alternative names' --label t-P-256 --subject CN=a --san "$text"
    done
    refuse 'no key named' 2 'name the key' --subject CN=a
    refuse 'a key that is not there' 4 'none fits' --label nobody --subject CN=a
    refuse 'no subject' 2 'missing: --subject' --label t-P-256
    check_status 'a wrong PIN' 3 'tries are left' admin csr --label t-P-256 --subject CN=a --pin-file so-pin
    key generate --type X25519 --label agrees >/dev/null
    refuse 'a key that only agrees' 2 'sign no requests' --label agrees --subject CN=a
    key generate --type P-256 --label idle --attributes sign=no >/dev/null
    refuse 'a key that may not sign' '[35]' 'signing the request' --label idle --subject CN=a
    check 'none of these left a file' test ! -e never.csr
    check_status 'a file that exists' 5 'exists' csr --label t-P-256 --subject CN=a --output P-256.csr
}

# The request becomes a certificate, which goes into the token and out again.
test_certificate() {
    openssl ecparam -name prime256v1 -genkey -noout -out ca.key
    openssl req -new -x509 -key ca.key -subj /CN=ca -out ca.pem
    check 'a CA signs the request' openssl x509 -req -in P-256.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out www.pem
    check 'the certificate is imported' key import --file www.pem --label www
    check 'and written' key export-public --label www --class certificate --output out.pem
    check 'as it was' bash -c 'openssl x509 -in www.pem | cmp - out.pem'
    check_status 'a certificate that is not there' 4 'none fits' key export-public --label t-RSA-2048 --class certificate
}

newer=$(openssl_35)
# shellcheck disable=SC2119
begin_admin
make_admin_token
test_kinds
test_content
test_refusals
test_certificate
