#!/usr/bin/env bash
# The openssl command with pkcs11-provider: request, CA, CMS, TLS server and client, key generation.
# Debian 12 has no pkcs11-provider: there the test is skipped.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=openssl_flow.sh
. "$(dirname "${BASH_SOURCE[0]}")/openssl_flow.sh"

write_provider_conf() {
    {
        printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' \
            'default = default_sect' 'pkcs11 = pkcs11_sect' '[default_sect]' 'activate = 1' \
            '[pkcs11_sect]' 'activate = 1'
        printf 'module = %s\n' "$provider"
        printf 'pkcs11-module-path = %s\n' "$module"
        printf 'pkcs11-module-token-pin = file:%s\n' "$work/pin"
        echo 'pkcs11-module-encode-provider-uri-to-pem = true' # for genpkey: the PEM is a reference
        case $module in *softhsm*) echo 'pkcs11-module-quirks = no-deinit' ;; esac
        req_section
    } >"$token_conf"
}

# A pair made by openssl itself, in the token.
test_generate() {
    check 'openssl generates an RSA pair in the token' tok genpkey -propquery provider=pkcs11 -algorithm RSA \
        -pkeyopt rsa_keygen_bits:2048 -pkeyopt "pkcs11_uri:pkcs11:token=$token;object=made;id=%41" -out made.pem
    check_says 'pkcs11-tool lists it' 'made' user --list-objects --type privkey
    check 'openssl generates a P-256 pair in the token' tok genpkey -propquery provider=pkcs11 -algorithm EC \
        -pkeyopt ec_paramgen_curve:P-256 -pkeyopt "pkcs11_uri:pkcs11:token=$token;object=madeEc;id=%42" \
        -out made.ref
    check_says 'storeutl lists the keys' 'Total found: [1-9]' tok storeutl -keys "pkcs11:token=$token"
}

test_decrypt() { # test_decrypt KEY: what plain openssl encrypts to the certificate
    check "$1: CMS decrypted" cms_decrypt "$1"
    check "$1: pkeyutl decrypts OAEP" oaep_decrypt "$1"
}

cms_decrypt() {
    openssl cms -encrypt -aes256 -binary -in message -outform DER -out sealed.cms "$1.pem" &&
        tok cms -decrypt -inform DER -binary -in sealed.cms -recip "$1.pem" -inkey "$(key_uri "$1")" -out opened &&
        cmp message opened
}

oaep_decrypt() {
    local oaep=(-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256)
    openssl pkeyutl -encrypt -certin -inkey "$1.pem" -in message -out sealed "${oaep[@]}" &&
        tok pkeyutl -decrypt -inkey "$(key_uri "$1")" -in sealed -out opened "${oaep[@]}" && cmp message opened
}

test_ed25519() {
    check 'ed25519: pkeyutl signs' tok pkeyutl -sign -rawin -inkey "$(key_uri ed25519)" -in message -out message.sig
    check 'ed25519: openssl verifies it' openssl pkeyutl -verify -rawin -certin -inkey ed25519.pem \
        -in message -sigfile message.sig
}

need pkcs11-tool opensc
need openssl openssl
provider=$(find /usr/lib/*/ossl-modules -name pkcs11.so 2>/dev/null | head -n 1)
[ -n "$provider" ] || skip_all 'no pkcs11-provider (in Debian since 13)'
begin
token_conf=$work/token.cnf
form=()
ca_form=()
date >message
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=localhost -days 2 \
    -addext 'subjectAltName = DNS:localhost' 2>/dev/null
make_token
write_provider_conf
make_keys caRsa=rsa:3072 caP256=EC:prime256v1 caEd=EC:edwards25519 p256=EC:prime256v1 p384=EC:secp384r1 \
    p521=EC:secp521r1 ed25519=EC:edwards25519
check 'key rsa' user --keypairgen --key-type rsa:2048 --id 09 --label rsa
test_generate
test_ca caRsa rsa
test_ca caP256 p256
test_ca caRsa p384
test_ca caEd ed25519
test_ca caP256 p521
test_cms rsa caRsa
test_cms p256 caP256
test_decrypt rsa
test_ed25519
test_dgst rsa
test_dgst rsa -sigopt rsa_padding_mode:pss
test_dgst p256
test_dgst p521
for version in tls1_2 tls1_3; do
    for pair in rsa:caRsa p256:caP256 p384:caRsa ed25519:caEd; do
        test_tls_server "${pair%:*}" "${pair#*:}" $version
        test_tls_client "${pair%:*}" "${pair#*:}" $version
    done
done
