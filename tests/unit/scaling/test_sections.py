"""The section `scaling` of model.yaml: mistakes are named with their line and what would be right."""

import pytest

from perennial.config_file import read_config
from perennial.errors import ConfigError

HEAD = "model: m\nproblem: regression\ntarget: y\nscaling:\n"
ENTRY = "  schedule:\n    - name: a\n      at: cron(0 8 * * ? *)\n"
STEP = "  steps:\n    - name: a\n      metric: CPUUtilization\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            ENTRY + "      time_zone: Europe/Zurch\n",
            "line 8: scaling.schedule.0.time_zone: 'Europe/Zurch' is no time zone of the IANA database; did you mean "
            "'Europe/Zurich'?",
            id="a time zone",
        ),
        pytest.param(
            "  schedule:\n    - name: a\n      at: cron(0 8 * * MON *)\n",
            "line 7: scaling.schedule.0.at: 'cron(0 8 * * MON *)': one of day-of-month and day-of-week is `?`",
            id="both days",
        ),
        pytest.param(
            ENTRY + "      minimum: 3\n", "line 8: unknown key 'scaling.schedule.0.minimum'", id="a key"
        ),
        pytest.param(ENTRY + "      min: 5\n", "schedule a: min 5 is above max 4", id="bounds"),
        pytest.param(
            "  schedule:\n    - {name: a, at: rate(1 hour), min: 2}\n",
            "needs `start`",
            id="a rate without start",
        ),
        pytest.param(
            "  schedule:\n    - {name: a, at: rate(1 hour), start: 2026-03-02, end: 2026-03-01}\n",
            "start is not before end",
            id="backwards",
        ),
        pytest.param(
            "  schedule:\n    - {name: a, at: rate(1 hour), start: 2026-03-02}\n"
            '    - {name: a, at: "cron(0 8 * * ? *)"}\n',
            "two entries have the name 'a'",
            id="names",
        ),
        pytest.param(
            '  schedule:\n    - {name: a, at: "cron(0 8 * * ? *)", min: 2}\n    - {name: b, at: "cron(0 8 * * ? *)"}\n',
            "two entries have the time",
            id="times",
        ),
        pytest.param(STEP, "line 6: scaling.steps.0: a: say either `above` or `below`", id="no step"),
        pytest.param(STEP + "      above: {70: 0}\n", "a step of 0 changes nothing", id="a step of none"),
        pytest.param(STEP + "      above: {many: 1}\n", "could not convert string to float", id="no number"),
        pytest.param(
            STEP + "      above: {70: 1}\n      statistic: p999\n",
            "line 9: scaling.steps.0.statistic",
            id="statistic",
        ),
        pytest.param("  adjust: {limit: 2}\n", "adjust.limit 2 is below max 4", id="limit"),
    ],
)
def test_what_is_refused(text, problem):
    """Line, key, and what is allowed."""
    with pytest.raises(ConfigError) as refusal:
        read_config(HEAD + text, model="m")
    assert problem in "; ".join(refusal.value.problems)


def test_what_is_taken():
    """A start without an offset is in the entry's time zone; an entry without bounds is `scaling`'s own again."""
    entry = (
        "  schedule:\n    - {name: a, at: rate(1 hour), time_zone: Asia/Tokyo, start: 2026-03-01T09:00:00}\n"
    )
    found = read_config(HEAD + entry + STEP + "      below: {10: -1, 5: -2}\n", model="m").scaling
    assert found.schedule[0].begins.isoformat() == "2026-03-01T09:00:00+09:00"
    assert found.bounds_of(found.schedule[0]) == (1, 4)
    assert found.steps[0].levels == {10.0: -1, 5.0: -2}
