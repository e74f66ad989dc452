#!/usr/bin/env python3
"""The tokenizer beside fastai's rules and spaCy, and two threads beside one, as a section of docs/BENCH.md.

    tokens.py --python VENV/bin/python [--data FOLDER] [--markdown FILE]

The interpreter named has `fastai` and `spacy`; without one the rows that compare say "not measured". Both sides take the
same cases (the six fields joined with their marks), turn about, on one core, and their tokens are compared."""
import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import Row, machine, machine_line, number, rows_table, table
from sets import ROOT

FIELDS = "subject description product version severity origin".split()
SETS = ["openstack-notes", "k8s-sig", "linux-hardening", "it-topic8", "20news", "nlbse24-issues", "stackoverflow-titles"]
PROGRAM = ROOT / "build/air-classifier"

ORIGINAL = """
import json, os, sys, time, warnings
warnings.simplefilter("ignore")
os.environ["OMP_NUM_THREADS"] = "1"
import fastai, spacy
from fastai.text.core import WordTokenizer, tokenize1
texts = open(sys.argv[1], encoding="utf-8", newline="").read().split("\\0")
tokenizer = WordTokenizer("en")
for text in texts[:200]:
    tokenize1(text, tokenizer)
start = time.process_time()
answers = [list(tokenize1(text, tokenizer)) for text in texts]
seconds = time.process_time() - start
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.writelines(json.dumps(a) + "\\n" for a in answers)
print(json.dumps({"seconds": seconds, "tokens": sum(map(len, answers)), "fastai": fastai.__version__, "spacy": spacy.__version__}))
"""


def cases(data: Path, count: int) -> list[str]:
    texts = []
    for name in SETS:
        with open(data / name / "train.csv", encoding="utf-8", newline="") as rows:
            for i, row in enumerate(csv.DictReader(rows)):
                if i == count // len(SETS):
                    break
                texts.append(" ".join(f"xxfld {n} {row[f]}" for n, f in enumerate(FIELDS, 1)).replace("\0", ""))
    return texts


def one_core(command: list[str], **more) -> subprocess.CompletedProcess:
    core = sorted(os.sched_getaffinity(0))[-1]
    return subprocess.run(["taskset", "-c", str(core), *command], check=True, text=True, capture_output=True, **more)


def compare(folder: Path, texts: list[str], python: str | None, rounds: int) -> dict[str, float | str]:
    """Nanoseconds of one core a token of both, the best of some rounds each, and the texts that differ."""
    joined, answers = folder / "texts", folder / "answers"
    joined.write_text("\0".join(texts), encoding="utf-8", newline="")
    archive = ROOT / "build/air-classifier.a"
    libraries = ["-ljansson", "-lxxhash", "-lutf8proc", "-lm", "-pthread"]
    subprocess.run(["cc", "-O2", "-std=gnu17", "-D_GNU_SOURCE", f"-I{ROOT}/src", "-o", folder / "tokens",
                    ROOT / "bench/tokens.c", archive, *libraries], check=True)
    out: dict[str, float | str] = {"ours": float("inf"), "theirs": float("inf")}
    for _ in range(rounds):
        if python:
            said = json.loads(one_core([python, "-c", ORIGINAL, str(joined), str(answers)]).stdout.splitlines()[-1])
            out["theirs"] = min(out["theirs"], said["seconds"] * 1e9 / said["tokens"])
            out["versions"] = f"fastai {said['fastai']}, spaCy {said['spacy']}"
        figures = one_core([str(folder / "tokens"), str(joined), "3"]).stdout.split()
        out["tokens"] = int(figures[1])
        out["ours"] = min(out["ours"], float(figures[2]))
    if python:
        lines = "".join(json.dumps({"text": t}) + "\n" for t in texts)
        ours = subprocess.run([PROGRAM, "tokenize"], input=lines, text=True, encoding="utf-8", capture_output=True, check=True).stdout
        with open(answers, encoding="utf-8") as theirs:
            out["differ"] = sum(json.loads(a) != json.loads(b) for a, b in zip(ours.split("\n"), theirs, strict=False))
    return out


def threads(folder: Path, texts: list[str], count: int, rounds: int) -> list[float]:
    """Seconds for a file of `count` cases with one thread and with two, the best of some rounds, turn about."""
    source = folder / "cases.jsonl"
    with open(source, "w", encoding="utf-8") as out:
        for i in range(count):
            out.write(json.dumps({"text": texts[i % len(texts)]}, ensure_ascii=False) + "\n")
    best = [float("inf")] * 2
    for _ in range(rounds):
        for n in (1, 2):
            start = time.perf_counter()
            with open(folder / f"out{n}", "wb") as target:
                subprocess.run([PROGRAM, "tokenize", "--threads", str(n), source], stdout=target, stderr=subprocess.DEVNULL, check=True)
            best[n - 1] = min(best[n - 1], time.perf_counter() - start)
    assert (folder / "out1").read_bytes() == (folder / "out2").read_bytes()
    return best


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--python", help="an interpreter with fastai and spacy")
    options.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    options.add_argument("--markdown", type=Path)
    options.add_argument("--cases", type=int, default=7000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    texts = cases(given.data, given.cases)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speed = compare(folder, texts, given.python, max(1, given.rounds // 2))
        one, two = threads(folder, texts, 100_000, given.rounds)
    measured = given.python is not None
    ratio = speed["theirs"] / speed["ours"]
    rows = [
        Row("one core, beside fastai's rules + spaCy: 100 times", f"{number(ratio, 0)} times" if measured else "-", ratio >= 100 if measured else None),
        Row("the same tokens", f"{speed['differ']} of {len(texts)} texts differ" if measured else "-", speed["differ"] == 0 if measured else None),
        Row("two threads over 100,000 cases, files included: 1.8 times", f"{number(one / two, 2)} times", one / two >= 1.8),
    ]
    lines = [["token_one", number(speed["ours"], 1)]]
    if measured:
        lines.append([speed["versions"], number(speed["theirs"], 0)])
    text = "\n".join([
        machine_line(machine()),
        f"{len(texts)} cases of {len(SETS)} sets, {speed['tokens']} tokens; `bench/tokens.py`.", "",
        rows_table(rows), "", table(["one core", "ns a token"], lines), "",
        table(["`tokenize`, 100,000 cases", "seconds"], [["1 thread", number(one, 2)], ["2 threads", number(two, 2)]]), ""])
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if all(row.holds is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
