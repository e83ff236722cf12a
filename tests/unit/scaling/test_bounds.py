"""Between how many instances an endpoint scales now: schedule, adjustments, limits."""

from datetime import UTC, datetime, timedelta

import pytest
from fakes import config
from hypothesis import given
from hypothesis import strategies as st

from perennial.scaling import wanted
from perennial.scaling_bounds import Bounds, Raise, Raised, bounds, by_order, by_rule, raised_over, scheduled
from perennial.sections_scaling import Scaling

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DAY = [
    {"name": "morning", "at": "cron(0 8 * * ? *)", "min": 3, "max": 8},
    {"name": "evening", "at": "cron(0 20 * * ? *)", "min": 1},
]


def scaling(**keys):
    return Scaling.model_validate(keys)


def at(text):
    return datetime.fromisoformat(f"2026-03-04T{text}").replace(tzinfo=UTC)


def raised(bound="floor", instances=3, hours=2.0, source="alarm"):
    return Raise(bound, source, instances, NOON + timedelta(hours=hours), "somebody", "why")


@pytest.mark.parametrize(
    ("schedule", "now", "expected"),
    [
        pytest.param([], NOON, (2, 4, None), id="no schedule"),
        pytest.param(DAY, at("08:00"), (3, 8, "morning"), id="to the second"),
        pytest.param(DAY, at("19:59"), (3, 8, "morning"), id="until the next"),
        pytest.param(DAY, at("20:00"), (1, 4, "evening"), id="what is left out is as in scaling"),
        pytest.param(DAY, at("03:00"), (1, 4, "evening"), id="since yesterday"),
        pytest.param(
            [{"name": "fair", "at": "at(2026-03-05T08:00:00)", "min": 4}], NOON, (2, 4, None), id="not yet"
        ),
        pytest.param(
            [{"name": "fair", "at": "at(2026-03-01T08:00:00)", "min": 4}], NOON, (4, 4, "fair"), id="for good"
        ),
    ],
)
def test_the_entry_that_was_due_last_sets_the_bounds(schedule, now, expected):
    """As if the schedule had always been there; before any was due, `scaling` does."""
    found, name = scheduled(scaling(min=2, max=4, schedule=schedule), now)
    assert (found.least, found.most, name) == expected


@pytest.mark.parametrize(
    ("raises", "limit", "expected"),
    [
        pytest.param([], 8, (2, 4), id="nothing raised"),
        pytest.param([raised()], 8, (3, 4), id="a floor"),
        pytest.param([raised(instances=1)], 8, (2, 4), id="a floor below"),
        pytest.param([raised(instances=6)], 8, (6, 6), id="a floor above the ceiling lifts it"),
        pytest.param([raised(instances=9)], 8, (8, 8), id="never above the limit"),
        pytest.param([raised("ceiling", 7)], 8, (2, 7), id="a ceiling"),
        pytest.param([raised(), raised("floor", 4, 2, "operator")], 8, (4, 4), id="the higher of two"),
        pytest.param([raised(hours=0)], 8, (2, 4), id="over"),
    ],
)
def test_what_is_raised_lies_on_top(raises, limit, expected):
    """The higher wins, the limit holds, and what is over is forgotten."""
    settings = scaling(min=2, max=4, adjust={"limit": limit})
    assert bounds(settings, Raised(tuple(raises)), NOON) == Bounds(*expected)


@pytest.mark.parametrize(
    ("adjust", "instances", "expected"),
    [
        pytest.param({}, 2, 3, id="one more, or half as many again"),
        pytest.param({"percent": 100, "limit": 9}, 4, 8, id="twice as many"),
        pytest.param({"percent": 100, "limit": 9}, 7, 9, id="at most the limit"),
        pytest.param({}, 4, 4, id="scaling.max is the limit if none is said"),
        pytest.param({"raises": "ceiling", "limit": 5}, 4, 5, id="the ceiling"),
    ],
)
def test_an_alarm_raises_by_the_rule(adjust, instances, expected):
    """A share of what there is, one at least, never above the limit."""
    settings = scaling(min=1, max=4, adjust=adjust)
    found = by_rule(settings, Raised(), instances, NOON, "alarm a", "latency")
    assert (found.instances, found.until) == (expected, NOON + timedelta(hours=2))
    assert found.raised.raises[0].bound == settings.adjust.raises


def test_a_second_alarm_extends_and_does_not_stack():
    """Same height, later end; a third after the end begins anew."""
    settings = scaling(min=1, max=9)
    first = by_rule(settings, Raised(), 2, NOON, "a", "x")
    second = by_rule(settings, first.raised, 3, NOON + timedelta(hours=1), "b", "y")
    assert (first.instances, second.instances, second.until) == (3, 3, NOON + timedelta(hours=3))
    third = by_rule(settings, second.raised, 3, NOON + timedelta(hours=3), "c", "z")
    assert third.instances == 5


@pytest.mark.parametrize(
    ("bound", "instances", "limit", "words"),
    [
        ("floor", 3, None, "the floor is raised from 1 to 3 until 2026-03-04 13:00 UTC: 3 to 4 instances"),
        ("floor", 1, None, "the floor is 1 already"),
        ("ceiling", 6, None, "scaling.max (there is no adjust.limit) allows no more than 4 instances"),
        ("ceiling", 6, 8, "the ceiling is raised from 4 to 6"),
        ("ceiling", 9, 8, "scaling.adjust.limit allows no more than 8 instances"),
    ],
)
def test_an_operator_says_how_many(bound, instances, limit, words):
    """Up to the limit, and only more than there is."""
    settings = scaling(min=1, max=4, adjust={"limit": limit})
    found = by_order(settings, Raised(), bound, instances, NOON + timedelta(hours=1), NOON, "ada")
    assert words in found.reason


def test_an_operators_order_replaces_his_last_and_leaves_the_alarms():
    """He may go back; what an alarm raised stays as long as it was to."""
    settings = scaling(min=1, max=9)
    alarmed = by_rule(settings, Raised(), 2, NOON, "a", "x").raised
    for instances, expected in ((6, 6), (4, 4)):
        until = NOON + timedelta(hours=1)
        alarmed = by_order(settings, alarmed, "floor", instances, until, NOON, "ada").raised
        assert bounds(settings, alarmed, NOON).least == expected
    assert bounds(settings, alarmed, NOON + timedelta(minutes=61)).least == 3


def test_at_the_limit_an_alarm_changes_nothing():
    """It says that there is no more to have."""
    found = by_rule(scaling(min=4, max=4), Raised(), 4, NOON, "a", "x")
    assert (found.raised, "nothing is raised above 4" in found.reason) == (None, True)


def test_a_raised_floor_survives_a_scheduled_action():
    """While it stands, what AWS sets at the time has it in it; when it is over, it has not."""
    settings = config(scaling={"min": 1, "max": 8, "schedule": DAY})
    floor = by_rule(settings.scaling, Raised(), 5, at("19:00"), "a", "x").raised
    for now, least in ((at("19:30"), 8), (at("21:00"), 1)):
        body = wanted(settings, "e", floor, now).actions["e-schedule-evening"]
        assert body["ScalableTargetAction"] == {"MinCapacity": least, "MaxCapacity": 8}


@pytest.mark.parametrize(
    ("until", "now", "least"),
    [
        pytest.param("20:30", "19:30", 5, id="it is due while the floor stands"),
        pytest.param("19:45", "19:30", 1, id="it is due after the floor has ended"),
        pytest.param("20:00", "19:30", 1, id="it is due as the floor ends"),
        pytest.param("20:30", "20:01", 5, id="it was due a moment ago, and perhaps runs yet"),
        pytest.param("20:30", "20:10", 1, id="it was due, and is again tomorrow"),
    ],
)
def test_a_scheduled_action_raises_nothing_that_has_ended_by_then(until, now, least):
    """An entry that is due between a floor's end and the sweep that takes it back sets what is configured."""
    settings = config(scaling={"min": 1, "max": 8, "schedule": DAY})
    floor = by_order(settings.scaling, Raised(), "floor", 5, at(until), at("19:00"), "ada").raised
    body = wanted(settings, "e", floor, at(now)).actions["e-schedule-evening"]
    assert body["ScalableTargetAction"] == {"MinCapacity": least, "MaxCapacity": 8}


BOUNDS = st.tuples(st.integers(1, 9), st.integers(0, 9)).map(lambda pair: Bounds(pair[0], sum(pair)))
RAISES = st.lists(
    st.builds(
        Raise,
        st.sampled_from(["floor", "ceiling"]),
        st.sampled_from(["alarm", "operator"]),
        st.integers(1, 30),
        st.integers(-5, 5).map(lambda hours: NOON + timedelta(hours=hours)),
        st.just("who"),
        st.just("why"),
    ),
    max_size=4,
)


@given(BOUNDS, RAISES, st.integers(1, 20))
def test_bounds_stay_in_order(base, raises, limit):
    """Never least above most, never below what the schedule says, never above the limit by anything raised."""
    found = raised_over(base, raises, limit)
    assert found.least <= found.most
    assert (found.least >= base.least, found.most >= base.most) == (True, True)
    assert found.most <= max(base.most, limit)
    assert raised_over(base, [], limit) == base


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["alarm", "order", "settle"]),
        st.integers(0, 200),
        st.integers(1, 12),
        st.integers(1, 9),
    ),
    max_size=20,
)


@given(STEPS)
def test_any_sequence_of_wishes_ends_where_it_began(steps):
    """Whatever alarms and operators ask for, nothing passes the limit, and once all is over the bounds are the schedule's."""
    settings = scaling(min=1, max=5, schedule=DAY, adjust={"limit": 7})
    known, now, instances = Raised(), NOON, 1
    for what, minutes, asked, hours in steps:
        now += timedelta(minutes=minutes)
        present = bounds(settings, known, now)
        assert present.most <= 8
        assert present.least <= max(7, scheduled(settings, now)[0].least)
        instances = min(max(instances, present.least), present.most)
        if what == "settle":
            known = known.standing(now)
        elif what == "alarm":
            known = by_rule(settings, known, instances, now, "a", "x").raised or known
        else:
            until = now + timedelta(hours=hours)
            known = by_order(settings, known, "floor", asked, until, now, "ada").raised or known
        assert Raised.read(known.document()) == known
        assert len(known.raises) == len({(each.bound, each.source) for each in known.raises})
    later = now + timedelta(hours=10)
    assert bounds(settings, known, later) == scheduled(settings, later)[0]
