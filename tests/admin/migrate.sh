#!/usr/bin/env bash
# migrate softhsm2, from stores that SoftHSM2's own programs made: every object comes over as it was, its
# keys work, a second run changes nothing, and damage of every kind is named and changes nothing.
# softhsm2/sqlite3.db is what SoftHSM2 2.7.0 makes when it is built with its database backend, which
# distributions leave out: user PIN 12345678, a pair "pair" on P-256 whose public key is softhsm2/pair.pem, an
# AES key "aes", a data object "note".
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fixtures=$(cd "$(dirname "${BASH_SOURCE[0]}")/softhsm2" && pwd) || exit 1
old_pin=12345678

find_softhsm() {
    local path
    for path in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
        [ -e "$path" ] && softhsm=$path && return
    done
    skip_all 'no SoftHSM2 (package softhsm2)'
}

old() { OLD_PIN=$old_pin pkcs11-tool --module "$softhsm" --token-label old --login --pin env:OLD_PIN "$@"; }
migrate() { admin migrate softhsm2 --pin-file pin --source-pin-file old-pin "$@"; }

prepare() {
    mkdir tokens
    printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$work" >softhsm2.conf
    export SOFTHSM2_CONF=$work/softhsm2.conf
    printf '%s\n' "$old_pin" >old-pin
    printf 'hello\n' >note
    date >message
    softhsm2-util --init-token --free --label old --so-pin 87654321 --pin "$old_pin" || return 1
    old --keypairgen --key-type rsa:2048 --id 01 --label k-rsa || return 1
    local curve id=20
    for curve in prime256v1 secp384r1 secp521r1 secp521r1 secp521r1 edwards25519; do
        old --keypairgen --key-type EC:$curve --id $id --label "k-$curve" || return 1
        id=$((id + 1))
    done
    old --keygen --key-type AES:32 --id 04 --label k-aes --sensitive --private || return 1
    old --keygen --key-type AES:16 --id 05 --label k-open --extractable || return 1
    old --keygen --key-type GENERIC:48 --id 06 --label k-generic || return 1
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=old -keyout key.pem -days 30 -outform DER -out cert.der || return 1
    old --write-object cert.der --type cert --id 07 --label k-cert || return 1
    old --write-object note --type data --label k-note --application-label app || return 1
    old --write-object note --type data --label k-secret-note --private || return 1
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER -out ec.der || return 1
    old --write-object ec.der --type privkey --id 08 --label k-imported --usage-sign --allowed-mechanisms ECDSA || return 1
    tokendir=$(echo tokens/*)
}

# Both lists, an object a line and in order, without what the report says is new.
same_objects() {
    cat >list.py <<'PYTHON'
import re, sys
def objects(path):
    found = []
    for line in open(path, errors="replace"):
        if re.match(r"\S.*[Oo]bject", line):
            found.append([re.sub(r"Data object \d+", "Data object", line.strip())])
        elif found and line.startswith("  ") and not re.match(r"\s*(Unique ID|uri):", line):
            line = re.sub(r"(, )?(always sensitive|never extractable|local)", "", line.strip())
            found[-1].append(re.sub(r"Access: *(none)?$", "Access: none", line.replace("Access:      ", "Access: ")))
    return sorted(" | ".join(re.sub(r" +", " ", line) for line in one) for one in found)
theirs, ours = (objects(path) for path in sys.argv[1:3])
# an Ed25519 point is bare here (PKCS#11 3.0 and later), and an OCTET STRING there
theirs = [one.replace("EC_POINT: 0420", "EC_POINT: ").replace("EC_POINT 272 bits", "EC_POINT 256 bits") for one in theirs]
ours = [one for one in ours if "craton-hsm migrated" not in one and not one.startswith("Profile")]
print(*set(theirs) - set(ours), "---", *set(ours) - set(theirs), sep="\n")
sys.exit(theirs != ours or len(theirs) != 21)
PYTHON
    old --list-objects >theirs 2>/dev/null && user --list-objects >ours 2>/dev/null && python3 list.py theirs ours
}

# The signature of the message, by the public key that SoftHSM2 gave.
verifies() { openssl pkeyutl -verify -rawin -digest sha256 -inkey "$1" -pubin -in message -sigfile sig; }

sign_rsa() {
    old --read-object --type pubkey --id 01 --output-file rsa.der && openssl rsa -pubin -inform DER -in rsa.der -out rsa.pem &&
        user --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file message --output-file sig && verifies rsa.pem
}

sign_p256() {
    old --read-object --type pubkey --id 20 --output-file p256.der &&
        openssl pkey -pubin -inform DER -in p256.der -out p256.pem &&
        user --sign --mechanism ECDSA-SHA256 --signature-format openssl --id 20 --input-file message --output-file sig && verifies p256.pem
}

decrypts() { # what SoftHSM2's AES key encrypted
    head -c 64 /dev/urandom >plain
    old --encrypt --mechanism AES-CBC-PAD --iv 000102030405060708090a0b0c0d0e0f --id 04 --input-file plain --output-file sealed &&
        user --decrypt --mechanism AES-CBC-PAD --iv 000102030405060708090a0b0c0d0e0f --id 04 --input-file sealed \
            --output-file opened && cmp plain opened
}

untouched() { find "$1" -type f -exec sha256sum {} + | sort; }

test_migrate() {
    untouched tokens >before
    check_status 'a wrong PIN of theirs' 3 'SoftHSM2 counts no tries' admin migrate softhsm2 "$tokendir" --pin-file pin --source-pin-file so-pin
    check_status 'a wrong PIN of ours' 3 'tries are left' admin migrate softhsm2 "$tokendir" --pin-file so-pin --source-pin-file old-pin
    check_json 'a dry run says what would come' 'd["dry_run"] and d["added"] == 21 and d["source_label"] == "old"' migrate "$tokendir" --dry-run
    check_json 'and changes nothing' 'd["objects"] == []' key list
    check_json 'everything comes' \
        'd["added"] == 21 and d["found"] == 21 and d["unsupported"] == 0 and d["source_store"] == "files"' migrate tokens
    check 'the report names the objects' python3 -c '
import json
d = json.load(open("json"))
assert all(o["result"] == "added" and o["handle"] for o in d["objects"])
changes = {c["attribute"]: c for c in d["changes"]}
assert set(changes) == {"CKA_LOCAL", "CKA_KEY_GEN_MECHANISM", "CKA_ALWAYS_SENSITIVE", "CKA_NEVER_EXTRACTABLE",
                        "CKA_EC_POINT"}, changes
assert all(c["objects"] > 0 and c["why"] for c in d["changes"])'
    check 'the other token is untouched' diff before <(untouched tokens)
    check 'objects are as they were' same_objects
    check_json 'a second run changes nothing' 'd["added"] == 0 and d["present"] == 21 and d["objects"] == []' migrate "$tokendir"
    check_json 'nothing came twice' 'len(d["objects"]) == 2' key list --label k-rsa
}

test_keys() {
    check 'the RSA key signs' sign_rsa
    check 'the P-256 key signs' sign_p256
    check 'the AES key decrypts' decrypts
}

# What came and was destroyed stays away; what is new in the other token comes.
test_again() {
    check 'destroyed here' key delete --label k-cert --yes
    check 'a new key there' old --keygen --key-type AES:32 --id 09 --label k-new --private
    check_json 'only that comes' 'd["added"] == 1 and d["present"] == 21 and d["objects"][0]["label"] == "k-new"' migrate "$tokendir"
    check_json 'what was destroyed stays away' 'd["objects"] == []' key list --label k-cert
}

weak_key() { # of a size that this token refuses
    openssl genrsa -traditional 1024 2>/dev/null | openssl rsa -traditional -outform DER -out weak.der &&
        old --write-object weak.der --type privkey --id 0a --label k-weak
}

test_unsupported() {
    check 'a key that is too weak here' weak_key
    check 'and one that is not' old --keygen --key-type AES:32 --id 0b --label k-last --private
    check_status 'named' 2 'k-weak +0a +unsupported' migrate "$tokendir"
    check_json 'nothing came' 'd["objects"] == []' key list --label k-last
    check_json 'unless asked for' 'd["added"] == 1 and d["unsupported"] == 1' migrate "$tokendir" --skip-unsupported
    check_json 'then the others come' 'len(d["objects"]) == 1' key list --label k-last
}

# A label of before UTF-8: each of its other bytes becomes the character that it is in ISO 8859-1.
test_text() {
    check 'a label that is not UTF-8' old --write-object note --type data --label $'k-caf\xe9 \xc3\xa9' --application-label app
    check_json 'the report says so' \
        '{c["attribute"]: c["what"] for c in d["changes"]}["CKA_LABEL"] == "rewritten" and d["added"] == 1' \
        migrate "$tokendir" --skip-unsupported
    check_json 'it is UTF-8 now' '[o["class"] for o in d["objects"]] == ["data"]' key list --label $'k-caf\xc3\xa9 \xc3\xa9'
}

# Each kind of damage in a copy: status 6, the file, the byte, and nothing comes.
damage_is_named() {
    cat >damage.py <<'PYTHON'
import glob, os, re, shutil, subprocess, sys
source = glob.glob("tokens/*")[0]
def u64(n): return n.to_bytes(8, "big")
victim = max(glob.glob(source + "/*.object"), key=os.path.getsize)
whole = open(victim, "rb").read()
token = open(source + "/token.object", "rb").read()
cases = {
    "empty": (victim, b"", "empty file"),
    "cut within a number": (victim, whole[:12], "at byte 8"),
    "cut within a value": (victim, whole[:-3], "at byte [0-9]+"),
    "a length of 2^63": (victim, whole[:8] + u64(3) + u64(3) + u64(1 << 63) + whole[8:], "at byte 24: a length beyond every limit"),
    "a length of 2^64 - 1": (victim, whole[:8] + u64(0x40000600) + u64(5) + u64((1 << 64) - 1), "at byte 24: a length beyond every limit"),
    "an unknown kind": (victim, whole[:8] + u64(3) + u64(9), "at byte 16: an attribute of a kind"),
    "neither true nor false": (victim, whole[:8] + u64(1) + u64(1) + b"\x07", "at byte 24: neither"),
    "an attribute twice": (victim, whole[:8] + 2 * (u64(1) + u64(1) + b"\xff"), "at byte 25: an attribute for the second"),
    "a foreign file": (victim, b"-----BEGIN CERTIFICATE-----\n" * 9, "at byte"),
    "a large file": (victim, b"\0" * (3 << 20), "object"),
    "a token cut short": (source + "/token.object", token[:-1], "token.object: at byte"),
    "a token that is none": (source + "/token.object", u64(1), "without label"),
    "a PIN of another form": (source + "/token.object", token.replace(u64(72), u64(71), 2), "token.object"),
}
bad = 0
for name, (path, content, wanted) in cases.items():
    shutil.rmtree("damaged", ignore_errors=True)
    shutil.copytree(source, "damaged")
    open(os.path.join("damaged", os.path.basename(path)), "wb").write(content)
    done = subprocess.run([sys.argv[1], "migrate", "softhsm2", "damaged", "--pin-file", "pin", "--source-pin-file", "old-pin"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode not in (6, 7) or not re.search(wanted, done.stderr):
        print(f"{name}: status {done.returncode}, wanted {wanted}: {done.stdout}{done.stderr}")
        bad = 1
sys.exit(bad)
PYTHON
    python3 damage.py "$program"
}

test_damage() {
    check 'another token of ours' admin token init --label "$token" --so-pin-file so-pin --pin-file pin --yes
    check 'damage is named' damage_is_named
    check_json 'and nothing came' 'd["objects"] == []' key list
    check_status 'no such directory' 4 nowhere migrate nowhere
    mkdir none
    check_status 'a directory without a token' 6 'no token of SoftHSM2' migrate none
    mkdir two && cp -r "$tokendir" two/a && cp -r "$tokendir" two/b
    check_status 'several tokens' 6 'several tokens' migrate two
    check_status 'no directory' 2 'DIR' migrate
}

test_database() {
    mkdir db && cp "$fixtures/sqlite3.db" db/
    check_json 'a database' 'd["added"] == 4 and d["source_store"] == "database" and d["source_label"] == "database"' migrate db
    check_json 'a second run changes nothing' 'd["added"] == 0 and d["present"] == 4' migrate db
    check 'its key signs' user --sign --mechanism ECDSA-SHA256 --signature-format openssl --label pair --input-file message --output-file sig
    check 'and openssl agrees' verifies "$fixtures/pair.pem"
    check_status 'allowed mechanisms hold' 1 'CKR_MECHANISM_INVALID|CKR_KEY_FUNCTION' \
        user --sign --mechanism ECDSA-SHA384 --label pair --input-file message --output-file sig2
    mkdir cut && head -c 20000 "$fixtures/sqlite3.db" >cut/sqlite3.db
    check_status 'a database cut short' 6 'sqlite3.db|object' migrate cut
    mkdir foreign && cp cert.der foreign/sqlite3.db
    check_status 'no database' 6 "can't be read as a token's database" migrate foreign
}

find_softhsm
need softhsm2-util softhsm2
need pkcs11-tool opensc
# shellcheck disable=SC2119
begin_admin
make_admin_token
check 'a SoftHSM2 token' prepare || exit 1
test_migrate
test_keys
test_again
test_unsupported
test_text
test_damage
test_database
