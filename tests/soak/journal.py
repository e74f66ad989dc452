# SPDX-License-Identifier: Apache-2.0
"""doctor reads a log of a gigabyte: the incident's lines now and then among access lines, through a pipe."""
import json
import subprocess
import time

from full import ROOT, peak
from service import PROGRAM

SECONDS_MAX, RESIDENT_MAX, BLOCK = 10, 16 << 20, 1 << 20


def _block():
    """A megabyte of access lines, and one traceback."""
    with open(f"{ROOT}/tests/doctor/logs/incident.log", "rb") as file:
        block = [file.read()]
    size, line = len(block[0]), 0
    while size < BLOCK:
        block.append(b"Dec 11 14:%02d:%02d air-classifier journal: 10.0.0.%d - - [11/Dec] \"POST /classifier/sbr HTTP/1.1\" %d 31\n"
                     % (line // 60 % 60, line % 60, line % 250, 500 if line % 7 == 0 else 200))
        size += len(block[-1])
        line += 1
    return b"".join(block)


def reads(megabytes):
    block = _block()
    begun = time.monotonic()
    with subprocess.Popen([PROGRAM, "doctor", "log", "-", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as doctor:
        for _ in range(megabytes):
            doctor.stdin.write(block)
        doctor.stdin.flush()
        most = peak(doctor.pid, "VmHWM")
        said = json.loads(doctor.communicate()[0])
    seconds = time.monotonic() - begun
    size = megabytes * len(block)
    cause = any("Cannot allocate memory" in json.dumps(finding) for finding in said["findings"])
    return (f"{size / 1e9:.2f} GB in {seconds:.1f} s: {1e9 * seconds / size:.1f} s a GB; resident {most / 2**20:.1f} MiB; the cause "
            f"{'named' if cause else 'NOT named'}", seconds <= SECONDS_MAX * size / 1e9 and most <= RESIDENT_MAX and cause)
