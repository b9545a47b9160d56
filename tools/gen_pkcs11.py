#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes include/pkcs11/pkcs11_types.h and pkcs11.h from the tables of the standard.

usage: gen_pkcs11.py TABLES_DIR OUTPUT_DIR

TABLES_DIR holds constants.tsv, functions.tsv, structs.tsv and types.tsv (PKCS#11 3.2). The result
is committed, so a checkout builds without the tables."""
import csv
import pathlib
import re
import sys
from graphlib import TopologicalSorter

LICENCE = " * SPDX-License-Identifier: Apache-2.0 */"
NOTE = " * Written by tools/gen_pkcs11.py from the standard's tables: change that, not this.\n" + LICENCE

# The two types that are functions; the tables list data types only. PKCS#11 v3.2, 3.6 and 3.7.
CALLBACKS = """\
/* The application's own mutexes and notifications. */
typedef CK_RV (*CK_NOTIFY)(CK_SESSION_HANDLE hSession, CK_NOTIFICATION event,
                           CK_VOID_PTR pApplication);
typedef CK_RV (*CK_CREATEMUTEX)(CK_VOID_PTR_PTR ppMutex);
typedef CK_RV (*CK_DESTROYMUTEX)(CK_VOID_PTR pMutex);
typedef CK_RV (*CK_LOCKMUTEX)(CK_VOID_PTR pMutex);
typedef CK_RV (*CK_UNLOCKMUTEX)(CK_VOID_PTR pMutex);
"""

# Constants that are not plain unsigned long numbers.
SPECIAL = {
    "CK_FALSE": "0",
    "CK_TRUE": "1",
    "CK_UNAVAILABLE_INFORMATION": "(~0UL)",
    "CRYPTOKI_VERSION_MAJOR": "3",
    "CRYPTOKI_VERSION_MINOR": "2",
    "CRYPTOKI_VERSION_AMENDMENT": "0",
}

LISTS = (  # struct, newest version in it
    ("CK_FUNCTION_LIST", "2.40"),
    ("CK_FUNCTION_LIST_3_0", "3.0"),
    ("CK_FUNCTION_LIST_3_2", "3.2"),
)


def rows(folder, name):
    with open(folder / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def version(text):
    return tuple(int(part) for part in text.split("."))


def wrap(head, parts, tail):
    """head + parts joined by commas + tail, broken before column 100 and aligned after head."""
    lines, line = [], head
    for number, part in enumerate(parts):
        piece = part + (tail if number == len(parts) - 1 else ",")
        if len(line) + 1 + len(piece) > 100 and line != head:
            lines.append(line)
            line = " " * len(head) + piece
        else:
            line += (" " if line not in (head, "") and line.strip() else "") + piece
    lines.append(line)
    return "\n".join(lines)


def constants(table):
    def group(name):
        return name.split("_", 1)[0]

    values = {row["name"]: int(row["value"], 16) for row in table}
    out = []
    for prefix in sorted({group(name) for name in values}, key=lambda p: (p == "CRYPTOKI", p)):
        members = [name for name in values if group(name) == prefix]
        out.append("")
        for name in sorted(members, key=lambda n: (values[n], n)):
            if name in SPECIAL:
                check = SPECIAL[name]
                known = 0xFFFFFFFFFFFFFFFF if "~" in check else int(check)
                if known != values[name]:
                    sys.exit(f"{name}: the tables have another value")
                out.append(f"#define {name} {check}")
            else:
                out.append(f"#define {name} 0x{values[name]:08x}UL")
    return "\n".join(out) + "\n"


def types(folder):
    simple = {}
    for row in rows(folder, "types.tsv"):
        simple[row["type"]] = " ".join(row["definition"].replace("\\", " ").split())
    structs = {}
    for row in rows(folder, "structs.tsv"):
        structs.setdefault(row["struct"], []).append((row["type"], row["field"]))
    for name in structs:  # the tables leave a few pointer types out
        simple.setdefault(name + "_PTR", name + " CK_PTR")

    out = ["/* PKCS#11 v3.2: types and constants, no functions.", NOTE]
    out += ["#ifndef PKCS11_TYPES_H", "#define PKCS11_TYPES_H", "", "#define CK_PTR *"]
    out += ["#ifndef NULL_PTR", "#define NULL_PTR 0", "#endif", "", "/* Constants. */"]
    text = "\n".join(out) + constants(rows(folder, "constants.tsv"))

    forward = list(structs) + [name for name, _ in LISTS]
    text += "\n/* Structures, defined below. */\n"
    text += "".join(f"typedef struct {name} {name};\n" for name in forward)

    order = TopologicalSorter()
    for name, definition in simple.items():
        base = re.sub(r"\bCK_PTR\b", "", definition).strip()
        order.add(name, *([base] if base in simple else []))
    text += "\n/* Numbers and pointers. */\n"
    for name in order.static_order():
        definition = simple[name]
        pointer = definition.endswith("CK_PTR")
        base = definition[: -len("CK_PTR")].strip() if pointer else definition
        text += f"typedef {base} CK_PTR {name};\n" if pointer else f"typedef {base} {name};\n"
    text += "\n" + CALLBACKS

    nesting = TopologicalSorter()
    for name, fields in structs.items():
        nesting.add(name, *[kind for kind, _ in fields if kind in structs])
    for name in nesting.static_order():
        text += f"\nstruct {name} {{\n"
        text += "".join(f"    {kind} {field};\n" for kind, field in structs[name])
        text += "};\n"
    return text + "\n#endif\n"


def functions(folder):
    table = sorted(rows(folder, "functions.tsv"), key=lambda row: int(row["order"]))
    out = "/* PKCS#11 v3.2: functions and function lists.\n" + NOTE + "\n"
    out += "#ifndef PKCS11_H\n#define PKCS11_H\n\n"
    out += '#include "pkcs11/pkcs11_types.h"\n\n'
    out += "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
    out += "/* Marks what a module exports. */\n#ifndef CK_API\n"
    out += '#define CK_API __attribute__((visibility("default")))\n#endif\n\n'
    for row in table:
        arguments = [part.strip() for part in row["arguments"].split(",")]
        out += wrap(f"CK_API CK_RV {row['name']}(", arguments, ");") + "\n"
    out += "\n/* CK_C_Sign is a pointer to a function like C_Sign. */\n"
    for row in table:
        arguments = [part.strip() for part in row["arguments"].split(",")]
        out += wrap(f"typedef CK_RV (*CK_{row['name']})(", arguments, ");") + "\n"
    for name, newest in LISTS:
        out += f"\nstruct {name} {{\n    CK_VERSION version;\n"
        for row in table:
            if version(row["since"]) <= version(newest):
                out += f"    CK_{row['name']} {row['name']};\n"
        out += "};\n"
    return out + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    tables, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    (target / "pkcs11_types.h").write_text(types(tables), encoding="utf-8")
    (target / "pkcs11.h").write_text(functions(tables), encoding="utf-8")


main()
