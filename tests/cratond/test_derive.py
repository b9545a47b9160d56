#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Key derivations with typed parameters; what they give is computed here by other code."""
import hmac
from hashlib import sha1

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, KBKDFHMAC, CounterLocation, Mode

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

d = Daemon(more="""
[[daemon.client]]
match = "uri:spiffe://test/admin"
role = "operator"

[[daemon.client]]
match = "uri:spiffe://test/client"
role = "user"

[[daemon.client]]
match = "uri:spiffe://test/narrow"
role = "user"
keys = ["base"]
""")
d.prepare(d.stub("admin"))
stub = d.stub()
session = d.login(stub)
OPEN = {"CLASS": ck["CKO_SECRET_KEY"], "KEY_TYPE": ck["CKK_GENERIC_SECRET"], "SENSITIVE": False, "EXTRACTABLE": True}
SHA256 = ck["CKM_SHA256"]


def value_of(handle):
    return stub.GetAttributeValue(pb.GetAttributeValueRequest(
        session_handle=session, object_handle=handle, attribute_types=[ck["CKA_VALUE"]])).attributes[0].value


def secret(value, label="base", **more):
    return stub.CreateObject(pb.CreateObjectRequest(session_handle=session, template=template(
        **{**OPEN, "VALUE": value, "DERIVE": True, "LABEL": label, **more}))).object_handle


def request(name, base, length=None, **typed):
    sizes = {} if length is None else {"VALUE_LEN": length}
    return pb.DeriveKeyRequest(session_handle=session, base_key_handle=base, mechanism=mech(name, **typed),
                               template=template(**OPEN, **sizes))


def derive(*args, **typed):
    return value_of(stub.DeriveKey(request(*args, **typed)).key_handle)


def prf(key, data):
    return hmac.digest(key, data, "sha256")


def number(value, size=4):
    return value.to_bytes(size, "big")


# --- SP 800-108 ------------------------------------------------------------------------------------

COUNTER = pb.KbkdfCounter(width_bits=32)
LENGTH = pb.KbkdfLength(method=ck["CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS"], width_bits=32)


def piece(**what):
    return pb.KbkdfPiece(**what)


def kbkdf(*pieces, prf="SHA256_HMAC", **more):
    return pb.KbkdfParams(prf=ck[f"CKM_{prf}"], pieces=pieces, **more)


key = bytes(range(1, 33))
base = secret(key)
FIXED = [piece(data=b"label"), piece(data=b"\0"), piece(data=b"context"), piece(length=LENGTH)]
fixed = b"label\0context" + number(8 * 72)
counted = kbkdf(piece(iteration=COUNTER), *FIXED)
check("SP 800-108, counter mode", derive("SP800_108_COUNTER_KDF", base, 72, kbkdf=counted) == KBKDFHMAC(
    hashes.SHA256(), Mode.CounterMode, 72, 4, 4, CounterLocation.BeforeFixed, b"label", b"context", None).derive(key))
aes = secret(key, KEY_TYPE=ck["CKK_AES"])
check("with CMAC, the counter behind, 16 bits", derive("SP800_108_COUNTER_KDF", aes, 40, kbkdf=kbkdf(
    piece(data=b"fixed"), piece(iteration=pb.KbkdfCounter(width_bits=16)), prf="AES_CMAC")) == KBKDFCMAC(
        AES, Mode.CounterMode, 40, 2, None, CounterLocation.AfterFixed, None, None, b"fixed").derive(key))
check("little-endian", derive("SP800_108_COUNTER_KDF", base, 64, kbkdf=kbkdf(
    piece(iteration=pb.KbkdfCounter(little_endian=True, width_bits=24)), piece(data=b"x"))) ==
      prf(key, b"\1\0\0x") + prf(key, b"\2\0\0x"))

PREVIOUS = piece(iteration=pb.KbkdfCounter())
last, want = b"start value", b""
for i in range(1, 4):
    last = prf(key, last + number(i) + fixed)
    want += last
check("feedback mode", derive("SP800_108_FEEDBACK_KDF", base, 72, kbkdf=kbkdf(
    PREVIOUS, piece(counter=COUNTER), *FIXED, iv=b"start value")) == want[:72])
a, want = fixed, b""
for i in range(1, 4):
    a = prf(key, a)
    want += prf(key, a + number(i) + fixed)
check("double pipeline mode", derive("SP800_108_DOUBLE_PIPELINE_KDF", base, 72, kbkdf=kbkdf(
    PREVIOUS, piece(counter=COUNTER), *FIXED)) == want[:72])
other = secret(b"another key's value", "other")
with_key = kbkdf(piece(iteration=COUNTER), piece(key_handle=other))
check("another key's value among the pieces", derive("SP800_108_COUNTER_KDF", base, 32, kbkdf=with_key) ==
      prf(key, number(1) + b"another key's value"))


def split(name, lengths, pieces, label="base", by=None, of=None, **more):
    """Derives keys of these lengths at once; their values."""
    asked = request(name, base, lengths[0], kbkdf=kbkdf(*pieces, **more))
    for length in lengths[1:]:
        asked.mechanism.kbkdf.more_keys.add(template=template(**OPEN, VALUE_LEN=length, LABEL=label))
    if by:
        asked.session_handle, asked.base_key_handle = of, base
    answer = (by or stub).DeriveKey(asked)
    assert len(answer.more_key_handles) == len(lengths) - 1
    return [value_of(each) for each in (answer.key_handle, *answer.more_key_handles)]


# Each begins with an output of the PRF of its own.
one, two, three = [prf(key, number(i) + fixed) for i in range(1, 4)]
check("three keys at once", split("SP800_108_COUNTER_KDF", (16, 32, 24), (piece(iteration=COUNTER), *FIXED)) ==
      [one[:16], two, three[:24]])
outputs = [prf(key, b"start value" + b"x")]
for i in range(3):
    outputs.append(prf(key, outputs[-1] + b"x"))
one, two, three, four = outputs
check("and in feedback mode", split("SP800_108_FEEDBACK_KDF", (20, 40, 10), (PREVIOUS, piece(data=b"x")), iv=b"start value") ==
      [one[:20], two + three[:8], four[:10]])
sixteen = split("SP800_108_COUNTER_KDF", (2,) * 16, (piece(iteration=COUNTER), piece(data=b"y")))
check("sixteen at once", sixteen == [prf(key, number(i) + b"y")[:2] for i in range(1, 17)])
check_fails("seventeen", "INVALID_ARGUMENT", split, "SP800_108_COUNTER_KDF", (2,) * 17, (piece(iteration=COUNTER), piece(data=b"y")),
            rv=ck["CKR_MECHANISM_PARAM_INVALID"])
count_before = len(stub.FindObjects(pb.FindObjectsRequest(session_handle=session)).object_handles)
bad = request("SP800_108_COUNTER_KDF", base, 16, kbkdf=kbkdf(piece(iteration=COUNTER), piece(data=b"y")))
bad.mechanism.kbkdf.more_keys.add(template=template(**OPEN, VALUE_LEN=16, MODULUS=b"x"))
check_fails("one of them with a template that cannot be", "INVALID_ARGUMENT", stub.DeriveKey, bad)
bad.mechanism.kbkdf.more_keys[0].template.pop()
bad.mechanism.kbkdf.more_keys[0].template.append(pb.Attribute(attr_type=ck["CKA_WRAP_TEMPLATE"], nested=[
    pb.NestedAttribute(attr_type=ck["CKA_LABEL"], value=b"x")]))
check_fails("or with a template in it", "INVALID_ARGUMENT", stub.DeriveKey, bad)
check("makes none", len(stub.FindObjects(pb.FindObjectsRequest(session_handle=session)).object_handles) == count_before)


def refused(label, name, base_key=base, **typed):
    check_fails(label, "INVALID_ARGUMENT", stub.DeriveKey, request(name, base_key, 32, **typed),
                rv=ck["CKR_MECHANISM_PARAM_INVALID"])


many = [piece(data=b"x")] * 31
check("32 pieces", derive("SP800_108_COUNTER_KDF", base, 32, kbkdf=kbkdf(piece(iteration=COUNTER), *many)) ==
      prf(key, number(1) + 31 * b"x"))
refused("33 pieces", "SP800_108_COUNTER_KDF", kbkdf=kbkdf(piece(iteration=COUNTER), piece(data=b"x"), *many))
refused("nine keys", "SP800_108_COUNTER_KDF", kbkdf=kbkdf(piece(iteration=COUNTER), *[piece(key_handle=other)] * 9))
refused("an empty piece", "SP800_108_COUNTER_KDF", kbkdf=kbkdf(piece(iteration=COUNTER), piece()))
refused("no iteration", "SP800_108_COUNTER_KDF", kbkdf=kbkdf(piece(data=b"x")))
refused("a counter of no bits", "SP800_108_COUNTER_KDF", kbkdf=kbkdf(PREVIOUS, piece(data=b"x")))
refused("a counter of 33 bits", "SP800_108_COUNTER_KDF", kbkdf=kbkdf(piece(iteration=pb.KbkdfCounter(width_bits=33))))
refused("an unknown way to count", "SP800_108_COUNTER_KDF", kbkdf=kbkdf(
    piece(iteration=COUNTER), piece(length=pb.KbkdfLength(method=3, width_bits=32))))
refused("a start value outside of feedback mode", "SP800_108_COUNTER_KDF", kbkdf=kbkdf(
    piece(iteration=COUNTER), piece(data=b"x"), iv=b"x"))
refused("no parameter", "SP800_108_COUNTER_KDF")
refused("a structure with pointers", "SP800_108_COUNTER_KDF", parameter=bytes(40))
refused("another mechanism's parameter", "SP800_108_COUNTER_KDF", hkdf=pb.HkdfParams(expand=True, hash_mechanism=SHA256))

# Of two keys of the token this client may use one; the other has a handle too, which it can guess.
for label in ("base", "hidden"):
    secret(key, label, TOKEN=True)
narrow = d.stub("narrow")
own = d.login(narrow)
found = narrow.FindObjects(pb.FindObjectsRequest(session_handle=own)).object_handles
asked = request("SP800_108_COUNTER_KDF", found[0], 32, kbkdf=kbkdf(piece(iteration=COUNTER), piece(key_handle=0)))
asked.session_handle = own
asked.template.append(attr("LABEL", "base"))
taken = []
for guessed in range(1, 33):
    asked.mechanism.kbkdf.pieces[1].key_handle = guessed
    if status_of(narrow.DeriveKey, asked)[0] == "OK":
        taken.append(guessed)
check("a piece is a key that the client may use, or none", len(found) == 1 and taken == list(found))
asked.mechanism.kbkdf.pieces[1].key_handle = found[0]
asked.mechanism.kbkdf.more_keys.add(template=template(**OPEN, VALUE_LEN=16, LABEL="base"))
check("a further key has a label of the client's", lambda: len(narrow.DeriveKey(asked).more_key_handles) == 1)
asked.mechanism.kbkdf.more_keys[0].template[-1].value = b"another"
check_fails("and no other", "PERMISSION_DENIED", narrow.DeriveKey, asked)

# --- TLS 1.2 -----------------------------------------------------------------------------------------


def p_hash(value, label, seed, length):
    """RFC 5246, 5."""
    out, a = b"", label + seed
    for _ in range(-(-length // 32)):
        a_next = prf(value, a)
        out, a = out + prf(value, a_next + label + seed), a_next
    return out[:length]


client, server = b"c" * 32, b"s" * 32
premaster = b"\3\3" + bytes(range(46))
pre = secret(premaster)
master = p_hash(premaster, b"master secret", client + server, 48)
params = pb.Tls12MasterParams(hash_mechanism=SHA256, client_random=client, server_random=server)
check("TLS 1.2 master secret", derive("TLS12_MASTER_KEY_DERIVE_DH", pre, tls12_master=params) == master)
params.give_version = True
answer = stub.DeriveKey(request("TLS12_MASTER_KEY_DERIVE", pre, tls12_master=params))
check("and the version in it", (value_of(answer.key_handle), answer.premaster_version) == (master, 0x0303))
refused("which others do not have", "TLS12_MASTER_KEY_DERIVE_DH", pre, tls12_master=params)
extended = pb.Tls12MasterParams(hash_mechanism=SHA256, session_hash=b"h" * 32)
check("extended master secret", derive("TLS12_EXTENDED_MASTER_KEY_DERIVE_DH", pre, tls12_master=extended) ==
      p_hash(premaster, b"extended master secret", b"h" * 32, 48))
extended.client_random = client
refused("with a random", "TLS12_EXTENDED_MASTER_KEY_DERIVE", pre, tls12_master=extended)
params.session_hash = b"h" * 32
refused("a session hash for the older one", "TLS12_MASTER_KEY_DERIVE", pre, tls12_master=params)

start = secret(master)
block = p_hash(master, b"key expansion", server + client, 2 * (32 + 16 + 12))
material = pb.Tls12KeysParams(hash_mechanism=SHA256, mac_bits=256, key_bits=128, iv_bits=96, client_random=client,
                              server_random=server)
asked = request("TLS12_KEY_AND_MAC_DERIVE", start, tls12_keys=material)
answer = stub.DeriveKey(asked)
keys = answer.tls12_keys
parts = [value_of(each) for each in (keys.client_mac_key_handle, keys.server_mac_key_handle, keys.client_key_handle,
                                     keys.server_key_handle)] + [keys.client_iv, keys.server_iv]
check("TLS 1.2 keys", answer.key_handle == 0 and b"".join(parts) == block and [len(each) for each in parts] ==
      [32, 32, 16, 16, 12, 12])
asked.mechanism.mechanism_type = ck["CKM_TLS12_KEY_SAFE_DERIVE"]
keys = stub.DeriveKey(asked).tls12_keys
check("the safe kind gives no vectors", keys.client_key_handle and (keys.client_iv, keys.server_iv) == (b"", b""))
material.mac_bits = 0
material.iv_bits = 2048
keys = stub.DeriveKey(request("TLS12_KEY_AND_MAC_DERIVE", start, tls12_keys=material)).tls12_keys
check("no MAC keys, the longest vectors", (keys.client_mac_key_handle, keys.server_mac_key_handle) == (0, 0) and
      keys.server_iv == p_hash(master, b"key expansion", server + client, 544)[-256:])
for bits in (2056, 12, 1 << 63):
    material.iv_bits = bits
    refused(f"vectors of {bits} bits", "TLS12_KEY_AND_MAC_DERIVE", start, tls12_keys=material)

exporter = pb.TlsExporterParams(hash_mechanism=SHA256, label=b"EXPORTER-x", client_random=client, server_random=server)
check("exporter", derive("TLS12_KDF", start, 40, tls_exporter=exporter) ==
      p_hash(master, b"EXPORTER-x", client + server, 40))
exporter.has_context = True
check("with an empty context", derive("TLS12_KDF", start, 40, tls_exporter=exporter) ==
      p_hash(master, b"EXPORTER-x", client + server + b"\0\0", 40))
exporter.context = b"context"
check("with a context", derive("TLS12_KDF", start, 40, tls_exporter=exporter) ==
      p_hash(master, b"EXPORTER-x", client + server + b"\0\7context", 40))

# --- IKE -----------------------------------------------------------------------------------------------

PRF = ck["CKM_SHA256_HMAC"]
gxy, older = secret(b"g" * 48), secret(b"d" * 32)
nonces = dict(initiator_nonce=b"i" * 16, responder_nonce=b"r" * 20)
both = b"i" * 16 + b"r" * 20
check("IKEv2 SKEYSEED (RFC 7296, 2.14)", derive("IKE_PRF_DERIVE", gxy, ike_prf=pb.IkePrfParams(
    prf=PRF, data_as_key=True, **nonces)) == prf(both, b"g" * 48))
check("the same of a rekeying (2.18)", derive("IKE_PRF_DERIVE", older, ike_prf=pb.IkePrfParams(
    prf=PRF, new_key_handle=gxy, **nonces)) == prf(b"d" * 32, b"g" * 48 + both))
check("IKEv1 SKEYID of a shared key (RFC 2409, 5)", derive("IKE_PRF_DERIVE", base, ike_prf=pb.IkePrfParams(
    prf=PRF, **nonces)) == prf(key, both))
block, want = b"", b""
for i in range(1, 5):
    block = prf(key, block + b"g" * 48 + b"seed" + bytes([i]))
    want += block
check("prf+ with a key before the seed (RFC 7296, 2.13)", derive("IKE2_PRF_PLUS_DERIVE", base, 100, ike2_prf_plus=pb.Ike2PrfPlusParams(
    prf=PRF, seed_key_handle=gxy, seed_data=b"seed")) == want[:100])
check("prf+ of data alone", derive("IKE2_PRF_PLUS_DERIVE", base, 32, ike2_prf_plus=pb.Ike2PrfPlusParams(
    prf=PRF, seed_data=b"seed")) == prf(key, b"seed\1"))
cookies = dict(initiator_cookie=b"I" * 8, responder_cookie=b"R" * 8)
check("IKEv1 SKEYID_d (RFC 2409, 5)", derive("IKE1_PRF_DERIVE", base, ike1_prf=pb.Ike1PrfParams(
    prf=PRF, shared_key_handle=gxy, **cookies)) == prf(key, b"g" * 48 + b"I" * 8 + b"R" * 8 + b"\0"))
check("IKEv1 SKEYID_a", derive("IKE1_PRF_DERIVE", base, ike1_prf=pb.Ike1PrfParams(
    prf=PRF, shared_key_handle=gxy, previous_key_handle=older, key_number=255, **cookies)) ==
      prf(key, b"d" * 32 + b"g" * 48 + b"I" * 8 + b"R" * 8 + b"\xff"))
first = prf(key, b"g" * 48 + b"extra")
check("IKEv1 quick mode (RFC 2409, 5.5)", derive("IKE1_EXTENDED_DERIVE", base, 50, ike1_extended=pb.Ike1ExtendedParams(
    prf=PRF, shared_key_handle=gxy, extra_data=b"extra")) == (first + prf(key, first + b"g" * 48 + b"extra"))[:50])
refused("a key number of 256", "IKE1_PRF_DERIVE", ike1_prf=pb.Ike1PrfParams(
    prf=PRF, shared_key_handle=gxy, key_number=256, **cookies))
refused("prf+ of nothing", "IKE2_PRF_PLUS_DERIVE", ike2_prf_plus=pb.Ike2PrfPlusParams(prf=PRF))
refused("an unknown PRF", "IKE_PRF_DERIVE", ike_prf=pb.IkePrfParams(prf=SHA256, **nonces))
refused("a structure with pointers for IKE", "IKE_PRF_DERIVE", parameter=bytes(64))
refused("another IKE's parameter", "IKE_PRF_DERIVE", ike2_prf_plus=pb.Ike2PrfPlusParams(prf=PRF, seed_data=b"x"))
check("a key that is not there", status_of(stub.DeriveKey, request("IKE1_PRF_DERIVE", base, ike1_prf=pb.Ike1PrfParams(
    prf=PRF, **cookies)))[0] != "OK")
asked = request("IKE2_PRF_PLUS_DERIVE", found[0], 32, ike2_prf_plus=pb.Ike2PrfPlusParams(prf=PRF, seed_data=b"x"))
asked.session_handle = own
asked.template.append(attr("LABEL", "base"))
taken = []
for guessed in range(1, 33):
    asked.mechanism.ike2_prf_plus.seed_key_handle = guessed
    if status_of(narrow.DeriveKey, asked)[0] == "OK":
        taken.append(guessed)
check("a seed is a key that the client may use, or none", set(taken) >= {found[0]} and
      all(narrow.GetAttributeValue(pb.GetAttributeValueRequest(
          session_handle=own, object_handle=each, attribute_types=[ck["CKA_LABEL"]])).attributes[0].value == b"base"
          for each in taken))

# --- X9.42 Diffie-Hellman in ffdhe2048, made by its definition in RFC 7919 ---------------------------

SCALE = 1 << 2200
e, term = 0, SCALE
for i in range(1, 600):
    e, term = e + term, term // i
P = 2**2048 - 2**1984 + ((e >> (2200 - 1918)) + 560316) * 2**64 - 1
assert pow(2, (P - 1) // 2, P) == 1
pair = stub.GenerateKeyPair(pb.GenerateKeyPairRequest(
    session_handle=session, mechanism=mech("X9_42_DH_KEY_PAIR_GEN"),
    public_template=template(PRIME=number(P, 256), BASE=b"\2", SUBPRIME=number((P - 1) // 2, 256)),
    private_template=template(DERIVE=True)))
mine = int.from_bytes(secrets.token_bytes(64), "big")
shared = number(pow(int.from_bytes(value_of(pair.public_key_handle), "big"), mine, P), 256)
sent = number(pow(2, mine, P), 256)
check("X9.42 Diffie-Hellman", derive("X9_42_DH_DERIVE", pair.private_key_handle, 256, x9_42=pb.X942Params(
    kdf=ck["CKD_NULL"], public_data=sent)) == shared)
check("and a hash", derive("X9_42_DH_DERIVE", pair.private_key_handle, 20, x9_42=pb.X942Params(
    kdf=ck["CKD_SHA1_KDF_CONCATENATE"], other_info=b"info", public_data=sent)) ==
      sha1(shared + number(1) + b"info").digest())
refused("an unknown hash", "X9_42_DH_DERIVE", pair.private_key_handle, x9_42=pb.X942Params(kdf=99, public_data=sent))
refused("a public value that is too long", "X9_42_DH_DERIVE", pair.private_key_handle, x9_42=pb.X942Params(
    kdf=ck["CKD_NULL"], public_data=bytes(1 << 16)))

d.stop()
finish()
