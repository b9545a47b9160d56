#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a manual page (man(7)) of what a program says with --help, and of sections of a document.

usage: manual.py NAME SECTION SUMMARY DOCUMENT [--help-of PROGRAM] [--section HEADING]...

Without --section all of the document, but for its title, becomes the page. Of Markdown it knows what the
documents use: headings, paragraphs, tables, lists, blocks of code, links, `code`."""
import argparse
import pathlib
import re
import subprocess


BULLET = r"\(bu"


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def inline(text):
    """Code in bold; of a link its text, and of one to another document that document's name."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("**", "").replace("\\|", "|")
    parts = text.split("`")
    return "".join(f"\\fB{escape(part)}\\fR" if i % 2 else escape(part) if i == 0 else escape(part).removeprefix("\\&")
                   for i, part in enumerate(parts))


def table(rows):
    """The first column is the term; what it means comes next, then the rest under its headings."""
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))] for row in rows]
    heading = cells[0]
    main = heading.index("meaning") if "meaning" in heading else 1
    for row in cells[2:]:
        yield from (".TP", inline(row[0]) or "\\&", inline(row[main]) or "\\&")
        for index, cell in enumerate(row):
            if index not in (0, main) and cell:
                yield from (".br", f"{inline(heading[index])}: {inline(cell)}" if heading[index] else inline(cell))


def block(lines):
    return [".PP", ".RS 4", ".nf", *(escape(line) for line in lines), ".fi", ".RE"]


def convert(lines):
    """Lines of Markdown below a heading, as lines of man(7)."""
    out, at = [], 0
    while at < len(lines):
        line, start = lines[at], at
        if line.startswith("```"):
            at = lines.index("```", at + 1) + 1
            out += block(lines[start + 1:at - 1])
        elif line.startswith("|"):
            while at < len(lines) and lines[at].startswith("|"):
                at += 1
            out += table(lines[start:at])
        elif line.startswith("#"):
            out.append(f'.{"SH" if line.startswith("## ") else "SS"} "{inline(line.lstrip("# "))}"')
            at += 1
        elif not line:
            at += 1
        else:
            at += 1
            while at < len(lines) and lines[at] and not re.match(r"[|#]|```|- |\d+\. ", lines[at]):
                at += 1
            item = re.match(r"(- |\d+\. )", line)
            text = " ".join(each.strip() for each in [line[len(item[0]):] if item else line, *lines[start + 1:at]])
            mark = BULLET if item and item[0] == "- " else item and item[0].strip()
            out += [f'.IP "{mark}" 4' if item else ".PP", inline(text)]
    return out


def sections(text, wanted):
    """The document from its first heading of the second rank on, or the sections with these headings."""
    parts = re.split(r"^(?=## )", text, flags=re.M)[1:]
    chosen = [part for part in parts if not wanted or part.split("\n", 1)[0][3:] in wanted]
    if wanted and len(chosen) != len(wanted):
        raise SystemExit(f"manual.py: not all of these sections are there: {wanted}")
    return "".join(chosen).split("\n")


def main():
    parser = argparse.ArgumentParser()
    for name in ("name", "number", "summary", "document"):
        parser.add_argument(name)
    parser.add_argument("--help-of")
    parser.add_argument("--section", action="append", default=[])
    args = parser.parse_args()
    text = pathlib.Path(args.document).read_text(encoding="utf-8")
    lines = [f'.TH "{escape(args.name.upper())}" {args.number}', ".SH NAME", f"{escape(args.name)} \\- {escape(args.summary)}"]
    if args.help_of:
        told = subprocess.run([args.help_of, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
        lines += [".SH SYNOPSIS", ".nf", *(escape(line) for line in told.rstrip().split("\n")), ".fi"]
    lines += convert(sections(text, args.section))
    print("\n".join(lines))


main()
