#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Messages with tag and initialisation vector apart; the other end is python3-cryptography."""
import json

from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

d = Daemon(more="""
[[daemon.client]]
match = "uri:spiffe://test/admin"
role = "operator"

[[daemon.client]]
match = "uri:spiffe://test/monitor"
role = "monitor"

[[daemon.client]]
match = "uri:spiffe://test/auditor"
role = "auditor"

[[daemon.client]]
match = "uri:spiffe://test/sealer"
role = "user"
keys = ["pay"]
operations = ["encrypt", "find_objects"]

[[daemon.client]]
match = "uri:spiffe://test/client"
role = "user"
""")
d.prepare(d.stub("admin"))
stub = d.stub()
session = d.login(stub)
data, aad, value = b"a message", b"associated", bytes(range(32))
PARAM = ck["CKR_MECHANISM_PARAM_INVALID"]


def key_of(key_type="AES", label="pay", **more):
    return stub.CreateObject(pb.CreateObjectRequest(session_handle=session, template=template(
        CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck[f"CKK_{key_type}"], VALUE=value, TOKEN=True, LABEL=label,
        **{"ENCRYPT": True, "DECRYPT": True, **more}))).object_handle


def sealing(name="AES_GCM", key=None, **fields):
    return pb.MessageEncryptRequest(**{"session_handle": session, "mechanism": mech(name), "key_handle": key or aes,
                                       "aad": aad, "data": data, **fields})


def opening(name="AES_GCM", key=None, **fields):
    return pb.MessageDecryptRequest(**{"session_handle": session, "mechanism": mech(name), "key_handle": key or aes,
                                       "aad": aad, **fields})


def seal(*args, **fields):
    return stub.MessageEncrypt(sealing(*args, **fields))


def unseal(*args, **fields):
    return stub.MessageDecrypt(opening(*args, **fields)).data


aes, chacha = key_of(), key_of("CHACHA20", "chacha")
gcm = AESGCM(value)

# --- AES-GCM -----------------------------------------------------------------------------------------

one, two = seal(), seal()
check("the token makes vectors, never the same", len(one.iv) == 12 and one.iv != two.iv)
check("another library opens them", all(gcm.decrypt(m.iv, m.encrypted_data + m.tag, aad) == data for m in (one, two)))
check("so does the token", unseal(encrypted_data=one.encrypted_data, iv=one.iv, tag=one.tag) == data)
sealed = gcm.encrypt(b"by another!!", data, aad)
check("and what another library sealed", unseal(encrypted_data=sealed[:-16], iv=b"by another!!", tag=sealed[-16:]) == data)
given = seal(iv=b"by another!!")
check("the caller's vector", (given.encrypted_data + given.tag, given.iv) == (sealed, b"by another!!"))
short = seal(tag_bits=96)
check("a short tag", len(short.tag) == 12 and
      unseal(encrypted_data=short.encrypted_data, iv=short.iv, tag=short.tag, tag_bits=96) == data)
counted = [seal(iv=b"host" + bytes(8), iv_generator=ck["CKG_GENERATE_COUNTER"], iv_fixed_bits=32).iv for _ in "123"]
check("counters behind fixed bits", [each[:4] for each in counted] == [b"host"] * 3 and len(set(counted)) == 3)
long = seal(iv_length=128)
check("the longest vector", len(long.iv) == 128 and gcm.decrypt(long.iv, long.encrypted_data + long.tag, aad) == data)
nothing = seal(data=b"", aad=b"")
check("nothing at all", gcm.decrypt(nothing.iv, nothing.tag, None) == b"" and len(nothing.tag) == 16 and
      unseal(aad=b"", iv=nothing.iv, tag=nothing.tag) == b"")
much = secrets.token_bytes(3 << 20)
big = seal(data=much, aad=bytes(1 << 20 >> 1))
check("3 MiB", gcm.decrypt(big.iv, big.encrypted_data + big.tag, bytes(1 << 19)) == much and unseal(
    encrypted_data=big.encrypted_data, aad=bytes(1 << 19), iv=big.iv, tag=big.tag) == much)

# --- AES-CCM, ChaCha20-Poly1305 ----------------------------------------------------------------------

m = seal("AES_CCM", iv_length=13, tag_bits=64)
check("AES-CCM", len(m.iv) == 13 and AESCCM(value, 8).decrypt(m.iv, m.encrypted_data + m.tag, aad) == data)
sealed = AESCCM(value).encrypt(b"n" * 13, data, aad)
check("and back", unseal("AES_CCM", encrypted_data=sealed[:-16], iv=b"n" * 13, tag=sealed[-16:]) == data)
m = seal("CHACHA20_POLY1305", chacha, iv=b"n" * 12)
check("ChaCha20-Poly1305", m.encrypted_data + m.tag == ChaCha20Poly1305(value).encrypt(b"n" * 12, data, aad))
check("and back again", unseal("CHACHA20_POLY1305", chacha, encrypted_data=m.encrypted_data, iv=m.iv, tag=m.tag) == data)

# --- what does not fit -------------------------------------------------------------------------------

good = {"encrypted_data": one.encrypted_data, "iv": one.iv, "tag": one.tag}
for label, bad in (("tag", {"tag": bytes(16)}), ("vector", {"iv": two.iv}),
                   ("associated data", {"aad": b"other"}), ("text", {"encrypted_data": two.encrypted_data})):
    check_fails(f"a wrong {label}", "INVALID_ARGUMENT", stub.MessageDecrypt, opening(**{**good, **bad}),
                rv=ck["CKR_AEAD_DECRYPT_FAILED"])
check("the next message is none the worse", unseal(**good) == data)
for label, bad in (("no tag", {"tag": b""}), ("a part of the tag", {"tag": one.tag[:12]}), ("a tag of 17 bytes", {"tag": bytes(17)}), ("no vector", {"iv": b""}),
                   ("a vector of 129 bytes", {"iv": bytes(129)})):
    check_fails(label, "INVALID_ARGUMENT", stub.MessageDecrypt, opening(**{**good, **bad}), rv=PARAM)
for label, bad in (("a vector of 129 bytes", {"iv": bytes(129)}), ("or asked for", {"iv_length": 129}),
                   ("two lengths", {"iv": bytes(12), "iv_length": 13}), ("a tag of 129 bits", {"tag_bits": 129}),
                   ("of 136", {"tag_bits": 136}), ("of 2^63", {"tag_bits": 1 << 63}), ("of 8", {"tag_bits": 8}),
                   ("an unknown generator", {"iv_generator": 5}), ("more fixed bits than bits", {"iv_fixed_bits": 97}),
                   ("a random vector with few free bits", {"iv_length": 8, "iv_generator": ck["CKG_GENERATE_RANDOM"]}),
                   ("a parameter in the mechanism", {"mechanism": mech("AES_GCM", parameter=bytes(12))}),
                   ("a typed one", {"mechanism": mech("AES_GCM", gcm=pb.GcmParams(iv=bytes(12)))})):
    check_fails(label, "INVALID_ARGUMENT", stub.MessageEncrypt, sealing(**bad), rv=PARAM)
for label, bad in (("no vector for ChaCha20-Poly1305", {}), ("one of 8 bytes", {"iv": bytes(8)}),
                   ("a short tag", {"iv": bytes(12), "tag_bits": 96})):
    check_fails(label, "INVALID_ARGUMENT", stub.MessageEncrypt, sealing("CHACHA20_POLY1305", chacha, **bad), rv=PARAM)
check_fails("no mechanism for messages", "INVALID_ARGUMENT", stub.MessageEncrypt, sealing("AES_CBC"),
            rv=ck["CKR_MECHANISM_INVALID"])
check_fails("none at all", "INVALID_ARGUMENT", stub.MessageEncrypt, sealing(mechanism=None))
check("1 MiB of associated data", len(seal(aad=bytes(1 << 20)).tag) == 16)
check_fails("a byte more", "RESOURCE_EXHAUSTED", stub.MessageEncrypt, sealing(aad=bytes((1 << 20) + 1)))
check_fails("to decrypt", "RESOURCE_EXHAUSTED", stub.MessageDecrypt, opening(**{**good, "aad": bytes((1 << 20) + 1)}))
check_fails("a request over 4 MiB", "RESOURCE_EXHAUSTED", stub.MessageEncrypt, sealing(data=bytes(4 << 20)))
check_fails("another key's type", "INVALID_ARGUMENT", stub.MessageEncrypt, sealing(key=chacha),
            rv=ck["CKR_KEY_TYPE_INCONSISTENT"])
check_fails("a key that does not encrypt", "PERMISSION_DENIED", stub.MessageEncrypt,
            sealing(key=key_of(ENCRYPT=False)), rv=ck["CKR_KEY_FUNCTION_NOT_PERMITTED"])
check("nothing stays open", stub.Encrypt(pb.EncryptRequest(
    session_handle=session, mechanism=mech("AES_GCM", parameter=bytes(12)), key_handle=aes, data=data)).encrypted_data ==
      gcm.encrypt(bytes(12), data, None) and seal().tag)

# --- who may -------------------------------------------------------------------------------------------

for who in ("admin", "monitor", "auditor"):
    check_fails(f"not {who}", "PERMISSION_DENIED", d.stub(who).MessageEncrypt, sealing(), rv=ck["CKR_ACTION_PROHIBITED"])
    check_fails("nor back", "PERMISSION_DENIED", d.stub(who).MessageDecrypt, opening(**good), rv=ck["CKR_ACTION_PROHIBITED"])
sealer = d.stub("sealer")
own = d.login(sealer)
check_fails("another client's session", "NOT_FOUND", sealer.MessageEncrypt, sealing(), rv=ck["CKR_SESSION_HANDLE_INVALID"])
mine = list(sealer.FindObjects(pb.FindObjectsRequest(session_handle=own)).object_handles)


def takes(*args, **fields):
    """Handles that this client may use, of all that it can guess."""
    return [handle for handle in range(1, 33) if status_of(
        sealer.MessageEncrypt, sealing(*args, key=handle, session_handle=own, **fields))[0] == "OK"]


check("keys of its own", set(takes()) and set(takes()) <= set(mine))
check("and no other", takes("CHACHA20_POLY1305", iv=bytes(12)) == [])
check_fails("who may encrypt may not decrypt", "PERMISSION_DENIED", sealer.MessageDecrypt,
            opening(session_handle=own, **good), rv=ck["CKR_ACTION_PROHIBITED"])

entries = [json.loads(entry.line) for entry in d.stub("auditor").ReadAudit(pb.ReadAuditRequest()).entries]
seen = {(entry["operation"], entry.get("result")) for entry in entries}
check("the audit log has them", seen >= {("encrypt", "success"), ("decrypt", "success"),
                                         ("decrypt", "CKR_AEAD_DECRYPT_FAILED")})
d.stop()
finish()
