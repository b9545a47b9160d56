#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our TOML reader with Python's tomllib on hand-written documents and on thousands of
mutations of them: both must refuse the same ones and read the same values from the others.

usage: check_toml.py TOML_DUMP [SEED [COUNT]]      exit status 77: this Python has no tomllib"""
import datetime
import json
import random
import re
import subprocess
import sys

try:
    import tomllib
except ImportError:
    sys.exit(77)

SEEDS = [
    'a = 1\nb = "x"\n[c]\nd = true\n',
    'a.b.c = 1\na.b.d = 2\na.e = 3\n[a.f]\ng = 1\n',
    '[a.b.c]\nz = 9\n[a]\nb.x = 1\n',
    '[a]\nb.c = 1\n[a.b.d]\ne = 1\n[a.b]\n',
    '[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 1\n[[a.e]]\nf = 1\n[[a.e]]\n',
    'a = [1, 2, [3, "x"],\n # comment\n 4,\n]\n',
    'a = {b = 1, c.d = 2, e = {f = [1, {g = 2}]}}\n',
    'a = {}\n[a.b]\n',
    'a = [{b = 1}]\n[[a]]\n',
    'i = [0, -0, +7, 1_000, 0x_1, 0xdead_BEEF, 0o755, 0b1101, 9223372036854775807]\n',
    'f = [1.0, -0.5e3, 1e10, 6.26e-34, inf, -inf, nan, +nan, 1_0.0_1, 1E+5]\n',
    'd = [1979-05-27, 07:32:00, 1979-05-27T07:32:00Z, 1979-05-27 07:32:00.25,'
    ' 1979-05-27T00:32:00-07:00, 2000-02-29]\n',
    's = "a\\tb\\u00e9\\U0001F600\\\\\\"" # c\n',
    "s = 'C:\\Users\\x'\n",
    's = """\nline 1 \\\n   continued ""quoted"" \\u0041"""\n'
    't = \'\'\'\nraw \\n \'\'x\'\' \'\'\'\n',
    's = """""two quotes"""""\nu = """"""\nv = \'\'\'\'one\'\'\'\'\n',
    '"quoted key" = 1\n\'literal.key\'.sub = 2\n1234 = 3\n"" = 4\n-_- = 5\n',
    '3.14 = 1\n[ j . "\u00fc" . \'l\' ]\nx=1',
    'a = 1\r\n[b]\r\nc = """x\r\ny"""\r\n',
    '\ttab = 1 \t# comment \u00fc\n\n   # only a comment\n',
    '[a]\n[a.b]\n[c]\nx = {y.z = 1, y.w = 2}\n[a.b.c]\n',
    'fruit.apple.color = "red"\n[fruit.pear]\n[fruit.apple.taste]\nsweet = true\n',
    'a = {}\na.b = 1\n', 'a = {b.c = 1}\na.b.d = 2\n', 'a = {b = {}, b.c = 1}\n',
    'a = {b.c = 1, b.d = {e = 2}}\n[x]\na.b = 1\n[x.a]\n', '[[p]]\n[p.q]\nr = 1\n[[p]]\n[p.q]\nr = 2\n',
    '[a]\nb = 1\n[a]\nc = 2\n', 'a = 1\na = 2\n', 'a = 1\na.b = 2\n', '[[a.b]]\n[a]\nb.y = 2\n',
]
PIECES = ['=', '.', '[', ']', '[[', ']]', '{', '}', ',', '"', "'", '"""', "'''", '\n', '\r\n', ' ',
          '#', '\\', '_', '-', '+', '0', '1', '9', 'e', 'x', 'T', 'Z', ':', 'a', 'b', 'inf', 'nan',
          'true', 'a.b', '[a]', '[[a]]', '[a.b]', 'a = 1\n', '\u00fc', '\t', '\x00', '\x7f', '0x',
          '\\u12', '{a=1}', '[1,2]']


def mutate(rng, text):
    for _ in range(rng.choice((1, 1, 2, 3))):
        at, kind = rng.randrange(len(text) + 1), rng.randrange(4)
        end = min(len(text), at + rng.choice((1, 1, 2, 5)))
        if kind == 0:
            text = text[:at] + rng.choice(PIECES) + text[at:]
        elif kind == 1:
            text = text[:at] + text[end:]
        elif kind == 2:
            text = text[:at] + rng.choice(PIECES) + text[end:]
        else:
            text += rng.choice(SEEDS)
    return text


def expected(value):
    if isinstance(value, bool):
        return ["boolean", value]
    if isinstance(value, int):
        return ["integer", value]
    if isinstance(value, float):
        return ["float"]
    if isinstance(value, str):
        return ["string", value.encode().hex()]
    if isinstance(value, (datetime.date, datetime.time)):
        return ["date"]
    if isinstance(value, list):
        return ["array", [expected(item) for item in value]]
    return ["table", {key.encode().hex(): expected(item) for key, item in value.items()}]


def without_texts(value):
    """Our answer, without the texts that tomllib has no counterpart for."""
    if value[0] in ("float", "date"):
        return [value[0]]
    if value[0] == "array":
        return ["array", [without_texts(item) for item in value[1]]]
    if value[0] == "table":
        return ["table", {key: without_texts(item) for key, item in value[1].items()}]
    return value


def is_known_difference(text):
    """Where the two differ for a reason: leap seconds, the year 0, numbers beyond 64 bits."""
    return (re.search(r"\d\d:\d\d:60|0000-\d\d|[+-]?\d[\d_]{18,}|0x[0-9a-fA-F_]{16,}", text)
            or text.startswith("\ufeff"))


def main():
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 6000
    documents = SEEDS + [mutate(rng, rng.choice(SEEDS)) for _ in range(count)]
    feed = b"".join(b"%d\n%s" % (len(text.encode()), text.encode()) for text in documents)
    answer = subprocess.run([sys.argv[1]], input=feed, capture_output=True, check=True)
    answers = answer.stdout.decode().splitlines()
    if len(answers) != len(documents):
        sys.exit(f"{len(documents)} documents, but {len(answers)} answers")

    bad = good = 0
    for text, line in zip(documents, answers):
        if is_known_difference(text):
            continue
        ours = json.loads(line)
        try:
            theirs = expected(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
            theirs = ["error", str(error)]
        if ours[0] == "error" and theirs[0] == "error":
            continue
        if theirs[0] != "error":
            good += 1
        if ours[0] == "error" or theirs[0] == "error" or without_texts(ours) != theirs:
            bad += 1
            print(f"{text!r}\n  ours:    {ours}\n  tomllib: {theirs}")
    print(f"{len(documents)} documents, {good} valid, {bad} read differently")
    if good < len(documents) // 10:
        sys.exit("too few valid documents: the comparison shows little")
    sys.exit(1 if bad else 0)


main()
