"""Scores made into probabilities, learned from scores whose labels are known.

Both methods first gather the rows into groups of neighbouring scores: of as equal size as ties allow, at least
MIN_GROUP rows and at most MOST_GROUPS groups, so that memory does not grow with the data and a few rows cannot
claim a probability of 0 or 1. "binned" takes each group's share of positives as it is (20 groups); "isotonic"
makes the shares rise with the score (pool adjacent violators). Between groups the line is straight; below the
first and above the last it is level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from perennial_analysis.model_quality.labels import Values, as_scores, same_length

Numbers = npt.NDArray[np.float64]
Method = Literal["isotonic", "binned"]

MIN_GROUP = 20
MOST_GROUPS = 1000
BINS = 20


@dataclass(frozen=True)
class Calibration:
    """A broken line from score to probability: `scores` rise, [points], `probabilities` beside them, [points]."""

    method: Method
    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.scores or len(self.scores) != len(self.probabilities):
            raise ValueError("a calibration has as many probabilities as scores, and at least one")
        if any(left >= right for left, right in pairwise(self.scores)):
            raise ValueError("the scores of a calibration rise")

    def apply(self, scores: Values) -> Numbers:
        """Probabilities of the positive class for raw scores, [rows] each."""
        return np.interp(as_scores(scores), self.scores, self.probabilities)

    def document(self) -> dict[str, Any]:
        return {
            "version": 1,
            "method": self.method,
            "scores": list(self.scores),
            "probabilities": list(self.probabilities),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Calibration:
        return cls(document["method"], tuple(document["scores"]), tuple(document["probabilities"]))


def calibrate(scores: Values, positive: npt.NDArray[np.bool_], method: Method = "isotonic") -> Calibration:
    """Learn from the baseline's scores and labels, [rows] each; `positive` says which rows are.

    Raises ValueError without rows of both classes: there is nothing to learn from.
    """
    raw, truth = as_scores(scores), np.asarray(positive, dtype=np.bool_)
    same_length(scores=raw, labels=truth)
    if truth.all() or not truth.any():
        raise ValueError("a calibration needs rows of both classes")
    if method not in ("isotonic", "binned"):
        raise ValueError(f"{method!r} is neither isotonic nor binned")
    groups = min(BINS if method == "binned" else MOST_GROUPS, max(1, len(raw) // MIN_GROUP))
    rows, centres, shares = _grouped(raw, truth, groups)
    if method == "isotonic":
        shares = _rising(shares, rows)
    # Means of groups that are a rounding error apart are one point.
    rises = np.concatenate(([True], centres[1:] > np.maximum.accumulate(centres)[:-1]))
    return Calibration(method, tuple(centres[rises].tolist()), tuple(shares[rises].tolist()))


def _grouped(
    scores: Numbers, positive: npt.NDArray[np.bool_], groups: int
) -> tuple[Numbers, Numbers, Numbers]:
    """Rows, mean score and share of positives of each group, [groups]; equal scores stay together."""
    values, place = np.unique(scores, return_inverse=True)
    rows = np.bincount(place, minlength=len(values)).astype(np.float64)
    positives = np.bincount(place, weights=positive, minlength=len(values))
    # The group of a distinct score is where its middle row falls.
    middle = rows.cumsum() - rows / 2
    group = np.minimum((middle * groups / len(scores)).astype(np.intp), groups - 1)
    totals = np.bincount(group, weights=rows, minlength=groups)
    used = totals > 0
    sums = np.bincount(group, weights=rows * values, minlength=groups)[used]
    hits = np.bincount(group, weights=positives, minlength=groups)[used]
    sizes = totals[used].astype(np.float64)
    return sizes, sums / sizes, hits / sizes


def _rising(shares: Numbers, rows: Numbers) -> Numbers:
    """The closest rising sequence by weighted least squares: neighbours that fall are pooled."""
    pools: list[tuple[float, float, int]] = []
    for share, weight in zip(shares.tolist(), rows.tolist(), strict=True):
        pool = (share, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            mean, mass, count = pools.pop()
            total = mass + pool[1]
            pool = ((mean * mass + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    return np.repeat([mean for mean, _, _ in pools], [count for _, _, count in pools])
