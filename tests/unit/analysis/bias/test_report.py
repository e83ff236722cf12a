"""Clarify's files from columns, and a window's held against a baseline's."""

import json
import math

import numpy as np
import pytest

from perennial_analysis.bias.check import check, compare, identity
from perennial_analysis.bias.formulas import POST_TRAINING, PRE_TRAINING
from perennial_analysis.bias.groups import MOST_VALUES, Facet, divide, outcome, positives
from perennial_analysis.bias.report import bias_report


def report(rows=600, *, favour=0.0, seed=0, share=0.4):
    """Predictions follow labels in 85 % of rows; `favour` of the group's accepted rows are refused instead."""
    generator = np.random.default_rng(seed)
    member = generator.random(rows) < share
    positive = generator.random(rows) < 0.5
    predicted = np.where(generator.random(rows) < 0.85, positive, ~positive)
    predicted &= ~(member & (generator.random(rows) < favour))
    sex = np.where(member, "f", "m")
    return bias_report(
        [Facet("sex", sex, values=["f"])],
        outcome("hired", positive.astype(int), values=[1]),
        predicted,
        group_variable=generator.integers(0, 2, rows),
    )


BASELINE = report(2000)


def metrics(document, stage, facet, place=0):
    return {
        metric["name"]: metric
        for metric in document[f"{stage}_bias_metrics"]["facets"][facet][place]["metrics"]
    }


def test_shape():
    """analysis.json has Clarify's keys, all metrics in order of name, and an error beside a null."""
    document = json.loads(json.dumps(BASELINE.analysis(), allow_nan=False))
    assert set(document) == {"version", "pre_training_bias_metrics", "post_training_bias_metrics"}
    assert document["version"] == "1.0"
    post = document["post_training_bias_metrics"]
    assert (post["label"], post["label_value_or_threshold"]) == ("hired", "1")
    [group] = post["facets"]["sex"]
    assert group["value_or_threshold"] == "f"
    assert [metric["name"] for metric in group["metrics"]] == sorted(POST_TRAINING)
    assert list(metrics(document, "pre_training", "sex")) == sorted(PRE_TRAINING)
    assert metrics(document, "post_training", "sex")["FT"] == {
        "name": "FT",
        "description": "Flip Test (FT)",
        "value": None,
        "error": "there are no numeric features to look for neighbours in",
    }


def test_same_bytes():
    """The same rows give the same documents."""
    again = report(2000)
    assert again.analysis() == BASELINE.analysis()
    assert json.dumps(again.intervals(), allow_nan=False) == json.dumps(BASELINE.intervals())


def test_infinities_are_strings():
    """JSON knows no infinity: Clarify writes the word, in analysis.json and beside it."""
    found = bias_report(
        [Facet("sex", ["f"] * 40 + ["m"] * 40, values=["f"])],
        outcome("hired", ([1] * 20 + [0] * 20) * 2, values=[1]),
        np.array([False] * 40 + [True] * 20 + [False] * 20),
    )
    document = json.loads(json.dumps(found.analysis(), allow_nan=False))
    assert metrics(document, "post_training", "sex")["TE"]["value"] == "Infinity"
    assert metrics(document, "post_training", "sex")["DCA"]["value"] == "-Infinity"
    assert metrics(document, "pre_training", "sex")["CDDL"]["error"] == "there is no group variable"
    assert json.dumps(found.intervals(), allow_nan=False)


def test_only_labels():
    """Without predictions there are the metrics of the data alone."""
    found = bias_report([Facet("sex", ["f", "m"] * 40)], outcome("hired", [0, 1, 1, 0] * 20, values=[1]))
    assert set(found.analysis()) == {"version", "pre_training_bias_metrics"}


def test_many_values_and_numbers():
    """Each value of a facet is a group against the rest; a threshold makes one group; missing rows are left out."""
    generator = np.random.default_rng(1)
    race = np.array(["a", "b", None, "c", "b"] * 60, dtype=object)
    age = generator.integers(18, 80, 300).astype(float)
    age[:10] = math.nan
    found = bias_report(
        [Facet("race", race), Facet("age", age, threshold=40), Facet("two", race, values=["c", "a"])],
        outcome("income", generator.random(300), threshold=0.5),
        generator.random(300) > 0.5,
        features=age[:, None],
    )
    sizes = {(group.facet, group.value): (group.rows, group.others) for group in found.groups}
    old = int((age > 40).sum())
    assert sizes == {
        ("race", "a"): (60, 180),
        ("race", "b"): (120, 120),
        ("race", "c"): (60, 180),
        ("age", "(40, inf]"): (old, 290 - old),
        ("two", "c,a"): (120, 120),
    }
    assert found.left_out == {"race": 60, "age": 10, "two": 60}
    document = found.analysis()
    assert document["pre_training_bias_metrics"]["label_value_or_threshold"] == "(0.5, inf]"
    assert isinstance(metrics(document, "post_training", "age")["FT"]["value"], float)
    assert "finite" in metrics(document, "post_training", "race")["FT"]["error"]


def test_small_groups_are_said_to_be_so():
    """A group below 30 rows has figures, but is marked as not to be judged, and never violates."""
    small = report(60, favour=1.0, share=0.2)
    [group] = small.intervals()["facets"]["sex"]["groups"]
    assert group["judged"] is False
    assert group["note"].startswith("too small to judge: ")
    assert isinstance(metrics(small.analysis(), "post_training", "sex")["DPPL"]["value"], float)
    assert check(small, BASELINE.analysis(), BASELINE.intervals())["violations"] == []
    assert {told.unjudged for told in compare(small, BASELINE.analysis())} == {group["note"]}


def test_violation_in_the_words_of_aws():
    """A model that began to refuse the group violates DPPL and DI."""
    window = report(800, favour=0.5, seed=9)
    document = check(window, BASELINE.analysis(), BASELINE.intervals())
    found = {violation["metric_name"]: violation for violation in document["violations"]}
    assert {"DPPL", "DI", "RD"} <= set(found)
    now = metrics(window.analysis(), "post_training", "sex")["DI"]["value"]
    was = metrics(BASELINE.analysis(), "post_training", "sex")["DI"]["value"]
    assert found["DI"] == {
        "constraint_check_type": "bias_drift_check",
        "description": f"Metric value {now} doesn't meet the baseline constraint requirement {was}",
        "facet": "sex",
        "facet_value": "f",
        "metric_name": "DI",
    }
    assert document["version"] == "1.0"


def test_unchanged_windows_are_quiet():
    """Windows of the baseline's own distribution hardly ever violate, whatever their size."""
    noisy = [
        bool(check(report(rows, seed=seed), BASELINE.analysis(), BASELINE.intervals())["violations"])
        for rows in (100, 1000)
        for seed in range(1, 31)
    ]
    assert sum(noisy) <= 2


def test_many_groups_stray_no_more_often():
    """The more groups are looked at, the wider the interval that must be beyond the baseline's."""
    generator = np.random.default_rng(2)
    race, sex = generator.integers(0, 10, 2000), np.where(generator.random(2000) < 0.4, "f", "m")
    hired = outcome("hired", generator.integers(0, 2, 2000), values=[1])
    alone, together = (
        compare(bias_report(facets, hired, hired.positive), aws_baseline(DPPL=0.0))
        for facets in (
            [Facet("sex", sex, values=["f"])],
            [Facet("sex", sex, values=["f"]), Facet("race", race)],
        )
    )
    narrow, wide = alone[0].interval, together[0].interval
    assert wide[0] < narrow[0] < alone[0].value < narrow[1] < wide[1]
    # 2.58 standard deviations hold 99 % of one group, 3.32 of the normal all but 1 % of eleven.
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(3.32 / 2.576, rel=0.01)


def aws_baseline(**values):
    entries = [{"name": name, "description": name, "value": value} for name, value in values.items()]
    facets = {"sex": [{"value_or_threshold": "f", "metrics": entries}]}
    return {"version": "1.0", "post_training_bias_metrics": {"label": "hired", "facets": facets}}


@pytest.mark.parametrize(
    ("metric", "baseline", "violates"),
    [
        pytest.param("DI", 0.9, True, id="DI is judged by its distance from 1"),
        pytest.param("DI", 0.05, False, id="a DI near 0 is far from neutral, and allows as much"),
        pytest.param("DI", 1.9, False, id="on either side"),
        pytest.param("DPPL", 0.01, True, id="farther than the baseline"),
        pytest.param("DPPL", -0.5, False, id="the sign may flip"),
        pytest.param("TE", "Infinity", False, id="an infinite baseline allows all"),
        pytest.param("DPPL", None, None, id="null is not judged"),
    ],
)
def test_distance_from_neutral(metric, baseline, violates):
    """The rule is the distance from the value without bias, and the whole interval must be beyond it."""
    window = report(800, favour=0.5, seed=9)
    compared = compare(window, aws_baseline(**{metric: baseline}))
    assert [told.violated for told in compared] == ([] if violates is None else [violates])


def test_group_that_vanished():
    """A group that the window has no rows of, or that it does not know, cannot be judged, and this is said."""
    window = report(200, share=0.0)
    told = compare(window, aws_baseline(DPPL=0.1))
    assert [comparison.unjudged for comparison in told] == ["the group has no rows"]
    other = bias_report(
        [Facet("sex", ["m", "x"] * 40)],
        outcome("hired", [0, 1, 1, 0] * 20, values=[1]),
        np.ones(80, dtype=bool),
    )
    [comparison] = compare(other, aws_baseline(DPPL=0.1))
    assert comparison.unjudged == "the window has no rows of the group"
    assert check(other, aws_baseline(DPPL=0.0))["violations"] == []


@pytest.mark.parametrize(
    ("ours", "clarifys", "same"),
    [
        ("(40, inf]", "(40.0, 90]", True),
        ("(40, inf]", "(41, 90]", False),
        ("a,b", "a,b", True),
        ("(x,y]", "(x,z]", False),
    ],
)
def test_identity_of_thresholds(ours, clarifys, same):
    """An interval is known by where it starts: Clarify's ends at the largest value seen."""
    assert (identity(ours) == identity(clarifys)) is same


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda: Facet("f", [1], values=[1], threshold=2), "not both", id="values and threshold"),
        pytest.param(
            lambda: divide(Facet("f", list(range(MOST_VALUES + 1)))), "101 values", id="too many values"
        ),
        pytest.param(lambda: divide(Facet("f", ["x"], threshold=1)), "are numbers", id="threshold on words"),
        pytest.param(lambda: positives([1, 0]), "say which labels are positive", id="no positive"),
        pytest.param(
            lambda: bias_report([Facet("f", [1, 2, 3])], outcome("y", [0, 1], values=[1])),
            "3 rows",
            id="lengths",
        ),
        pytest.param(
            lambda: bias_report([], outcome("y", [0, 1], values=[1]), np.array([True])),
            "2 labels, 1 predictions",
            id="predictions",
        ),
    ],
)
def test_refusals(make, told):
    """What cannot be meant is refused with the reason."""
    with pytest.raises(ValueError, match=told):
        make()
