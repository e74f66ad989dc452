#!/usr/bin/env python3
"""Measures what a user waits for: training, a file of cases, one answer over HTTP, the service's start.

Only ratios taken in one run carry over to another machine, so training alternates with scikit-learn's. The linear member is the one
measured: the limits are its own, and ULMFiT's cost is of another order.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peers
import program
import report
import sets
from report import Row, number

MEMBER = "linear"
TRAIN_SET, SERVE_SET = "20news", "banking77"
PREDICT_ROWS = 100_000
BODY_BYTES = 1024
HTTP_REQUESTS = 20_000
START_RUNS = 9
WRK = "-t1 -c32 -d5s".split()
FIELDS = "case_language case_number description origin product severity subject version".split()
TEST_CASE = dict.fromkeys(FIELDS, "Test")  # the request with which the incident was looked for
HERE = Path(__file__).resolve().parent

MUST_REACH = {
    "train": f"training {TRAIN_SET} not slower than scikit-learn",
    "predict": f"predict {SERVE_SET} on one core: 50,000 cases a second",
    "http": "median answer to a 1 KB case at most 0.15 ms",
    "ready": "ready at most 0.1 s after start",
}


def measure_train(args: argparse.Namespace, scratch: Path) -> dict:
    """A B A B; scikit-learn is given the texts in memory and keeps its model there, ours reads and writes files."""
    if not peers.have_svc():
        return {}
    train_file = args.data / TRAIN_SET / "train.csv"
    cases = sets.read(train_file)
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(program.train(args.program, scratch / "news.air", train_file, MEMBER))
        start = time.perf_counter()
        peers.svc_fit(sets.texts(cases), sets.labels(cases))
        theirs.append(time.perf_counter() - start)
    return {"ours_seconds": ours, "sklearn_seconds": theirs, "ratio": statistics.median(ours) / statistics.median(theirs)}


def measure_predict(args: argparse.Namespace, scratch: Path, model: Path) -> dict:
    """Wall time of the whole command on one core, the start of the program included; the median of three."""
    head, _, body = (args.data / SERVE_SET / "test.csv").read_bytes().partition(b"\n")
    rows = len(sets.read(args.data / SERVE_SET / "test.csv"))
    copies = -(-PREDICT_ROWS // rows)
    cases = scratch / "many.csv"
    with cases.open("wb") as file:
        file.write(head + b"\n")
        for _ in range(copies):
            file.write(body)
    seconds, core = [], str(min(os.sched_getaffinity(0)))
    for _ in range(3):
        start = time.perf_counter()
        program.run(["taskset", "-c", core, args.program, "predict", "--threads", "1", model, cases], out=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return {"cases": copies * rows, "seconds": seconds, "cases_per_second": copies * rows / statistics.median(seconds)}


def case_of_bytes(cases: list[sets.Case], size: int) -> bytes:
    """A case of exactly `size` bytes of JSON, in words that the model knows: unknown ones would cost less."""
    case = {**dict.fromkeys(FIELDS, ""), "case_number": "00000001", "case_language": "en", "subject": sets.texts(cases[:1])[0].strip()}
    words = " ".join(sets.texts(cases[1:200])).encode("ascii", "ignore").decode().replace('"', "'")
    room = size - len(json.dumps(case))
    case["description"] = " ".join(words.split())[:room].ljust(room, ".")
    body = json.dumps(case).encode()
    assert len(body) == size
    return body


def measure_http(args: argparse.Namespace, scratch: Path, model: Path) -> dict:
    client, body = scratch / "http_latency", scratch / "case.json"
    subprocess.run(["cc", "-O2", "-std=c11", "-o", client, HERE / "http_latency.c"], check=True)
    body.write_bytes(case_of_bytes(sets.read(args.data / SERVE_SET / "test.csv"), BODY_BYTES))
    with program.serve(args.program, model) as (port, _):
        found = json.loads(program.run([client, str(port), "/classifier/sbr", body, str(HTTP_REQUESTS)]))
        if shutil.which("wrk"):
            found["requests_per_second"] = throughput(port, scratch)
    return found


def throughput(port: int, scratch: Path) -> float:
    script = scratch / "post.lua"
    script.write_text(f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = [[{json.dumps(TEST_CASE)}]]\n",
                      encoding="utf-8")
    said = program.run(["wrk", *WRK, "-s", script, f"http://127.0.0.1:{port}/classifier/sbr"])
    if "Non-2xx" in said or "Socket errors" in said:
        raise program.Failed(f"wrk saw errors: {said}")
    return float(re.search(r"Requests/sec:\s*([\d.]+)", said)[1])


def measure_ready(args: argparse.Namespace, model: Path) -> dict:
    """The first start only warms the page cache."""
    seconds = []
    for _ in range(START_RUNS + 1):
        with program.serve(args.program, model) as (_, until_ready):
            seconds.append(until_ready)
    return {"seconds": seconds[1:], "median_seconds": statistics.median(seconds[1:])}


def judge(found: dict[str, dict]) -> list[Row]:
    def row(name: str, key: str, holds, show) -> Row:
        value = found.get(name, {}).get(key)
        return Row(MUST_REACH[name], "-" if value is None else show(value), None if value is None else holds(value))

    return [
        row("train", "ratio", lambda v: v <= 1, lambda v: f"{v:.2f} of its time"),
        row("predict", "cases_per_second", lambda v: v >= 50_000, lambda v: f"{v:,.0f} cases/s"),
        row("http", "p50_us", lambda v: v <= 150, lambda v: f"{v / 1000:.3f} ms"),
        row("ready", "median_seconds", lambda v: v <= 0.1, lambda v: f"{v:.4f} s"),
    ]


def details(found: dict[str, dict]) -> str:
    lines = []
    if found.get("train"):
        ours, theirs = (", ".join(number(s, 1) for s in found["train"][key]) for key in ("ours_seconds", "sklearn_seconds"))
        lines.append([f"train {TRAIN_SET}, s, in turns", f"{ours}; scikit-learn {theirs}"])
    if found.get("predict"):
        one = found["predict"]
        lines.append([f"predict {one['cases']:,} cases on one core, s", ", ".join(number(s, 2) for s in one["seconds"])])
    if found.get("http"):
        one = found["http"]
        lines.append([f"{one['requests']:,} requests on one connection, µs",
                      f"p50 {one['p50_us']}, p99 {one['p99_us']}, max {one['max_us']}"])
        if "requests_per_second" in one:
            lines.append([f"requests a second, case \"Test\", wrk {' '.join(WRK)}", f"{one['requests_per_second']:,.0f}"])
    if found.get("ready"):
        lines.append([f"start to ready, ms, {START_RUNS} times", ", ".join(number(1000 * s, 1) for s in found["ready"]["seconds"])])
    return report.table(["measured", "figures"], lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="training, predicting and serving speed")
    parser.add_argument("--data", type=Path, default=sets.DATA, help="the folder of the sets")
    parser.add_argument("--program", type=Path, default=program.PROGRAM)
    parser.add_argument("--only", default=",".join(MUST_REACH), metavar="A,B", help=f"some of {','.join(MUST_REACH)}")
    parser.add_argument("--rounds", type=int, default=2, help="how often both train, in turns")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    if not shutil.which(args.program):
        raise SystemExit(f"{args.program} is not there: run `make` first")

    chosen = args.only.split(",")
    if unknown := set(chosen) - MUST_REACH.keys():
        parser.error(f"--only knows {', '.join(MUST_REACH)}, not {', '.join(unknown)}")
    found: dict[str, dict] = {}
    failures = []
    with tempfile.TemporaryDirectory(prefix="bench-speed-") as folder:
        scratch = Path(folder)
        model = scratch / "serve.air"
        try:
            program.train(args.program, model, args.data / SERVE_SET / "train.csv", MEMBER)
        except program.Failed as failure:
            raise SystemExit(f"no model to measure: {failure}") from None
        steps = {"train": lambda: measure_train(args, scratch), "predict": lambda: measure_predict(args, scratch, model),
                 "http": lambda: measure_http(args, scratch, model), "ready": lambda: measure_ready(args, model)}
        for name in chosen:
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                found[name] = steps[name]()
            except (program.Failed, ValueError) as failure:
                failures.append(f"{name} failed: {failure}")
    rows = judge(found)
    data = {"machine": report.machine(), "member": MEMBER, "failures": failures, **found}
    text = "\n\n".join([report.machine_line(data["machine"]), report.rows_table(rows), details(found), *failures])
    return report.finish(text, data, rows, args.markdown, args.json)


if __name__ == "__main__":
    sys.exit(main())
