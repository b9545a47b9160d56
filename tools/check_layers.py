#!/usr/bin/env python3
"""Fails when a source file includes a module that layers.txt does not allow it to.

usage: check_layers.py [--root DIR] [--stamp FILE] [--depfile FILE]

Also refused: a cycle in the rule itself, another module's internal.h, a module without a row, and
an include that is not written from src/. --stamp and --depfile are for the build.
"""
import argparse
import pathlib
import re
import sys
from graphlib import CycleError, TopologicalSorter

INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


def read_rule(path):
    """Returns {module: modules it may include}; exits when the rule has a cycle or a stranger."""
    rows = [line.split("#")[0].split(":") for line in path.read_text().splitlines()]
    allowed = {row[0].strip(): set(row[1].split()) for row in rows if len(row) == 2}
    strangers = {dep for deps in allowed.values() for dep in deps} - set(allowed)
    if strangers:
        sys.exit(f"{path}: no row for {', '.join(sorted(strangers))}")
    try:
        tuple(TopologicalSorter(allowed).static_order())
    except CycleError as error:
        sys.exit(f"{path}: the rule has a cycle: {' -> '.join(error.args[1])}")
    return allowed


def check_include(module, target, allowed):
    """Returns why `module` may not include `target`, or None."""
    parts = target.split("/")
    if len(parts) == 1:
        return f'write it from src/: "{module}/{target}"'
    other = parts[0]
    if other == module or other not in allowed:
        return None  # its own, or a library outside src/
    if other not in allowed[module]:
        return f"{module} may not include {other}"
    if parts[-1] == "internal.h":
        return f"{target} is private to {other}"
    return None


def check_file(path, shown, module, allowed):
    """Prints every violation in one file and returns their number."""
    bad = 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        include = INCLUDE.match(line)
        reason = include and check_include(module, include[1], allowed)
        if reason:
            print(f"{shown}:{number}: {reason}")
            bad += 1
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    parser.add_argument("--stamp", type=pathlib.Path)
    parser.add_argument("--depfile", type=pathlib.Path)
    args = parser.parse_args()

    source = args.root / "src"
    allowed = read_rule(args.root / "tools" / "layers.txt")
    files = sorted(path for path in source.rglob("*") if path.suffix in (".c", ".h"))
    bad = 0
    for path in files:
        shown = path.relative_to(args.root)
        if shown.parts[1] not in allowed:
            print(f"{shown}: tools/layers.txt has no row for {shown.parts[1]}")
            bad += 1
            continue
        bad += check_file(path, shown, shown.parts[1], allowed)
    if bad:
        return 1
    if args.depfile:
        seen = files + sorted(p for p in source.rglob("*") if p.is_dir()) + [source]
        names = " ".join(str(p).replace(" ", "\\ ") for p in seen)
        args.depfile.write_text(f"{args.stamp}: {names}\n")
    if args.stamp:
        args.stamp.write_text("")
    return 0


if __name__ == "__main__":
    sys.exit(main())
