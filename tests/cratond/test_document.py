#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ten commands of docs/daemon.md, from certificates to a signature, as somebody who reads it types them."""
import base64
import socket

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

text = (ROOT / "docs/daemon.md").read_text()
section = text[text.index("## From certificates to a signature"):text.index("## Who is who")]
console = re.search(r"```console\n(.*?)```", section, re.S)[1]
place = work / "reader"
place.mkdir()
(place / "proto").symlink_to(ROOT / "proto")
with socket.create_server(("127.0.0.1", 0)) as free:
    port = str(free.getsockname()[1])
(place / "demo.py").write_text(re.search(r"```python\n(.*?)```", section, re.S)[1].replace("5696", port))

# Prompts mark commands, and what follows << up to END belongs to them; the rest is what is shown.
commands = re.findall(r"^\$ (.*<<.*\n(?:.*\n)*?END$|.*)", console, re.M)
check(f"ten commands at most: {len(commands)}", 5 < len(commands) <= 10)
script = "\n".join(["set -e", *commands]).replace("[daemon]", f'[daemon]\nbind = "127.0.0.1:{port}"')
script = script.replace("craton_hsm.toml &", "craton_hsm.toml 2>daemon.log &\n"
                        "until grep -q listening daemon.log; do kill -0 $! || exit 9; done")
script = script.replace("python3 demo.py", "/usr/bin/python3 demo.py >signature\nkill -TERM $!; wait $!")
done = subprocess.run(["bash", "-c", script], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                      stdin=subprocess.DEVNULL, timeout=PATIENCE_S * 2, check=False, umask=0o022,
                      env={**os.environ, "PATH": f"{pathlib.Path(BINARY).resolve().parent}:{os.environ['PATH']}"})
check("they run, and the daemon ends in order", done.returncode == 0 or print("# " + done.stdout.replace("\n", "\n# ")) or False)
check("and make a signature of P-256", lambda: len(base64.b64decode((place / "signature").read_text())) == 64)
finish()
