#!/usr/bin/env bash
# GnuTLS: p11tool makes the token, keys and objects; certtool makes a CA whose key stays in the token.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

url="pkcs11:token=$token"

tool() { p11tool --provider "$module" --batch "$@"; }

login() { tool --login "$@"; }

test_token() {
    check 'p11tool makes the token' tool --initialize --label "$token" "$(blank_token)" || exit 1
    check_says 'and lists it' "Label: $token" tool --list-tokens
    check 'p11tool sets the user PIN' tool --initialize-pin "$url" || exit 1
    check_says 'mechanisms' 'CKM_RSA_PKCS|RSA_PKCS' tool --list-mechanisms "$url"
    check 'random bytes' tool --generate-random 32 --outfile random "$url"
}

# GnuTLS lists no blank tokens; it finds one by the manufacturer of the library.
blank_token() {
    local name
    name=$(p11 --show-info 2>/dev/null | sed -n 's/^Manufacturer *//p')
    printf 'pkcs11:library-manufacturer=%s' "$(uri_path "$name")"
}

# Generated in the token, signed with by p11tool itself, the public key read by openssl.
test_generate() {
    check 'generate RSA' login --generate-privkey rsa --bits 2048 --label rsa --id 01 --outfile rsa.pub "$url"
    check_says 'openssl reads RSA' 'Public-Key: \(2048 bit\)' openssl pkey -pubin -in rsa.pub -noout -text
    local curve
    for curve in secp256r1 secp384r1 secp521r1; do
        check "generate $curve" login --generate-privkey ecdsa --curve "$curve" --label "$curve" \
            --id "02${curve:4:2}" --outfile "$curve.pub" "$url"
        check "openssl reads $curve" openssl pkey -pubin -in "$curve.pub" -noout
    done
    generate_ed25519
    check_says 'all keys are listed' 'secp521r1' login --list-all-privkeys "$url"
    local key
    for key in rsa secp256r1 secp384r1 secp521r1; do # p11tool does not test EdDSA: certtool does, below
        check_says "p11tool signs and verifies: $key" 'ok' \
            login --test-sign "$url;object=$key;type=private"
    done
    check_says 'p11tool signs with PSS' 'ok' login --test-sign --hash sha256 --sign-params rsa-pss \
        "$url;object=rsa;type=private"
}

# GnuTLS 3.7 calls C_GenerateKeyPair with CKM_EDDSA, which is for signing.
generate_ed25519() {
    case $(p11tool --version | head -n 1) in
    *' 3.7.'*)
        skip 'generate Ed25519' 'GnuTLS 3.7 asks for CKM_EDDSA instead of CKM_EC_EDWARDS_KEY_PAIR_GEN'
        ;;
    *)
        check 'generate Ed25519' login --generate-privkey ed25519 --label ed25519 --id 03 --outfile ed.pub "$url"
        check_says 'openssl reads Ed25519' ED25519 openssl pkey -pubin -in ed.pub -noout -text
        ;;
    esac
}

test_write() {
    openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out imported.key 2>/dev/null
    openssl req -x509 -key imported.key -out imported.pem -subj '/CN=imported' -days 2
    check 'write a private key' login --write --load-privkey imported.key --label imported --id 04 "$url"
    check 'write its certificate' login --write --load-certificate imported.pem --label imported --id 04 "$url"
    check 'write a secret key' login --write --secret-key 000102030405060708090a0b0c0d0e0f \
        --label secret --id 05 "$url"
    check_says 'p11tool signs with what was written' 'ok' \
        login --test-sign "$url;object=imported;type=private"
    check 'certificate exported is the same' export_same
    check_says 'everything is listed' 'Secret key' login --list-all "$url"
    check 'delete the certificate' login --delete "$url;object=imported;type=cert"
    check_fails 'it is gone' '' tool --export "$url;object=imported;type=cert"
}

export_same() {
    tool --export "$url;object=imported;type=cert" --outfile exported.pem &&
        openssl x509 -in exported.pem -outform DER -out exported.der &&
        openssl x509 -in imported.pem -outform DER -out imported.der && cmp exported.der imported.der
}

# A CA in the token signs its own certificate, a server's and a request made by another token key.
test_certificates() { # test_certificates CA-KEY REQUEST-KEY
    local ca=("--load-ca-privkey=$url;object=$1;type=private" --load-ca-certificate "$1.ca.pem")
    check "$1: self-signed CA" certtool --provider "$module" --generate-self-signed --template ca.cfg \
        --load-privkey "$url;object=$1;type=private" --outfile "$1.ca.pem"
    check_says "$1: openssl verifies it" OK openssl verify -check_ss_sig -CAfile "$1.ca.pem" "$1.ca.pem"
    check "$1: request with $2" certtool --provider "$module" --generate-request --template leaf.cfg \
        --load-privkey "$url;object=$2;type=private" --outfile "$2.csr"
    check_says "$1: openssl verifies the request" 'OK' openssl req -verify -noout -in "$2.csr"
    check "$1: certificate" certtool --provider "$module" --generate-certificate --template leaf.cfg \
        "${ca[@]}" --load-request "$2.csr" --outfile "$1.$2.pem"
    check_says "$1: openssl verifies it" OK openssl verify -purpose sslserver -CAfile "$1.ca.pem" "$1.$2.pem"
    check_says "$1: certtool verifies it" 'Verified' \
        certtool --verify --load-ca-certificate "$1.ca.pem" --infile "$1.$2.pem"
}

need p11tool gnutls-bin
need certtool gnutls-bin
need openssl openssl
begin
export GNUTLS_PIN=$PIN GNUTLS_SO_PIN=$SO_PIN
printf '%s\n' 'cn = "interop CA"' ca cert_signing_key 'serial = 1' 'expiration_days = 2' >ca.cfg
printf '%s\n' 'cn = "server"' 'dns_name = "localhost"' tls_www_server signing_key 'serial = 2' \
    'expiration_days = 2' >leaf.cfg
test_token
test_generate
test_write
test_certificates rsa secp256r1
test_certificates secp384r1 rsa
case $(p11tool --version | head -n 1) in
*' 3.7.'*) skip 'ed25519: CA' 'GnuTLS 3.7 wants the point of an Edwards key in an OCTET STRING' ;;
*) test_certificates ed25519 secp521r1 ;;
esac
