"""A real-time endpoint that scales to zero, on a world in memory: its inference component, rollouts on it, and what scales its copies."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import LATER, NAMES, NOW, InMemoryWorld, config

from perennial.component_scaling import copies
from perennial.components import Component
from perennial.reactions import component_steps
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep

ENDPOINT = NAMES.endpoint("mortgage")
TARGET = copies(ENDPOINT)
ZERO = {"scaling": {"min": 0, "max": 3}}


def named(version, **changes):
    return NAMES.endpoint_config("mortgage", version, config(**{**ZERO, **changes}).endpoint_hash)


def settle(world):
    return settle_endpoint("mortgage", world, because="sweep")


def outcomes(world):
    return [decision.outcome for decision in world.ledger.decisions]


@pytest.fixture
def world():
    """The endpoint is InService, and nothing is on it yet."""
    made = InMemoryWorld()
    made.catalog.put(config(**ZERO), NOW)
    made.registry.add("mortgage", "Approved")
    deploy_model("mortgage", made, because="v1")
    made.endpoints.become(ENDPOINT, "InService")
    made.time = NOW + timedelta(minutes=10)
    return made


@pytest.fixture
def serving(world):
    """Version 1 is in service; the last request was long ago."""
    settle(world)
    world.components.become(ENDPOINT)
    settle(world)
    world.components.become(ENDPOINT, desired=0)
    world.registry.add("mortgage", "Approved")
    world.time = LATER + timedelta(hours=1)
    return world


class TestCreation:
    def test_the_endpoint_has_instances_that_come_and_go_and_no_model(self, world):
        """The endpoint config allows no instance at all, is isolated, captures nothing and names no model."""
        request = world.endpoints.config_requests[named(1)]
        variant = request["ProductionVariants"][0]
        assert variant["ManagedInstanceScaling"]["MinInstanceCount"] == 0
        assert "ModelName" not in variant
        assert request["EnableNetworkIsolation"]
        assert "DataCaptureConfig" not in request
        assert not world.endpoints.isolated[named(1)]

    def test_the_component_follows_once_the_endpoint_is_there(self, world):
        """An endpoint that is InService gets its component, once, with one copy of the version."""
        assert settle(world).outcome == "component_creation_started"
        assert settle(world) is None
        (request,) = world.components.requests
        assert request["Specification"]["ModelName"] == named(1)
        assert request["RuntimeConfig"] == {"CopyCount": 1}

    def test_the_sweep_finds_what_no_event_tells(self, world):
        """SageMaker sends no event about components: the sweep sees each half of the rollout that is due."""
        assert ("mortgage", "settle_endpoint") in _swept(world)
        settle(world)
        assert ("mortgage", "settle_endpoint") not in _swept(world)
        world.components.become(ENDPOINT)
        assert ("mortgage", "settle_endpoint") in _swept(world)

    def test_a_version_serves_once_its_copy_answers(self, world):
        """The rollout ends when the component runs our model on a copy that answers; then its copies are scaled."""
        settle(world)
        world.components.become(ENDPOINT, current=0)
        assert settle(world) is None
        world.components.become(ENDPOINT)
        assert settle(world).outcome == "version_in_service"
        standing = world.scaling.standing(TARGET)
        assert (standing.bounds.least, standing.bounds.most) == (0, 3)
        assert sorted(standing.policies) == [f"{ENDPOINT}-invocations-per-copy", f"{ENDPOINT}-wake"]
        alarm = world.alarms.standing[f"{ENDPOINT}-wake-scaling"].definition
        assert alarm["MetricName"] == "NoCapacityInvocationFailures"
        assert alarm["AlarmActions"] == [standing.policies[f"{ENDPOINT}-wake"]["PolicyARN"]]
        assert ("mortgage", "settle_endpoint") not in _swept(world)

    def test_a_component_that_fails_is_a_loss(self, world):
        """A component that never gets a copy fails the rollout; a newer version makes way for itself."""
        settle(world)
        world.components.become(ENDPOINT, "Failed", failure_reason="not enough hardware resources")
        lost = settle(world)
        assert (lost.outcome, lost.news) == ("rollout_failed", "error")
        assert "not enough hardware" in lost.reason
        world.registry.add("mortgage", "Approved")
        assert deploy_model("mortgage", world, because="v2").outcome == "endpoint_deleted"
        assert world.components.get(ENDPOINT).status == "Deleting"
        del world.components.components[ENDPOINT]
        assert settle(world).outcome == "component_creation_started"
        assert world.components.get(ENDPOINT).model_name == named(2)

    def test_what_nothing_is_meant_for_goes_in_silence(self, world):
        """An endpoint of a change that was taken back: it is not broken, and people heard of the change's end."""
        told = component_steps.take(world.endpoints.get(ENDPOINT), None, config(**ZERO), world, "sweep")
        assert (told.outcome, told.news) == ("endpoint_removed", None)
        assert world.endpoints.get(ENDPOINT) is None

    def test_the_component_of_a_deleted_endpoint_goes_first(self):
        """A component that outlived its endpoint has the name; it is deleted before a new endpoint is made."""
        world = InMemoryWorld()
        world.catalog.put(config(**ZERO), NOW)
        world.registry.add("mortgage", "Approved")
        world.components.components[ENDPOINT] = Component(ENDPOINT, "InService", "someone's")
        assert deploy_model("mortgage", world, because="v1").outcome == "deployment_waits"
        del world.components.components[ENDPOINT]
        assert deploy_model("mortgage", world, because="sweep").outcome == "endpoint_creation_started"


class TestNewVersion:
    def test_at_zero_one_copy_is_started_to_test_it(self, serving):
        """A version that is approved while no copy runs gets one, all at once and without alarms: nothing serves."""
        started = deploy_model("mortgage", serving, because="v2")
        assert started.outcome == "endpoint_update_started"
        assert started.details["rollout"] == "all_at_once"
        request = serving.components.requests[-1]
        assert request["RuntimeConfig"] == {"CopyCount": 1}
        assert "DeploymentConfig" not in request
        assert all(serving.scaling.suspended(TARGET).values())
        serving.components.run(ENDPOINT)
        assert settle(serving).outcome == "version_in_service"
        assert not any(serving.scaling.suspended(TARGET).values())

    def test_awake_it_is_rolled_out_in_batches_and_undone_by_alarms(self, serving):
        """Copies that serve are replaced in batches; the alarms look at the component, which has no versions."""
        serving.components.become(ENDPOINT, desired=3)
        deploy_model("mortgage", serving, because="v2")
        request = serving.components.requests[-1]
        policy = request["DeploymentConfig"]["RollingUpdatePolicy"]
        assert policy == {
            "MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1},
            "WaitIntervalInSeconds": 600,
        }
        names = [
            each["AlarmName"] for each in request["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
        ]
        assert names
        for name in names:
            assert "InferenceComponentName" in str(serving.alarms.standing[name].definition)
        assert "RuntimeConfig" not in request

    def test_a_silent_rollback_is_seen_by_the_model_that_runs(self, serving):
        """InService with the old model is a loss of the new version; the old one stays, and it is not tried again."""
        serving.components.become(ENDPOINT, desired=2)
        deploy_model("mortgage", serving, because="v2")
        serving.components.become(ENDPOINT)
        serving.time += timedelta(minutes=10)
        assert settle(serving).outcome == "rolled_back"
        again = deploy_model("mortgage", serving, because="sweep")
        assert again.outcome == "nothing"
        assert "version 2 was rolled back" in again.reason

    def test_rejecting_what_serves_rolls_back(self, serving):
        """When the serving version is rejected, the newest approved one takes its place."""
        deploy_model("mortgage", serving, because="v2")
        serving.components.run(ENDPOINT)
        settle(serving)
        serving.registry.decide(serving.registry.get("mortgage", 2).arn, "Rejected", "wrong")
        assert deploy_model("mortgage", serving, because="rejected").outcome == "endpoint_update_started"
        assert serving.components.requests[-1]["Specification"]["ModelName"] == named(1)

    def test_scaling_keeps_an_approval_waiting(self, serving):
        """While copies come or go, SageMaker takes no version: it waits, and the sweep comes back."""
        serving.components.become(ENDPOINT, "Updating")
        assert deploy_model("mortgage", serving, because="v2").outcome == "deployment_waits"

    def test_another_instance_changes_the_endpoint_before_the_component(self, serving):
        """The endpoint gets its new config first; when it is InService, the component gets the version."""
        endpoint = {"instance": "ml.m5.xlarge"}
        serving.catalog.put(config(**ZERO, endpoint=endpoint), NOW)
        deploy_model("mortgage", serving, because="configured")
        wanted = named(2, endpoint={**endpoint, "rollout": {"type": "rolling", "percent": 50}})
        assert serving.endpoints.calls[-1] == ("update", ENDPOINT, wanted)
        state = serving.endpoints.endpoints[ENDPOINT]
        after = LATER + timedelta(hours=2)
        serving.endpoints.endpoints[ENDPOINT] = replace(
            state, status="InService", config_name=wanted, modified_at=after
        )
        assert settle(serving).outcome == "component_update_started"
        assert serving.components.requests[-1]["Specification"]["ModelName"] == wanted

    @pytest.mark.parametrize("awake", [0, 2])
    def test_a_lost_version_leaves_no_other_instance_type(self, serving, awake):
        """A change of instances that is taken back while its version is lost: the old one returns to the old instances."""
        serving.components.become(ENDPOINT, desired=awake)
        serving.catalog.put(config(**ZERO, endpoint={"instance": "ml.m5.xlarge"}), NOW)
        deploy_model("mortgage", serving, because="configured")
        serving.endpoints.become(ENDPOINT, "InService", serving.state.rollout("mortgage").config_name)
        settle(serving)
        serving.catalog.put(config(**ZERO), NOW)
        serving.components.become(ENDPOINT, desired=awake)
        serving.time += timedelta(minutes=10)
        assert settle(serving).outcome == "rolled_back"
        asked = len(serving.components.requests)
        started = deploy_model("mortgage", serving, because="sweep")
        assert started.outcome == "endpoint_update_started"
        assert "on ml.m5.xlarge" in started.reason
        assert serving.endpoints.calls[-1] == ("update", ENDPOINT, named(1))
        assert settle(serving) is None, "it is not there yet, though its model runs"
        serving.endpoints.become(ENDPOINT, "InService", named(1))
        told = settle(serving)
        if awake == 0:
            assert told.outcome == "component_update_started", "the smoke test wants a copy"
            serving.components.run(ENDPOINT)
            told = settle(serving)
        assert told.outcome == "version_in_service"
        models = [each["Specification"]["ModelName"] for each in serving.components.requests[asked:]]
        assert set(models) <= {named(1)}, "what was lost is not tried again"
        serving.time += timedelta(minutes=10)
        assert deploy_model("mortgage", serving, because="sweep").outcome == "nothing"
        assert not {("mortgage", "deploy_model"), ("mortgage", "settle_endpoint")} & set(_swept(serving))

    def test_instances_that_never_come_bar_the_settings_and_not_the_version(self, serving):
        """When SageMaker undoes that return, too, a person is told once; the version stays, and nothing is tried again."""
        serving.registry.set_approval("mortgage", 2, "Rejected")
        serving.components.become(ENDPOINT, desired=2)
        state = serving.endpoints.endpoints[ENDPOINT]
        large = serving.endpoints.config_requests[named(1)]
        variant = {**large["ProductionVariants"][0], "InstanceType": "ml.m5.xlarge"}
        other = {**large, "EndpointConfigName": named(2), "ProductionVariants": [variant]}
        serving.endpoints.ensure_config(other)
        serving.endpoints.endpoints[ENDPOINT] = replace(state, config_name=named(2))
        assert deploy_model("mortgage", serving, because="sweep").outcome == "endpoint_update_started"
        serving.endpoints.become(ENDPOINT, "InService", named(2))
        serving.time += timedelta(minutes=10)
        lost = settle(serving)
        assert (lost.outcome, lost.news) == ("rolled_back", "error")
        assert "InService on ml.m5.xlarge, not ours" in lost.reason
        again = deploy_model("mortgage", serving, because="sweep")
        assert again.outcome == "nothing"
        assert "the endpoint keeps serving version 1" in again.reason

    def test_of_two_handlers_that_ask_for_the_version_the_slower_one_leaves_the_guards(self, serving):
        """SageMaker refuses the second: the rollout that the first asked for stays guarded, and is not over."""
        serving.components.become(ENDPOINT, desired=2)
        endpoint = {"instance": "ml.m5.xlarge"}
        serving.catalog.put(config(**ZERO, endpoint=endpoint), NOW)
        deploy_model("mortgage", serving, because="configured")
        wanted = serving.state.rollout("mortgage").config_name
        serving.endpoints.become(ENDPOINT, "InService", wanted)
        serving.time += timedelta(minutes=10)
        real = serving.components.update

        def meet(request):
            serving.components.update = real
            settle(serving)
            return real(request)

        serving.components.update = meet
        assert settle(serving).outcome == "deployment_waits"
        assert "rolled_back" not in outcomes(serving), "what was seen before says nothing about its end"
        policy = serving.components.requests[-1]["DeploymentConfig"]["AutoRollbackConfiguration"]
        assert {each["AlarmName"] for each in policy["Alarms"]} <= serving.alarms.standing.keys()
        assert all(serving.scaling.suspended(TARGET).values())

    def test_what_was_seen_before_the_version_was_asked_for_is_not_its_end(self, serving):
        """A handler that looked at the endpoint just before another one asked takes nothing for a rollback."""
        serving.components.become(ENDPOINT, desired=2)
        serving.catalog.put(config(**ZERO, endpoint={"instance": "ml.m5.xlarge"}), NOW)
        deploy_model("mortgage", serving, because="configured")
        serving.endpoints.become(ENDPOINT, "InService", serving.state.rollout("mortgage").config_name)
        serving.time += timedelta(minutes=10)
        real = serving.state.rollout

        def meet(model):
            serving.state.rollout = real
            settle(serving)
            return real(model)

        serving.state.rollout = meet  # read after the endpoint
        settle(serving)
        assert outcomes(serving)[-1] == "component_update_started"
        serving.components.become(ENDPOINT)
        serving.time += timedelta(minutes=10)
        assert settle(serving).outcome == "rolled_back"


class TestChangeOfKind:
    def test_components_are_another_kind_of_endpoint(self, serving):
        """Back to instances that stay: another endpoint is built, takes the route, and the old one goes, component first."""
        serving.catalog.put(config(), NOW)
        deploy_model("mortgage", serving, because="configured")
        other = f"{ENDPOINT}-realtime"
        assert serving.endpoints.calls[-1][:2] == ("create", other)
        serving.endpoints.become(other, "InService")
        serving.time += timedelta(minutes=10)
        assert settle(serving).outcome == "version_in_service"
        serving.time += timedelta(minutes=10)
        settle(serving)
        assert serving.components.get(ENDPOINT).status == "Deleting"
        assert ENDPOINT in serving.endpoints.endpoints
        del serving.components.components[ENDPOINT]
        settle(serving)
        assert ENDPOINT not in serving.endpoints.endpoints
        assert serving.scaling.standing(TARGET).bounds is None


def test_concurrency_is_tracked_by_the_copys_metric(serving):
    """scaling.metric: concurrency tracks concurrent requests per copy; the other policy goes."""
    settle(serving)
    serving.catalog.put(config(scaling={"min": 0, "max": 3, "metric": "concurrency"}), NOW)
    settle(serving)
    policies = serving.scaling.standing(TARGET).policies
    assert sorted(policies) == [f"{ENDPOINT}-concurrent-requests-per-copy", f"{ENDPOINT}-wake"]


def _swept(world):
    return [(model, item.reaction) for model, item in sweep(world).due]
