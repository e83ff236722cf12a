"""What the newest reports tell together."""

import pytest
from alarms.samples import AT, HOUR, drifted, report

from perennial.alarms.reports import changed_since


def told(*newest_first):
    """Reports of the hours before AT: d drifted, q quiet, e empty, f too few."""
    statuses = {"q": "ok", "e": "empty", "f": "too_few"}
    found = []
    for back, letter in enumerate(newest_first):
        start = AT - back * HOUR
        found.append(
            report("data_quality", "violations", start, violations=drifted()["violations"])
            if letter == "d"
            else report("data_quality", statuses[letter], start)
        )
    return found


@pytest.mark.parametrize(
    ("hours", "back"),
    [
        pytest.param("", None, id="no reports"),
        pytest.param("qqq", None, id="quiet"),
        pytest.param("dqq", 0, id="just now"),
        pytest.param("dddqd", 2, id="since the last quiet hour"),
        pytest.param("defdq", 3, id="hours without a verdict tell nothing"),
        pytest.param("eqd", None, id="quiet again"),
        pytest.param("ddd", 2, id="always"),
    ],
)
def test_when_the_traffic_changed(hours, back):
    """It changed when the present run of windows with violations began."""
    assert changed_since(told(*hours)) == (None if back is None else AT - back * HOUR)
