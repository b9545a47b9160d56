#!/usr/bin/env bash
# OpenSC's pkcs11-tool: key generation, import, attributes, ECDH, deletion; openssl checks each key.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A generated pair is good when the public half is what openssl can read and the private half signs
# what openssl verifies (or, for X25519, agrees with openssl on a secret).
test_generate_rsa() {
    local bits id=10
    for bits in 2048 3072 4096; do
        id=$((id + 1))
        check "generate RSA $bits" user --keypairgen --key-type "rsa:$bits" --id "$id" --label "rsa$bits"
        check_says "openssl reads RSA $bits" "Public-Key: \\($bits bit\\)" show_public "$id"
        check "openssl verifies RSA $bits" sign_and_verify "$id" SHA256-RSA-PKCS dgst
    done
}

test_generate_ec() {
    local curve id=20
    for curve in prime256v1 secp384r1 secp521r1 secp256k1; do
        id=$((id + 1))
        check "generate $curve" user --keypairgen --key-type "EC:$curve" --id "$id" --label "$curve"
        check_says "openssl reads $curve" "ASN1 OID: $curve" show_public "$id"
        check "openssl verifies $curve" sign_and_verify "$id" ECDSA-SHA256 dgst
    done
    check 'generate Ed25519' user --keypairgen --key-type EC:edwards25519 --id 31 --label ed25519
    check_says 'openssl reads Ed25519' 'ED25519 Public-Key' show_public 31
    check 'openssl verifies Ed25519' sign_and_verify 31 EDDSA raw
    if p11_has --aad; then
        check 'generate X25519' user --keypairgen --key-type EC:curve25519 --id 32 --label x25519 --usage-derive
        check_says 'openssl reads X25519' 'X25519 Public-Key' show_public 32
    else
        skip 'generate X25519' 'this pkcs11-tool sends CKA_EC_PARAMS 130b..., one byte longer than it is'
    fi
}

show_public() { # show_public ID
    public_key "$1" "$1.pem" && openssl pkey -pubin -in "$1.pem" -noout -text
}

sign_and_verify() { # sign_and_verify ID MECHANISM dgst|raw
    local format=()
    case $2 in ECDSA*) format=(--signature-format openssl) ;; esac
    user --sign --id "$1" --mechanism "$2" "${format[@]}" --input-file message --output-file "$1.sig" &&
        public_key "$1" "$1.pem" || return 1
    case $3 in
    dgst) openssl dgst -sha256 -verify "$1.pem" -signature "$1.sig" message ;;
    raw) openssl pkeyutl -verify -pubin -inkey "$1.pem" -rawin -in message -sigfile "$1.sig" ;;
    esac
}

test_generate_secret() {
    local bytes
    for bytes in 16 24 32; do
        check "generate AES $((bytes * 8))" \
            user --keygen --key-type "AES:$bytes" --id "40$bytes" --label "aes$bytes"
        check_says "AES $((bytes * 8)) is listed" "AES length $bytes" user --list-objects --id "40$bytes"
    done
    check 'generate a generic secret' user --keygen --key-type GENERIC:64 --id 4164 --label generic \
        --extractable
    check 'its value is read, 64 bytes' secret_has_bytes 4164 64
    check 'generate a sensitive key' user --keygen --key-type AES:32 --id 4165 --label secret --sensitive
    check_fails 'its value is not given' 'CKR_ATTRIBUTE_SENSITIVE|failed' \
        user --read-object --type secrkey --id 4165 --output-file secret.out
}

secret_has_bytes() {
    user --read-object --type secrkey --id "$1" --output-file secret.out &&
        [ "$(stat -c %s secret.out)" = "$2" ]
}

# Import: the public half is told by openssl, never by the token.
test_import() {
    import_pair 51 rsa SHA256-RSA-PKCS -algorithm rsa -pkeyopt rsa_keygen_bits:2048
    import_pair 52 p256 ECDSA-SHA256 -algorithm ec -pkeyopt ec_paramgen_curve:P-256
    import_pair 53 p384 ECDSA-SHA256 -algorithm ec -pkeyopt ec_paramgen_curve:P-384
    import_pair 54 p521 ECDSA-SHA256 -algorithm ec -pkeyopt ec_paramgen_curve:P-521
    import_pair 55 k256 ECDSA-SHA256 -algorithm ec -pkeyopt ec_paramgen_curve:secp256k1
    import_public 56 -algorithm rsa -pkeyopt rsa_keygen_bits:2048
    import_public 57 -algorithm ec -pkeyopt ec_paramgen_curve:P-256
    head -c 32 /dev/urandom >secret
    check 'import an AES key' user --write-object secret --type secrkey --key-type AES:32 --id 58 \
        --label imported --extractable
    check 'its value is the same' read_secret 58
}

read_secret() {
    user --read-object --type secrkey --id "$1" --output-file secret.out && cmp secret secret.out
}

import_pair() { # import_pair ID NAME MECHANISM OPENSSL-GENPKEY-ARGUMENT...
    openssl genpkey "${@:4}" -out "$2.key" 2>/dev/null
    openssl pkey -in "$2.key" -outform DER -out "$2.key.der"
    openssl pkey -in "$2.key" -pubout -out "$2.pub"
    check "import private key $2" \
        user --write-object "$2.key.der" --type privkey --id "$1" --label "$2" --usage-sign
    check "openssl verifies the signature of $2" verify_import "$@"
}

verify_import() {
    local format=()
    case $3 in ECDSA*) format=(--signature-format openssl) ;; esac
    user --sign --id "$1" --mechanism "$3" "${format[@]}" --input-file message --output-file "$2.sig" &&
        openssl dgst -sha256 -verify "$2.pub" -signature "$2.sig" message
}

import_public() { # import_public ID OPENSSL-GENPKEY-ARGUMENT...
    openssl genpkey "${@:2}" -out "$1.key" 2>/dev/null
    openssl pkey -in "$1.key" -pubout -outform DER -out "$1.pub"
    check "import public key ($3)" user --write-object "$1.pub" --type pubkey --id "$1" --label "public $1"
    check "token gives the same public key ($3)" same_public "$1"
}

same_public() {
    public_key "$1" "$1.pem" && openssl pkey -pubin -in "$1.pem" -outform DER -out "$1.back" &&
        cmp "$1.pub" "$1.back"
}

# Both sides of ECDH: ours in the token, the other with openssl, which must come to the same secret.
test_derive() {
    local curve id=60
    for curve in prime256v1 secp384r1 secp521r1; do
        id=$((id + 1))
        check "generate $curve for ECDH" \
            user --keypairgen --key-type "EC:$curve" --id "$id" --label "ecdh $curve" --usage-derive
        check "ECDH on $curve is openssl's" derive_and_compare "$id" "$curve"
    done
}

derive_and_compare() { # derive_and_compare ID CURVE
    openssl genpkey -algorithm ec -pkeyopt "ec_paramgen_curve:$2" -out peer.key &&
        openssl pkey -in peer.key -pubout -outform DER -out peer.der &&
        public_key "$1" "$1.pem" &&
        openssl pkeyutl -derive -inkey peer.key -peerkey "$1.pem" -out theirs &&
        user --derive --mechanism ECDH1-DERIVE --id "$1" --input-file peer.der --output-file ours &&
        cmp ours theirs
}

test_change_and_delete() {
    check 'set another ID' user --set-id 7101 --type privkey --id 11
    check 'the key is there by its new ID' user --sign --id 7101 --mechanism SHA256-RSA-PKCS \
        --input-file message --output-file 7101.sig
    check_fails 'and not by its old one' 'not found' user --sign --id 11 --mechanism SHA256-RSA-PKCS \
        --input-file message --output-file 7101.sig
    check 'delete the private key' user --delete-object --type privkey --id 12
    check_fails 'it is gone' 'not found' user --sign --id 12 --mechanism SHA256-RSA-PKCS \
        --input-file message --output-file gone.sig
    check 'its public key stays' public_key 12 12.pem
    check 'delete the public key' user --delete-object --type pubkey --id 12
    check_fails 'it is gone too' 'not found' anyone --read-object --type pubkey --id 12 --output-file 12.raw
    check 'delete a secret key' user --delete-object --type secrkey --id 58
    check 'generate a key that asks for the PIN again' \
        user --keypairgen --key-type EC:prime256v1 --id 7301 --always-auth
    check 'and gets it' sign_and_verify 7301 ECDSA-SHA256 dgst
}

need pkcs11-tool opensc
need openssl openssl
begin
date >message
make_token
test_generate_rsa
test_generate_ec
test_generate_secret
test_import
test_derive
test_change_and_delete
