#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may come, what who may, and that no client can use what is another's."""
import json

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

RULES = """
[[daemon.client]]
match = "uri:spiffe://test/signer"
role = "user"
slots = [0]
keys = ["pay-*"]
operations = ["sign", "find_objects", "get_attribute", "generate_key_pair"]

[[daemon.client]]
match = "uri:spiffe://test/user*"
role = "user"

[[daemon.client]]
match = "dns:admin.test"
role = "operator"

[[daemon.client]]
match = "subject:CN=monitor"
role = "monitor"

[[daemon.client]]
match = "uri:spiffe://test/auditor"
role = "auditor"
"""


def health_of(channel):
    return pb_grpc.HsmServiceStub(channel).HealthCheck(pb.HealthCheckRequest(), timeout=20)


# --- certificates: no rules, every certified client may come ----------------------------------------

d = Daemon("plain", daemon="max_login_attempts = 3\nlogin_cooldown_secs = 3600\n")
check("a certificate of the authority", lambda: health_of(d.channel()).healthy)
check_fails("no certificate", "UNAVAILABLE", health_of, d.channel(None))
check_fails("another authority", "UNAVAILABLE", health_of, d.channel("stranger", authority=Authority("other")))
check_fails("an expired one", "UNAVAILABLE", health_of, d.channel("old", begin=-3 * DAY, end=-DAY))
check_fails("one not yet valid", "UNAVAILABLE", health_of, d.channel("early", begin=DAY, end=3 * DAY))
bad, good = d.channel("bad"), d.channel("good")
check("before it is revoked", lambda: health_of(bad).healthy and health_of(good).healthy)
d.ca.revoke("bad")
d.reload()
check("the list is read again", lambda: d.said("were read again"))
check_fails("a revoked one", "UNAVAILABLE", health_of, d.channel("bad"))
check("the connection that it had is closed", lambda: d.said("bad: its certificate is no longer accepted") and
      status_of(health_of, bad)[0] == "UNAVAILABLE")
check("and no other", lambda: health_of(good).healthy)

# --- one client's things are not another's ----------------------------------------------------------

alice, bob = d.stub("alice"), d.stub("bob")
d.prepare(alice)
session = d.login(alice)
public, private = ec_pair(alice, session)
bobs = bob.OpenSession(pb.OpenSessionRequest(slot_id=0, read_write=True)).session_handle
check("handles differ", session != bobs)
check_fails("another client's session", "NOT_FOUND", bob.FindObjects, pb.FindObjectsRequest(session_handle=session),
            rv=ck["CKR_SESSION_HANDLE_INVALID"])
check_fails("nor to close it", "NOT_FOUND", bob.CloseSession, pb.CloseSessionRequest(session_handle=session))
check("a login is for one client", bob.GetTokenInfo(pb.GetTokenInfoRequest(slot_id=0)).login_state == "public")
check_fails("a private key without a login", "NOT_FOUND", bob.Sign, pb.SignRequest(
    session_handle=bobs, mechanism=mech("ECDSA_SHA256"), key_handle=private, data=b"x"))
check("private objects are not found", lambda: list(bob.FindObjects(pb.FindObjectsRequest(
    session_handle=bobs, template=template(CLASS=ck["CKO_PRIVATE_KEY"]))).object_handles) == [])
bob.Login(pb.LoginRequest(session_handle=bobs, user_type=1, pin=d.pin.encode()))
found = bob.FindObjects(pb.FindObjectsRequest(session_handle=bobs, template=template(CLASS=ck["CKO_PRIVATE_KEY"])))
check("with a login of its own they are", len(found.object_handles) == 1)
alice.Logout(pb.LogoutRequest(session_handle=session))
check("another's logout is not one's own", lambda: bob.Sign(pb.SignRequest(
    session_handle=bobs, mechanism=mech("ECDSA_SHA256"), key_handle=found.object_handles[0], data=b"x")).signature)
check("the same client on another connection has its sessions", lambda: d.stub("bob").FindObjects(
    pb.FindObjectsRequest(session_handle=bobs)))

# --- wrong PINs --------------------------------------------------------------------------------------

eve = d.stub("eve")
wrong = pb.LoginRequest(session_handle=eve.OpenSession(pb.OpenSessionRequest(slot_id=0)).session_handle,
                        user_type=1, pin=b"wrong-pin")
for _ in range(3):
    check_fails("a wrong PIN", "UNAUTHENTICATED", eve.Login, wrong, rv=ck["CKR_PIN_INCORRECT"])
check_fails("too many of them", "RESOURCE_EXHAUSTED", eve.Login, wrong, rv=ck["CKR_PIN_LOCKED"])
wrong.pin = d.pin.encode()
check_fails("not even the right one then", "RESOURCE_EXHAUSTED", eve.Login, wrong)
again = d.stub("eve")
wrong.session_handle = again.OpenSession(pb.OpenSessionRequest(slot_id=0)).session_handle
check_fails("coming back is no way around it", "RESOURCE_EXHAUSTED", again.Login, wrong)
check("nobody else has to wait", lambda: d.login(alice))

# --- sessions end with their connection ------------------------------------------------------------

lost = d.channel("carol")
carol = pb_grpc.HsmServiceStub(lost)
session = d.login(carol)
other = d.stub("carol")
check("before", other.GetTokenInfo(pb.GetTokenInfoRequest(slot_id=0)).login_state == "user")
lost.close()
check("a session ends with its connection", wait_for(lambda: status_of(
    other.FindObjects, pb.FindObjectsRequest(session_handle=session)) == ("NOT_FOUND", ck["CKR_SESSION_HANDLE_INVALID"])))
check("and the login with it", wait_for(lambda: other.GetTokenInfo(pb.GetTokenInfoRequest(slot_id=0)).login_state == "public"))
d.stop()

# --- roles -------------------------------------------------------------------------------------------

d = Daemon("rules", more=RULES, token="slot_count = 2")
admin = d.stub("admin", names=[dns("admin.test")])
user = d.stub("user1")
signer = d.stub("signer")
monitor = d.stub("monitor", names=[uri("spiffe://test/nothing")])
check("an operator makes tokens", lambda: (d.prepare(admin), d.prepare(admin, 1)))
session = d.login(user)
ec_pair(user, session, "secret")
check_fails("a user does not", "PERMISSION_DENIED", user.InitToken, pb.InitTokenRequest(slot_id=0), rv=ck["CKR_ACTION_PROHIBITED"])
check_fails("nor logs in as security officer", "PERMISSION_DENIED", user.Login,
            pb.LoginRequest(session_handle=session, user_type=0, pin=d.so_pin.encode()))
for_admin = admin.OpenSession(pb.OpenSessionRequest(slot_id=0, read_write=True)).session_handle
check_fails("an operator does not log in as user", "PERMISSION_DENIED", admin.Login,
            pb.LoginRequest(session_handle=for_admin, user_type=1, pin=d.pin.encode()))
check_fails("nor sign", "PERMISSION_DENIED", admin.Sign, pb.SignRequest(session_handle=for_admin))
twin = [uri("spiffe://test/twin")]
low, high = d.stub("low twin", names=twin + [uri("spiffe://test/user2")]), d.stub("high twin", names=twin + [dns("admin.test")])
check("two certificates with one name and different rules", lambda: low.OpenSession(pb.OpenSessionRequest(slot_id=0)) and
      high.OpenSession(pb.OpenSessionRequest(slot_id=0)))
check_fails("do not lend each other rights", "PERMISSION_DENIED", low.InitToken, pb.InitTokenRequest(slot_id=0),
            rv=ck["CKR_ACTION_PROHIBITED"])
check_fails("in neither direction", "PERMISSION_DENIED", high.Sign, pb.SignRequest(session_handle=1),
            rv=ck["CKR_ACTION_PROHIBITED"])
check("a monitor sees that all is well", lambda: monitor.HealthCheck(pb.HealthCheckRequest()).healthy)
check_fails("and opens no session", "PERMISSION_DENIED", monitor.OpenSession, pb.OpenSessionRequest(slot_id=0))
check_fails("whom no rule matches", "UNAVAILABLE", health_of, d.channel("unknown"))
check("which the log tells", lambda: d.said("uri:spiffe://test/unknown: refused"))

# --- auditors ----------------------------------------------------------------------------------------

auditor = d.stub("auditor")
read = auditor.ReadAudit(pb.ReadAuditRequest())
entries = [json.loads(entry.line) for entry in read.entries]
check("an auditor reads the audit log", read.is_end and [entry["index"] for entry in entries] == list(range(len(entries))))
check("in which a client's session stands", any("spiffe://test/user1" in entry.line.decode() for entry in read.entries))
some = auditor.ReadAudit(pb.ReadAuditRequest(from_index=2, max_count=3))
check("a part of it", [entry.index for entry in some.entries] == [2, 3, 4] and some.next_index == 5 and not some.is_end)
none = auditor.ReadAudit(pb.ReadAuditRequest(from_index=1 << 40))
check("behind its end there is nothing", not none.entries and none.is_end and none.next_index == 1 << 40)
verdict = auditor.VerifyAudit(pb.VerifyAuditRequest())
check("it is whole", verdict.intact and verdict.fault == "none" and verdict.entries >= len(entries))
log = work / "rules-store/craton_hsm_audit.jsonl"
lines = log.read_bytes().split(b"\n")
place = len(b"\n".join(lines[:3])) + 1
changed = lines[3].replace(b"Login", b"Logon") if b"Login" in lines[3] else lines[3].replace(b"0", b"1", 1)


def overwrite(line):
    """In place: the daemon may be adding entries at this moment."""
    with open(log, "r+b") as file:
        file.seek(place)
        file.write(line)


overwrite(changed)
verdict = auditor.VerifyAudit(pb.VerifyAuditRequest())
check(f"a changed entry is found: {verdict.fault}", not verdict.intact and verdict.bad_index == 3)
overwrite(lines[3])
check("it opens no session", status_of(auditor.OpenSession, pb.OpenSessionRequest(slot_id=0))[0] == "PERMISSION_DENIED")
for name, other in (("user", user), ("operator", admin), ("monitor", monitor)):
    check_fails(f"a {name} does not read it", "PERMISSION_DENIED", other.ReadAudit, pb.ReadAuditRequest())
    check_fails(f"nor has a {name} it verified", "PERMISSION_DENIED", other.VerifyAudit, pb.VerifyAuditRequest())

restricted = d.login(signer)
check_fails("a slot that is not its own", "PERMISSION_DENIED", signer.OpenSession, pb.OpenSessionRequest(slot_id=1))
check("slots it sees", [slot.slot_id for slot in signer.ListSlots(pb.ListSlotsRequest()).slots] == [0])
check_fails("an operation that is not its own", "PERMISSION_DENIED", signer.Encrypt, pb.EncryptRequest(session_handle=restricted))
check("keys it does not see", lambda: list(signer.FindObjects(pb.FindObjectsRequest(
    session_handle=restricted)).object_handles) == [])
check_fails("a key with a label that is not its own", "PERMISSION_DENIED", ec_pair, signer, restricted, "secret2")
check_fails("or without one", "PERMISSION_DENIED", ec_pair, signer, restricted, "")
public, private = ec_pair(signer, restricted, "pay-1")
check("its own it uses", lambda: signer.Sign(pb.SignRequest(session_handle=restricted, mechanism=mech("ECDSA_SHA256"),
                                                            key_handle=private, data=b"x")).signature)
secret = user.FindObjects(pb.FindObjectsRequest(session_handle=session, template=template(
    LABEL="secret", CLASS=ck["CKO_PRIVATE_KEY"]))).object_handles[0]
for handle in range(1, secret + 8):
    status = status_of(signer.Sign, pb.SignRequest(session_handle=restricted, mechanism=mech("ECDSA_SHA256"), key_handle=handle))
    if status[0] == "OK" and handle != private:
        check("no guessed handle is another's key", False)
check_fails("nor by name", "NOT_FOUND", signer.SignWith, pb.SignWithRequest(
    slot_id=0, mechanism=mech("ECDSA_SHA256"), key_label="secret", data=b"x"))
check("by name, its own", lambda: signer.SignWith(pb.SignWithRequest(
    slot_id=0, mechanism=mech("ECDSA_SHA256"), key_label="pay-1", data=b"x")).signature)
d.stop()
refused = [(entry["client"].rpartition("/")[2].rpartition("=")[2], entry["detail"], entry["result"])
           for entry in map(json.loads, open(f"{work}/rules-store/craton_hsm_audit.jsonl"))
           if entry["operation"] == "refuse"]
for who, what in (("user1", "InitToken"), ("user1", "Login as a user not of its role"), ("dns:admin.test", "Sign"),
                  ("dns:admin.test", "Login as a user not of its role"), ("unknown", "a connection"),
                  ("signer", "a slot not its own"), ("signer", "Encrypt"),
                  ("signer", "an object with a label not its own")):
    check(f"the audit log tells: {who}, {what}", (who, what, "CKR_ACTION_PROHIBITED") in refused)

# --- what does not start ---------------------------------------------------------------------------

for label, pattern, change in (
        ("a key of another certificate", "is not the key of the certificate",
         lambda it: it.key.write_bytes(it.ca.issue("second")[1].read_bytes())),
        ("a key that others can read", "only its owner may have access", lambda it: it.key.chmod(0o644)),
        ("no client CA", "tls_client_ca must be set",
         lambda it: it.config.write_text(re.sub("tls_client_ca.*", "", it.config.read_text()))),
        ("no CRL where one is named", "can't be read", lambda it: it.crl.unlink()),
        ("a CRL that is none", "no list of revoked", lambda it: it.crl.write_text("nothing")),
        ("an operation that there is not", "no operation \"singing\"", lambda it: it.config.write_text(
            it.config.read_text() + "[[daemon.client]]\nmatch = '*'\nrole = 'user'\noperations = ['singing']\n")),
        ("other machines and clients without certificates", "is for loopback addresses", lambda it: it.config.write_text(
            it.config.read_text().replace("127.0.0.1:0", "0.0.0.0:0") + "allow_unauthenticated_tls = true\n")),
        ("other machines and no client CA", "needs daemon.tls_client_ca", lambda it: it.config.write_text(
            re.sub("tls_client_c.*", "", it.config.read_text()).replace("127.0.0.1:0", "0.0.0.0:0") + "allow_unauthenticated_tls = true\n"))):
    broken = Daemon(re.sub(r"\W", "-", label), start=False)
    change(broken)
    try:
        broken.start()
        check(f"{label}: refused", False)
    except RuntimeError as error:
        check(f"{label}: refused", re.search(pattern, str(error)))
        Daemon.running.remove(broken)
finish()
