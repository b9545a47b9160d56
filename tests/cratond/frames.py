# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frame by frame, right or wrong, against a daemon on a Unix socket."""
import os
import re
import socket
import struct
import subprocess

from daemon import BINARY, Daemon, skip_all, wait_for, work

try:
    import hpack
except ImportError as missing:
    skip_all(f"no Python package: {missing} (python3-h2)")

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED = range(6)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(6, 12)


def unix_daemon(more=""):
    """A daemon that serves a Unix socket, without TLS: it, and the socket's path."""
    path = work / "d.sock"
    on = Daemon("unix", daemon=f'allow_insecure = true\nbind_unix = "{path}"\n{more}\n', start=False)
    on.config.write_text(re.sub("tls_.*\n", "", on.config.read_text()))
    with open(on.log_path, "wb") as log:
        on.process = subprocess.Popen([BINARY, "--config", str(on.config)], stderr=log, stdout=subprocess.DEVNULL,
                                      env={**os.environ, "CRATON_HSM_LOG": "stderr:info"})
    Daemon.running.append(on)
    wait_for(path.exists)
    return on, path


def frame(kind, flags=0, stream=0, body=b""):
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def message(body, flag=0):
    return struct.pack(">BI", flag, len(body)) + body


class Raw:
    """One connection."""

    def __init__(self, path, timeout_s=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout_s)
        self.socket.connect(str(path))
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.stream = -1
        self.send(PREFACE + frame(SETTINGS))

    def send(self, data):
        """False: the other end has had enough."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def exactly(self, size):
        got = b""
        while len(got) < size:
            try:
                more = self.socket.recv(size - len(got))
            except ConnectionResetError:
                return None
            if not more:
                return None
            got += more
        return got

    def next(self):
        """(kind, flags, stream, body); None: the connection is closed."""
        head = self.exactly(9)
        if head is None:
            return None
        body = self.exactly(int.from_bytes(head[:3], "big"))
        return None if body is None else (head[3], head[4], int.from_bytes(head[5:], "big"), body)

    def until(self, *kinds, stream=None):
        """The next frame of one of these kinds (of that stream); None: the connection is closed."""
        while True:
            got = self.next()
            if got is None or (got[0] in kinds and stream in (None, got[2])):
                return got
            if got[0] == HEADERS:  # or the decoder's table is no longer the other end's
                self.decoder.decode(got[3])

    def headers(self, path, end=False, more=(), **instead):
        """Sends the headers of a new call; returns its stream."""
        self.stream += 2
        fields = {":method": "POST", ":scheme": "http", ":authority": "localhost", ":path": path,
                  "content-type": "application/grpc", "te": "trailers"}
        fields.update({name.replace("_", "-"): value for name, value in instead.items()})
        block = self.encoder.encode(list(fields.items()) + list(more))
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), self.stream, block))
        return self.stream

    def call(self, path, body=b"", **how):
        """A whole unary call of these body bytes: its answer()."""
        stream = self.headers(path, **how)
        self.send(frame(DATA, END_STREAM, stream, body))
        return self.answer(stream)

    def answer(self, stream):
        """All headers of the answer to a stream, and its body; None: the connection is closed."""
        fields, body = {}, b""
        while True:
            got = self.next()
            if got is None:
                return None
            kind, flags, on, data = got
            if kind == HEADERS:
                decoded = dict(self.decoder.decode(data))
                if on == stream:
                    fields.update(decoded)
            if kind == RST_STREAM and on == stream:
                return {"rst": int.from_bytes(data, "big"), **fields}
            if kind == DATA and on == stream:
                body += data
            if kind in (HEADERS, DATA) and on == stream and flags & END_STREAM:
                return {"body": body, **fields}

    def goaway(self):
        """The error code of the GOAWAY that comes; None: closed without one."""
        got = self.until(GOAWAY)
        return int.from_bytes(got[3][4:8], "big") if got else None
