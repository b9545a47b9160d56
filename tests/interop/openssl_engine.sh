#!/usr/bin/env bash
# The openssl command with libp11's engine "pkcs11": request, CA, CMS, TLS server and client.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=openssl_flow.sh
. "$(dirname "${BASH_SOURCE[0]}")/openssl_flow.sh"

write_engine_conf() {
    {
        printf '%s\n' 'openssl_conf = init' '[init]' 'engines = engines' '[engines]' 'pkcs11 = pkcs11' \
            '[pkcs11]' 'engine_id = pkcs11' 'init = 0'
        printf 'MODULE_PATH = %s\nPIN = %s\n' "$module" "$PIN"
        req_section
    } >"$token_conf"
}

need pkcs11-tool opensc
need openssl openssl
openssl engine pkcs11 >/dev/null 2>&1 || skip_all 'no engine pkcs11 (package libengine-pkcs11-openssl)'
begin
token_conf=$work/token.cnf
form=(-engine pkcs11 -keyform engine)
ca_form=(-engine pkcs11 -CAkeyform engine)
date >message
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=localhost -days 2 \
    -addext 'subjectAltName = DNS:localhost' 2>/dev/null
make_token
write_engine_conf
make_keys rsa=rsa:2048 p256=EC:prime256v1 p384=EC:secp384r1 caRsa=rsa:3072 caP256=EC:prime256v1
test_ca caRsa rsa
test_ca caP256 p256
test_ca caRsa p384
test_cms rsa caRsa
test_cms p256 caP256
test_dgst rsa
test_dgst rsa -sigopt rsa_padding_mode:pss
test_dgst p256
for version in tls1_2 tls1_3; do
    test_tls_server rsa caRsa $version
    test_tls_server p256 caP256 $version
    test_tls_client rsa caRsa $version
    test_tls_client p384 caRsa $version
done
