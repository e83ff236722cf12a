"""constraints.json of SageMaker Model Monitor: what a window may look like, and how strictly that is taken.

Two methods of comparison. `Simple` and `Robust` (with `LInfinity` or `ChiSquared` for categories) are evaluated as
Model Monitor does; `Calibrated` is ours, the default of new baselines (see `calibrated`). Read are all spellings that
AWS's documentation, SDK and service have used; a file's other fields are kept.

The content thresholds are the share of values that must match, as all of AWS's messages have it ("Expected match:
100.0%"); a newer page of the documentation that calls their default 0.1 contradicts its own examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

import msgspec

from perennial_analysis.columns import NUMERIC, Kind
from perennial_analysis.statistics import MOST_CATEGORIES, Feature, Role, Statistics

NumericMethod = Literal["Simple", "Robust", "Calibrated"]
CategoricalMethod = Literal["LInfinity", "ChiSquared", "Calibrated"]

METHODS: Mapping[str, NumericMethod] = {
    "simple": "Simple",
    "linfsimple": "Simple",
    "robust": "Robust",
    "linfrobust": "Robust",
    "calibrated": "Calibrated",
}
CATEGORICAL_METHODS: Mapping[str, CategoricalMethod] = {
    "linfinity": "LInfinity",
    "chisquared": "ChiSquared",
    "chisquare": "ChiSquared",
    "calibrated": "Calibrated",
}
KINDS: Mapping[str, Kind] = {each: each for each in get_args(Kind)}
OVERRIDES = ("monitoringConfigOverrides", "monitoring_config_overrides")
NESTED = ("string_constraints", "stringConstraints", "num_constraints", "numConstraints")
FEWEST_PER_CATEGORY = 5
"""A text column is one of categories if its values occur at least so often on average."""


NOTES: Mapping[Role, str] = {
    "identifier": "It looks like an identifier: its values do not come back, so their distribution is not compared.",
    "timestamp": "It looks like a time: its values do not come back, so their distribution is not compared.",
    "sequence": "It only moves on with the rows, as a counter does, so its distribution is not compared.",
}

RHYTHM = "It comes and goes within the baseline, as by the hour or the week: windows may vary as far."


class UnreadableConstraints(Exception):
    """The file is not a constraints.json: what is wrong, and where."""


@dataclass(frozen=True)
class Monitoring:
    """How constraints are evaluated; a feature may override any of it. Defaults are those of Model Monitor."""

    evaluate_constraints: bool = True
    emit_metrics: bool = True
    datatype_check_threshold: float = 1.0
    domain_content_threshold: float = 1.0
    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: NumericMethod = "Robust"
    categorical_comparison_threshold: float | None = None
    """None: that of numbers."""
    categorical_drift_method: CategoricalMethod = "LInfinity"
    significance_level: float = 0.01
    """Of Calibrated only: the chance of a false alarm that a window may have, over all its features."""


CALIBRATED = Monitoring(
    comparison_threshold=0.02, comparison_method="Calibrated", categorical_drift_method="Calibrated"
)


@dataclass(frozen=True)
class FeatureConstraints:
    """`note` says why something is not checked, if so."""

    name: str
    kind: Kind
    completeness: float | None = 1.0
    domain: tuple[str, ...] | None = None
    monitoring: Monitoring = field(default_factory=Monitoring)
    note: str | None = None


@dataclass(frozen=True)
class Constraints:
    """`document` is the file, whose unknown fields outlive reading and writing."""

    features: Mapping[str, FeatureConstraints]
    monitoring: Monitoring
    document: Mapping[str, Any] = field(repr=False)


def suggest(baseline: Statistics, monitoring: Monitoring = CALIBRATED) -> Constraints:
    """Constraints that the baseline itself meets. The distribution of identifiers and times is not compared, since
    every window has others: the constraints of such a column say so, and can be changed."""
    document = {
        "version": 0.0,
        "features": [_suggestion(feature, monitoring) for feature in baseline.features.values()],
        "monitoring_config": _monitoring_document(monitoring),
    }
    return _interpret(document)


def read_constraints(data: bytes) -> Constraints:
    """A constraints.json of ours or of Model Monitor. Raises UnreadableConstraints."""
    try:
        return _interpret(msgspec.json.decode(data, type=dict[str, Any]))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableConstraints(f"not a constraints.json of Model Monitor's format: {error!r}") from error


def write_constraints(constraints: Constraints) -> bytes:
    """The same constraints give the same bytes."""
    return msgspec.json.encode(constraints.document, order="sorted")


def _suggestion(feature: Feature, monitoring: Monitoring) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": feature.name,
        "inferred_type": feature.kind,
        "completeness": feature.completeness,
    }
    if feature.kind in NUMERIC and feature.numbers:
        document["num_constraints"] = {"is_non_negative": feature.numbers.minimum >= 0}
    if feature.role is not None:
        document["monitoringConfigOverrides"] = {
            "distribution_constraints": {"perform_comparison": "Disabled"}
        }
        document["note"] = NOTES[feature.role]
        return document
    # The calibrated bound is twice the threshold, at least.
    if (
        monitoring.comparison_method == "Calibrated"
        and feature.variation > 2 * monitoring.comparison_threshold
    ):
        threshold = round(feature.variation / 2, 4)
        which = "comparison_threshold" if feature.kind in NUMERIC else "categorical_comparison_threshold"
        document["monitoringConfigOverrides"] = {"distribution_constraints": {which: threshold}}
        document["note"] = RHYTHM
    counts = feature.words.counts if feature.words else None
    if counts and len(counts) <= min(MOST_CATEGORIES, feature.present // FEWEST_PER_CATEGORY):
        document["string_constraints"] = {"domains": sorted(counts)}
    return document


def _monitoring_document(monitoring: Monitoring) -> dict[str, Any]:
    threshold = monitoring.categorical_comparison_threshold
    distribution = {
        "perform_comparison": _word(monitoring.perform_comparison),
        "comparison_threshold": monitoring.comparison_threshold,
        "comparison_method": monitoring.comparison_method,
        "categorical_comparison_threshold": monitoring.comparison_threshold
        if threshold is None
        else threshold,
        "categorical_drift_method": monitoring.categorical_drift_method,
    }
    if "Calibrated" in (monitoring.comparison_method, monitoring.categorical_drift_method):
        distribution["significance_level"] = monitoring.significance_level
    return {
        "evaluate_constraints": _word(monitoring.evaluate_constraints),
        "emit_metrics": _word(monitoring.emit_metrics),
        "datatype_check_threshold": monitoring.datatype_check_threshold,
        "domain_content_threshold": monitoring.domain_content_threshold,
        "distribution_constraints": distribution,
    }


def _word(enabled: bool) -> str:
    return "Enabled" if enabled else "Disabled"


def _interpret(document: dict[str, Any]) -> Constraints:
    monitoring = _override(Monitoring(), document.get("monitoring_config") or {})
    found = [_feature(each, monitoring) for each in document["features"]]
    return Constraints({each.name: each for each in found}, monitoring, document)


def _feature(given: Mapping[str, Any], monitoring: Monitoring) -> FeatureConstraints:
    """Overrides stand at the feature, as documented, or within its string constraints, where the SDK puts them."""
    places = [given, *(given[name] for name in NESTED if isinstance(given.get(name), dict))]
    for place in reversed(places):
        for name in OVERRIDES:
            monitoring = _override(monitoring, place.get(name) or {})
    text = given.get("string_constraints") or given.get("stringConstraints") or {}
    domain = text.get("domains")
    completeness = given.get("completeness")
    return FeatureConstraints(
        given["name"],
        KINDS[given["inferred_type"]],
        None if completeness is None else float(completeness),
        None if domain is None else tuple(map(str, domain)),
        monitoring,
        note if isinstance(note := given.get("note"), str) else None,
    )


def _override(monitoring: Monitoring, given: Mapping[str, Any]) -> Monitoring:
    """Settings stand flat or within `distribution_constraints`, in any of AWS's spellings."""
    flat: dict[str, Any] = {}
    for key, value in given.items():
        if _plain(key) == "distributionconstraints":
            flat.update({_plain(inner): each for inner, each in value.items()})
        else:
            flat[_plain(key)] = value
    # Names from before the service's release, which are still in the SDK's samples.
    for old, new in (("enablecomparisons", "performcomparison"), ("mindomainmass", "domaincontentthreshold")):
        if old in flat:
            flat.setdefault(new, flat[old])
    changes = {
        each.name: _value(each.name, flat[_plain(each.name)])
        for each in fields(Monitoring)
        if flat.get(_plain(each.name)) is not None
    }
    return replace(monitoring, **changes)


def _value(name: str, given: Any) -> Any:
    if name in ("evaluate_constraints", "emit_metrics", "perform_comparison"):
        return given if isinstance(given, bool) else str(given).lower() == "enabled"
    if name == "comparison_method":
        return METHODS[_plain(given)]
    if name == "categorical_drift_method":
        return CATEGORICAL_METHODS[_plain(given)]
    return float(given)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
