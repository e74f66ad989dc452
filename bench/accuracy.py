#!/usr/bin/env python3
"""Judges the classifier on every labelled set, beside its peers on the same rows in the same run.

A stored score says nothing about today's rows, versions or settings, so the peers are measured again each time; a cache of their
figures is for the impatient and marked as such. Abstaining is judged against what the best single threshold could have done with the
answers known: that bound, unlike a wished-for coverage, is fair to sets where nobody could do well.
"""
import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import measures
import peers
import program
import report
import sets
from report import Row, number, percent

TARGET = 0.9          # the precision that train's thresholds aim at
SMALL = 500           # sets with fewer test cases are judged in cases, not in points
EPS = 1e-9
Result = dict[str, object]


def answers(args: argparse.Namespace, model: Path, file: Path, cases: list[sets.Case]) -> list[dict]:
    """The program's lines for a file, checked for order; a refused case counts as abstained and wrong."""
    lines = program.predict(args.program, model, file)
    if [line["case_number"] for line in lines] != [case["case_number"] for case in cases]:
        raise program.Failed("predict did not answer line by line")
    refused = {"predicted_sbr": None, "confidence": 0.0, "abstained": True}
    for line in lines:
        if "error" in line:
            line.update(refused)
        elif abs(line["probabilities"][line["predicted_sbr"]] - line["confidence"]) > 1e-3:
            raise program.Failed(f"case {line['case_number']}: the confidence is not the probability of the answer")
    return lines


def measure(args: argparse.Namespace, folder: Path) -> Result:
    """Trains and predicts one set."""
    test = sets.read(folder / "test.csv")
    truth = sets.labels(test)
    with tempfile.TemporaryDirectory(prefix="bench-accuracy-") as scratch:
        model = Path(scratch) / "model.air"
        seconds = program.train(args.program, model, folder / "train.csv", args.member)
        lines = answers(args, model, folder / "test.csv", test)
        size = model.stat().st_size
    guess = [line["predicted_sbr"] for line in lines]
    confidence = [line["confidence"] for line in lines]
    right = [t == g for t, g in zip(truth, guess)]
    answered = [r for r, line in zip(right, lines) if not line["abstained"]]
    return {
        "cases": len(test),
        "refused": sum("error" in line for line in lines),
        "correct": sum(right),
        "accuracy": sum(right) / len(test),
        "macro_f1": measures.macro_f1(truth, guess),
        "ece": measures.calibration_error(confidence, right),
        "answered": len(answered),
        "answered_right": sum(answered),
        "precision": sum(answered) / len(answered) if answered else None,
        "coverage": len(answered) / len(test),
        "oracle_coverage": measures.oracle_coverage(confidence, right, TARGET),
        "model_bytes": size,
        "train_seconds": seconds,
    }


def measure_oos(args: argparse.Namespace, folder: Path) -> Result:
    """Trains on the known labels alone and looks whether confidence tells out-of-scope queries apart."""
    train, _ = sets.split_oos(sets.read(folder / "train.csv"))
    test = sets.read(folder / "test.csv")
    with tempfile.TemporaryDirectory(prefix="bench-oos-") as scratch:
        model, cases = Path(scratch) / "model.air", Path(scratch) / "train.csv"
        sets.write(cases, train)
        program.train(args.program, model, cases, args.member)
        lines = answers(args, model, folder / "test.csv", test)
    inside = [(line, case) for line, case in zip(lines, test) if case["sbr"] != sets.OOS_LABEL]
    outside = [line["confidence"] for line, case in zip(lines, test) if case["sbr"] == sets.OOS_LABEL]
    return {
        "rejected": measures.rejected_share([line["confidence"] for line, _ in inside], outside),
        "in_scope_accuracy": sum(line["predicted_sbr"] == case["sbr"] for line, case in inside) / len(inside),
    }


def peers_of(folder: Path, cache: dict[str, dict]) -> Result:
    """The peers' figures of this run, or those stored for exactly these rows."""
    stored = cache.get(folder.name)
    if stored and stored["data"] == sets.digest(folder):
        return {**stored, "cached": True}
    return peers.measure(folder)


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def versus_peers(ours: dict[str, Result], others: dict[str, Result]) -> list[Row]:
    def means(peer: str) -> tuple[float, float] | None:
        if not ours or not all(peer in others.get(name, {}) for name in ours):
            return None
        return mean([r["accuracy"] for r in ours.values()]), mean([others[name][peer]["accuracy"] for name in ours])

    def mean_row(wanted: str, peer: str, enough) -> Row:
        pair = means(peer)
        return Row(wanted, f"{percent(pair[0], 2)} against {percent(pair[1], 2)} %" if pair else "-", enough(*pair) if pair else None)

    behind = {name: others[name]["svc"]["correct"] - r["correct"] for name, r in ours.items() if "svc" in others.get(name, {})}
    points = {name: behind[name] / ours[name]["cases"] for name in behind if ours[name]["cases"] >= SMALL}
    cases = {name: behind[name] for name in behind if ours[name]["cases"] < SMALL}
    whole = bool(ours) and len(behind) == len(ours)

    def worst_row(wanted: str, gaps: dict[str, float], limit: float, show) -> Row:
        if not whole or not gaps:
            return Row(wanted, "-", None)
        worst = max(gaps, key=gaps.get)
        over = ", ".join(f"{name} {show(gap)}" for name, gap in gaps.items() if gap > limit + EPS)
        return Row(wanted, over or f"{worst} {show(gaps[worst])}", not over)

    return [
        mean_row("mean accuracy not below LinearSVC's", "svc", lambda a, b: a >= b - EPS),
        worst_row(f"no set of {SMALL} or more cases over 0.5 point below LinearSVC", points, 0.005,
                  lambda gap: f"{0 - 100 * gap:+.2f} points"),
        worst_row(f"no set under {SMALL} cases over 2 cases below LinearSVC", cases, 2, lambda gap: f"{-gap:+d} cases"),
        mean_row("mean accuracy above fastText's", "fasttext", lambda a, b: a > b),
    ]


def on_its_own(ours: dict[str, Result], oos: Result | None) -> list[Row]:
    replied = {name: r for name, r in ours.items() if r["answered"]}
    silent = [name for name in ours if name not in replied]
    beside = f"; no answer on {', '.join(silent)}, left out" if silent else ""
    ece = mean([r["ece"] for r in ours.values()])
    precision = mean([r["precision"] for r in replied.values()])
    low = [f"{name} {percent(r['precision'])} of {r['answered']}" for name, r in replied.items()
           if measures.wilson(r["answered_right"], r["answered"])[1] < TARGET]
    coverage, oracle = (sum(r[key] for r in ours.values()) for key in ("coverage", "oracle_coverage"))
    return [
        Row("out-of-scope queries rejected where 90 % of the others are answered: 90 %",
            f"{percent(oos['rejected'])} %" if oos else "-", oos["rejected"] >= 0.9 if oos else None),
        Row("mean calibration error at most 0.05", number(ece, 4), None if ece is None else ece <= 0.05),
        Row("mean precision at least 0.89", number(precision, 4) + beside, None if precision is None else precision >= 0.89),
        Row("precision of each set not under 0.9 by more than its 95 % interval",
            (", ".join(low) or f"{len(replied)} of {len(replied)} sets") + beside, not low if replied else None),
        Row("coverage at least 80 % of the best single threshold's",
            f"{percent(coverage / oracle)} % ({coverage:.3f} of {oracle:.3f})" if oracle else "-",
            coverage / oracle >= 0.8 if oracle else None),
    ]


def judge(ours: dict[str, Result], others: dict[str, Result], oos: Result | None, failures: dict[str, str]) -> list[Row]:
    tried = len(ours.keys() | failures.keys())
    return [Row("every set trained and predicted", f"{tried - len(failures)} of {tried} sets", not failures),
            *versus_peers(ours, others), *on_its_own(ours, oos)]


def render(data: dict, rows: list[Row]) -> str:
    """The whole report as markdown."""
    ours, others = data["sets"], data["peers"]
    quality, cost = [], []
    for name, r in ours.items():
        other = others.get(name, {})
        svc, fasttext = other.get("svc", {}), other.get("fasttext", {})
        star = "*" if other.get("cached") else ""
        quality.append([name, str(r["cases"])] + [cell for key in ("accuracy", "macro_f1") for cell in
                       (percent(r[key]), percent(svc.get(key)) + star, percent(fasttext.get(key)) + star)])
        cost.append([name, number(r["ece"], 3), percent(r["precision"]), percent(r["coverage"]), percent(r["oracle_coverage"]),
                     number(r["model_bytes"] / 2**20, 1), number(r["train_seconds"], 1),
                     number(svc.get("fit_seconds"), 1) + star, number(fasttext.get("fit_seconds"), 1) + star])
    quality.append(["mean", ""] + [percent(mean_of(ours, others, peer, key)) for key in ("accuracy", "macro_f1")
                                   for peer in ("", "svc", "fasttext")])
    parts = [report.machine_line(data["machine"])]
    if data["member"]:
        parts.append(f"Trained with `--member {data['member']}`.")
    if data["subset"]:
        parts.append("Some of the sets only: the rows below are judged on these.")
    parts.append(report.table(["set", "test", "acc.", "SVC", "fastText", "F1", "SVC", "fastText"], quality))
    parts.append(report.table(["set", "ECE", "precision", "coverage", "oracle", "MiB", "train s", "SVC s", "fastText s"], cost))
    if any(other.get("cached") for other in others.values()):
        parts.append(f"\\* from a stored run: {report.machine_line(data['cache_machine'])}")
    parts.append("SVC: TF-IDF (words and characters) and LinearSVC. F1: the mean over labels. Precision and coverage: of the "
                 "answers not abstained. Oracle: the coverage of the one threshold that would have been best for these test "
                 "cases at 90 % precision.")
    refused = {name: r["refused"] for name, r in ours.items() if r["refused"]}
    if refused:
        parts.append("Refused cases, counted as wrong: " + ", ".join(f"{name} {n}" for name, n in refused.items()) + ".")
    if data["oos"]:
        lines = [["air-classifier", percent(data["oos"]["rejected"]), percent(data["oos"]["in_scope_accuracy"])]]
        other = others.get(sets.OOS_SET, {})
        if "svc_oos" in other:
            lines.append(["LinearSVC" + ("*" if other.get("cached") else ""), percent(other["svc_oos"]["rejected"]),
                          percent(other["svc_oos"]["in_scope_accuracy"])])
        parts.append(f"`{sets.OOS_SET}`, trained without out-of-scope queries, at the threshold that answers 90 % of the others:\n\n"
                     + report.table(["", "out-of-scope rejected, %", "in-scope accuracy, %"], lines))
    for name, reason in data["failures"].items():
        parts.append(f"`{name}`: {reason}")
    parts.append(report.rows_table(rows))
    return "\n\n".join(parts)


def mean_of(ours: dict[str, Result], others: dict[str, Result], peer: str, key: str) -> float | None:
    found = [others.get(name, {}).get(peer) if peer else r for name, r in ours.items()]
    return None if None in found else mean([one[key] for one in found])


def main() -> int:
    parser = argparse.ArgumentParser(description="accuracy, calibration and abstention on the labelled sets, beside peers")
    parser.add_argument("--data", type=Path, default=sets.DATA, help="the folder of the sets")
    parser.add_argument("--sets", default="", metavar="A,B", help="only these sets")
    parser.add_argument("--program", type=Path, default=program.PROGRAM)
    parser.add_argument("--member", default="", help="train this member only")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--peers-cache", type=Path, help="figures of peers.py --json; sets it lacks are measured")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    if not shutil.which(args.program):
        raise SystemExit(f"{args.program} is not there: run `make` first")

    stored = json.loads(args.peers_cache.read_text(encoding="utf-8")) if args.peers_cache else {}
    data: dict = {"machine": report.machine(), "cache_machine": stored.get("machine"), "member": args.member, "subset": bool(args.sets),
                  "sets": {}, "peers": {}, "oos": None, "failures": {}}
    for folder in sets.folders(args.data, args.sets):
        print(f"{folder.name} ...", file=sys.stderr, flush=True)
        try:
            data["sets"][folder.name] = measure(args, folder)
            if folder.name == sets.OOS_SET:
                data["oos"] = measure_oos(args, folder)
        except (program.Failed, ValueError, KeyError) as failure:
            data["failures"][folder.name] = f"{type(failure).__name__}: {failure}"
        if not args.no_peers:
            data["peers"][folder.name] = peers_of(folder, stored.get("peers", {}))
    rows = judge(data["sets"], data["peers"], data["oos"], data["failures"])
    return report.finish(render(data, rows), data, rows, args.markdown, args.json)


if __name__ == "__main__":
    sys.exit(main())
