#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Data of any size in parts, health that is watched, and what reflection tells."""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

from hashlib import sha256

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

d = Daemon("streams", daemon="reflection = true\n")
stub = d.stub()
d.prepare(stub)
session = d.login(stub)
PART = 1 << 20
PARTS = 24  # more than a connection may hold at a time


def memory_kb():
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{d.process.pid}/status").read_text())[1])


def parts(mechanism, key=0, signature=b"", count=PARTS):
    yield pb.StreamRequest(start=pb.StreamStart(session_handle=session, mechanism=mechanism, key_handle=key))
    for index in range(count):
        yield pb.StreamRequest(data=bytes([index]) * (PART - 64))
    if signature:
        yield pb.StreamRequest(signature=signature)


whole = b"".join(bytes([index]) * (PART - 64) for index in range(PARTS))
before = memory_kb()
check("DigestStream", stub.DigestStream(parts(mech("SHA256"))).digest == sha256(whole).digest())
public, private = ec_pair(stub, session)
signature = stub.SignStream(parts(mech("ECDSA_SHA256"), private)).signature
check("SignStream", lambda: verify_ecdsa(ec_public(stub, session, public), signature, whole))
check("VerifyStream", stub.VerifyStream(parts(mech("ECDSA_SHA256"), public, signature)).valid)
check("VerifyStream says no", not stub.VerifyStream(parts(mech("ECDSA_SHA256"), public, signature, 2)).valid)

value = bytes(range(32))
aes = stub.CreateObject(pb.CreateObjectRequest(session_handle=session, template=template(
    CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck["CKK_AES"], VALUE=value, ENCRYPT=True, DECRYPT=True))).object_handle
cbc = mech("AES_CBC_PAD", parameter=bytes(16))
sealed = b"".join(part.data for part in stub.EncryptStream(parts(cbc, aes)))
encryptor = Cipher(algorithms.AES(value), modes.CBC(bytes(16))).encryptor()
check("EncryptStream", sealed == encryptor.update(whole + bytes([16 - len(whole) % 16]) * (16 - len(whole) % 16)) + encryptor.finalize())


def sealed_parts():
    yield pb.StreamRequest(start=pb.StreamStart(session_handle=session, mechanism=cbc, key_handle=aes), data=sealed[:100])
    for at in range(100, len(sealed), 500000):
        yield pb.StreamRequest(data=sealed[at:at + 500000])


check("DecryptStream", b"".join(part.data for part in stub.DecryptStream(sealed_parts())) == whole)
check("in bounded memory", memory_kb() - before < PARTS * 1024)

check_fails("no start", "NOT_FOUND", stub.DigestStream, iter([pb.StreamRequest(data=b"x")]))
check_fails("nothing at all", "FAILED_PRECONDITION", stub.DigestStream, iter([]))
start = pb.StreamRequest(start=pb.StreamStart(session_handle=session, mechanism=mech("SHA256")))
check_fails("two starts", "FAILED_PRECONDITION", stub.DigestStream, iter([start, start]))
check("a start alone", stub.DigestStream(iter([start])).digest == sha256(b"").digest())
check_fails("a session of nobody", "NOT_FOUND", stub.DigestStream, iter([pb.StreamRequest(
    start=pb.StreamStart(session_handle=session + 1000, mechanism=mech("SHA256")))]))
check_fails("a part that is too large", "RESOURCE_EXHAUSTED", stub.DigestStream, iter([start, pb.StreamRequest(data=bytes(PART + 1))]))
stopped = stub.EncryptStream(parts(cbc, aes))
next(stopped)
stopped.cancel()
check("a stream that is given up leaves no session", wait_for(
    lambda: stub.HealthCheck(pb.HealthCheckRequest()).active_sessions == 1))

# --- reflection ------------------------------------------------------------------------------------

channel = d.channel()
for version in ("v1", "v1alpha"):
    info = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                                 request_serializer=reflection.ServerReflectionRequest.SerializeToString,
                                 response_deserializer=reflection.ServerReflectionResponse.FromString)
    answers = list(info(iter([reflection.ServerReflectionRequest(list_services=""),
                              reflection.ServerReflectionRequest(file_containing_symbol="craton_hsm.HsmService.Sign"),
                              reflection.ServerReflectionRequest(file_by_filename="nothing.proto")])))
    names = [service.name for service in answers[0].list_services_response.service]
    check(f"reflection {version}: services", "craton_hsm.HsmService" in names and "grpc.health.v1.Health" in names)
    described = FileDescriptorProto.FromString(answers[1].file_descriptor_response.file_descriptor_proto[0])
    check(f"reflection {version}: the file", [method.name for method in described.service[0].method] ==
          [method.name for method in pb.DESCRIPTOR.services_by_name["HsmService"].methods])
    check(f"reflection {version}: no such file", answers[2].error_response.error_code == 5)

# --- health ----------------------------------------------------------------------------------------

probe = health_grpc.HealthStub(channel)
SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3
check("health: the daemon", probe.Check(health.HealthCheckRequest()).status == SERVING)
check("health: the service", probe.Check(health.HealthCheckRequest(service="craton_hsm.HsmService")).status == SERVING)
check_fails("health: another service", "NOT_FOUND", probe.Check, health.HealthCheckRequest(service="x"))
watch = probe.Watch(health.HealthCheckRequest())
strange = probe.Watch(health.HealthCheckRequest(service="x"))
check("health is watched", next(watch).status == SERVING)
check("health of what there is not", next(strange).status == UNKNOWN)
d.process.send_signal(signal.SIGTERM)
check("whoever watches hears of the end", next(watch).status == NOT_SERVING)
check("and the daemon ends", d.process.wait(PATIENCE_S) == 0)
Daemon.running.remove(d)
finish()
