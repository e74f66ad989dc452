# SPDX-License-Identifier: Apache-2.0
"""What the service tests share: a model, a running service, and a client that sees raw bytes.

The standard library's client hides what these tests look at (two answers in one read, a
connection closed early), so requests are written and answers parsed here.
"""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("PROGRAM", os.path.join(ROOT, "build", "air-classifier"))
FOLDER = os.environ.get("TEST_TMP") or tempfile.mkdtemp()
TEAMS = ("sysmgmt", "shift", "storage", "identity")
SANITIZED = any(part in ("san", "tsan") for part in PROGRAM.split(os.sep))
SLOW = 120  # seconds; a sanitized build on a busy machine still ends before it

# The incident's request, as the service in QA got it.
INCIDENT = {
    "case_language": "en",
    "case_number": "string",
    "description": "Test",
    "origin": "Test",
    "product": "Test",
    "severity": "Test",
    "subject": "Test",
    "version": "Test",
}


def model():
    """A model of four teams, trained once for all service tests."""
    path = os.path.join(FOLDER, "service.air")
    if not os.path.exists(path):
        cases = [os.path.join(ROOT, "share", "cases", team + ".csv") for team in TEAMS]
        subprocess.run([PROGRAM, "train", "--member", "linear", "-o", path, *cases], check=True, timeout=SLOW,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


def predict(cases, *options, file=None):
    """What the command says of these cases: one object each."""
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    command = [PROGRAM, "predict", file or model(), "-", *options]
    done = subprocess.run(command, input=lines.encode(), check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=SLOW)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Service:
    """A service on a free port of the loopback; ended at the end of `with`."""

    def __init__(self, *options, program=PROGRAM, file=None, listen="127.0.0.1:0", **popen):
        self.log = []
        self.may_fail = False  # a test makes it call what its sandbox refuses
        self.ready = threading.Event()
        self.address = None
        command = [program, "serve", file or model(), "--listen", listen, *options]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, **popen)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.ready.wait(SLOW) or self.address is None:
            self.stop()
            raise AssertionError("the service did not start: " + "".join(self.log))

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace"))
            found = re.search(r"ready on http://\[?([^\]]*?)\]?:(\d+) ", self.log[-1])
            if found:
                self.address = (found[1], int(found[2]))
                self.ready.set()
        self.ready.set()

    def stop(self, number=signal.SIGTERM):
        """Sends the signal and returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.reader.join(SLOW)
        self.process.stderr.close()
        defects = [line for line in self.log if "a defect: " in line]
        assert self.may_fail or not defects, defects
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Reply:
    """A status line, its headers in lower case, and the body as the length says."""

    def __init__(self, stream, method="GET"):
        line = stream.readline()
        if not line:
            raise EOFError("closed without an answer")
        self.version, status, self.reason = line.decode("latin-1").rstrip("\r\n").split(" ", 2)
        self.status = int(status)
        self.headers = {}
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, value = line.decode("latin-1").rstrip("\r\n").split(":", 1)
            assert name.lower() not in self.headers, "header twice: " + name
            self.headers[name.lower()] = value.strip()
        size = int(self.headers.get("content-length", 0))
        bodiless = method == "HEAD" or self.status < 200 or self.status == 304
        self.body = b"" if bodiless else stream.read(size)
        assert bodiless or len(self.body) == size, "the answer is cut"

    def json(self):
        return json.loads(self.body)


class Client:
    """One connection."""

    def __init__(self, address, timeout=SLOW):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def reply(self, method="GET"):
        return Reply(self.stream, method)

    def ask(self, *args, **kwargs):
        self.send(request(*args, **kwargs))
        return self.reply(args[0] if args else "POST")

    def at_end(self):
        """Whether the service closed the connection and sent nothing more."""
        try:
            return self.stream.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.stream.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request(method="POST", path="/classifier/sbr", body=None, headers=(), version="HTTP/1.1",
            content_type="application/json", length=True):
    """The bytes of a request; body is bytes, or anything JSON can say."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} {version}", "Host: localhost", *headers]
    if body is not None:
        if content_type is not None:
            lines.append("Content-Type: " + content_type)
        if length:
            lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def chunked(body, size=50000):
    """A body in chunks, the last one included."""
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def resident(pid):
    """Bytes of the process in memory that are its own or shared."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no Rss in smaps_rollup")


def wait_until(condition, seconds=SLOW):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
