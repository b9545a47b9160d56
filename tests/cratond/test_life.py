#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starting, reloading and stopping; descriptors that run out; what systemd is told."""
import json
import resource
import socket
import ssl
import threading

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

GENERATE = dict(mechanism=mech("RSA_PKCS_KEY_PAIR_GEN"), public_template=template(MODULUS_BITS=2048),
                private_template=template(SIGN=True))


def health_of(stub):
    return stub.HealthCheck(pb.HealthCheckRequest(), timeout=30).healthy


def tls(name="client", **rules):
    """A handshake by Python's own TLS; returns the connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(d.ca.path)
    cert, key = d.credentials(name)
    context.load_cert_chain(cert, key)
    for rule, value in rules.items():
        if rule == "alpn":
            context.set_alpn_protocols(value)
        else:
            setattr(context, rule, value)
    plain = socket.create_connection(("127.0.0.1", d.port), timeout=PATIENCE_S)
    secure = context.wrap_socket(plain, server_hostname="localhost")
    secure.do_handshake()
    return secure


def refused(**rules):
    try:
        with tls(**rules) as secure:
            return secure.recv(100) == b""
    except (ssl.SSLError, ConnectionResetError):
        return True


def served_certificate():
    with tls(alpn=["h2"]) as secure:
        return secure.getpeercert()["serialNumber"]


# --- TLS ---------------------------------------------------------------------------------------------

d = Daemon("life", daemon="crl_refresh_secs = 1\nmax_connections = 40\n")
with tls(alpn=["h2"]) as secure:
    check("TLS 1.3", secure.version() == "TLSv1.3")
    check("HTTP/2 is agreed on", secure.selected_alpn_protocol() == "h2")
    old_certificate = secure.getpeercert()["serialNumber"]
check("TLS 1.2 is refused", refused(alpn=["h2"], maximum_version=ssl.TLSVersion.TLSv1_2))
check("a client that speaks no HTTP/2", refused(alpn=["http/1.1"]))
check("one that does not say", refused())

# --- reload ------------------------------------------------------------------------------------------

stub = d.stub()
d.prepare(stub)
session = d.login(stub)
running = stub.GenerateKeyPair.future(pb.GenerateKeyPairRequest(session_handle=session, **GENERATE))
old_key = d.key.read_bytes()
d.key.write_bytes(d.ca.issue("other")[1].read_bytes())
d.reload()
check("a key that does not fit is noticed", lambda: d.said("those read before stay in force"))
check("and the old one stays", lambda: health_of(d.stub()))
new_cert, new_key = d.ca.issue("renewed", dns("localhost"), ip("127.0.0.1"))
d.cert.write_bytes(new_cert.read_bytes())
d.key.write_bytes(new_key.read_bytes())
d.reload()
check("the new files are used", lambda: d.said("were read again"))
check("for new connections", wait_for(lambda: served_certificate() != old_certificate))
check("calls go on meanwhile", lambda: running.result(PATIENCE_S).public_key_handle)
check("and connections", lambda: stub.FindObjects(pb.FindObjectsRequest(session_handle=session)))
late = d.stub("late")
check("before the list changes", lambda: health_of(late))
d.ca.revoke("late")
check("the list is read by a timer", wait_for(lambda: status_of(health_of, d.stub("late"))[0] == "UNAVAILABLE"))

# --- connections and descriptors -----------------------------------------------------------------------

# Each of many connections lives as long as it should: none is closed by a timer set at its birth.
good = 0
for _ in range(100):
    with tls(alpn=["h2"]) as secure:
        good += len(secure.recv(1)) == 1
check("a hundred connections, one after the other", good == 100)
silent = [socket.create_connection(("127.0.0.1", d.port)) for _ in range(60)]
check("more connections than there may be", lambda: silent[-1].recv(1) == b"")
for each in silent:
    each.close()
check("and room again afterwards", wait_for(lambda: status_of(health_of, d.stub())[0] == "OK"))
d.stop()

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
d = Daemon("few", daemon="max_connections = 1000\n")
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
check("a small limit of open files is raised", resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE)[0] > 1000)
stub = d.stub()
check("before descriptors run out", lambda: health_of(stub))
open_now = len(os.listdir(f"/proc/{d.process.pid}/fd"))
resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (open_now + 10, open_now + 10))
silent = [socket.create_connection(("127.0.0.1", d.port)) for _ in range(40)]
check("no descriptor is left", lambda: d.said("no new connections for a moment"))


def cpu_ticks():
    fields = pathlib.Path(f"/proc/{d.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def pauses():
    return d.log().count("no new connections for a moment")


before, so_far = cpu_ticks(), pauses()
check("it keeps trying", wait_for(lambda: pauses() >= so_far + 5))
check("and does not spin", cpu_ticks() - before < 50)
check("who is there is served", lambda: health_of(stub))
for each in silent:
    each.close()
check("and everybody, when there are some again", wait_for(lambda: status_of(health_of, d.stub())[0] == "OK"))

# --- the end -----------------------------------------------------------------------------------------------

d.prepare(stub)
session = d.login(stub)
calls = [stub.GenerateKeyPair.future(pb.GenerateKeyPairRequest(session_handle=session, **GENERATE)) for _ in range(4)]
check("calls have begun", wait_for(lambda: stub.GetTokenInfo(pb.GetTokenInfoRequest(slot_id=0)).session_count == 1))
d.process.send_signal(signal.SIGTERM)
check("calls that run are finished", lambda: all(each.result(PATIENCE_S).public_key_handle for each in calls))
check("then it ends", d.process.wait(PATIENCE_S) == 0)
Daemon.running.remove(d)

# --- systemd -------------------------------------------------------------------------------------------------

told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind(str(work / "notify"))
told.settimeout(PATIENCE_S)
d = Daemon("notify", start=False)
d.start(NOTIFY_SOCKET=str(work / "notify"), WATCHDOG_USEC="400000")


def hears(word):
    while True:
        text = told.recv(1000).decode()
        if text.startswith(word):
            return text


check("systemd hears that it is ready", lambda: hears("READY=1"))
check("and that it is alive", lambda: hears("WATCHDOG=1") and hears("WATCHDOG=1"))
d.reload()
check("and of a reload", lambda: "MONOTONIC_USEC=" in hears("RELOADING=1") and hears("READY=1"))
d.process.send_signal(signal.SIGTERM)
check("and of the end", lambda: hears("STOPPING=1"))
d.process.wait(PATIENCE_S)
Daemon.running.remove(d)

# --- what the daemon says and counts ---------------------------------------------------------------------------

d = Daemon("said", daemon=f'log_format = "json"\nmetrics_bind = "unix:{work}/metrics"\n')
stub = d.stub()
check("before it is counted", lambda: health_of(stub) and health_of(stub))
check_fails("a call that fails", "NOT_FOUND", stub.Logout, pb.LogoutRequest(session_handle=99))
digest = pb.DigestRequest(session_handle=99, mechanism=mech("SHA256"), data=b"x")
check_fails("one with a mechanism", "NOT_FOUND", stub.Digest, digest)
digest.mechanism.mechanism_type = 0x7fffffff
check_fails("one with none that there is", "NOT_FOUND", stub.Digest, digest)
check("the log is JSON", lambda: all({"time", "level", "message"} == set(json.loads(line)) for line in d.log().splitlines()))


def scrape(request=b"GET /metrics HTTP/1.0\r\n\r\n"):
    with socket.socket(socket.AF_UNIX) as reader:
        reader.settimeout(PATIENCE_S)
        reader.connect(str(work / "metrics"))
        reader.sendall(request)
        try:
            return b"".join(iter(lambda: reader.recv(65536), b"")).decode()
        except ConnectionResetError:
            return ""


text = scrape()
HEALTH = "/craton_hsm.HsmService/HealthCheck"
check("metrics: calls", f'cratond_calls_total{{method="{HEALTH}",status="OK"}} 2' in text)
check("metrics: by status", 'cratond_calls_total{method="/craton_hsm.HsmService/Logout",status="NOT_FOUND"} 1' in text)
check("metrics: by mechanism", re.findall(r'cratond_mechanism_calls_total{.*', text) == [
    f'cratond_mechanism_calls_total{{mechanism="SHA256",result="{result}"}} {count}' for result, count in (("ok", 0), ("error", 1))])
check("metrics: times", f'cratond_call_seconds_bucket{{method="{HEALTH}",le="+Inf"}} 2' in text)
check("metrics: connections", "cratond_connections 1\n" in text and "cratond_clients 1\n" in text)
check("metrics: no names of clients", "spiffe" not in text)
check("too long a request for them", lambda: scrape(b"x" * 5000) == "")
quiet = socket.socket(socket.AF_UNIX)
quiet.connect(str(work / "metrics"))
check("a reader that says nothing makes room for the next", lambda: "cratond_uptime" in scrape())
d.stop()
check("the socket of metrics is gone", not (work / "metrics").exists())

# A socket that systemd opened is descriptor 3 of the process that LISTEN_PID names. Not sh: dash
# knows descriptors of one digit only.
d = Daemon("socket", start=False)
listening = socket.create_server(("127.0.0.1", 0))
d.port = listening.getsockname()[1]
with open(d.log_path, "wb") as log:
    d.process = subprocess.Popen(
        ["bash", "-c", f'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$0" --config "$1" 3<&{listening.fileno()}', BINARY, str(d.config)],
        pass_fds=[listening.fileno()], stderr=log, stdout=subprocess.DEVNULL)
Daemon.running.append(d)
listening.close()
check("a socket from systemd", lambda: health_of(d.stub()))
d.stop()
finish()
