#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the tables of docs/configure.md with the table of keys in src/config/config_fields.c:
the same keys, defaults and ranges.

usage: check_configure_doc.py SOURCE_ROOT"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
source = (root / "src/config/config_fields.c").read_text(encoding="utf-8")
text = (root / "docs/configure.md").read_text(encoding="utf-8")

rows = re.findall(r"^    (BOOL|NUMBER|TEXT|CHOICE)\((\w+), (\w+), (.*)\),", source, re.M)
limits = dict(re.findall(r"^#define (HSM_\w+) (\d+)u$", (root / "src/config/config.h").read_text(encoding="utf-8"), re.M))
choices = {name: re.findall(r'"([^"]+)"', values)
           for name, values in re.findall(r"\*const (\w+)\[\] = \{(.*?)NULL", source)}
documented = {match[0]: (match[1], match[2]) for match in
              re.findall(r"^\| `(\w+\.\w+)` \| ([^|]*) \| ([^|]*) \|", text, re.M)}
bad = []


def plain(number):
    return number.replace(",", "")


for kind, section, key, rest in rows:
    name = f"{section}.{key}"
    if name not in documented:
        bad.append(f"{name}: not documented")
        continue
    default, meaning = documented.pop(name)
    if kind == "BOOL":
        wanted = [f"`{rest}`"]
    elif kind == "NUMBER":
        low, high, preset = (limits.get(each, each) for each in rest.split(", "))
        wanted = [preset]
        if f"{low} to {high}" not in plain(meaning):
            bad.append(f"{name}: the range {low} to {high} is not documented")
    elif kind == "CHOICE":
        wanted = [f"`{choices[rest][0]}`"]
        bad += [f"{name}: the choice {choice} is not documented"
                for choice in choices[rest] if f"`{choice}`" not in meaning]
    else:
        preset = re.search(r'"([^"]*)"', rest)
        wanted = [f"`{preset[1]}`"] if preset else []
    bad += [f"{name}: the default {value} is not documented"
            for value in wanted if value not in plain(default)]
bad += [f"{name}: documented, but unknown" for name in documented]
print("\n".join(bad))
print(f"{len(rows)} keys, {len(bad)} differences")
sys.exit(1 if bad or len(rows) < 30 else 0)
