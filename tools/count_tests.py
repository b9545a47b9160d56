#!/usr/bin/env python3
"""Adds up meson's test logs and prints "N passed, N failed" as the last line.

usage: count_tests.py BUILD-DIRECTORY-OR-LOG...

Each TAP line counts, and a program that has only its exit status as one. A program that crashed,
timed out, stopped before its plan or ended badly without a "not ok" line counts as one more failed
test. What was skipped is listed with its reason, and counts as neither. Exit status 1 if a test
failed or none passed.
"""
import json
import pathlib
import re
import sys

LINE = re.compile(r"^(not )?ok\b([^#\n]*)(?:#[ \t]*(\w+)([^\n]*))?", re.MULTILINE)
PLAN = re.compile(r"^1\.\.(\d+)(?:[ \t]*#[ \t]*SKIP\b([^\n]*))?", re.MULTILINE)
FINE = ("OK", "SKIP", "EXPECTEDFAIL")


def count_lines(text):
    """Returns (passed, [names of failed], [names of skipped, with reasons]) of TAP lines."""
    passed, failed, skipped = 0, [], []
    for match in LINE.finditer(text):
        name, directive = match[2].strip(" -"), (match[3] or "").upper()
        if directive == "SKIP":
            skipped.append(f"{name}: {match[4].strip()}")
        elif match[1] and directive != "TODO":
            failed.append(name)
        else:
            passed += 1
    return passed, failed, skipped


def count_program(entry):
    """Returns the same of one test program."""
    text, status = entry.get("stdout") or "", entry.get("returncode") or 0
    passed, failed, skipped = count_lines(text)
    plan = PLAN.search(text)
    if plan is None and passed + len(failed) + len(skipped) == 0:
        # No TAP at all. (meson calls a TAP program that printed nothing SKIP, with status 0.)
        if entry["result"] == "OK":
            return 1, [], []
        if entry["result"] == "SKIP" and status == 77:
            return 0, [], ["all of it"]
    if plan is None or int(plan[1]) != passed + len(failed) + len(skipped):
        failed.append(f"stopped before its end: {entry['result']}, status {status}")
    elif entry["result"] not in FINE and (not failed or not 0 <= status <= 1):
        failed.append(f"ended with {entry['result']}, status {status}")
    elif plan[1] == "0":
        skipped.append(f"all of it: {(plan[2] or '').strip()}")
    return passed, failed, skipped


def find_logs(argument):
    """The logs an argument names: itself, or those of a build directory; none: nothing ran."""
    path = pathlib.Path(argument)
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted((path / "meson-logs").glob("testlog*.json"))


def main():
    passed, wrong, skipped = 0, [], []
    for argument in sys.argv[1:]:
        logs = find_logs(argument)
        if not logs:
            wrong.append(f"FAILED  {argument}: no test log: nothing ran")
        for log in logs:
            for line in log.read_text(errors="replace").splitlines():
                entry = json.loads(line)
                ok, bad, left_out = count_program(entry)
                where = f"{log.parent.parent.name}: {entry['name']}"
                wrong += [f"FAILED  {where}: {name}" for name in bad]
                skipped += [f"skipped {where}: {name}" for name in left_out]
                passed += ok
    print("\n".join(skipped + wrong + [f"{passed} passed, {len(wrong)} failed"]))
    return 1 if wrong or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
