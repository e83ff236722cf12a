"""One feature beside its baseline: effect sizes always, findings by the method that its constraints name."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from perennial_analysis.calibrated import (
    Excess,
    bins,
    categorical_drift,
    category_bins,
    hashed_bins,
    hashed_drift,
    numeric_drift,
    psi_bound,
)
from perennial_analysis.columns import NUMERIC
from perennial_analysis.constraints import Monitoring
from perennial_analysis.distances import chi_squared, l_infinity, psi, robust, simple, wasserstein
from perennial_analysis.hashed import Hashed, hash_words
from perennial_analysis.statistics import Feature, Numbers


@dataclass(frozen=True)
class Comparison:
    """NaN where something is not defined: no data, one constant, values too many to list.

    `psi` over the baseline's deciles or categories; `l_infinity` uncorrected; `wasserstein` in standard deviations of
    the baseline. `distance` and `threshold` are the method's own; `findings` is empty while nothing is exceeded.
    """

    completeness: float
    baseline_completeness: float
    psi: float = math.nan
    l_infinity: float = math.nan
    wasserstein: float = math.nan
    method: str = ""
    distance: float = math.nan
    threshold: float = math.nan
    findings: tuple[Excess, ...] = ()


def compare(current: Feature, baseline: Feature, monitoring: Monitoring, tail: float) -> Comparison:
    """`tail` is the chance of a false alarm that this feature may have, for the calibrated method. Where constraints
    have the comparison disabled, effect sizes are all there is."""
    found = _compare(current, baseline, monitoring, tail)
    if monitoring.perform_comparison:
        return found
    return replace(found, method="", distance=math.nan, threshold=math.nan, findings=())


def _compare(current: Feature, baseline: Feature, monitoring: Monitoring, tail: float) -> Comparison:
    before, after = baseline.numbers, current.numbers
    if baseline.kind in NUMERIC and before and after and before.sketch.total and after.sketch.total:
        return _numbers(current, baseline, after, before, monitoring, tail)
    counts = current.words.counts if current.words else None
    expected = baseline.words.counts if baseline.words else None
    if counts and expected:
        return _words(current, baseline, dict(counts), dict(expected), monitoring, tail)
    known = baseline.words.hashed if baseline.words else None
    if known and current.words and monitoring.categorical_drift_method == "Calibrated":
        hashed = hash_words(counts, known) if counts else current.words.hashed
        if hashed:
            return _hashed(current, baseline, hashed, known, monitoring, tail)
    return Comparison(current.completeness, baseline.completeness)


def _numbers(
    current: Feature, baseline: Feature, after: Numbers, before: Numbers, monitoring: Monitoring, tail: float
) -> Comparison:
    largest = simple(after.sketch, before.sketch)
    moved = wasserstein(after.sketch, before.sketch)
    index = psi(*bins(after.sketch, before.sketch))
    method, threshold = monitoring.comparison_method, monitoring.comparison_threshold
    if method == "Calibrated":
        distance = index
        findings = tuple(numeric_drift(after, before, threshold, tail))
        threshold = psi_bound(*bins(after.sketch, before.sketch), threshold, tail / 2)
    else:
        distance = largest
        if method == "Robust":
            distance = robust(largest, after.sketch.total, before.sketch.total)
        findings = (Excess("", distance, threshold),) if distance > threshold else ()
    return Comparison(
        current.completeness,
        baseline.completeness,
        index,
        largest,
        moved / before.std_dev if before.std_dev else math.nan,
        method,
        distance,
        threshold,
        findings,
    )


def _words(
    current: Feature,
    baseline: Feature,
    after: dict[str, int],
    before: dict[str, int],
    monitoring: Monitoring,
    tail: float,
) -> Comparison:
    largest = l_infinity(after, before)
    index = psi(*category_bins(after, before))
    method = monitoring.categorical_drift_method
    threshold = monitoring.categorical_comparison_threshold
    if threshold is None:
        threshold = monitoring.comparison_threshold
    findings: tuple[Excess, ...]
    if method == "Calibrated":
        distance = index
        findings = tuple(categorical_drift(after, before, threshold, tail))
        threshold = psi_bound(*category_bins(after, before), threshold, tail / 2)
    elif method == "ChiSquared":
        p_value = chi_squared(after, before).p_value
        what = f"chi-squared p-value {p_value:.3g} is below {threshold:g}"
        # Told as 1 - p, which grows with the distance: what parses our words compares like with like.
        distance, beyond = 1 - p_value, p_value < threshold
        threshold = 1 - threshold
        findings = (Excess(what, distance, threshold),) if beyond else ()
    else:
        distance = largest
        if monitoring.comparison_method != "Simple":
            distance = robust(largest, sum(after.values()), sum(before.values()))
        findings = (Excess("", distance, threshold),) if distance > threshold else ()
    return Comparison(
        current.completeness,
        baseline.completeness,
        index,
        largest,
        math.nan,
        method,
        distance,
        threshold,
        findings,
    )


def _hashed(
    current: Feature, baseline: Feature, after: Hashed, before: Hashed, monitoring: Monitoring, tail: float
) -> Comparison:
    """Of values too many to list; Model Monitor's methods do not compare those."""
    threshold = monitoring.categorical_comparison_threshold
    if threshold is None:
        threshold = monitoring.comparison_threshold
    both = hashed_bins(after, before)
    findings = tuple(hashed_drift(after, before, threshold, tail))
    index = psi(*both)
    return Comparison(
        current.completeness,
        baseline.completeness,
        psi=index,
        method="Calibrated",
        distance=index,
        threshold=psi_bound(*both, threshold, tail / 2),
        findings=findings,
    )
