"""The measures themselves, without any library, so that the figures of all classifiers come from the same few lines."""
import math
from collections import Counter


def macro_f1(truth: list[str], guess: list[str]) -> float:
    """The plain mean of F1 over every label that occurs in either list."""
    hits = Counter(t for t, g in zip(truth, guess) if t == g)
    seen, said = Counter(truth), Counter(guess)
    names = seen.keys() | said.keys()
    return sum(2 * hits[name] / (seen[name] + said[name]) for name in names) / len(names)


def calibration_error(confidence: list[float], right: list[bool], bins: int = 15) -> float:
    """Expected calibration error: |mean confidence - accuracy| of equal-width bins, weighted by their cases."""
    gap = [0.0] * bins
    for c, r in zip(confidence, right):
        gap[min(int(c * bins), bins - 1)] += c - r
    return sum(map(abs, gap)) / len(right)


def oracle_coverage(confidence: list[float], right: list[bool], target: float) -> float:
    """The largest share that one threshold, chosen with the answers known, could answer at `target` precision."""
    ranked = sorted(zip(confidence, right), key=lambda pair: -pair[0])
    best = hits = 0
    for n, (c, r) in enumerate(ranked, 1):
        hits += r
        between_values = n == len(ranked) or ranked[n][0] < c
        if between_values and hits >= target * n:
            best = n
    return best / len(ranked)


def rejected_share(inside: list[float], outside: list[float], answered: float = 0.9) -> float:
    """The share of `outside` under the highest threshold that still answers `answered` of `inside`."""
    threshold = sorted(inside, reverse=True)[math.ceil(answered * len(inside)) - 1]
    return sum(score < threshold for score in outside) / len(outside)


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % score interval of a share of `hits` in `n`."""
    p, q = hits / n, z * z / n
    middle, half = p + q / 2, z * math.sqrt(p * (1 - p) / n + q / (4 * n))
    return (middle - half) / (1 + q), (middle + half) / (1 + q)
