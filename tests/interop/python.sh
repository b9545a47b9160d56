#!/usr/bin/env bash
# Python with PyKCS11 (pykcs11_client.py); python3-cryptography and openssl check what the token made.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need pkcs11-tool opensc
need openssl openssl
python=/usr/bin/python3 # Debian's, which has Debian's packages
need $python python3
for package in PyKCS11:python3-pykcs11 cryptography:python3-cryptography; do
    $python -c "import ${package%:*}" 2>/dev/null || skip_all "no package ${package#*:}"
done
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
begin
make_token
$python "$here/pykcs11_client.py" "$module" "$token" >program.out 2>program.err
status=$?
tap_lines program.out
check 'program: went to its end' [ $status = 0 ] || tell program.err 40
check 'openssl verifies its RSA-PSS signature' openssl dgst -sha256 -sigopt rsa_padding_mode:pss \
    -sigopt rsa_pss_saltlen:32 -verify python.pub -signature python.sig python.message
