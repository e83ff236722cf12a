"""What follows from the order of the scores: AUC with its standard error, and the two curves.

Curves have a point for each distinct score, but at most CURVE_POINTS: then evenly many of them by rank, the
ends included. AUC is always that of all points. Scores that tie count half, as everywhere.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

CURVE_POINTS = 201


def area_under_curve(positive: Truths, scores: Numbers) -> tuple[float, float]:
    """AUC and its standard error (DeLong), from [rows]; NaN unless both classes occur.

    The error of a perfect ranking is that of one pair in doubt, not 0. With one row of a class it is NaN.
    """
    return area_of_shares(positive.astype(np.float64), scores)


def area_of_shares(share: Numbers, scores: Numbers) -> tuple[float, float]:
    """The same for rows that are positive with probability `share`, [rows]: no row is compared with itself."""
    values, place = np.unique(scores, return_inverse=True)
    of_positive = np.bincount(place, weights=share, minlength=len(values))
    of_negative = np.bincount(place, weights=1 - share, minlength=len(values))
    positives, negatives = of_positive.sum(), of_negative.sum()
    itself = (share * (1 - share)).sum()
    pairs = positives * negatives - itself
    if pairs <= 0:
        return float("nan"), float("nan")
    # The part of the other class that each distinct score beats.
    beaten = of_negative.cumsum() - of_negative / 2
    losing = positives - (of_positive.cumsum() - of_positive / 2)
    area = float((of_positive @ beaten - itself / 2) / pairs)
    if positives <= 1 or negatives <= 1:
        return area, float("nan")
    variance = of_positive @ (beaten / negatives - area) ** 2 / (positives - 1) / positives
    variance += of_negative @ (losing / positives - area) ** 2 / (negatives - 1) / negatives
    return area, max(float(np.sqrt(variance)), 0.5 / float(positives * negatives))


def curves(positive: Truths, scores: Numbers) -> dict[str, dict[str, list[float]]]:
    """ROC and precision-recall curve of [rows], in Model Monitor's names; empty unless both classes occur."""
    values, place = np.unique(scores, return_inverse=True)
    # From the highest score down: how many of each class are called positive.
    tp = np.bincount(place[positive], minlength=len(values))[::-1].cumsum().astype(np.float64)
    fp = np.bincount(place[~positive], minlength=len(values))[::-1].cumsum().astype(np.float64)
    if not len(scores) or not tp[-1] or not fp[-1]:
        return {}
    shown = np.arange(len(values))
    if len(values) > CURVE_POINTS - 1:
        shown = np.linspace(0, len(values) - 1, CURVE_POINTS - 1).round().astype(np.intp)
    tp, fp, positives, negatives = tp[shown], fp[shown], tp[-1], fp[-1]
    return {
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": [0.0, *(fp / negatives).tolist()],
            "true_positive_rates": [0.0, *(tp / positives).tolist()],
        },
        "precision_recall_curve": {
            "precisions": [1.0, *(tp / (tp + fp)).tolist()],
            "recalls": [0.0, *(tp / positives).tolist()],
        },
    }
