#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 and gRPC as no well-behaved client speaks them, and the mistakes a server makes with them."""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import
from frames import *  # pylint: disable=wildcard-import,unused-wildcard-import

d, socket_path = unix_daemon("max_streams = 100")
check("a Unix socket instead of TCP", wait_for(socket_path.exists))
check("for its owner alone", socket_path.stat().st_mode & 0o777 == 0o600)
channel = grpc.insecure_channel(f"unix:{socket_path}")
stub = pb_grpc.HsmServiceStub(channel)
check("calls over it", lambda: stub.HealthCheck(pb.HealthCheckRequest(), timeout=30).healthy)

HEALTH = "/grpc.health.v1.Health/Check"
SIGN = "/craton_hsm.HsmService/Sign"
OK = {":status": "200", "grpc-status": "0"}


def raw():
    return Raw(socket_path)


def memory_kb():
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{d.process.pid}/status").read_text())[1])


def cpu_ticks():
    fields = pathlib.Path(f"/proc/{d.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def alive(label):
    check(f"{label}: others notice nothing", lambda: stub.HealthCheck(pb.HealthCheckRequest(), timeout=30).healthy)


def says(answer, **wanted):
    wanted = {name.replace("_", "-"): value for name, value in wanted.items()}
    return answer is not None and all(answer.get(name) == value for name, value in wanted.items())


# --- gRPC's own rules --------------------------------------------------------------------------------

check("a call", says(raw().call(HEALTH, message(b"")), grpc_status="0", body=message(b"\x08\x01")))
for label, path, body, how, wanted in (
        ("an unknown method", "/a/b", message(b""), {}, {"grpc_status": "12"}),
        ("a path longer than any", "/" + "a" * 4000, message(b""), {}, {"grpc_status": "12"}),
        ("another content type", HEALTH, message(b""), {"content_type": "text/plain"}, {":status": "415"}),
        ("one that only begins like it", HEALTH, message(b""), {"content_type": "application/grpc-web"}, {":status": "415"}),
        ("the one with a suffix", HEALTH, message(b""), {"content_type": "application/grpc+proto"}, {"grpc_status": "0"}),
        ("a message with a flag", HEALTH, message(b"", 7), {}, {"grpc_status": "13"}),
        ("a compressed message", HEALTH, message(b"x", 1), {}, {"grpc_status": "12"}),
        ("an encoding", HEALTH, message(b""), {"grpc_encoding": "gzip"}, {"grpc_status": "12", "grpc_accept_encoding": "identity"}),
        ("two messages", HEALTH, message(b"") * 2, {}, {"grpc_status": "13"}),
        ("no message", HEALTH, b"", {}, {"grpc_status": "13"}),
        ("half a message", HEALTH, message(b"12345")[:-1], {}, {"grpc_status": "13"}),
        ("half a prefix", HEALTH, b"\0\0", {}, {"grpc_status": "13"}),
        ("a message of another type", SIGN, message(b"\xff\xff"), {}, {"grpc_status": "3"}),
        ("one that says it is 4 GiB", SIGN, b"\0\xff\xff\xff\xff", {}, {"grpc_status": "8"}),
        ("a timeout without a unit", HEALTH, message(b""), {"grpc_timeout": "5"}, {"grpc_status": "13"}),
        ("a timeout of nine digits", HEALTH, message(b""), {"grpc_timeout": "123456789S"}, {"grpc_status": "13"}),
        ("a timeout", HEALTH, message(b""), {"grpc_timeout": "99999999H"}, {"grpc_status": "0"})):
    check(label, says(raw().call(path, body, **how), **wanted))
on = raw()
on.encoder = hpack.Encoder()
stream = on.headers(HEALTH, **{":method": "GET"})
on.send(frame(DATA, END_STREAM, stream, message(b"")))
check("GET", says(on.answer(stream), **{":status": "405"}))

# An answer before the request is complete must arrive, and only then the request is stopped.
on = raw()
stream = on.headers("/a/b")
check("an answer to half a request arrives", says(on.answer(stream), grpc_status="12"))
stop = on.until(RST_STREAM, stream=stream)
check("then the rest is not wanted", stop is not None and int.from_bytes(stop[3], "big") == 0)

# A stream that is closed stays closed.
on = raw()
stream = on.headers(HEALTH)
on.send(frame(DATA, END_STREAM, stream, message(b"")))
on.answer(stream)
on.send(frame(DATA, 0, stream, b"more"))
stop = on.until(RST_STREAM, GOAWAY)
check("data on a closed stream is an error", stop is not None)

# --- limits --------------------------------------------------------------------------------------------

on = raw()
stream = on.headers(HEALTH, end=True, more=[(f"x-{i}", "v" * 1000) for i in range(12)])
check("12 KiB of headers", says(on.answer(stream), grpc_status="13"))  # no message, but that far
on = raw()
stream = on.headers(HEALTH, end=True, more=[(f"x-{i}", "v" * 1000) for i in range(17)])
check("17 KiB of headers", lambda: "rst" in on.answer(stream))
before = memory_kb()
big = b"\x12\0" * (2 * 1024 * 1024 - 4)  # a template of empty attributes, as large as a request may be
create = channel.unary_unary("/craton_hsm.HsmService/CreateObject", request_serializer=bytes, response_deserializer=bytes)
check_fails("a message that would grow 36-fold", "INVALID_ARGUMENT", create, big, timeout=60)
check_fails("one byte more than a request may have", "RESOURCE_EXHAUSTED", create, bytes(4 * 1024 * 1024 + 1), timeout=60)
check("takes no memory", memory_kb() - before < 48 * 1024)

on = raw()
for _ in range(101):
    stream = on.headers(HEALTH)
stop = on.until(RST_STREAM, GOAWAY)
check("one stream too many", stop is not None and stop[0] in (RST_STREAM, GOAWAY))

# --- abuse: the attacker loses the connection, nobody else anything -----------------------------------------


def flood(label, frames, code=None, count=100000):
    """Sends frames(i) without reading, until the other end has had enough."""
    on = raw()
    before, at_start = memory_kb(), cpu_ticks()
    sent = 0
    on.socket.settimeout(1)
    try:
        while sent < count and on.send(b"".join(frames(on, i) for i in range(sent, sent + 100))):
            sent += 100
    except socket.timeout:
        pass  # it does not read any more
    on.socket.settimeout(60)
    seen = on.goaway()
    check(f"{label}: the connection ends ({seen})", seen is None or (seen != 0 and code in (None, seen)))
    check(f"{label}: before all of it was taken", sent < count)
    check(f"{label}: no memory", memory_kb() - before < 16 * 1024)
    alive(label)


def reset(on, _):
    on.stream += 2
    block = on.encoder.encode([(":method", "POST"), (":scheme", "http"), (":path", HEALTH), (":authority", "l"),
                               ("content-type", "application/grpc")])
    return frame(HEADERS, END_HEADERS, on.stream, block) + frame(RST_STREAM, 0, on.stream, b"\0\0\0\x08")


flood("rapid reset", reset)
flood("PING", lambda on, i: frame(PING, 0, 0, bytes(8)))
flood("SETTINGS", lambda on, i: frame(SETTINGS))
flood("PRIORITY", lambda on, i: frame(PRIORITY, 0, 1, b"\0\0\0\0\x10"))
flood("CONTINUATION", lambda on, i: (frame(HEADERS, 0, 1, b"") if i == 0 else b"") + frame(CONTINUATION, 0, 1, b"\0" * 1000), count=40000)
flood("tiny windows", lambda on, i: frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"))


def empty_data(on, i):
    return (frame(HEADERS, END_HEADERS, 1, on.encoder.encode([
        (":method", "POST"), (":scheme", "http"), (":path", HEALTH), (":authority", "l"),
        ("content-type", "application/grpc")])) if i == 0 else b"") + frame(DATA, 0, 1)


flood("empty DATA", empty_data)
on = raw()
on.send(frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"))
check("a window that overflows", on.goaway() == FLOW_CONTROL_ERROR)
on = Raw.__new__(Raw)
on.socket = socket.socket(socket.AF_UNIX)
on.socket.settimeout(60)
on.socket.connect(str(socket_path))
on.socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(100))
check("HTTP/1.1 is answered by an end", lambda: on.goaway() != 0)
for index in range(200):
    garbage = socket.socket(socket.AF_UNIX)
    garbage.connect(str(socket_path))
    garbage.sendall((PREFACE if index % 2 else b"") + os.urandom(200))
    garbage.close()
alive("garbage")

# A client that reads nothing holds no more than its share.
d.prepare(stub)
session = stub.OpenSession(pb.OpenSessionRequest(slot_id=0)).session_handle
before = memory_kb()
stalled = [raw() for _ in range(4)]
for on in stalled:
    on.encoder = hpack.Encoder()
request = message(pb.GenerateRandomRequest(session_handle=session, length=1048576).SerializeToString())
for on in stalled:
    for _ in range(90):
        stream = on.headers("/craton_hsm.HsmService/GenerateRandom")
        on.send(frame(DATA, END_STREAM, stream, request))
alive("slow readers")
check("slow readers: bounded memory", lambda: memory_kb() - before < 4 * 96 * 1024)
for on in stalled:
    on.socket.close()

# --- calls that end before their work does --------------------------------------------------------------------

session = d.login(stub)
slow = message(pb.GenerateKeyPairRequest(
    session_handle=session, mechanism=mech("RSA_PKCS_KEY_PAIR_GEN"), public_template=template(MODULUS_BITS=3072),
    private_template=template(SIGN=True)).SerializeToString())
for label, end in (("its stream", lambda on, stream: on.send(frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))),
                   ("its connection", lambda on, stream: on.socket.close())):
    on = raw()
    stream = on.headers("/craton_hsm.HsmService/GenerateKeyPair")
    on.send(frame(DATA, END_STREAM, stream, slow))
    end(on, stream)
    alive(f"work whose caller has closed {label}")
check("the session is free again", lambda: stub.FindObjects(pb.FindObjectsRequest(session_handle=session), timeout=60))

# A deadline passes while the work goes on. Now and then a key is found before: then the next one is asked for.
OFTEN_ENOUGH = 10


def misses(deadline):
    return any(deadline() for _ in range(OFTEN_ENOUGH))


def server_misses():
    on = raw()
    stream = on.headers("/craton_hsm.HsmService/GenerateKeyPair", grpc_timeout="50m")
    on.send(frame(DATA, END_STREAM, stream, slow))
    return says(on.answer(stream), grpc_status="4")


check("a deadline", misses(lambda: status_of(stub.GenerateKeyPair, pb.GenerateKeyPairRequest(
    session_handle=session, mechanism=mech("RSA_PKCS_KEY_PAIR_GEN"), public_template=template(MODULUS_BITS=4096),
    private_template=template(SIGN=True)), timeout=0.05)[0] == "DEADLINE_EXCEEDED"))
check("a deadline that the server keeps", misses(server_misses))
on = raw()
stream = on.headers(HEALTH, grpc_timeout="50m")
check("one for a request that does not come", says(on.answer(stream), grpc_status="4"))
check("the session comes back", lambda: stub.FindObjects(pb.FindObjectsRequest(session_handle=session), timeout=60))

# --- slow work is not in the way ---------------------------------------------------------------------------------

public, private = ec_pair(stub, session, token=False)
others = [stub.OpenSession(pb.OpenSessionRequest(slot_id=0, read_write=True)).session_handle for _ in range(8)]
keys = [stub.GenerateKeyPair.future(pb.GenerateKeyPairRequest(
    session_handle=each, mechanism=mech("RSA_PKCS_KEY_PAIR_GEN"), public_template=template(MODULUS_BITS=4096),
    private_template=template(SIGN=True))) for each in others]
for _ in range(20):
    stub.Sign(pb.SignRequest(session_handle=session, mechanism=mech("ECDSA_SHA256"), key_handle=private, data=b"x"), timeout=60)
check("twenty signatures overtake eight key generations", not all(each.done() for each in keys))
for each in keys:  # or what comes next would have to wait for those that are still queued
    each.cancel()
# The same session is in its own order.
mixed = [stub.GenerateKeyPair.future(pb.GenerateKeyPairRequest(
    session_handle=session, mechanism=mech("RSA_PKCS_KEY_PAIR_GEN"), public_template=template(MODULUS_BITS=2048),
    private_template=template(SIGN=True)))]
mixed += [stub.Sign.future(pb.SignRequest(session_handle=session, mechanism=mech("ECDSA_SHA256"), key_handle=private,
                                          data=b"x")) for _ in range(30)]
check("calls of one session wait for each other", lambda: all(each.result(60) for each in mixed))
check("it ends when told to", d.stop() == 0)
check("and takes its socket along", not socket_path.exists())
finish()
