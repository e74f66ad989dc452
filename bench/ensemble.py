#!/usr/bin/env python3
"""Both members and their blend on labelled sets, learnt by `train` and asked for the test half; beside fastai's ULMFiT where that was learnt.

    DATA=FOLDER-OF-SETS ensemble.py [--sets A,B] [--size small] [--recipe own] [--member ulmfit] [--seeds 1] [--more SET:2,3] [--init LM] [--smoothing SHARE] [--shots N] [--baselines FILE]

FILE holds the lines that ../shared/peers/ulmfit_baseline.py prints, one a set and seed. With --shots only so many cases of each label are
learnt from (the first of a shuffle), which shows what --init, a language model of other texts, is worth. Models are kept under build/bench
and learnt only where there is none of the same options: a long run may be stopped and goes on.
"""
import argparse
import json
import os
import random
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import program
import report
import sets
from report import Row

MEMBERS = ("linear", "ulmfit")
MEAN_GAIN, WORST_GAIN = 0.5, -0.3
SIZES = range(1000, 15001)  # cases a set has, to be judged by
# TF-IDF and LinearSVC, accuracy on the test half (../shared/data/README.md): of sets on which ULMFiT alone is held against them.
LINEAR_SVC = {"trec6": 88.8, "banking77": 90.9, "openstack-notes": 85.7, "20news": 83.4}
SVC_AHEAD = 3.0
SHOTS_SEED = 1


class Seen(NamedTuple):
    set: str
    seed: int
    train: int
    test: int
    accuracy: dict[str, float]  # by member, and "blend"; in percent
    seconds: float


def few(cases: list[sets.Case], shots: int) -> list[sets.Case]:
    """At most so many of each label."""
    left: dict[str, int] = {}
    taken = []
    for case in random.Random(SHOTS_SEED).sample(cases, len(cases)):
        if left.setdefault(case["sbr"], shots) > 0:
            left[case["sbr"]] -= 1
            taken.append(case)
    return taken


def learn(args: argparse.Namespace, folder: Path, seed: int) -> tuple[Path, Path, float]:
    """The model, what it has learnt from, and the seconds it took."""
    parts = [folder.name, args.size, args.recipe, args.member, args.init and Path(args.init).stem, args.smoothing and f"smooth{args.smoothing}", args.shots and f"{args.shots}-shots", str(seed)]
    name = "-".join(filter(None, parts))
    args.scratch.mkdir(parents=True, exist_ok=True)
    model, took = args.scratch / f"{name}.air", args.scratch / f"{name}.json"
    train = folder / "train.csv"
    if args.shots:
        train = args.scratch / f"{folder.name}-{args.shots}.csv"
        sets.write(train, few(sets.read(folder / "train.csv"), args.shots))
    if not took.exists():
        options = ["--size", args.size] if not args.init else ["--init", args.init]
        if args.threads:
            options += ["--threads", str(args.threads)]
        if args.smoothing:
            options += ["--smoothing", args.smoothing]
        seconds = program.train(args.program, model, train, args.member, "--recipe", args.recipe, *options, "--seed", str(seed), "--resume")
        took.write_text(json.dumps(seconds), encoding="utf-8")
    return model, train, json.loads(took.read_text(encoding="utf-8"))


def ask(args: argparse.Namespace, folder: Path, seed: int) -> Seen:
    model, train, seconds = learn(args, folder, seed)
    test = sets.read(folder / "test.csv")
    said = [json.loads(line) for line in program.run([args.program, "predict", "--detail", model, folder / "test.csv"]).splitlines()]
    pairs = list(zip(said, test, strict=True))
    right = {"blend": sum(answer["predicted_sbr"] == case["sbr"] for answer, case in pairs)}
    for name in MEMBERS:
        if not args.member:
            right[name] = sum(answer["members"][name]["predicted_sbr"] == case["sbr"] for answer, case in pairs)
    if args.member:
        right = {args.member: right["blend"]}
    return Seen(folder.name, seed, len(sets.read(train)), len(test), {name: 100 * count / len(test) for name, count in right.items()}, seconds)


def fastai(path: Path | None) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path else []:
        one = json.loads(line)
        found.setdefault(one["set"], []).append(100 * one["accuracy"])
    return found


def gain(seen: Seen) -> float:
    if "blend" not in seen.accuracy:
        return 0.0
    return seen.accuracy["blend"] - max(seen.accuracy[name] for name in MEMBERS)


def means(seen: list[Seen]) -> dict[str, float]:
    """A set's gain, over its seeds."""
    return {name: statistics.mean(gain(one) for one in seen if one.set == name) for name in dict.fromkeys(one.set for one in seen)}


def floors(args: argparse.Namespace, peers: dict[str, list[float]]) -> Iterator[tuple[str, str, float]]:
    """What ULMFiT alone must reach: set, words for it, percent."""
    if args.recipe == "own" and not args.shots:
        for name, svc in LINEAR_SVC.items():
            yield name, f"ULMFiT at most {SVC_AHEAD:.0f} points below TF-IDF and LinearSVC, {svc:.1f}", svc - SVC_AHEAD
    for name, theirs in peers.items():
        floor = statistics.mean(theirs) - (max(theirs) - min(theirs))
        yield name, f"ULMFiT not below fastai's mean less its spread, {floor:.1f}", floor


def rows(args: argparse.Namespace, seen: list[Seen], peers: dict[str, list[float]]) -> list[Row]:
    judged = means([one for one in seen if one.train in SIZES])
    is_medium = args.size == "medium" and not args.shots
    found = []
    if judged and not args.member:
        mean, worst = statistics.mean(judged.values()), min(judged, key=judged.__getitem__)
        found = [Row(f"blend against the better member, mean of the sets: +{MEAN_GAIN} point", f"{mean:+.2f} ({len(judged)} sets, {args.size})",
                     mean >= MEAN_GAIN if is_medium else None),
                 Row(f"on the worst of them: {WORST_GAIN} point", f"{judged[worst]:+.2f} ({worst})", judged[worst] >= WORST_GAIN if is_medium else None)]
    for name, claim, floor in floors(args, peers):
        ours = [one.accuracy["ulmfit"] for one in seen if one.set == name and "ulmfit" in one.accuracy]
        if ours:
            found.append(Row(f"{name}: {claim}", f"{statistics.mean(ours):.1f}", statistics.mean(ours) >= floor))
    return found


def markdown(args: argparse.Namespace, seen: list[Seen], peers: dict[str, list[float]], judged: list[Row]) -> str:
    head = ["set", "seed", "train", "test", "linear", "ULMFiT", "blend", "gain", "s"] + (["fastai"] if peers else [])
    lines = []
    for one in seen:
        line = [one.set, str(one.seed), str(one.train), str(one.test), *(f"{one.accuracy[name]:.1f}" if name in one.accuracy else "" for name in (*MEMBERS, "blend")),
                f"{gain(one):+.1f}" if "blend" in one.accuracy else "", f"{one.seconds:.0f}"]
        if peers:
            line.append(" ".join(f"{value:.1f}" for value in peers.get(one.set, [])))
        lines.append(line)
    how = f"`--size {args.size}`" if not args.init else f"`--init {Path(args.init).name}`"
    text = [report.machine_line(report.machine()), f"Recipe `{args.recipe}`, {how}" + (f", `--smoothing {args.smoothing}`" if args.smoothing else "") + (f", {args.shots} cases a label at most" if args.shots else "") + "; accuracy on the test half, %.", ""]
    if judged:
        text += [report.rows_table(judged), ""]
    return "\n".join([*text, report.table(head, lines)])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DATA") or sets.DATA))
    parser.add_argument("--program", type=Path, default=sets.ROOT / "build" / "air-classifier")
    parser.add_argument("--scratch", type=Path, default=sets.ROOT / "build" / "bench" / "ensemble", help="where models are kept")
    parser.add_argument("--sets", default="", metavar="A,B")
    parser.add_argument("--size", default="small")
    parser.add_argument("--recipe", default="own")
    parser.add_argument("--member", default="", help="this member alone")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--more", action="append", default=[], metavar="SET:SEEDS", help="seeds of one set, beside --seeds: a small test half moves by chance")
    parser.add_argument("--init", default="", metavar="LM")
    parser.add_argument("--smoothing", default="", metavar="SHARE", help="of labels, as train has it")
    parser.add_argument("--shots", type=int, default=0, metavar="N")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--baselines", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> int:
    args = arguments()
    peers = fastai(args.baselines)
    seen = []
    wished = [(args.sets or ",".join(peers), args.seeds), *(one.split(":") for one in args.more)]
    for names, seeds in wished:
        for seed in map(int, seeds.split(",")):
            for folder in sets.folders(args.data, names):
                seen.append(ask(args, folder, seed))
                print(seen[-1], flush=True)
    judged = rows(args, seen, peers)
    data = {"machine": report.machine(), "seen": [one._asdict() for one in seen]}
    return report.finish(markdown(args, seen, peers, judged), data, judged, args.markdown, args.json)


if __name__ == "__main__":
    raise SystemExit(main())
