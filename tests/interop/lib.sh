# shellcheck shell=bash
# What the tests of all clients share. A test file sources this, calls `begin`, then `check`s; the
# TAP plan is printed when it ends. Needs CRATON_HSM_MODULE; another PKCS#11 module works as well
# (SoftHSM2 gets its configuration too), so that a failure can be compared.
#
# Everything is made in a fresh directory, whose path has spaces in it. PINs are random and handed
# over in the environment, or in files only we can read where a client wants it so.
set -uo pipefail

module=${CRATON_HSM_MODULE:?the PKCS#11 module to test}
token='interop'
tap_count=0
tap_failed=0
work=
on_exit=() # commands that end what was started in the background

# --- results -----------------------------------------------------------------------------------

tap() { # tap OK-OR-NOT-OK LABEL
    tap_count=$((tap_count + 1))
    printf '%s %d - %s\n' "$1" "$tap_count" "$2"
    [ "$1" = ok ] || tap_failed=$((tap_failed + 1))
}

tell() { # tell FILE: its end, as TAP comments
    tail -n "${2:-25}" "$1" | cut -c 1-300 | sed 's/^/# /'
}

# The output goes to $work/log, and is shown when the command fails.
check() { # check LABEL COMMAND [ARGUMENT...]
    local label=$1
    shift
    if "$@" >"$work/log" 2>&1 </dev/null; then
        tap ok "$label"
    else
        local status=$?
        tap 'not ok' "$label"
        echo "# status $status of: $*"
        tell "$work/log"
        return 1
    fi
}

# A refusal: the command must fail, and say so in words that match the pattern.
check_fails() { # check_fails LABEL EXTENDED-REGEX COMMAND [ARGUMENT...]
    local label=$1 pattern=$2
    shift 2
    if "$@" >"$work/log" 2>&1 </dev/null; then
        tap 'not ok' "$label"
        echo "# should have failed: $*"
    elif ! grep -Eq -- "$pattern" "$work/log"; then
        tap 'not ok' "$label"
        echo "# failed without '$pattern': $*"
    else
        tap ok "$label"
        return 0
    fi
    tell "$work/log"
    return 1
}

# Some clients end with status 0 whatever happened: what counts is what they say.
check_says() { # check_says LABEL EXTENDED-REGEX COMMAND [ARGUMENT...]
    local label=$1 pattern=$2
    shift 2
    if "$@" >"$work/log" 2>&1 </dev/null && grep -Eq -- "$pattern" "$work/log"; then
        tap ok "$label"
        return 0
    fi
    tap 'not ok' "$label"
    echo "# failed, or without '$pattern': $*"
    tell "$work/log"
    return 1
}

skip() { # skip LABEL REASON
    tap_count=$((tap_count + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

# What a program printed becomes tests: lines "ok NAME", "not ok NAME: why" and "skip NAME: why".
tap_lines() { # tap_lines FILE
    local line
    while read -r line; do
        case $line in
        'ok '*) tap ok "program: ${line#ok }" ;;
        'not ok '*) tap 'not ok' "program: ${line#not ok }" ;;
        'skip '*) skip "program: ${line#skip }" "${line#*: }" ;;
        esac
    done <"$1"
}

skip_all() { # skip_all REASON: before the first check
    echo "1..0 # SKIP $1"
    trap - EXIT
    [ -z "$work" ] || rm -rf "$work"
    exit 0
}

need() { # need PROGRAM-OR-FILE DEBIAN-PACKAGE
    case $1 in
    /*) [ -e "$1" ] || skip_all "no $1 (package $2)" ;;
    *) command -v "$1" >/dev/null 2>&1 || skip_all "no $1 (package $2)" ;;
    esac
}

# --- one test's surroundings -------------------------------------------------------------------

finish() {
    local command
    for command in "${on_exit[@]}"; do
        $command
    done >/dev/null 2>&1
    [ -n "${CRATON_HSM_KEEP:-}" ] || rm -rf "$work"
    echo "1..$tap_count"
    [ "$tap_failed" = 0 ] || exit 1
}

random_pin() { od -An -N 6 -t x1 /dev/urandom | tr -d ' \n'; }

# begin [LINE-OF-TOML...]: the directory, the configuration (with these lines at its end) and PINs
# shellcheck disable=SC2120
begin() {
    umask 077
    work=$(mktemp -d "${TMPDIR:-/tmp}/craton hsm interop.XXXXXX") || exit 1
    work=$(cd "$work" && pwd -P)
    trap finish EXIT
    trap 'exit 1' INT TERM
    mkdir "$work/home" "$work/runtime"
    export HOME=$work/home XDG_RUNTIME_DIR=$work/runtime LC_ALL=C.UTF-8
    unset XDG_CONFIG_HOME XDG_DATA_HOME OPENSSL_CONF SSH_AUTH_SOCK DISPLAY
    write_config "$@"
    PIN=$(random_pin)
    SO_PIN=$(random_pin)
    export PIN SO_PIN
    printf %s "$PIN" >"$work/pin"
    cd "$work" || exit 1
}

write_config() {
    {
        printf '[token]\nstorage_path = "%s"\nslot_count = %s\n' "$work/store" "${slots:-1}"
        printf '[security]\npbkdf2_iterations = 100000\n' # the least allowed: tests log in often
        [ $# = 0 ] || printf '%s\n' "$@"
    } >"$work/craton_hsm.toml"
    export CRATON_HSM_CONFIG=$work/craton_hsm.toml
    case $module in
    *softhsm*)
        mkdir "$work/softhsm"
        printf 'directories.tokendir = %s\n' "$work/softhsm" >"$work/softhsm.conf"
        export SOFTHSM2_CONF=$work/softhsm.conf
        ;;
    esac
}

# --- pkcs11-tool, which prepares what most of the others then use ------------------------------

p11() { pkcs11-tool --module "$module" "$@"; }

anyone() { p11 --token-label "$token" "$@"; }

user() { p11 --token-label "$token" --login --pin env:PIN "$@"; }

so() { p11 --token-label "$token" --login --login-type so --so-pin env:SO_PIN "$@"; }

# Whether this pkcs11-tool has an option (its usage comes with a failure).
p11_has() { grep -q -- "^ *$1 " <<<"$(pkcs11-tool --help 2>&1)"; }

make_token() {
    need pkcs11-tool opensc
    check 'token made' p11 --slot-index 0 --init-token --label "$token" --so-pin env:SO_PIN || exit 1
    check 'user PIN set' so --init-pin --new-pin env:PIN || exit 1
}

# The public key as PEM. What pkcs11-tool lists is always right, but what it reads is not, of keys on
# curves: version 0.23 uses freed memory ("cannot create EVP_PKEY", by luck), and up to 0.26 Edwards
# points must be in an OCTET STRING ("cannot decode EC_POINT"), though PKCS#11 3.2 (6.3.5) has them bare.
public_key() { # public_key ID FILE
    anyone --list-objects --type pubkey | listed_object "$1" >"$2.list"
    case $(head -n 1 "$2.list") in
    'Public Key Object; EC '*) ec_public_key "$2" ;;
    'Public Key Object; EC_EDWARDS '*) rfc8410_public_key 70 "$2" ;;
    'Public Key Object; EC_MONTGOMERY '*) rfc8410_public_key 6e "$2" ;;
    *) read_public_key "$1" "$2" ;;
    esac
}

read_public_key() {
    rm -f "$2.raw"
    anyone --read-object --type pubkey --id "$1" --output-file "$2.raw" &&
        openssl pkey -pubin -in "$2.raw" -out "$2"
}

listed_object() { # listed_object ID: that object's lines (0.23 lists all objects, whatever the ID)
    awk -v id="$1" '/^[^ ]/ { text = "" } { text = text $0 "\n" } $1 == "ID:" && $2 == id { printf "%s", text }'
}

listed() { awk -v name="$2:" '$1 == name { print $2 }' "$1.list"; } # listed FILE ATTRIBUTE

ec_public_key() { # ec_public_key FILE: SubjectPublicKeyInfo (RFC 5480) from FILE.list
    local point algorithm
    point=$(listed "$1" EC_POINT)
    point=04${point#04*04} # out of its OCTET STRING
    algorithm=$(der 30 "06072a8648ce3d0201$(listed "$1" EC_PARAMS)")
    unhex "$(der 30 "$algorithm$(der 03 "00$point")")" | openssl pkey -pubin -inform DER -out "$1"
}

rfc8410_public_key() { # rfc8410_public_key LAST-BYTE-OF-OID FILE: of a curve with 32 bytes
    local point
    point=$(listed "$2" EC_POINT)
    unhex "$(der 30 "300506032b65$1$(der 03 "00${point: -64}")")" | openssl pkey -pubin -inform DER -out "$2"
}

der() { # der TAG CONTENTS: in hexadecimal, up to 255 bytes
    local bytes=$((${#2} / 2)) long=''
    [ $bytes -lt 128 ] || long=81
    printf '%s%s%02x%s' "$1" "$long" $bytes "$2"
}

# shellcheck disable=SC2001
unhex() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"; }

# The text for a path in a PKCS#11 URI (RFC 7512): spaces are not allowed there.
uri_path() { printf %s "${1// /%20}"; }

# The path of an openssl of 3.5 or later, or nothing. To be asked before `begin`, which changes HOME.
openssl_35() { "$(dirname "${BASH_SOURCE[0]}")/../../tools/deps/openssl_command.sh" 2>/dev/null; }
