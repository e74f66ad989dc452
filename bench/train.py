#!/usr/bin/env python3
"""Training at full size beside fastai, step by step in turns, and what bounds it, as a section of docs/BENCH.md.

    train.py [--python VENV/bin/python] [--rounds 5] [--markdown FILE]

The interpreter named has `fastai`; without one only our own figures are measured. A step is forward, backward and optimiser, of fastai's own
language model (32 x 72 tokens, vocabulary 15,000) and classifier (32 x 128, 12 labels) and of the same in C. All sides stay ready
and make a step in turns, so that they meet the same weather. What a step can cost at least follows from 6 operations for each parameter that
is multiplied and each token, at the peak of the processor's registers (bench/peak.c).
"""
import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from report import Row, machine, machine_line, rows_table, table
from sets import ROOT

VOCAB, WIDTH, HIDDEN, LARGE_VOCAB = 15000, 400, 1152, 60000
LAYERS = ((WIDTH, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, WIDTH))
TOKENS = {"lm": 32 * 72, "classifier": 32 * 128}
NAMES = {"lm": "language model", "classifier": "classifier"}
WANTED = {"lm": 2.3, "classifier": 2.0}
TWO_THREADS = 1.6
MEMORY_GIB, MEMORY_MISSED = 3, 0.02
PAUSE = 0.2  # s; what a library's threads spin after a step does not count against the next one

PEER = """
import sys, time, warnings
warnings.simplefilter("ignore")
import torch
from fastai.text.all import *
what, vocab, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
loss = CrossEntropyLossFlat()
if what == "lm":
    model = get_language_model(AWD_LSTM, vocab, config=awd_lstm_lm_config.copy()).train()
    x = torch.randint(0, vocab, (32, 72))
    y = torch.randint(0, vocab, (32, 72))
else:
    model = get_text_classifier(AWD_LSTM, vocab, 12, seq_len=72, config=awd_lstm_clas_config.copy()).train()
    x, y = torch.randint(2, vocab, (32, 128)), torch.randint(0, 12, (32,))
optimiser = Adam(params(model), lr=1e-3, wd=0.01)
print("f32", 0, flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    if what == "classifier":
        model.reset()
    loss(model(x)[0], y).backward()
    optimiser.step()
    optimiser.zero_grad()
    print(time.perf_counter() - start, flush=True)
print([int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")][0], flush=True)
"""


class Side:
    """One training that waits for its turn."""

    def __init__(self, command: list[str]) -> None:
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.arithmetic, budget = self.line().split()
        self.budget = int(budget)
        self.seconds: list[float] = []
        self.step()  # pages and kernels come with the first one
        self.seconds.clear()

    def line(self) -> str:
        line = self.child.stdout.readline()
        if not line:
            raise SystemExit(f"train.py: {self.child.args[:2]} ended with status {self.child.wait()}")
        return line

    def step(self) -> None:
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        self.seconds.append(float(self.line()))
        time.sleep(PAUSE)

    def rate(self, tokens: int) -> float:
        return tokens / statistics.median(self.seconds)

    def close(self) -> int:
        """The most memory that was resident, in bytes."""
        self.child.stdin.close()
        peak = int(self.line())
        self.child.wait()
        return peak


def ours(what: str, vocab: int, threads: int, arithmetic: str | None = None) -> Side:
    return Side(["build/bench/train", what, str(vocab), str(threads)] + ([arithmetic] if arithmetic else []))


def peaks(threads: int) -> dict[str, float]:
    output = subprocess.run(["build/bench/peak", str(threads)], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name: float(figure) for name, figure in (line.split() for line in output.splitlines())}


def operations(what: str) -> float:
    """Of a token: 2 each for the product forward, for the gradients of inputs, for those of weights."""
    multiplied = sum(4 * units * (inputs + units) for inputs, units in LAYERS)
    return 6.0 * (multiplied + (VOCAB * WIDTH if what == "lm" else 0))


def measure(what: str, python: str | None, rounds: int) -> dict[str, Side]:
    sides = {"two": ours(what, VOCAB, 2), "one": ours(what, VOCAB, 1)}
    if sides["two"].arithmetic != "f32":
        sides["f32"] = ours(what, VOCAB, 2, "f32")
    if python:
        sides["fastai"] = Side([python, "-c", PEER, what, str(VOCAB), "2"])
    for _ in range(rounds):
        for side in sides.values():
            side.step()
    return sides


def memory_rows() -> list[Row]:
    side = ours("lm", LARGE_VOCAB, 2)
    side.step()
    peak = side.close()
    missed = peak / side.budget - 1
    return [Row(f"language model, vocabulary {LARGE_VOCAB:,}, peak memory: {MEMORY_GIB} GiB", f"{peak / 2**30:.2f} GiB", peak <= MEMORY_GIB * 2**30),
            Row("within 2 % of what is laid out beforehand", f"{100 * missed:+.1f} %", abs(missed) <= MEMORY_MISSED)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    peak = {threads: peaks(threads) for threads in (1, 2)}
    has_bf16 = peak[2]["bf16"] > 0
    rows, lines = [], []
    for what, tokens in TOKENS.items():
        sides = measure(what, arguments.python, arguments.rounds)
        best = peak[2][sides["two"].arithmetic]
        limit = best * 1e9 / operations(what)
        rate = {name: side.rate(tokens) for name, side in sides.items()}
        memory = {name: side.close() for name, side in sides.items()}
        for name, side in sides.items():
            threads = 1 if name == "one" else 2
            units = side.arithmetic
            share = rate[name] * operations(what) / (peak[threads][units] * 1e9)
            lines.append([f"{NAMES[what]}: {'fastai' if name == 'fastai' else 'ours'}, {units}, {threads} thread{'s' * (threads > 1)}",
                          f"{rate[name]:.0f}", f"{tokens / min(side.seconds):.0f}", f"{100 * share:.0f} %", f"{memory[name] / 2**20:.0f}"])
        wanted = f"{NAMES[what]}, beside fastai: {WANTED[what]} times"
        if "fastai" not in rate:
            rows.append(Row(wanted, "no fastai", None))
        else:
            ratio = rate["two"] / rate["fastai"]
            bound = "" if has_bf16 else f"; no bf16 here: {limit / rate['fastai']:.2f} at the peak"
            rows.append(Row(wanted, f"{ratio:.2f} times{bound}", ratio >= WANTED[what] if has_bf16 or ratio >= WANTED[what] else None))
        rows.append(Row(f"{NAMES[what]}, two threads against one: {TWO_THREADS} times", f"{rate['two'] / rate['one']:.2f} times",
                        rate["two"] / rate["one"] >= TWO_THREADS))
        if what == "lm":
            share = rate["two"] / limit
            rows.append(Row("share of the peak in a language model's step: 50 %", f"{100 * share:.0f} % of {'bf16' if has_bf16 else 'f32'}", share >= 0.5))
        lines.append([f"{NAMES[what]}: the limit, 2 threads", f"{limit:.0f}", "", "100 %", ""])
    rows += memory_rows()
    text = "\n".join([machine_line(machine()),
                      f"Steps at full size in turns, median of {arguments.rounds}; peak of 1 and 2 cores, GFLOP/s: f32 {peak[1]['f32']:.0f} and {peak[2]['f32']:.0f}, "
                      f"bf16 {peak[1]['bf16']:.0f} and {peak[2]['bf16']:.0f}; `bench/train.py`.", "", rows_table(rows), "",
                      table(["tokens a second", "median", "fastest", "of the peak", "resident MiB"], lines)])
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text + "\n", encoding="utf-8")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
