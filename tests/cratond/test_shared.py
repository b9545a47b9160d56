#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One store, at once: a daemon with clients, two processes with the PKCS#11 module, the admin command.
Each makes objects that all the others find, and the audit log has everybody's entries in one chain.
"""
import ctypes
import multiprocessing

from daemon import *  # pylint: disable=wildcard-import,unused-wildcard-import

MODULE = os.environ.get("CRATON_HSM_MODULE", str(pathlib.Path(BINARY).resolve().parent / "libcraton_hsm.so"))
OBJECTS = 40


class Attribute(ctypes.Structure):
    _fields_ = [("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("len", ctypes.c_ulong)]


class Module:
    """Just as much of PKCS#11 as is needed here, by the exported functions."""

    def __init__(self, pin):
        self.library = ctypes.CDLL(MODULE)
        self.call("Initialize", None)
        self.session = ctypes.c_ulong()
        self.call("OpenSession", ctypes.c_ulong(0), ctypes.c_ulong(6), None, None, ctypes.byref(self.session))
        self.call("Login", self.session, ctypes.c_ulong(1), pin, ctypes.c_ulong(len(pin)))

    def call(self, name, *arguments):
        function = getattr(self.library, "C_" + name)
        function.restype = ctypes.c_ulong
        rv = function(*arguments)
        if rv != 0:
            raise RuntimeError(f"C_{name}: {rv:#x}")

    @staticmethod
    def template(**attributes):
        values = [(ck[f"CKA_{name}"], value) for name, value in attributes.items()]
        return (Attribute * len(values))(*[
            Attribute(kind, ctypes.cast(ctypes.c_char_p(value), ctypes.c_void_p), len(value)) for kind, value in values])

    def make(self, label):
        made = self.template(CLASS=ulong(ck["CKO_DATA"]), TOKEN=b"\1", LABEL=label.encode(), VALUE=label.encode())
        handle = ctypes.c_ulong()
        self.call("CreateObject", self.session, made, ctypes.c_ulong(len(made)), ctypes.byref(handle))

    def count(self, label):
        wanted = self.template(LABEL=label.encode())
        found = (ctypes.c_ulong * 4)()
        count = ctypes.c_ulong()
        self.call("FindObjectsInit", self.session, wanted, ctypes.c_ulong(1))
        self.call("FindObjects", self.session, found, ctypes.c_ulong(4), ctypes.byref(count))
        self.call("FindObjectsFinal", self.session)
        return count.value


def local(name, pin, config, begin, done, others):
    """A process with the module: makes its objects, then looks for everybody's."""
    os.environ["CRATON_HSM_CONFIG"] = config
    try:
        begin.wait(PATIENCE_S)
        module = Module(pin)
        for number in range(OBJECTS):
            module.make(f"{name}-{number}")
        done.wait(PATIENCE_S)
        missing = [f"{other}-{number}" for other in others for number in range(OBJECTS)
                   if module.count(f"{other}-{number}") != 1]
        print(f"# {name}: missing {missing}" if missing else f"# {name}: all there", flush=True)
        os._exit(1 if missing else 0)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        os._exit(2)


def admin(*command):
    return subprocess.run([ADMIN, *command], env={**os.environ, "CRATON_HSM_CONFIG": str(d.config)}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)


d = Daemon("shared", start=False)
names = ["module1", "module2", "network"]
fork = multiprocessing.get_context("fork")  # before gRPC has threads
begin, done = fork.Event(), fork.Event()
processes = [fork.Process(target=local, args=(name, d.pin.encode(), str(d.config), begin, done, names))
             for name in names[:2]]
for each in processes:
    each.start()
d.start()
stub = d.stub()
d.prepare(stub)
session = d.login(stub)
pin_file = work / "pin"
pin_file.write_text(d.pin + "\n")
begin.set()
listings = []
for number in range(OBJECTS):
    stub.CreateObject(pb.CreateObjectRequest(session_handle=session, template=template(
        CLASS=ck["CKO_DATA"], TOKEN=True, LABEL=f"network-{number}", VALUE="value")))
    if number % 10 == 0:
        listings.append(admin("key", "generate", "--type", "aes-256", "--label", f"admin-{number}",
                              "--pin-file", str(pin_file)))
check("the admin command makes keys meanwhile", all(each.returncode == 0 for each in listings) or
      print("# " + listings[0].stdout))


def count(label):
    return len(stub.FindObjects(pb.FindObjectsRequest(session_handle=session,
                                                      template=template(LABEL=label))).object_handles)


check("the daemon finds what the modules make", wait_for(
    lambda: all(count(f"{name}-{OBJECTS - 1}") == 1 for name in names[:2])))
check("and every object of theirs", all(count(f"{name}-{number}") == 1 for name in names for number in range(OBJECTS)))
check("and the admin command's", all(count(f"admin-{number}") == 1 for number in range(0, OBJECTS, 10)))
done.set()
for name, each in zip(names, processes):
    each.join(PATIENCE_S)
    check(f"{name} finds everybody's", each.exitcode == 0)
check("the daemon ends", d.stop() == 0)
verified = admin("audit", "verify-chain")
check("one audit log, which is whole", verified.returncode == 0)
finish()
