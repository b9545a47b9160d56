#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator's command in a C library that fails: the n-th allocation, file, read, write or random
number of a whole run of backup, restore, key export and migrate, with the audit log on.

It ends with a status of docs/admin.md, never by a signal. What it says it did is done, whole, and in the
log. What it says it did not do has left no file that could be taken for a backup, no temporary file, and
either nothing or everything in the token; and the same command without failures works afterwards.

Needs CRATON_HSM_ADMIN (whose OpenSSL allocates by the C library, and whose PINs are cheap) and FAULT_SHIM. Not
every n by default; CRATON_HSM_TEST_LONG=1 tries all.
"""
import json
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ADMIN = os.path.realpath(os.environ["CRATON_HSM_ADMIN"])
FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "admin" / "softhsm2"
IS_LONG = "CRATON_HSM_TEST_LONG" in os.environ
STATUSES = range(2, 9)
FOR_GOOD = 1000000
WRITES = 8
# Name, kinds of tests/fault/shim.h, how many calls fail.
KINDS = [
    ("one allocation", 1, 1), ("all allocations", 1, FOR_GOOD), ("one file", 2, 1), ("one read", 4, 1),
    ("all reads", 4, FOR_GOOD), ("one write", WRITES, 1), ("all writes", WRITES, FOR_GOOD),
    ("one random", 16, 1), ("no random", 16, FOR_GOOD),
]
PLACE = "/dev/shm" if os.path.isdir("/dev/shm") else None
# No run of the command makes so many calls of any kind.
CALLS_MAX = 10_000_000
# Of the process, which tries one case at a time.
work = now = SHIM = START = None
problems = []


def environment(**more):
    return {**os.environ, "CRATON_HSM_CONFIG": str(now / "craton_hsm.toml"), **more}


def admin(*arguments):
    """Without failures; the JSON document."""
    done = subprocess.run([ADMIN, *arguments, "--json"], cwd=now, env=environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout) if done.stdout else {"ok": False, "error": done.stderr}


def expect(holds, what):
    if not holds:
        problems.append(what)
    return holds


# --- what there is ------------------------------------------------------------------------------------


def objects():
    """Labels and classes of the token's objects; marks of restored backups are none of the user's."""
    listed = admin("key", "list", "--limit", "1000", "--pin-file", "pin")
    if not expect(listed["ok"], f"key list: {listed.get('error')}"):
        return []
    return sorted(f"{o['class']} {o['label']}" for o in listed["objects"]
                  if o["class"] != "data" or o["label"] == "note")


def entries(operation):
    """Results in the log, in order; "begin" for those."""
    found = []
    for line in (now / "store" / "craton_hsm_audit.jsonl").read_bytes().splitlines():
        if line.strip():
            entry = json.loads(line)
            if entry["operation"] == operation:
                found.append(entry.get("result", "begin"))
    return found


def files():
    """Those beside the store that the situation did not have."""
    return sorted(p.name for p in now.iterdir() if not (work / "start" / p.name).exists())


class Backup:
    name = "backup"
    command = ["backup", "--output", "out", "--pin-file", "pin", "--recipient", "anna.pub"]
    operation = "backup"
    check = ["backup", "verify", "--input", "out", "--recipient-key", "anna.key", "--passphrase-file", "pass"]
    is_new_file = True
    is_quick = True
    count = 4

    def done(self):
        seen = admin(*self.check)
        expect(seen["ok"] and seen["objects"] == self.count, f"the backup: {seen}")

    def not_done(self):
        """A file is there only if it is whole: all that failed is making its name durable."""
        if "out" in files():
            self.done()


class BackupByPassphrase(Backup):
    name = "backup by a passphrase"
    is_quick = False
    command = ["backup", "--output", "out", "--pin-file", "pin", "--new-passphrase-file", "pass"]
    check = ["backup", "verify", "--input", "out", "--passphrase-file", "pass"]


class Export(Backup):
    name = "key export"
    is_quick = False
    command = ["key", "export", "--label", "open", "--output", "out", "--pin-file", "pin",
               "--new-passphrase-file", "pass"]
    operation = "get_attribute"

    def done(self):
        opened = subprocess.run(["openssl", "pkey", "-in", "out", "-passin", "file:pass", "-noout"], cwd=now,
                                capture_output=True)
        expect(opened.returncode == 0, f"the exported key: {opened.stderr}")


class Restore:
    name = "restore"
    command = ["restore", "--input", "old.bak", "--pin-file", "pin", "--recipient-key", "anna.key",
               "--passphrase-file", "pass", "--other-token"]
    operation = "restore"
    is_new_file = False
    is_quick = True
    adds = sorted(["private old", "public old"])

    def done(self):
        expect(objects() == sorted(BEFORE + self.adds), f"not all objects: {objects()}")

    def not_done(self):
        """All or nothing. All: the result could not be written, the log has the begin."""
        seen = objects()
        if seen != BEFORE:
            expect(seen == sorted(BEFORE + self.adds) and "begin" in entries(self.operation), f"objects: {seen}")


class BackupSelected(Backup):
    name = "backup of selected objects"
    command = Backup.command + ["--class", "private", "--label", "k", "--with-related"]
    count = 2


class RestoreSelected(Restore):
    name = "restore of selected objects"
    command = ["selected.bak" if word == "old.bak" else word for word in Restore.command]
    adds = ["private old"]


class Migrate(Restore):
    name = "migrate"
    command = ["migrate", "softhsm2", "old-store", "--pin-file", "pin", "--source-pin-file", "old-pin"]
    operation = "migrate"
    adds = sorted(["private pair", "public pair", "secret aes", "data note"])


BEFORE = sorted(["private k", "public k", "private open", "public open"])


# --- the situation ------------------------------------------------------------------------------------


def write(name, text):
    path = now / name
    path.write_text(text)
    path.chmod(0o600)


def make_token(name):
    made = admin("token", "init", "--label", name, "--so-pin-file", "so-pin", "--pin-file", "pin")
    if not made["ok"]:
        raise RuntimeError(f"no token: {made}")


def must(*arguments):
    done = admin(*arguments)
    if not done["ok"]:
        raise RuntimeError(f"{arguments}: {done}")


def make_situation():
    now.mkdir()
    write("craton_hsm.toml", f'[token]\nstorage_path = "{now}/store"\n[security]\npbkdf2_iterations = 100000\n')
    write("pin", "12345678\n")
    write("so-pin", "87654321\n")
    write("old-pin", "12345678\n")
    write("pass", "Correct horse 7 battery\n")
    make_token("first")
    must("key", "generate", "--type", "P-256", "--label", "old", "--pin-file", "pin")
    must("backup", "recipient", "--output", "anna.key", "--public-output", "anna.pub", "--new-passphrase-file", "pass")
    must("backup", "--output", "old.bak", "--pin-file", "pin", "--recipient", "anna.pub")
    must("backup", "--output", "selected.bak", "--pin-file", "pin", "--recipient", "anna.pub", "--label", "old",
         "--class", "private")
    shutil.rmtree(now / "store")
    make_token("second")
    must("key", "generate", "--type", "P-256", "--label", "k", "--pin-file", "pin")
    must("key", "generate", "--type", "P-256", "--label", "open", "--extractable", "--attributes", "sensitive=no",
         "--pin-file", "pin")
    (now / "old-store").mkdir(0o700)
    shutil.copy(FIXTURES / "sqlite3.db", now / "old-store")
    (now / "old-store" / "sqlite3.db").chmod(0o600)
    shutil.copytree(now, work / "start")


def content(directory):
    return {p.relative_to(directory): p.read_bytes() if p.is_file() else None for p in directory.rglob("*")}


def put_back():
    shutil.rmtree(now)
    shutil.copytree(work / "start", now)


# --- runs ---------------------------------------------------------------------------------------------


def run_failing(case, kinds, n, lasting):
    """The status, and whether there were so many calls."""
    calls = work / "calls"
    calls.unlink(missing_ok=True)
    done = subprocess.run([ADMIN, *case.command], cwd=now, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=environment(LD_PRELOAD=SHIM, FAULT_KINDS=str(kinds), FAULT_AT=str(n),
                                          FAULT_FOR=str(lasting), FAULT_CALLS=str(calls)), timeout=120)
    expect(calls.exists() or done.returncode != 0, "the shim is not there")
    was_hit = n < CALLS_MAX and (not calls.exists() or int(calls.read_text()) >= n)
    return done, was_hit


def judge(case, done):
    expect(not [f for f in files() if f != "out" or not case.is_new_file], f"files are left: {files()}")
    if done.returncode == 0:
        expect("success" in entries(case.operation), f"not in the log: {entries(case.operation)}")
        case.done()
    else:
        case.not_done()


def works_afterwards(case):
    (now / "out").unlink(missing_ok=True)
    if objects() != BEFORE:  # all was restored, untold
        return
    again = admin(*case.command)
    if expect(again["ok"], f"again without failures: {again}"):
        case.done()


def next_n(case, kinds, n, lasting):
    """Of writes there are a few dozen, each at a place of its own."""
    if IS_LONG or (case.is_quick and kinds == WRITES and lasting == 1 and n < 48):
        return n + 1
    return n + 1 + n // (1 if lasting > 1 or not case.is_quick else 2)


def try_one(case, kinds, n, lasting):
    """Whether there were so many calls. What failed before it touched anything left the situation as it was."""
    done, was_hit = run_failing(case, kinds, n, lasting)
    expect(done.returncode == 0 or was_hit, f"status {done.returncode} without a failure: {done.stderr}")
    expect(done.returncode == 0 or done.returncode in STATUSES, f"status {done.returncode}: {done.stderr}")
    if done.returncode != 0 and content(now) == START:
        return was_hit
    judge(case, done)
    if done.returncode != 0:
        works_afterwards(case)
    put_back()
    return was_hit


def try_all(case):
    """The number of tries."""
    tried = 0
    for label, kinds, lasting in KINDS:
        n = int(os.environ.get("CRATON_HSM_TEST_N", "1"))
        was_hit = True
        while was_hit:
            before = len(problems)
            was_hit = try_one(case, kinds, n, lasting)
            problems[before:] = [f"{label}, {n}: {problem}" for problem in problems[before:]]
            n = next_n(case, kinds, n, lasting)
            tried += 1
    return tried


def run_case(case):
    """In a process of its own: the number of tries, and what is wrong."""
    global work, now, SHIM, START
    work = pathlib.Path(tempfile.mkdtemp(prefix="craton-faults-", dir=PLACE))
    now = work / "now"
    # LD_PRELOAD can't name a path that has a space in it.
    SHIM = shutil.copy(os.environ["FAULT_SHIM"], work / "shim.so")
    try:
        make_situation()
        START = content(now)
        return try_all(case), problems
    finally:
        if "CRATON_HSM_KEEP" not in os.environ:
            shutil.rmtree(work)


def main():
    cases = [Backup(), BackupByPassphrase(), BackupSelected(), Export(), Restore(), RestoreSelected(), Migrate()]
    chosen = [case for case in cases if len(sys.argv) < 2 or case.name in sys.argv[1:]]
    is_bad = False
    print(f"1..{len(chosen)}", flush=True)
    with multiprocessing.Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        for number, (tried, wrong) in enumerate(pool.imap(run_case, chosen), 1):
            name = chosen[number - 1].name
            for problem in wrong:
                print(f"# {name}, {problem}".replace("\n", "\n# "))
            print(f"# {name}: {tried} failures tried")
            print("not ok" if wrong else "ok", number, "-", name, flush=True)
            is_bad = is_bad or bool(wrong)
    sys.exit(is_bad)


if __name__ == "__main__":
    main()
