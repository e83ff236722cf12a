"""The governor allows one training at a time, so many a week, within a budget, and not again what did not help."""

from datetime import timedelta

import pytest
from fakes import NOW
from hypothesis import given
from hypothesis import strategies as st

from perennial.retraining.governor import Past, Plan, rule
from perennial.retraining.prices import cost, planned_seconds, price, table
from perennial.sections_watching import Retraining

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITS = Retraining()
PLAN = Plan("drift-1", "dataset-b", 0.12)


def past(days=2.0, signature="drift-0", usd=0.1, fate="serving", dataset="dataset-a"):
    return Past(NOW - days * DAY, signature, usd, fate, dataset)


@pytest.mark.parametrize(
    ("earlier", "plan", "words"),
    [
        pytest.param([], PLAN, None, id="the first"),
        pytest.param([past(days=0.5)], PLAN, "cooldown of 24 hours ends at 2026-03-02 00:00", id="cooldown"),
        pytest.param([past(1.5), past(3), past(5)], PLAN, "3 of at most 3", id="a week's number"),
        pytest.param([past(1.5), past(3), past(7.1)], PLAN, None, id="a week has passed"),
        pytest.param(
            [Past(NOW - 25 * HOUR, "x", 99.95, "serving")],
            PLAN,
            None,
            id="spent last month",
        ),
        pytest.param(
            [], Plan("drift-1", "dataset-b", 101.0, "a guess"), "101.00 (a guess)", id="dearer than all"
        ),
        pytest.param(
            [past(signature="drift-1", fate="refused", dataset="dataset-b")],
            PLAN,
            "was refused",
            id="the candidate was rejected",
        ),
        pytest.param(
            [past(signature="drift-1", dataset="dataset-b")],
            PLAN,
            "still there",
            id="it serves and did not help",
        ),
        pytest.param([past(signature="drift-1")], PLAN, None, id="new data came"),
        pytest.param(
            [past(signature="drift-1", dataset="x")],
            Plan("drift-1", None, 0.1),
            "still there",
            id="traffic of the same week",
        ),
        pytest.param(
            [past(days=8, signature="drift-1", dataset="x")],
            Plan("drift-1", None, 0.1),
            None,
            id="a week's new traffic",
        ),
        pytest.param(
            [past(signature="drift-1", fate="other", dataset="dataset-b")],
            PLAN,
            None,
            id="nobody knows how it ended",
        ),
    ],
)
def test_rule(earlier, plan, words):
    """Each limit withholds with its reason; otherwise the training is allowed."""
    ruling = rule(LIMITS, plan, earlier, None, NOW)
    assert ruling.allowed == (words is None), ruling.reason
    assert words is None or words in ruling.reason


def test_spent_this_month():
    """The budget is a calendar month's."""
    now = NOW + 20 * DAY
    spent = [Past(now - 10 * DAY, "x", 99.95, "serving"), Past(NOW - 2 * DAY, "x", 99.95, "serving")]
    ruling = rule(LIMITS, PLAN, spent, None, now)
    assert "99.95 USD are spent this month" in ruling.reason


@pytest.mark.parametrize(
    ("earlier", "usd", "expected"),
    [
        pytest.param([past(days=0.5)], 0.1, NOW + 12 * HOUR, id="the cooldown's end"),
        pytest.param(
            [past(1.5), past(3), past(5)], 0.1, NOW + 2 * DAY, id="the oldest of three is a week old"
        ),
        pytest.param([past(1.5), past(3), past(5), past(6)], 0.1, NOW + 2 * DAY, id="two of four have to be"),
        pytest.param([], 101.0, None, id="dearer than a whole month's"),
        pytest.param([past(signature="drift-1", dataset="dataset-b")], 0.1, None, id="new data, not time"),
    ],
)
def test_when_to_ask_again(earlier, usd, expected):
    """Where time alone lifts what withholds, the ruling says when."""
    ruling = rule(LIMITS, Plan("drift-1", "dataset-b", usd), earlier, None, NOW)
    assert not ruling.allowed
    assert expected == ruling.again_at


def test_the_next_months_budget():
    """A budget that is spent is there again on the first."""
    now = NOW + 20 * DAY
    ruling = rule(LIMITS, PLAN, [Past(now - 8 * DAY, "x", 99.95, "serving")], None, now)
    assert "2026-04-01" == f"{ruling.again_at:%Y-%m-%d}"


@given(st.deferred(lambda: PASTS), st.integers(1, 4))
def test_asking_again_is_not_in_vain(earlier, most):
    """At the time that the ruling names, the limit that withheld it does so no more."""
    limits = Retraining(cooldown_hours=12, max_per_week=most, max_monthly_usd=1e9)
    plan = Plan("new-trouble", "dataset-c", 1.0)
    now, seen = NOW, 0
    while not (ruling := rule(limits, plan, earlier, None, now)).allowed:
        assert ruling.again_at is not None
        assert ruling.again_at > now
        now, seen = ruling.again_at, seen + 1
        assert seen <= 3


def test_one_at_a_time():
    """Nothing passes what is under way: no person either."""
    for person in (False, True):
        assert not rule(LIMITS, PLAN, [], "job x is under way", NOW, by_person=person).allowed


def test_a_person_passes_every_other_limit():
    """Who asks by hand knows why."""
    strict = Retraining(max_per_week=0, max_monthly_usd=0)
    again = [past(days=0.01, signature="drift-1", fate="refused", dataset="dataset-b")]
    assert rule(strict, PLAN, again, None, NOW, by_person=True).allowed


PASTS = st.lists(
    st.builds(
        Past,
        at=st.floats(0, 40).map(lambda days: NOW - timedelta(days=days)),
        signature=st.sampled_from(["drift-1", "drift-2", "quality-1"]),
        usd=st.floats(0, 60),
        fate=st.sampled_from(["under_way", "serving", "refused", "other"]),
        dataset=st.sampled_from([None, "dataset-a", "dataset-b"]),
    ),
    max_size=12,
)


@given(
    PASTS,
    st.floats(0, 48),
    st.integers(0, 5),
    st.floats(0, 200),
    st.floats(0, 60),
)
def test_no_limit_is_ever_passed(earlier, cooldown, most, budget, usd):
    """Whatever happened before: what is allowed keeps the cooldown, the week's number and the month's budget."""
    limits = Retraining(cooldown_hours=cooldown, max_per_week=most, max_monthly_usd=budget)
    ruling = rule(limits, Plan("drift-1", "dataset-b", usd), earlier, None, NOW)
    assert ruling.reason
    if ruling.allowed:
        assert all(NOW - item.at >= timedelta(hours=cooldown) for item in earlier)
        assert sum(NOW - item.at < 7 * DAY for item in earlier) < most
        spent = sum(item.usd for item in earlier if (item.at.year, item.at.month) == (NOW.year, NOW.month))
        assert spent + usd <= budget


@given(PASTS, st.randoms())
def test_order_means_nothing(earlier, chance):
    """The past is a set."""
    mixed = list(earlier)
    chance.shuffle(mixed)
    at = {item.at for item in earlier}
    if len(at) == len(earlier):
        assert rule(LIMITS, PLAN, earlier, None, NOW) == rule(LIMITS, PLAN, mixed, None, NOW)


@given(PASTS, st.integers(1, 8))
def test_alarms_of_a_year_stay_within_the_limits(earlier, hours):
    """An alarm that rings for ever starts no more trainings a week than it may, and spends no more than the budget."""
    limits = Retraining(cooldown_hours=1, max_per_week=2, max_monthly_usd=50)
    done: list[Past] = []
    for step in range(0, 24 * 60, hours * 6):
        now = NOW + step * HOUR
        plan = Plan("drift-1", f"dataset-{step}", 9.0)
        if rule(limits, plan, done, None, now).allowed:
            done.append(Past(now, "drift-1", 9.0, "serving", plan.dataset))
    for item in done:
        assert sum(item.at <= other.at < item.at + 7 * DAY for other in done) <= 2
        month = [other for other in done if (other.at.year, other.at.month) == (item.at.year, item.at.month)]
        assert sum(other.usd for other in month) <= 50


class TestPrices:
    def test_the_table_has_its_date(self):
        """Prices are data, with their date and unit, and plausible."""
        assert {"as_of", "region", "unit", "note", "instances"} == set(table())
        assert all(name.startswith("ml.") and 0.05 < usd < 200 for name, usd in table()["instances"].items())

    def test_a_listed_instance(self):
        """An hour costs what the table says, without a note."""
        assert (0.115, "") == (cost("ml.m5.large", 3600), price("ml.m5.large").note)

    def test_an_unlisted_instance_counts_as_the_dearest(self):
        """A guess is never too low, and says that it is one."""
        dearest = max(table()["instances"].values())
        assert dearest == cost("ml.z9.huge", 3600)
        assert "ml.z9.huge" in price("ml.z9.huge").note

    @pytest.mark.parametrize(
        ("last", "most", "seconds"), [(None, 60, 3600), (600, 60, 600), (9000, 60, 3600)]
    )
    def test_how_long_the_next_one_takes(self, last, most, seconds):
        """As long as the last one did, and never longer than it may."""
        assert seconds == planned_seconds(last, most)
