"""The guard on predictions: an effect size in metric math, evaluated as the twin (and CloudWatch) evaluates it."""

import math
import random

import pytest
from fakes import NAMES, NOW, InMemoryWorld, config

from perennial.alarms.rollback import alarm_name
from perennial.prediction_shift import (
    CONFIG_VARIABLE,
    COUNT,
    NAMESPACE,
    SQUARES,
    TOTAL,
    Before,
    environment,
    shift,
)
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from twin.metric_math_parser import parse

OLD, NEW = (NAMES.endpoint_config("mortgage", version, "0123ab") for version in (1, 2))
GUARDED = {"rollback_on": {"prediction_shift": 0.5}}


def sums(values):
    return float(len(values)), float(sum(values)), float(sum(value * value for value in values))


def effect(new, old, before=None):
    """What one minute's sums of both versions come to; None is no data."""
    request = shift(NEW, before or Before(OLD), 0.5)
    [expression] = [one["Expression"] for one in request["Metrics"] if one["ReturnData"]]
    names = dict(zip(("nc", "ns"), new[:2], strict=True)) | dict(zip(("oc", "os", "oq"), old, strict=True))
    return parse(expression).evaluate({name: [value] for name, value in names.items()}, 1)[0]


def drawn(count, mean, spread, seed=0):
    chance = random.Random(seed)
    return [chance.gauss(mean, spread) for _ in range(count)]


@pytest.mark.parametrize(("mean", "expected"), [(10.0, 0.0), (12.0, 1.0), (7.0, 1.5)])
def test_the_distance_of_the_means_in_old_standard_deviations(mean, expected):
    """Whichever way it moved."""
    found = effect(sums(drawn(4000, mean, 2.0)), sums(drawn(4000, 10.0, 2.0, seed=1)))
    assert math.isclose(found, expected, abs_tol=0.1)


@pytest.mark.parametrize(("new", "old"), [(29, 1000), (1000, 29), (0, 1000)])
def test_a_small_sample_is_no_data(new, old):
    """Neither a bad minute nor a good one."""
    assert effect(sums([99.0] * new), sums(drawn(old, 0.0, 1.0))) is None


@pytest.mark.parametrize(
    ("mean", "spread"),
    [(10.0, 2.0), (-10.0, 2.0), (1e8, 2e5), (3e-3, 1e-4)],
    ids=["plain", "below 0", "large", "small"],
)
def test_a_minute_without_the_old_version_is_held_against_its_last_hours(mean, spread):
    """After the last step nobody asks the old version any more."""
    before = Before(OLD, *sums(drawn(4000, mean, spread)))
    found = effect(sums(drawn(4000, mean + spread, spread, seed=1)), (None, None, None), before)
    assert math.isclose(found, 1.0, abs_tol=0.1)


def test_a_version_that_never_told_leaves_the_alarm_without_data():
    """The rollout then reports that the alarm proved nothing."""
    assert effect(sums(drawn(4000, 12.0, 2.0)), (None, None, None)) is None


def test_constant_predictions_have_no_deviation_to_measure_by():
    """No division by nothing: no data."""
    assert effect(sums([1.0] * 100), sums([0.5] * 100)) is None


@pytest.mark.parametrize(("endpoint", "asked"), [({}, False), (GUARDED, True)])
def test_containers_tell_where_it_is_asked_for(endpoint, asked):
    """CreateModel names the endpoint config, which a container cannot know."""
    assert environment(config(endpoint=endpoint), NEW) == ({CONFIG_VARIABLE: NEW} if asked else {})


def test_the_containers_own_variables():
    """A variable in model.yaml reaches the container, and another value is another endpoint config."""
    plain = config(endpoint=GUARDED)
    chosen = config(endpoint={**GUARDED, "environment": {"PERENNIAL_PREDICTIONS": "labels"}})
    assert environment(chosen, NEW) == {"PERENNIAL_PREDICTIONS": "labels", CONFIG_VARIABLE: NEW}
    assert chosen.endpoint_hash != plain.endpoint_hash


def test_a_rollout_is_guarded_against_what_served_before():
    """The alarm reads both configs, and holds the old version's last hours."""
    world = InMemoryWorld()
    world.catalog.put(config(endpoint=GUARDED), NOW)
    world.registry.add("mortgage", "Approved")
    deploy_model("mortgage", world, because="v1")
    old = world.state.rollout("mortgage").config_name
    assert world.endpoints.environments[old][CONFIG_VARIABLE] == old
    world.endpoints.become(NAMES.endpoint("mortgage"), "InService", old)
    settle_endpoint("mortgage", world, because="v1")
    for name, value in ((COUNT, 100.0), (TOTAL, 1000.0), (SQUARES, 10400.0)):
        world.metrics.rows[NAMESPACE, name, old] = {"Sum": value}
    world.registry.add("mortgage", "Approved")
    deploy_model("mortgage", world, because="v2")
    new = world.state.rollout("mortgage").config_name
    name = alarm_name(NAMES, new, "shift")
    assert {"AlarmName": name} in world.endpoints.deployments[-1]["AutoRollbackConfiguration"]["Alarms"]
    request = world.alarms.standing[name].definition
    assert request["Threshold"] == 0.5
    assert "FILL(os, 1000.0)" in request["Metrics"][0]["Expression"]
    of = {
        one["MetricStat"]["Metric"]["Dimensions"][0]["Value"]
        for one in request["Metrics"]
        if "MetricStat" in one
    }
    assert of == {old, new}
