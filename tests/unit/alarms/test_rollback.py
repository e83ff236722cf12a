"""The alarms of one rollout watch its own config alone, and what they never saw they do not vouch for."""

from datetime import timedelta

import pytest
from fakes import NAMES, NOW, InMemoryAlarms, InMemoryWorld, config

from perennial.alarms.intent import parse_alarm
from perennial.alarms.rollback import alarm_names, requests, watch
from perennial.events import AlarmDetail, AlarmStateDetail
from perennial.prediction_shift import Before
from perennial.reactions.answer_alarm import on_alarm

CONFIG_NAME = NAMES.endpoint_config("mortgage", 2, "0123ab")
FIRST, SECOND, THIRD = alarm_names(NAMES, CONFIG_NAME)
BEFORE = Before(NAMES.endpoint_config("mortgage", 1, "0123ab"))


def asked(**endpoint):
    return requests(config(endpoint=endpoint), NAMES, CONFIG_NAME, BEFORE)


def test_they_look_at_the_new_config_alone():
    """Every metric has the dimension EndpointConfigName: the old fleet's figures would hide the new one's."""
    errors, latency = asked()
    metrics = [one["MetricStat"]["Metric"] for one in errors["Metrics"] if "MetricStat" in one]
    for metric in [*metrics, latency]:
        assert {"Name": "EndpointConfigName", "Value": CONFIG_NAME} in metric["Dimensions"]
    assert 500_000 == latency["Threshold"]


@pytest.mark.parametrize(
    ("endpoint", "names"),
    [
        pytest.param({}, [FIRST, SECOND], id="both"),
        pytest.param({"rollback_on": {"p99_ms": None}}, [FIRST], id="errors only"),
        pytest.param({"rollback_on": {"error_percent": None}}, [SECOND], id="latency only"),
        pytest.param(
            {"rollback_on": {"prediction_shift": 0.5}}, [FIRST, SECOND, THIRD], id="predictions, too"
        ),
        pytest.param({"rollout": {"bake_minutes": 0}}, [], id="nobody looks without a bake"),
        pytest.param({"kind": "serverless"}, [], id="serverless has no guardrails"),
    ],
)
def test_which_there_are(endpoint, names):
    """One per limit, where SageMaker looks at alarms at all."""
    assert names == [request["AlarmName"] for request in asked(**endpoint)]


@pytest.mark.parametrize(("bake", "minutes"), [(1, (1, 1)), (2, (2, 2)), (10, (3, 2))])
def test_a_short_bake_is_judged_by_fewer_minutes(bake, minutes):
    """An alarm that needs more minutes than the bake has never fires in time."""
    for request in asked(rollout={"bake_minutes": bake}):
        assert minutes == (request["EvaluationPeriods"], request["DatapointsToAlarm"])


@pytest.mark.parametrize("name", [FIRST, SECOND, THIRD])
def test_they_page_nobody(name):
    """They undo a rollout and tell with it: AnswerAlarm knows none of them, even with their model in force."""
    world = InMemoryWorld()
    world.catalog.put(config(), NOW)
    detail = AlarmDetail(alarm_name=name, state=AlarmStateDetail(value="ALARM"))
    assert parse_alarm(NAMES, name) is None
    assert on_alarm(detail, "event", world) is None
    assert [] == world.ledger.decisions


def test_what_they_saw():
    """One that rang and is quiet by now is a cause; one that never left its first state is blind."""
    alarms = InMemoryAlarms(time=NOW)
    for request in asked():
        alarms.put(request)
    assert (FIRST, SECOND) == watch(alarms.get([FIRST, SECOND]), {}).blind
    alarms.become(FIRST, "ALARM", NOW + timedelta(minutes=2), "9 % is more than 1 %")
    alarms.become(FIRST, "INSUFFICIENT_DATA", NOW + timedelta(minutes=5))
    seen = watch(alarms.get([FIRST, SECOND]), alarms.rang([FIRST, SECOND], NOW))
    assert {FIRST: "9 % is more than 1 %"} == seen.fired
    assert (SECOND,) == seen.blind
    assert "9 %" in seen.cause()
