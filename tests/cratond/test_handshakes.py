#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An address that begins too many handshakes: it is sent away before any work is done for it, and the
others notice nothing. 127.0.0.2 is another machine here."""
import http.client
import socket
import ssl

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

ATTACKER, OTHER = "127.0.0.1", "127.0.0.2"
SILENT = 8
METRICS = work / "metrics.sock"


def connect(address):
    return socket.create_connection(("127.0.0.1", d.port), PATIENCE_S, source_address=(address, 0))


def is_closed(connection):
    """Whether the daemon has closed it; one that it keeps says nothing before the client does."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False


def shakes_hands(address):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(d.ca.path)
    context.load_cert_chain(*d.credentials())
    context.set_alpn_protocols(["h2"])
    try:
        with context.wrap_socket(connect(address), server_hostname="localhost") as secure:
            return len(secure.recv(1)) == 1  # the daemon's SETTINGS
    except (ConnectionError, ssl.SSLError):
        return False


def counted(name):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(METRICS))
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return int(re.search(rf"^cratond_{name} (\d+)$", text, re.M)[1])


# --- those that run -------------------------------------------------------------------------------------

d = Daemon("running", daemon=f'max_handshakes = {SILENT}\nmax_handshakes_per_sec = 0\nmetrics_bind = "unix:{METRICS}"\n')
open_before = d.stub()
check("a client of the same address", lambda: open_before.HealthCheck(pb.HealthCheckRequest(), timeout=30).healthy)
silent = [connect(ATTACKER) for _ in range(SILENT)]
check("one more than may run is closed", is_closed(connect(ATTACKER)))
check("and counted", counted("handshakes_refused_total") == 1)
check("the log says whose", lambda: d.said(f"{ATTACKER}: begins too many handshakes"))
check("none of the others is closed", lambda: [each.setblocking(False) for each in silent]
      and not any(is_closed(each) for each in silent))
check("connections that are open go on", lambda: open_before.HealthCheck(pb.HealthCheckRequest(), timeout=30).healthy)
check("another address has its own", lambda: shakes_hands(OTHER))
silent.pop().close()
check("one that ends makes room", wait_for(lambda: shakes_hands(ATTACKER)))
for _ in range(3 * SILENT):
    shakes_hands(OTHER)
check("one that succeeds as well", lambda: shakes_hands(OTHER))
d.stop()

# --- how often ------------------------------------------------------------------------------------------

BURST = 20
d = Daemon("rate", daemon=f'max_handshakes_per_sec = 1\nmax_connections = {BURST}\nmetrics_bind = "unix:{METRICS}"\n')
begun = 0
while begun < 100 * BURST:
    attacker = connect(ATTACKER)
    attacker.sendall(b"no TLS\n")
    refused = counted("handshakes_refused_total")
    check_closed = is_closed(attacker)
    attacker.close()
    if refused:
        break
    begun += 1
check(f"so many at once may fail ({begun})", BURST <= begun < 100 * BURST)
check("the next is not begun", check_closed and counted("handshakes_failed_total") == begun)
check("another address begins what it likes", lambda: shakes_hands(OTHER))
d.stop()

# --- none -----------------------------------------------------------------------------------------------

d = Daemon("none", daemon="max_handshakes = 0\nmax_handshakes_per_sec = 0\nmax_connections = 300\n")
silent = [connect(ATTACKER) for _ in range(200)]
check("without limits", lambda: shakes_hands(ATTACKER))
d.stop()
finish()
