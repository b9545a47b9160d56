# shellcheck shell=bash
# What the tests of craton-hsm-admin share, on top of those of all clients: `admin`, files with PINs,
# and looking into JSON. Needs CRATON_HSM_ADMIN and CRATON_HSM_MODULE.
# shellcheck source=../interop/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../interop/lib.sh"

program=$(realpath "${CRATON_HSM_ADMIN:?the admin command to test}")

admin() { "$program" "$@"; }
# As the token's user; backups under the passphrase in the file `pass`.
key() { admin key "$@" --pin-file pin; }
backup() { admin backup --pin-file pin --new-passphrase-file pass "$@"; }
restore() { admin restore --pin-file pin --passphrase-file pass "$@"; }
verify() { admin backup verify --passphrase-file pass "$@"; }

# shellcheck disable=SC2120
begin_admin() { # begin_admin [LINE-OF-TOML...]
    need python3 python3
    begin "$@"
    printf '%s\n' "$PIN" >pin
    printf '%s\n' "$SO_PIN" >so-pin
}

make_admin_token() {
    check 'token made' admin token init --label "$token" --so-pin-file so-pin --pin-file pin || exit 1
}

# A refusal with this exit status, whose words match.
check_status() { # check_status LABEL STATUS EXTENDED-REGEX COMMAND [ARGUMENT...]
    local label=$1 wanted=$2 pattern=$3 status=0
    shift 3
    "$@" >"$work/log" 2>&1 </dev/null || status=$?
    if [[ $status =~ ^($wanted)$ ]] && grep -Eq -- "$pattern" "$work/log"; then
        tap ok "$label"
        return 0
    fi
    tap 'not ok' "$label"
    echo "# status $status, wanted $wanted and '$pattern': $*"
    tell "$work/log"
    return 1
}

# What a command's JSON says: a Python expression over the document d must be true.
check_json() { # check_json LABEL EXPRESSION COMMAND [ARGUMENT...]
    local label=$1 expression=$2
    shift 2
    "$@" --json >"$work/json" 2>"$work/log" </dev/null
    if python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2], {"d": d}))' "$work/json" "$expression" >>"$work/log" 2>&1; then
        tap ok "$label"
        return 0
    fi
    tap 'not ok' "$label"
    echo "# not true: $expression, of: $*"
    tell "$work/json"
    tell "$work/log"
    return 1
}

# Without a terminal to ask on.
alone() { setsid -w "$@"; }
