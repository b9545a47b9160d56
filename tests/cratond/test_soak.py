#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""64 connections at full rate, whose clients are killed and come back, while certificates change and
other processes use the same store. Nothing acknowledged is lost, nothing leaks, the audit log is whole.

Twenty seconds; with CRATON_HSM_TEST_LONG ten minutes, or CRATON_HSM_SOAK_SECONDS.
"""
import random

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

SECONDS = float(os.environ.get("CRATON_HSM_SOAK_SECONDS") or (600 if os.environ.get("CRATON_HSM_TEST_LONG") else 20))
LOADERS = 4  # of 16 connections each
MAKERS = 3
TURN_S = 0.4  # between two deaths
RELOAD_TURNS = 5
# What a heap may keep that has been in use by threads that come and go.
GROWTH_MAX_BYTES = 24 << 20

# A client that makes objects, and writes down what it was told is there.
MAKER = '''
import os, sys
work, name, ca, cert, key, port, pin, ledger, types = {arguments!r}
sys.path.insert(0, work)
import grpc
import craton_hsm_pb2 as pb, craton_hsm_pb2_grpc as pb_grpc
read = lambda path: open(path, "rb").read()
tls = grpc.ssl_channel_credentials(read(ca), read(key), read(cert))
hsm = pb_grpc.HsmServiceStub(grpc.secure_channel("localhost:" + str(port), tls))
session = hsm.OpenSession(pb.OpenSessionRequest(slot_id=0, read_write=True)).session_handle
hsm.Login(pb.LoginRequest(session_handle=session, user_type=1, pin=pin))
out = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
number = 0
while True:
    label = name + "-" + str(number)
    values = (types["CKO_DATA"], b"\\1", label.encode(), label.encode())
    hsm.CreateObject(pb.CreateObjectRequest(session_handle=session, template=[
        pb.Attribute(attr_type=types[kind], value=value)
        for kind, value in zip(("CKA_CLASS", "CKA_TOKEN", "CKA_LABEL", "CKA_VALUE"), values)]))
    os.write(out, (label + "\\n").encode())
    number += 1
'''
types = {name: ck[name] for name in ("CKA_CLASS", "CKA_TOKEN", "CKA_LABEL", "CKA_VALUE")} | {"CKO_DATA": ulong(ck["CKO_DATA"])}

d = Daemon("soak", daemon='max_connections = 500\nmax_streams = 100\n'
           f'metrics_bind = "unix:{work}/soak-metrics"\n', start=False)
d.start(CRATON_HSM_LOG="stderr:info")
holder, signs = d.signers("loader")
admin_environment = {**os.environ, "CRATON_HSM_CONFIG": str(d.config)}
ledger = work / "ledger"
ledger.touch()
born = 0


def loader():
    return subprocess.Popen(d.load("loader", "--seconds", 100000, "--connections", 16, "--streams", 4, "--reply-min", 69,
                                   path="/craton_hsm.HsmService/Sign", requests=signs),
                            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def maker():
    global born
    born += 1
    cert, key = d.credentials(f"maker{born}")
    text = MAKER.format(arguments=(str(work), f"m{born}", str(d.ca.path), str(cert), str(key), d.port, d.pin.encode(),
                                   str(ledger), types))
    made = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.DEVNULL)
    made.first = f"m{born}-0\n"
    return made


def may_die(process):
    """A maker that has not come so far as to make something dies for nothing, again and again on a slow machine."""
    return process.poll() is not None or getattr(process, "first", "") in ledger.read_text()


def renew():
    """Another certificate of the daemon's, another list of revoked ones."""
    cert, key = d.ca.issue(f"server{born}", dns("localhost"), ip("127.0.0.1"))
    for old, new in ((d.key, key), (d.cert, cert)):
        new.rename(old)
    d.reload()


def descriptors():
    return len(os.listdir(f"/proc/{d.process.pid}/fd"))


def settled():
    """Everybody has gone but the holder; the store and its log have been opened since."""
    return wait_for(lambda: descriptors() <= quiet_descriptors + 8)


quiet_descriptors = descriptors()
kinds = [loader] * LOADERS + [maker] * MAKERS
running = [kind() for kind in kinds]
deaths = reloads = lost_starts = 0
after_warm_up = 0
begin = time.monotonic()
turn = 0
while time.monotonic() - begin < SECONDS:
    time.sleep(TURN_S)
    turn += 1
    which = random.randrange(len(running))
    # One that ended by itself was refused, or lost its connection: not what a client may see here.
    if running[which].poll() is not None:
        lost_starts += 1
    if may_die(running[which]):
        running[which].kill()
        running[which].wait()
        running[which] = kinds[which]()
        deaths += 1
    if turn % RELOAD_TURNS == 0:
        renew()
        reloads += 1
    if after_warm_up == 0 and time.monotonic() - begin > SECONDS / 3:
        after_warm_up = d.resident()
at_end = d.resident()
check("the daemon lives", d.process.poll() is None)
check(f"{deaths} clients were killed, {reloads} reloads; {lost_starts} ended by themselves", lost_starts == 0)
check("the certificates were read again each time", "stay in force" not in d.log())
check("and its own connection has lasted", lambda: holder.Sign(signs[0]))
for each in running:
    each.kill()
    each.wait()
check("descriptors of those who were killed are given back", settled)
check(f"memory: {after_warm_up >> 10} KiB after a third of the time, {at_end >> 10} KiB at its end",
      at_end < after_warm_up + GROWTH_MAX_BYTES)
labels = ledger.read_text().split()
check(f"{len(labels)} objects were acknowledged", len(labels) > 10)


def present():
    own = d.stub("checker")
    with_login = d.login(own)
    for label in labels:
        found = own.FindObjects(pb.FindObjectsRequest(session_handle=with_login, template=template(LABEL=label)))
        assert len(found.object_handles) == 1, label
    return True


check("each of them is there", present)
check("the daemon ends in order", lambda: d.stop() == 0)
d.start(CRATON_HSM_LOG="stderr:info")
check("and after a new start", present)
d.stop()
verified = subprocess.run([ADMIN, "audit", "verify-chain"], env=admin_environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
check(f"the audit log is whole ({verified.returncode})", verified.returncode == 0)
finish()
