"""Requests that pile up on an instance ring an alarm, where model.yaml says from how many on."""

from fakes import NAMES, InMemoryWorld, config

from perennial.alarms.diagnosis import diagnose
from perennial.alarms.intent import reactions
from perennial.alarms.reports import Reports
from perennial.alarms.wanted import wanted

WATCHED = {"scaling": {"adjust": {"backlog": 8}}}


def test_the_alarm_is_wanted_where_it_is_asked_for():
    """On what is in flight on the endpoint's instances; not without a number, and not without instances."""
    found = wanted(config(**WATCHED), NAMES, InMemoryWorld().bucket.name).requests["backlog"]
    assert ("ConcurrentRequestsPerModel", 8.0) == (found["MetricName"], found["Threshold"])
    serverless = config(**WATCHED, endpoint={"kind": "serverless"})
    for settings in (config(), serverless):
        assert "backlog" not in wanted(settings, NAMES, "data").requests


def test_what_it_means_and_what_follows():
    """It is told, and scales."""
    settings = config(**WATCHED)
    found = diagnose("backlog", Reports(), settings, "Threshold Crossed")
    assert ("backlog_high", "more than 8 requests in flight" in found.reason) == (found.outcome, True)
    assert ("notify", "scale") == reactions(settings, "backlog")
