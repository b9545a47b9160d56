#!/usr/bin/env python3
"""A verifier of the audit log written from docs/audit-format.md alone, sharing nothing with the product:
it shows that the page is complete.

    audit_verify.py KEYS.PEM LOG [OLDER-FIRST ...]     a copy of the log, by the public keys
    audit_verify.py --proof KEYS.PEM PROOF             the proof of one entry

Prints what it verified; status 1 and "entry N: what" for the first bad entry. Signatures are checked by
python3-cryptography, or by the openssl command; what neither can check is said, and not counted.
"""
import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile

LINE_MAX = 8192
FIRST = ["timestamp", "index", "operation"]
LAST = ["pid", "uid", "previous_hash", "hmac"]
MEMBERS = {
    "timestamp", "index", "operation", "result", "phase", "slot", "session_handle", "user", "client",
    "mechanism", "key_length", "fips_approved", "key_id", "label", "other_key_id", "other_label", "amount",
    "detail", "pid", "uid", "previous_hash", "hmac",
}
CHECKPOINT = ["timestamp", "index", "operation", "result", "log_id", "first", "covered", "root", "ed25519",
              "ml_dsa_65", "pid", "uid", "previous_hash", "hmac"]


class Bad(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Bad(what)


# --- signatures ---------------------------------------------------------------------------------------


class Signatures:
    """Both public keys, and whoever can check them here."""

    def __init__(self, path):
        blocks = re.findall(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n?", open(path).read(), re.S)
        need(len(blocks) == 2, "the keys are not two")
        self.pem = dict(zip(("ed25519", "ml_dsa_65"), blocks))
        self.checked = dict.fromkeys(self.pem, 0)
        self.skipped = {}

    def by_library(self, kind, message, signature):
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        try:
            load_pem_public_key(self.pem[kind].encode()).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def by_command(self, kind, message, signature):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in ("key", self.pem[kind].encode()), ("message", message), ("signature", signature):
                open(f"{folder}/{name}", "wb").write(content)
            known = subprocess.run(["openssl", "pkey", "-pubin", "-in", f"{folder}/key", "-noout"],
                                   capture_output=True)
            if known.returncode != 0:
                raise RuntimeError("the openssl command knows no such key (ML-DSA needs 3.5)")
            return subprocess.run(
                ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", f"{folder}/key", "-in",
                 f"{folder}/message", "-sigfile", f"{folder}/signature"], capture_output=True).returncode == 0

    def check(self, kind, message, signature):
        reasons = []
        for way in self.by_library, self.by_command:
            try:
                good = way(kind, message, signature)
            except Exception as error:  # not there, too old: the other way
                reasons.append(f"{type(error).__name__}: {error}")
                continue
            need(good, f"signature {kind}")
            self.checked[kind] += 1
            return
        self.skipped[kind] = "; ".join(reasons)


# --- hashes -------------------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def node(left, right):
    return sha256(b"\x01" + left + right)


def root_of(leaves):
    """RFC 9162, 2.1.1, the hash of a leaf being given."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node(root_of(leaves[:half]), root_of(leaves[half:]))


def root_of_path(leaf, place, size, path):
    """RFC 9162, 2.1.3.2."""
    at, last, hash_ = place, size - 1, leaf
    need(at <= last, "the leaf is not of this tree")
    for neighbour in path:
        need(last > 0, "the path is too long")
        if at & 1 or at == last:
            hash_ = node(neighbour, hash_)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            hash_ = node(hash_, neighbour)
        at, last = at >> 1, last >> 1
    need(last == 0, "the path is too short")
    return hash_


# --- lines --------------------------------------------------------------------------------------------


def parse(line):
    """The members of a line, if it is of the form of the page."""
    need(len(line) < LINE_MAX, "form: too long")
    need(all(0x20 <= c <= 0x7E for c in line), "form: not printable ASCII")
    try:
        pairs = json.loads(line, object_pairs_hook=list)
    except ValueError:
        raise Bad("form: no JSON object") from None
    names = [name for name, _ in pairs]
    entry = dict(pairs)
    need(len(entry) == len(names), "form: a member twice")
    need(names[:3] == FIRST and names[-4:] == LAST, "form: order of members")
    if entry["operation"] == "checkpoint":
        need(names == CHECKPOINT, "form: members of a checkpoint")
    else:
        need(set(names) <= MEMBERS, "form: unknown members")
        need(("phase" in entry) != ("result" in entry), "form: phase or result")
    need(re.search(rb',"previous_hash":"[0-9a-f]{64}","hmac":"[0-9a-f]{64}"\}$', line), "form: the end")
    return entry


def message_of(entry):
    return ("craton-hsm audit checkpoint 1\n"
            f"{entry['log_id']}\n{entry['first']}\n{entry['covered']}\n{entry['root']}\n"
            f"{entry['previous_hash']}\n").encode()


def check_signatures(entry, signatures):
    for kind in "ed25519", "ml_dsa_65":
        signatures.check(kind, message_of(entry), base64.b64decode(entry[kind], validate=True))


class Log:
    def __init__(self, signatures):
        self.signatures = signatures
        self.count = self.proven = self.checkpoints = 0
        self.index = self.time = self.link = self.log_id = None
        self.leaves = []
        self.whole_interval = False  # it began within what was read, and nothing of it was given up

    def add(self, line):
        entry = parse(line)
        if self.index is None:
            self.whole_interval = entry["index"] == 0
            need(entry["index"] != 0 or entry["previous_hash"] == "0" * 64, "link: of the first entry")
        else:
            need(entry["index"] == self.index + 1, "index")
            need(entry["timestamp"] > self.time, "time")
            if entry["previous_hash"] != self.link.hex():  # which of the two was changed, the next one tells
                raise Bad(f"entry {self.index}: link")
        link = sha256(line)
        if entry["operation"] == "checkpoint":
            self.checkpoint(entry)
        else:
            if entry["operation"] == "recover" and entry.get("detail", "").startswith("unsynced:"):
                self.whole_interval = False
            self.leaves.append(link)
        self.index, self.time, self.link = entry["index"], entry["timestamp"], link
        self.count += 1

    def checkpoint(self, entry):
        first, covered = entry["first"], entry["covered"]
        need(first + covered == entry["index"], "checkpoint: its place")
        need(self.log_id in (None, entry["log_id"]), "checkpoint: of another log")
        self.log_id = entry["log_id"]
        if self.whole_interval:
            need(covered == len(self.leaves), "checkpoint: what it covers")
            need(root_of(self.leaves).hex() == entry["root"], "checkpoint: the root")
        check_signatures(entry, self.signatures)
        self.leaves, self.whole_interval = [], True
        self.checkpoints += 1
        self.proven = self.count + 1


def verify_log(signatures, paths):
    log = Log(signatures)
    for path in paths:
        for line in open(path, "rb"):
            text = line.rstrip(b"\n")
            if not text.strip(b" "):
                continue
            try:
                need(line.endswith(b"\n"), "form: torn")
                log.add(text)
            except Bad as error:
                if str(error).startswith("entry "):
                    raise
                raise Bad(f"entry {0 if log.index is None else log.index + 1}: {error}") from None
    return f"{log.count} entries, {log.checkpoints} checkpoints, {log.proven} proven"


def verify_proof(signatures, path):
    proof = json.load(open(path))
    need(proof["format"] == "craton-hsm-audit-proof-1", "format")
    entry = parse(proof["entry"].encode())
    checkpoint = parse(proof["checkpoint"].encode())
    need(checkpoint["operation"] == "checkpoint" and entry["operation"] != "checkpoint", "no checkpoint")
    need(entry["index"] == checkpoint["first"] + proof["leaf"], "the place")
    hashes = bytes.fromhex(proof["path"])
    path_hashes = [hashes[i:i + 32] for i in range(0, len(hashes), 32)]
    root = root_of_path(sha256(proof["entry"].encode()), proof["leaf"], checkpoint["covered"], path_hashes)
    need(root.hex() == checkpoint["root"], "the root")
    check_signatures(checkpoint, signatures)
    return f"entry {entry['index']} is proven"


def main():
    arguments = sys.argv[1:]
    is_proof = arguments[:1] == ["--proof"]
    keys, *paths = arguments[1:] if is_proof else arguments
    signatures = Signatures(keys)
    try:
        print(verify_proof(signatures, paths[0]) if is_proof else verify_log(signatures, paths))
    except Bad as error:
        print(error)
        sys.exit(1)
    for kind, number in signatures.checked.items():
        if kind in signatures.skipped:
            print(f"{kind}: not checked here: {signatures.skipped[kind]}")
        else:
            print(f"{kind}: {number} signatures checked")


main()
