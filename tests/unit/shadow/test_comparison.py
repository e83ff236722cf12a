"""What counts as the same answer, as worse, and as chance; against the textbook's formulas."""

import base64
import json
import math
import statistics
from datetime import timedelta

import pytest
from fakes import NOW
from hypothesis import given
from hypothesis import strategies as st

from perennial.sections_serving import Shadow
from perennial.shadow_answers import Prediction, joined, predictions, read
from perennial.shadow_comparison import (
    Answers,
    Interval,
    Traffic,
    consequence,
    error_difference,
    judge,
    latency_ratio,
    median_percentiles,
    relative_difference,
    wilson,
)

START, END = NOW, NOW + timedelta(hours=1)
LIMITS = Shadow(requests=50)
NUMBERS = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=2, max_size=50)


def record(asked, answered, *, at=NOW, encoding="CSV", kind="text/csv", identity=None):
    def side(data):
        text = base64.b64encode(data.encode()).decode() if encoding == "BASE64" else data
        return {"data": text, "encoding": encoding, "observedContentType": kind}

    metadata = {"eventId": "1", "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    if identity:
        metadata["inferenceId"] = identity
    data = {"endpointInput": side(asked), "endpointOutput": side(answered)}
    return json.dumps({"captureData": data, "eventMetadata": metadata}).encode()


def answered(*records, classes=True):
    return list(read(records, START, END, classes, "perennial-smoke-test"))


def answers(pairs, scored=True):
    return Answers.of(
        ([Prediction(ours, x if scored else None)], [Prediction(theirs, y if scored else None)])
        for ours, theirs, x, y in pairs
    )


def traffic(invocations=1000, errors=0, ms=10.0, reach=0.1):
    return Traffic(invocations, errors, Interval(ms, ms - reach, ms + reach), ms * 2)


def same(count, differing=0):
    return answers([("no", "yes" if row < differing else "no", row % 7, row % 7) for row in range(count)])


@pytest.mark.parametrize(
    ("text", "kind", "classes", "expected"),
    [
        ("yes,0.75\nno,0.25\n", "text/csv", True, [("yes", 0.75), ("no", 0.25)]),
        ('"a, b",0.75\n', "text/csv; charset=utf-8", True, [("a, b", 0.75)]),
        ("yes\nno\n", "text/csv", True, [("yes", None), ("no", None)]),
        ("1,0.75\n", "text/csv", True, [("1", 0.75)]),
        ("0.75\n", "text/csv", True, [(None, 0.75)]),
        ("3.5\n-2\n", "text/csv", False, [(None, 3.5), (None, -2.0)]),
        ('{"predictions":[{"predicted_label":"yes","score":0.5}]}', "application/json", True, [("yes", 0.5)]),
        ('{"predictions":[{"score":0.5}]}', "application/json", False, [(None, 0.5)]),
        ("[0.5, 2]", "application/json", False, [(None, 0.5), (None, 2.0)]),
        ('{"score":1}\n{"score":2}\n', "application/jsonlines", False, [(None, 1.0), (None, 2.0)]),
    ],
)
def test_every_form_of_an_answer(text, kind, classes, expected):
    """Whatever the caller accepted, the predictions are the same."""
    assert list(predictions(text, kind, classes)) == expected


@pytest.mark.parametrize("encoding", ["CSV", "BASE64"])
def test_requests_are_joined_by_their_bytes(encoding):
    """Not by ids, nor by their order; equal requests in the order of their capture."""
    ours = answered(
        *(record(text, said, encoding=encoding) for text, said in (("1", "a,1"), ("2", "b,2"), ("1", "c,3")))
    )
    theirs = answered(
        *(record(text, said, encoding=encoding) for text, said in (("1", "x,1"), ("1", "y,2"), ("3", "z,3")))
    )
    assert [(a[0].label, b[0].label) for a, b in joined(ours, theirs)] == [("a", "x"), ("c", "y")]


@pytest.mark.parametrize(
    "odd",
    [
        b"no json",
        b"{}",
        record("1", "a,1", at=START - timedelta(seconds=1)),
        record("1", "a,1", at=END),
        record("1", "a,1", identity="perennial-smoke-test"),
        record("1", "a,nan"),
        record("1", "not json", kind="application/json"),
    ],
)
def test_what_is_left_out(odd):
    """Other hours, our own smoke test, and what cannot be read."""
    assert answered(odd) == []


def test_answers_of_different_length_are_not_compared():
    """A row more or less belongs to no row of the other."""
    assert list(joined(answered(record("1", "a,1\nb,2")), answered(record("1", "a,1")))) == []


@given(NUMBERS)
def test_figures_are_the_textbooks(pairs):
    """Mean absolute difference, production's deviation and the correlation."""
    found = answers([(None, None, x, y) for x, y in pairs])
    ours, theirs = zip(*pairs, strict=True)
    gaps = [abs(x - y) for x, y in pairs]
    assert found.difference.value == pytest.approx(statistics.fmean(gaps), abs=1e-9)
    assert found.spread == pytest.approx(statistics.pstdev(ours), abs=1e-3)
    if statistics.pstdev(ours) > 1 and statistics.pstdev(theirs) > 1:
        assert found.correlation == pytest.approx(statistics.correlation(ours, theirs), abs=1e-4)


@given(st.integers(1, 500), st.integers(0, 500))
def test_an_interval_holds_its_figure(of, hits):
    """And stays within what a share can be."""
    found = wilson(min(hits, of), of)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


@given(st.integers(1, 10_000_000))
def test_percentiles_that_cloudwatch_knows(count):
    """Around the median, closer with more measurements, never the extremes."""
    low, high = median_percentiles(count)
    assert 0 < low < 50 < high < 100
    assert math.isclose(50 - low, high - 50, abs_tol=0.02)


@pytest.mark.parametrize(
    ("found", "ours", "theirs", "outcome", "said"),
    [
        pytest.param(same(100), traffic(), traffic(), "passed", "100 requests", id="the same"),
        pytest.param(same(49), traffic(), traffic(), "unclear", "only 49", id="too few"),
        pytest.param(same(100, 40), traffic(), traffic(), "failed", "40.0%", id="another opinion"),
        pytest.param(same(100, 12), traffic(), traffic(), "unclear", "chance", id="perhaps another opinion"),
        pytest.param(same(100, 5), traffic(), traffic(), "passed", "100", id="within the limit"),
        pytest.param(same(100), traffic(), traffic(ms=16), "failed", "1.60 times", id="slow"),
        pytest.param(same(100), traffic(), traffic(ms=16, reach=9), "unclear", "chance", id="perhaps slow"),
        pytest.param(same(100), traffic(), traffic(errors=100), "failed", "10.0%", id="fails"),
        pytest.param(same(100), traffic(errors=100), traffic(errors=100), "passed", "100", id="both fail"),
        pytest.param(
            same(100), traffic(), Traffic(0, 0, None, None), "unclear", "no latency", id="unmeasured"
        ),
        pytest.param(
            Answers(requests=100), traffic(), traffic(), "unclear", "no predictions", id="unreadable"
        ),
        pytest.param(same(3, 3), traffic(), traffic(ms=90), "unclear", "9.00 times", id="too few, and slow"),
    ],
)
def test_verdicts(found, ours, theirs, outcome, said):
    """Worse for certain, doubtful, or well, with the reason in words."""
    verdict = judge(found, ours, theirs, LIMITS, classes=True)
    assert verdict.outcome == outcome, verdict
    assert said in str(verdict)


@pytest.mark.parametrize(("moved", "outcome"), [(0.0, "passed"), (0.3, "passed"), (2.0, "failed")])
def test_regression_is_judged_in_standard_deviations(moved, outcome):
    """Of what production predicts: 0.3 of 2 is less than a quarter, 2 of 2 is more."""
    found = answers([(None, None, row % 7, row % 7 + moved) for row in range(200)])
    assert judge(found, traffic(), traffic(), LIMITS, classes=False).outcome == outcome


def test_constant_numbers():
    """Equal constants are the same answer; different ones have no measure, so a person is asked."""
    equal = answers([(None, None, 1.0, 1.0)] * 100)
    other = answers([(None, None, 1.0, 2.0)] * 100)
    assert relative_difference(equal).value == 0
    assert judge(other, traffic(), traffic(), LIMITS, classes=False).outcome == "unclear"


def test_the_ratio_allows_for_both_intervals():
    """The least that both allow, and the most."""
    found = latency_ratio(traffic(ms=10, reach=2), traffic(ms=20, reach=4))
    assert (found.low, found.value, found.high) == (16 / 12, 2.0, 24 / 8)


def test_more_errors_than_production():
    """The difference of the shares, whose interval holds nothing while neither fails."""
    found = error_difference(traffic(errors=10), traffic(errors=110))
    assert found.value == pytest.approx(0.1)
    assert 0.07 < found.low < found.value < found.high < 0.13
    quiet = error_difference(traffic(), traffic())
    assert quiet.low < 0 < quiet.high


@pytest.mark.parametrize(
    ("outcome", "then", "expected"),
    [
        ("passed", "promote", "promote"),
        ("failed", "promote", "drop"),
        ("unclear", "promote", "ask"),
        *((outcome, then, then) for outcome in ("passed", "failed", "unclear") for then in ("ask", "drop")),
    ],
)
def test_consequences(outcome, then, expected):
    """Only `promote` leaves it to the verdict."""
    verdict = judge(
        {"passed": same(100), "failed": same(100, 90), "unclear": same(2)}[outcome],
        traffic(),
        traffic(),
        LIMITS,
        classes=True,
    )
    assert verdict.outcome == outcome
    assert consequence(verdict, then) == expected
