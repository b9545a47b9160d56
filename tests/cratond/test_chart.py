#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Helm chart: rendered with Helm's own template engine, read as Kubernetes reads it, and its
configuration tried by the daemon. `helm lint` as well, where there is a Helm."""
import json

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

CHART = ROOT / "deploy/helm/craton-hsm"
HERE = pathlib.Path(__file__).resolve().parent
GO = shutil.which("go", path="/usr/lib/go/bin:/usr/bin")
try:
    import yaml
except ImportError:
    skip_all("no python3-yaml")
if not GO:
    skip_all("no golang-go")

subprocess.run([GO, "build", "-o", work / "render", HERE / "go/render.go"], check=True, cwd=work, env={
    "PATH": os.environ["PATH"], "HOME": str(work), "GO111MODULE": "off", "GOCACHE": f"{work}/go-cache", "CGO_ENABLED": "0"})


def merged(base, changes):
    return {**base, **{name: merged(base[name], value) if isinstance(value, dict) and base.get(name) else value
                       for name, value in changes.items()}}


def render(**changes):
    """Documents by kind."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    data = {"Values": merged(yaml.safe_load((CHART / "values.yaml").read_text()), changes),
            "Chart": {"Name": chart["name"], "AppVersion": chart["appVersion"]}, "Release": {"Name": "test"}}
    out = subprocess.run([work / "render", CHART], input=json.dumps(data), stdout=subprocess.PIPE, text=True, check=True)
    return {each["kind"]: each for each in yaml.safe_load_all(out.stdout) if each}


def pod(documents):
    return documents["StatefulSet"]["spec"]["template"]["spec"]


usual = render()
check("what there is", sorted(usual) == ["ConfigMap", "NetworkPolicy", "Service", "StatefulSet"])
names = {each["metadata"]["name"] for each in usual.values()}
check("one name for all", names == {"test-craton-hsm"})
labels = usual["Service"]["spec"]["selector"]
check("the service and the policy find the pod", labels == usual["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
      == usual["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"])
mine = pod(usual)
check("one pod, not root", usual["StatefulSet"]["spec"]["replicas"] == 1 and mine["securityContext"]["runAsNonRoot"])
for container in mine["initContainers"] + mine["containers"]:
    rules = container["securityContext"]
    check(f"{container['name']}: nothing to gain", rules["allowPrivilegeEscalation"] is False
          and rules["readOnlyRootFilesystem"] and rules["capabilities"]["drop"] == ["ALL"])
    volumes = {each["name"] for each in mine["volumes"]} | {"store"}
    check(f"{container['name']}: its volumes are there", {each["name"] for each in container["volumeMounts"]} <= volumes)
daemon = mine["containers"][0]
check("probes that need no certificate", all(daemon[name]["tcpSocket"]["port"] == "grpc" for name in (
    "startupProbe", "readinessProbe", "livenessProbe")))
check("time to drain", mine["terminationGracePeriodSeconds"] > 30)
check("the secret is read-only, the copy of the key in memory",
      all(each["readOnly"] for container in mine["initContainers"] + mine["containers"]
          for each in container["volumeMounts"] if each["name"] == "tls") and [each for each in mine["volumes"] if each["name"] == "own"][0]["emptyDir"]["medium"] == "Memory")
check("it calls nobody", usual["NetworkPolicy"]["spec"]["egress"] == [])
check("a store that lasts", usual["StatefulSet"]["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] == "store")

RULES = '[[daemon.client]]\nmatch = "uri:spiffe://demo/app"\nrole = "user"\n'
OTHER = {"persistence": {"existingClaim": "kept", "size": "2Gi"}, "networkPolicy": {"enabled": False},
         "tls": {"crl": True, "crlRefreshSecs": 31536000},  # Helm's numbers are floating-point: 3.1536e+07
         "config": RULES + "[audit]\nbatch_ms = 20\n", "image": {"tag": "1.2.3"}}
other = render(**OTHER)
check("another image", pod(other)["containers"][0]["image"] == "craton-hsm:1.2.3")
check("a volume that is there", "volumeClaimTemplates" not in other["StatefulSet"]["spec"]
      and [each for each in pod(other)["volumes"] if each["name"] == "store"])
check("no policy", "NetworkPolicy" not in other)
ONLY = {"networkPolicy": {"from": [{"podSelector": {"matchLabels": {"role": "signer"}}}]}}
only = render(**ONLY)
check("whom the policy lets in", only["NetworkPolicy"]["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
      == {"role": "signer"})

d = Daemon("chart", start=False)
for label, documents in (("the usual", usual), ("another", other)):
    text = documents["ConfigMap"]["data"]["craton_hsm.toml"].replace("/var/lib/craton-hsm", str(work)).replace(
        "0.0.0.0:5696", "127.0.0.1:0")
    for name, path in (("/tls/tls.crt", d.cert), ("/etc/craton-hsm/tls.key", d.key), ("/tls/ca.crt", d.ca.path),
                       ("/tls/crl.pem", d.crl)):
        text = text.replace(f'"{name}"', f'"{path}"')
    path = work / "chart.toml"
    path.write_text(text)
    tried = subprocess.run([BINARY, "--config", path, "--check"], stderr=subprocess.PIPE, text=True, check=False)
    check(f"the daemon takes {label} configuration", tried.returncode == 0 or print("# " + tried.stderr) or False)


def helm(*arguments):
    return subprocess.run(["helm", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, env={**os.environ, "HOME": str(work)})


if shutil.which("helm"):
    linted = helm("lint", "--strict", CHART)
    check("helm lint", linted.returncode == 0 or print("# " + linted.stdout.replace("\n", "\n# ")) or False)
    for label, values, documents in (("the usual", {}, usual), ("another", OTHER, other), ("who may come", ONLY, only)):
        (work / "values.json").write_text(json.dumps(values))
        made = helm("template", "test", CHART, "--values", work / "values.json")
        check(f"helm renders the same: {label}", lambda: {
            each["kind"]: each for each in yaml.safe_load_all(made.stdout) if each} == documents)
else:
    check("helm lints and renders it # SKIP no helm")
finish()
