#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our PKCS#11 header with the independent one of p11-kit: the value of every constant both
have, the order of the function list, and the layout of the structures both have.

usage: check_pkcs11_header.py OUR_INCLUDE_DIR COMPILER...
exit status 77: p11-kit's is missing"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

OTHER = next((path for path in (pathlib.Path("/usr/include/p11-kit-1/p11-kit/pkcs11.h"),
                                pathlib.Path("/usr/local/include/p11-kit-1/p11-kit/pkcs11.h"))
              if path.exists()), None)
# Other names or meanings on the other side, each with the reason.
KNOWN_DIFFERENT = {
    "CRYPTOKI_VERSION_MINOR": "it describes an older version",
    "CRYPTOKI_VERSION_MAJOR": "it describes an older version",
    # 0x1b5 to 0x1b9 in the standard since 2.40 (and in NSS); p11-kit 0.24 has 0x1c0 to 0x1c4.
    "CKR_EXCEEDED_MAX_ITERATIONS": "wrong there",
    "CKR_FIPS_SELF_TEST_FAILED": "wrong there",
    "CKR_LIBRARY_LOAD_FAILED": "wrong there",
    "CKR_PIN_TOO_WEAK": "wrong there",
    "CKR_PUBLIC_KEY_INVALID": "wrong there",
}
STRUCTS = {
    "CK_VERSION": "major minor",
    "CK_INFO": "cryptokiVersion manufacturerID flags libraryDescription libraryVersion",
    "CK_SLOT_INFO": "slotDescription manufacturerID flags hardwareVersion firmwareVersion",
    "CK_TOKEN_INFO": "label manufacturerID model serialNumber flags ulMaxSessionCount"
                     " ulSessionCount ulMaxRwSessionCount ulRwSessionCount ulMaxPinLen ulMinPinLen"
                     " ulTotalPublicMemory ulFreePublicMemory ulTotalPrivateMemory"
                     " ulFreePrivateMemory hardwareVersion firmwareVersion utcTime",
    "CK_SESSION_INFO": "slotID state flags ulDeviceError",
    "CK_ATTRIBUTE": "type pValue ulValueLen",
    "CK_DATE": "year month day",
    "CK_MECHANISM": "mechanism pParameter ulParameterLen",
    "CK_MECHANISM_INFO": "ulMinKeySize ulMaxKeySize flags",
    "CK_RSA_PKCS_PSS_PARAMS": "hashAlg mgf sLen",
    "CK_RSA_PKCS_OAEP_PARAMS": "hashAlg mgf source pSourceData ulSourceDataLen",
    "CK_ECDH1_DERIVE_PARAMS": "kdf ulSharedDataLen pSharedData ulPublicDataLen pPublicData",
    "CK_AES_CTR_PARAMS": "ulCounterBits cb",
    "CK_C_INITIALIZE_ARGS": "CreateMutex DestroyMutex LockMutex UnlockMutex flags pReserved",
}


def run(command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


def names(text):
    return set(re.findall(r"^\s*#\s*define\s+(CK[A-Z]_[A-Z0-9_]+)[ \t]+\S", text, re.M))


def program(include, constants):
    """C text that prints each constant, offset and size."""
    body = "".join(f'    printf("{name} %lx\\n", (unsigned long)({name}));\n' for name in constants)
    for struct, fields in STRUCTS.items():
        body += f'    printf("{struct} %zu\\n", sizeof({struct}));\n'
        body += "".join(f'    printf("{struct}.{field} %zu\\n", offsetof({struct}, {field}));\n'
                        for field in fields.split())
    functions = sorted(set(re.findall(r"\bC_[A-Za-z]+\b", SHARED_FUNCTIONS)))
    body += "".join(f'    printf("{name} %zu\\n", offsetof(CK_FUNCTION_LIST, {name}));\n'
                    for name in functions)
    return (f"#include <stddef.h>\n#include <stdio.h>\n{include}\n"
            f"int main(void)\n{{\n{body}    return 0;\n}}\n")


def measure(folder, compiler, name, include, flags, constants):
    source, binary = folder / f"{name}.c", folder / name
    source.write_text(program(include, constants), encoding="utf-8")
    run([*compiler, "-w", *flags, str(source), "-o", str(binary)])
    return dict(line.split() for line in run([str(binary)]).splitlines())


if OTHER is None:
    sys.exit(77)
OUR_DIR, COMPILER = pathlib.Path(sys.argv[1]), sys.argv[2:]
OURS = (OUR_DIR / "pkcs11" / "pkcs11_types.h").read_text(encoding="utf-8")
SHARED_FUNCTIONS = "\n".join(
    re.findall(r"struct CK_FUNCTION_LIST \{.*?\};",
               (OUR_DIR / "pkcs11" / "pkcs11.h").read_text(encoding="utf-8"), re.S))
shared = sorted(names(OURS) & names(OTHER.read_text(encoding="utf-8")) - set(KNOWN_DIFFERENT))
if len(shared) < 500:
    sys.exit(f"only {len(shared)} constants in common: the headers were not read well")

with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as temporary:
    where = pathlib.Path(temporary)
    mine = measure(where, COMPILER, "ours", '#include "pkcs11/pkcs11.h"', [f"-I{OUR_DIR}"], shared)
    theirs = measure(where, COMPILER, "theirs",
                     "#define CRYPTOKI_COMPAT 1\n#include <p11-kit/pkcs11.h>",
                     [f"-I{OTHER.parent.parent}"], shared)
bad = [f"{key}: {mine[key]}, p11-kit has {theirs.get(key)}"
       for key in mine if mine[key] != theirs.get(key)]
print("\n".join(bad))
print(f"{len(mine)} facts compared, {len(bad)} differ")
sys.exit(1 if bad else 0)
