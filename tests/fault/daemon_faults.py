#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon in a C library that fails: the n-th allocation, file, read, write or random number of a whole life,
from its start over a client's calls to SIGTERM.

It does not start, with a status of docs/daemon.md; or it serves, and stops as it should. It never ends by a
signal and never hangs. A call is answered or refused, and after one failure that has passed the next client
is served. Afterwards a daemon without failures serves from the same store.

CRATON_HSM_CRATOND is a daemon whose OpenSSL allocates by the C library, and whose PINs are cheap. Not every n by
default; CRATON_HSM_TEST_LONG=1 tries all, and of the allocations, which are tens of thousands, two thousand.
CRATON_HSM_TEST_N is the only n to be tried. Arguments are the kinds.
"""
import os
import pathlib
import shutil
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cratond"))
from daemon import *  # noqa: E402  pylint: disable=wildcard-import,unused-wildcard-import,wrong-import-position

IS_LONG = "CRATON_HSM_TEST_LONG" in os.environ
FOR_GOOD = 1000000
MEMORY, FILES, READS, WRITES, RANDOM = 1, 2, 4, 8, 16  # of tests/fault/shim.h
KINDS = [
    ("one allocation", MEMORY, 1), ("all allocations", MEMORY, FOR_GOOD), ("one file", FILES, 1), ("one read", READS, 1),
    ("all reads", READS, FOR_GOOD), ("one write", WRITES, 1), ("all writes", WRITES, FOR_GOOD),
    ("one random", RANDOM, 1), ("no random", RANDOM, FOR_GOOD),
]
DEADLINE_S = 30
SAMPLES = 12
LONG_MAX = 2000
# Where it once served nobody, without a word; they move with each change and are near the place still.
ONCE_WRONG = {MEMORY: {9322, 9387, 9712, 10284, 11714, 14834, 17005, 17018, 18682, 18760, 19371}}
REFUSED = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN", "DATA_LOSS"}
NOT_STARTED = {2, 3, 6, 7, 8}
FAILED = 8
problems = []


def expect(holds, what):
    if not holds:
        problems.append(what)


class QuietDaemon(Daemon):
    """Found by a port that is known beforehand: the line that tells it may be what can't be written."""

    def start(self, **environment):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([BINARY, "--config", str(self.config)], stderr=log,
                                            stdout=subprocess.DEVNULL, env={**os.environ, **environment})
        Daemon.running.append(self)
        if not wait_for(lambda: self.process.poll() is not None or self.is_listening()):
            raise TimeoutError("neither does it listen nor has it ended")

    def is_listening(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def choose_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config.write_text(self.config.read_text().replace('"127.0.0.1:0"', f'"127.0.0.1:{self.port}"'))


class Client:
    """Each call has a deadline: what passes it hangs."""

    def __init__(self):
        self.channel = d.channel()
        self.stub = pb_grpc.HsmServiceStub(self.channel)

    def call(self, name, **fields):
        return getattr(self.stub, name)(getattr(pb, f"{name}Request")(**fields), timeout=DEADLINE_S)

    def work(self):
        session = self.call("OpenSession", slot_id=0, read_write=True).session_handle
        self.call("Login", session_handle=session, user_type=1, pin=d.pin.encode())
        made = self.call("GenerateKeyPair", session_handle=session, mechanism=mech("EC_KEY_PAIR_GEN"),
                         public_template=template(TOKEN=False, EC_PARAMS=P256, VERIFY=True),
                         private_template=template(TOKEN=False, SIGN=True))
        self.call("Sign", session_handle=session, mechanism=mech("ECDSA"), key_handle=made.private_key_handle,
                  data=bytes(32))
        self.call("GenerateRandom", session_handle=session, length=32)
        self.call("CloseSession", session_handle=session)


def use():
    """The status name of a client's first call that is refused, or "OK"."""
    client = Client()
    try:
        return status_of(client.work)[0]
    finally:
        client.channel.close()


def put_back():
    shutil.rmtree(store)
    shutil.copytree(start, store)


def begin(**environment):
    """Whether it serves; else its exit status."""
    d.start(**environment)
    status = d.process.poll()
    if status is not None:
        Daemon.running.remove(d)
    return status is None, status


def serve(kinds, lasting):
    """What is seen of a daemon that has started, until it has ended."""
    seen = [use(), use()]
    expect(all(status in REFUSED | {"OK"} for status in seen), f"answers: {seen}")
    may_stop = lasting > 1 or kinds in (WRITES, RANDOM)  # the log stops for good, and so does a failed random source
    expect(may_stop or "OK" in seen, f"nobody is served after one failure: {seen}")
    status = d.stop()
    expect(status == 0 or (may_stop and status in (7, FAILED)), f"it ended with status {status}")


def try_one(kinds, n, lasting):
    """The number of calls of that kind there were; FOR_GOOD when it was not told."""
    calls = work / "calls"
    calls.unlink(missing_ok=True)
    d.log_path.unlink(missing_ok=True)
    put_back()
    is_serving, status = begin(LD_PRELOAD=SHIM, FAULT_KINDS=str(kinds), FAULT_AT=str(n), FAULT_FOR=str(lasting),
                               FAULT_CALLS=str(calls))
    if is_serving:
        serve(kinds, lasting)
    else:
        expect(status in NOT_STARTED, f"it does not start, with status {status}: {d.log()[-300:]}")
    if kinds != MEMORY or lasting > 1:
        expect(begin()[0] and use() == "OK" and d.stop() == 0, "without failures it does not serve")
    return int(calls.read_text()) if calls.exists() and calls.stat().st_size > 0 else FOR_GOOD


def numbers(kinds, started, ended):
    """Which n: of the start few, of the calls more."""
    if "CRATON_HSM_TEST_N" in os.environ:
        return [int(os.environ["CRATON_HSM_TEST_N"])]
    if IS_LONG:
        return range(1, ended + 1, 1 + ended // LONG_MAX)
    chosen = {2 ** power - 1 for power in range(1, 20) if 2 ** power - 1 < started}
    return sorted(chosen | ONCE_WRONG.get(kinds, set()) | set(range(started + 1, ended + 1, max(1, (ended - started) // SAMPLES))))


def count_calls(kinds):
    """Of a start and an end, and of a life with calls."""
    counts = []
    for is_used in (False, True):
        calls = work / "calls"
        begin(LD_PRELOAD=SHIM, FAULT_KINDS=str(kinds), FAULT_AT="0", FAULT_FOR="0", FAULT_CALLS=str(calls))
        if is_used:
            expect(use() == "OK" and use() == "OK", "without failures it does not serve")
        d.stop()
        counts.append(int(calls.read_text()))
    return counts


def try_all(label, kinds, lasting):
    tried = 0
    for n in numbers(kinds, *count_calls(kinds)):
        before = len(problems)
        try_one(kinds, n, lasting)
        for problem in problems[before:]:
            print(f"# {label}, {n}: {problem}".replace("\n", "\n# "), flush=True)
        tried += 1
    print(f"# {label}: {tried} failures tried")


d = QuietDaemon("faults", start=False)
d.choose_port()
# LD_PRELOAD can't name a path that has a space in it.
SHIM = shutil.copy(os.environ["FAULT_SHIM"], work / "shim.so")
store, start = work / "faults-store", work / "start"
begin()
d.prepare(d.stub())
d.stop()
shutil.copytree(store, start)
for kind in KINDS:
    if len(sys.argv) < 2 or kind[0] in sys.argv[1:]:
        known = len(problems)
        try_all(*kind)
        check(kind[0], len(problems) == known)
finish()
