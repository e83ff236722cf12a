"""A challenger runs beside production, is compared, and is promoted, asked about or dropped; nothing is left behind."""

import json

import pytest
from fakes import ACTIVITIES, NAMES, NOW, InMemoryWorld, config
from pydantic import ValidationError
from shadow.shadowed_model import (
    BASE,
    ENDPOINT,
    HOUR,
    MODEL,
    MOMENT,
    WANTED,
    begin,
    compared,
    configured,
    look,
    made_world,
    settled,
    suspended,
    updates,
)

from perennial.notifications.kinds import KINDS
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.shadow_tests import known
from perennial.reactions.sweep import sweep
from perennial.scaling import variant
from perennial.shadow import VARIANT as SHADOW


@pytest.fixture
def world():
    return made_world()


@pytest.mark.parametrize(
    ("changes", "nearest"),
    [
        pytest.param({"endpoint": {"kind": "serverless"}}, "realtime", id="serverless"),
        pytest.param({"capture": {"percent": 0}}, "capture.percent 100", id="no capture"),
        pytest.param({"scaling": {"min": 0}}, "scaling.min 1", id="scales to zero"),
        pytest.param(
            {
                "endpoint": {
                    "instance": "ml.inf1.xlarge",
                    "rollout": {"type": "all_at_once", "bake_minutes": 0},
                }
            },
            "another instance",
            id="inf1",
        ),
    ],
)
def test_where_no_shadow_can_be(changes, nearest):
    """SageMaker would refuse it: model.yaml does, up front, and names the nearest that can be."""
    endpoint = {**changes.get("endpoint", {}), "shadow": True}
    with pytest.raises(ValidationError, match=nearest):
        config(**{**changes, "endpoint": endpoint})


class TestTheVariants:
    def test_production_is_unchanged(self, world):
        """Same model, same instances, and the challenger beside it under a config that names the serving version."""
        look(world)
        request = world.endpoints.config_requests[known(MODEL, world).config_name]
        [production], [shadow] = request["ProductionVariants"], request["ShadowProductionVariants"]
        before = world.endpoints.config_requests[BASE]["ProductionVariants"][0]
        assert production == {**before, "InitialInstanceCount": 2}
        assert world.endpoints.models[shadow["ModelName"]].endswith("/2")
        assert NAMES.parse_endpoint_config(request["EndpointConfigName"]).version == 1
        assert request["DataCaptureConfig"]["InitialSamplingPercentage"] == 100
        assert shadow["VariantName"] == SHADOW

    @pytest.mark.parametrize(("percent", "weight", "instances"), [(100, 1.0, 2), (50, 0.5, 1), (1, 0.01, 1)])
    def test_as_many_instances_as_its_share_needs(self, world, percent, weight, instances):
        """A copy of every second request needs half the instances."""
        world.catalog.put(configured(percent=percent), NOW)
        look(world)
        [shadow] = world.endpoints.config_requests[known(MODEL, world).config_name][
            "ShadowProductionVariants"
        ]
        assert (shadow["InitialVariantWeight"], shadow["InitialInstanceCount"]) == (weight, instances)

    def test_scaling_is_held_while_sagemaker_updates_and_no_longer(self, world):
        """Production scales on while the shadow runs."""
        look(world)
        assert sorted(suspended(world)) == sorted(ACTIVITIES)
        settled(world, known(MODEL, world).config_name)
        assert suspended(world) == []

    def test_what_an_operator_suspended_stays_so(self, world):
        """At the end as at the beginning."""
        world.scaling.suspend(variant(ENDPOINT), {ACTIVITIES[0]: True})
        compared(world)
        assert suspended(world) == [ACTIVITIES[0]]


class TestVerdicts:
    @pytest.mark.parametrize(
        ("then", "theirs", "measured", "outcome"),
        [
            pytest.param("promote", "no,0.2", {}, "shadow_promoted", id="agrees"),
            pytest.param("promote", "yes,0.9", {}, "shadow_dropped", id="disagrees"),
            pytest.param("promote", "no,0.2", {"ms": 100.0}, "shadow_dropped", id="slow"),
            pytest.param("promote", "no,0.2", {"errors": 50}, "shadow_dropped", id="fails"),
            pytest.param("promote", "no,0.2", {"errors": 2}, "shadow_asks", id="perhaps by chance"),
            pytest.param("ask", "no,0.2", {}, "shadow_asks", id="agrees, ask"),
            pytest.param("ask", "yes,0.9", {}, "shadow_asks", id="disagrees, ask"),
            pytest.param("drop", "no,0.2", {}, "shadow_dropped", id="agrees, only compare"),
        ],
    )
    def test_what_follows(self, world, then, theirs, measured, outcome):
        """Well, badly or doubtful, and as configured."""
        world.catalog.put(configured(then=then), NOW)
        decision = compared(world, theirs=(theirs,) * 30, **measured)
        assert decision.outcome == outcome, decision.reason
        assert decision.news is not None
        look(world)
        assert (WANTED in updates(world)) == (outcome == "shadow_promoted")

    def test_few_requests_are_told_and_asked_about(self, world):
        """Nothing that was seen is no proof of anything."""
        decision = compared(world, ours=("no,0.2",) * 3, theirs=("no,0.2",) * 3)
        assert decision.outcome == "shadow_asks"
        assert "only 3 requests" in decision.reason

    def test_the_comparison_is_kept(self, world):
        """In the bucket for programs and for people, and with the package."""
        decision = compared(world, theirs=("no,0.2",) * 29 + ("yes,0.7",))
        [key] = [key for key in world.bucket.bodies if key.endswith("comparison.json")]
        found = json.loads(world.bucket.bodies[key])
        assert (found["verdict"], found["requests"]) == ("passed", 30)
        assert found["disagreement"]["value"] == pytest.approx(1 / 30)
        page = world.bucket.bodies[key.replace(".json", ".html")].decode()
        assert "version 2 as a shadow of version 1" in page
        assert "<svg" in page
        arn = world.registry.get(MODEL, 2).arn
        assert world.registry.history[arn]["shadow-verdict"].startswith("passed")
        assert decision.details["report"].endswith("comparison.html")

    def test_one_that_is_promoted_is_rolled_out_as_any_other(self, world):
        """From production alone, with the rollout's own alarms."""
        compared(world)
        assert look(world).outcome == "endpoint_update_started"
        assert updates(world)[-1] == WANTED
        assert "AutoRollbackConfiguration" in world.endpoints.deployments[-1]

    @pytest.mark.parametrize("then", ["ask", "drop"])
    def test_a_new_approval_rolls_out_without_another_test(self, world, then):
        """A person has the comparison in hand; a late copy of the first approval is none."""
        first = world.time
        world.catalog.put(configured(then=then), NOW)
        compared(world)
        assert look(world, approved=2, approved_at=first).outcome == "nothing"
        assert look(world, approved=2, approved_at=world.time + MOMENT).outcome == "endpoint_update_started"
        assert updates(world)[-1] == WANTED

    def test_a_shadow_that_never_comes_up(self, world):
        """SageMaker went back silently: it is dropped, told, and not tried again."""
        look(world)
        name = known(MODEL, world).config_name
        decision = settled(world, BASE)
        assert decision.outcome == "shadow_dropped"
        assert "never came into service" in decision.reason
        assert name not in world.endpoints.config_requests
        assert look(world).outcome == "nothing"
        assert suspended(world) == []

    def test_every_outcome_has_its_message(self):
        """A person who is asked gets both buttons."""
        for outcome in ("shadow_test_started", "shadow_test_cancelled", "shadow_promoted", "shadow_dropped"):
            assert KINDS[outcome].title
        assert KINDS["shadow_asks"].buttons == ("approve", "reject")


class TestMeanwhile:
    def test_a_newer_approval_wins(self, world):
        """The test of the older one is given up, and the newer one is tested."""
        old = begin(world)
        world.registry.add(MODEL, "Approved")
        assert look(world).outcome == "shadow_removal_started"
        assert settled(world, BASE).outcome == "shadow_test_cancelled"
        assert look(world).outcome == "shadow_test_started"
        assert known(MODEL, world).challenger == 3
        assert old not in world.endpoints.config_requests

    @pytest.mark.parametrize("version", [1, 2], ids=["production", "challenger"])
    def test_a_rejection_ends_it(self, world, version):
        """The challenger's: production serves on. Production's: the challenger takes over without a comparison."""
        begin(world)
        world.registry.set_approval(MODEL, version, "Rejected")
        assert look(world).outcome == "shadow_removal_started"
        assert settled(world, BASE).outcome == "shadow_test_cancelled"
        assert look(world).outcome == ("endpoint_update_started" if version == 1 else "nothing")

    def test_a_configuration_without_shadow_ends_it(self, world):
        """And rolls the challenger out."""
        begin(world)
        world.catalog.put(config(), NOW)
        look(world)
        settled(world, BASE)
        assert look(world).outcome == "endpoint_update_started"

    def test_changed_settings_begin_anew(self, world):
        """What was compared would not be what is rolled out."""
        begin(world)
        changed = {"instance": "ml.c5.large", "shadow": {"minutes": 60}}
        world.catalog.put(config(endpoint=changed), NOW)
        look(world)
        settled(world, BASE)
        assert look(world).outcome == "shadow_test_started"

    def test_a_rejection_before_it_came_into_service(self, world):
        """It comes up, and goes at once."""
        look(world)
        name = known(MODEL, world).config_name
        world.registry.set_approval(MODEL, 2, "Rejected")
        settled(world, name)
        assert look(world).outcome == "shadow_removal_started"
        settled(world, BASE)
        assert look(world).outcome == "nothing"

    def test_somebody_removed_it(self, world):
        """The endpoint is back on production's config, not by us: nothing is concluded from that."""
        begin(world)
        assert settled(world, BASE).outcome == "shadow_test_cancelled"
        assert look(world).outcome == "shadow_test_started"

    def test_the_first_version_has_nothing_to_compare_with(self):
        """It is created as always."""
        world = InMemoryWorld()
        world.catalog.put(configured(), NOW)
        world.registry.add(MODEL, "Approved")
        assert look(world).outcome == "endpoint_creation_started"

    def test_going_back_is_never_tested(self, world):
        """A version that is rejected makes way at once."""
        compared(world)
        look(world)
        settled(world, WANTED)
        world.registry.set_approval(MODEL, 2, "Rejected")
        assert look(world).outcome == "endpoint_update_started"
        assert updates(world)[-1] == BASE


def test_replays_change_nothing(world):
    """Looking again and again takes no step twice."""
    begin(world)
    before = (list(world.endpoints.calls), world.state.get(MODEL, "shadow"))
    for _ in range(3):
        assert look(world).outcome == "deployment_waits"
        settle_endpoint(MODEL, world, because="late event")
    assert (list(world.endpoints.calls), world.state.get(MODEL, "shadow")) == before


def test_the_sweep_ends_it(world):
    """No event tells that the time is over."""
    begin(world)
    world.hints.sent.clear()
    sweep(world)
    assert (MODEL, "deploy_model", None) not in world.hints.sent
    world.time += HOUR
    sweep(world)
    assert (MODEL, "deploy_model", None) in world.hints.sent
