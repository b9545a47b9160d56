# shellcheck shell=bash disable=SC2154 # the sourcing file sets them
# What the openssl command does with keys in the token, the same through the engine and the provider.
# The sourcing file sets:
#   token_conf    the configuration that loads the token, without which openssl has no access to it
#   form, ca_form extra arguments before a -key or -CAkey that is a PKCS#11 URI

tok() { OPENSSL_CONF=$token_conf openssl "$@"; }

key_uri() { printf 'pkcs11:token=%s;object=%s;type=private' "$token" "$1"; }

# The [req] part of a configuration file.
req_section() {
    printf '%s\n' '[req]' 'distinguished_name = dn' '[dn]' '[ca]' 'basicConstraints = critical,CA:TRUE' \
        'keyUsage = critical,keyCertSign,cRLSign' 'subjectKeyIdentifier = hash' '[leaf]' \
        'basicConstraints = CA:FALSE' 'subjectAltName = DNS:localhost' 'extendedKeyUsage = serverAuth,clientAuth' \
        'subjectKeyIdentifier = hash' 'authorityKeyIdentifier = keyid'
}

make_keys() { # make_keys NAME=TYPE...
    local pair id=0
    for pair in "$@"; do
        id=$((id + 1))
        check "key ${pair%%=*}" user --keypairgen --key-type "${pair#*=}" --id "0$id" --label "${pair%%=*}" \
            --usage-sign
    done
}

# The digest, which Ed25519 must not be told.
digest_of() {
    case $1 in ed*) ;; *) echo -sha256 ;; esac
}

test_ca() { # test_ca CA-KEY LEAF-KEY
    local digest
    digest=$(digest_of "$1")
    check "$1: self-signed CA" tok req -x509 -new "${form[@]}" -key "$(key_uri "$1")" ${digest:+"$digest"} \
        -subj "/CN=CA $1" -days 2 -extensions ca -out "$1.ca.pem" || return
    check_says "$1: openssl verifies it" OK openssl verify -check_ss_sig -CAfile "$1.ca.pem" "$1.ca.pem"
    check "$1: request for $2" tok req -new "${form[@]}" -key "$(key_uri "$2")" ${digest:+"$digest"} \
        -subj "/CN=$2" -out "$2.csr" || return
    check_says "$1: openssl verifies the request" 'verify OK' openssl req -verify -noout -in "$2.csr"
    check "$1: signs the request" tok x509 -req "${ca_form[@]}" -CAkey "$(key_uri "$1")" -CA "$1.ca.pem" \
        ${digest:+"$digest"} -in "$2.csr" -set_serial 2 -days 2 -extfile "$token_conf" -extensions leaf \
        -out "$2.pem" || return
    check_says "$1: openssl verifies the certificate" OK openssl verify -CAfile "$1.ca.pem" "$2.pem"
}

test_cms() { # test_cms KEY CA-KEY
    check "$1: CMS signature" tok cms -sign "${form[@]}" -inkey "$(key_uri "$1")" -signer "$1.pem" \
        -in message -binary -outform DER -nodetach -md sha256 -out message.cms || return
    check "$1: openssl verifies it" cms_verify "$2.ca.pem"
    check_fails "$1: and refuses another CA" 'verify error|Verification failure' \
        openssl cms -verify -inform DER -in message.cms -binary -CAfile other.pem -out /dev/null
}

cms_verify() {
    openssl cms -verify -inform DER -in message.cms -binary -purpose any -CAfile "$1" -out message.out &&
        cmp message message.out
}

test_dgst() { # test_dgst KEY ARGUMENT...
    check "$1: dgst $*" dgst_both "$@"
}

dgst_both() {
    tok x509 -in "$1.pem" -noout -pubkey >"$1.pub" &&
        tok dgst -sha256 "${@:2}" "${form[@]}" -sign "$(key_uri "$1")" -out message.sig message &&
        openssl dgst -sha256 "${@:2}" -verify "$1.pub" -signature message.sig message
}

# TLS with the server's key in the token: the client is an openssl without it, and the reverse.
test_tls_server() { # test_tls_server KEY CA-KEY TLS-VERSION
    start_server "$token_conf" "${form[@]}" -key "$(key_uri "$1")" -cert "$1.pem" "-$3"
    check_says "$1: TLS server, $3" 'ereht olleh' connect openssl -CAfile "$2.ca.pem" "-$3"
    stop_server
}

test_tls_client() { # test_tls_client KEY CA-KEY TLS-VERSION
    start_server /dev/null -key other.key -cert other.pem -Verify 1 -verify_return_error -CAfile "$2.ca.pem" "-$3"
    check_says "$1: TLS client, $3" 'ereht olleh' connect tok "${form[@]}" -key "$(key_uri "$1")" \
        -cert "$1.pem" -CAfile other.pem "-$3"
    stop_server
    check_says "$1: the server saw its certificate" "Peer certificate:.*CN ?= ?$1" cat server.log
}

# A server that sends each line back reversed, for one connection, on a free port.
start_server() { # start_server CONFIGURATION S_SERVER-ARGUMENT...
    local line
    exec 3< <(OPENSSL_CONF=$1 exec openssl s_server -accept 127.0.0.1:0 -naccept 1 -rev "${@:2}" 2>&1 </dev/null)
    server=$!
    port=
    : >server.log
    while [ -z "$port" ] && read -r -t 20 -u 3 line; do
        echo "$line" >>server.log
        case $line in ACCEPT*:*) port=${line##*:} ;; esac
    done
}

connect() { # connect COMMAND S_CLIENT-ARGUMENT...
    [ -n "$port" ] || {
        cat server.log
        return 1
    }
    printf 'hello there\nCLOSE\n' | "$1" s_client -connect "127.0.0.1:$port" -servername localhost \
        -verify_hostname localhost -verify_return_error -ign_eof "${@:2}"
}

stop_server() { # when nobody came, it waits for ever: end it
    if [ -z "$port" ] || ! read -r -t 0 -u 3; then
        kill "$server"
    fi
    cat <&3 >>server.log
    exec 3<&-
} 2>/dev/null
