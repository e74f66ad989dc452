# SPDX-License-Identifier: Apache-2.0
"""What the rows share: a full-size ensemble (ULMFiT of 60,000 words with random weights, the linear member of share/cases), the plan, the
memory of a process."""
import csv
import glob
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "service"), os.path.join(ROOT, "bench")]

import ulmfit_http  # noqa: E402  (bench: writes weights as fastai does)
from service import FOLDER, PROGRAM  # noqa: E402

VOCAB = 60_000
WORDS = ["yum", "update", "fails", "with", "error", "the", "node", "does", "not", "start", "after", "reboot", "disk", "full",
         "on", "cluster", "and", "login", "password", "kernel", "panic", "at", "boot", "volume", "mount", "ipa", "sssd", "pod"]
CASES = sorted(glob.glob(os.path.join(ROOT, "share", "cases", "*.csv")))


def _run(*command):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def linear():
    path = Path(FOLDER, "bundled.air")
    if not path.exists():
        _run(PROGRAM, "train", "--member", "linear", "-o", path, *CASES)
    return path


def ensemble():
    path = Path(FOLDER, "ensemble.air")
    if path.exists():
        return path
    weights, vocab, labels, network = (Path(FOLDER, name) for name in
                                       ("full.safetensors", "full-vocab.json", "full-labels.json", "full.air"))
    names = sorted({row["sbr"] for file in CASES for row in csv.DictReader(open(file, encoding="utf-8"))})
    assert len(names) == ulmfit_http.CLASSES
    ulmfit_http.write_weights(weights)
    words = ulmfit_http.SPECIALS + WORDS
    words += [f"word{number}" for number in range(VOCAB - len(words))]
    vocab.write_text(json.dumps(words), encoding="utf-8")
    labels.write_text(json.dumps(names), encoding="utf-8")
    _run(PROGRAM, "import", "-o", network, weights, "--vocab", vocab, "--labels", labels)
    _run(PROGRAM, "train", "--with", network, "-o", path, *CASES)
    for file in (weights, vocab, labels, network):
        file.unlink()
    return path


def plan(file, *options):
    done = subprocess.run([PROGRAM, "serve", "--plan", "--json", file, *options], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def peak(pid, name):
    """Bytes of a line of /proc/PID/status, VmHWM or VmPeak."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(name + r":\s+(\d+) kB", file.read())[1]) * 1024
