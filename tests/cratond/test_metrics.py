#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What operators watch: logins and what came of them, waiting for log and store, state, the certificate."""
import http.client
import socket

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

METRICS = work / "metrics.sock"


def scrape():
    """{name with labels: value}."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(METRICS))
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def logins():
    seen = scrape()
    return {name: int(seen[f'cratond_logins_total{{outcome="{name}"}}'])
            for name in ("ok", "wrong_pin", "locked", "cooldown", "other")}


def try_pin(pin):
    return status_of(other.Login, pb.LoginRequest(session_handle=session, user_type=1, pin=pin.encode()))[0]


d = Daemon("metrics", daemon=f'max_login_attempts = 2\nlogin_cooldown_secs = 86400\nmetrics_bind = "unix:{METRICS}"\n')
check("at first there are none", logins() == dict(ok=0, wrong_pin=0, locked=0, cooldown=0, other=0))
stub = d.stub()
d.prepare(stub)
before = scrape()
own = d.login(stub)
check("of InitToken, the officer and the user", logins() == dict(ok=3, wrong_pin=0, locked=0, cooldown=0, other=0))
ec_pair(stub, own)
after = scrape()
grown = {name: after[f"cratond_{name}_count"] - before[f"cratond_{name}_count"] for name in (
    "audit_write_seconds", "store_write_seconds")}
check(f"entries of the log, a change of the store: {grown}", grown["audit_write_seconds"] >= 2 and grown["store_write_seconds"] >= 1)
check("and how long that took", all(after[f"cratond_{name}_sum"] > before[f"cratond_{name}_sum"] for name in grown))
other = d.stub("other")
session = other.OpenSession(pb.OpenSessionRequest(slot_id=0)).session_handle
check("two wrong PINs", [try_pin("wrong-pin-1"), try_pin("wrong-pin-2")] == ["UNAUTHENTICATED"] * 2)
check("a third is not tried", try_pin(d.pin) == "RESOURCE_EXHAUSTED")
check("each is counted", logins() == dict(ok=3, wrong_pin=2, locked=0, cooldown=1, other=0))
check("no error state, nothing lost", after["cratond_error_state"] == 0 and after["cratond_audit_lost"] == 0)
check("when the certificate ends", after["cratond_certificate_end_seconds"] == x509.load_pem_x509_certificate(
    d.cert.read_bytes()).not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp())
d.stop()

d = Daemon("locked", token="", daemon=f'max_login_attempts = 0\nmetrics_bind = "unix:{METRICS}"\n', start=False)
d.config.write_text(d.config.read_text().replace("[security]", "[security]\nmax_failed_logins = 3"))
d.start()
d.prepare(d.stub())
other = d.stub("other")
session = other.OpenSession(pb.OpenSessionRequest(slot_id=0)).session_handle
statuses = [try_pin("wrong-pin-1") for _ in range(4)]
check(f"a PIN that is locked: {statuses}", statuses[-1] == "PERMISSION_DENIED" and logins()["locked"] >= 1)
d.stop()
finish()
