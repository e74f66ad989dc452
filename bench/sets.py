"""Reads the labelled sets in one place, so that every measured classifier sees the same rows and the same text."""
import csv
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
OOS_SET, OOS_LABEL = "clinc150-oos", "oos"

Case = dict[str, str]


def folders(data: Path, names: str = "") -> list[Path]:
    """The sets under `data`, all or those in the comma-separated `names`."""
    found = sorted(path.parent for path in data.glob("*/test.csv") if (path.parent / "train.csv").exists())
    if not names:
        wanted = found
    else:
        by_name = {folder.name: folder for folder in found}
        unknown = [name for name in names.split(",") if name not in by_name]
        if unknown:
            raise SystemExit(f"no such set under {data}: {', '.join(unknown)}")
        wanted = [by_name[name] for name in names.split(",")]
    if not wanted:
        raise SystemExit(f"no folder with train.csv and test.csv under {data}")
    return wanted


def read(path: Path) -> list[Case]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, cases: list[Case]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, fieldnames=list(cases[0]))
        out.writeheader()
        out.writerows(cases)


def texts(cases: list[Case]) -> list[str]:
    return [case["subject"] + " " + case["description"] for case in cases]


def labels(cases: list[Case]) -> list[str]:
    return [case["sbr"] for case in cases]


def split_oos(cases: list[Case]) -> tuple[list[Case], list[Case]]:
    """The cases of a known label, and those of none."""
    return ([case for case in cases if case["sbr"] != OOS_LABEL], [case for case in cases if case["sbr"] == OOS_LABEL])


def digest(folder: Path) -> str:
    """Names the rows that a stored figure was measured on."""
    return hashlib.sha256((folder / "train.csv").read_bytes() + (folder / "test.csv").read_bytes()).hexdigest()[:16]
