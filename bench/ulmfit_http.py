#!/usr/bin/env python3
"""ULMFiT over HTTP at full size, random weights: our service beside the incident's Flask service, turn about.

    ulmfit_http.py [--rounds N] [--peers FOLDER] [--markdown FILE] [--json FILE]

The environment variable PEERS_VENV names a virtual environment with fastai, Flask and gunicorn; without one the rows that compare
say "not measured". Both services run at the same time and are asked in turns, so that both meet the same weather; one that is not
asked is idle. What a machine does besides still slows ours, whose threads meet at barriers, more than any other: on a busy one the
ratios are lower than on a free one.
"""
import argparse
import array
import contextlib
import json
import os
import random
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import program
import report
from report import Row
from sets import ROOT

VOCAB, WIDTH, HIDDEN, CLASSES = 60_000, 400, 1152, 12
CLIENTS = 32
RESIDENT_MAX = 64 * 1024 * 1024
START_RUNS = 7
SPECIALS = "xxunk xxpad xxbos xxeos xxfld xxrep xxwrep xxup xxmaj".split()
PATH = "/classifier/sbr"


def tensors() -> dict[str, tuple[list[int], float]]:
    """Shape and constant of a fastai classifier's tensors; nan stands for random numbers."""
    some = float("nan")
    found = {"0.module.encoder.weight": ([VOCAB, WIDTH], some)}
    for layer, (inputs, outputs) in enumerate([(WIDTH, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, WIDTH)]):
        at = f"0.module.rnns.{layer}."
        found[at + "module.weight_ih_l0"] = ([4 * outputs, inputs], some)
        found[at + "weight_hh_l0_raw"] = ([4 * outputs, outputs], some)
        found[at + "module.bias_ih_l0"] = found[at + "module.bias_hh_l0"] = ([4 * outputs], some)
    for block, (inputs, outputs) in enumerate([(3 * WIDTH, 50), (50, CLASSES)]):
        norm = f"1.layers.{block}.0."
        found |= {norm + "weight": ([inputs], 1.0), norm + "bias": ([inputs], 0.0),
                  norm + "running_mean": ([inputs], 0.0), norm + "running_var": ([inputs], 1.0)}
        found[f"1.layers.{block}.2.weight"] = ([outputs, inputs], some)
    return found


def write_weights(path: Path) -> None:
    """Uniform in +-0.04, as torch initialises such layers. The numbers repeat after a prime count, so no two rows are alike."""
    chance = random.Random(1)
    some = array.array("f", (chance.uniform(-0.04, 0.04) for _ in range(262_147))).tobytes()
    header, at = {}, 0
    for name, (shape, _) in tensors().items():
        size = 4
        for extent in shape:
            size *= extent
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        begin = 0
        for name, (_, constant) in tensors().items():
            start, end = header[name]["data_offsets"]
            if constant == constant:
                file.write(array.array("f", [constant]).tobytes() * ((end - start) // 4))
                continue
            while start < end:
                piece = some[begin:begin + end - start]
                file.write(piece)
                start += len(piece)
                begin = (begin + len(piece)) % len(some)


def make_model(args: argparse.Namespace, folder: Path) -> Path:
    weights, vocab, labels, model = (folder / name for name in ("full.safetensors", "vocab.json", "labels.json", "full.air"))
    write_weights(weights)
    vocab.write_text(json.dumps(SPECIALS + [f"word{i}" for i in range(VOCAB - len(SPECIALS))]), encoding="utf-8")
    labels.write_text(json.dumps(["SysMgmt"] + [f"Team{i}" for i in range(1, CLASSES)]), encoding="utf-8")
    program.run([args.program, "import", "-o", model, weights, "--vocab", vocab, "--labels", labels])
    weights.unlink()
    return model


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def running(command: list, port: int, ready, limit: float, **popen) -> Iterator[tuple[int, int, float]]:
    """Port, process and the seconds until it was ready."""
    start = time.perf_counter()
    service = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, **popen)
    try:
        while not ready(port):
            if service.poll() is not None or time.perf_counter() - start > limit:
                raise program.Failed(f"`{command[0]}` did not serve within {limit:.0f} s")
            time.sleep(0.0005)
        yield port, service.pid, time.perf_counter() - start
    finally:
        service.terminate()
        try:
            service.wait(30)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()


def ours(args: argparse.Namespace, model: Path):
    port = free_port()
    command = [args.program, "serve", model, "--listen", f"127.0.0.1:{port}", "--read-timeout", "60", "--deadline", "60"]
    return running(command, port, program.is_ready, 60)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def theirs(args: argparse.Namespace, venv: Path):
    port = free_port()
    command = [venv / "bin" / "gunicorn", "-w", "1", "--timeout", "600", "-b", f"127.0.0.1:{port}", "service:app"]
    return running(command, port, listens, 300, cwd=args.peers, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})


def ask(port: int, body: bytes, times: int) -> list[float]:
    """Seconds of each of these requests, on a connection of its own as far as the service wants one."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    seconds, connection = [], None
    for _ in range(times):
        start = time.perf_counter()
        if connection is None:
            connection = socket.create_connection(("127.0.0.1", port), timeout=600)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head.encode() + body)
        stream = connection.makefile("rb")
        status, length, close = stream.readline(), 0, False
        while (line := stream.readline().lower()) not in (b"\r\n", b""):
            length = int(line.split(b":")[1]) if line.startswith(b"content-length:") else length
            close = close or line.strip() == b"connection: close"
        stream.read(length)
        seconds.append(time.perf_counter() - start)
        if b" 200 " not in status:
            raise program.Failed(f"answered {status.decode().strip()}")
        if close:
            connection.close()
            connection = None
    return seconds


def cases_a_second(port: int, script: Path, seconds: int) -> float:
    said = program.run(["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--timeout", "120s", "-s", script, f"http://127.0.0.1:{port}{PATH}"])
    if "Non-2xx" in said:
        raise program.Failed(f"wrk saw errors: {said}")
    return float(re.search(r"Requests/sec:\s*([\d.]+)", said)[1])


def resident(pid: int) -> int:
    """All that is in memory: anonymous, of files, and shared."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return int(re.search(r"^Rss:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024


def measure(args: argparse.Namespace, folder: Path) -> dict:
    model, case = make_model(args, folder), args.peers / "case.json"
    body, script = case.read_bytes(), folder / "post.lua"
    script.write_text(f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = [[{body.decode()}]]\n",
                      encoding="utf-8")
    venv = Path(os.environ["PEERS_VENV"]) if os.environ.get("PEERS_VENV") else None
    found = {"file_mib": model.stat().st_size / 2**20, "ready": [], "ours": [], "flask": [], "ours_rate": [], "flask_rate": []}
    for _ in range(START_RUNS + 1):  # the first one only warms the page cache
        with ours(args, model) as (_, _, seconds):
            found["ready"].append(seconds)
    del found["ready"][0]
    with contextlib.ExitStack() as stack:
        our_port, our_pid, _ = stack.enter_context(ours(args, model))
        their_port = stack.enter_context(theirs(args, venv))[0] if venv else None
        ask(our_port, body, 5)
        if their_port:
            ask(their_port, body, 3)
        for number in range(args.rounds):
            print(f"round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
            for _ in range(5):
                found["ours"] += ask(our_port, body, 10)
                found["flask"] += ask(their_port, body, 2) if their_port else []
            found["ours_rate"].append(cases_a_second(our_port, script, 6))
            if their_port:
                found["flask_rate"].append(cases_a_second(their_port, script, 10))
        found["resident"] = resident(our_pid)
    return found


def judge(found: dict) -> list[Row]:
    middle = {key: statistics.median(found[key]) if found[key] else None for key in ("ours", "flask", "ours_rate", "flask_rate", "ready")}
    sooner = middle["flask"] / middle["ours"] if middle["flask"] else None
    more = middle["ours_rate"] / middle["flask_rate"] if middle["flask_rate"] else None
    return [
        Row("one 185-token case over HTTP: p50 at least 12 times sooner than Flask's", "-" if sooner is None else f"{sooner:.1f} times",
            None if sooner is None else sooner >= 12),
        Row(f"{CLIENTS} clients at once: at least 130 cases a second", f"{middle['ours_rate']:.0f}", middle["ours_rate"] >= 130),
        Row(f"{CLIENTS} clients at once: at least 24 times Flask's", "-" if more is None else f"{more:.1f} times",
            None if more is None else more >= 24),
        Row("resident while serving, all of it: at most 64 MiB", f"{found['resident'] / 2**20:.1f} MiB", found["resident"] <= RESIDENT_MAX),
        Row("start to ready at most 0.1 s", f"{middle['ready']:.3f} s", middle["ready"] <= 0.1),
    ]


def details(found: dict) -> str:
    def both(key: str, scale: float, digits: int, pick=statistics.median) -> list[str]:
        return [report.number(scale * pick(found[k]) if found[k] else None, digits) for k in (key, key.replace("ours", "flask"))]

    lines = [
        ["one client, p50, ms", *both("ours", 1e3, 2)],
        ["one client, fastest, ms", *both("ours", 1e3, 2, min)],
        [f"{CLIENTS} clients, cases a second, median", *both("ours_rate", 1, 1)],
        [f"{CLIENTS} clients, cases a second, best", *both("ours_rate", 1, 1, max)],
        ["start to ready, ms, each", ", ".join(report.number(1e3 * s, 0) for s in found["ready"]), "-"],
        ["model file, MiB", report.number(found["file_mib"], 1), "-"],
    ]
    return report.table(["measured", "ours", "Flask"], lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="ULMFiT over HTTP beside the Flask service")
    parser.add_argument("--program", type=Path, default=program.PROGRAM)
    parser.add_argument("--peers", type=Path, default=ROOT / ".." / "shared" / "peers", help="the folder with service.py and case.json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    if not shutil.which(args.program):
        raise SystemExit(f"{args.program} is not there: run `make` first")
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not there")
    with tempfile.TemporaryDirectory(prefix="bench-ulmfit-") as folder:
        try:
            found = measure(args, Path(folder))
        except program.Failed as failure:
            raise SystemExit(str(failure)) from None
    rows = judge(found)
    data = {"machine": report.machine(), **found}
    text = "\n\n".join([report.machine_line(data["machine"]), report.rows_table(rows), details(found)])
    return report.finish(text, data, rows, args.markdown, args.json)


if __name__ == "__main__":
    sys.exit(main())
