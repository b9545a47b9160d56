#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 section by section (RFC 9113, and RFC 7541 for the headers' encoding): what a client may do is done,
and what it may not ends the stream or the connection with the code that the standard says."""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import
from frames import *  # pylint: disable=wildcard-import,unused-wildcard-import

d, socket_path = unix_daemon("max_streams = 100")
stub = pb_grpc.HsmServiceStub(grpc.insecure_channel(f"unix:{socket_path}"))
HEALTH = "/grpc.health.v1.Health/Check"
PADDED, PRIORITY_FLAG = 8, 32
EMPTY = message(b"")
RESET = struct.pack(">I", CANCEL)


def literal(name, value):
    """A field as RFC 7541, 6.2.2 has it, which no encoder would write."""
    name, value = (text.encode() if isinstance(text, str) else text for text in (name, value))
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


FIELDS = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", HEALTH),
          ("content-type", "application/grpc"), ("te", "trailers")]


def block(*more, fields=None):
    return b"".join(literal(*field) for field in (FIELDS if fields is None else fields) + list(more))


def head(stream=1, flags=END_HEADERS, body=None):
    return frame(HEADERS, flags, stream, block() if body is None else body)


def whole(stream):
    """A call in full."""
    return head(stream) + frame(DATA, END_STREAM, stream, EMPTY)


def begin(data):
    """A connection on which this was sent after the preface."""
    on = Raw(socket_path)
    on.send(data)
    return on


def outcome(on):
    """How the connection or a stream of it ends first: ("goaway", code), ("reset", stream, code), ("closed",)."""
    got = on.until(RST_STREAM, GOAWAY)
    if got is None:
        return ("closed",)
    if got[0] == GOAWAY:
        return ("goaway", int.from_bytes(got[3][4:8], "big"))
    return ("reset", got[2], int.from_bytes(got[3], "big"))


def ends(label, data, *codes):
    """The connection ends with one of these codes: GOAWAY, then the end."""
    on = begin(data)
    seen = outcome(on)
    check(f"{label}: the connection ends with {codes} (is {seen})",
          seen[0] == "goaway" and seen[1] in codes and on.until(*range(10), stream=-1) is None)


def resets(label, data, *codes, stream=1, goes_on=True):
    """The stream ends with one of these codes, and the connection serves the next call (or, where the standard
    lets the server choose, it ends with the same code)."""
    on = begin(data)
    seen = outcome(on)
    check(f"{label}: the stream ends with {codes} (is {seen})",
          seen in [("reset", stream, code) for code in codes] or
          (not goes_on and seen in [("goaway", code) for code in codes]))
    if seen[0] == "reset":
        on.send(whole(stream + 10))
        check(f"{label}: and the connection goes on", serves(on, stream + 10))


def serves(on, stream):
    answer = on.answer(stream)
    return answer is not None and answer.get("grpc-status") == "0" and answer.get("body") == message(b"\x08\x01")


def fine(label, data, stream=1):
    """A call is answered as if nothing else had been sent."""
    check(label, lambda: serves(begin(data), stream))


# --- 3.4: the preface -----------------------------------------------------------------------------------

on = Raw(socket_path)
first = on.next()
check("the first frame is SETTINGS", first[0] == SETTINGS and first[1] == 0 and first[2] == 0)
told = {int.from_bytes(first[3][i:i + 2], "big"): int.from_bytes(first[3][i + 2:i + 6], "big")
        for i in range(0, len(first[3]), 6)}
check(f"it tells of streams, windows and headers, and refuses pushes ({told})",
      told[3] == 100 and told[4] == 256 * 1024 and told[6] == 16 * 1024 and told[2] == 0)
check("our SETTINGS are acknowledged", lambda: on.until(SETTINGS)[1] == ACK)


def bare(data):
    """A connection without a preface but this."""
    on = Raw.__new__(Raw)
    on.socket = socket.socket(socket.AF_UNIX)
    on.socket.settimeout(60)
    on.socket.connect(str(socket_path))
    on.decoder = hpack.Decoder()
    on.send(data)
    return outcome(on)


for label, data in (("one byte wrong", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX" + frame(SETTINGS)),
                    ("no SETTINGS after it", PREFACE + whole(1)),
                    ("an acknowledgement in their place", PREFACE + frame(SETTINGS, ACK) + whole(1))):
    seen = bare(data)
    check(f"preface, {label}: the connection ends (is {seen})", seen in (("goaway", PROTOCOL_ERROR), ("closed",)))

# --- 4: frames and their sizes ----------------------------------------------------------------------------

fine("an unknown type of frame is ignored", frame(0x4a, 0xff, 0, b"12345678") + frame(0x4b, 0, 1, b"x") + whole(1))
fine("unknown flags are ignored", head(1, END_HEADERS | 0x82) + frame(DATA, END_STREAM | 0x76 & ~PADDED, 1, EMPTY))
fine("the reserved bit is ignored", frame(HEADERS, END_HEADERS, 1 | 1 << 31, block()) + frame(DATA, END_STREAM, 1, EMPTY))
check("a frame of the largest size is taken", lambda: begin(
    head() + frame(DATA, 0, 1, message(bytes(16384))[:16384]) + frame(DATA, END_STREAM, 1, bytes(5))
).answer(1).get("grpc-status") == "3")  # it is no such message, but it was read
resets("DATA longer than that", head() + frame(DATA, 0, 1, bytes(16385)), FRAME_SIZE_ERROR, goes_on=False)
ends("HEADERS longer than that", frame(HEADERS, END_HEADERS, 1, bytes(16385)), FRAME_SIZE_ERROR)
ends("SETTINGS longer than that", frame(SETTINGS, 0, 0, bytes(16386)), FRAME_SIZE_ERROR)
ends("an unknown frame longer than that", frame(0x4a, 0, 0, bytes(16385)), FRAME_SIZE_ERROR)

# --- 4.3: field blocks, whole --------------------------------------------------------------------------------

for label, between in (("PRIORITY", frame(PRIORITY, 0, 1, bytes(5))), ("another stream's HEADERS", head(3)),
                       ("an unknown frame", frame(0x4a, 0, 1)), ("SETTINGS", frame(SETTINGS)), ("DATA", frame(DATA, 0, 1)),
                       ("another stream's CONTINUATION", frame(CONTINUATION, END_HEADERS, 3, block()))):
    ends(f"{label} within a block of fields",
         frame(HEADERS, 0, 1, block()[:10]) + between + frame(CONTINUATION, END_HEADERS, 1, block()[10:]), PROTOCOL_ERROR)

# --- 5.1: states of streams ------------------------------------------------------------------------------------

ends("DATA on an idle stream", frame(DATA, END_STREAM, 1, EMPTY), PROTOCOL_ERROR, STREAM_CLOSED)
ends("RST_STREAM on an idle stream", frame(RST_STREAM, 0, 1, RESET), PROTOCOL_ERROR)
ends("WINDOW_UPDATE on an idle stream", frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), PROTOCOL_ERROR)
ends("CONTINUATION on an idle stream", frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL_ERROR)
# Health/Watch never ends, so its stream stays half-closed.
watch = head(1, body=block(fields=[(n, HEALTH.replace("Check", "Watch") if n == ":path" else v) for n, v in FIELDS]))
watch += frame(DATA, END_STREAM, 1, EMPTY)
resets("DATA after the stream's end", watch + frame(DATA, 0, 1, EMPTY), STREAM_CLOSED, goes_on=False)
resets("HEADERS after the stream's end", watch + head(), STREAM_CLOSED, goes_on=False)
ends("CONTINUATION after the stream's end", watch + frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL_ERROR, STREAM_CLOSED)
gone = head() + frame(RST_STREAM, 0, 1, RESET)
ends("HEADERS on a stream that was reset", gone + head(), STREAM_CLOSED)
fine("PRIORITY, RST_STREAM and WINDOW_UPDATE on one that has ended are not minded",
     gone + frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") + frame(RST_STREAM, 0, 1, RESET) + frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1") + whole(3), 3)
ends("an even stream", head(2), PROTOCOL_ERROR)
# It could be one that we have reset and forgotten while its HEADERS were on their way.
fine("a stream with a lower number than the last is not opened", head(5) + head(3) + frame(DATA, END_STREAM, 5, EMPTY), 5)
on = begin(b"".join(head(2 * i + 1) for i in range(101)))
check("a stream more than may be open is refused", outcome(on) == ("reset", 201, REFUSED_STREAM))
on.send(frame(DATA, END_STREAM, 1, EMPTY))
check("and the others go on", serves(on, 1))
on = begin(whole(1) + frame(PING, 0, 1, bytes(8)))
last = on.until(GOAWAY)
check("GOAWAY tells of the last stream", last is not None and last[3][:4] == b"\0\0\0\1")

# --- 5.3: priorities mean nothing ----------------------------------------------------------------------------------

fine("HEADERS with a priority", frame(HEADERS, END_HEADERS | PRIORITY_FLAG, 1, b"\x80\0\0\0\xff" + block())
     + frame(DATA, END_STREAM, 1, EMPTY))
fine("PRIORITY of streams of any kind", b"".join(frame(PRIORITY, 0, i, b"\x80\0\0\x63\x01") for i in (1, 2, 7, 2**31 - 1)) + whole(1))
ends("PRIORITY of the connection", frame(PRIORITY, 0, 0, bytes(5)), PROTOCOL_ERROR)
resets("PRIORITY of four bytes", head() + frame(PRIORITY, 0, 1, bytes(4)), FRAME_SIZE_ERROR, goes_on=False)

# --- 6: each type of frame ---------------------------------------------------------------------------------------------

fine("padding", frame(HEADERS, END_HEADERS | PADDED, 1, b"\x05" + block() + bytes(5))
     + frame(DATA, PADDED, 1, b"\x07" + EMPTY + bytes(7)) + frame(DATA, PADDED | END_STREAM, 1, b"\xff" + bytes(255)))
ends("DATA on the connection", frame(DATA, 0, 0, EMPTY), PROTOCOL_ERROR)
ends("more padding than DATA", head() + frame(DATA, PADDED, 1, b"\x06" + EMPTY), PROTOCOL_ERROR)
ends("padded DATA without its length", head() + frame(DATA, PADDED, 1), FRAME_SIZE_ERROR, PROTOCOL_ERROR)
ends("HEADERS on the connection", head(0), PROTOCOL_ERROR)
ends("more padding than HEADERS", frame(HEADERS, END_HEADERS | PADDED, 1, b"\xff" + block()[:100]), PROTOCOL_ERROR)
ends("padded HEADERS without its length", frame(HEADERS, END_HEADERS | PADDED, 1), FRAME_SIZE_ERROR, PROTOCOL_ERROR)
ends("a priority cut off", frame(HEADERS, END_HEADERS | PRIORITY_FLAG, 1, bytes(4)), FRAME_SIZE_ERROR, PROTOCOL_ERROR)
ends("RST_STREAM of the connection", frame(RST_STREAM, 0, 0, RESET), PROTOCOL_ERROR)
for size in (0, 3, 5):
    ends(f"RST_STREAM of {size} bytes", head() + frame(RST_STREAM, 0, 1, bytes(size)), FRAME_SIZE_ERROR)
    ends(f"WINDOW_UPDATE of {size} bytes", frame(WINDOW_UPDATE, 0, 0, bytes(size)), FRAME_SIZE_ERROR)
fine("an unknown error's code", head() + frame(RST_STREAM, 0, 1, b"\xff\xff\xff\xff") + whole(3), 3)


def setting(number, value):
    return struct.pack(">HI", number, value)


ends("an acknowledgement with something in it", frame(SETTINGS, ACK, 0, setting(1, 0)), FRAME_SIZE_ERROR)
ends("SETTINGS of a stream", frame(SETTINGS, 0, 1), PROTOCOL_ERROR)
for size in (1, 5, 7):
    ends(f"SETTINGS of {size} bytes", frame(SETTINGS, 0, 0, bytes(size)), FRAME_SIZE_ERROR)
ends("ENABLE_PUSH of 2", frame(SETTINGS, 0, 0, setting(2, 2)), PROTOCOL_ERROR)
ends("a window of 2^31", frame(SETTINGS, 0, 0, setting(4, 1 << 31)), FLOW_CONTROL_ERROR)
for size in (16383, 1 << 24):
    ends(f"a frame size of {size}", frame(SETTINGS, 0, 0, setting(5, size)), PROTOCOL_ERROR)
fine("settings that nobody knows", frame(SETTINGS, 0, 0, setting(0x4a4a, 7) + setting(0, 1)) + whole(1))
fine("the largest of those that are known",
     frame(SETTINGS, 0, 0, setting(1, 2**32 - 1) + setting(2, 1) + setting(3, 0) + setting(4, 2**31 - 1)
           + setting(5, 2**24 - 1) + setting(6, 2**32 - 1)) + whole(1))
fine("no table for headers", frame(SETTINGS, 0, 0, setting(1, 0)) + whole(1) + whole(3), 3)
ends("more entries than anybody needs", frame(SETTINGS, 0, 0, setting(4, 65535) * 100), ENHANCE_YOUR_CALM)

ends("PUSH_PROMISE of a client", head() + frame(PUSH, END_HEADERS, 1, b"\0\0\0\2" + block()), PROTOCOL_ERROR)

on = begin(frame(PING, 0, 0, b"01234567"))
check("PING is answered with its bytes", lambda: on.until(PING)[1:] == (ACK, 0, b"01234567"))
on = begin(frame(PING, ACK, 0, b"01234567") + frame(PING, 0, 0, b"abcdefgh"))
check("an answer to a PING is not answered", lambda: on.until(PING)[3] == b"abcdefgh")
ends("PING of a stream", frame(PING, 0, 1, bytes(8)), PROTOCOL_ERROR)
for size in (0, 7, 9):
    ends(f"PING of {size} bytes", frame(PING, 0, 0, bytes(size)), FRAME_SIZE_ERROR)

fine("calls that came before the client's GOAWAY", whole(1) + frame(GOAWAY, 0, 0, bytes(8) + b"good bye"))
fine("a GOAWAY with an unknown code", head() + frame(GOAWAY, 0, 0, bytes(4) + b"\xff\xff\xff\xff")
     + frame(DATA, END_STREAM, 1, EMPTY))
ends("GOAWAY of a stream", frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR)
ends("GOAWAY of seven bytes", frame(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR)
on = begin(frame(GOAWAY, 0, 0, bytes(8)))
check("a client that goes away is let go", lambda: on.until(*range(10), stream=-1) is None)

# --- 6.9: flow control ------------------------------------------------------------------------------------------------------

ends("a grant of nothing for the connection", frame(WINDOW_UPDATE, 0, 0, bytes(4)), PROTOCOL_ERROR)
resets("a grant of nothing for a stream", head() + frame(WINDOW_UPDATE, 0, 1, bytes(4)), PROTOCOL_ERROR, goes_on=False)
ends("the connection's window over 2^31 - 1", frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 2, FLOW_CONTROL_ERROR)
resets("a stream's window over 2^31 - 1", head() + frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), FLOW_CONTROL_ERROR)
resets("SETTINGS that make it so", head() + frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\x00\x00")
       + frame(SETTINGS, 0, 0, setting(4, 2**31 - 1)), FLOW_CONTROL_ERROR, goes_on=False)


def data_until_ping(on):
    """The body bytes that may be sent now: they come before the answer to the second of two PINGs."""
    body = b""
    for _ in range(2):
        on.send(frame(PING, 0, 0, bytes(8)))
        got = on.until(DATA, PING)
        while got is not None and got[0] == DATA:
            body += got[3]
            got = on.until(DATA, PING)
    return body


answer = message(b"\x08\x01")  # seven bytes
on = begin(frame(SETTINGS, 0, 0, setting(4, 0)) + whole(1))
on.until(HEADERS, stream=1)
check("no window: no body", data_until_ping(on) == b"")
on.send(frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\3"))
check("a window of three: three bytes", data_until_ping(on) == answer[:3])
on.send(frame(SETTINGS, 0, 0, setting(4, 2)))
check("SETTINGS widen the windows of streams that are open", data_until_ping(on) == answer[3:5])
on.send(frame(SETTINGS, 0, 0, setting(4, 0)) + frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"))
check("and make them negative", data_until_ping(on) == b"")
on.send(frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"))
check("which a grant has to fill first", data_until_ping(on) == b"")
on.send(frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\2"))
check("then the rest comes", on.answer(1) == {"body": answer[5:], "grpc-status": "0"})

# A client that pays no attention to the windows it is given: the daemon holds a stream back whose answers are not read.
d.prepare(stub)
session = d.login(stub)
key = stub.GenerateKey(pb.GenerateKeyRequest(session_handle=session, mechanism=mech("AES_KEY_GEN"),
                                             template=template(VALUE_LEN=32, ENCRYPT=True))).key_handle
on = begin(frame(SETTINGS, 0, 0, setting(4, 0)))
stream = on.headers("/craton_hsm.HsmService/EncryptStream")
start = message(pb.StreamRequest(start=pb.StreamStart(session_handle=session, key_handle=key, mechanism=mech(
    "AES_CTR", ctr=pb.CtrParams(counter_bits=128, counter_block=bytes(16))))).SerializeToString())
on.send(frame(DATA, 0, stream, start))
part = message(pb.StreamRequest(data=bytes(16000)).SerializeToString())
try:
    on.socket.settimeout(5)
    for _ in range(300):  # the connection's window is larger than that
        if not on.send(frame(DATA, 0, stream, part)):
            break
except socket.timeout:
    pass
on.socket.settimeout(60)
seen = outcome(on)
check(f"more than a stream's window is refused (is {seen})", seen in (("reset", stream, FLOW_CONTROL_ERROR), ("goaway", FLOW_CONTROL_ERROR)))

# --- 6.10: CONTINUATION -----------------------------------------------------------------------------------------------------------

fine("a block in pieces, some of them empty",
     frame(HEADERS, 0, 1) + b"".join(frame(CONTINUATION, 0, 1, block()[i:i + 1]) for i in range(5)) + frame(CONTINUATION, 0, 1)
     + frame(CONTINUATION, END_HEADERS, 1, block()[5:]) + frame(DATA, END_STREAM, 1, EMPTY))
ends("CONTINUATION after a block's end", head() + frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL_ERROR)
ends("CONTINUATION of the connection", frame(HEADERS, 0, 1, block()) + frame(CONTINUATION, END_HEADERS, 0), PROTOCOL_ERROR)

# --- 8: requests ----------------------------------------------------------------------------------------------------------------------

fine("trailers of the client", head() + frame(DATA, 0, 1, EMPTY) + frame(HEADERS, END_HEADERS | END_STREAM, 1, literal("x", "y")))
resets("fields in the middle of a body", head() + frame(DATA, 0, 1, EMPTY) + frame(HEADERS, END_HEADERS, 1, literal("x", "y")),
       PROTOCOL_ERROR, goes_on=False)
resets("pseudo-fields in trailers", head() + frame(DATA, 0, 1, EMPTY)
       + frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(":path", "/")), PROTOCOL_ERROR, goes_on=False)


def without(*names):
    return [field for field in FIELDS if field[0] not in names]


MALFORMED = (
    ("a capital letter in a name", block(("X-a", "y"))),
    ("a space in a name", block(("x a", "y"))),
    ("a colon in a name", block(("x:a", "y"))),
    ("an empty name", block(("", "y"))),
    ("a byte over 0x7f in a name", block((b"x\x80", "y"))),
    ("a zero byte in a value", block(("x", b"a\0b"))),
    ("a line's end in a value", block(("x", "a\r\nb"))),
    ("a value that begins with a space", block(("x", " a"))),
    ("a value that ends with a tab", block(("x", "a\t"))),
    ("connection", block(("connection", "close"))),
    ("keep-alive", block(("keep-alive", "5"))),
    ("proxy-connection", block(("proxy-connection", "x"))),
    ("transfer-encoding", block(("transfer-encoding", "chunked"))),
    ("upgrade", block(("upgrade", "h2c"))),
    ("te other than trailers", block(("te", "gzip"), fields=without("te"))),
    ("an unknown pseudo-field", block(fields=[(":x", "y")] + FIELDS)),
    ("a pseudo-field of answers", block(fields=[(":status", "200")] + FIELDS)),
    ("a pseudo-field after a common one", block(fields=[FIELDS[4]] + FIELDS[:4])),
    ("no :method", block(fields=without(":method"))),
    ("no :scheme", block(fields=without(":scheme"))),
    ("no :path", block(fields=without(":path"))),
    ("an empty :path", block(fields=without(":path", "te", "content-type") + [(":path", "")])),
    (":method twice", block(fields=FIELDS[:1] + FIELDS)),
    (":scheme twice", block(fields=FIELDS[1:2] + FIELDS)),
    (":path twice", block(fields=FIELDS[3:4] + FIELDS)),
    ("a length that is no number", block(("content-length", "x"))),
    ("two lengths", block(("content-length", "5"), ("content-length", "6"))),
)
for label, fields in MALFORMED:
    resets(label, head(1, END_HEADERS, fields), PROTOCOL_ERROR)
fine("a length that is right", head(1, body=block(("content-length", "5"))) + frame(DATA, 0, 1, EMPTY[:2])
     + frame(DATA, END_STREAM, 1, EMPTY[2:]))
resets("less than the length", head(1, body=block(("content-length", "6"))) + frame(DATA, END_STREAM, 1, EMPTY), PROTOCOL_ERROR)
resets("more than the length", head(1, body=block(("content-length", "4"))) + frame(DATA, 0, 1, EMPTY), PROTOCOL_ERROR)
check("CONNECT is no method of ours", lambda: begin(head(1, END_HEADERS, block(
    fields=[(":method", "CONNECT"), (":authority", "localhost:1")]))).answer(1)[":status"] == "405")

# --- RFC 7541: the encoding of fields ------------------------------------------------------------------------------------------------------

for label, bad in (
        ("index 0", b"\x80"), ("an index beyond both tables", b"\xff\x7f"), ("a name's index beyond them", b"\x7f\x7f\x01x"),
        ("an integer without an end", b"\xff" + b"\xff" * 8), ("a name cut off", b"\0\x05abc"), ("a value cut off", b"\0\x01a\x7f" + b"x"),
        ("Huffman: eight bits of padding", b"\0\x01x\x82\x1f\xff"), ("Huffman: padding of zeros", b"\0\x01x\x81\x18"),
        ("Huffman: the end's symbol", b"\0\x01x\x84\xff\xff\xff\xff"), ("a table larger than was agreed on", b"\x3f\xe2\x1f"),
        ("a table's size after a field", literal("x", "y") + b"\x20")):
    ends(label, frame(HEADERS, END_HEADERS, 1, block() + bad if "table" not in label or "after" in label or "index" in label
                      else bad + block()), COMPRESSION_ERROR)
fine("a table's size at the beginning", frame(HEADERS, END_HEADERS, 1, b"\x20\x3f\xe1\x1f" + block()) + frame(DATA, END_STREAM, 1, EMPTY))

# --- after all that ------------------------------------------------------------------------------------------------------------------------------

check("others notice nothing", lambda: stub.HealthCheck(pb.HealthCheckRequest(), timeout=30).healthy)
check("the daemon ends when it is told to", d.stop() == 0)
finish()
