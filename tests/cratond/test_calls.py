#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every call, by a client in another language over mutual TLS; results are checked by another library."""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

from cryptography.hazmat.primitives import hmac
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

d = Daemon(token="slot_count = 2")
stub = d.stub()
data = b"a message"


def attributes(handle, *names):
    answer = stub.GetAttributeValue(pb.GetAttributeValueRequest(
        session_handle=session, object_handle=handle, attribute_types=[ck[f"CKA_{name}"] for name in names]))
    return {each.attr_type: each.value for each in answer.attributes}


check("a token is initialised", lambda: d.prepare(stub))
session = d.login(stub)

# --- what there is -------------------------------------------------------------------------------

info = stub.GetTokenInfo(pb.GetTokenInfoRequest(slot_id=0))
check("GetTokenInfo", (info.label, info.initialized, info.user_pin_initialized, info.login_state,
                       info.session_count, info.rw_session_count) == ("test 0", True, True, "user", 1, 1))
check("GetTokenInfo of an empty slot", not stub.GetTokenInfo(pb.GetTokenInfoRequest(slot_id=1)).initialized)
check_fails("no such slot", "NOT_FOUND", stub.GetTokenInfo, pb.GetTokenInfoRequest(slot_id=2), rv=ck["CKR_SLOT_ID_INVALID"])
slots = stub.ListSlots(pb.ListSlotsRequest()).slots
check("ListSlots", [(slot.slot_id, slot.initialized) for slot in slots] == [(0, True), (1, False)])
mechanisms = stub.GetMechanismList(pb.GetMechanismListRequest(slot_id=0)).mechanism_types
check("GetMechanismList", {ck["CKM_ECDSA_SHA256"], ck["CKM_AES_GCM"], ck["CKM_ML_KEM"]} <= set(mechanisms))
about = stub.GetMechanismInfo(pb.GetMechanismInfoRequest(slot_id=0, mechanism_type=ck["CKM_ECDSA_SHA256"]))
check("GetMechanismInfo", about.flags & ck["CKF_SIGN"] and about.max_key_size >= 521)
alive = stub.HealthCheck(pb.HealthCheckRequest())
check("HealthCheck", alive.healthy and alive.version and alive.active_sessions == 1 and alive.crypto_backend == "openssl")

# --- signatures ----------------------------------------------------------------------------------

public, private = ec_pair(stub, session)
signed = pb.SignRequest(session_handle=session, mechanism=mech("ECDSA_SHA256"), key_handle=private, data=data)
signature = stub.Sign(signed).signature
check("an ECDSA signature", lambda: verify_ecdsa(ec_public(stub, session, public), signature, data))
verify = pb.VerifyRequest(session_handle=session, mechanism=mech("ECDSA_SHA256"), key_handle=public, data=data,
                          signature=signature)
check("Verify", stub.Verify(verify).valid)
verify.data = b"another message"
check("Verify says no", not stub.Verify(verify).valid)
verify.signature = b"short"
check("Verify says no to what is none", not stub.Verify(verify).valid)

pair = stub.GenerateKeyPair(pb.GenerateKeyPairRequest(
    session_handle=session, mechanism=mech("RSA_PKCS_KEY_PAIR_GEN"),
    public_template=template(MODULUS_BITS=2048, VERIFY=True, ENCRYPT=True),
    private_template=template(SIGN=True, DECRYPT=True)))
values = attributes(pair.public_key_handle, "MODULUS", "PUBLIC_EXPONENT")
n, e = (int.from_bytes(values[ck[f"CKA_{name}"]], "big") for name in ("MODULUS", "PUBLIC_EXPONENT"))
rsa_key = rsa.RSAPublicNumbers(e, n).public_key()
pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
typed = mech("SHA256_RSA_PKCS_PSS", pss=pb.PssParams(hash_mechanism=ck["CKM_SHA256"], mgf=ck["CKG_MGF1_SHA256"], salt_length=32))
raw = mech("SHA256_RSA_PKCS_PSS", parameter=ulong(ck["CKM_SHA256"]) + ulong(ck["CKG_MGF1_SHA256"]) + ulong(32))
for label, mechanism in (("typed", typed), ("raw", raw)):
    rsa_signature = stub.Sign(pb.SignRequest(session_handle=session, mechanism=mechanism,
                                             key_handle=pair.private_key_handle, data=data)).signature
    check(f"RSA-PSS, {label} parameter", lambda: rsa_key.verify(rsa_signature, data, pss, hashes.SHA256()))
check_fails("another mechanism's typed parameter", "INVALID_ARGUMENT", stub.Sign, pb.SignRequest(
    session_handle=session, mechanism=mech("SHA256_RSA_PKCS_PSS", gcm=pb.GcmParams(iv=bytes(12))),
    key_handle=pair.private_key_handle, data=data), rv=ck["CKR_MECHANISM_PARAM_INVALID"])

oaep = mech("RSA_PKCS_OAEP", oaep=pb.OaepParams(hash_mechanism=ck["CKM_SHA256"], mgf=ck["CKG_MGF1_SHA256"], label=b"L"))
sealed = rsa_key.encrypt(data, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"L"))
check("RSA-OAEP decrypts", stub.Decrypt(pb.DecryptRequest(
    session_handle=session, mechanism=oaep, key_handle=pair.private_key_handle, encrypted_data=sealed)).data == data)
check_fails("a structure with pointers is refused", "INVALID_ARGUMENT", stub.Decrypt, pb.DecryptRequest(
    session_handle=session, mechanism=mech("RSA_PKCS_OAEP", parameter=bytes(40)),
    key_handle=pair.private_key_handle, encrypted_data=sealed), rv=ck["CKR_MECHANISM_PARAM_INVALID"])

# --- secret keys ---------------------------------------------------------------------------------

aes_value = bytes(range(32))
aes = stub.CreateObject(pb.CreateObjectRequest(session_handle=session, template=template(
    CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck["CKK_AES"], VALUE=aes_value, ENCRYPT=True, DECRYPT=True, WRAP=True,
    UNWRAP=True, LABEL="aes"))).object_handle
gcm = mech("AES_GCM", gcm=pb.GcmParams(iv=bytes(12), aad=b"aad", tag_bits=128))
sealed = stub.Encrypt(pb.EncryptRequest(session_handle=session, mechanism=gcm, key_handle=aes, data=data)).encrypted_data
check("AES-GCM encrypts", sealed == AESGCM(aes_value).encrypt(bytes(12), data, b"aad"))
check("AES-GCM decrypts", stub.Decrypt(pb.DecryptRequest(session_handle=session, mechanism=gcm, key_handle=aes,
                                                         encrypted_data=sealed)).data == data)
check("AES-GCM by its IV alone", stub.Encrypt(pb.EncryptRequest(
    session_handle=session, mechanism=mech("AES_GCM", parameter=bytes(12)), key_handle=aes,
    data=data)).encrypted_data == AESGCM(aes_value).encrypt(bytes(12), data, None))
check_fails("a wrong tag", "INVALID_ARGUMENT", stub.Decrypt, pb.DecryptRequest(
    session_handle=session, mechanism=gcm, key_handle=aes, encrypted_data=sealed[:-1] + b"?"))

key = stub.GenerateKey(pb.GenerateKeyRequest(
    session_handle=session, mechanism=mech("GENERIC_SECRET_KEY_GEN"),
    template=template(VALUE_LEN=32, SIGN=True, DERIVE=True, EXTRACTABLE=True, SENSITIVE=False, LABEL="mac"))).key_handle
value = attributes(key, "VALUE")[ck["CKA_VALUE"]]
mac = hmac.HMAC(value, hashes.SHA256())
mac.update(data)
check("HMAC", stub.Sign(pb.SignRequest(session_handle=session, mechanism=mech("SHA256_HMAC"), key_handle=key,
                                       data=data)).signature == mac.finalize())
wrapped = stub.WrapKey(pb.WrapKeyRequest(session_handle=session, mechanism=mech("AES_KEY_WRAP"), wrapping_key_handle=aes,
                                         key_handle=key)).wrapped_key
check("WrapKey", aes_key_unwrap(aes_value, wrapped) == value)
again = stub.UnwrapKey(pb.UnwrapKeyRequest(
    session_handle=session, mechanism=mech("AES_KEY_WRAP"), unwrapping_key_handle=aes, wrapped_key=wrapped,
    template=template(CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck["CKK_GENERIC_SECRET"], SENSITIVE=False,
                      EXTRACTABLE=True))).key_handle
check("UnwrapKey", attributes(again, "VALUE")[ck["CKA_VALUE"]] == value)
derived = stub.DeriveKey(pb.DeriveKeyRequest(
    session_handle=session, base_key_handle=key,
    mechanism=mech("HKDF_DERIVE", hkdf=pb.HkdfParams(extract=True, expand=True, hash_mechanism=ck["CKM_SHA256"],
                                                     salt_type=ck["CKF_HKDF_SALT_DATA"], salt=b"salt", info=b"info")),
    template=template(CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck["CKK_GENERIC_SECRET"], VALUE_LEN=42, SENSITIVE=False,
                      EXTRACTABLE=True))).key_handle
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
check("DeriveKey", attributes(derived, "VALUE")[ck["CKA_VALUE"]] == HKDF(hashes.SHA256(), 42, b"salt", b"info").derive(value))

# --- key encapsulation ---------------------------------------------------------------------------

kem = stub.GenerateKeyPair(pb.GenerateKeyPairRequest(
    session_handle=session, mechanism=mech("ML_KEM_KEY_PAIR_GEN"),
    public_template=template(PARAMETER_SET=ck["CKP_ML_KEM_768"], ENCAPSULATE=True),
    private_template=template(DECAPSULATE=True)))
secret = template(CLASS=ck["CKO_SECRET_KEY"], KEY_TYPE=ck["CKK_GENERIC_SECRET"], SENSITIVE=False, EXTRACTABLE=True)
sent = stub.EncapsulateKey(pb.EncapsulateKeyRequest(session_handle=session, mechanism=mech("ML_KEM"),
                                                    public_key_handle=kem.public_key_handle, template=secret))
received = stub.DecapsulateKey(pb.DecapsulateKeyRequest(
    session_handle=session, mechanism=mech("ML_KEM"), private_key_handle=kem.private_key_handle,
    ciphertext=sent.ciphertext, template=secret)).key_handle
check("both ends of an encapsulation have one secret",
      len(sent.ciphertext) == 1088 and attributes(sent.key_handle, "VALUE") == attributes(received, "VALUE"))

# --- objects -------------------------------------------------------------------------------------

found = stub.FindObjects(pb.FindObjectsRequest(session_handle=session, template=template(LABEL="signing"))).object_handles
check("FindObjects", sorted(found) == sorted([public, private]))
check("FindObjects, at most one", len(stub.FindObjects(pb.FindObjectsRequest(session_handle=session, max_count=1)).object_handles) == 1)
copy = stub.CopyObject(pb.CopyObjectRequest(session_handle=session, object_handle=key,
                                            template=template(LABEL="copy"))).new_object_handle
check("CopyObject", attributes(copy, "LABEL", "VALUE") == {ck["CKA_LABEL"]: b"copy", ck["CKA_VALUE"]: value})
stub.SetAttributeValue(pb.SetAttributeValueRequest(session_handle=session, object_handle=copy,
                                                   template=template(LABEL="renamed")))
check("SetAttributeValue", attributes(copy, "LABEL")[ck["CKA_LABEL"]] == b"renamed")
check("a sensitive value is left out", list(attributes(private, "VALUE", "SIGN")) == [ck["CKA_SIGN"]])
stub.DestroyObject(pb.DestroyObjectRequest(session_handle=session, object_handle=copy))
check_fails("a destroyed object", "NOT_FOUND", stub.GetAttributeValue, pb.GetAttributeValueRequest(
    session_handle=session, object_handle=copy), rv=ck["CKR_OBJECT_HANDLE_INVALID"])
nested = pb.Attribute(attr_type=ck["CKA_WRAP_TEMPLATE"], nested=[
    pb.NestedAttribute(attr_type=ck["CKA_EXTRACTABLE"], value=b"\1")])
wrapper = stub.GenerateKey(pb.GenerateKeyRequest(session_handle=session, mechanism=mech("AES_KEY_GEN"),
                                                 template=template(VALUE_LEN=32, WRAP=True) + [nested])).key_handle
answer = stub.GetAttributeValue(pb.GetAttributeValueRequest(session_handle=session, object_handle=wrapper,
                                                            attribute_types=[ck["CKA_WRAP_TEMPLATE"]])).attributes[0]
check("a template in a template", list(answer.nested) == list(nested.nested))
nested.value = b"\0\0\0\1 bytes of the store's own"
check_fails("a template as bytes", "INVALID_ARGUMENT", stub.GenerateKey, pb.GenerateKeyRequest(
    session_handle=session, mechanism=mech("AES_KEY_GEN"), template=template(VALUE_LEN=32) + [nested]))
many = [attr("LABEL", "x")] * 129
check_fails("too many attributes", "INVALID_ARGUMENT", stub.FindObjects,
            pb.FindObjectsRequest(session_handle=session, template=many), rv=ck["CKR_ARGUMENTS_BAD"])

# --- many calls at once ---------------------------------------------------------------------------

# Clients send a PING or a tiny grant with many a call: that is no abuse.
waiting = []
for _ in range(8000):
    waiting.append(stub.GenerateRandom.future(pb.GenerateRandomRequest(session_handle=session, length=1)))
    if len(waiting) == 64:
        waiting.pop(0).result()
check("thousands of calls on one connection", lambda: all(each.result() for each in waiting))

# --- the rest ------------------------------------------------------------------------------------

from hashlib import sha256
check("Digest", stub.Digest(pb.DigestRequest(session_handle=session, mechanism=mech("SHA256"), data=data)).digest == sha256(data).digest())
one, two = (stub.GenerateRandom(pb.GenerateRandomRequest(session_handle=session, length=1048576)).random_data for _ in "12")
check("GenerateRandom", len(one) == 1048576 and one != two)
check_fails("too much at once", "INVALID_ARGUMENT", stub.GenerateRandom,
            pb.GenerateRandomRequest(session_handle=session, length=1048577))
check_fails("no mechanism", "INVALID_ARGUMENT", stub.Digest, pb.DigestRequest(session_handle=session, data=data))
check_fails("an unknown mechanism", "INVALID_ARGUMENT", stub.Digest, pb.DigestRequest(
    session_handle=session, mechanism=pb.Mechanism(mechanism_type=0x7fffffff)), rv=ck["CKR_MECHANISM_INVALID"])
check_fails("a wrong key handle", "NOT_FOUND", stub.Sign, pb.SignRequest(session_handle=session, mechanism=mech("ECDSA_SHA256"), key_handle=123456, data=data))

new_pin = "new-" + d.pin
stub.SetPIN(pb.SetPINRequest(session_handle=session, old_pin=d.pin.encode(), new_pin=new_pin.encode()))
stub.Logout(pb.LogoutRequest(session_handle=session))
check_fails("without a login", "NOT_FOUND", stub.Sign, signed)
check_fails("the old PIN", "UNAUTHENTICATED", stub.Login,
            pb.LoginRequest(session_handle=session, user_type=1, pin=d.pin.encode()), rv=ck["CKR_PIN_INCORRECT"])
stub.Login(pb.LoginRequest(session_handle=session, user_type=1, pin=new_pin.encode()))
check_fails("logged in twice", "FAILED_PRECONDITION", stub.Login,
            pb.LoginRequest(session_handle=session, user_type=1, pin=new_pin.encode()), rv=ck["CKR_USER_ALREADY_LOGGED_IN"])
check_fails("a token in use is not initialised", "FAILED_PRECONDITION", stub.InitToken,
            pb.InitTokenRequest(slot_id=0, so_pin=d.so_pin.encode(), label="x"), rv=ck["CKR_SESSION_EXISTS"])

signed = pb.SignWithRequest(slot_id=0, mechanism=mech("ECDSA_SHA256"), key_label="signing", data=data)
check("SignWith, logged in", lambda: verify_ecdsa(ec_public(stub, session, public), stub.SignWith(signed).signature, data))
key_of_python = ec_public(stub, session, public)
stub.CloseSession(pb.CloseSessionRequest(session_handle=session))
check_fails("SignWith needs a login", "NOT_FOUND", stub.SignWith, signed, rv=ck["CKR_KEY_HANDLE_INVALID"])
signed.pin = new_pin.encode()
check("SignWith and a PIN", lambda: verify_ecdsa(key_of_python, stub.SignWith(signed).signature, data))
signed.pin = b""
check_fails("and it is not logged in afterwards", "NOT_FOUND", stub.SignWith, signed)
check_fails("a closed session", "NOT_FOUND", stub.Logout, pb.LogoutRequest(session_handle=session),
            rv=ck["CKR_SESSION_HANDLE_INVALID"])
check("it ends when told to", d.stop() == 0)
check("no PIN in the log", lambda: not re.search(f"{d.pin}|{d.so_pin}", d.log()))
d.start()
d.pin = new_pin
stub = d.stub()
session = d.login(stub)
check("objects outlive the daemon", len(stub.FindObjects(pb.FindObjectsRequest(
    session_handle=session, template=template(LABEL="signing"))).object_handles) == 2)
finish()
