#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients in other languages, with gRPC implementations of their own: Go and Java as Debian packages
them, Node.js with @grpc/grpc-js. Each logs in, makes keys, signs, encrypts, finds; its own cryptography
checks the results; and it is refused as it should be. What is not installed, or not reached on a machine
without a network, is skipped, and says so.
"""
from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

HERE = pathlib.Path(__file__).resolve().parent
GO_SOURCES = pathlib.Path("/usr/share/gocode")
JARS = pathlib.Path("/usr/share/java")
JAR_NAMES = ("grpc-api", "grpc-context", "grpc-core", "grpc-netty", "grpc-protobuf", "grpc-protobuf-lite", "grpc-stub",
             "guava", "protobuf", "perfmark-api", "netty-all", "netty-buffer", "netty-codec", "netty-codec-http",
             "netty-codec-http2", "netty-common", "netty-handler", "netty-handler-proxy", "netty-resolver",
             "netty-transport", "netty-tcnative")
RULES = """
[[daemon.client]]
match = "uri:spiffe://test/user*"
role = "user"
[[daemon.client]]
match = "uri:spiffe://test/revoked"
role = "user"
[[daemon.client]]
match = "uri:spiffe://test/expired"
role = "user"
[[daemon.client]]
match = "uri:spiffe://test/operator"
role = "operator"
[[daemon.client]]
match = "uri:spiffe://test/monitor"
role = "monitor"
"""


class Missing(Exception):
    """What a client needs is not installed."""


def need(what, package):
    if not what:
        raise Missing(package)
    return what


def build(*command, **how):
    done = subprocess.run([str(each) for each in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **how)
    if done.returncode != 0:
        raise RuntimeError(done.stdout[-3000:])


def make_go():
    """Debian's compiler and its libraries' sources, and nothing from the network."""
    go = need(shutil.which("go", path="/usr/lib/go/bin:/usr/bin"), "golang-go")
    need((GO_SOURCES / "src/google.golang.org/grpc").exists(), "golang-google-grpc-dev")
    need(shutil.which("protoc-gen-go"), "protoc-gen-go-1-3")
    place = work / "go/src/craton"
    (place / "hsm").mkdir(parents=True)
    (place / "client").mkdir()
    build("protoc", f"--proto_path={ROOT}/proto", f"--go_out=plugins=grpc,import_path=hsm:{place}/hsm", "craton_hsm.proto")
    shutil.copy(HERE / "go/client.go", place / "client/main.go")
    build(go, "build", "-o", work / "go-client", "craton/client", cwd=work, env={
        "PATH": os.environ["PATH"], "HOME": str(work), "GOPATH": f"{work}/go:{GO_SOURCES}", "GO111MODULE": "off",
        "GOCACHE": f"{work}/go-cache", "GOPROXY": "off", "CGO_ENABLED": "0"})
    return [str(work / "go-client")]


def make_java():
    javac, java = (need(shutil.which(name), "default-jdk-headless") for name in ("javac", "java"))
    plugin = need(shutil.which("grpc_java_plugin"), "protobuf-compiler-grpc-java-plugin")
    jars = [JARS / f"{name}.jar" for name in JAR_NAMES]
    for jar in jars:
        need(jar.exists(), f"libgrpc-java libnetty-java libnetty-tcnative-java libprotobuf-java libperfmark-java ({jar})")
    place = work / "java"
    place.mkdir()
    build("protoc", f"--proto_path={ROOT}/proto", f"--java_out={place}", f"--grpc-java_out={place}",
          f"--plugin=protoc-gen-grpc-java={plugin}", "craton_hsm.proto")
    stub = place / "craton_hsm/HsmServiceGrpc.java"  # marked with an annotation that left Java with version 11
    stub.write_text(re.sub(r"@javax\.annotation\.Generated\([^)]*\)", "", stub.read_text()))
    path = ":".join(map(str, jars)) + f":{place}"
    build(javac, "-nowarn", "-cp", path, "-d", place, *place.rglob("*.java"), HERE / "java/Client.java")
    # Debian's netty looks for its TLS under another name than Debian's package has.
    native = list(pathlib.Path("/usr/lib").glob("*/jni/libnetty-tcnative.so"))
    shutil.copy(need(native, "libnetty-tcnative-jni")[0], place / "libnetty_tcnative.so")
    return [java, f"-Djava.library.path={place}", "-cp", path, "Client"]


def make_node():
    """With packages that npm fetches once, named in a lock with their hashes."""
    node = need(shutil.which("node"), "nodejs")
    done = subprocess.run([ROOT / "tools/deps/node_modules.sh", HERE / "node"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode == 3:
        raise Missing(f"packages for Node.js: {done.stderr.strip().splitlines()[-1]}")
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-3000:])
    return ["env", f"MODULES={done.stdout.strip()}", f"PROTO={ROOT}/proto", node, HERE / "node/client.js"]


d = Daemon("languages", more=RULES)
d.prepare(d.stub("operator"))
d.ca.issue("revoked", uri("spiffe://test/revoked"))
stranger = Authority("stranger")
REFUSALS = (
    ("no certificate", ("-", "-"), "unavailable"),
    ("a revoked one", d.credentials("revoked"), "unavailable"),
    ("an expired one", d.credentials("expired", begin=-3 * DAY, end=-DAY), "unavailable"),
    ("another authority's", stranger.issue("user", uri("spiffe://test/user")), "unavailable"),
    ("another role", d.credentials("monitor"), "permissiondenied"),
)
d.ca.revoke("revoked")
d.reload()
check("the list is read", lambda: d.said("were read again"))


def run(client, credentials, *more):
    done = subprocess.run([*client, str(d.port), str(d.ca.path), *map(str, credentials), *more], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env={**os.environ, "PIN": d.pin},
                          text=True, timeout=PATIENCE_S * 2, check=False)
    return done.stdout


for name, make in (("Go", make_go), ("Java", make_java), ("Node.js", make_node)):
    try:
        command = make()
    except Missing as missing:
        check(f"{name} # SKIP no {missing}")
        continue
    text = run(command, d.credentials(f"user-{name}"))
    for step in ("login", "sign", "encrypt", "find", "random"):
        if not check(f"{name}: {step}", re.search(f"^ok {step}$", text, re.M)):
            print("# " + text.replace("\n", "\n# "))
    for label, credentials, wanted in REFUSALS:
        text = run(command, credentials, "probe")
        status = text.strip().splitlines()[-1].replace("_", "").lower()
        if not check(f"{name}: with {label} the status is {status}", status == wanted):
            print("# " + text.replace("\n", "\n# "))
d.stop()
finish()
