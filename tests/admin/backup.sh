#!/usr/bin/env bash
# backup, backup verify, restore: keys come back and work, also in another token; damage of every kind is
# found and changes nothing; the rules on replay, age and serial.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

prepare() {
    printf 'Correct horse 7 battery\n' >pass
    printf 'Correct horse 8 battery\n' >wrong
    date >message
    local type
    for type in RSA-2048 P-256 ed25519 AES ML-DSA-65 SLH-DSA-SHA2-128f; do
        key generate --type "$type" --label "k-$type" || return 1
    done
    key export-public --label k-P-256 --class public --output p256.pem
}

sign() { # a signature of the token's P-256 key, verified with the public key from before
    local id
    id=$(key list --label k-P-256 --class private --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["objects"][0]["id"])') || return 1
    rm -f sig
    user --sign --mechanism ECDSA-SHA256 --signature-format openssl --id "$id" --input-file message --output-file sig &&
        openssl dgst -sha256 -verify p256.pem -signature sig message
}

delete_all() {
    local handle
    key list --limit 1000 --json >all.json || return 1
    for handle in $(python3 -c 'import json
for o in json.load(open("all.json"))["objects"]:
    if o["label"].startswith("k-"): print(o["handle"])'); do
        key delete --handle "$handle" --yes || return 1
    done
}

# Every kind of damage: a byte at each of many places, each possible length of some, frames gone or swapped.
damage_is_found() {
    cat >damage.py <<'PYTHON'
import os, subprocess, sys
whole = open("b.bak", "rb").read()
HEAD = 117
def frames():
    at = HEAD
    while at < len(whole):
        n = int.from_bytes(whole[at + 1:at + 5], "big")
        yield whole[at:at + 5 + n]
        at += 5 + n
parts = list(frames())
cases = {f"byte {i}": whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1:]
         for i in list(range(0, HEAD + 8, 9)) + [len(whole) // 2, len(whole) - 1]}
cases.update({f"{n} bytes": whole[:n] for n in (0, 3, 8, HEAD - 1, HEAD, HEAD + 5, len(whole) - 1)})
cases["a byte more"] = whole + b"\0"
cases["without its end"] = whole[:HEAD] + b"".join(parts[:-1])
cases["a frame dropped"] = whole[:HEAD] + b"".join(parts[1:])
cases["frames swapped"] = whole[:HEAD] + b"".join([parts[1], parts[0]] + parts[2:])
cases["a frame twice"] = whole[:HEAD] + parts[0] + b"".join(parts)
bad = 0
for name, content in cases.items():
    open("damaged.bak", "wb").write(content)
    # iterations are public: a damaged number may make it slow, not right
    done = subprocess.run([sys.argv[1], "backup", "verify", "--input", "damaged.bak", "--passphrase-file", "pass"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode not in (2, 6) or "internal" in done.stderr:
        print(f"{name}: status {done.returncode} {done.stdout}{done.stderr}")
        bad = 1
sys.exit(bad)
PYTHON
    python3 damage.py "$program"
}

test_backup() {
    printf 'weak\n' >weak
    printf 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n' >same
    check_status 'a weak passphrase' 2 'too weak' admin backup --output w.bak --pin-file pin --new-passphrase-file weak
    check_status 'a long one of one character' 2 'too weak' admin backup --output w.bak --pin-file pin --new-passphrase-file same
    check_status 'a wrong PIN' 3 'tries are left' admin backup --output w.bak --pin-file so-pin --new-passphrase-file pass
    check_json 'backup' 'd["format"] == 2 and d["objects"] == 11 and d["token_label"] == "interop"' backup --output b.bak
    check 'nobody else may read it' test "$(stat -c %a b.bak)" = 600
    check_status 'a file that is there stays' 5 'exists' backup --output b.bak
    check_json 'verify' 'd["verdict"] == "ok" and d["objects"] == 11' verify --input b.bak
    check_status 'verify with another passphrase' 6 'wrong passphrase' admin backup verify --input b.bak --passphrase-file wrong
    check_status 'verify of something else' 6 'no backup' verify --input message
    check_status 'verify of nothing' 4 'nowhere' verify --input nowhere
    printf 'RHBK\1\0\0\0' >old.bak
    head -c 200 /dev/urandom >>old.bak
    check_status 'what only looks like format 1' 6 'wrong passphrase or iterations' verify --input old.bak
    printf 'RHBK\3\0\0\0' >new.bak
    check_status 'a format to come' 6 'newer version' verify --input new.bak
    check 'damage is found' damage_is_found
    check 'no label and no PIN in the file' not_in_file k-RSA
}

not_in_file() { ! grep -q -a -e "$1" -e "$PIN" b.bak; }

test_restore() {
    check_json 'dry run with everything there' 'd["present"] == 11 and d["added"] == 0 and d["dry_run"]' restore --input b.bak --dry-run
    check 'all keys destroyed' delete_all
    check_fails 'nothing signs' . sign
    check_json 'dry run says what would come' 'd["present"] == 0 and d["added"] == 11' restore --input b.bak --dry-run
    check_json 'and changes nothing' 'd["objects"] == []' key list --class private
    check_status 'damaged: refused' 6 'damaged' restore --input damaged.bak
    check_json 'and nothing came' 'd["objects"] == []' key list --class private
    check_json 'restore' 'd["added"] == 11 and d["objects"] == 11' restore --input b.bak
    check 'the key signs again' sign
    check_json 'flags are as they were' \
        'all(o["sensitive"] and not o["extractable"] and o["local"] for o in d["objects"]) and len(d["objects"]) == 5' \
        key list --class private
    check_status 'a second time' 3 '--again' restore --input b.bak
    check_json 'unless asked for, and what came stays alone' \
        'd["added"] == 0 and d["present"] == 11 and d["restored_before"]' restore --input b.bak --again
    check 'a key is destroyed' key delete --label k-AES --yes
    check_json 'and comes back' 'd["added"] == 1 and d["present"] == 10' restore --input b.bak --again
}

test_other_token() {
    check 'another token' admin token init --label other --so-pin-file so-pin --pin-file pin --yes
    check_status 'refuses' 3 '--other-token' restore --input b.bak
    check_json 'unless asked for' 'd["added"] == 11 and d["other_token"]' restore --input b.bak --other-token
    token=other check 'and its key signs' sign
}

test_age() {
    if ! command -v faketime >/dev/null; then
        skip 'an old backup' 'no faketime'
        return
    fi
    faketime '40 days ago' "$program" backup --output aged.bak --pin-file pin --new-passphrase-file pass >"$work/log" 2>&1
    check_status 'an old backup' 3 '--old' restore --input aged.bak
    check_json 'unless asked for' 'd["old"]' restore --input aged.bak --old
}

recipient() { # recipient NAME: its keys
    admin backup recipient --output "$1.key" --public-output "$1.pub" --new-passphrase-file pass "${@:2}"
}

test_recipients() {
    check_json 'keys of a recipient' 'd["public_output"] == "anna.pub"' recipient anna
    check 'and of another' recipient bert
    check 'the private key is closed' test "$(stat -c %a anna.key)" = 600
    check 'and encrypted' grep -q 'BEGIN ENCRYPTED PRIVATE KEY' anna.key
    check 'the public key is 1216 bytes of ML-KEM and X25519' \
        sh -c 'openssl asn1parse -in anna.pub | grep -q "1.3.6.1.5.5.7.6.58" && openssl asn1parse -in anna.pub | grep -q "l=1217 prim: BIT STRING"'
    check_status 'keys that are there stay' 5 'exists' recipient anna
    check_status 'a weak passphrase' 2 'too weak' admin backup recipient --output c.key --public-output c.pub --new-passphrase-file weak
    check_json 'a backup for both' 'd["recipients"] == 2 and d["objects"] > 10' \
        admin backup --output r.bak --pin-file pin --recipient anna.pub,bert.pub
    check_json 'the first opens it' 'd["verdict"] == "ok" and d["recipients"] == 2' verify --input r.bak --recipient-key anna.key
    check_json 'the second opens it' 'd["verdict"] == "ok"' verify --input r.bak --recipient-key bert.key
    check 'a third' recipient carl
    check_status 'who is none does not' 6 'wrong passphrase or key' verify --input r.bak --recipient-key carl.key
    check_status 'without a key' 2 'made for recipients' verify --input r.bak
    check_status 'with a wrong passphrase' 6 'wrong passphrase' \
        admin backup verify --input r.bak --recipient-key anna.key --passphrase-file wrong
    check_status 'with something else' 6 'no private key of a recipient' verify --input r.bak --recipient-key p256.pem
    check_status 'for something else' 6 'no public key of a recipient' \
        admin backup --output x.bak --pin-file pin --recipient message
    check_status 'for another kind of key' 2 'no public key of a recipient' \
        admin backup --output x.bak --pin-file pin --recipient p256.pem
    check 'damage to it is found' recipient_damage_is_found
    check 'all keys destroyed' delete_all
    check_json 'a recipient restores' 'd["added"] > 10' \
        admin restore --input r.bak --recipient-key anna.key --passphrase-file pass --pin-file pin
    check 'and a key signs' sign_any
}

sign_any() { token=other sign; }

# A byte in each part of the head and of both blocks, blocks swapped, one dropped.
recipient_damage_is_found() {
    cat >damage2.py <<'PYTHON'
import subprocess, sys
whole = open("r.bak", "rb").read()
HEAD, BLOCK = 117, 32 + 1120 + 48
first, second = whole[HEAD:HEAD + BLOCK], whole[HEAD + BLOCK:HEAD + 2 * BLOCK]
rest = whole[HEAD + 2 * BLOCK:]
places = [9, 30, 40, 60, 90] + [HEAD + i for i in (0, 31, 32, 1000, 1120, 1151, 1152, 1199)] + \
    [HEAD + BLOCK + i for i in (0, 100, 1199)] + [HEAD + 2 * BLOCK + 7]
cases = {f"byte {i}": whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1:] for i in places}
cases["swapped"] = whole[:HEAD] + second + first + rest
cases["one dropped"] = whole[:84] + b"\1" + whole[85:HEAD] + first + rest
cases["cut in a block"] = whole[:HEAD + BLOCK + 5]
bad = 0
for name, content in cases.items():
    open("damaged.bak", "wb").write(content)
    done = subprocess.run([sys.argv[1], "backup", "verify", "--input", "damaged.bak", "--passphrase-file", "pass",
                           "--recipient-key", "anna.key"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode not in (2, 6) or "internal" in done.stderr:
        print(f"{name}: status {done.returncode} {done.stdout}{done.stderr}")
        bad = 1
sys.exit(bad)
PYTHON
    python3 damage2.py "$program"
}

# Backups while another process makes and destroys pairs: in each, a pair is whole.
backups_are_consistent() {
    local i pid
    (while :; do
        key generate --type P-256 --label busy >/dev/null 2>&1
    done) &
    pid=$!
    for i in 1 2 3 4 5; do
        backup --output "busy$i.bak" --json >"busy$i.json" || break
    done
    kill "$pid"
    wait "$pid" 2>/dev/null
    python3 -c 'import json
before = json.load(open("busy1.json"))["objects"]
for i in range(1, 6):
    n = json.load(open(f"busy{i}.json"))["objects"]
    assert (n - before) % 2 == 0, (before, n)  # pairs come by one commit'
}

# shellcheck disable=SC2119
begin_admin
make_admin_token
check 'keys' prepare
test_backup
test_restore
test_other_token
test_age
test_recipients
check 'backups while keys are made' backups_are_consistent
