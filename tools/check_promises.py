#!/usr/bin/env python3
"""Checks that each promise in docs/security-model.md names a test, and that the tests which the
documents name (`FOLDER/NAME`) exist.

usage: check_promises.py   (from anywhere; exit status 1 when something is found)
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "docs" / "security-model.md"
ROW = re.compile(r"^\| (.+) \| (.+) \|$")
NAME = re.compile(r"`([a-z0-9_]+)/([a-z0-9_]+)`")


def is_test(folder, name):
    """A source of that name, or a test that meson.build gives the name."""
    if folder == "fuzz":
        return (ROOT / "fuzz" / f"fuzz_{name}.c").exists()
    for place in (ROOT / "tests" / folder, ROOT / "tests" / "unit" / folder):
        if any((place / (name + suffix)).exists() for suffix in (".c", ".py", ".sh", ".go")):
            return True
        build = place / "meson.build"
        if build.exists() and re.search(rf"'({folder}/)?{name}'", build.read_text()):
            return True
    return False


def promises():
    """Yields (line number, promise, what shows it) of the rows under that heading."""
    inside = False
    for number, line in enumerate(MODEL.read_text().splitlines(), 1):
        if line.startswith("## "):
            inside = line == "## Promises"
        row = ROW.match(line)
        if inside and row and row[1] != "promise" and not row[1].startswith("-"):
            yield number, row[1], row[2]


def find_bad():
    count = 0
    for number, promise, shown_by in promises():
        count += 1
        tests = NAME.findall(shown_by)
        if not tests:
            yield MODEL, number, f"no test is named for: {promise}"
        for folder, name in tests:
            if not is_test(folder, name):
                yield MODEL, number, f"there is no test {folder}/{name}"
    if count == 0:
        yield MODEL, 1, "no promise was found"
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for folder, name in NAME.findall(line):
                if name.startswith("test_") and path != MODEL and not is_test(folder, name):
                    yield path, number, f"there is no test {folder}/{name}"


def main():
    bad = 0
    for path, number, reason in find_bad():
        print(f"{path.relative_to(ROOT)}:{number}: {reason}")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
