"""`perennial capacity`: an honest load, and the figures that follow from it."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_cli.__main__ import parser
from perennial_cli.load import Step, percentile, run
from perennial_cli.sizing import Bound, chart, costs, doubt, highest, instances, search, target


def step(rate, tail=10.0, errors=0, answered=None, oversleep=0.0):
    total = round(rate * 10)
    done = total if answered is None else answered
    return Step(
        rate, 10 * total / done, (5.0,) * (total - total // 50) + (tail,) * (total // 50), errors, oversleep
    )


def server_of(limit):
    """Holds the bound up to `limit` requests a second."""
    return lambda rate: step(rate, 20.0 if rate <= limit else 500.0)


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        pytest.param(step(50), None, id="holds"),
        pytest.param(step(50, tail=101), "p99 101 ms", id="slow"),
        pytest.param(step(50, errors=6), "1.2 % errors", id="errors"),
        pytest.param(step(50, answered=400), "only 40 a second answered", id="behind"),
    ],
)
def test_a_rate_holds_the_bound_or_says_why_not(measured, why):
    """Latency at the percentile, errors, and answers that keep up."""
    assert Bound(100).broken(measured) == why


@given(st.floats(6, 1900))
def test_the_search_ends_just_below_what_the_server_can_do(limit):
    """Doubling, then three looks in between: within an eighth of the gap, and never above."""
    found = highest(list(search(5, 2000, Bound(100), server_of(limit)))).rate
    assert found <= limit
    assert limit - found <= limit / 8 + 0.1 or found >= 0.8 * limit


@pytest.mark.parametrize(
    ("limit", "expected"),
    [pytest.param(1, None, id="too slow"), pytest.param(9999, 640, id="more than asked")],
)
def test_the_ends_of_the_search(limit, expected):
    """Nothing held, or all did up to the most."""
    steps = list(search(5, 640, Bound(100), server_of(limit)))
    best = highest(steps)
    assert (best.rate if best else None) == expected
    assert ("the highest rate tried still held" in (doubt(steps, Bound(100)) or "")) is (expected == 640)


def test_a_machine_too_busy_to_measure_says_so():
    """What it adds by itself would be taken for the server's."""
    assert "too busy to measure" in doubt([(step(50, oversleep=30.0), None)], Bound(100))


@pytest.mark.parametrize(
    ("rps", "safety", "invocations", "needed"),
    [(100, 0.5, 3000, 6), (100, 0.7, 4200, 5), (0.4, 0.5, 12, 1500)],
)
def test_aws_formula(rps, safety, invocations, needed):
    """MAX_RPS * SAFETY_FACTOR * 60, and as many instances as keep to it."""
    assert (target(rps, safety), instances(300, rps, safety)) == (invocations, needed)


def test_what_it_costs():
    """Fixed capacity is paid around the clock, scaled and zero while there is traffic, serverless by the request."""
    fixed, scaled, zero, serverless = costs("ml.m5.large", 2, 10, 12, 50, 2048)
    assert fixed.monthly == pytest.approx(2 * 0.115 * 730)
    assert scaled.monthly == pytest.approx((2 + 1) * 0.115 * 365)
    assert zero.monthly == pytest.approx(2 * 0.115 * 365)
    assert serverless.monthly == pytest.approx(10 * 3600 * 365 * 0.050 * 0.00004)
    assert costs("ml.unknown.large", 2, 10, 24, 50, 2048)[0].monthly is None
    assert "more than the 200" in costs("ml.m5.large", 2, 9000, 24, 50, 2048)[3].note


def test_percentiles():
    """Nearest rank."""
    values = tuple(float(n) for n in range(1, 101))
    assert [percentile(values, p) for p in (50, 99, 100)] == [50.0, 99.0, 100.0]


def test_the_chart():
    """One line a rate, in order, the bound at the right, and why it broke."""
    lines = list(
        chart([(step(10, 50.0), None), (step(5, 10.0), None), (step(20, 500.0), "p99 500 ms")], Bound(100))
    )
    assert [line.split()[0] for line in lines[1:]] == ["5.0", "10.0", "20.0"]
    assert lines[3].endswith("p99 500 ms")
    assert ">" in lines[3]


def test_a_stall_is_seen_by_every_request_that_was_due():
    """Requests due while the server stands still are late, too: nothing is left out (no coordinated omission)."""
    begin, lock, stalled = time.monotonic(), threading.Lock(), []

    def send():
        with lock:
            if time.monotonic() - begin > 0.5 and not stalled:
                stalled.append(time.sleep(0.4))
        return True

    measured = run(100, 1.5, 8, send)
    late = [each for each in measured.latencies if each > 50]
    assert len(measured.latencies) == 150
    assert len(late) >= 25  # 0.4 s at 100 a second is 40; a closed loop would have told of 8


@pytest.mark.parametrize(
    "wrong",
    [
        *("--latency 0", "--first -1", "--seconds nan", "--traffic inf", "--percentile 101", "--hours 25"),
        *("--connections 0", "--instances 0"),
    ],
)
def test_figures_that_nothing_can_be_measured_with(wrong, capsys):
    """Refused when they are read, with the option's name, before any load runs."""
    with pytest.raises(SystemExit):
        parser().parse_args(["capacity", "m", *wrong.split()])
    assert wrong.split()[0] in capsys.readouterr().err
