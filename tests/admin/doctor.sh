#!/usr/bin/env bash
# doctor: silent about what is well, and names each thing that is made wrong, with what to type.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

doctor() { admin doctor "$@"; }

register() {
    mkdir -p "$HOME/.config/pkcs11/modules"
    printf 'module: %s\n' "$module" >"$HOME/.config/pkcs11/modules/craton-hsm.module"
}

verdict_of() { # verdict_of CHECK: a Python expression for its worst verdict
    echo "sorted(c['verdict'] for c in d['checks'] if c['check'] == '$1')[0 if '$1' != 'PINs' else -1]"
}

# A byte in the middle of what the store keeps of objects; the log is moved into the file first.
spoil_store() {
    python3 - "$work/store/store.db" <<'PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
row, record = db.execute("SELECT id, record FROM object WHERE private = 0 ORDER BY id").fetchone()
record = bytearray(record)
record[len(record) // 2] ^= 1
db.execute("UPDATE object SET record = ? WHERE id = ?", (bytes(record), row))
db.commit()
PYTHON
}

limited() { (ulimit -l 64 && exec "$program" doctor "$@"); }

# shellcheck disable=SC2119
begin_admin
register
make_admin_token
check 'a public and a private key' admin key generate --type P-256 --label d --pin-file pin
check_json 'all is well' 'd["ok"] and d["healthy"] and all(c["verdict"] == "ok" for c in d["checks"])' doctor --pin-file pin
check 'and the status says so' doctor --pin-file pin
check_json 'it names OpenSSL and counts objects' \
    'any("OpenSSL 3" in c["finding"] for c in d["checks"]) and any("2 whole" in c["finding"] for c in d["checks"])' doctor --pin-file pin
check_status 'a wrong PIN' 3 'tries are left' doctor --pin-file so-pin
check_json 'wrong tries are seen' "$(verdict_of PINs) == 'warning'" doctor
check 'a right one' admin key list --pin-file pin
chmod 644 store/device.key
check_status 'the device key is open to others' 5 "chmod 600 '.*/store/device.key'" doctor
chmod 600 store/device.key
chmod 755 store
check_json 'the directory is open to others' "'chmod 700' in [c['hint'] for c in d['checks'] if c['check'] == 'owner and modes'][0]" doctor
chmod 000 store
check_json 'the directory is closed to its owner' "'chmod 700' in [c['hint'] for c in d['checks'] if c['check'] == 'owner and modes'][0] and not d['ok']" doctor
chmod 700 store
rm "$HOME/.config/pkcs11/modules/craton-hsm.module"
check_status 'not registered' 5 'the module is not registered' doctor
register
if [ "$(id -u)" = 0 ]; then
    check_status 'little locked memory' 5 'ulimit -l 8192' limited
fi
printf '[token]\nlabl = 1\n' >bad.toml
check_status 'a configuration that can not be used' 5 'correct what the line' doctor --config bad.toml
(flock 9 && exec sleep 300) 9>>store/store.lock >/dev/null 2>&1 & # one process, killed as one
held=$!
until ! flock -n store/store.lock true; do
    kill -0 "$held" || break # it has the lock, or it failed
done
check_status 'a process that holds the lock' 5 'fuser -v' doctor
kill "$held"
wait "$held" 2>/dev/null
mv store/store.db kept.db
check_status 'the database is gone' 5 'store.db: missing, though .* shows that a store was here' doctor
check_json 'with what to do' '"store.db back from a copy" in [c["hint"] for c in d["checks"] if c["check"] == "store"][0]' doctor
check_json 'and what it is' '"missing or empty" in [c["finding"] for c in d["checks"] if c["check"] == "store"][0]' doctor
(umask 077 && : >store/store.db)
check_status 'the database is empty' 5 'store.db: empty, though .* shows that a store was here' doctor
mv kept.db store/store.db
check 'it was put back' doctor --pin-file pin
check 'a record is damaged' spoil_store
check_status 'and that is seen' 5 'damaged' doctor --pin-file pin
check_json 'with what to do' '"restore" in [c["hint"] for c in d["checks"] if c["check"] == "objects"][0]' doctor --pin-file pin
if command -v faketime >/dev/null; then
    check_json 'the clock was set back' "$(verdict_of clock) == 'warning'" faketime '2 days ago' "$program" doctor
    check_status 'which is said' 5 'before the last entry of the audit log' faketime '2 days ago' "$program" doctor
    check_json 'never set' "$(verdict_of clock) == 'error'" faketime '2001-01-01 12:00:00' "$program" doctor
    check_json 'it is right' "$(verdict_of clock) == 'ok' and len([1 for c in d['checks'] if c['check'] == 'clock']) == 1" doctor
else
    skip 'the clock' 'no faketime'
fi
check_json 'the audit log is whole' "$(verdict_of 'audit log') == 'ok'" doctor
sed -i 2d store/craton_hsm_audit.jsonl
check_json 'an entry is missing' "$(verdict_of 'audit log') == 'error'" doctor
check_json 'verify-chain says so, and is not ok' 'not d["ok"] and "error" not in d and d["fault"] == "missing"' \
    admin audit verify-chain
