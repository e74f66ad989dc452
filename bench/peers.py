#!/usr/bin/env python3
"""What a user would pick instead for a fast text classifier: TF-IDF with a linear SVM, and fastText.

Their settings are fixed here and nowhere else, because "not below the SVM" means nothing if the SVM can drift. fastText is the
distribution's program, not a Python package, so that its time is that of the same kind of thing as ours: a command.
"""
import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measures
import report
import sets

SEED = 1
MANY_ROWS = 6000
FASTTEXT = "-lr 0.5 -epoch 25 -wordNgrams 2 -thread 1 -verbose 0".split()
PUNCTUATION = re.compile(r"([^\w\s])")


def have_svc() -> bool:
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return False
    return True


def have_fasttext() -> bool:
    return shutil.which("fasttext") is not None


def svc_fit(texts: list[str], labels: list[str]):
    """The baseline of the data sets' README: words and characters, at most 200,000 features of each, LinearSVC at C = 1.

    Its figures come out only if characters must occur in two texts, and words too where there are many rows; the README
    leaves that out, and between 5,485 and 6,920 rows nothing tells where many begins."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    shared = {"sublinear_tf": True, "max_features": 200_000}
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2 if len(texts) > MANY_ROWS else 1, **shared)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=2, **shared)
    return make_pipeline(make_union(words, letters), LinearSVC(C=1, random_state=SEED)).fit(texts, labels)


def score(truth: list[str], guess: list[str], fit_seconds: float, predict_seconds: float) -> dict[str, float]:
    correct = sum(t == g for t, g in zip(truth, guess, strict=True))
    return {"correct": correct, "accuracy": correct / len(truth), "macro_f1": measures.macro_f1(truth, guess),
            "fit_seconds": fit_seconds, "predict_seconds": predict_seconds}


def svc(train: list[sets.Case], test: list[sets.Case]) -> dict[str, float]:
    start = time.perf_counter()
    model = svc_fit(sets.texts(train), sets.labels(train))
    fitted = time.perf_counter()
    guess = model.predict(sets.texts(test)).tolist()
    return score(sets.labels(test), guess, fitted - start, time.perf_counter() - fitted)


def svc_oos(train: list[sets.Case], test: list[sets.Case]) -> dict[str, float]:
    """How well the largest margin of an SVM that knows no out-of-scope case tells such cases apart."""
    train, _ = sets.split_oos(train)
    inside, outside = sets.split_oos(test)
    model = svc_fit(sets.texts(train), sets.labels(train))
    margin = [model.decision_function(sets.texts(cases)).max(axis=1).tolist() for cases in (inside, outside)]
    right = [g == t for g, t in zip(model.predict(sets.texts(inside)), sets.labels(inside))]
    return {"rejected": measures.rejected_share(*margin), "in_scope_accuracy": sum(right) / len(right)}


def fasttext(train: list[sets.Case], test: list[sets.Case]) -> dict[str, float]:
    """Labels go by number, because fastText ends a label at a space; rows are shuffled, because it learns in their order;
    punctuation is set apart, as fastText's tutorial does, because otherwise `disk.` and `disk` are strangers to it."""
    names = sorted(set(sets.labels(train)))
    number = {name: i for i, name in enumerate(names)}
    train = random.Random(SEED).sample(train, len(train))

    def line(text: str) -> str:
        return " ".join(PUNCTUATION.sub(r" \1 ", text.lower()).splitlines()) + "\n"

    with tempfile.TemporaryDirectory(prefix="bench-fasttext-") as scratch:
        train_file, test_file, model = (Path(scratch) / name for name in ("train.txt", "test.txt", "model"))
        with train_file.open("w", encoding="utf-8") as file:
            file.writelines(f"__label__{number[case['sbr']]} {line(text)}" for case, text in zip(train, sets.texts(train)))
        with test_file.open("w", encoding="utf-8") as file:
            file.writelines(map(line, sets.texts(test)))
        start = time.perf_counter()
        subprocess.run(["fasttext", "supervised", "-input", train_file, "-output", model, *FASTTEXT],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        fitted = time.perf_counter()
        said = subprocess.run(["fasttext", "predict", model.with_suffix(".bin"), test_file],
                              check=True, capture_output=True, text=True).stdout.splitlines()
        done = time.perf_counter()
    guess = [names[int(word.removeprefix("__label__"))] if word else "" for word in said]
    return score(sets.labels(test), guess, fitted - start, done - fitted)


def measure(folder: Path) -> dict[str, object]:
    """Every peer that is installed, on one set."""
    train, test = sets.read(folder / "train.csv"), sets.read(folder / "test.csv")
    result: dict[str, object] = {"data": sets.digest(folder), "cases": len(test)}
    if have_svc():
        result["svc"] = svc(train, test)
        if folder.name == sets.OOS_SET:
            result["svc_oos"] = svc_oos(train, test)
    if have_fasttext():
        result["fasttext"] = fasttext(train, test)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description="measures TF-IDF + LinearSVC and fastText on labelled sets")
    parser.add_argument("folders", nargs="*", type=Path, help="set folders with train.csv and test.csv (default: all)")
    parser.add_argument("--data", type=Path, default=sets.DATA)
    parser.add_argument("--json", type=Path, help="also write the figures here; accuracy.py --peers-cache reads them")
    args = parser.parse_args()

    found: dict[str, dict] = {}
    for folder in args.folders or sets.folders(args.data):
        folder = folder.resolve()
        print(f"{folder.name} ...", file=sys.stderr, flush=True)
        found[folder.name] = measure(folder)
    lines = []
    for name, result in found.items():
        cells = [name, str(result["cases"])]
        for peer in ("svc", "fasttext"):
            got = result.get(peer, {})
            cells += [percent_pair(got), report.number(got.get("fit_seconds"), 1), report.number(got.get("predict_seconds"), 1)]
        lines.append(cells)
    print(report.table(["set", "test", "SVC acc. / F1", "fit s", "predict s", "fastText acc. / F1", "fit s", "predict s"], lines))
    for name, result in found.items():
        if "svc_oos" in result:
            print(f"{name}: {report.percent(result['svc_oos']['rejected'])} % of out-of-scope queries rejected by the SVC's margin")
    if args.json:
        args.json.write_text(json.dumps({"machine": report.machine(), "peers": found}, indent=1) + "\n", encoding="utf-8")
    return 0


def percent_pair(got: dict[str, float]) -> str:
    return f"{report.percent(got.get('accuracy'))} / {report.percent(got.get('macro_f1'))}"


if __name__ == "__main__":
    sys.exit(main())
