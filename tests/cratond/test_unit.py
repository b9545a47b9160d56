#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd unit's system-call filter, held against every call that a daemon at work makes: what the filter
refuses must not be among them. systemd says what its sets mean, strace what is called."""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

for tool, package in (("strace", "strace"), ("systemd-analyze", "systemd")):
    if not shutil.which(tool):
        skip_all(f"no {tool} (package {package})")


def members(name):
    """The calls of a set, those of the sets in it among them."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = set()
    for word in re.findall(r"^    ([@\w-]+)", listed, re.M):
        found |= members(word) if word.startswith("@") else {word}
    return found


# As systemd.exec(5) reads them: the first line makes a list of what is allowed, ~ takes away, others add.
allowed = set()
for line in re.findall(r"^SystemCallFilter=(.*)$", (ROOT / "deploy/systemd/cratond.service").read_text(), re.M):
    named = set()
    for word in line.lstrip("~").split():
        named |= members(word) if word.startswith("@") else {word}
    allowed = allowed - named if line.startswith("~") else allowed | named
check("there is a filter", {"read", "epoll_wait", "mlock"} <= allowed and not {"mount", "ptrace", "setuid"} & allowed)

# As a user of its own, as under the unit: SQLite, for one, does more for root (fchown).
USER = 5696
trace = work / "trace"
wrapper = work / "traced"
for path in (BINARY, ADMIN):
    for each in pathlib.Path(path).parent.glob(pathlib.Path(path).name + "*"):
        if each.is_file():
            shutil.copy(each, work)
as_user = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups"] if os.geteuid() == 0 else []
wrapper.write_text(f'#!/bin/sh\nexec strace -D -f -qq -o "{trace}" {" ".join(as_user)} "{work}/{pathlib.Path(BINARY).name}" "$@"\n')
wrapper.chmod(0o700)
d = Daemon("unit", daemon=f'metrics_bind = "unix:{work}/metrics"\ncrl_refresh_secs = 1\n', start=False)


def give():
    """All there is belongs to the daemon's user."""
    for path in [work, *work.rglob("*")] if as_user else []:
        os.chown(path, USER, USER)


give()
sys.modules["daemon"].BINARY = str(wrapper)
try:
    d.start()
except RuntimeError as error:
    skip_all(f"strace traces nothing here: {str(error).strip().splitlines()[-1] if str(error).strip() else 'no reason given'}")
sys.modules["daemon"].BINARY = BINARY

# A bit of everything, several at a time: PINs, keys, slow and quick operations, changes of the store, streams,
# connections that come, go and fail, a reload, a second daemon on the same store, the end.
stub = d.stub()
d.prepare(stub)
session = d.login(stub)
public, private = ec_pair(stub, session)
rsa = [stub.GenerateKeyPair.future(pb.GenerateKeyPairRequest(
    session_handle=stub.OpenSession(pb.OpenSessionRequest(read_write=True)).session_handle,
    mechanism=mech("RSA_PKCS_KEY_PAIR_GEN"), public_template=template(MODULUS_BITS=2048),
    private_template=template(SIGN=True))) for _ in range(2)]
more = [d.stub(f"client{i}") for i in range(4)]
check("several clients work", lambda: all(each.HealthCheck(pb.HealthCheckRequest()).healthy for each in more))
signed = [stub.Sign.future(pb.SignRequest(session_handle=session, mechanism=mech("ECDSA_SHA256"), key_handle=private,
                                          data=bytes([i]))) for i in range(200)]
check("and one with many calls", lambda: all(each.result(PATIENCE_S * 2).signature for each in signed))
check("key generation", lambda: all(each.result(PATIENCE_S * 2).public_key_handle for each in rsa))
start = pb.StreamRequest(start=pb.StreamStart(session_handle=session, mechanism=mech("SHA256")))
check("a stream", lambda: stub.DigestStream(iter([start] + [pb.StreamRequest(data=bytes(100000))] * 10)).digest)
check_fails("a client without a certificate", "UNAVAILABLE", d.stub(None).HealthCheck, pb.HealthCheckRequest())
stub.DestroyObject(pb.DestroyObjectRequest(session_handle=session, object_handle=private))
admin = subprocess.run([*as_user, work / pathlib.Path(ADMIN).name, "--config", d.config, "status"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
check("the admin command beside it", admin.returncode == 0 or print("# " + admin.stderr) or False)
d.reload()
check("a reload", lambda: d.said("were read again"))
check("the end", d.stop() == 0)

# From where it is the daemon that runs.
lines = trace.read_text(errors="replace")
called = set(re.findall(r"^\d+ +(\w+)\(", lines[lines.rindex(" execve("):], re.M)) - {"execve"}
refused = sorted(called - allowed)
check(f"{len(called)} different system calls, and the filter lets them all pass: {refused}", len(called) > 40 and not refused)
finish()
