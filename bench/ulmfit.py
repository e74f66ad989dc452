#!/usr/bin/env python3
"""ULMFiT's model alone, full size, random weights: ours beside ONNX Runtime's dynamic int8, in turns.

usage: ulmfit.py LSTM ONNX [--tokens 185] [--rounds 12] > SECTION.md

LSTM is the program made of bench/lstm.c; ONNX is the file for the quantised model, exported from PyTorch where it is missing
(needs torch, onnx and onnxruntime). Both are asked in turns, a few cases at a time, because what else runs on the machine changes from
second to second: the ratio of medians is what counts, the fastest round says what the processor can do.
"""
import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import report

VOCAB, WIDTH, HIDDEN, CLASSES = 60000, 400, 1152, 12
THREADS = (1, 2)
BATCHES = (2, 4, 8, 16, 32)


def export(path: str, tokens: int) -> None:
    """The LSTM stack and head as a PyTorch user would write them, in ONNX Runtime's dynamic int8."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class Stack(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = ((WIDTH, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, WIDTH))
            self.embedding = torch.nn.Embedding(VOCAB, WIDTH)
            self.layers = torch.nn.ModuleList(torch.nn.LSTM(i, o, batch_first=True) for i, o in sizes)
            self.head = torch.nn.Sequential(torch.nn.Linear(3 * WIDTH, 50), torch.nn.ReLU(), torch.nn.Linear(50, CLASSES))

        def forward(self, ids: "torch.Tensor") -> "torch.Tensor":
            y = self.embedding(ids)
            for layer in self.layers:
                y, _ = layer(y)
            return self.head(torch.cat([y[:, -1], y.max(1)[0], y.mean(1)], 1))

    torch.manual_seed(0)
    model, ids = Stack().eval(), torch.randint(0, VOCAB, (1, tokens))
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        plain = os.path.join(folder, "stack.onnx")
        torch.onnx.export(model, (ids,), plain, input_names=["x"], output_names=["y"], dynamic_axes={"x": {1: "T"}}, dynamo=False)
        quantize_dynamic(plain, path + ".new", weight_type=QuantType.QInt8)
    os.replace(path + ".new", path)


class Onnx:
    def __init__(self, path: str, tokens: int) -> None:
        import numpy
        import onnxruntime
        self.ids = numpy.random.default_rng(0).integers(0, VOCAB, (1, tokens))
        self.sessions = {}
        for threads in THREADS:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            self.sessions[threads] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def ms(self, threads: int) -> float:
        start = time.perf_counter()
        self.sessions[threads].run(None, {"x": self.ids})
        return (time.perf_counter() - start) * 1e3


class Ours:
    def __init__(self, program: str, tokens: int) -> None:
        self.child = subprocess.Popen([program, str(tokens)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ms(self, threads: int, cases: int = 1) -> float:
        self.child.stdin.write(f"{threads} {cases} 1\n")
        self.child.stdin.flush()
        return float(self.child.stdout.readline().split()[0])

    def close(self) -> None:
        self.child.stdin.close()
        self.child.wait()


def processor() -> str:
    with open("/proc/cpuinfo", encoding="ascii") as lines:
        fields = dict(line.split(":", 1) for line in lines.read().split("\n\n")[0].splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    return f"{fields.get('model name', platform.machine())} (family {fields.get('cpu family')}, model {fields.get('model')}), {os.cpu_count()} cores"


def measure(ours: Ours, onnx: Onnx, rounds: int) -> dict[tuple[str, int], list[float]]:
    """A round: each stack answers three cases with each number of threads, and the first of them is not counted."""
    times: dict[tuple[str, int], list[float]] = {(name, threads): [] for name in ("onnx", "ours") for threads in THREADS}
    for _ in range(rounds):
        for threads in THREADS:
            for name, ask in (("onnx", onnx.ms), ("ours", ours.ms)):
                times[name, threads] += [ask(threads) for _ in range(3)][1:]
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lstm")
    parser.add_argument("onnx")
    parser.add_argument("--tokens", type=int, default=185)
    parser.add_argument("--rounds", type=int, default=12)
    arguments = parser.parse_args()
    if not os.path.exists(arguments.onnx):
        export(arguments.onnx, arguments.tokens)
    ours, onnx = Ours(arguments.lstm, arguments.tokens), Onnx(arguments.onnx, arguments.tokens)
    load = os.getloadavg()[0]
    times = measure(ours, onnx, arguments.rounds)
    print(f"{report.machine_line(report.machine())}\n{arguments.tokens} tokens, vocabulary {VOCAB}, {WIDTH}/{HIDDEN}/3 layers, random weights; "
          f"{processor()}; load {load:.1f} at the start; ms, median of {2 * arguments.rounds} taken in turns (fastest).\n")
    print("| threads | ONNX Runtime int8 | ours int8 | sooner, by medians (by the fastest) |\n|---|---|---|---|")
    for threads in THREADS:
        peer, own = times["onnx", threads], times["ours", threads]
        middle = statistics.median(peer), statistics.median(own)
        print(f"| {threads} | {middle[0]:.1f} ({min(peer):.1f}) | {middle[1]:.1f} ({min(own):.1f}) "
              f"| {middle[0] / middle[1]:.2f} ({min(peer) / min(own):.2f}) |")
    print("\nSeveral cases in one pass, cases a second by the fastest of 3:\n")
    print("| threads | " + " | ".join(f"{n} cases" for n in BATCHES) + " |\n|" + "---|" * (len(BATCHES) + 1))
    for threads in THREADS:
        best = [min(ours.ms(threads, cases) for _ in range(3)) for cases in BATCHES]
        print(f"| {threads} | " + " | ".join(f"{cases / ms * 1e3:.0f}" for cases, ms in zip(BATCHES, best)) + " |")
    ours.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
