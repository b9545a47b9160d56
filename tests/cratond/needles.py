# SPDX-License-Identifier: Apache-2.0
"""Secrets, and whether they are found in a process's memory."""
import base64
import pathlib
import re

from daemon import check

PIECE = 12  # bytes in a row that chance does not make; so a copy in parts is found too


class Needles:
    """Secrets, searched for as they are, turned round (as big numbers lie in memory), in hex and base64."""

    def __init__(self):
        self.all = {}

    def add(self, label, value):
        forms = {"": value, ", turned": value[::-1]}
        for name, form in forms.items():
            for at in range(0, len(form) - PIECE + 1, PIECE):
                self.all[form[at:at + PIECE]] = label + name
        for form in (value.hex().encode(), value.hex().upper().encode(), base64.b64encode(value)):
            for at in range(0, len(form) - 2 * PIECE + 1, PIECE):
                self.all[form[at:at + 2 * PIECE]] = label + ", as text"

    def find(self, data):
        """(label, place) of each that is there."""
        return [(label, data.find(piece)) for piece, label in self.all.items() if piece in data]


def mappings(pid):
    """(start, end, whether a core file leaves it out, name) of what may be written."""
    found = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
        if head:
            start, end, mode, name = head.groups()
        elif line.startswith("VmFlags:") and mode.startswith("rw"):
            found.append((int(start, 16), int(end, 16), " dd" in line, name))
    return found


def memory(pid, only_dumped):
    """What a process has in memory, mapping by mapping: (where that is, bytes). Root only."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for start, end, is_left_out, name in mappings(pid):
            if only_dumped and is_left_out:
                continue
            data = bytearray()
            file.seek(start)
            try:
                while len(data) < end - start:
                    data += file.read(end - start - len(data))
            except OSError:  # a guard page
                pass
            yield f"{name or 'memory of its own'}{' (left out of core files)' if is_left_out else ''}", bytes(data)


def in_memory(pid, needles, only_dumped):
    """Labels of what is found in a process, with the kind of mapping."""
    return sorted({f"{label} in {where}" for where, data in memory(pid, only_dumped) for label, _ in needles.find(data)})


def none(label, found):
    return check(label + (f": {found}" if found else ""), not found)
