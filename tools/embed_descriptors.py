#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the FileDescriptorProtos of a FileDescriptorSet as C, for src/cratond/descriptors.h.

usage: embed_descriptors.py SET OUTPUT"""
import pathlib
import sys


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
        shift += 7


def fields(data):
    """Yields (number, bytes) of the fields with a length; the others do not occur on these levels."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            _, at = varint(data, at)
            continue
        assert key & 7 == 2, f"wire type {key & 7}"
        size, at = varint(data, at)
        yield key >> 3, data[at:at + size]
        at += size


files = [body for number, body in fields(pathlib.Path(sys.argv[1]).read_bytes()) if number == 1]
lines = ['#include "cratond/descriptors.h"', "", "#include <string.h>", ""]
rows = []
for index, body in enumerate(files):
    name = next(value for number, value in fields(body) if number == 1).decode()
    lines.append(f"static const uint8_t file_{index}[] = {{")
    lines += ["    " + " ".join(f"{byte}," for byte in body[at:at + 20]) for at in range(0, len(body), 20)]
    lines.append("};")
    rows.append(f'    {{ "{name}", file_{index}, sizeof file_{index} }},')
lines += ["", "static const descriptor_file files[] = {", *rows, "};", "",
          "const descriptor_file *descriptor_find(const char *name)", "{",
          "    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {",
          "        if (strcmp(files[i].name, name) == 0)",
          "            return &files[i];", "    }", "    return NULL;", "}", ""]
pathlib.Path(sys.argv[2]).write_text("\n".join(lines))
