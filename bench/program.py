"""Runs the program under test the way a user would: by its commands, reading what they print.

Nothing here knows how the program works inside, so the benchmarks stay valid whatever is changed there."""
import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from sets import ROOT

PROGRAM = ROOT / "build" / "air-classifier"
BAD_CASES = 65  # the exit status of a run that answered the rest


class Failed(Exception):
    """A command that did not do what was asked, with the end of what it said."""


def run(command: list[str | Path], allowed: tuple[int, ...] = (0,), out: int = subprocess.PIPE) -> str:
    """What the command printed; nothing with `out` = DEVNULL, for timings that reading it would spoil."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, encoding="utf-8")
    if done.returncode not in allowed:
        said = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise Failed(f"`{' '.join(map(str, command))}` ended with status {done.returncode}: {said}")
    return done.stdout or ""


def train(program: Path, model: Path, cases: Path, member: str = "", *options: str) -> float:
    """The wall seconds of the whole command, reading and writing files included."""
    only = ["--member", member] if member else []
    start = time.perf_counter()
    run([program, "train", *only, *options, "-o", model, cases])
    return time.perf_counter() - start


def predict(program: Path, model: Path, cases: Path) -> list[dict]:
    """One object a case, in order; a refused case has `error` instead of an answer."""
    said = run([program, "predict", "--probabilities", model, cases], (0, BAD_CASES))
    return [json.loads(line) for line in said.split("\n") if line]


@contextlib.contextmanager
def serve(program: Path, model: Path) -> Iterator[tuple[int, float]]:
    """The running service's port, and the seconds from its start until it answered that it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.perf_counter()
    service = subprocess.Popen([program, "serve", model, "--listen", f"127.0.0.1:{port}"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            if service.poll() is not None:
                raise Failed(f"serve ended with status {service.returncode} before it was ready")
            if time.perf_counter() - start > 60:
                raise Failed("serve was not ready after 60 s")
            time.sleep(0.0005)
        yield port, time.perf_counter() - start
    finally:
        service.terminate()
        try:
            service.wait(10)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()


def is_ready(port: int) -> bool:
    """Asked through a bare socket: an HTTP library would add its own start to the time measured."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            status_line = connection.makefile("rb").readline().split()
    except OSError:
        return False
    return len(status_line) > 1 and status_line[1] == b"200"
