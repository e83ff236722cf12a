"""Every metric of SageMaker Clarify that follows from counts. Sources: Clarify's documentation of each metric;
edge cases as in AWS's open smclarify (0/0 is 0, x/0 is infinite, two infinities differ by 0, and the label
distances leave out a label that either group lacks).

Counts have the shape [..., strata, 2, 2, predictions]: the stratum (of the group variable; one without it), the
group (0 the others, a; 1 the group looked at, d), the label and the prediction (0 negative, 1 positive; the last
axis has length 1 when there are no predictions). A function gives an array [...], so one call serves the data or
thousands of resamples. NaN: these counts do not define the metric.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.float64]
Metrics = dict[str, Numbers]

PRE_TRAINING = {
    "CDDL": "Conditional Demographic Disparity in Labels (CDDL)",
    "CI": "Class Imbalance (CI)",
    "DPL": "Difference in Positive Proportions in Labels (DPL)",
    "JS": "Jensen-Shannon Divergence (JS)",
    "KL": "Kullback-Liebler Divergence (KL)",
    "KS": "Kolmogorov-Smirnov Distance (KS)",
    "LP": "L-p Norm (LP)",
    "TVD": "Total Variation Distance (TVD)",
}
POST_TRAINING = {
    "AD": "Accuracy Difference (AD)",
    "CDDPL": "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
    "DAR": "Difference in Acceptance Rates (DAR)",
    "DCA": "Difference in Conditional Acceptance (DCA)",
    "DCR": "Difference in Conditional Rejection (DCR)",
    "DI": "Disparate Impact (DI)",
    "DPPL": "Difference in Positive Proportions in Predicted Labels (DPPL)",
    "DRR": "Difference in Rejection Rates (DRR)",
    "FT": "Flip Test (FT)",
    "GE": "Generalized Entropy (GE)",
    "RD": "Recall Difference (RD)",
    "SD": "Specificity Difference (SD)",
    "TE": "Treatment Equality (TE)",
}


def neutral(metric: str) -> float:
    """The value without any bias: 1 for the ratio DI, 0 for every other metric."""
    return 1.0 if metric == "DI" else 0.0


def pre_training(counts: Counts) -> Metrics:
    """The metrics of labels: all of PRE_TRAINING."""
    labels = counts.sum(axis=-1)
    groups = labels.sum(axis=-3)
    others, group = groups.sum(axis=-1)[..., 0], groups.sum(axis=-1)[..., 1]
    shares = _divide(groups, groups.sum(axis=-1, keepdims=True))
    a, d = shares[..., 0, :], shares[..., 1, :]
    common = (a > 0) & (d > 0)
    none = ~common.any(axis=-1)
    distance = np.where(common, np.abs(a - d), 0.0)
    mean = (a + d) / 2
    both = (others > 0) & (group > 0)

    def defined(value: Numbers) -> Numbers:
        return np.where(none, np.nan, value)

    return {
        "CDDL": _conditional_disparity(labels),
        "CI": np.where(both, _divide(others - group, others + group), np.nan),
        "DPL": np.where(both, a[..., 1] - d[..., 1], np.nan),
        "JS": defined((_relative_entropy(a, mean, common) + _relative_entropy(d, mean, common)) / 2),
        "KL": defined(_relative_entropy(a, d, common)),
        "KS": defined(distance.max(axis=-1)),
        "LP": defined(np.sqrt((distance**2).sum(axis=-1))),
        "TVD": defined(distance.sum(axis=-1) / 2),
    }


def post_training(counts: Counts) -> Metrics:
    """The metrics of predictions beside labels: all of POST_TRAINING but FT, which needs the features."""
    matrix = counts.sum(axis=-4)
    tn, fp, fn, tp = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    rows = tn + fp + fn + tp
    positive = _divide(tp + fp, rows)
    found = {
        "AD": _apart(_divide(tp + tn, rows)),
        "DAR": _apart(_divide(tp, tp + fp)),
        "DCA": _apart(_divide(tp + fn, tp + fp)),
        "DCR": -_apart(_divide(tn + fp, tn + fn)),
        "DI": _divide(positive[..., 1], positive[..., 0]),
        "DPPL": _apart(positive),
        "DRR": -_apart(_divide(tn, tn + fn)),
        "RD": _apart(_divide(tp, tp + fn)),
        "SD": -_apart(_divide(tn, tn + fp)),
        "TE": -_apart(_divide(fn, fp)),
    }
    both = (rows > 0).all(axis=-1)
    return {
        **{name: np.where(both, value + 0.0, np.nan) for name, value in found.items()},
        "CDDPL": _conditional_disparity(counts.sum(axis=-2)),
        "GE": _generalized_entropy(fn.sum(axis=-1), fp.sum(axis=-1), rows.sum(axis=-1)),
    }


STAGES: dict[str, tuple[dict[str, str], Callable[[Counts], Metrics]]] = {
    "post_training": (POST_TRAINING, post_training),
    "pre_training": (PRE_TRAINING, pre_training),
}


def _conditional_disparity(outcomes: Counts) -> Numbers:
    """From [..., strata, group, outcome]: d's share of the rejected less its share of the accepted, in each
    stratum, averaged by the strata's rows."""
    totals = outcomes.sum(axis=-2)
    shares = _divide(outcomes[..., 1, :], totals)
    rows = totals.sum(axis=-1)
    mean = _divide((rows * (shares[..., 0] - shares[..., 1])).sum(axis=-1), rows.sum(axis=-1))
    return np.where((totals.sum(axis=-2) > 0).all(axis=-1), mean, np.nan)


def _generalized_entropy(fn: Numbers, fp: Numbers, rows: Numbers) -> Numbers:
    """Half the squared coefficient of variation of benefits: 0 for a false negative, 2 for a false positive,
    else 1; over all rows, whatever their group."""
    mean = _divide(rows - fn + fp, rows)
    square = _divide(rows - fn + 3 * fp, rows)
    return np.where(mean > 0, (_divide(square, mean**2) - 1) / 2, np.nan)


def _relative_entropy(p: Numbers, q: Numbers, where: npt.NDArray[np.bool_]) -> Numbers:
    ratio = np.divide(p, q, out=np.ones_like(p), where=where)
    total: Numbers = np.where(where, p * np.log(ratio), 0.0).sum(axis=-1)
    return total


def _divide(part: npt.ArrayLike, whole: npt.ArrayLike) -> Numbers:
    over, under = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    quotient = np.where(over == 0, 0.0, np.copysign(np.inf, over))
    np.divide(over, under, out=quotient, where=under != 0)
    return quotient


def _apart(of_groups: Numbers) -> Numbers:
    """a less d, of [..., group]."""
    a, d = of_groups[..., 0], of_groups[..., 1]
    difference = np.zeros_like(a)
    np.subtract(a, d, out=difference, where=~(np.isinf(a) & np.isinf(d)))
    return difference
