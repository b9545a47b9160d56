#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon's own TLS key in a token: made by craton-hsm-admin, certified by OpenSSL, used by the daemon
alone."""
import json
import re
import socket

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

if not shutil.which("openssl"):
    skip_all("no openssl")
PIN_FILE = work / "pin"
WRONG_PIN_FILE = work / "wrong-pin"
RULES = """
[[daemon.client]]
match = "uri:spiffe://test/keeper"
role = "user"
keys = ["tls-*"]

[[daemon.client]]
match = "uri:spiffe://test/*"
role = "user"
"""


def admin(*words):
    done = subprocess.run([ADMIN, *words, "--config", str(d.config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def uri_of(label=None, pin=PIN_FILE, token="token=its%20own", more=""):
    return (f"pkcs11:{token}" + (f";object={label}" if label else "") + ";type=private" + more +
            (f"?pin-source=file:{pin}" if pin else ""))


def configure(uri, cert, version="1.3", rules="", more="", iterations=100000):
    d.config.write_text(f"""
[token]
storage_path = "{work}/{d.name}-store"
slot_count = 4
[security]
pbkdf2_iterations = {iterations}
[daemon]
bind = "127.0.0.1:0"
tls_min_version = "{version}"
tls_cert = "{cert}"
tls_key = "{uri}"
tls_client_ca = "{d.ca.path}"
tls_client_crl = "{d.crl}"
{more}
{rules}
""")


def certify(label, slot="1"):
    """A request signed in the token, and OpenSSL's certificate for it."""
    request, cert = work / f"{label}.csr", work / f"{label}.crt"
    request.write_text(admin("csr", "--slot", slot, "--label", label, "--subject", "CN=localhost", "--san",
                             "DNS:localhost,IP:127.0.0.1", "--pin-file", str(PIN_FILE)))
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", d.ca.path, "-CAkey", ca_key, "-set_serial",
                    str(secrets.randbits(64)), "-days", "3", "-copy_extensions", "copy", "-out", cert],
                   check=True, capture_output=True)
    return cert


def make(kind, label):
    admin("key", "generate", "--slot", "1", "--type", kind, "--label", label, "--pin-file", str(PIN_FILE))
    return certify(label)


def handshake(*options):
    """What openssl s_client says of one; it ends without an error when the other end is what it must be."""
    cert, key = d.credentials()
    done = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{d.port}", "-CAfile", d.ca.path, "-cert", cert,
                           "-key", key, "-alpn", "h2", "-verify_return_error", *options],
                          input="", capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False)
    return done.stdout if done.returncode == 0 and "Verify return code: 0 (ok)" in done.stdout else done.stderr


def served_serial():
    pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", handshake(), re.S)[0]
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def health_of(stub):
    return stub.HealthCheck(pb.HealthCheckRequest(), timeout=PATIENCE_S).healthy


def own_events(operation):
    """Entries of the audit log about what the daemon did with its key."""
    log = (work / f"{d.name}-store" / "craton_hsm_audit.jsonl").read_text()
    whole = log.rstrip("\0").rpartition("\n")[0]  # the last line may be on its way
    return [event for event in map(json.loads, whole.splitlines())
            if "cratond, its TLS key" in json.dumps(event) and operation in json.dumps(event)]


def refused(label, uri, cert, says, status=2, environment=None):
    """Starting is refused, with a line that says why and tells no secret."""
    configure(uri, cert)
    done = subprocess.run([BINARY, "--config", str(d.config), "--check"], capture_output=True, text=True,
                          env={**os.environ, "CRATON_HSM_LOG": "stderr:info", **(environment or {})}, check=False)
    lines = done.stderr.strip().splitlines()
    check(f"{label} (exit {done.returncode}: {lines[-2] if len(lines) > 1 else lines})",
          done.returncode == status and re.search(says, done.stderr) and d.pin not in done.stderr)


d = Daemon("token", start=False)
ca_key = work / "ca.key"
ca_key.write_bytes(d.ca.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()))
PIN_FILE.write_text(d.pin + "\n")
WRONG_PIN_FILE.write_text("not the pin at all\n")
so_file = work / "so-pin"
so_file.write_text(d.so_pin + "\n")
configure("/nowhere", d.cert)
for slot, name in (("0", "clients"), ("1", "its own")):
    admin("token", "init", "--slot", slot, "--label", name, "--so-pin-file", str(so_file), "--pin-file", str(PIN_FILE), "--yes")

def signature_of(seen):
    """The peer's kind of signature, as openssl 3.0 calls it; 3.5 has the names of TLS 1.3."""
    newer = {"ecdsa": "ECDSA", "rsa_pss": "RSA-PSS", "rsa_pkcs1": "RSA"}
    found = re.search(r"Peer signature type: (\S+)", seen)
    return next((old for new, old in newer.items() if found and found[1].startswith(new)), found and found[1])


# --- each kind of key ----------------------------------------------------------------------------------

certs = {}
for kind, said, old, old_said in (("P-256", "ECDSA", "ECDSA+SHA256", "ECDSA"), ("P-384", "ECDSA", "ECDSA+SHA384", "ECDSA"),
                                  ("RSA-2048", "RSA-PSS", "RSA+SHA512", "RSA"), ("Ed25519", "ed25519", "ed25519", "ed25519")):
    name = f"tls-{kind.lower()}"
    certs[kind] = make(kind, name)
    configure(uri_of(name), certs[kind], version="1.2")
    d.start()
    check(f"{kind}: a call over TLS 1.3", lambda: health_of(d.stub()))
    seen = handshake("-tls1_3")
    check(f"{kind}: openssl sees a signature of {said}", signature_of(seen) == said and "TLSv1.3" in seen)
    seen = handshake("-tls1_2", "-sigalgs", ":".join(dict.fromkeys([old, "ECDSA+SHA256"])))  # the client's own
    check(f"{kind}: and over TLS 1.2, {old}", signature_of(seen) == old_said and "TLSv1.2" in seen)
    check(f"{kind}: stopped", d.stop() == 0)
for scheme in ("rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"):
    configure(uri_of("tls-rsa-2048"), certs["RSA-2048"])
    d.start()
    check(f"RSA: {scheme}", signature_of(handshake("-tls1_3", "-sigalgs", f"{scheme}:ecdsa_secp256r1_sha256")) == "RSA-PSS")
    d.stop()

# --- who may use it, and that it is used -----------------------------------------------------------------

mine = certs["P-256"]
configure(uri_of("tls-p-256"), mine, rules=RULES, more="crl_refresh_secs = 1\nhandshake_timeout_secs = 2\n")
logins, signatures = len(own_events("login")), len(own_events("sign"))
d.start()
at_start = len(own_events("sign"))
check("it logs in once", len(own_events("login")) == logins + 1)
stub, keeper = d.stub("anyone"), d.stub("keeper")
check("each handshake is a signature in the audit log",
      lambda: health_of(stub) and health_of(keeper) and len(own_events("sign")) == at_start + 2)
check("the timer reads the files again", lambda: wait_for(lambda: d.log().count("were read again") >= 2))
check("and does not log in for that", len(own_events("login")) == logins + 1)
check("the key is the one from before", lambda: health_of(d.stub("another")))
session = stub.OpenSession(pb.OpenSessionRequest(slot_id=1, read_write=True)).session_handle
check_fails("a client is not logged in because the daemon is", "UNAUTHENTICATED", stub.CreateObject, pb.CreateObjectRequest(
    session_handle=session, template=template(CLASS=ck["CKO_DATA"], PRIVATE=True, VALUE=b"x")))
stub.Login(pb.LoginRequest(session_handle=session, user_type=1, pin=d.pin.encode()))
private = template(CLASS=ck["CKO_PRIVATE_KEY"], LABEL="tls-p-256")
check("no client sees the daemon's key", lambda: not stub.FindObjects(pb.FindObjectsRequest(
    session_handle=session, template=private)).object_handles)
others = stub.FindObjects(pb.FindObjectsRequest(session_handle=session, template=template(CLASS=ck["CKO_PRIVATE_KEY"])))
check("but the others in its token", len(others.object_handles) == 3)
p384 = stub.FindObjects(pb.FindObjectsRequest(session_handle=session, template=template(
    CLASS=ck["CKO_PRIVATE_KEY"], LABEL="tls-p-384"))).object_handles[0]


def sign(by, of, key):
    return by.Sign(pb.SignRequest(session_handle=of, mechanism=mech("ECDSA_SHA256"), key_handle=key, data=b"x"))


check("which it uses", lambda: sign(stub, session, p384).signature)
check("no handle is the daemon's key", lambda: {status_of(sign, stub, session, handle)[0] for handle in range(1, 200)
                                               if handle != p384} <= {"NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"})
check("nor by its name", status_of(stub.SignWith, pb.SignWithRequest(
    slot_id=1, key_label="tls-p-256", mechanism=mech("ECDSA_SHA256"), data=b"x"))[0] != "OK")
held = d.login(keeper, slot=1)
own = keeper.FindObjects(pb.FindObjectsRequest(session_handle=held, template=private)).object_handles
check("one whose rule has its label does", lambda: len(own) == 1 and sign(keeper, held, own[0]).signature)
check("the key never leaves", lambda: not keeper.GetAttributeValue(pb.GetAttributeValueRequest(
    session_handle=held, object_handle=own[0], attribute_types=[ck["CKA_VALUE"]])).attributes)

# --- clients that go away in the middle of a handshake -----------------------------------------------------

stalled = []
hello = bytes.fromhex("16030100050100000100")
for count in range(60):
    quick = socket.create_connection(("127.0.0.1", d.port))
    if count % 3:
        quick.sendall(hello if count % 3 == 1 else os.urandom(300))
    if count % 2:
        quick.close()
    stalled.append(quick)
loads = [subprocess.Popen(["openssl", "s_client", "-connect", f"localhost:{d.port}", "-CAfile", str(d.ca.path), "-alpn", "h2"],
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(8)]
for each in loads:
    each.kill()
    each.wait()
check("clients that leave half-way, or never go on", lambda: health_of(d.stub("after")))
check("their time runs out", lambda: d.said("no handshake in time"))
check("a good one still comes through", lambda: health_of(d.stub("after all")))

# --- reloading -------------------------------------------------------------------------------------------

before = served_serial()
PIN_FILE.write_text("not the pin at all\n")
d.reload()
check("a reload with a wrong PIN", lambda: d.said("can't log in to slot 1") and d.said("those read before stay in force"))
check("is one try, whatever the timer does", lambda: wait_for(lambda: len(own_events("login")) == logins + 2) and
      wait_for(lambda: d.log().count("were read again", d.log().index("those read before")) >= 2) and
      len(own_events("login")) == logins + 2)
check("leaves everything as it was", lambda: served_serial() == before and health_of(d.stub("still")))
PIN_FILE.write_text(d.pin + "\n")
admin("key", "delete", "--slot", "1", "--label", "tls-p-256", "--class", "private", "--pin-file", str(PIN_FILE), "--yes")
admin("key", "delete", "--slot", "1", "--label", "tls-p-256", "--class", "public", "--pin-file", str(PIN_FILE), "--yes")
check("without the key there is no handshake", lambda: "CONNECTED" not in handshake() or "alert" in handshake())
check("and the log says why", lambda: d.said("own key in the token does not sign"))
mine = make("P-256", "tls-p-256")
d.reload()
check("a new key and its certificate", lambda: wait_for(lambda: status_of(health_of, d.stub("new"))[0] == "OK") and
      served_serial() != before)
check("which no client sees either", lambda: not stub.FindObjects(pb.FindObjectsRequest(
    session_handle=session, template=private)).object_handles)
check("calls of before went on", lambda: health_of(stub))
check("stopped", d.stop() == 0)

# --- a login that takes longer than the timer's time ------------------------------------------------------

slow = uri_of("slow", token="token=slow")
configure(slow, mine, more="crl_refresh_secs = 1\n", iterations=4000000)
admin("token", "init", "--slot", "2", "--label", "slow", "--so-pin-file", str(so_file), "--pin-file", str(PIN_FILE), "--yes")
admin("key", "generate", "--slot", "2", "--type", "P-256", "--label", "slow", "--pin-file", str(PIN_FILE))
configure(slow, certify("slow", slot="2"), more="crl_refresh_secs = 1\n", iterations=4000000)
logins, reads = len(own_events("login")), d.log().count("read before stay")
d.start()
PIN_FILE.write_text("not the pin at all\n")
d.reload()
check("a slow wrong PIN", lambda: wait_for(lambda: d.log().count("read before stay") > reads))
PIN_FILE.write_text(d.pin + "\n")
check("is one try as well", len(own_events("login")) == logins + 2)
check("stopped", d.stop() == 0)

# --- what is refused ----------------------------------------------------------------------------------------

refused("a wrong PIN", uri_of("tls-p-256", pin=WRONG_PIN_FILE), mine, "can't log in to slot 1", status=3)
refused("a PIN in the URI", uri_of("tls-p-256", pin=None) + f"?pin-value={d.pin}", mine, r"tls_key.*pin-value.*pin-source")
refused("no PIN", uri_of("tls-p-256", pin=None), mine, "no PIN for the token")
refused("a file that is not there", uri_of("tls-p-256", pin=work / "nothing"), mine, "nothing, can't be read: no such file")
open_file = work / "open-pin"
open_file.write_text(d.pin)
open_file.chmod(0o644)
refused("a PIN that everybody reads", uri_of("tls-p-256", pin=open_file), mine, "open-pin, can't be read: its mode is 0644: only its owner")
empty = work / "empty-pin"
empty.write_text("\n")
refused("an empty line", uri_of("tls-p-256", pin=empty), mine, "its first line is empty")
refused("a missing key", uri_of("tls-p-521"), mine, "there is no private key")
refused("several keys", uri_of(), mine, "several private keys")
refused("no such token", uri_of("tls-p-256", token="token=elsewhere"), mine, "there is no token")
refused("a slot without a token", uri_of("tls-p-256", token="slot-id=3"), mine, "there is no token")
refused("another token's slot", uri_of("tls-p-256", token="token=its%20own;slot-id=0"), mine, "there is no token")
refused("another key's certificate", uri_of("tls-p-384"), mine, "is not the key of the certificate")
refused("a key of another kind", uri_of("tls-rsa-2048"), mine, "is not the key of the certificate")
admin("key", "generate", "--slot", "1", "--type", "P-256", "--label", "mute", "--attributes", "sign=no,derive=yes",
      "--pin-file", str(PIN_FILE))
refused("a key that may not sign", uri_of("mute"), mine, "does not sign")
admin("key", "generate", "--slot", "1", "--type", "P-256", "--label", "asks", "--attributes", "always-authenticate=yes",
      "--pin-file", str(PIN_FILE))
refused("a key that asks for the PIN each time", uri_of("asks"), mine, "does not sign")
admin("key", "generate", "--slot", "1", "--type", "X25519", "--label", "agrees", "--pin-file", str(PIN_FILE))
refused("a key that only agrees", uri_of("agrees"), mine, "signs no handshakes")
refused("an unknown attribute", uri_of("tls-p-256", more=";model=x"), mine, "none of token")

# --- other ways to say which ----------------------------------------------------------------------------------

configure(uri_of("tls-p-256"), mine)
listed = json.loads(admin("key", "list", "--slot", "1", "--label", "tls-p-256", "--pin-file", str(PIN_FILE), "--json"))
key_id = re.search(r'"id": "([0-9a-f]+)"', json.dumps(listed))[1]
by_id = "".join(f"%{key_id[i:i + 2]}" for i in range(0, len(key_id), 2))
credentials = work / "credentials"
credentials.mkdir()
(credentials / "craton-hsm-pin").write_text(d.pin + "\n")
configure(uri_of(pin=None, token="slot-id=1", more=f";id={by_id}"), mine)
d.start(CREDENTIALS_DIRECTORY=str(credentials))
check("by slot and id, the PIN from a credential", lambda: health_of(d.stub()))
check("stopped", d.stop() == 0)
finish()
