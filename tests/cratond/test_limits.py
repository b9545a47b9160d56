#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each limit of [daemon] that no other test is about: what is within it works, what is beyond it is refused in
the way that the client can tell, and somebody else notices nothing."""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import
from frames import *  # pylint: disable=wildcard-import,unused-wildcard-import

HEALTH, DIGEST = "/grpc.health.v1.Health/Check", "/craton_hsm.HsmService/Digest"
EXHAUSTED, DEADLINE = "8", "4"

# --- sizes ----------------------------------------------------------------------------------------------

d, path = unix_daemon("max_header_bytes = 4096\nmax_request_bytes = 65536\nmax_random_length = 100\n"
                      "max_digest_length = 1000\nmax_connection_bytes = 5242880\n")
stub = pb_grpc.HsmServiceStub(grpc.insecure_channel(f"unix:{path}"))
d.prepare(stub)
session = stub.OpenSession(pb.OpenSessionRequest(slot_id=0)).session_handle


def digest(size, on=stub):
    return on.Digest(pb.DigestRequest(session_handle=session, mechanism=mech("SHA256"), data=bytes(size)))


def padded(total):
    """A HealthCheck whose headers count for so many bytes: each for its name, its value and 32."""
    usual = {":method": "POST", ":scheme": "http", ":authority": "localhost", ":path": HEALTH,
             "content-type": "application/grpc", "te": "trailers"}
    rest = total - sum(len(name) + len(value) + 32 for name, value in usual.items())
    return Raw(path).call(HEALTH, message(b""), more=[("x", "v" * (rest - 33))])


check("max_random_length", len(stub.GenerateRandom(pb.GenerateRandomRequest(session_handle=session, length=100)).random_data) == 100)
check_fails("one byte more", "INVALID_ARGUMENT", stub.GenerateRandom, pb.GenerateRandomRequest(session_handle=session, length=101))
check("max_digest_length", lambda: digest(1000).digest)
check_fails("one byte more", "INVALID_ARGUMENT", digest, 1001)
check("max_header_bytes", padded(4096).get("grpc-status") == "0")
check("one byte more", "rst" in padded(4097))
check_fails("max_request_bytes: it is read", "INVALID_ARGUMENT", digest, 65536 - 100)
check_fails("more is not", "RESOURCE_EXHAUSTED", digest, 65536)
d.stop()

# The same store: the token is there.
d, path = unix_daemon("max_request_bytes = 33554432\nmax_digest_length = 20000000\n")
# A connection of its own: the library would go on with the one to the daemon before, at the same path.
stub = pb_grpc.HsmServiceStub(grpc.insecure_channel(f"unix:{path}", options=[("grpc.use_local_subchannel_pool", 1)]))
session = stub.OpenSession(pb.OpenSessionRequest(slot_id=0)).session_handle
hasher = hashes.Hash(hashes.SHA256())
hasher.update(bytes(20000000))
check("20 MB in one request, where that is allowed", digest(20000000, stub).digest == hasher.finalize())
d.stop()

# --- what a connection may hold -------------------------------------------------------------------------

d, path = unix_daemon("max_connection_bytes = 5242880\n")
on = Raw(path)
PIECE, half = 60000, (3 << 20).to_bytes(4, "big")


def hold():
    """A request of 3 MiB of which so much comes, within a stream's first window, and no more."""
    stream = on.headers(DIGEST)
    data = b"\0" + half + bytes(PIECE - 5)
    on.send(b"".join(frame(DATA, 0, stream, data[at:at + 16384]) for at in range(0, PIECE, 16384)))
    return stream


for _ in range(60):
    hold()
room = on.until(WINDOW_UPDATE, RST_STREAM, GOAWAY)
while room is not None and room[0] == WINDOW_UPDATE and room[2] != 0:
    room = on.until(WINDOW_UPDATE, RST_STREAM, GOAWAY)
check("room for what is within max_connection_bytes", room is not None and room[0] == WINDOW_UPDATE)
more = [hold() for _ in range(40)]
refused = on.answer(more[-1])
check("what would be too much is refused", refused is not None and refused.get("grpc-status") == EXHAUSTED)
check("another connection has its own", Raw(path).call(HEALTH, message(b"")).get("grpc-status") == "0")
d.stop()

# --- time -----------------------------------------------------------------------------------------------

d, path = unix_daemon("request_timeout_secs = 1\n")
on = Raw(path)
check("request_timeout_secs: half a request", on.answer(on.headers(HEALTH)).get("grpc-status") == DEADLINE)
check("the connection goes on", on.call(HEALTH, message(b"")).get("grpc-status") == "0")
d.stop()

d, path = unix_daemon("idle_timeout_secs = 1\n")
on = Raw(path)
check("before idle_timeout_secs", on.call(HEALTH, message(b"")).get("grpc-status") == "0")
busy = Raw(path)
stream = busy.headers(HEALTH)  # a call that waits for its body
check("then it is told to go", on.goaway() == 0)
check("and closed", on.next() is None)
busy.send(frame(DATA, END_STREAM, stream, message(b"")))
check("one with a call is not idle", busy.answer(stream).get("grpc-status") == "0")
d.stop()

d, path = unix_daemon("drain_timeout_secs = 1\n")
on = Raw(path)
check("a call that runs", on.headers(HEALTH) and on.until(SETTINGS) is not None)
check("after drain_timeout_secs it is cut off", d.stop() == 0 and "cut off" in d.log())

d = Daemon("shake", daemon="handshake_timeout_secs = 1\n")
silent = socket.create_connection(("127.0.0.1", d.port), PATIENCE_S)
check("handshake_timeout_secs: who says nothing", silent.recv(1) == b"" and "no handshake in time" in d.log())
d.stop()

# --- clients --------------------------------------------------------------------------------------------

RATE = 5
d = Daemon("rate", daemon=f"max_requests_per_sec = {RATE}\nmax_clients = 2\n")
first, second = d.stub("first"), d.stub("second")
done = 0
while done < 100 * RATE and status_of(first.HealthCheck, pb.HealthCheckRequest())[0] == "OK":
    done += 1
check(f"max_requests_per_sec: {done} at once", RATE <= done < 100 * RATE)
check("another client has its own", lambda: second.HealthCheck(pb.HealthCheckRequest()).healthy)
check("and the first one is served again", wait_for(lambda: status_of(first.HealthCheck, pb.HealthCheckRequest())[0] == "OK"))
check_fails("max_clients: one more", "UNAVAILABLE", d.stub("third").HealthCheck, pb.HealthCheckRequest())
check("the others stay", lambda: wait_for(lambda: status_of(second.HealthCheck, pb.HealthCheckRequest())[0] == "OK"))
d.stop()
finish()
