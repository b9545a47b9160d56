#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What can be found of secrets that went through the daemon: PINs, keys, plaintext, its own TLS key.

While they are in use: none in memory that a core file would take along. After logout, the sessions' end and
the connection's, anywhere in memory: none but the TLS key, in memory that no core file takes along. None in
the log, the audit log and the store's files at any time. Both are looked for in the daemon itself, through
/proc: root only, and that nobody else can look is checked where we are not root.
"""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import
from needles import *  # pylint: disable=wildcard-import,unused-wildcard-import

def in_files():
    store = work / f"{d.name}-store"
    return [f"{label} in {path.name}" for path in [d.log_path, *store.iterdir()] if path.is_file()
            for label, _ in secrets_of_callers.find(path.read_bytes())]


secrets_of_callers = Needles()
tls = Needles()
d = Daemon("memory")
d.pin, d.so_pin, other_pin = (secrets.token_hex(24) for _ in range(3))
for label, pin in (("the user's PIN", d.pin), ("the SO's PIN", d.so_pin), ("another PIN", other_pin)):
    secrets_of_callers.add(label, pin.encode())
stub = d.stub()
d.prepare(stub)
session = d.login(stub)
pem = serialization.load_pem_private_key(d.key.read_bytes(), None)
tls.add("the TLS key", pem.private_numbers().private_value.to_bytes(32, "big"))

# --- use ------------------------------------------------------------------------------------------


def create(label, key_type, **more):
    value = secrets.token_bytes(32)
    secrets_of_callers.add(label, value)
    return stub.CreateObject(pb.CreateObjectRequest(session_handle=session, template=template(
        CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck[f"CKK_{key_type}"], VALUE=value, SENSITIVE=False, EXTRACTABLE=True,
        **more))).object_handle


def reveal(label, handle, name):
    value = stub.GetAttributeValue(pb.GetAttributeValueRequest(
        session_handle=session, object_handle=handle, attribute_types=[ck[f"CKA_{name}"]])).attributes[0].value
    secrets_of_callers.add(label, value)


def plaintext(label, size=4096):
    value = secrets.token_bytes(size)
    secrets_of_callers.add(label, value[:240])
    secrets_of_callers.add(label, value[-240:])
    return value


def encrypt_and_decrypt(key):
    gcm = mech("AES_GCM", gcm=pb.GcmParams(iv=bytes(12), tag_bits=128))
    text = plaintext("a plaintext", 70000)  # in several frames
    sealed = stub.Encrypt(pb.EncryptRequest(session_handle=session, mechanism=gcm, key_handle=key, data=text))
    opened = stub.Decrypt(pb.DecryptRequest(session_handle=session, mechanism=gcm, key_handle=key,
                                            encrypted_data=sealed.encrypted_data))
    check("a text is encrypted and decrypted", opened.data == text)


def stream(call, key, data):
    cbc = mech("AES_CBC_PAD", parameter=bytes(16))
    requests = [pb.StreamRequest(start=pb.StreamStart(session_handle=session, mechanism=cbc, key_handle=key))]
    requests += [pb.StreamRequest(data=data[at:at + 50000]) for at in range(0, len(data), 50000)]
    return b"".join(part.data for part in call(iter(requests)))


def stream_both_ways(key):
    text = plaintext("a streamed plaintext", 300000)
    check("a text is streamed", stream(stub.DecryptStream, key, stream(stub.EncryptStream, key, text)) == text)


def use_pairs():
    public, private = ec_pair(stub, session, SENSITIVE=False, EXTRACTABLE=True)
    reveal("a P-256 key", private, "VALUE")
    signed = pb.SignRequest(session_handle=session, mechanism=mech("ECDSA_SHA256"), key_handle=private, data=b"data")
    check("it signs", lambda: verify_ecdsa(ec_public(stub, session, public), stub.Sign(signed).signature, b"data"))
    pair = stub.GenerateKeyPair(pb.GenerateKeyPairRequest(
        session_handle=session, mechanism=mech("ML_KEM_KEY_PAIR_GEN"),
        public_template=template(PARAMETER_SET=ck["CKP_ML_KEM_512"], ENCAPSULATE=True),
        private_template=template(DECAPSULATE=True, SENSITIVE=False, EXTRACTABLE=True)))
    reveal("an ML-KEM seed", pair.private_key_handle, "SEED")
    secret = template(CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck["CKK_GENERIC_SECRET"], SENSITIVE=False, EXTRACTABLE=True)
    sent = stub.EncapsulateKey(pb.EncapsulateKeyRequest(
        session_handle=session, mechanism=mech("ML_KEM"), public_key_handle=pair.public_key_handle, template=secret))
    reveal("a secret sent by ML-KEM", sent.key_handle, "VALUE")


def wrap(key, target):
    request = pb.WrapKeyRequest(session_handle=session, mechanism=mech("AES_KEY_WRAP_KWP"), wrapping_key_handle=key,
                                key_handle=target)
    wrapped = stub.WrapKey(request).wrapped_key
    stub.UnwrapKey(pb.UnwrapKeyRequest(
        session_handle=session, mechanism=mech("AES_KEY_WRAP_KWP"), unwrapping_key_handle=key, wrapped_key=wrapped,
        template=template(CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck["CKK_GENERIC_SECRET"], TOKEN=True)))


def use_all():
    stub.SetPIN(pb.SetPINRequest(session_handle=session, old_pin=d.pin.encode(), new_pin=other_pin.encode()))
    stub.SetPIN(pb.SetPINRequest(session_handle=session, old_pin=other_pin.encode(), new_pin=d.pin.encode()))
    aes = create("an AES key", "AES", TOKEN=True, ENCRYPT=True, DECRYPT=True, WRAP=True, UNWRAP=True)
    mac = create("an HMAC key", "GENERIC_SECRET", TOKEN=True, SIGN=True)
    encrypt_and_decrypt(aes)
    stream_both_ways(aes)
    stub.Sign(pb.SignRequest(session_handle=session, mechanism=mech("SHA256_HMAC"), key_handle=mac, data=b"data"))
    wrap(aes, mac)
    use_pairs()
    check_fails("a wrong PIN", "UNAUTHENTICATED", stub.SetPIN, pb.SetPINRequest(
        session_handle=session, old_pin=other_pin.encode(), new_pin=d.pin.encode()))


use_all()

# --- looking --------------------------------------------------------------------------------------


def is_open_to_others():
    try:
        open(f"/proc/{d.process.pid}/mem", "rb").close()
    except PermissionError:
        return False
    return True


if os.geteuid() != 0:
    check("the daemon's memory is closed to others of its user", not is_open_to_others())
else:
    none("in use, in what a core file takes along", in_memory(d.process.pid, secrets_of_callers, True))
    none("the TLS key in use, the same", in_memory(d.process.pid, tls, True))
    check("the search finds what is there", len(in_memory(d.process.pid, secrets_of_callers, False)) > 0)
none("in files", in_files())

stub.Logout(pb.LogoutRequest(session_handle=session))
stub.CloseSession(pb.CloseSessionRequest(session_handle=session))
other = d.stub("other")
none_open = lambda: other.HealthCheck(pb.HealthCheckRequest()).active_sessions == 0
check("no session is open", lambda: wait_for(none_open))
if os.geteuid() == 0:
    none("after logout, anywhere", in_memory(d.process.pid, secrets_of_callers, False))
    d.reload()
    d.said(r"(?i)read again|reload")
    none("the TLS key, in what a core file takes along, after it was read again", in_memory(d.process.pid, tls, True))
    none("and its file's text, anywhere", [place for place in in_memory(d.process.pid, tls, False) if "as text" in place])
check("the daemon ends", lambda: d.stop() == 0)
none("in files, afterwards", in_files())
finish()
