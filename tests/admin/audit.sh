#!/usr/bin/env bash
# The audit log from outside: shown, exported, counted, verified; a log that was tampered with is named with its
# first bad entry, with the device's keys and, a copy elsewhere, with the public keys alone.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

audit() { admin audit "$@"; }

prepare() {
    admin key generate --type AES --label first --pin-file pin &&
        admin key generate --type P-256 --label second --pin-file pin || return 1
    admin key delete --label first --yes --pin-file so-pin && return 1
    admin audit checkpoint && admin key list --pin-file pin
}

# What the log has, from the log itself: another reader than ours.
ndjson_is_whole() {
    audit export-ndjson >log.ndjson && python3 - log.ndjson <<'PYTHON'
import hashlib, json, sys
before = "0" * 64
for number, line in enumerate(open(sys.argv[1], "rb").read().splitlines()):
    entry = json.loads(line)
    assert entry["index"] == number and entry["previous_hash"] == before, number
    before = hashlib.sha256(line).hexdigest()
assert number > 10
PYTHON
}

syslog_is_rfc5424() {
    audit export-syslog >log.syslog && python3 - log.syslog <<'PYTHON'
import json, re, sys
form = re.compile(r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) - craton-hsm (\d+) ([a-z_]{1,32}) - (\{.*\})")
seen = set()
for line in open(sys.argv[1]):
    pri, when, pid, name, text = form.fullmatch(line.rstrip("\n")).groups()
    entry = json.loads(text)
    assert entry["pid"] == int(pid) and entry["operation"] == name
    assert int(pri) == 13 * 8 + (6 if entry.get("result", "success") == "success" else 4), line
    seen.add(int(pri))
assert seen == {110, 108}, seen
PYTHON
}

array_is_json() { audit export-json | python3 -c 'import json, sys; assert len(json.load(sys.stdin)) > 10'; }

last_three() { test "$(audit dump --last 3 | wc -l)" = 3; }

test_reading() {
    check 'ndjson, chained' ndjson_is_whole
    check 'json' array_is_json
    check_json 'json, one document' 'd["ok"] and d["entries"][0]["index"] == 0' audit export-json
    check 'syslog' syslog_is_rfc5424
    check_status 'lines are no single document' 2 'no single document' audit export-ndjson --json
    check_status 'nor are messages' 2 'no single document' audit export-syslog --json
    check_says 'dump' '^[0-9]+ 20.*Z login CKR_PIN_INCORRECT .*user=user' audit dump
    check 'dump, the last' last_three
    check_json 'dump, as JSON' 'len(d["entries"]) == 2' audit dump --last 2
    check_status 'dump, no number' 2 'last' audit dump --last x
    check_status 'dump, none' 2 'last' audit dump --last 0
    check_status 'no such log' 4 'nowhere' audit dump --log nowhere
    check_json 'stats' 'd["damaged_lines"] == 0 and {o["operation"]: o["failure"] for o in d["operations"]}["login"] == 1' audit stats
}

# What only the operator does leaves entries too.
test_operator() {
    printf 'Correct horse 7 battery\n' >pass
    check 'backup' admin backup --output b.bak --pin-file pin --new-passphrase-file pass
    check_says 'backup is in the log' ' backup success .*user=user' audit dump --last 4
    check 'restore' admin restore --input b.bak --pin-file pin --passphrase-file pass
    check_says 'restore is begun' ' restore begin ' audit dump --last 5
    check_says 'and done' ' restore success ' audit dump --last 4
    head -c 32 /dev/urandom >aes
    check 'import' admin key import --type AES --file aes --label in --pin-file pin
    check_says 'import is in the log' ' create_object success .*label=in .*detail=import' audit dump
}

test_proof() {
    check 'public keys' audit_to keys.pem public-keys
    check_json 'public keys, as JSON' 'd["pem"].count("BEGIN PUBLIC KEY") == 2' audit public-keys
    check 'another program reads one' openssl pkey -pubin -in keys.pem -noout
    check 'proof' audit_to proof prove 3
    check_says 'proof holds' '"index":3,' audit check proof
    check_says 'with the public keys too' '"index":3,' audit check proof --public-key keys.pem
    check_json 'as JSON' '"\"index\":3," in d["entry"]' audit check proof
    sed 's/"leaf":[0-9]*/"leaf":1/' proof >forged
    check_status 'a proof of something else' 6 'does not hold' audit check forged
    check_status 'no proof' 6 'no proof' audit check keys.pem
    check_status 'no keys' 6 'public keys' audit verify-chain --public-key proof
    check_status 'no such entry' 4 'entry 999999' audit prove 999999
    check_status 'an entry that is not covered yet' 5 'audit checkpoint' audit prove "$(last_index)"
    check_status 'no number' 2 'number of an entry' audit prove x
}

audit_to() { # audit_to FILE COMMAND...
    local file=$1
    shift
    audit "$@" >"$file"
}

last_index() { audit dump --last 1 | cut -d ' ' -f 1; }

# The log of the store, after a command over its bytes; put back afterwards.
tampered() { # tampered LABEL FAULT INDEX PYTHON-OF-lines
    cp "$log" good
    python3 - "$log" "$4" <<'PYTHON'
import sys
lines = open(sys.argv[1], "rb").read().rstrip(b" ").splitlines(True)
exec(sys.argv[2])
open(sys.argv[1], "wb").write(b"".join(lines))
PYTHON
    cp "$log" copy
    check_json "$1" "d['verdict'] == 'error' and d['fault'] == '$2' and d['bad_index'] == $3" audit verify-chain
    check_status "$1: status" 6 "First bad entry +$3" audit verify-chain
    cp good "$log"
}

# Written from docs/audit-format.md alone: it shares no code with the product.
independent() { python3 "$tests/audit_verify.py" "$@"; }

# A copy alone, with what anybody may have; the independent verifier names the same entry.
copied() { # copied LABEL FAULT INDEX
    check_json "$1, by the public keys" \
        "d['fault'] == '$2' and d['bad_index'] == $3 and d['signed'] and not d['keyed']" \
        audit verify-chain --log copy --public-key keys.pem
    check_status "$1, by another verifier" 1 "^entry $3: " independent keys.pem copy
}

test_independent() {
    cp "$log" copy
    check_says 'another verifier: the log' '^[0-9]+ entries, [1-9][0-9]* checkpoints, [0-9]+ proven$' \
        independent keys.pem copy
    independent keys.pem copy >counted
    check_json 'which counts as we do' \
        "'%d entries, %d checkpoints, %d proven' % (d['entries'], d['checkpoints'], d['proven']) == open('counted').readline().strip()" \
        audit verify-chain --log copy --public-key keys.pem
    check_says 'and the proof' 'entry 3 is proven' independent --proof keys.pem proof
    check_status 'of that entry only' 1 'the place' independent --proof keys.pem forged
    grep -E '^(ed25519|ml_dsa_65): ' counted | sed 's/^/# /'
    if grep -q '^ed25519: [1-9]' counted; then
        tap ok 'a signature was checked by other software'
    else
        skip 'a signature was checked by other software' 'neither python3-cryptography nor openssl does it here'
    fi
}

# Another key in entry 4, and every line after it chained to that; who does this has no key for the codes.
# shellcheck disable=SC2016
rebuild='
import hashlib, re
lines[4] = re.sub(rb"\"pid\":\d+", b"\"pid\":1", lines[4])
for i in range(5, len(lines)):
    link = hashlib.sha256(lines[i - 1].rstrip(b"\n")).hexdigest().encode()
    lines[i] = re.sub(rb"\"previous_hash\":\"[0-9a-f]{64}\"", b"\"previous_hash\":\"" + link + b"\"", lines[i])
'

first_checkpoint() { grep -m 1 '"operation":"checkpoint"' "$log" | grep -Eo '"index":[0-9]+' | cut -d : -f 2; }

test_tampering() {
    check_json 'a good log' 'd["verdict"] == "ok" and d["fault"] == "none" and d["keyed"] and d["signed"] and d["end_checked"] and d["proven"] > 5' audit verify-chain
    cp "$log" copy
    check_json 'a good copy' 'd["verdict"] == "ok" and d["signed"] and not d["keyed"] and not d["end_checked"]' \
        audit verify-chain --log copy --public-key keys.pem
    check_says 'a copy without keys' 'give --public-key' audit verify-chain --log copy
    tampered 'a flipped byte' mac 5 'lines[5] = lines[5].replace(b"\"pid\":", b"\"pid\":9", 1)'
    copied 'a flipped byte' link 5
    tampered 'a dropped line' missing 4 'del lines[4]'
    copied 'a dropped line' missing 4
    tampered 'all lines anew, without the key' mac 4 "$rebuild"
    copied 'all lines anew' checkpoint "$(first_checkpoint)"
    tampered 'swapped lines' missing 4 'lines[4], lines[5] = lines[5], lines[4]'
    tampered 'a line twice' order 4 'lines.insert(4, lines[4])'
    tampered 'a torn end' torn "$(last_index)" 'lines[-1] = lines[-1][:40]'
    tampered 'a cut tail' cut "$(last_index)" 'del lines[-1]'
    tampered 'no entry at all' form 6 'lines[6] = b"nonsense\n"'
    check_status 'damage is exported as such' 6 '"damaged":true,"file":"copy","line":7' audit export-ndjson --log copy
    check_json 'and the document is whole' 'd["entries"][6]["text"] == "nonsense"' audit export-json --log copy
    check_status 'and counted' 6 'Damaged lines +1' audit stats --log copy
    check_json 'put back, it is good again' 'd["verdict"] == "ok"' audit verify-chain
}

# What a page must be: well formed, complete in itself, with hostile labels as text.
page_is_sound() { python3 - "$1" <<'PYTHON'
import html.parser, re, sys

text = open(sys.argv[1], encoding="utf-8").read()
empty = {"meta", "rect", "line"}

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.words, self.ids, self.rects = [], [], set(), 0
    def handle_starttag(self, tag, attrs):
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "b", "base", "form", "a"}, tag
        for name, value in attrs:
            assert not name.startswith("on") and name not in {"src", "href", "xlink:href"}, (tag, name)
            self.ids |= {value} if name == "id" else set()
        self.rects += tag == "rect"
        if tag not in empty:
            self.open.append(tag)
    def handle_startendtag(self, tag, attrs):
        assert tag in empty, tag
        self.rects += tag == "rect"
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        self.words.append(data)

page = Page()
page.feed(text)
page.close()
words = "".join(page.words)
assert page.open == [] and page.ids == {"verdict", "keys", "failures", "logins"}, page.ids
assert page.rects >= 8, page.rects
assert "<b>bold</b><script>alert('1')</script> & \"x\"" in words
assert "default-src 'none'" in text and not re.search(r"url\(|@import|https?:", text)
assert "prefers-color-scheme:dark" in text and "CKR_PIN_INCORRECT" in words
PYTHON
}

# The background of the first pixel of a screenshot: light, or dark.
screenshot_is() { # screenshot_is light|dark
    local flags=(--headless --no-sandbox --disable-gpu "--window-size=200,200")
    [ "$1" = light ] || flags+=(--force-dark-mode --blink-settings=preferredColorScheme=0)
    HOME=$work timeout 100 chromium "${flags[@]}" --screenshot="$work/$1.png" "file://$work/report.html" &&
        python3 - "$work/$1.png" "$1" <<'PYTHON'
import struct, sys, zlib
png = open(sys.argv[1], "rb").read()
data, at = b"", 8
while at < len(png):
    size, kind = struct.unpack(">I4s", png[at:at + 8])
    data += png[at + 8:at + 8 + size] if kind == b"IDAT" else b""
    at += 12 + size
red, green, blue = zlib.decompress(data)[1:4]
assert (min(red, green, blue) > 240) if sys.argv[2] == "light" else (max(red, green, blue) < 48), (red, green, blue)
PYTHON
}

test_report() {
    check 'a label full of HTML' admin key generate --type AES --pin-file pin \
        --label "<b>bold</b><script>alert('1')</script> & \"x\""
    check_says 'report' 'Verdict +ok' audit report --html report.html
    check 'the page' page_is_sound report.html
    check 'says that all is well' grep -q 'class="verdict good".*The log is whole' report.html
    check_json 'report, as JSON' 'd["verdict"] == "ok" and d["report"] == "report.html"' audit report --html report.html
    check_status 'no file named' 2 'html' audit report
    check_status 'a file that can not be' '[1-9]' 'nowhere/x' audit report --html nowhere/x
    cp "$log" copy
    check_says 'a copy without keys' 'give --public-key' audit report --html copy.html --log copy
    check 'is no proof' grep -q 'class="verdict unproven"' copy.html
    sed -i '5s/"pid":/"pid":9/' copy
    check_status 'a log that was changed' 6 'First bad entry +4' audit report --html bad.html --log copy --public-key keys.pem
    check 'the page says so' grep -q 'class="verdict wrong".*Entry 4: ' bad.html
    if command -v chromium >/dev/null; then
        check 'in a browser, light' screenshot_is light
        check 'in a browser, dark' screenshot_is dark
    else
        skip 'in a browser, light and dark' 'chromium is not installed (it is 400 MB, so it is no requirement)'
    fi
}

tests=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck disable=SC2119
begin_admin
make_admin_token
check 'something to read' prepare
log=$(find "$work" -name craton_hsm_audit.jsonl)
test_reading
test_operator
test_proof
test_independent
test_report
test_tampering
