#!/usr/bin/env python3
"""Whether an imported model answers as fastai did: every top answer, every probability, and the accuracy of both.

usage: compare.py ANSWERS MODEL.air FOLDER [KERNEL...]      (default kernels: exact, and the best one here, as "")

ANSWERS is the program made of bench/answers.c. FOLDER holds what fastai left: test_probs.npy [cases, labels], ids.txt (a line of
token ids a case) and truth.txt (the number of the right label a line). Needs numpy.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np


def main() -> int:
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    program, model, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    theirs = np.load(folder / "test_probs.npy").astype(np.float64)
    truth = np.array([int(line) for line in (folder / "truth.txt").read_text().split()])
    print(f"{len(theirs)} cases, {theirs.shape[1]} labels; fastai is right in {100 * np.mean(theirs.argmax(1) == truth):.2f} %\n")
    print("| kernel | top answer as fastai's | largest difference of a probability | right |\n|---|---|---|---|")
    for kernel in sys.argv[4:] or ["exact", "avx512", "avx2", "plain"]:
        run = subprocess.run([program, model, str(folder / "ids.txt"), kernel], capture_output=True, text=True)
        if run.returncode != 0:
            print(f"| {kernel} | {run.stderr.strip()} | - | - |")
            continue
        logits = np.array([[float(x) for x in line.split()] for line in run.stdout.splitlines()])
        ours = np.exp(logits - logits.max(1, keepdims=True))
        ours /= ours.sum(1, keepdims=True)
        same = ours.argmax(1) == theirs.argmax(1)
        print(f"| {kernel} | {same.sum()} of {len(same)} ({100 * same.mean():.2f} %) | {np.abs(ours - theirs).max():.2g} "
              f"| {100 * np.mean(ours.argmax(1) == truth):.2f} % |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
