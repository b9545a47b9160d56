#!/usr/bin/env python3
"""Runs a command on a terminal of its own and talks to it.

usage: terminal.py STEP... -- COMMAND [ARGUMENT...]

STEP is expect=TEXT (waits until it is shown), send=TEXT (types it; \\r ends a line), echo=on or echo=off
(the terminal's state must be so), signal=NAME (to the terminal's foreground). What was shown is printed at the end;
the exit status is the command's (128 and the number of the signal that ended it).
"""
import os
import pty
import re
import select
import signal
import sys
import termios
import time

TIMEOUT_S = 60


def is_echoing(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


def read_some(fd, seconds):
    if not select.select([fd], [], [], seconds)[0]:
        return b""
    try:
        return os.read(fd, 4096)
    except OSError:  # the other end is closed
        return None


def wait_for(holds, what):
    end = time.monotonic() + TIMEOUT_S
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"no {what} in {TIMEOUT_S} s")


class Talk:
    def __init__(self, fd, pid):
        self.fd, self.pid, self.shown, self.seen = fd, pid, b"", 0

    def more(self):
        got = read_some(self.fd, 0.1)
        self.shown += got or b""
        return got is not None

    def expect(self, text):
        def holds():
            at = self.shown.find(text.encode(), self.seen)
            if at < 0:
                self.more()
                return False
            self.seen = at + len(text)
            return True
        wait_for(holds, repr(text))

    def step(self, step):
        verb, value = step.split("=", 1)
        if verb == "expect":
            self.expect(value)
        elif verb == "send":
            os.write(self.fd, value.encode().decode("unicode_escape").encode("latin-1"))
        elif verb == "signal":
            os.killpg(os.tcgetpgrp(self.fd), getattr(signal, value))
        elif verb == "echo":
            wait_for(lambda: is_echoing(self.fd) == (value == "on"), f"echo {value}")
        else:
            sys.exit(f"unknown step {step}")


def main():
    at = sys.argv.index("--")
    # The shell stays, so that the terminal can be looked at after the command has gone.
    pid, fd = pty.fork()
    if pid == 0:
        # Whoever runs the tests may ignore it, as nohup does, and that is inherited.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.execvp(sys.argv[at + 1], sys.argv[at + 1:])
    talk = Talk(fd, pid)
    for step in sys.argv[1:at]:
        talk.step(step)
    while talk.more():
        pass
    sys.stdout.write(re.sub("\r", "", talk.shown.decode(errors="replace")))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if status >= 0 else 128 - status


sys.exit(main())
