#!/usr/bin/env bash
# key import: what openssl wrote becomes usable objects, and openssl verifies what they sign; what does
# not fit together is refused and leaves nothing.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

prepare() {
    printf 'the passphrase\n' >pass
    printf 'another\n' >wrong
    head -c 32 /dev/urandom >aes.key
    date >message
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem
    openssl rsa -in rsa.pem -traditional -out rsa-pkcs1.pem
    openssl ecparam -genkey -name prime256v1 -noout -out ec-sec1.pem
    openssl pkcs8 -topk8 -nocrypt -in ec-sec1.pem -out ec.pem
    openssl pkey -in ec.pem -outform DER -out ec.der
    openssl pkcs8 -topk8 -in ec.pem -passout file:pass -out ec-encrypted.pem
    openssl pkcs8 -topk8 -in ec.pem -passout file:pass -outform DER -out ec-encrypted.der
    openssl genpkey -algorithm ed25519 -out ed.pem
    openssl genpkey -algorithm x448 -out x448.pem
    openssl req -x509 -new -key ec.pem -subj /CN=import -days 10 -out cert.pem
    openssl x509 -in cert.pem -outform DER -out cert.der
    openssl pkcs12 -export -inkey ec.pem -in cert.pem -passout file:pass -out both.p12
    openssl pkcs12 -export -legacy -inkey ec.pem -in cert.pem -passout file:pass -out legacy.p12
    openssl pkey -in rsa.pem -pubout -out rsa-public.pem
    cat ec.pem cert.pem >both.pem
} >log 2>&1

sign_with() { # sign_with FILE ID MECHANISM: a signature of the imported key, verified with the file
    rm -f sig
    user --sign --mechanism "$3" --signature-format openssl --id "$2" --input-file message --output-file sig &&
        openssl pkey -in "$1" -pubout -out public.pem &&
        openssl dgst -sha256 -verify public.pem -signature sig message
}

# The private key of one pair with the public point of another.
mix_pairs() {
    openssl ecparam -genkey -name prime256v1 -noout | openssl pkcs8 -topk8 -nocrypt -outform DER -out other.der
    python3 -c 'a, b = open("ec.der", "rb").read(), open("other.der", "rb").read()
open("mixed.der", "wb").write(a[:-64] + b[-64:])'
}

# An RSA key whose private exponent is another one.
spoil_rsa() {
    openssl rsa -in rsa.pem -traditional -outform DER -out rsa.der &&
        python3 -c 'd = bytearray(open("rsa.der", "rb").read())
d[300] ^= 1  # within the private exponent, which follows n and e
open("spoilt.der", "wb").write(d)'
}

# Of all imports up to now.
no_failures() {
    admin audit stats --json | python3 -c 'import json, sys
made = {o["operation"]: o for o in json.load(sys.stdin)["operations"]}["create_object"]
print("ok" if made["success"] > 5 and made["failure"] == 0 else made)'
}

pair_of() { echo "sorted(o['class'] for o in d['objects']) == ['private', 'public'] and d['objects'][0]['type'] == '$1' and not d['objects'][0]['local']"; }

test_forms() {
    check_json 'RSA, PKCS#8' "$(pair_of RSA-2048)" key import --file rsa.pem --label a --id a1
    check 'and signs' sign_with rsa.pem a1 SHA256-RSA-PKCS
    check_json 'RSA, PKCS#1' "$(pair_of RSA-2048)" key import --file rsa-pkcs1.pem --label a --type RSA
    check_json 'EC, SEC 1' "$(pair_of P-256)" key import --file ec-sec1.pem --label a --type EC
    check_json 'EC, DER' "$(pair_of P-256)" key import --file ec.der --label a
    check_json 'EC, encrypted PKCS#8' "$(pair_of P-256)" key import --file ec-encrypted.pem --label a --id a2 --passphrase-file pass
    check 'and signs' sign_with ec.pem a2 ECDSA-SHA256
    check_json 'the same, DER' "$(pair_of P-256)" key import --file ec-encrypted.der --label a --passphrase-file pass
    check_json 'Ed25519' "$(pair_of ED25519)" key import --file ed.pem --label a
    check_json 'X448' "$(pair_of X448)" key import --file x448.pem --label a
    check_json 'public key' 'len(d["objects"]) == 1 and d["objects"][0]["class"] == "public"' \
        key import --file rsa-public.pem --label a
    check_json 'certificate' 'len(d["objects"]) == 1 and d["objects"][0]["class"] == "certificate"' \
        key import --file cert.der --label cert
    check_json 'key and certificate in one PEM file' 'len(d["objects"]) == 3' key import --file both.pem --label a
    check_json 'PKCS#12' 'sorted(o["class"] for o in d["objects"]) == ["certificate", "private", "public"] and len({o["id"] for o in d["objects"]}) == 1' \
        key import --file both.p12 --label a --passphrase-file pass
    check_says 'that a passphrase is asked for is no failure' '^ok$' no_failures
    check_json 'AES, as older scripts ask' 'd["objects"][0]["type"] == "AES-256" and d["objects"][0]["sensitive"]' \
        key import --file aes.key --label a --type AES --class secret --yes
}

test_refusals() {
    check_status 'wrong passphrase' 6 'wrong passphrase' key import --file ec-encrypted.pem --label x --passphrase-file wrong
    check_status 'wrong passphrase, PKCS#12' 6 'wrong passphrase' key import --file both.p12 --label x --passphrase-file wrong
    if [ -s legacy.p12 ]; then
        check_status 'PKCS#12 under RC2: it is not the passphrase' 2 'legacy.p12: encrypted by an algorithm' \
            key import --file legacy.p12 --label x --passphrase-file pass
        check 'as it is told to' \
            eval 'cp pass same && openssl pkcs12 -legacy -in legacy.p12 -passin file:pass -passout file:same -out new.pem'
        check_json 'it comes' 'len(d["objects"]) == 3' key import --file new.pem --label new --passphrase-file pass
        check_status 'unless it is' 6 'wrong passphrase' key import --file legacy.p12 --label x --passphrase-file wrong
    else
        skip 'PKCS#12 under RC2' 'this openssl makes none'
    fi
    check_status 'no passphrase' 2 'give --passphrase-file' alone "$program" key import --file ec-encrypted.pem --label x --pin-file pin
    check_status 'not of the type' 2 'the kind that the file holds' key import --file rsa.pem --label x --type EC
    check_status 'secret key without its type' 6 'needs --type' key import --file aes.key --label x
    check_status 'secret key of an odd size' 2 'key size' key import --file message --label x --type AES
    check_status 'no such file' 4 'nowhere' key import --file nowhere --label x
    : >nothing
    check_status 'empty file' 6 'nothing' key import --file nothing --label x
    check 'a pair that does not fit together' mix_pairs
    check_status 'is refused' 6 'mixed.der' key import --file mixed.der --label x
    check 'an RSA key that does not fit together' spoil_rsa
    check_status 'is refused too' '2|6' 'spoilt.der' key import --file spoilt.der --label x
    head -c 60 ec.der >short.der
    check_status 'truncated' 6 'short.der' key import --file short.der --label x
    check_json 'none of these left anything' 'd["objects"] == []' key list --label x
}

# shellcheck disable=SC2119
begin_admin
prepare
make_admin_token
test_forms
test_refusals
