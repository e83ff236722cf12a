"""Our figures beside those of smclarify and scikit-learn, recorded by `benchmarks/agreement.py --record`."""

import json
from pathlib import Path

import pytest

from perennial_analysis.bias.groups import Facet, outcome, positives
from perennial_analysis.bias.report import bias_report
from perennial_analysis.model_quality.statistics import binary_quality, multiclass_quality, regression_quality

RECORDED = json.loads(Path(__file__).with_name("oracles.json").read_text())
TOLERANCE = 1e-12


def bias(columns):
    report = bias_report(
        [Facet("facet", columns["facet"], values=[1])],
        outcome("label", columns["label"], values=[1]),
        positives(columns["predicted"], values=[1]),
        group_variable=columns["stratum"],
        draws=0,
    )
    return {name: value for stage in report.groups[0].metrics.values() for name, value in stage.items()}


def binary(columns):
    return binary_quality(columns["label"], columns["predicted"], columns["scores"], classes=[0, 1]).values


def multiclass(columns):
    return multiclass_quality(columns["label"], columns["predicted"]).values


def regression(columns):
    return regression_quality(columns["label"], columns["predicted"]).values


OURS = {each.__name__: each for each in (bias, binary, multiclass, regression)}


@pytest.mark.parametrize(
    ("kind", "place"), [(kind, place) for kind, cases in RECORDED.items() for place in range(len(cases))]
)
def test_every_metric_is_the_oracles(kind, place):
    """All 20 bias metrics that counts give, and all quality metrics that scikit-learn has, to 1e-12."""
    case = RECORDED[kind][place]
    found = OURS[kind](case["columns"])
    assert len(case["metrics"]) == {"bias": 20, "binary": 11, "multiclass": 6, "regression": 4}[kind]
    assert {name: found[name] for name in case["metrics"]} == pytest.approx(
        case["metrics"], abs=TOLERANCE, rel=0
    )


def test_without_draws_there_are_no_intervals():
    """Who only wants the figures does not pay for resampling."""
    columns = RECORDED["bias"][0]["columns"]
    report = bias_report(
        [Facet("facet", columns["facet"])],
        outcome("label", columns["label"], values=[1]),
        positives(columns["predicted"], values=[1]),
        draws=0,
    )
    assert not any(found for group in report.groups for found in group.intervals.values())
