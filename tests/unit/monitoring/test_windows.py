"""Which windows are due: every hour in exactly one of them, in order, whatever happens."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.monitoring import windows
from perennial.monitoring.windows import Window, badly_late, due, floor, following, parse_subject, resumed

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
T = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # a Monday
PERIODS = [5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY]


@pytest.mark.parametrize(
    ("at", "every", "expected"),
    [
        pytest.param(T + 34 * MINUTE, HOUR, T, id="an hour"),
        pytest.param(T, HOUR, T, id="on the mark"),
        pytest.param(T + 34 * MINUTE, 15 * MINUTE, T + 30 * MINUTE, id="a quarter"),
        pytest.param(T, DAY, T - 4 * HOUR, id="a day, in UTC"),
        pytest.param(
            T, 7 * DAY, datetime(2026, 11, 19, tzinfo=UTC), id="weeks count from the epoch, a Thursday"
        ),
    ],
)
def test_alignment(at, every, expected):
    """Windows begin at whole multiples of their period since the epoch, in UTC."""
    assert expected == floor(at, every)


@pytest.mark.parametrize(
    ("now", "count"),
    [
        pytest.param(T + HOUR + 9 * MINUTE, 0, id="its traffic may not have arrived"),
        pytest.param(T + HOUR + 10 * MINUTE, 1, id="due"),
        pytest.param(T + 3 * HOUR + 10 * MINUTE, 3, id="after an outage"),
        pytest.param(T + 90 * HOUR, 6, id="a bounded number"),
    ],
)
def test_due(now, count):
    """A window is due once its end and the delay have passed; oldest first, at most so many."""
    found = due(T, HOUR, 10 * MINUTE, now, 6)
    assert [Window(T + n * HOUR, T + (n + 1) * HOUR) for n in range(count)] == found


@pytest.mark.parametrize(
    ("through", "every", "expected"),
    [
        pytest.param(T, HOUR, T + HOUR, id="regular"),
        pytest.param(T, DAY, T + 20 * HOUR, id="hourly became daily at four: the rest of the day"),
        pytest.param(T - 4 * HOUR, 15 * MINUTE, T - 4 * HOUR + 15 * MINUTE, id="daily became quarterly"),
        pytest.param(T + 15 * MINUTE, HOUR, T + HOUR, id="quarterly became hourly in the middle of one"),
    ],
)
def test_a_change_of_the_period(through, every, expected):
    """The next window begins where the last one ended and ends at a mark of the new period."""
    assert Window(through, expected) == following(through, every)


@given(
    st.lists(st.tuples(st.sampled_from(PERIODS), st.integers(0, 3 * 24 * 60), st.integers(1, 7)), max_size=30)
)
def test_any_ticks_and_outages(ticks):
    """Whatever the ticks, outages and changes of the period: no hour is left out, twice analysed, or early."""
    through, now, done = T, T, []
    for every, minutes, most in ticks:
        now += minutes * MINUTE
        for window in due(through, every, 10 * MINUTE, now, most):
            assert window.end + 10 * MINUTE <= now
            done.append(window)
            through = window.end
        assert due(through, every, 10 * MINUTE, now, most) == due(through, every, 10 * MINUTE, now, most)
    edges = [T, *(window.end for window in done)]
    assert [window.start for window in done] == edges[:-1]
    assert edges == sorted(set(edges))


@pytest.mark.parametrize(
    ("through", "late"),
    [
        pytest.param(T, False, id="one waits"),
        pytest.param(T - HOUR, False, id="two wait"),
        pytest.param(T - 2 * HOUR, True, id="three wait, the oldest for two hours"),
    ],
)
def test_badly_late(through, late):
    """A person is told when more than two windows wait, the oldest for more than half an hour."""
    assert late == badly_late(through, HOUR, 10 * MINUTE, T + HOUR + 10 * MINUTE)


def test_quick_windows_are_not_late_at_once():
    """Three windows of five minutes may wait for the next sweep."""
    assert not badly_late(T, 5 * MINUTE, 10 * MINUTE, T + 25 * MINUTE)


def test_what_is_too_old_is_passed():
    """Windows that were due more than two weeks ago are left out: no alarm could see them."""
    now = T + 30 * DAY
    assert floor(now - 14 * DAY - 10 * MINUTE, HOUR) == resumed(T, HOUR, 10 * MINUTE, now)
    assert T == resumed(T, HOUR, 10 * MINUTE, T + DAY)


def test_last_and_now():
    """`last` is the newest window that is due, `now` reaches from the running window's start until now."""
    now = T + 5 * MINUTE
    assert Window(T - 2 * HOUR, T - HOUR) == windows.last_complete(HOUR, 10 * MINUTE, now)
    assert Window(T, now) == windows.until_now(HOUR, now)
    assert Window(T - HOUR, T) == windows.until_now(HOUR, T)


@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ("data_quality", "due"),
        ("bias@last", "last"),
        ("model_quality@now", "now"),
        ("bias@2026-11-23T04:00:00Z/2026-11-23T05:00:00Z", Window(T, T + HOUR)),
        ("bias@2026-11-23T05:00:00+01:00/2026-11-23T05:00:00", Window(T, T + HOUR)),
    ],
)
def test_subjects(subject, what):
    """A hint names a monitor, and a window where somebody asks for one; a time without zone is UTC."""
    asked = parse_subject(subject)
    assert (subject.partition("@")[0], what) == (asked.monitor, asked.what)


@pytest.mark.parametrize(
    "subject",
    [None, "", "drift", "bias@", "bias@soon", "bias@2026-11-23T05:00:00Z/2026-11-23T05:00:00Z", "bias@x/y"],
)
def test_subjects_that_say_nothing(subject):
    """Anything else is an error, not a guess."""
    with pytest.raises(ValueError):  # noqa: PT011 - datetime's own words are as good
        parse_subject(subject)
