#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts that fail, as an operator meets them: each says on one line what is wrong, where and why, with the
exit status that docs/daemon.md lists."""
import socket
import sqlite3

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

USAGE, DENIED, DATA, RESOURCE = 2, 3, 6, 7


def run(*arguments, **environment):
    return subprocess.run([BINARY, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False,
                          env={**os.environ, "CRATON_HSM_LOG": "", **environment})


def shown(done):
    print("# " + done.stderr.replace("\n", "\n# "))
    return False


def fails(label, status, pattern, *arguments, lines=1):
    """One error; where its line is the core's, the daemon says after it what it makes of that."""
    done = run(*arguments)
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    check(f"{label}: status {status}", done.returncode == status or shown(done))
    check(f"{label}: {pattern}", re.search(pattern, done.stderr) or shown(done))
    check(f"{label}: {lines} line", len(errors) == lines or shown(done))


def change(old, new):
    d.config.write_text(re.sub(old, new, usual, flags=re.M))


d = Daemon("start", start=False)
usual = d.config.read_text()
at = ("--config", d.config)
store = work / "start-store"

# --- what it says about itself ---------------------------------------------------------------------------

check("--help", lambda: (lambda done: done.returncode == 0 and "--check" in done.stdout and not done.stderr)(run("--help")))
check("--version", lambda: (lambda done: done.returncode == 0 and re.fullmatch(r"cratond \d+\.\d+\.\d+\n", done.stdout))(run("--version")))
pages = pathlib.Path(BINARY).resolve().parent
manual = (pages / "cratond.8").read_text()
check("the manual page has what --help says", lambda: all(
    line.replace("-", r"\-").strip() in manual for line in run("--help").stdout.splitlines()))
check("and the exit status", lambda: re.search(r'^\.SH "When it does not start"$', manual, re.M) and "an address in use" in manual)
keys = re.findall(r"^\| `(\w+\.\w+)`", (ROOT / "docs/configure.md").read_text(), re.M)
check(f"the page of the configuration has all {len(keys)} keys", lambda: len(keys) > 50 and re.findall(
    r"^\.TP\n\\fB(\w+\.\w+)", (pages / "craton_hsm.toml.5").read_text(), re.M) == keys)
if shutil.which("groff"):
    for page in ("cratond.8", "craton_hsm.toml.5"):
        told = subprocess.run(["groff", "-man", "-ww", "-z", pages / page], stderr=subprocess.PIPE, text=True, check=False)
        check(f"groff takes {page}", told.stderr == "" or print("# " + told.stderr) or False)
else:
    check("groff takes the pages # SKIP no groff")
check("an unknown argument", lambda: (lambda done: done.returncode == USAGE and "--serve" in done.stderr)(run("--serve")))
check("an argument without its value", lambda: run("--config").returncode == USAGE)

# --- files -----------------------------------------------------------------------------------------------

fails("no configuration", USAGE, "nowhere.toml: can't be read: no such file", "--config", work / "nowhere.toml")
fails("a directory", USAGE, f"{work}: can't be read: is a directory", "--config", work)
d.config.chmod(0o666)
fails("a configuration that others write", USAGE, "its mode is 0666: others may write to it .chmod go-w", *at)
d.config.chmod(0o600)
change("^bind", "bnid")
fails("a slip of the pen", USAGE, r"start.toml:\d+:1: daemon.bnid: unknown; did you mean daemon.bind", *at)
for setting in ("tls_cert", "tls_key", "tls_client_ca", "tls_client_crl"):
    change(f"^{setting} = .*", f'{setting} = "{work}/nothing"')
    fails(f"no {setting}", USAGE, f"{work}/nothing: can't be read: no such file", *at)
    change(f"^{setting} = .*", f'{setting} = "{work}"')
    fails(f"{setting} is a directory", USAGE, f"{work}: can't be read: is a directory", *at)
    (work / "empty").write_text("")
    (work / "empty").chmod(0o600)
    change(f"^{setting} = .*", f'{setting} = "{work}/empty"')
    fails(f"{setting} is empty", USAGE, f"{work}/empty: (can't be read: it is empty|holds no)", *at)
    if setting != "tls_client_crl":
        change(f"^{setting} = .*", "")
        fails(f"{setting} is not set", USAGE, f"daemon.{setting}.* must be set", *at)
d.config.write_text(usual)
d.key.chmod(0o644)
fails("a key that others can read", USAGE, "server.key: can't be read: its mode is 0644: only its owner may have access .chmod 600",
      *at)
d.key.chmod(0o600)
right = d.key.read_bytes()
d.key.write_bytes(d.ca.issue("second")[1].read_bytes())
fails("a key of another certificate", USAGE, "server.key: is not the key of the certificate", *at)
d.key.write_bytes(right)
ours, crl = d.ca.path.read_bytes(), d.crl.read_bytes()
Authority(d.ca.name).revoke()  # takes the place of both files
d.ca.path.write_bytes(ours)
fails("a list signed by another authority of the same name", USAGE, "ca.crl: holds no list .* signed by its issuer", *at)
d.crl.write_bytes(crl)

# --- addresses -------------------------------------------------------------------------------------------

change("127.0.0.1:0", "127.0.0.1:port")
fails("no port", USAGE, "daemon.bind: must be an address, a colon and a port", *at)
change("127.0.0.1:0", "127.0.0.1:70000")
fails("a port too large", USAGE, "daemon.bind: must be an address, a colon and a port of 0 to 65535", *at)
change("127.0.0.1:0", "127.0.0.256:0")
fails("no address", USAGE, "127.0.0.256:0: ", *at)
with socket.create_server(("127.0.0.1", 0)) as other:
    taken = f"127.0.0.1:{other.getsockname()[1]}"
    change("127.0.0.1:0", taken)
    fails("a port in use", RESOURCE, f"{taken}: can't be listened at: Address already in use; another program", *at)
    check("--check may be run beside a daemon", run(*at, "--check").returncode == 0)
change("127.0.0.1:0", "192.0.2.1:5696")
fails("an address of another machine", RESOURCE, "192.0.2.1:5696: can't be listened at: .*no such address", *at)
d.config.write_text(usual + 'metrics_bind = "0.0.0.0:9000"\n')
fails("metrics for everybody", USAGE, "0.0.0.0:9000: must be a loopback address", *at)

# --- certificates ----------------------------------------------------------------------------------------

d.config.write_text(usual)
good = d.cert.read_bytes(), d.key.read_bytes()
for label, validity, pattern in (("expired", {"begin": -3 * DAY, "end": -DAY}, "has expired"),
                                 ("not valid yet", {"begin": DAY, "end": 3 * DAY}, "is not valid yet")):
    cert, key = d.ca.issue("dated", dns("localhost"), **validity)
    d.cert.write_bytes(cert.read_bytes())
    d.key.write_bytes(key.read_bytes())
    done = run(*at, "--check")
    check(f"a certificate that is {label}: a warning", done.returncode == 0
          and re.search(f"warning: .*server.crt: {pattern}", done.stderr) or shown(done))
d.cert.write_bytes(good[0])
d.key.write_bytes(good[1])

# --- the store and the log -------------------------------------------------------------------------------


def spoiled(label, status, pattern, spoil, lines=2):
    """With a copy of the store that something has happened to."""
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(whole, store)
    spoil()
    fails(label, status, pattern, *at, "--check", lines=lines)


def newer():
    connection = sqlite3.connect(store / "store.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def other_database():
    for path in store.glob("store.*"):
        path.unlink()
    connection = sqlite3.connect(store / "store.db")
    connection.execute("CREATE TABLE a(b)")
    connection.close()
    (store / "store.db").chmod(0o600)


def directory_for_log():
    (store / "craton_hsm_audit.jsonl").unlink()
    (store / "craton_hsm_audit.jsonl").mkdir()


check("all is well", run(*at, "--check").returncode == 0)
whole = store.rename(work / "whole-store")
spoiled("a store that others write", DENIED, f"{store}: must be a directory of root or of this program's user",
        lambda: store.chmod(0o777))
spoiled("a store of a newer version", DATA, "store.db: format version 99 is newer than", newer, lines=3)
spoiled("another program's database", DATA, "store.db: not a store of this product", other_database, lines=3)
spoiled("no device key", DATA, "device.key: device key: missing", lambda: (store / "device.key").unlink())
spoiled("a device key that others read", DENIED, "device key: its mode is 0640: only its owner may have access",
        lambda: (store / "device.key").chmod(0o640))
spoiled("half a device key", DATA, "device key: must have 32 bytes", lambda: (store / "device.key").write_bytes(bytes(16)))
spoiled("a log that can't be written", RESOURCE, "can't be opened; nothing is done without it: make its directory",
        directory_for_log, lines=4)
shutil.rmtree(store)
store.write_text("")
fails("a file in the store's place", DENIED, f"{store}: must be a directory", *at, "--check", lines=2)
finish()
