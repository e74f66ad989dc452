"""What both benchmarks print alike: the machine, tables, and rows that hold or fail.

A figure without machine and commit cannot be compared with a later one, so every report opens with them."""
import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from sets import ROOT


class Row(NamedTuple):
    """One thing that must be reached; `holds` is None where it could not be measured."""
    wanted: str
    figure: str
    holds: bool | None


def git(*words: str) -> str:
    try:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def machine() -> dict[str, object]:
    changed = git("status", "--porcelain", "--untracked-files=no")
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "commit": git("rev-parse", "--short", "HEAD") or "unknown",
        "dirty": bool(changed),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def machine_line(m: dict[str, object]) -> str:
    commit = f"{m['commit']}{' with local changes' if m['dirty'] else ''}"
    return f"{m['date']}, commit {commit}; {m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, Linux {m['kernel']}."


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def percent(share: float | None, digits: int = 1) -> str:
    return "-" if share is None else f"{100 * share:.{digits}f}"


def table(head: list[str], lines: list[list[str]]) -> str:
    """A markdown table, padded so that it reads well as plain text too; the first column to the left."""
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]

    def one(line: list[str]) -> str:
        cells = [cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths))]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths)) + "|"
    return "\n".join([one(head), rule, *map(one, lines)])


def verdict(holds: bool | None) -> str:
    return "NOT MEASURED" if holds is None else "PASS" if holds else "FAIL"


def rows_table(rows: list[Row]) -> str:
    return table(["must reach", "figure", "verdict"], [[row.wanted, row.figure, verdict(row.holds)] for row in rows])


def finish(text: str, data: dict[str, object], rows: list[Row], markdown: Path | None, json_path: Path | None) -> int:
    """Prints and writes a report; 0 only when every row holds."""
    print(text)
    if markdown:
        markdown.write_text(text + "\n", encoding="utf-8")
    if json_path:
        data["rows"] = [{**row._asdict(), "verdict": verdict(row.holds)} for row in rows]
        json_path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if all(row.holds for row in rows) else 1
