"""How a newly trained model enters the registry. Pure: no AWS, clock or environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from perennial.evaluation import Bias, ChampionScore, Evaluation
from perennial.metrics import LOWER_IS_BETTER, gain
from perennial.sections import Gate

ApprovalStatus = Literal["Approved", "PendingManualApproval", "Rejected"]
# Clarify's metrics are 0 without bias, but for the ratios.
UNBIASED: Mapping[str, float] = {"DI": 1.0}


@dataclass(frozen=True)
class Verdict:
    """An approval status in SageMaker's own words, and why, in ours."""

    status: ApprovalStatus
    reason: str


def judge(evaluation: Evaluation, metric: str, gate: Gate) -> Verdict:
    """Judge a candidate: its own figures first, then bias, then the champion on the same holdout, then policy."""
    score = evaluation.metrics.get(metric)
    if score is None:
        return Verdict("Rejected", f"training reported no {metric}")
    shown = f"{metric} {score:.4g} on {evaluation.rows.holdout} held-out rows"
    if gate.minimum is not None and score < gate.minimum:
        return Verdict("Rejected", f"{shown} is below the gate's minimum {gate.minimum:.4g}")
    if gate.maximum is not None and score > gate.maximum:
        return Verdict("Rejected", f"{shown} is above the gate's maximum {gate.maximum:.4g}")
    if unfair := _too_biased(evaluation.bias, gate):
        return Verdict("Rejected", unfair)
    champion = evaluation.champion
    if champion is None:
        return _policy(gate, f"{shown}; there is no champion to compare with")
    if champion.error is not None or metric not in champion.metrics:
        why = champion.error or f"it reported no {metric}"
        return Verdict(
            "PendingManualApproval", f"{shown}; the champion could not be scored ({why}), so a person decides"
        )
    gained = gain(metric, score - champion.metrics[metric])
    against = _against(metric, gained, champion)
    if gained < gate.minimum_gain:
        return Verdict(
            "Rejected",
            f"{shown}; {against}: less than the gain of {gate.minimum_gain:+.4g} that the gate asks for",
        )
    return _policy(gate, f"{shown}; {against}")


def _policy(gate: Gate, reason: str) -> Verdict:
    if gate.approval == "manual":
        return Verdict("PendingManualApproval", f"{reason}; the gate asks a person")
    return Verdict("Approved", f"{reason}; approved by policy")


def _against(metric: str, gained: float, champion: ChampionScore) -> str:
    """The comparison in words, with its noise: a gain within two standard errors may be chance."""
    name = f"version {champion.version}" if champion.version else "the champion"
    better = "better" if gained > 0 else "worse" if gained < 0 else "no different"
    less = " (less is better)" if metric in LOWER_IS_BETTER else ""
    words = f"{abs(gained):.4g} {better} than {name}'s {champion.metrics[metric]:.4g}{less}"
    difference = champion.difference.get(metric)
    if difference is None or difference.standard_error is None:
        return words
    chance = ", which may be chance" if gained and abs(gained) < 2 * difference.standard_error else ""
    return f"{words}, standard error {difference.standard_error:.2g}{chance}"


def _too_biased(bias: Bias | None, gate: Gate) -> str | None:
    """The first bias metric over its limit, in words. A limit on a metric that was not computed is not met."""
    for name, limit in gate.max_bias.items():
        value = bias.metrics.get(name) if bias else None
        if bias is None or value is None:
            return f"the gate limits {name}, but training could not compute it (is one of the groups empty?)"
        distance = abs(value - UNBIASED.get(name, 0.0))
        if distance > limit:
            return (
                f"{name} {value:.3g} between {bias.facet}={bias.privileged} and the others is {distance:.3g} "
                f"from unbiased, more than the gate's {limit:.3g}"
            )
    return None
