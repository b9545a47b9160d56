# SPDX-License-Identifier: Apache-2.0
"""What the daemon's tests share: certificates, a configuration, a daemon of one's own, clients.

A test file is a script: it makes a Daemon, calls check() for each claim and ends with finish().
Messages are made by Google's protobuf from proto/craton_hsm.proto, not by the daemon's own code.
"""
import atexit
import datetime
import importlib
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("CRATON_HSM_CRATOND", str(ROOT / "build/cratond"))
LOAD = os.environ.get("CRATON_HSM_LOAD", str(pathlib.Path(BINARY).resolve().parent / "tests/load/load"))
ADMIN = os.environ.get("CRATON_HSM_ADMIN", str(pathlib.Path(BINARY).resolve().parent / "craton-hsm-admin"))
PATIENCE_S = 60  # the machine may be busy: only a test that has failed waits that long


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


try:
    import grpc
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
except ImportError as missing:
    skip_all(f"no Python package: {missing} (python3-grpcio, python3-protobuf, python3-cryptography)")
for program, package in (("protoc", "protobuf-compiler"), ("grpc_python_plugin", "protobuf-compiler-grpc")):
    if not shutil.which(program):
        skip_all(f"no {program} (package {package})")

# --- results -------------------------------------------------------------------------------------

count = failed = 0


def check(label, what=True):
    """A claim: a value, or a function that must not raise and not return False."""
    global count, failed
    count += 1
    try:
        good = what() if callable(what) else bool(what)
        reason = "" if good is None or good else "is not so"
    except Exception:  # pylint: disable=broad-except
        reason = traceback.format_exc()
    print(f"{'not ok' if reason else 'ok'} {count} - {label}", flush=True)
    if reason:
        failed += 1
        for line in reason.splitlines():
            print(f"# {line}", flush=True)
    return not reason


def status_of(call, *args, **kwargs):
    """(status name, craton-rv or None) of a call."""
    try:
        call(*args, **kwargs)
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        rv = trailers.get("craton-rv")
        return error.code().name, int(rv) if rv is not None else None
    return "OK", None


def check_fails(label, status, call, *args, rv=None, **kwargs):
    seen = status_of(call, *args, **kwargs)
    wanted = (status, rv if rv is not None else seen[1])
    return check(f"{label}: {status}" + (f" (is {seen})" if seen != wanted else ""), seen == wanted)


def clean_up():
    for running in list(Daemon.running):
        running.kill()
    shutil.rmtree(work, ignore_errors=True)


def finish():
    clean_up()
    print(f"1..{count}")
    sys.exit(1 if failed else 0)


def wait_for(what, patience_s=PATIENCE_S):
    """Waits for something that has no event to wait on."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.01)
    return False


# Whatever ends the test, its daemons end too.
atexit.register(clean_up)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

# --- messages ------------------------------------------------------------------------------------

os.umask(0o077)
work = pathlib.Path(tempfile.mkdtemp(prefix="cratond-test."))
subprocess.run(["protoc", f"--proto_path={ROOT}/proto", f"--python_out={work}", f"--grpc_python_out={work}",
                f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}",
                "craton_hsm.proto", "health.proto", "reflection.proto"], check=True)
sys.path.insert(0, str(work))
pb = importlib.import_module("craton_hsm_pb2")
pb_grpc = importlib.import_module("craton_hsm_pb2_grpc")
health = importlib.import_module("health_pb2")
health_grpc = importlib.import_module("health_pb2_grpc")
reflection = importlib.import_module("reflection_pb2")
reflection_grpc = importlib.import_module("reflection_pb2_grpc")


def constants():
    """CK..._NAME of the standard's header."""
    text = (ROOT / "include/pkcs11/pkcs11_types.h").read_text()
    return {name: int(value, 0) for name, value in
            re.findall(r"^#define (CK[A-Z]*_\w+) (0x[0-9a-fA-F]+|\d+)U?L?$", text, re.M)}


ck = constants()


def ulong(value):
    return value.to_bytes(8, "little")


def attr(name, value):
    """An attribute: bool, int, str or bytes."""
    if isinstance(value, bool):
        value = bytes([value])
    elif isinstance(value, int):
        value = ulong(value)
    elif isinstance(value, str):
        value = value.encode()
    return pb.Attribute(attr_type=ck[f"CKA_{name}"], value=value)


def template(**attributes):
    return [attr(name, value) for name, value in attributes.items()]


def mech(name, **typed):
    return pb.Mechanism(mechanism_type=ck[f"CKM_{name}"], **typed)


# --- certificates --------------------------------------------------------------------------------

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.utcnow()


class Authority:
    """A certificate authority in files, with the list of what it has revoked."""

    def __init__(self, name):
        self.name = name
        self.serials = {}
        self.revoked = []
        self.key, self.cert = self._make(name, None, is_ca=True)
        self.path = work / f"{name}.pem"
        self.path.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    def _make(self, name, subject_names, is_ca=False, begin=-DAY, end=30 * DAY):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
                   .issuer_name(subject if is_ca else self.cert.subject)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(NOW + begin).not_valid_after(NOW + end)
                   .add_extension(x509.BasicConstraints(is_ca, None), critical=True))
        if is_ca:
            builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        if subject_names:
            builder = builder.add_extension(x509.SubjectAlternativeName(subject_names), critical=False)
        return key, builder.sign(key if is_ca else self.key, hashes.SHA256())

    def issue(self, name, *subject_names, **validity):
        """Writes NAME.crt and NAME.key and returns their paths."""
        key, cert = self._make(name, list(subject_names), **validity)
        self.serials[name] = cert.serial_number
        base = work / f"{self.name}-{name}"
        base.with_suffix(".crt").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        base.with_suffix(".key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return base.with_suffix(".crt"), base.with_suffix(".key")

    def revoke(self, *names):
        """Adds to the list of revoked certificates and writes it; returns its path."""
        self.revoked += [self.serials[name] for name in names]
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.cert.subject)
                   .last_update(NOW - DAY).next_update(NOW + 30 * DAY))
        for serial in self.revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY).build())
        path = work / f"{self.name}.crl"
        new = path.with_suffix(".new")
        new.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        new.rename(path)
        return path


def dns(name):
    return x509.DNSName(name)


def uri(name):
    return x509.UniformResourceIdentifier(name)


def ip(name):
    import ipaddress
    return x509.IPAddress(ipaddress.ip_address(name))


# --- the daemon ----------------------------------------------------------------------------------

class Daemon:
    """A daemon with a store, an authority and a server certificate of its own."""
    running = []

    def __init__(self, name="d", daemon="", more="", start=True, crl=True, token=""):
        self.name = name
        self.ca = Authority(f"{name}-ca")
        self.cert, self.key = self.ca.issue("server", dns("localhost"), ip("127.0.0.1"))
        self.crl = self.ca.revoke() if crl else None
        self.config = work / f"{name}.toml"
        self.config.write_text(
            f'[token]\nstorage_path = "{work}/{name}-store"\n{token}\n'
            '[security]\npbkdf2_iterations = 100000\n'  # the least allowed: tests log in often
            f'[daemon]\nbind = "127.0.0.1:0"\ntls_cert = "{self.cert}"\ntls_key = "{self.key}"\n'
            f'tls_client_ca = "{self.ca.path}"\n'
            + (f'tls_client_crl = "{self.crl}"\n' if crl else "") + daemon + "\n" + more + "\n")
        self.so_pin = secrets.token_hex(6)
        self.pin = secrets.token_hex(6)
        self.process = None
        self.port = None
        self.log_path = work / f"{name}.log"
        self.clients = {}
        if start:
            self.start()

    def start(self, **environment):
        with open(self.log_path, "ab") as log:
            at = log.tell()
            self.process = subprocess.Popen([BINARY, "--config", str(self.config)], stderr=log, stdout=subprocess.DEVNULL,
                                            env={**os.environ, "CRATON_HSM_LOG": "stderr:debug", **environment})
        Daemon.running.append(self)

        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(self.log())
            found = re.search(r"listening at \S+ port (\d+)", self.log()[at:])
            self.port = int(found[1]) if found else None
            return self.port is not None
        if not wait_for(ready):
            raise RuntimeError(self.log())

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def said(self, pattern):
        return wait_for(lambda: re.search(pattern, self.log()))

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE_S)
        Daemon.running.remove(self)
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        Daemon.running.remove(self)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def credentials(self, name="client", authority=None, names=None, **validity):
        ca = authority or self.ca
        if (ca.name, name) not in self.clients:
            self.clients[ca.name, name] = ca.issue(name, *(names or [uri(f"spiffe://test/{name}")]), **validity)
        cert, key = self.clients[ca.name, name]
        return cert, key

    def channel(self, name="client", **how):
        """A new connection each time; name None: without a certificate."""
        cert, key = (None, None) if name is None else self.credentials(name, **how)
        ssl = grpc.ssl_channel_credentials(self.ca.path.read_bytes(), key and key.read_bytes(),
                                           cert and cert.read_bytes())
        return grpc.secure_channel(f"localhost:{self.port}", ssl, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20),
            ("grpc.max_send_message_length", 64 << 20)])

    def stub(self, name="client", **how):
        return pb_grpc.HsmServiceStub(self.channel(name, **how))

    def load(self, name, *more, path=None, requests=()):
        """The command line of the load client (tests/load), which is NAME; each request goes to a file."""
        cert, key = self.credentials(name)
        line = [LOAD, "--port", str(self.port), "--ca", str(self.ca.path), "--cert", str(cert), "--key", str(key),
                "--pid", str(self.process.pid)]
        if path:
            line += ["--path", path]
        for i, request in enumerate(requests):
            file = work / f"{self.name}-{name}-{path.rsplit('/', 1)[1]}.{i}"
            file.write_bytes(request.SerializeToString())
            line += ["--message", str(file)]
        return line + [str(each) for each in more]

    def resident(self):
        """Bytes of memory in use."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def prepare(self, stub, slot=0):
        """Initialises the slot's token and sets both PINs."""
        stub.InitToken(pb.InitTokenRequest(slot_id=slot, so_pin=self.so_pin.encode(), label=f"test {slot}"))
        session = stub.OpenSession(pb.OpenSessionRequest(slot_id=slot, read_write=True)).session_handle
        stub.Login(pb.LoginRequest(session_handle=session, user_type=0, pin=self.so_pin.encode()))
        stub.InitPIN(pb.InitPINRequest(session_handle=session, pin=self.pin.encode()))
        stub.CloseSession(pb.CloseSessionRequest(session_handle=session))

    def login(self, stub, slot=0):
        session = stub.OpenSession(pb.OpenSessionRequest(slot_id=slot, read_write=True)).session_handle
        stub.Login(pb.LoginRequest(session_handle=session, user_type=1, pin=self.pin.encode()))
        return session

    def signers(self, name, count=64):
        """A new token with a P-256 key, and what signs with it in as many sessions: (stub, requests)."""
        stub = self.stub(name)
        self.prepare(stub)
        session = self.login(stub)
        private = ec_pair(stub, session)[1]
        sessions = [session] + [stub.OpenSession(pb.OpenSessionRequest(slot_id=0)).session_handle
                                for _ in range(count - 1)]
        return stub, [pb.SignRequest(session_handle=each, mechanism=mech("ECDSA"), key_handle=private, data=bytes(32))
                      for each in sessions]


P256 = bytes.fromhex("06082a8648ce3d030107")


def ec_pair(stub, session, label="signing", token=True, **private):
    """A P-256 pair: (public handle, private handle)."""
    made = stub.GenerateKeyPair(pb.GenerateKeyPairRequest(
        session_handle=session, mechanism=mech("EC_KEY_PAIR_GEN"),
        public_template=template(TOKEN=token, EC_PARAMS=P256, VERIFY=True, LABEL=label),
        private_template=template(TOKEN=token, PRIVATE=True, SIGN=True, LABEL=label, **private)))
    return made.public_key_handle, made.private_key_handle


def ec_public(stub, session, handle):
    """The public key, for python3-cryptography."""
    point = stub.GetAttributeValue(pb.GetAttributeValueRequest(
        session_handle=session, object_handle=handle, attribute_types=[ck["CKA_EC_POINT"]])).attributes[0].value
    assert point[:2] == b"\x04\x41"
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point[2:])


def verify_ecdsa(key, signature, data):
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    half = len(signature) // 2
    key.verify(encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")),
               data, ec.ECDSA(hashes.SHA256()))
