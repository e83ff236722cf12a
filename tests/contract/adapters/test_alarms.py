"""The alarms' adapter and its fake do the same: each case runs on memory and on a twin."""

from datetime import timedelta
from typing import Any

import fakes
import pytest
from running_twin import Twin

from perennial.alarms import rollback
from perennial.alarms.intent import alarm_names
from perennial.alarms.standing import changes
from perennial.alarms.wanted import wanted
from perennial.aws.alarms import CloudWatchAlarms

NAMES = fakes.NAMES
MONITORS = {
    "data_quality": {"every": "1h"},
    "model_quality": {"every": "1d"},
    "bias": {"every": "7d", "facet": "afam", "privileged": "no"},
}


@pytest.fixture(scope="module")
def started(twin: Twin) -> CloudWatchAlarms:
    return CloudWatchAlarms(twin.client("cloudwatch"))


@pytest.fixture(params=["memory", "twin"])
def alarms(request: pytest.FixtureRequest) -> Any:
    memory = request.param == "memory"
    return fakes.InMemoryAlarms() if memory else request.getfixturevalue("started")


def settle(alarms: Any, model: str, **changed: Any) -> int:
    """What settle_endpoint does; the number of alarms put and deleted."""
    settings = fakes.config(model=model, **changed)
    wish = wanted(settings, NAMES, "data")
    found = changes(wish, alarms.get(alarm_names(NAMES, model)), NAMES, model)
    for request in found.put:
        alarms.put(request)
    return len(found.put) + len(alarms.delete(found.delete, model))


def names(alarms: Any, model: str) -> set[str]:
    return {alarm.name.removeprefix(f"perennial-{model}-") for alarm in alarms.get(alarm_names(NAMES, model))}


def test_what_was_put_is_as_wanted(alarms: Any, model: str) -> None:
    """Windows, percentiles and metric math come back as they were asked for: nothing is put twice."""
    assert settle(alarms, model, monitors=MONITORS) == 7
    assert settle(alarms, model, monitors=MONITORS) == 0


def test_a_changed_limit_is_put(alarms: Any, model: str) -> None:
    """Only the alarm that differs."""
    settle(alarms, model)
    assert settle(alarms, model, endpoint={"rollback_on": {"error_percent": 5}}) == 1
    assert settle(alarms, model, endpoint={"rollback_on": {"error_percent": 5}}) == 0


def test_alarms_by_the_beginning_of_their_names(alarms: Any, model: str) -> None:
    """A model's own, with their definitions, and no other's."""
    settle(alarms, model)
    settle(alarms, model + "x")
    found = alarms.named(f"perennial-{model}-")
    assert {alarm.name.removeprefix(f"perennial-{model}-") for alarm in found} == names(alarms, model)
    assert all(alarm.definition["AlarmName"] == alarm.name for alarm in found)


def test_what_is_not_wanted_goes(alarms: Any, model: str) -> None:
    """A monitor that is taken out of model.yaml takes its alarms along."""
    settle(alarms, model, monitors=MONITORS)
    settle(alarms, model, monitors={"data_quality": None})
    assert names(alarms, model) == {"latency", "errors"}


def test_somebodys_own_alarm_stays(alarms: Any, model: str) -> None:
    """One of our names without our tag is not ours to delete."""
    own = f"perennial-{model}-bias"
    alarms.put(
        {
            "AlarmName": own,
            "Namespace": "AWS/S3",
            "MetricName": "4xxErrors",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold",
        }
    )
    settle(alarms, model)
    assert "bias" in names(alarms, model)
    assert alarms.delete([], model) == []


def test_a_new_alarm_has_no_data(alarms: Any, model: str) -> None:
    """It came into its state when it was put."""
    settle(alarms, model)
    [silence] = alarms.get([f"perennial-{model}-silence"])
    assert silence.state == "INSUFFICIENT_DATA"
    assert silence.since.tzinfo is not None
    assert abs((silence.since - silence.put_at).total_seconds()) <= 2
    assert alarms.get(["perennial-none-silence"]) == []


def test_the_alarms_of_a_rollout(alarms: Any, model: str) -> None:
    """They are put for one config, tell that they rang though they are quiet by now, and go with their rollout."""
    config_name = NAMES.endpoint_config(model, 1, "0123ab")
    requests = rollback.requests(fakes.config(model=model), NAMES, config_name)
    names = [request["AlarmName"] for request in requests]
    assert len(names) == 2
    assert set(names) <= set(rollback.alarm_names(NAMES, config_name))
    for request in requests:
        alarms.put(request)
    standing = alarms.get(names)
    began = min(alarm.put_at for alarm in standing) - timedelta(seconds=5)
    assert rollback.watch(standing, alarms.rang(names, began)) == rollback.Watch({}, tuple(names))
    move = getattr(alarms, "become", None)  # only a test moves memory
    for state in ("ALARM", "OK"):
        if move:
            move(names[0], state, alarms.time, "too slow")
        else:
            alarms.set_state(names[0], state, "too slow")
    seen = rollback.watch(alarms.get(names), alarms.rang(names, began))
    assert (dict(seen.fired), seen.blind) == ({names[0]: "too slow"}, (names[1],))
    assert alarms.rang(names, began + timedelta(hours=1)) == {}
    assert sorted(alarms.delete(names, model)) == sorted(names)
    assert alarms.get(names) == []
