#!/usr/bin/env bash
# p11-kit: the module by a configuration file, through its proxy, and remoted through its server.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

write_module_conf() {
    mkdir -p "$HOME/.config/pkcs11/modules"
    printf 'user-config: only\n' >"$HOME/.config/pkcs11/pkcs11.conf"
    printf 'module: %s\ncritical: yes\n' "$(realpath "$module")" >"$HOME/.config/pkcs11/modules/interop.module"
}

# p11-kit reads no user's configuration for root: there ours is put over the system's, for this one
# command's mount namespace.
with_config() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
        return
    fi
    # shellcheck disable=SC2016
    unshare -m sh -c 'mount --bind "$1" /usr/share/p11-kit/modules && shift && exec "$@"' sh \
        "$HOME/.config/pkcs11/modules" "$@"
}

find_p11_library() { find /usr/lib/*/ -name "$1" 2>/dev/null | head -n 1; }

test_list() {
    check_says 'list-modules names the module' '^(module: )?interop' with_config p11-kit list-modules
    check_says 'and the token' "token: $token" with_config p11-kit list-modules
    if with_config p11-kit list-tokens >/dev/null 2>&1; then
        check_says 'list-tokens' "token: $token" with_config p11-kit list-tokens
        check_says 'list-objects' 'label: p256' with_config p11-kit list-objects "pkcs11:token=$token"
    else
        skip 'list-tokens' 'this p11-kit has no such command'
    fi
}

# pkcs11-tool with another module in front of ours.
tool_through() { # tool_through MODULE ARGUMENT...
    "${runner[@]}" pkcs11-tool --module "$1" --token-label "$token" "${@:2}"
}

user_through() { tool_through "$1" --login --pin env:PIN "${@:2}"; }

sign_through() { # sign_through MODULE ID MECHANISM ARGUMENT...
    rm -f sig
    user_through "$1" --sign --id "$2" --mechanism "$3" \
        --input-file message --output-file sig "${@:4}" &&
        openssl dgst -sha256 -verify "$2.pem" -signature sig message
}

test_through() { # test_through NAME MODULE
    check_says "$1: mechanisms" 'RSA-PKCS' tool_through "$2" --list-mechanisms
    check "$1: RSA signature, openssl verifies" sign_through "$2" 01 SHA256-RSA-PKCS
    check "$1: ECDSA signature of a hash, openssl verifies" ecdsa_through "$2" 02
    check_if_carried "$1" SHA256-RSA-PKCS-PSS "$2" pss_through "$2"
    check_if_carried "$1" ECDSA-SHA256 "$2" sign_through "$2" 02 ECDSA-SHA256 --signature-format openssl
    check "$1: generates a key pair" user_through "$2" \
        --keypairgen --key-type EC:prime256v1 --id 07 --label made
    check "$1: finds it" public_key 07 07.pem
    check "$1: its signature, openssl verifies" ecdsa_through "$2" 07
    check_if_carried "$1" AES-CBC-PAD "$2" encrypt_through "$2"
    check "$1: deletes it" delete_through "$2"
    check_fails "$1: wrong PIN" CKR_PIN_INCORRECT tool_through "$2" --login \
        --pin env:WRONG_PIN --list-objects
}

# p11-kit's protocol carries the mechanisms that it knows and hides all others: 0.24 has few.
check_if_carried() { # check_if_carried NAME MECHANISM MODULE COMMAND...
    if tool_through "$3" --list-mechanisms 2>/dev/null | grep -q "^ *$2\b"; then
        check "$1: $2, openssl agrees" "${@:4}"
    else
        skip "$1: $2" 'this p11-kit does not carry the mechanism'
    fi
}

ecdsa_through() { # ecdsa_through MODULE ID
    openssl dgst -sha256 -binary -out digest message
    rm -f sig
    user_through "$1" --sign --id "$2" --mechanism ECDSA --signature-format openssl --input-file digest \
        --output-file sig && openssl dgst -sha256 -verify "$2.pem" -signature sig message
}

pss_through() {
    rm -f sig
    user_through "$1" --sign --id 01 \
        --mechanism SHA256-RSA-PKCS-PSS --input-file message --output-file sig &&
        openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify 01.pem \
            -signature sig message
}

encrypt_through() {
    local iv=000102030405060708090a0b0c0d0e0f
    user_through "$1" --encrypt --id 03 \
        --mechanism AES-CBC-PAD --iv $iv --input-file message --output-file sealed &&
        openssl enc -d -aes-256-cbc -K "$(od -An -v -t x1 aes.key | tr -d ' \n')" -iv $iv -in sealed -out opened &&
        cmp message opened
}

delete_through() {
    local type
    for type in privkey pubkey; do
        user_through "$1" --delete-object --type $type \
            --id 07 || return 1
    done
}

start_server() {
    eval "$(p11-kit server --provider "$(realpath "$module")" -n "$work/socket" "pkcs11:token=$token" |
        sed -n "s/^\(P11_KIT_SERVER_PID\)=\([0-9]*\);.*/\1=\2/p")"
    on_exit+=(stop_server)
    [ -n "${P11_KIT_SERVER_PID:-}" ]
}

stop_server() { kill "$P11_KIT_SERVER_PID"; }

need p11-kit p11-kit
need pkcs11-tool opensc
need openssl openssl
begin
export WRONG_PIN=00000000
date >message
make_token
check 'RSA key' user --keypairgen --key-type rsa:2048 --id 01 --label rsa --usage-sign
check 'P-256 key' user --keypairgen --key-type EC:prime256v1 --id 02 --label p256 --usage-sign
check 'RSA public key' public_key 01 01.pem
check 'P-256 public key' public_key 02 02.pem
head -c 32 /dev/urandom >aes.key
check 'AES key' user --write-object aes.key --type secrkey --key-type AES:32 --id 03 --label aes --usage-decrypt
write_module_conf
proxy=$(find_p11_library p11-kit-proxy.so)
if ! with_config true 2>/dev/null; then
    skip 'list and proxy' 'p11-kit ignores the configuration of root, and there are no mount namespaces here'
else
    test_list
    runner=(with_config)
    test_through proxy "$proxy"
fi

runner=()
client=$(find_p11_library p11-kit-client.so)
if [ -n "$client" ]; then
    check 'server started' start_server || exit 1
    P11_KIT_SERVER_ADDRESS=unix:path=$(uri_path "$work/socket")
    export P11_KIT_SERVER_ADDRESS
    test_through server "$client"
else
    skip 'server' 'no p11-kit-client.so (package p11-kit-modules)'
fi
