#!/usr/bin/env bash
# restore and backup verify with backups that the older system itself made (older/README.md): every key comes
# and works, what can't come is named, damage of every kind is found and changes nothing.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fixtures=$(cd "$(dirname "${BASH_SOURCE[0]}")/older" && pwd) || exit 1

prepare() {
    printf 'Older battery 7 staple\n' >pass
    printf 'Older battery 8 staple\n' >wrong
    printf 'signed by the older system' >old-message
    date >message
}

# What the older system said of a key, as bytes: its public half, a signature, ...
fact() { # fact LABEL WHAT
    awk -v label="$1" -v what="$2" '$1 == label && $2 == what { print $3 }' "$facts" |
        python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))'
}

# The public key of a restored private one ends with the bytes that the older system gave.
same_public() { # same_public LABEL
    fact "$1" public >theirs
    key export-public --label "$1" --class private --format der --output "$1.der" --force &&
        key export-public --label "$1" --class private --output "$1.pem" --force &&
        python3 -c 'import sys
ours, theirs = (open(name, "rb").read() for name in (sys.argv[1], "theirs"))
sys.exit(not theirs or theirs not in ours)' "$1.der"
}

old_signature_verifies() { # old_signature_verifies LABEL [OPTION...]
    fact "$1" signature >old-sig
    openssl pkeyutl -verify -rawin -pubin -inkey "$1.pem" -in old-message -sigfile old-sig "${@:2}"
}

signs() { # signs LABEL ID MECHANISM [OPTION...]
    local format=rs
    [[ $3 != ECDSA* ]] || format=openssl
    rm -f sig
    user --sign --mechanism "$3" --signature-format "$format" --id "$2" --input-file message --output-file sig &&
        openssl pkeyutl -verify -rawin -pubin -inkey "$1.pem" -in message -sigfile sig "${@:4}"
}

# A request that the key signs, whose signature openssl verifies with the public key.
requests() { # requests LABEL
    admin csr --label "$1" --subject "CN=$1" --output "$1.csr" --pin-file pin --force &&
        "$openssl35" req -in "$1.csr" -verify -noout -pubkey >requested.pem &&
        "$openssl35" pkey -pubin -in requested.pem -outform DER | cmp - "$1.der"
}

test_pairs() { # test_pairs N
    local label
    for label in rsa p256 p384 nocurve ed25519 mldsa44 mldsa65 mldsa87 slh128s slh256s mlkem512 mlkem768 mlkem1024 hybrid other; do
        check "format $1: the public half of $label" same_public $label
    done
    check "format $1: an RSA signature of there" old_signature_verifies rsa -digest sha256
    check "format $1: a P-256 signature of there" old_signature_verifies p256 -digest sha256
    check "format $1: a P-384 signature of there" old_signature_verifies p384 -digest sha384
    check "format $1: an Ed25519 signature of there" old_signature_verifies ed25519
    check "format $1: the RSA key signs" signs rsa 01 SHA256-RSA-PKCS -digest sha256
    check "format $1: the P-256 key signs" signs p256 02 ECDSA-SHA256 -digest sha256
    check "format $1: the P-384 key signs" signs p384 03 ECDSA-SHA384 -digest sha384
    check "format $1: a key without a curve signs" signs nocurve 04 ECDSA-SHA256 -digest sha256
    check "format $1: the Ed25519 key signs" signs ed25519 05 EDDSA
    check "format $1: the public half of an imported RSA key" \
        key export-public --label imported-rsa --class private --output imported-rsa.pem --force
    check "format $1: an imported RSA key signs" signs imported-rsa 1f SHA256-RSA-PKCS -digest sha256
    check "format $1: the public half of an imported EC key" \
        key export-public --label imported-ec --class public --output imported-ec.pem --force
    check "format $1: an imported EC key signs" signs imported-ec 20 ECDSA-SHA256 -digest sha256
    if ! openssl35=$(openssl_35); then
        skip "format $1: post-quantum keys sign" 'no openssl 3.5'
        return
    fi
    for label in mldsa44 mldsa65 mldsa87 slh128s slh256s hybrid; do
        check "format $1: $label signs" requests $label
    done
}

damage_is_found() { # damage_is_found FILE
    cat >damage.py <<'PYTHON'
import subprocess, sys
whole = open(sys.argv[2], "rb").read()
cases = {f"byte {i}": whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1:]
         for i in (4, 8, 39, 40, 51, 52, len(whole) // 2, len(whole) - 17, len(whole) - 1)}
cases.update({f"{n} bytes": whole[:n] for n in (8, 52, 68, 99, 100, 120, len(whole) - 1)})
cases["a byte more"] = whole + b"\0"
bad = 0
for name, content in cases.items():
    open("damaged.bak", "wb").write(content)
    done = subprocess.run([sys.argv[1], "backup", "verify", "--input", "damaged.bak", "--passphrase-file", "pass",
                           "--iterations", "100000"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 6 or not ("damaged" in done.stderr or "no backup" in done.stderr or "newer" in done.stderr):
        print(f"{name}: status {done.returncode} {done.stdout}{done.stderr}")
        bad = 1
sys.exit(bad)
PYTHON
    python3 damage.py "$program" "$1"
}

# Of a small file, which was made with fewer iterations.
test_refusals() { # test_refusals N
    local small=(--input "$fixtures/format-$1-iterations.bak")
    check_status "format $1: iterations are missing" 6 '--iterations' verify "${small[@]}"
    check_status "format $1: no iterations" 2 'iterations' verify "${small[@]}" --iterations 0
    small+=(--iterations 100000)
    check_json "format $1: iterations" 'd["objects"] == 1' verify "${small[@]}"
    check_status "format $1: a wrong passphrase" 6 'wrong passphrase or iterations' \
        admin restore --pin-file pin --passphrase-file wrong "${small[@]}"
    check "format $1: damage is found" damage_is_found "${small[1]}"
    check_status "format $1: another token's, and old" 3 '--other-token --old' restore "${small[@]}"
    check_status "format $1: old" 3 'of another token, older' restore "${small[@]}" --other-token
    check_status "format $1: another token's" 3 'of another token, older' restore "${small[@]}" --old
    check_json "format $1: a dry run tells all that" \
        'd["other_token"] and d["old"] and not d["restored_before"] and d["added"] == 0 and d["dry_run"]' \
        restore "${small[@]}" --dry-run
    check_json "format $1: nothing came" 'd["objects"] == []' key list
}

report_is_right() {
    python3 -c '
import json
d = json.load(open("json"))
left = {o["label"]: o["why"] for o in d["arrivals"] if o["result"] != "added"}
assert set(left) == {"torn", "destroyed", "dsa"} and all(left.values()), left
assert all(o["handle"] for o in d["arrivals"] if o["result"] == "added") and len(d["arrivals"]) == 49
changes = {(c["attribute"], c["what"]): c for c in d["changes"]}
for wanted in [("CKA_DERIVE", "rewritten"), ("CKA_EC_PARAMS", "added"), ("CKA_EC_PARAMS", "rewritten"), ("CKA_TOKEN", "set to true"),
               ("CKA_LABEL", "rewritten"), ("CKA_START_DATE", "left out"), ("CKA_TRUSTED", "left out"), ("CKA_LOCAL", "left out"),
               ("CKA_ALLOWED_MECHANISMS", "left out"), ("0x80000001", "left out"), ("creation time", "left out")]:
    assert changes.pop(wanted)["why"], wanted
assert set(changes) <= {("CKA_EC_POINT", "left out")}, changes'
}

attributes_are_right() {
    key list --limit 200 --json >list.json || return 1
    python3 -c '
import json
d = {(o["label"], o["class"]): o for o in json.load(open("list.json"))["objects"]}
aes = d["aes256", "secret"]
assert aes["sensitive"] and not aes["extractable"] and not aes["local"], aes
assert d["aes128", "secret"]["extractable"] and not d["aes128", "secret"]["sensitive"]
assert d["caf\u00e9", "secret"]'
}

test_restore() { # test_restore N FILE
    facts=$fixtures/format-$1.facts
    check_json "format $1: verify" "d['format'] == $1 and d['older_system'] and d['objects'] == 49 and d['verdict'] == 'ok' \
        and d['token_serial'] == 'OLDER00000000001' and d['token_label'] is None" verify --input "$2"
    test_refusals "$1"
    check_json "format $1: dry run" 'd["added"] == 46 and d["unsupported"] == 3 and d["present"] == 0' \
        restore --input "$2" --other-token --old --dry-run
    check_json "format $1: and changes nothing" 'd["objects"] == []' key list
    check_json "format $1: restore" 'd["added"] == 46 and d["unsupported"] == 3 and d["objects"] == 49' \
        restore --input "$2" --other-token --old
    check "format $1: the report" report_is_right
    check "format $1: attributes" attributes_are_right
    test_pairs "$1"
    check "format $1: secret keys, data, states" python3 "$fixtures/use.py" "$module" "$token" "$facts"
    check_status "format $1: a second time" 3 '--again' restore --input "$2" --other-token --old
    check_json "format $1: what is there stays" 'd["added"] == 0 and d["present"] == 46 and d["restored_before"]' \
        restore --input "$2" --other-token --old --again
    check "format $1: a key destroyed" key delete --label aes256 --yes
    check_json "format $1: comes back alone" 'd["added"] == 1 and d["present"] == 45' restore --input "$2" --other-token --old --again
}

fresh_token() {
    check 'another token' admin token init --label "$token" --so-pin-file so-pin --pin-file pin --yes
}

# shellcheck disable=SC2119
begin_admin
make_admin_token
check 'files' prepare
test_restore 1 "$fixtures/format-1.bak"
fresh_token
test_restore 2 "$fixtures/format-2.bak"
fresh_token
check 'the own format' admin backup --output own.bak --pin-file pin --new-passphrase-file pass
check_status 'says its iterations itself' 2 'older system' verify --input own.bak --iterations 600000
