#!/usr/bin/env python3
"""Whether imported models answer as fastai did, text by text, exactly and in small integers; and what the latter cost.

    DATA=FOLDER-OF-SETS parity.py [--program FILE] [--markdown FILE] [--json FILE] MODEL...

Each MODEL is a folder that ../shared/peers/ulmfit_baseline.py made: weights, vocabulary, labels, and fastai's own answers, one text at a
time, to the test half of the set that the folder is named after (`SET-1`: its first model). Each is imported with the exact weights, and
the same cases are answered from their text by `predict`.
"""
import argparse
import ast
import json
import os
import struct
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import program
import report
import sets
from report import Row

FIELDS = ("subject", "description", "product", "version", "severity", "origin")


def read_npy(path: Path) -> list[list[float]]:
    """A matrix of f32, as numpy.save writes it."""
    data = path.read_bytes()
    length, = struct.unpack_from("<H", data, 8)
    head = ast.literal_eval(data[10:10 + length].decode("latin-1"))
    if data[:6] != b"\x93NUMPY" or data[6] != 1 or head["descr"] != "<f4" or head["fortran_order"]:
        raise SystemExit(f"{path} is not a matrix of little-endian f32")
    rows, columns = head["shape"]
    flat = struct.unpack_from(f"<{rows * columns}f", data, 10 + length)
    return [list(flat[r * columns:(r + 1) * columns]) for r in range(rows)]


def import_model(args: argparse.Namespace, folder: Path, train: Path, to: Path) -> None:
    """With the fields that fastai joined: those that are not empty throughout."""
    cases = sets.read(train)
    fields = [name for name in FIELDS if any(case.get(name) for case in cases)]
    program.run([args.program, "import", "--exact", "-o", to, folder / "models" / "classifier.pth", "--vocab", folder / "vocab.json",
                 "--labels", folder / "labels.json", "--fields", ",".join(fields)])


def answers(args: argparse.Namespace, model: Path, cases: Path, labels: list[str], *options: str) -> list[list[float]]:
    said = program.run([args.program, "predict", "--probabilities", *options, model, cases])
    return [[json.loads(line)["probabilities"][label] for label in labels] for line in said.splitlines()]


class Compared(NamedTuple):
    """One model: its cases, how many answers agree, and how many are right."""
    name: str
    cases: int
    exact_equal: int
    exact_apart: float
    small_equal: int
    small_apart: float
    fastai_right: int
    exact_right: int
    small_right: int


def top(row: list[float]) -> int:
    return max(range(len(row)), key=row.__getitem__)


def equal(a: list[list[float]], b: list[list[float]]) -> int:
    return sum(top(x) == top(y) for x, y in zip(a, b))


def apart(a: list[list[float]], b: list[list[float]]) -> float:
    return max(abs(x - y) for row, other in zip(a, b) for x, y in zip(row, other))


def compare(args: argparse.Namespace, folder: Path, scratch: Path) -> Compared:
    print(folder.name, file=sys.stderr, flush=True)
    name = folder.name.rpartition("-")[0]
    train, test = (args.data / name / f"{half}.csv" for half in ("train", "test"))
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    fastai, model = read_npy(folder / "test_probs.npy"), scratch / "model.air"
    import_model(args, folder, train, model)
    exact = answers(args, model, test, labels, "--kernel", "exact")
    small = answers(args, model, test, labels)
    truth = sets.labels(sets.read(test))
    if not len(fastai) == len(exact) == len(small) == len(truth):
        raise SystemExit(f"{folder}: {len(fastai)} answers of fastai's for {len(truth)} cases of {test}")
    right = [sum(labels[top(row)] == label for row, label in zip(rows, truth)) for rows in (fastai, exact, small)]
    return Compared(folder.name, len(truth), equal(exact, fastai), apart(exact, fastai), equal(small, exact), apart(small, exact), *right)


def judge(found: list[Compared]) -> list[Row]:
    def total(field: str) -> int:
        return sum(getattr(one, field) for one in found)

    cases, furthest = total("cases"), max(one.exact_apart for one in found)
    agree, lost = total("small_equal") / cases, 100 * (total("exact_right") - total("small_right")) / cases
    return [
        Row("f32: every top answer is fastai's", f"{total('exact_equal')} of {cases}", total("exact_equal") == cases),
        Row("f32: probabilities within 1e-4 of fastai's", f"{furthest:.1e}", furthest <= 1e-4),
        Row("int8: top answer that of f32: at least 99.5 %", f"{100 * agree:.2f} %", agree >= 0.995),
        Row("int8: accuracy lost, over all sets: at most 0.1 point", f"{lost:.2f} points", lost <= 0.1),
    ]


def details(found: list[Compared]) -> str:
    head = ["model", "cases", "f32 = fastai", "apart", "int8 = f32", "apart", "right: fastai", "f32", "int8"]
    return report.table(head, [
        [one.name, str(one.cases), str(one.exact_equal), f"{one.exact_apart:.1e}", str(one.small_equal), f"{one.small_apart:.1e}",
         str(one.fastai_right), str(one.exact_right), str(one.small_right)] for one in found])


def main() -> int:
    parser = argparse.ArgumentParser(description="imported models beside fastai's own answers")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--program", type=Path, default=program.PROGRAM)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.data = Path(os.environ.get("DATA", sets.DATA))
    with tempfile.TemporaryDirectory(prefix="bench-parity-") as scratch:
        try:
            found = [compare(args, folder, Path(scratch)) for folder in args.models]
        except program.Failed as failure:
            raise SystemExit(str(failure)) from None
    rows, machine = judge(found), report.machine()
    data = {"machine": machine, "models": [one._asdict() for one in found]}
    text = "\n\n".join([report.machine_line(machine), report.rows_table(rows), details(found)])
    return report.finish(text, data, rows, args.markdown, args.json)


if __name__ == "__main__":
    sys.exit(main())
