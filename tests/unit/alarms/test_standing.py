"""Alarms as they are beside alarms as they should be."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import NAMES, NOW, InMemoryAlarms, config

from perennial.alarms.intent import INTENTS, alarm_name, parse_alarm
from perennial.alarms.standing import changes, same, without_data
from perennial.alarms.wanted import wanted

HOUR = timedelta(hours=1)


def put(settings):
    """A world's alarms after the configuration was settled."""
    alarms = InMemoryAlarms()
    for request in wanted(settings, NAMES, "data").requests.values():
        alarms.put(request)
    return list(alarms.standing.values())


def changed(settings, found):
    result = changes(wanted(settings, NAMES, "data"), found, NAMES, "mortgage")
    return {request["AlarmName"].removeprefix("perennial-mortgage-") for request in result.put}, {
        name.removeprefix("perennial-mortgage-") for name in result.delete
    }


@pytest.mark.parametrize("model", ["mortgage", "a", "data-quality", "x-model"])
def test_names_are_taken_apart(model):
    """Whatever a model is called, its alarms' names tell model and intent."""
    for intent in INTENTS:
        parsed = parse_alarm(NAMES, alarm_name(NAMES, model, intent))
        assert (model, intent) == (parsed.model, parsed.intent)


@pytest.mark.parametrize(
    "name",
    ["perennial-fire-drill", "perennial-DeadLettersAlarm-1A2B", "other-mortgage-bias", "perennial-bias"],
)
def test_others_alarms_are_not_ours(name):
    """Alarms of the stack's queues, of other stacks and of exercises belong to no model."""
    assert parse_alarm(NAMES, name) is None


def test_as_it_should_be():
    """What is so already is not put again."""
    assert (set(), set()) == changed(config(), put(config()))


def test_what_cloudwatch_adds_is_no_difference():
    """Descriptions come back with more keys, other number types and another order of dimensions."""
    for alarm in put(config()):
        shown = {
            **alarm.definition,
            "StateValue": "OK",
            "AlarmActions": [],
            "Threshold": int(alarm.definition["Threshold"]),
        }
        if "Dimensions" in shown:
            shown["Dimensions"] = list(reversed(shown["Dimensions"]))
        assert same(alarm.definition, shown)


def test_a_changed_configuration_changes_its_alarms_only():
    """A new limit puts one alarm; a monitor that went deletes its own."""
    standing = put(config())
    assert ({"latency"}, set()) == changed(config(endpoint={"rollback_on": {"p99_ms": 800}}), standing)
    assert (set(), {"data-quality", "silence"}) == changed(config(monitors={"data_quality": None}), standing)


def test_alarms_that_never_received_data():
    """After the first windows should have come, an alarm without data is named; before that, or with data, it is not."""
    settings = config()
    wish = wanted(settings, NAMES, "data")
    found = put(settings)
    assert {} == without_data(found, wish, settings, NAMES, NOW + 4 * HOUR)
    late = NOW + 5 * HOUR
    assert {"data-quality", "silence"} == set(without_data(found, wish, settings, NAMES, late))
    had_data = [replace(alarm, state="OK", since=NOW + HOUR) for alarm in found]
    assert {} == without_data(had_data, wish, settings, NAMES, late)
    went_quiet = [replace(alarm, since=NOW + HOUR) for alarm in found]
    assert {} == without_data(went_quiet, wish, settings, NAMES, late)


def test_labels_may_take_their_time():
    """An alarm on quality has no data before the first labels are due."""
    settings = config(monitors={"data_quality": None, "model_quality": {"every": "1h", "label_delay": "2d"}})
    wish, found = wanted(settings, NAMES, "data"), put(settings)
    assert {} == without_data(found, wish, settings, NAMES, NOW + 50 * HOUR)
    assert "model-quality" in without_data(found, wish, settings, NAMES, NOW + 53 * HOUR)
