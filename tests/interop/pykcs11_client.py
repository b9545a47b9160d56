"""A program as users of PyKCS11 write them; each result is checked by python3-cryptography.

usage: pykcs11_client.py MODULE TOKEN-LABEL. The PIN is in the environment variable PIN. Prints "ok NAME" or
"not ok NAME: why", one line per test.
"""
import os
import sys
import threading
import traceback

import PyKCS11
from PyKCS11 import LowLevel
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

MESSAGE = b"The quick brown fox jumps over the lazy dog"
P256 = bytes.fromhex("06082a8648ce3d030107")
YES, NO = PyKCS11.CK_TRUE, PyKCS11.CK_FALSE


class Names(dict):
    """PyKCS11's names of mechanisms; it stops at a number that came after it (3.2's ML-KEM)."""

    def __missing__(self, number):
        return hex(number)


PyKCS11.CKM = Names(PyKCS11.CKM)


def bytes_of(value):
    return bytes(bytearray(value))


class Client:
    def __init__(self, module, label):
        self.library = PyKCS11.PyKCS11Lib()
        self.library.load(module)
        slots = self.library.getSlotList(tokenPresent=True)
        self.slot = next(s for s in slots if self.library.getTokenInfo(s).label.strip() == label)
        self.session = self.open()
        self.session.login(os.environ["PIN"])

    def open(self):
        return self.library.openSession(self.slot, PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION)

    def attribute(self, handle, kind):
        return bytes_of(self.session.getAttributeValue(handle, [kind])[0])

    def generate_rsa(self, key_id):
        public = [(PyKCS11.CKA_TOKEN, YES), (PyKCS11.CKA_MODULUS_BITS, 2048),
                  (PyKCS11.CKA_PUBLIC_EXPONENT, (1, 0, 1)), (PyKCS11.CKA_ID, key_id),
                  (PyKCS11.CKA_VERIFY, YES), (PyKCS11.CKA_ENCRYPT, YES)]
        private = [(PyKCS11.CKA_TOKEN, YES), (PyKCS11.CKA_ID, key_id), (PyKCS11.CKA_SIGN, YES),
                   (PyKCS11.CKA_DECRYPT, YES), (PyKCS11.CKA_SENSITIVE, YES)]
        return self.session.generateKeyPair(public, private)

    def rsa_public(self, handle):
        n = int.from_bytes(self.attribute(handle, PyKCS11.CKA_MODULUS), "big")
        e = int.from_bytes(self.attribute(handle, PyKCS11.CKA_PUBLIC_EXPONENT), "big")
        return rsa.RSAPublicNumbers(e, n).public_key()

    def generate_ec(self, key_id):
        public = [(PyKCS11.CKA_TOKEN, YES), (PyKCS11.CKA_EC_PARAMS, P256), (PyKCS11.CKA_ID, key_id),
                  (PyKCS11.CKA_VERIFY, YES), (PyKCS11.CKA_KEY_TYPE, PyKCS11.CKK_EC)]
        private = [(PyKCS11.CKA_TOKEN, YES), (PyKCS11.CKA_ID, key_id), (PyKCS11.CKA_SIGN, YES)]
        mechanism = PyKCS11.Mechanism(PyKCS11.CKM_EC_KEY_PAIR_GEN, None)
        return self.session.generateKeyPair(public, private, mecha=mechanism)

    def ec_public(self, handle):
        point = self.attribute(handle, PyKCS11.CKA_EC_POINT)
        assert point[:2] == b"\x04\x41", "a DER OCTET STRING of 65 bytes"
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point[2:])

    def import_secret(self, kind, value, session=None):
        template = [(PyKCS11.CKA_CLASS, PyKCS11.CKO_SECRET_KEY), (PyKCS11.CKA_KEY_TYPE, kind),
                    (PyKCS11.CKA_VALUE, value), (PyKCS11.CKA_TOKEN, NO), (PyKCS11.CKA_EXTRACTABLE, YES),
                    (PyKCS11.CKA_SENSITIVE, NO), (PyKCS11.CKA_ENCRYPT, YES), (PyKCS11.CKA_DECRYPT, YES),
                    (PyKCS11.CKA_SIGN, YES), (PyKCS11.CKA_VERIFY, YES), (PyKCS11.CKA_WRAP, YES),
                    (PyKCS11.CKA_UNWRAP, YES)]
        return (session or self.session).createObject(template)


def verify_ecdsa(public, signature, message):
    half = len(signature) // 2
    r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
    public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def test_information(client):
    assert client.library.getInfo().libraryVersion
    # This library knows no mechanism that is younger than itself, and stops at one.
    for number in range(0x5000):
        PyKCS11.CKM.setdefault(number, hex(number))
    assert "CKM_RSA_PKCS" in client.library.getMechanismList(client.slot)
    info = client.library.getMechanismInfo(client.slot, "CKM_RSA_PKCS")
    assert info.ulMinKeySize <= 2048 <= info.ulMaxKeySize


def test_rsa_signatures(client):
    public, private = client.generate_rsa(b"\x01")
    theirs = client.rsa_public(public)
    mechanism = PyKCS11.Mechanism(PyKCS11.CKM_SHA256_RSA_PKCS, None)
    signature = bytes_of(client.session.sign(private, MESSAGE, mechanism))
    theirs.verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    assert client.session.verify(public, MESSAGE, signature, mechanism)
    assert not client.session.verify(public, MESSAGE + b".", signature, mechanism)
    pss = PyKCS11.RSA_PSS_Mechanism(PyKCS11.CKM_SHA256_RSA_PKCS_PSS, PyKCS11.CKM_SHA256,
                                    PyKCS11.CKG_MGF1_SHA256, 32)
    signature = bytes_of(client.session.sign(private, MESSAGE, pss))
    theirs.verify(signature, MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    with open("python.pub", "wb") as out:
        out.write(theirs.public_bytes(serialization.Encoding.PEM,
                                      serialization.PublicFormat.SubjectPublicKeyInfo))
    with open("python.sig", "wb") as out:
        out.write(signature)
    with open("python.message", "wb") as out:
        out.write(MESSAGE)


def test_rsa_encryption(client):
    public, private = client.generate_rsa(b"\x02")
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    sealed = client.rsa_public(public).encrypt(MESSAGE, oaep)
    mechanism = PyKCS11.RSAOAEPMechanism(PyKCS11.CKM_SHA256, PyKCS11.CKG_MGF1_SHA256)
    assert bytes_of(client.session.decrypt(private, sealed, mechanism)) == MESSAGE
    sealed = client.rsa_public(public).encrypt(MESSAGE, padding.PKCS1v15())
    mechanism = PyKCS11.Mechanism(PyKCS11.CKM_RSA_PKCS, None)
    assert bytes_of(client.session.decrypt(private, sealed, mechanism)) == MESSAGE


def test_ecdsa(client):
    public, private = client.generate_ec(b"\x03")
    mechanism = PyKCS11.Mechanism(PyKCS11.CKM_ECDSA_SHA256, None)
    signature = bytes_of(client.session.sign(private, MESSAGE, mechanism))
    verify_ecdsa(client.ec_public(public), signature, MESSAGE)
    try:
        verify_ecdsa(client.ec_public(public), signature, MESSAGE + b".")
    except InvalidSignature:
        return
    raise AssertionError("another message verifies")


def test_aes(client):
    value, iv, plain = os.urandom(32), os.urandom(16), os.urandom(4000)
    key = client.import_secret(PyKCS11.CKK_AES, value)
    mechanism = PyKCS11.Mechanism(PyKCS11.CKM_AES_CBC, iv)
    sealed = bytes_of(client.session.encrypt(key, plain, mechanism))
    theirs = Cipher(algorithms.AES(value), modes.CBC(iv)).decryptor()
    assert theirs.update(sealed) + theirs.finalize() == plain
    assert bytes_of(client.session.decrypt(key, sealed, mechanism)) == plain
    gcm = PyKCS11.AES_GCM_Mechanism(iv[:12], b"header", 128)
    sealed = bytes_of(client.session.encrypt(key, plain, gcm))
    assert AESGCM(value).decrypt(iv[:12], sealed, b"header") == plain
    gcm = PyKCS11.AES_GCM_Mechanism(iv[:12], b"header", 128)
    assert bytes_of(client.session.decrypt(key, sealed, gcm)) == plain


def test_hmac(client):
    value = os.urandom(48)
    key = client.import_secret(PyKCS11.CKK_GENERIC_SECRET, value)
    mac = bytes_of(client.session.sign(key, MESSAGE, PyKCS11.Mechanism(PyKCS11.CKM_SHA256_HMAC, None)))
    theirs = hmac.HMAC(value, hashes.SHA256())
    theirs.update(MESSAGE)
    theirs.verify(mac)


def test_digest(client):
    for mechanism, hash_ in ((PyKCS11.CKM_SHA256, hashes.SHA256()), (PyKCS11.CKM_SHA512, hashes.SHA512())):
        theirs = hashes.Hash(hash_)
        theirs.update(MESSAGE)
        ours = client.session.digest(MESSAGE, PyKCS11.Mechanism(mechanism, None))
        assert bytes_of(ours) == theirs.finalize()


def test_wrap(client):
    value, target = os.urandom(32), os.urandom(32)
    wrapping = client.import_secret(PyKCS11.CKK_AES, value)
    key = client.import_secret(PyKCS11.CKK_AES, target)
    mechanism = PyKCS11.Mechanism(LowLevel.CKM_AES_KEY_WRAP, None)
    wrapped = bytes_of(client.session.wrapKey(wrapping, key, mechanism))
    assert aes_key_unwrap(value, wrapped) == target
    template = [(PyKCS11.CKA_CLASS, PyKCS11.CKO_SECRET_KEY), (PyKCS11.CKA_KEY_TYPE, PyKCS11.CKK_AES),
                (PyKCS11.CKA_EXTRACTABLE, YES), (PyKCS11.CKA_SENSITIVE, NO)]
    back = client.session.unwrapKey(wrapping, wrapped, template, mechanism)
    assert client.attribute(back, PyKCS11.CKA_VALUE) == target


def test_objects(client):
    found = client.session.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_ID, b"\x03")])
    assert len(found) == 1
    client.session.setAttributeValue(found[0], [(PyKCS11.CKA_LABEL, "renamed")])
    assert client.session.findObjects([(PyKCS11.CKA_LABEL, "renamed")])
    assert found[0].to_dict()["CKA_LABEL"] == "renamed"
    client.session.destroyObject(found[0])
    assert not client.session.findObjects([(PyKCS11.CKA_LABEL, "renamed")])


def test_refusals(client):
    key = client.session.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_ID, b"\x01")])[0]
    try:
        client.session.getAttributeValue(key, [PyKCS11.CKA_PRIVATE_EXPONENT])
        value = client.session.getAttributeValue(key, [PyKCS11.CKA_PRIVATE_EXPONENT])[0]
        assert value is None, "a private exponent was given"
    except PyKCS11.PyKCS11Error as error:
        assert error.value == PyKCS11.CKR_ATTRIBUTE_SENSITIVE, error
    try:
        client.session.login(os.environ["PIN"])
    except PyKCS11.PyKCS11Error as error:
        assert error.value == PyKCS11.CKR_USER_ALREADY_LOGGED_IN, error


def test_threads(client):
    public, private = client.generate_ec(b"\x05")
    theirs, problems = client.ec_public(public), []

    def work():
        try:
            session = client.open()
            for _ in range(50):
                message = os.urandom(100)
                mechanism = PyKCS11.Mechanism(PyKCS11.CKM_ECDSA_SHA256, None)
                verify_ecdsa(theirs, bytes_of(session.sign(private, message, mechanism)), message)
            session.closeSession()
        except Exception as problem:
            problems.append(repr(problem))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems


def main():
    client = Client(sys.argv[1], sys.argv[2])
    failed = False
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        name = name[5:].replace("_", " ")
        try:
            test(client)
            print("ok", name)
        except Exception as problem:
            failed = True
            print("not ok", f"{name}: {problem!r}")
            traceback.print_exc()
    client.session.logout()
    client.session.closeSession()
    return failed


if __name__ == "__main__":
    sys.exit(main())
