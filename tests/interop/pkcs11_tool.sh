#!/usr/bin/env bash
# OpenSC's pkcs11-tool: slots, PINs, lock and unlock, data and certificate objects, and the tests
# that it brings along (--test, --test-ec, --test-fork, --test-threads).
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

test_slots() {
    check_says 'slots before the token' 'Slot 0' p11 --list-slots
    check_says 'library information' 'Cryptoki version' p11 --show-info
    make_token
    check_says 'token is listed' "token label +: $token" p11 --list-token-slots
    check_says 'mechanisms' 'RSA-PKCS.*sign' anyone --list-mechanisms
    check_says 'interfaces' "PKCS 11" p11 --list-interfaces
    check 'no object yet' no_object
    check 'random bytes differ' random_differs
}

no_object() { user --list-objects >objects 2>&1 && ! grep -E 'Private Key Object|Public Key Object' objects; }

random_differs() {
    anyone --generate-random 64 --output-file random.1 &&
        anyone --generate-random 64 --output-file random.2 &&
        [ "$(stat -c %s random.1)" = 64 ] && ! cmp random.1 random.2
}

test_pins() {
    export NEW_PIN OLD_PIN=$PIN WRONG_PIN=00000000
    NEW_PIN=$(random_pin)
    check_fails 'wrong user PIN' CKR_PIN_INCORRECT wrong_login
    check_fails 'wrong SO PIN' CKR_PIN_INCORRECT \
        p11 --token-label "$token" --login --login-type so --so-pin env:WRONG_PIN --init-pin --new-pin env:PIN
    check 'user changes the PIN' \
        p11 --token-label "$token" --login --pin env:PIN --change-pin --new-pin env:NEW_PIN
    check_fails 'old PIN is refused' CKR_PIN_INCORRECT user --list-objects
    PIN=$NEW_PIN
    check 'new PIN is good' user --list-objects
    PIN=$OLD_PIN
    check 'SO sets the user PIN back' so --init-pin --new-pin env:PIN
    check 'and it is good' user --list-objects
}

wrong_login() { p11 --token-label "$token" --login --pin env:WRONG_PIN --list-objects; }

# Three wrong PINs lock it (the configuration below); the SO unlocks.
test_lock() {
    case $module in *softhsm*)
        skip 'lock' 'SoftHSM2 does not count wrong PINs'
        return
        ;;
    esac
    local try
    for try in 1 2 3; do
        check_fails "wrong PIN $try" 'CKR_PIN_(INCORRECT|LOCKED)' wrong_login
    done
    check_fails 'locked: even the right PIN is refused' CKR_PIN_LOCKED user --list-objects
    check_says 'the token says so' 'user PIN locked' p11 --list-slots
    check 'SO unlocks' so --init-pin --new-pin env:PIN
    check 'the PIN is good again' user --list-objects
}

test_objects() {
    date >data
    check 'data object written' user --write-object data --type data --label 'some data' --private
    check 'and read back' read_back data 'some data'
    check_fails 'private: not without login' 'object not found' \
        anyone --read-object --type data --label 'some data' --output-file data.out
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
        -subj '/CN=interop' -days 2 2>/dev/null
    openssl x509 -in cert.pem -outform DER -out cert
    check 'certificate written' user --write-object cert --type cert --id 0c --label cert
    check_says 'its subject is shown' 'CN ?= ?interop' anyone --list-objects --type cert
    check 'certificate read back' read_back cert cert
    check_says 'openssl verifies it' 'OK' openssl verify -CAfile cert.pem cert.pem.out
    check 'data object deleted' user --delete-object --type data --label 'some data'
    check_fails 'and it is gone' 'object not found' \
        user --read-object --type data --label 'some data' --output-file data.out
    check 'certificate deleted' user --delete-object --type cert --id 0c
    check 'certificate that cannot be destroyed' user --write-object cert --type cert --id 0d --undestroyable
    check_fails 'and is not' 'CKR_ACTION_PROHIBITED|0x1b' user --delete-object --type cert --id 0d
}

read_back() { # read_back TYPE LABEL: the same as the file TYPE
    rm -f "$1.out"
    user --read-object --type "$1" --label "$2" --output-file "$1.out" && cmp "$1" "$1.out" || return 1
    [ "$1" != cert ] || openssl x509 -inform DER -in cert.out -out cert.pem.out
}

# --test signs, verifies and decrypts with every key that it finds.
test_own_tests() {
    check 'RSA key for --test' user --keypairgen --key-type rsa:2048 --id 01 --label rsa
    check 'EC key for --test' user --keypairgen --key-type EC:prime256v1 --id 02 --label ec --usage-sign
    check_says '--test without login' 'No errors' anyone --test
    check_says '--login --test' 'No errors' user --test
    check '--test: every line is good' no_error_line
    check_says '--login --session-rw --test' 'No errors' user --session-rw --test
    check '--session-rw --test: every line is good' no_error_line
    check_says '--test-ec' '==> OK' run_test_ec
    check '--test-fork' anyone --test-fork
    check_threads 'threads initialise and ask' IN:GI:SL:T0 IL:GI:SL:T0 IN:SL:T0:GI IL:SL:T0:GI
    check_threads 'initialised by two, used by all' IN:SL:GI:SL IL:SL:GI:SL SL:GI IL:T0
}

no_error_line() {
    cp "$work/log" test.out
    cat test.out
    ! grep -Ei 'ERR:|failed|CKR_' test.out
}

# It makes a key pair and signs with ECDSA-SHA1, whatever the module offers.
run_test_ec() {
    user --session-rw --test-ec --key-type EC:prime256v1 --id 0ec0 --label test-ec >test_ec.out 2>&1
    local status=$?
    cat test_ec.out
    return "$status"
}

check_threads() { # check_threads LABEL COMMANDS-OF-ONE-THREAD...
    local label=$1 arguments=() commands
    shift
    for commands in "$@"; do
        arguments+=(--test-threads "$commands")
    done
    check "--test-threads: $label" run_threads "${arguments[@]}"
}

# The tool gives threads that are not done when it is another 30 seconds: it logs in meanwhile.
run_threads() {
    user "${arguments[@]}" --list-objects >threads.out 2>&1
    local status=$?
    cat threads.out
    [ "$status" = 0 ] && grep -q 'cleanup finished' threads.out &&
        ! grep -E 'CKR_GENERAL_ERROR|CKR_HOST_MEMORY|CKR_FUNCTION_FAILED' threads.out
}

need pkcs11-tool opensc
need openssl openssl
begin 'max_failed_logins = 3' '[algorithms]' 'allow_sha1_signing = true' # for --test-ec
test_slots
test_pins
test_lock
test_objects
test_own_tests
