"""A change of kind: which endpoint serves, which is built, which has to go; and the limits of serverless endpoints."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest
from fakes import NAMES, NOW, InMemoryWorld, config
from pydantic import ValidationError

from perennial import provisioned_concurrency
from perennial.config import ModelConfig
from perennial.deployment import Elsewhere, EndpointState, PackageVersion, Rollout, reconcile
from perennial.endpoint_config import production_variant
from perennial.errors import NameTooLong, ReservedName
from perennial.kinds import GRACE, Kind, Route, aim, is_abandoned, leftover
from perennial.losses import Loss
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.route import serving
from perennial.scaling_bounds import Bounds

PLAIN, OTHER, BACK = "perennial-mortgage", "perennial-mortgage-serverless", "perennial-mortgage-realtime"
REALTIME, SERVERLESS = config(), config(endpoint={"kind": "serverless"})
THIRD = "perennial-mortgage-components"
MOMENT = timedelta(seconds=10)


def rollout(status="started", endpoint=OTHER, age=timedelta(hours=1), **more):
    ended = status not in ("starting", "started")
    return Rollout(
        "perennial-mortgage-v1-0123ab", 1, NOW - age, status, told=ended, endpoint=endpoint, **more
    )


@pytest.mark.parametrize(
    ("route", "wanted", "expected"),
    [
        (Route(PLAIN, "realtime"), REALTIME, PLAIN),
        (Route(PLAIN, "realtime"), SERVERLESS, OTHER),
        (Route(OTHER, "serverless"), SERVERLESS, OTHER),
        (Route(OTHER, "serverless"), REALTIME, PLAIN),
        (Route(PLAIN, "serverless"), REALTIME, BACK),
        (Route(BACK, "realtime"), SERVERLESS, PLAIN),
    ],
)
def test_the_aim(route, wanted, expected):
    """Another kind is built under the other name; the plain one and the kind's take turns."""
    assert expected == aim(route, wanted, NAMES)


def test_the_route_without_a_document():
    """A model that never changed its kind is served under the plain name, by the kind that model.yaml says."""
    world = InMemoryWorld()
    assert serving("mortgage", world) == Route(PLAIN, "realtime")
    world.catalog.put(SERVERLESS, NOW)
    assert serving("mortgage", world) == Route(PLAIN, "serverless")
    moved = Route(PLAIN, "realtime").moved(OTHER, "serverless", NOW)
    world.state.put("mortgage", "route", moved.document())
    assert serving("mortgage", world) == moved
    assert moved.serving_since(NOW - timedelta(hours=1)) == (OTHER, PLAIN)
    assert moved.serving_since(NOW + timedelta(hours=1)) == (OTHER,)


@pytest.mark.parametrize(
    ("known", "aimed", "abandoned"),
    [
        (None, PLAIN, False),
        (rollout(), OTHER, False),
        (rollout(), PLAIN, True),
        (rollout(endpoint=PLAIN), OTHER, False),
        (rollout("starting"), PLAIN, True),
        (rollout("starting", age=MOMENT), PLAIN, False),
        (rollout("succeeded"), PLAIN, False),
    ],
)
def test_what_is_abandoned(known, aimed, abandoned):
    """A rollout that builds what nobody asks for any more, unless its handler may still be asking SageMaker."""
    assert abandoned == is_abandoned(known, Route(PLAIN, "realtime", OTHER), aimed, NOW)


@pytest.mark.parametrize(
    ("route", "aimed", "known", "expected"),
    [
        (Route(PLAIN, "realtime"), PLAIN, None, None),
        (Route(PLAIN, "realtime", OTHER), OTHER, rollout(), None),
        (Route(PLAIN, "realtime", OTHER), PLAIN, rollout(), None),
        (Route(PLAIN, "realtime", OTHER), PLAIN, rollout("abandoned"), OTHER),
        (Route(OTHER, "serverless", PLAIN, PLAIN, NOW - MOMENT), OTHER, rollout("succeeded"), None),
        (Route(OTHER, "serverless", PLAIN, PLAIN, NOW - GRACE), OTHER, rollout("succeeded"), PLAIN),
        (Route(OTHER, "serverless", PLAIN, PLAIN, NOW - GRACE), PLAIN, rollout("succeeded"), None),
        (Route(PLAIN, "realtime", OTHER), THIRD, rollout("abandoned"), OTHER),
    ],
)
def test_what_is_left_over(route, aimed, known, expected):
    """What neither serves nor is built goes, once nobody can be asking it any more."""
    assert expected == leftover(route, aimed, known, NOW)


def test_what_is_built_for_no_version_goes():
    """An endpoint of the kind that is asked for has nothing to serve once its version is rejected."""
    route = Route(PLAIN, "realtime", OTHER)
    assert leftover(route, OTHER, rollout("abandoned"), NOW, planned=False) == OTHER
    assert leftover(route, OTHER, rollout("abandoned"), NOW) is None


def plan(endpoint, known, *, leaves="InService", elsewhere=False, wanted=SERVERLESS, approved=True):
    versions = [PackageVersion(1, "arn:1", "Approved" if approved else "Rejected", NOW)]
    present = EndpointState(PLAIN, leaves, NAMES.endpoint_config("mortgage", 1, REALTIME.endpoint_hash))
    return reconcile(
        versions,
        endpoint,
        known,
        wanted,
        NAMES,
        NOW,
        leaves=present,
        elsewhere=Elsewhere(present) if elsewhere else None,
    )


def other(status="InService", settings=SERVERLESS):
    return EndpointState(OTHER, status, NAMES.endpoint_config("mortgage", 1, settings.endpoint_hash))


LOST = Loss(
    1, NAMES.endpoint_config("mortgage", 1, SERVERLESS.endpoint_hash), "failed", "ping", NOW.isoformat(), True
)


@pytest.mark.parametrize(
    ("found", "action"),
    [
        (plan(None, rollout("succeeded", PLAIN), elsewhere=True), "create"),
        (plan(None, rollout("started", PLAIN), elsewhere=True), "wait"),
        (plan(None, rollout("starting", PLAIN), elsewhere=True, leaves="Updating"), "wait"),
        (plan(other("Creating"), rollout("started")), "wait"),
        (plan(other(), rollout("succeeded", PLAIN), elsewhere=True), "adopt"),
        (
            plan(other(settings=config(endpoint={"kind": {"serverless": {"memory_mb": 1024}}})), None),
            "delete",
        ),
        (plan(other("Failed"), None), "delete"),
        (plan(None, rollout("failed", lost=(LOST,))), "nothing"),
        (plan(None, None, approved=False), "nothing"),
    ],
)
def test_the_plan_of_a_change(found, action):
    """Built beside what serves once that rests; adopted if it is there; never tried again after a loss."""
    assert action == found.action, found.reason


def test_a_lost_change_leaves_what_serves():
    """The settings are barred, not the version that serves with its old ones."""
    found = plan(None, rollout("failed", lost=(LOST,)))
    assert not found.needs_person, "the loss was told"
    assert "keeps serving version 1;" in found.reason


def test_a_third_kind_waits_until_the_second_is_gone():
    """Asked for while the second is built: of an endpoint that is forgotten nobody would ever end the instances."""
    world = InMemoryWorld()
    world.registry.add("mortgage", "Approved")
    world.catalog.put(REALTIME, NOW)
    deploy_model("mortgage", world, because="v1")
    world.endpoints.become(PLAIN, "InService")
    settle_endpoint("mortgage", world, because="endpoint changed")
    world.catalog.put(SERVERLESS, NOW)
    deploy_model("mortgage", world, because="serverless")
    world.catalog.put(config(scaling={"min": 0, "max": 2}), NOW)
    assert "rollout_abandoned" == deploy_model("mortgage", world, because="components").outcome
    assert "deployment_waits" == deploy_model("mortgage", world, because="components").outcome
    settle_endpoint("mortgage", world, because="it is being created, and SageMaker does not let go of it")
    assert OTHER == serving("mortgage", world).other
    world.endpoints.become(OTHER, "InService")
    assert "settle_endpoint" in [due.reaction for _, due in sweep(world).due]
    settle_endpoint("mortgage", world, because="endpoint changed")
    assert world.endpoints.get(OTHER) is None
    assert ("mortgage", "deploy_model") in [each[:2] for each in world.hints.sent[-2:]]
    assert "endpoint_creation_started" == deploy_model("mortgage", world, because="hint").outcome
    assert THIRD == serving("mortgage", world).other


def test_the_kind_that_was_left_a_moment_ago():
    """Changed back with other settings, it is built anew only once no request can be on its way to it."""
    world = InMemoryWorld()
    world.registry.add("mortgage", "Approved")
    for wanted in (REALTIME, SERVERLESS):
        world.catalog.put(wanted, NOW)
        deploy_model("mortgage", world, because="configuration")
        world.endpoints.become(aim(serving("mortgage", world), wanted, NAMES), "InService")
        settle_endpoint("mortgage", world, because="endpoint changed")
    world.catalog.put(config(endpoint={"instance": "ml.c5.large"}), NOW)
    deploy_model("mortgage", world, because="changed back")
    assert ("deployment_waits", "InService") == (
        world.ledger.outcomes[-1],
        world.endpoints.get(PLAIN).status,
    )
    world.time += GRACE
    assert "deploy_model" in [due.reaction for _, due in sweep(world).due]
    deploy_model("mortgage", world, because="sweep")
    assert "endpoint_removed" == world.ledger.outcomes[-1]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ({"memory_mb": 1000}, "1024"),
        ({"max_concurrency": 201}, "200"),
        ({"provisioned": 5, "max_concurrency": 4}, "above max_concurrency 4"),
        ({"provisioned_max": 4}, "needs provisioned"),
        ({"provisioned": 4, "provisioned_max": 4}, "not above provisioned 4"),
        ({"provisioned": 1, "provisioned_max": 30}, "above max_concurrency 20"),
        ({"provisioned": 1, "provisioned_max": 2, "utilization": 1.5}, "0.9"),
    ],
)
def test_limits_are_checked_up_front(size, words):
    """What SageMaker would refuse, or never do, is refused with the reason before anything is asked for."""
    with pytest.raises(ValidationError, match=words):
        config(endpoint={"kind": {"serverless": size}})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"endpoint": {"kind": "serverless", "shadow": True}}, "shadow"),
        ({"endpoint": {"kind": "serverless"}, "engine": "model-monitor"}, "Model Monitor"),
        (
            {
                "endpoint": {"kind": "serverless"},
                "scaling": {"schedule": [{"name": "night", "at": "cron(0 22 * * ? *)", "min": 1, "max": 1}]},
            },
            "schedule",
        ),
        ({"endpoint": {"kind": "serverless", "rollback_on": {"prediction_shift": 2}}}, "prediction_shift"),
        ({"endpoint": {"kind": "serverless", "rollout": {"type": "linear"}}}, "rollout"),
    ],
)
def test_exclusions_are_checked_up_front(changes, words):
    """What a serverless endpoint cannot do is refused when it is asked for."""
    with pytest.raises(ValidationError, match=words):
        config(**changes)


def test_the_variant():
    """Memory, concurrency and what is kept warm; what scales that is no part of the endpoint config."""
    size = {"memory_mb": 4096, "max_concurrency": 10, "provisioned": 2}
    fixed = config(endpoint={"kind": {"serverless": size}})
    scaled = config(endpoint={"kind": {"serverless": {**size, "provisioned_max": 8}}})
    assert production_variant(fixed, "m")["ServerlessConfig"] == {
        "MemorySizeInMB": 4096,
        "MaxConcurrency": 10,
        "ProvisionedConcurrency": 2,
    }
    assert fixed.endpoint_hash == scaled.endpoint_hash


def test_what_scales_provisioned_concurrency():
    """Its own dimension, and target tracking on how much of it is in use."""
    size = {"provisioned": 2, "provisioned_max": 8, "utilization": 0.6}
    found = provisioned_concurrency.wanted(config(endpoint={"kind": {"serverless": size}}), PLAIN)
    assert found is not None
    assert found.resource.dimension == "sagemaker:variant:DesiredProvisionedConcurrency"
    assert found.bounds == Bounds(2, 8)
    [body] = found.policies.values()
    tracking = body["TargetTrackingScalingPolicyConfiguration"]
    assert (tracking["TargetValue"], tracking["PredefinedMetricSpecification"]) == (
        0.6,
        {"PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"},
    )
    assert provisioned_concurrency.wanted(SERVERLESS, PLAIN) is None
    assert provisioned_concurrency.wanted(REALTIME, PLAIN) is None


def test_names():
    """The second endpoint's events are the model's, its longest name fits, and no model is called like one."""
    assert NAMES.model_of_endpoint(PLAIN) == "mortgage"
    assert NAMES.model_of_endpoint("somebody-elses") is None
    longest = "m" * 28
    NAMES.check(longest)
    with pytest.raises(NameTooLong):
        NAMES.check(longest + "mm")
    for kind in get_args(Kind):
        assert NAMES.model_of_endpoint(NAMES.endpoint_of_kind("mortgage", kind)) == "mortgage"
        assert len(NAMES.endpoint_of_kind(longest, kind)) <= 63
        with pytest.raises(ReservedName, match=f"-{kind}"):
            NAMES.check(f"mortgage-{kind}")


def test_the_configuration_survives():
    """What is written to the table is read back the same."""
    text = SERVERLESS.model_dump_json(by_alias=True)
    assert ModelConfig.model_validate_json(text) == SERVERLESS
