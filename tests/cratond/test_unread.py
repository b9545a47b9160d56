#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a value that its client asks for and does not take: it lies in the daemon while it waits, and is
nowhere once it has gone out, or the client has. It is looked for in the daemon itself, through /proc: root only."""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import
from frames import *  # pylint: disable=wildcard-import,unused-wildcard-import
from needles import *  # pylint: disable=wildcard-import,unused-wildcard-import

if os.geteuid() != 0:
    skip_all("only root may look into the daemon's memory")

PATTERN = secrets.token_bytes(PIECE)
VALUE = PATTERN * 85  # of a secret key, which lies nowhere in the open while nobody reads it
TIMES = 48  # it is asked for so often in one call
CALLS = 32  # together more than what a socket takes, what the daemon gathers for one, and a call of each
SIZE = CALLS * TIMES * len(VALUE)
WIDE = 2 ** 31 - 1
INITIAL_WINDOW_SIZE = 4

d, socket_path = unix_daemon("max_streams = 100")
stub = pb_grpc.HsmServiceStub(grpc.insecure_channel(f"unix:{socket_path}"))
d.prepare(stub)
session = d.login(stub)
key = stub.CreateObject(pb.CreateObjectRequest(session_handle=session, template=template(
    CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck["CKK_GENERIC_SECRET"], TOKEN=True, SENSITIVE=False, EXTRACTABLE=True,
    VALUE=VALUE))).object_handle
request = pb.GetAttributeValueRequest(session_handle=session, object_handle=key,
                                      attribute_types=[ck["CKA_VALUE"]] * TIMES)
needles = Needles()
needles.add("the value", PATTERN)


def found():
    return in_memory(d.process.pid, needles, False)


def ask():
    """A connection with so many calls on it whose answers nobody reads, though there would be windows for them."""
    on = Raw(socket_path)
    on.send(frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, WIDE)) +
            frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WIDE - 65535)))
    for _ in range(CALLS):
        stream = on.headers("/craton_hsm.HsmService/GetAttributeValue")
        on.send(frame(DATA, END_STREAM, stream, message(request.SerializeToString())))
    return on


def read_all(on):
    """The bytes of all answers."""
    ended = size = 0
    while ended < CALLS:
        kind, flags, _, data = on.next()
        size += len(data) if kind == DATA else 0
        ended += 1 if kind in (HEADERS, DATA) and flags & END_STREAM else 0
    return size


none("before", found())
for what, end in (("read late", read_all), ("not read at all", lambda on: SIZE)):
    waiting = ask()
    check(f"{what}: it waits in the daemon", lambda: wait_for(found))
    check(f"{what}: all of it comes", lambda: end(waiting) >= SIZE)
    waiting.socket.close()
    check(f"{what}: and then it is nowhere", lambda: wait_for(lambda: not found(), 10))
check("the daemon ends", lambda: d.stop() == 0)
finish()
