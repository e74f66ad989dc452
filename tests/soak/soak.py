#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Long proofs that the service holds: a row each of what must be, how much of it, and who measures.

usage: soak.py [--share 1.0] [--record docs/BENCH.md] [ROW...]

`--share 0.1` does a tenth of each row. What was seen is recorded row by row, and other rows stay as they are, so that one can be measured
anew without the hours of all; each tells its own date, machine and commit. Exit status 0 only where no row asked for failed. PEERS_VENV names a virtual environment with
fastai and Flask for the row of the incident's service; limits of groups and a read-only root need root.
"""
import argparse
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import full  # first: it finds tests/service and bench
import crowd
import ends
import incident
import journal
import memory
import overload
import rate
import reloads
import report
import section

ROWS = {  # name: what must hold, how much of it, who measures: (figure, whether it holds, None where it cannot be measured)
    "incident": ("a full-size ensemble in 64 MiB under every refusal at once: all 200, no kill", 100_000, incident.answers),
    "below": ("the same, limits 10 % below the plan: refused before listening, with the number", 1, incident.below),
    "flask": ("the incident's Flask service where fork is refused: 500", 20, incident.flask),
    "memory": ("anonymous memory after 1,000,000 requests within 64 KiB of that after 1,000", 1_000_000, memory.stays),
    "reload": ("1,000 reloads of the linear member under load: none failed, memory flat and within the plan", 1000, reloads.linear),
    "reload-ulmfit": ("the same with ULMFiT", 1000, reloads.ulmfit),
    "crowd": ("10,000 idle or byte-a-second connections, half of them answered once: p99 of honest clients at most doubled", 10_000, crowd.honest_beside),
    "overload": ("3 times the load: goodput 90 % of capacity, p99 within the deadline", 20, overload.borne),
    "fault": ("a fault in any member: not ready, no watchdog, live; cured: ready", 5, ends.fault),
    "drain": ("SIGTERM at full load: nothing lost, exit status 0 within the drain time", 5, ends.drain),
    "rate": ("40,000 requests a second by one thread, linear member, and 40 % of libmicrohttpd's bare echo", 5, rate.beside_an_echo),
    "bits": ("a case by command, HTTP, a batch of 64, one and two threads: the same bits", 640, rate.bits),
    "journal": ("doctor reads a log of 1 GB: at most 10 s a GB, 16 MiB resident", 1000, journal.reads),
}


def measure(name, share):
    """The verdict, and a sentence of a list: too long for a table."""
    wanted, whole, ask = ROWS[name]
    begun = time.monotonic()
    figure, holds = ask(max(1, int(whole * share)))
    print(f"{name}: {figure}: {report.verdict(holds)}", flush=True)
    machine = report.machine()
    text = (f"**{name}**, {report.verdict(holds)}: {wanted}. {figure} ({time.monotonic() - begun:.0f} s; {machine['date']}, {program_commit()}, "
            f"{machine['cpu']}, {machine['cores']} cores)")
    return holds, textwrap.fill(text, 150, initial_indent="- ", subsequent_indent="  ")


def program_commit():
    """What the program under test was built from, whatever has been committed since."""
    page = subprocess.run([full.PROGRAM, "help", "--man"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.search(r'"air-classifier (\S+)"', page)[1]


def record(path, name, item):
    """In its place among the rows that the section of the file has already."""
    text = path.read_text(encoding="utf-8")
    old = text.partition("<!-- bench:soak begin -->")[2].partition("<!-- bench:soak end -->")[0]
    items = {found[1]: part.strip() for part in re.split(r"\n(?=- )", old) if (found := re.match(r"- \*\*(\S+)\*\*", part.strip()))}
    items[name] = item
    path.write_text(section.replaced(text, "soak", "\n".join(items[row] for row in ROWS if row in items)), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of each row's length")
    parser.add_argument("--record", type=Path, help="the file whose section gets the rows")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    args = parser.parse_args()
    if unknown := [name for name in args.rows if name not in ROWS]:
        parser.error(f"no row is called {', '.join(unknown)}")
    right = True
    for name in args.rows or ROWS:
        holds, item = measure(name, args.share)
        right = right and holds is not False
        if args.record:
            record(args.record, name, item)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
