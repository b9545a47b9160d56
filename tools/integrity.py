#!/usr/bin/env python3
"""integrity.py FILE SIDECAR: writes the HMAC-SHA256 of a module or program beside it, as
src/core/integrity.c reads it. integrity.py --installed NAME...: the same for files below
MESON_INSTALL_DESTDIR_PREFIX, whose sidecars are named after them (an install script of meson).
integrity.py --forget FILE.forget: before FILE is linked, removes its old sidecar."""
import hashlib
import hmac
import os
import pathlib
import sys

KEY = b"Craton HSM integrity 1"  # not a secret: see src/core/integrity.c


def write(path: pathlib.Path, sidecar: pathlib.Path) -> None:
    mac = hmac.new(KEY, path.read_bytes(), hashlib.sha256).hexdigest()
    sidecar.write_text(mac + "\n")


def sidecar_of(path: pathlib.Path) -> pathlib.Path:
    return path.with_suffix(".hmac") if path.suffix == ".so" else path.with_name(path.name + ".hmac")


def main() -> int:
    if len(sys.argv) >= 3 and sys.argv[1] == "--installed":
        prefix = pathlib.Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"])
        for name in sys.argv[2:]:
            write(prefix / name, sidecar_of(prefix / name))
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "--forget":
        stamp = pathlib.Path(sys.argv[2])
        sidecar_of(stamp.with_suffix("")).unlink(missing_ok=True)
        stamp.touch()
        return 0
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    write(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    return 0


sys.exit(main())
