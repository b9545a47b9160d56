"""Uses restored keys through the module, as an application does: use.py MODULE TOKEN FACTS, with the PIN in $PIN.
Decapsulates what the older system encapsulated, unwraps what it wrapped, reads data, and asks for states."""
import ctypes
import os
import sys

UL = ctypes.c_ulong
CKA_CLASS, CKA_TOKEN, CKA_LABEL, CKA_VALUE, CKA_KEY_TYPE = 0, 1, 3, 0x11, 0x100
CKA_SENSITIVE, CKA_VALUE_LEN, CKA_EXTRACTABLE, CKA_COPYABLE = 0x103, 0x161, 0x162, 0x171
CKA_START_DATE, CKA_END_DATE, CKA_WRAP_WITH_TRUSTED, CKA_STATE = 0x110, 0x111, 0x210, 0xC3520002
PRIVATE, SECRET, DATA, CERTIFICATE, GENERIC = 3, 4, 0, 1, 0x10
CKM_ML_KEM, CKM_AES_KEY_WRAP, CKM_SHA256_HMAC = 0x17, 0x2109, 0x251


class Attribute(ctypes.Structure):
    _fields_ = [("type", UL), ("value", ctypes.c_void_p), ("len", UL)]


class Mechanism(ctypes.Structure):
    _fields_ = [("mechanism", UL), ("parameter", ctypes.c_void_p), ("len", UL)]


def call(name, *arguments):
    rv = getattr(module, name)(*arguments)
    if rv != 0:
        raise RuntimeError(f"{name}: 0x{rv:x}")


def template(attributes):
    """A template, and what keeps its values alive."""
    values = [ctypes.create_string_buffer(v if isinstance(v, bytes) else bytes(UL(v)), len(v) if isinstance(v, bytes) else 8)
              for v in attributes.values()]
    array = (Attribute * len(values))(*[Attribute(t, ctypes.cast(v, ctypes.c_void_p), len(v)) for t, v in zip(attributes, values)])
    return array, values


def find(label, object_class):
    wanted, _keep = template({CKA_LABEL: label.encode(), CKA_CLASS: object_class})
    found, count = UL(), UL()
    call("C_FindObjectsInit", session, wanted, UL(2))
    call("C_FindObjects", session, ctypes.byref(found), UL(1), ctypes.byref(count))
    call("C_FindObjectsFinal", session)
    assert count.value == 1, label
    return found


def read(handle, kind):
    room = ctypes.create_string_buffer(4096)
    attribute = Attribute(kind, ctypes.cast(room, ctypes.c_void_p), 4096)
    call("C_GetAttributeValue", session, handle, ctypes.byref(attribute), UL(1))
    return room.raw[:attribute.len]


def login(token, pin):
    slots, count = (UL * 16)(), UL(16)
    call("C_Initialize", None)
    call("C_GetSlotList", 1, slots, ctypes.byref(count))
    for slot in slots[:count.value]:
        info = ctypes.create_string_buffer(512)
        call("C_GetTokenInfo", UL(slot), info)
        if info.raw[:32].rstrip() == token.encode():
            call("C_OpenSession", UL(slot), UL(6), None, None, ctypes.byref(session))
            call("C_Login", session, UL(1), pin, UL(len(pin)))
            return
    raise RuntimeError("no such token")


def decapsulate(label):
    mechanism = Mechanism(CKM_ML_KEM, None, 0)
    made, _keep = template({CKA_CLASS: SECRET, CKA_KEY_TYPE: GENERIC, CKA_SENSITIVE: b"\0", CKA_EXTRACTABLE: b"\1"})
    ciphertext, key = facts[label, "ciphertext"], UL()
    call("C_DecapsulateKey", session, ctypes.byref(mechanism), find(label, PRIVATE), made, UL(4), ciphertext, UL(len(ciphertext)),
         ctypes.byref(key))
    assert read(key, CKA_VALUE) == facts[label, "secret"], label


def unwrap():
    mechanism = Mechanism(CKM_AES_KEY_WRAP, None, 0)
    made, _keep = template({CKA_CLASS: SECRET, CKA_KEY_TYPE: GENERIC, CKA_SENSITIVE: b"\0", CKA_EXTRACTABLE: b"\1"})
    wrapped, key = facts["aes256", "wrapped"], UL()
    call("C_UnwrapKey", session, ctypes.byref(mechanism), find("aes256", SECRET), wrapped, UL(len(wrapped)), made, UL(4),
         ctypes.byref(key))
    assert read(key, CKA_VALUE) == b"\x5a" * 32


def mac(label, key):
    import hashlib
    import hmac
    mechanism, out, count = Mechanism(CKM_SHA256_HMAC, None, 0), ctypes.create_string_buffer(32), UL(32)
    call("C_SignInit", session, ctypes.byref(mechanism), find(label, SECRET))
    call("C_Sign", session, b"text", UL(4), out, ctypes.byref(count))
    assert out.raw == hmac.new(key, b"text", hashlib.sha256).digest(), label


module, session = ctypes.CDLL(sys.argv[1]), UL()
facts = {(label, what): bytes.fromhex(value) for label, what, value in map(str.split, open(sys.argv[3], encoding="ascii"))}
login(sys.argv[2], os.environ["PIN"].encode())
for name in ("mlkem512", "mlkem768", "mlkem1024"):
    decapsulate(name)
unwrap()
mac("generic", b"a generic secret of 32 bytes....")
mac("hmac", b"a key for HMAC, of 32 bytes.....")
assert read(find("aes128", SECRET), CKA_VALUE) == facts["aes128", "value"]
assert read(find("note", DATA), CKA_VALUE) == b"kept by the older system"
assert read(find("cert", CERTIFICATE), CKA_VALUE)[:2] == b"\x30\x82"
for name, state in (("aes256", 2), ("waiting", 1), ("ended", 3), ("compromised", 4), ("dated", 2)):
    assert int.from_bytes(read(find(name, SECRET), CKA_STATE), "little") == state, name
assert read(find("dated", SECRET), CKA_START_DATE) == b"20250101" and read(find("dated", SECRET), CKA_END_DATE) == b"20991231"
odd = find("caf\u00e9", SECRET)
assert read(odd, CKA_COPYABLE) == b"\0" and read(odd, CKA_WRAP_WITH_TRUSTED) == b"\1" and read(odd, CKA_START_DATE) == b""
assert read(find("session", SECRET), CKA_TOKEN) == b"\1"
