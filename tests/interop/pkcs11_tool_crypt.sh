#!/usr/bin/env bash
# OpenSC's pkcs11-tool: sign, encrypt, wrap with every mechanism it knows; openssl does the other half.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_keys() {
    openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out rsa.key 2>/dev/null
    openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out ec.key
    local name
    for name in rsa ec; do
        openssl pkey -in "$name.key" -pubout -out "$name.pub"
        openssl pkey -in "$name.key" -outform DER -out "$name.der"
        openssl pkey -in "$name.key" -pubout -outform DER -out "$name.pub.der"
    done
    head -c 32 /dev/urandom >aes.key
    aes_hex=$(hex aes.key)
    check 'RSA private key imported' user --write-object rsa.der --type privkey --id 01 --label rsa \
        --usage-sign --usage-decrypt
    check 'RSA public key imported' user --write-object rsa.pub.der --type pubkey --id 01 --label rsa \
        --usage-sign --usage-decrypt
    check 'EC private key imported' user --write-object ec.der --type privkey --id 02 --label ec --usage-sign
    check 'EC public key imported' user --write-object ec.pub.der --type pubkey --id 02 --label ec --usage-sign
    check 'AES key imported' user --write-object aes.key --type secrkey --key-type AES:32 --id 03 --label aes \
        --usage-decrypt --usage-wrap --usage-sign
    # Version 0.23 cannot import a generic secret.
    check 'HMAC key made' user --keygen --key-type GENERIC:64 --id 04 --label mac --extractable --usage-sign
    check 'and read' user --read-object --type secrkey --id 04 --output-file mac.key
    mac_hex=$(hex mac.key)
}

hex() { od -An -v -t x1 "$1" | tr -d ' \n'; }

# --- signatures: openssl verifies ours, the token verifies it too, and refuses another message ----

test_rsa_signatures() {
    local hash name
    # Raw RSA is deterministic: with the padding made by openssl, both must give the same bytes.
    openssl pkeyutl -sign -inkey rsa.key -in digest.sha256 -pkeyopt rsa_padding_mode:pkcs1 -out theirs
    openssl pkeyutl -verifyrecover -pubin -inkey rsa.pub -in theirs -pkeyopt rsa_padding_mode:none -out padded
    check 'RSA-X-509 is what openssl makes' sign_the_same RSA-X-509 padded
    check 'RSA-PKCS is what openssl makes' sign_the_same RSA-PKCS digest.sha256
    for hash in sha1 sha224 sha256 sha384 sha512; do
        name=${hash^^}
        check "$name-RSA-PKCS" rsa_sign "$name-RSA-PKCS" "$hash" pkcs1 message
        check "$name-RSA-PKCS-PSS" rsa_sign "$name-RSA-PKCS-PSS" "$hash" pss message
        check "RSA-PKCS-PSS of a $name" rsa_sign RSA-PKCS-PSS "$hash" pss "digest.$hash" \
            --hash-algorithm "$(hash_name "$hash")" --mgf "MGF1-$name"
    done
    for hash in sha3-224 sha3-256 sha3-384 sha3-512; do
        name=${hash^^}
        check "$name-RSA-PKCS" rsa_sign "$name-RSA-PKCS" "$hash" pkcs1 message
        check "$name-RSA-PKCS-PSS" rsa_sign "$name-RSA-PKCS-PSS" "$hash" pss message
    done
}

hash_name() { # as pkcs11-tool calls it
    case $1 in sha1) echo SHA-1 ;; *) echo "${1^^}" ;; esac
}

sign_the_same() { # sign_the_same MECHANISM INPUT: as the file `theirs`
    user --sign --id 01 --mechanism "$1" --input-file "$2" --output-file ours && cmp ours theirs
}

rsa_sign() { # rsa_sign MECHANISM HASH pkcs1|pss INPUT ARGUMENT...
    local pss=()
    [ "$3" = pkcs1 ] || pss=(-pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest)
    user --sign --id 01 --mechanism "$1" --input-file "$4" --output-file sig "${@:5}" &&
        openssl pkeyutl -verify -pubin -inkey rsa.pub -in "digest.$2" -sigfile sig \
            -pkeyopt "digest:$2" "${pss[@]}" &&
        token_verifies 01 "$1" "$4" "${@:5}"
}

token_verifies() { # token_verifies ID MECHANISM INPUT ARGUMENT...: the file sig; not of another message
    user --verify --id "$1" --mechanism "$2" --input-file "$3" --signature-file sig "${@:4}" >verify.out 2>&1
    grep -q 'Signature is valid' verify.out || {
        cat verify.out
        return 1
    }
    tr '\000-\377' '\001-\377\000' <"$3" >other
    ! user --verify --id "$1" --mechanism "$2" --input-file other --signature-file sig "${@:4}" 2>&1 |
        grep 'Signature is valid'
}

test_ecdsa() {
    local hash
    check 'ECDSA of a SHA256' ecdsa_sign ECDSA sha256 digest.sha256
    for hash in sha1 sha224 sha256 sha384 sha512 sha3-224 sha3-256 sha3-384 sha3-512; do
        check "ECDSA-${hash^^}" ecdsa_sign "ECDSA-${hash^^}" "$hash" message
    done
}

ecdsa_sign() { # ecdsa_sign MECHANISM HASH INPUT
    user --sign --id 02 --mechanism "$1" --input-file "$3" --output-file sig --signature-format openssl &&
        openssl pkeyutl -verify -pubin -inkey ec.pub -in "digest.$2" -sigfile sig &&
        user --sign --id 02 --mechanism "$1" --input-file "$3" --output-file sig &&
        token_verifies 02 "$1" "$3"
}

test_macs() {
    local hash
    for hash in sha1 sha224 sha256 sha384 sha512 sha3-224 sha3-256 sha3-384 sha3-512; do
        check "HMAC with $hash" mac_is 04 "$(hmac_name "$hash")" \
            -digest "$hash" -macopt "hexkey:$mac_hex" HMAC
    done
    if p11_has --mac-general-param; then
        check 'AES-CMAC' mac_is 03 AES-CMAC -cipher AES-256-CBC -macopt "hexkey:$aes_hex" CMAC
    else
        skip 'AES-CMAC' 'this pkcs11-tool cannot sign with it'
    fi
}

hmac_name() {
    case $1 in sha1) echo SHA-1-HMAC ;; *) echo "${1^^}-HMAC" ;; esac
}

mac_is() { # mac_is ID MECHANISM OPENSSL-MAC-ARGUMENT...
    user --sign --id "$1" --mechanism "$2" --input-file message --output-file sig &&
        openssl mac "${@:3:$#-3}" -binary -in message -out theirs "${*: -1}" && cmp sig theirs
}

test_hashes() {
    local hash
    for hash in sha1 sha224 sha256 sha384 sha512; do
        check "hash: $hash" hash_is "$hash" "$(hash_name "$hash")"
    done
}

hash_is() {
    anyone --hash --mechanism "$2" --input-file message --output-file ours && cmp ours "digest.$1"
}

# --- encryption ----------------------------------------------------------------------------------

test_rsa_encryption() {
    local hash
    head -c 40 /dev/urandom >short
    check 'decrypts RSA-PKCS from openssl' rsa_decrypt RSA-PKCS -pkeyopt rsa_padding_mode:pkcs1
    for hash in sha1 sha256 sha384 sha512; do
        check "decrypts RSA-PKCS-OAEP with $hash from openssl" rsa_decrypt_oaep "$hash"
    done
    if p11_has --aad; then
        check 'encrypts RSA-PKCS-OAEP for openssl' rsa_encrypt_oaep
    else
        skip 'encrypts RSA-PKCS-OAEP for openssl' 'this pkcs11-tool encrypts with AES only'
    fi
}

rsa_decrypt() { # rsa_decrypt MECHANISM OPENSSL-ARGUMENT...
    openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in short -out sealed "${@:2}" &&
        user --decrypt --id 01 --mechanism "$1" --input-file sealed --output-file opened && cmp short opened
}

rsa_decrypt_oaep() {
    openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in short -out sealed -pkeyopt rsa_padding_mode:oaep \
        -pkeyopt "rsa_oaep_md:$1" -pkeyopt "rsa_mgf1_md:$1" &&
        user --decrypt --id 01 --mechanism RSA-PKCS-OAEP --hash-algorithm "$(hash_name "$1")" \
            --mgf "MGF1-${1^^}" --input-file sealed --output-file opened && cmp short opened
}

rsa_encrypt_oaep() {
    user --encrypt --id 01 --mechanism RSA-PKCS-OAEP --hash-algorithm SHA256 --mgf MGF1-SHA256 \
        --input-file short --output-file sealed &&
        openssl pkeyutl -decrypt -inkey rsa.key -in sealed -out opened -pkeyopt rsa_padding_mode:oaep \
            -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256 && cmp short opened
}

test_aes() {
    local iv=000102030405060708090a0b0c0d0e0f
    head -c 4096 /dev/urandom >blocks
    head -c 4099 /dev/urandom >odd
    check 'AES-ECB' aes_both AES-ECB blocks -aes-256-ecb -nopad
    check 'AES-CBC' aes_both AES-CBC blocks -aes-256-cbc -nopad -iv $iv
    check 'AES-CBC-PAD' aes_both AES-CBC-PAD odd -aes-256-cbc -iv $iv
    if p11_has --aad; then
        test_gcm
    else
        skip 'AES-GCM' 'this pkcs11-tool encrypts with ECB and CBC only'
    fi
}

aes_both() { # aes_both MECHANISM INPUT OPENSSL-ENC-ARGUMENT...
    local iv=()
    [ "$1" = AES-ECB ] || iv=(--iv 000102030405060708090a0b0c0d0e0f)
    user --encrypt --id 03 --mechanism "$1" "${iv[@]}" --input-file "$2" --output-file sealed &&
        openssl enc "${@:3}" -K "$aes_hex" -in "$2" -out theirs && cmp sealed theirs &&
        user --decrypt --id 03 --mechanism "$1" "${iv[@]}" --input-file sealed --output-file opened &&
        cmp "$2" opened
}

# The openssl command has no GCM; python3-cryptography has, where it is installed. The message is
# short: nothing is given before the tag is verified, and pkcs11-tool has room for 1,024 bytes at the end.
test_gcm() {
    head -c 999 /dev/urandom >odd
    local gcm=(--mechanism AES-GCM --iv 000102030405060708090a0b --aad 0a0b0c0d --tag-bits-len 128)
    check 'AES-GCM encrypts' user --encrypt --id 03 "${gcm[@]}" --input-file odd --output-file sealed
    check 'AES-GCM decrypts' user --decrypt --id 03 "${gcm[@]}" --input-file sealed --output-file opened
    check 'to the same' cmp odd opened
    if /usr/bin/python3 -c 'import cryptography' 2>/dev/null; then
        check 'python opens it' /usr/bin/python3 -c '
import sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
key, sealed, plain = (open(name, "rb").read() for name in ("aes.key", "sealed", "odd"))
assert AESGCM(key).decrypt(bytes(range(12)), sealed, bytes([10, 11, 12, 13])) == plain'
    else
        skip 'python opens it' 'no python3-cryptography'
    fi
    check_fails 'AES-GCM refuses another AAD' 'CKR_(ENCRYPTED_DATA_INVALID|AEAD_DECRYPT_FAILED)' \
        user --decrypt --id 03 "${gcm[@]}" --aad 0a0b0c0e --input-file sealed --output-file opened
}

# --- wrapping: what the token wraps openssl unwraps, and the other way round -----------------------

test_wrap() {
    check 'a secret to wrap' user --keygen --key-type AES:32 --id 11 --label target --extractable
    check 'its value' user --read-object --type secrkey --id 11 --output-file target
    check 'a key that must not leave' user --keygen --key-type AES:32 --id 12 --label stays --sensitive
    check 'RSA-PKCS wraps for openssl' rsa_wrap
    check 'AES-KEY-WRAP wraps for openssl' aes_wrap
    check 'AES-CBC-PAD wraps for openssl' cbc_wrap
    check_fails 'a key that must not leave is not wrapped' CKR_KEY_UNEXTRACTABLE \
        user --wrap --id 01 --mechanism RSA-PKCS --application-id 12 --output-file wrapped
    check 'RSA-PKCS unwraps from openssl' rsa_unwrap
    check 'AES-KEY-WRAP unwraps from openssl' aes_unwrap
    check_fails 'AES-KEY-WRAP refuses what was changed' CKR_WRAPPED_KEY_INVALID unwrap_changed
}

rsa_wrap() {
    user --wrap --id 01 --mechanism RSA-PKCS --application-id 11 --output-file wrapped &&
        openssl pkeyutl -decrypt -inkey rsa.key -in wrapped -out opened && cmp target opened
}

aes_wrap() {
    user --wrap --id 03 --mechanism AES-KEY-WRAP --application-id 11 --output-file wrapped &&
        openssl_wrap -d wrapped opened && cmp target opened
}

openssl_wrap() { # openssl_wrap -e|-d INPUT OUTPUT: RFC 3394, with its default initial value
    openssl enc "$1" -id-aes256-wrap -K "$aes_hex" -iv a6a6a6a6a6a6a6a6 -in "$2" -out "$3"
}

cbc_wrap() {
    local start=00112233445566778899aabbccddeeff
    user --wrap --id 03 --mechanism AES-CBC-PAD --iv $start --application-id 11 --output-file wrapped &&
        openssl enc -d -aes-256-cbc -K "$aes_hex" -iv $start -in wrapped -out opened && cmp target opened
}

rsa_unwrap() {
    head -c 32 /dev/urandom >secret
    openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in secret -out wrapped &&
        user --unwrap --id 01 --mechanism RSA-PKCS --input-file wrapped --key-type AES: \
            --application-id 13 --application-label unwrapped --extractable &&
        user --read-object --type secrkey --id 13 --output-file opened && cmp secret opened
}

aes_unwrap() {
    head -c 24 /dev/urandom >secret
    openssl_wrap -e secret wrapped &&
        user --unwrap --id 03 --mechanism AES-KEY-WRAP --input-file wrapped --key-type AES: \
            --application-id 14 --application-label unwrapped --extractable &&
        user --read-object --type secrkey --id 14 --output-file opened && cmp secret opened
}

unwrap_changed() {
    printf '\x00' | dd of=wrapped bs=1 seek=9 conv=notrunc status=none
    printf '\xff' | dd of=wrapped bs=1 seek=10 conv=notrunc status=none
    user --unwrap --id 03 --mechanism AES-KEY-WRAP --input-file wrapped --key-type AES: \
        --application-id 15 --application-label changed
}

need pkcs11-tool opensc
need openssl openssl
begin '[algorithms]' 'allow_sha1_signing = true'
date >message
for hash in sha1 sha224 sha256 sha384 sha512 sha3-224 sha3-256 sha3-384 sha3-512; do
    openssl dgst "-$hash" -binary -out "digest.$hash" message
done
make_token
make_keys
test_rsa_signatures
test_ecdsa
test_macs
test_hashes
test_rsa_encryption
test_aes
test_wrap
