#!/usr/bin/env bash
# Java's SunPKCS11: keytool, jarsigner and a test program (java/TokenTest.java); openssl and Java's
# own providers check what the token made.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

write_java_conf() {
    {
        echo 'name = Interop'
        printf 'library = "%s"\n' "$module"
        echo 'slotListIndex = 0'
        # Java asks for no CKA_DERIVE when it makes an EC pair, and the standard's default is false.
        printf '%s\n' 'attributes(generate,CKO_PRIVATE_KEY,CKK_EC) = {' '  CKA_DERIVE = true' '}'
        # Nor for CKA_EXTRACTABLE, which a key needs to be wrapped.
        printf '%s\n' 'attributes(*,CKO_SECRET_KEY,*) = {' '  CKA_EXTRACTABLE = true' '}'
    } >java.cfg
}

java_store() { # java_store PROGRAM ARGUMENT...: keytool or jarsigner on the token
    "$1" "${@:2}" -keystore NONE -storetype PKCS11 -storepass:env PIN "${provider[@]}"
}

test_keytool() {
    check 'keytool generates RSA' java_store keytool -genkeypair -alias jrsa -keyalg RSA -keysize 2048 \
        -dname CN=jrsa -ext bc:c=ca:true -sigalg SHA256withRSA -validity 2
    check 'keytool generates EC' java_store keytool -genkeypair -alias jec -keyalg EC -groupname secp256r1 \
        -dname CN=jec -sigalg SHA256withECDSA -validity 2
    check 'keytool generates an AES key' java_store keytool -genseckey -alias jaes -keyalg AES -keysize 256
    check_says 'keytool lists them' 'jrsa.*PrivateKeyEntry' java_store keytool -list
    local alias
    for alias in jrsa jec; do
        check "keytool exports $alias" java_store keytool -exportcert -rfc -alias $alias -file $alias.pem
        check_says "openssl verifies $alias" OK openssl verify -check_ss_sig -CAfile $alias.pem $alias.pem
        check "keytool requests a certificate for $alias" java_store keytool -certreq -alias $alias -file $alias.csr
        check_says "openssl verifies the request of $alias" 'verify OK' openssl req -verify -noout -in $alias.csr
    done
    check 'keytool issues a certificate' java_store keytool -gencert -alias jrsa -infile jec.csr -outfile issued.pem \
        -rfc -validity 2
    check_says 'openssl verifies it' OK openssl verify -partial_chain -CAfile jrsa.pem issued.pem
    check 'keytool deletes the AES key' java_store keytool -delete -alias jaes
}

# The signature is checked by a jarsigner without the token, which trusts the certificate.
test_jarsigner() { # test_jarsigner ALIAS
    check "jarsigner signs with $1" java_store jarsigner -signedjar "$1.jar" plain.jar "$1"
    keytool -importcert -noprompt -alias "$1" -file "$1.pem" -keystore trust.p12 -storepass:env PIN \
        >/dev/null 2>&1
    check_says "plain jarsigner verifies it: $1" 'jar verified' jarsigner -verify -strict -keystore trust.p12 \
        -storepass:env PIN "$1.jar"
}

test_program() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout imported.key -out imported.pem -subj /CN=imported -days 2 \
        2>/dev/null
    openssl pkcs12 -export -inkey imported.key -in imported.pem -name imported -passout env:PIN -out imported.p12
    java "$here/java/TokenTest.java" java.cfg imported.p12 >program.out 2>program.err
    local status=$?
    tap_lines program.out
    check 'program: went to its end' [ $status = 0 ] || tell program.err 40
    check 'openssl verifies its RSA signature' verify_left rsa -sha512
    check 'openssl verifies its P-384 signature' verify_left secp384r1 -sha512
}

verify_left() {
    openssl dgst "$2" -verify "java.$1.pub" -keyform DER -signature "java.$1.sig" java.message
}

for program in java keytool jarsigner javac; do
    need $program default-jdk-headless
done
need openssl openssl
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
begin
provider=(-addprovider SunPKCS11 -providerArg "$work/java.cfg")
make_token
write_java_conf
date >content
jar --create --file plain.jar content
test_keytool
test_jarsigner jrsa
test_jarsigner jec
test_program
