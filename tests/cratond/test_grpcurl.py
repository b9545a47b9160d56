#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon from a shell: grpcurl, which learns the calls by reflection and speaks JSON."""
import base64
import json

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

if not shutil.which("grpcurl"):
    skip_all("no grpcurl (Debian has no package of it)")


def grpcurl(*arguments, name="client", on=None):
    """(exit status, what it printed); CALL or a word is the last argument, JSON comes before it."""
    cert, key = (on or d).credentials(name) if name else (None, None)
    done = subprocess.run(["grpcurl", "-cacert", (on or d).ca.path, *(["-cert", cert, "-key", key] if name else []),
                           "-max-time", str(PATIENCE_S), *arguments[:-1], f"localhost:{(on or d).port}", *arguments[-1].split()],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, check=False)
    return done.returncode, done.stdout


def answer(call, **request):
    status, text = grpcurl("-d", json.dumps(request), call)
    if status != 0:
        raise RuntimeError(text)
    return json.loads(text)


def binary(data):
    return base64.b64encode(data).decode()


HSM = "craton_hsm.HsmService"
d = Daemon("grpcurl", daemon="reflection = true\n")
d.prepare(d.stub())
listed = grpcurl("list")[1].split()
check(f"what services there are: {listed}", {HSM, "grpc.health.v1.Health"} <= set(listed))
methods = grpcurl(f"list {HSM}")[1].split()
check(f"and what calls: {len(methods)}", f"{HSM}.Sign" in methods and len(methods) > 24)
check("and of what they are made", "craton_hsm.SignRequest" in grpcurl(f"describe {HSM}.Sign")[1])
check("health", answer("grpc.health.v1.Health/Check") == {"status": "SERVING"})
session = answer(f"{HSM}/OpenSession", read_write=True)["sessionHandle"]
check("a session ends with its connection, which is grpcurl's own", "NotFound" in grpcurl(
    "-d", json.dumps({"session_handle": session, "length": 8}), f"{HSM}/GenerateRandom")[1])
stub = d.stub("client")
held = d.login(stub)  # the same identity: sessions are the client's, not the connection's
public = ec_pair(stub, held, "by-grpcurl")[0]
found = answer(f"{HSM}/FindObjects", session_handle=held, template=[{"attr_type": 3, "value": binary(b"by-grpcurl")}])
check("find", len(found["objectHandles"]) == 2)
signed = base64.b64decode(answer(f"{HSM}/SignWith", key_label="by-grpcurl",
                                 mechanism={"mechanism_type": ck["CKM_ECDSA_SHA256"]}, data=binary(b"a letter"))["signature"])
half = len(signed) // 2
key = ec_public(stub, held, public)
check("sign, and another library verifies it", lambda: key.verify(encode_dss_signature(
    int.from_bytes(signed[:half], "big"), int.from_bytes(signed[half:], "big")), b"a letter", ec.ECDSA(hashes.SHA256())))
status, text = grpcurl("-v", "-d", json.dumps({"session_handle": held, "key_handle": 1 << 40,
                                               "mechanism": {"mechanism_type": ck["CKM_ECDSA"]}}), f"{HSM}/Sign")
check("an error has a status, and the CK_RV in a trailer", "Code: NotFound" in text
      and f"craton-rv: {ck['CKR_KEY_HANDLE_INVALID']}" in text or print("# " + text) or False)
for label, name in (("no certificate", None), ("an expired one", "expired")):
    if name:
        d.credentials(name, begin=-3 * DAY, end=-DAY)
    status, text = grpcurl("list", name=name)
    check(f"with {label} nothing is answered", status != 0 and "rror" in text)
d.stop()

quiet = Daemon("quiet")
status, text = grpcurl("list", on=quiet)
check("without reflection", status != 0 and "reflection" in text)
status, text = grpcurl("-import-path", str(ROOT / "proto"), "-proto", "health.proto", "grpc.health.v1.Health/Check", on=quiet)
check("the description from a file instead", status == 0 and json.loads(text) == {"status": "SERVING"})
quiet.stop()
finish()
