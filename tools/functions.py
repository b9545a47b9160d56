#!/usr/bin/env python3
"""Prints docs/functions.md: every C_ function, since when, where it is, and what it answers.

The names come from the function lists in include/, the rest from src/pkcs11_abi/, where a file's first
line names the chapter of the standard. What is to be said beyond that stands in NOTES. With a file as argument: fails, with the differences,
unless the file has just that.
"""
import difflib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTS = (("2.40", "CK_FUNCTION_LIST"), ("3.0", "CK_FUNCTION_LIST_3_0"), ("3.2", "CK_FUNCTION_LIST_3_2"))
COUNT = 104
NOTES = {
    "C_Initialize": "the application's mutexes only together with `CKF_OS_LOCKING_OK`",
    "C_OpenSession": "no callbacks; `CKF_ASYNC_SESSION`: `docs/asynchronous.md`",
    "C_AsyncComplete": "`docs/asynchronous.md`",
    "C_AsyncGetID": "no call outlives its session: `CKR_STATE_UNSAVEABLE`",
    "C_AsyncJoin": "no identifier is given out: `CKR_SAVED_STATE_INVALID`",
    "C_LoginUser": "one user without a name: another name is `CKR_ARGUMENTS_BAD`",
    "C_GetFunctionStatus": "always `CKR_FUNCTION_NOT_PARALLEL`",
    "C_CancelFunction": "always `CKR_FUNCTION_NOT_PARALLEL`",
    "C_WaitForSlotEvent": "slots never change: `CKR_NO_EVENT`, or a wait until `C_Finalize`",
    "C_DigestKey": "keys that are not sensitive; others: `CKR_KEY_INDIGESTIBLE`",
    "C_GetOperationState": "digests, HMAC and CMAC in parts, 4096 bytes at most so far; else `CKR_STATE_UNSAVEABLE`",
    "C_SetOperationState": "same token and kind of session; a MAC needs its key",
    "C_DecryptMessageNext": "gives all with the last part, when the tag fits",
    "C_EncryptMessage": "`docs/messages.md`",
    "C_WrapKeyAuthenticated": "`docs/messages.md`",
}

def functions():
    """Names in the order of the lists, each with the first version that has it."""
    text = "".join(path.read_text() for path in sorted((ROOT / "include/pkcs11").glob("*.h")))
    since = {}
    for version, struct in LISTS:
        body = re.search(r"struct %s \{(.*?)\n\};" % struct, text, re.S)
        for name in re.findall(r"CK_C_\w+ (C_\w+);", body[1]):
            since.setdefault(name, version)
    return since


def sources():
    """Name -> file."""
    found = {}
    for path in sorted((ROOT / "src/pkcs11_abi").glob("*.c")):
        for name in re.findall(r"^CK_RV (C_\w+)\([^{;]*\)\n\{\n", path.read_text(), re.M):
            found[name] = path.name
    return found


def document():
    since, found = functions(), sources()
    missing = sorted(set(since) ^ set(found))
    if missing or len(since) != COUNT:
        sys.exit("error: lists and sources differ: %d functions, %s" % (len(since), missing))
    lines = [
        "# Functions",
        "",
        "All %d functions of PKCS#11 3.2 are exported, in the function lists, and served. Printed by"
        % COUNT,
        "`tools/functions.py` from the lists and `src/pkcs11_abi/`; do not edit.",
        "",
        "| function | since | file | to be noted |",
        "| --- | --- | --- | --- |",
    ]
    for name, version in since.items():
        lines.append("| `%s` | %s | `%s` | %s |" % (name, version, found[name], NOTES.get(name, "")))
    return "\n".join(lines) + "\n"


def main():
    text = document()
    if len(sys.argv) == 1:
        sys.stdout.write(text)
        return 0
    difference = list(difflib.unified_diff(pathlib.Path(sys.argv[1]).read_text().splitlines(),
                                           text.splitlines(), sys.argv[1], "printed", lineterm=""))
    sys.stdout.write("\n".join(difference[:40]) + ("\n" if difference else ""))
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
