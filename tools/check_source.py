#!/usr/bin/env python3
"""Checks what a compiler does not: who owns a vocabulary (words.txt), banned calls, file length,
own header first, include guards, forbidden remarks.

usage: check_source.py   (from anywhere; exit status 1 when something is found)
"""
import fnmatch
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES_MAX = 600
TEST_LINES_MAX = 700

# Calls that src/ never makes, and what to use instead.
BANNED = {
    "memcmp": "hsm_ct_equal for secrets, hsm_bytes_equal for public data",
    "strdup": "hsm_text_dup (a host may bring a malloc of its own)",
    "strndup": "hsm_text_dup (a host may bring a malloc of its own)",
    "strcpy": "a bounded copy", "strcat": "a bounded copy", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "strtok": "the codec or a loop", "gets": "a bounded read",
    "alloca": "a fixed array or the heap", "abort": "an error", "exit": "an error",
    "_exit": "an error", "assert": "an error", "rand": "hsm_os_random or the DRBG",
    "srand": "nothing", "random": "hsm_os_random or the DRBG", "system": "nothing",
    "popen": "nothing", "atoi": "a checked parse", "atol": "a checked parse",
    "setjmp": "errors", "longjmp": "errors", "signal": "nothing: a guest", "atexit": "nothing: a guest",
}
# The programs own their process.
MAY_EXIT = ("src/admin/main.c", "src/cratond/main.c")

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))
REMARK = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def blank(text):
    """The same number of lines, without the content."""
    return re.sub(r"[^\n]", " ", text)


def strip_comments(text):
    return TOKEN.sub(lambda m: blank(m[0]) if m[0].startswith(("/*", "//")) else m[0], text)


def strip_strings(text):
    """Empties literals but leaves the names of included files."""
    lines = []
    for line in text.split("\n"):
        keep = line.lstrip().startswith("#")
        lines.append(line if keep else TOKEN.sub(lambda m: '""' if m[0][0] == '"' else "' '", line))
    return "\n".join(lines)


def read_words():
    for line in (ROOT / "tools" / "words.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            what, rest = line.split("|", 1)
            pattern, globs = rest.rsplit("|", 1)
            yield what.strip(), re.compile(pattern.strip()), globs.split()


def find_all(pattern, text):
    """Yields (line number, match)."""
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match


def check_words(inside, code, no_strings, words):
    for what, pattern, globs in words:
        if any(fnmatch.fnmatch(inside, glob) for glob in globs):
            continue
        text = code if what == "SQL" else no_strings
        for number, match in find_all(pattern, text):
            yield number, f"{what} ({match[0].strip()}) belong to {' '.join(globs)}"


def check_calls(shown, no_strings):
    for number, match in find_all(CALL, no_strings):
        if match[1] in ("exit", "_exit", "signal") and shown in MAY_EXIT:
            continue
        yield number, f"{match[1]}() is banned; use {BANNED[match[1]]}"


def check_shape(path, shown, code):
    lines = code.split("\n")
    # include/ holds the standard's own constants, as long as they are.
    lines_max = TEST_LINES_MAX if shown.startswith("tests/") else LINES_MAX
    if len(lines) - 1 > lines_max and not shown.startswith("include/"):
        yield 1, f"{len(lines) - 1} lines; a file has at most {lines_max}"
    first = re.search(r'^\s*#\s*include\s+["<]([^">]+)[">]', code, re.MULTILINE)
    own = path.with_suffix(".h")
    if path.suffix == ".c" and own.exists() and shown.startswith("src/"):
        wanted = str(own.relative_to(ROOT / "src"))
        if not first or first[1] != wanted:
            yield 1, f'the first include must be "{wanted}"'
    if path.suffix == ".h" and "#ifndef" not in code and "#pragma once" not in code:
        yield 1, "no include guard"


def check_file(path, words):
    text = path.read_text()
    shown = str(path.relative_to(ROOT))
    code = strip_comments(text)
    no_strings = strip_strings(code)
    found = list(check_shape(path, shown, code))
    found += [(n, f"{m[0]} must not be committed") for n, m in find_all(REMARK, text)]
    if shown.startswith("src/"):
        found += check_words(shown[len("src/"):], code, no_strings, words)
        found += check_calls(shown, no_strings)
    for number, reason in sorted(found):
        print(f"{shown}:{number}: {reason}")
    return len(found)


def main():
    words = list(read_words())
    bad = 0
    for folder in ("src", "include", "tests", "fuzz", "bench"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".c", ".h") and path.is_file():
                bad += check_file(path, words)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
