"""Approvals and the endpoint's changes, replayed, late, doubled and unordered, end in the same state."""

from datetime import timedelta

import pytest
from configured_model import configured
from fakes import NAMES, NOW, config

from perennial.errors import Conflict
from perennial.reactions.datasets import champion_of
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import UNTOLD, settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.scaling import variant
from perennial.scaling_bounds import Bounds

ENDPOINT = "perennial-mortgage"


@pytest.fixture
def world():
    return configured()


def approved(world, count=1):
    for _ in range(count):
        world.registry.add("mortgage", "Approved")


def serve(world, version=1):
    """Deploy and settle the newest approved version."""
    deploy_model("mortgage", world, because="test")
    world.endpoints.become(ENDPOINT, "InService", world.state.rollout("mortgage").config_name)
    settle_endpoint("mortgage", world, because="test")
    assert version == world.state.rollout("mortgage").version


class TestDeployAndSettle:
    def test_the_first_approval_creates_the_endpoint(self, world):
        """Model, config and endpoint come from the newest approved version."""
        approved(world)
        assert "endpoint_creation_started" == deploy_model("mortgage", world, because="approved").outcome
        assert [
            ("create", ENDPOINT, NAMES.endpoint_config("mortgage", 1, config().endpoint_hash))
        ] == world.endpoints.calls

    def test_in_service_registers_scaling_and_history(self, world):
        """Success: scaling registered, history on the package, the next in the queue woken."""
        approved(world)
        serve(world)
        standing = world.scaling.targets[variant(ENDPOINT)]
        assert Bounds(1, 4) == standing.bounds
        [policy] = standing.policies.values()
        assert 1000.0 == policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        [history] = world.registry.history.values()
        assert any("InService" in entry for entry in history.values())
        assert ("mortgage", "deploy_model", None) in world.hints.sent
        assert "version_in_service" == world.ledger.outcomes[-1]

    def test_a_second_event_changes_nothing(self, world):
        """SageMaker sends several events per change."""
        approved(world)
        serve(world)
        calls = list(world.endpoints.calls)
        assert settle_endpoint("mortgage", world, because="again") is None
        assert "nothing" == deploy_model("mortgage", world, because="again").outcome
        assert calls == world.endpoints.calls

    def test_approvals_during_a_rollout_wait_and_the_newest_wins(self, world):
        """Three approvals while the endpoint is being created: one rollout more, of the third."""
        approved(world)
        deploy_model("mortgage", world, because="v1")
        approved(world, 2)
        for version in (2, 3):
            assert "deployment_waits" == deploy_model("mortgage", world, because=f"v{version}").outcome
        world.endpoints.become(ENDPOINT, "InService")
        settle_endpoint("mortgage", world, because="in service")
        assert "endpoint_update_started" == deploy_model("mortgage", world, because="hint").outcome
        assert 3 == world.state.rollout("mortgage").version

    def test_an_approval_while_the_endpoint_scales_is_not_forgotten(self, world):
        """Scaling makes an endpoint busy without a rollout of ours: its end wakes what was approved meanwhile."""
        approved(world)
        serve(world)
        world.endpoints.become(ENDPOINT, "Updating")
        approved(world)
        assert "deployment_waits" == deploy_model("mortgage", world, because="v2").outcome
        world.hints.sent.clear()
        settle_endpoint("mortgage", world, because="scaling began")
        assert [] == world.hints.sent
        world.endpoints.become(ENDPOINT, "InService")
        settle_endpoint("mortgage", world, because="scaling ended")
        assert [("mortgage", "deploy_model", None)] == world.hints.sent

    def test_rejecting_what_serves_rolls_back(self, world):
        """Rejected after Approved: the newest remaining approved version serves again."""
        approved(world)
        serve(world)
        approved(world)
        serve(world, 2)
        world.registry.set_approval("mortgage", 2, "Rejected")
        deploy_model("mortgage", world, because="rejected")
        assert 1 == world.state.rollout("mortgage").version

    def test_a_silent_rollback_is_told_and_not_repeated(self, world):
        """InService on the old config: rolled back, and not tried again until a new approval."""
        approved(world)
        serve(world)
        approved(world)
        deploy_model("mortgage", world, because="v2")
        world.endpoints.become(ENDPOINT, "InService")
        lost = settle_endpoint("mortgage", world, because="in service")
        assert ("rolled_back", "error") == (lost.outcome, lost.news)
        assert "nothing" == deploy_model("mortgage", world, because="sweep").outcome
        again = deploy_model("mortgage", world, because="approved again", approved=2)
        assert "endpoint_update_started" == again.outcome

    def test_killed_before_the_end_was_told(self, world):
        """A rollback that nobody heard of is found by the sweep and told, once."""
        approved(world)
        serve(world)
        approved(world)
        deploy_model("mortgage", world, because="v2")
        world.endpoints.become(ENDPOINT, "InService")

        def die(decision):
            raise TimeoutError

        record, world.ledger.record = world.ledger.record, die
        with pytest.raises(TimeoutError):
            settle_endpoint("mortgage", world, because="in service")
        world.ledger.record = record
        [due] = [item for _, item in sweep(world).due if item.reaction == "settle_endpoint"]
        told = settle_endpoint("mortgage", world, because=due.because, untold=due.subject == UNTOLD)
        assert ("rolled_back", "error") == (told.outcome, told.news)
        assert not [item for _, item in sweep(world).due if item.reaction == "settle_endpoint"]

    def test_a_failed_creation_is_told_and_a_newer_version_replaces_it(self, world):
        """A broken endpoint is removed for the next version; the failed one is not repeated."""
        approved(world)
        deploy_model("mortgage", world, because="v1")
        world.endpoints.become(ENDPOINT, "Failed", failure_reason="did not pass the ping health check")
        lost = settle_endpoint("mortgage", world, because="failed")
        assert ("rollout_failed", True) == (lost.outcome, "ping health check" in lost.reason)
        assert "nothing" == deploy_model("mortgage", world, because="sweep").outcome
        approved(world)
        assert "endpoint_deleted" == deploy_model("mortgage", world, because="v2").outcome
        assert "endpoint_creation_started" == deploy_model("mortgage", world, because="deleted").outcome

    def test_a_failed_creation_is_tried_again_after_a_new_approval(self, world):
        """The forgiven version gets its new endpoint, also when the broken one takes its time to go."""
        approved(world)
        deploy_model("mortgage", world, because="v1")
        world.endpoints.become(ENDPOINT, "Failed", failure_reason="ping")
        settle_endpoint("mortgage", world, because="failed")
        world.time = NOW + timedelta(hours=1)
        assert "endpoint_deleted" == deploy_model("mortgage", world, because="v1 again", approved=1).outcome
        world.hints.sent.clear()
        settle_endpoint("mortgage", world, because="deleted")
        assert [("mortgage", "deploy_model", None)] == world.hints.sent
        assert "endpoint_creation_started" == deploy_model("mortgage", world, because="deleted").outcome

    def test_killed_between_writing_and_asking(self, world):
        """The retry of a handler that died before CreateEndpoint creates the endpoint."""
        approved(world)

        def die(*arguments):
            raise TimeoutError

        create, world.endpoints.create = world.endpoints.create, die
        with pytest.raises(TimeoutError):
            deploy_model("mortgage", world, because="v1")
        world.endpoints.create = create
        assert "endpoint_creation_started" == deploy_model("mortgage", world, because="retry").outcome

    def test_two_at_once_do_not_overwrite_each_other(self, world):
        """The slower of two handlers is told of the conflict, and its retry sees the other's rollout."""
        approved(world)
        ensure = world.endpoints.ensure_config

        def somebody_else_first(request):
            ensure(request)
            world.endpoints.ensure_config = ensure
            deploy_model("mortgage", world, because="the other")

        world.endpoints.ensure_config = somebody_else_first
        with pytest.raises(Conflict):
            deploy_model("mortgage", world, because="the slower")
        assert 1 == len(world.endpoints.calls)

    def test_another_instance_type_makes_way_first(self, world):
        """SageMaker refuses the update while scaling is registered."""
        approved(world)
        serve(world)
        world.catalog.put(config(endpoint={"instance": "ml.c5.large"}), NOW)
        deploy_model("mortgage", world, because="configuration")
        assert [variant(ENDPOINT)] == world.scaling.removed

    @pytest.mark.parametrize(("kind", "isolated"), [("realtime", True), ("serverless", False)])
    def test_only_serverless_goes_without_network_isolation(self, world, kind, isolated):
        """SageMaker refuses the isolation of a serverless endpoint's model."""
        world.catalog.put(config(endpoint={"kind": kind}), NOW)
        approved(world)
        deploy_model("mortgage", world, because="v1")
        assert [isolated] == list(world.endpoints.isolated.values())

    def test_changed_scaling_needs_no_rollout(self, world):
        """Other bounds change the policy and nothing else."""
        approved(world)
        serve(world)
        calls = list(world.endpoints.calls)
        world.catalog.put(config(scaling={"max": 8}), NOW)
        assert "scaling_changed" == settle_endpoint("mortgage", world, because="configuration").outcome
        assert calls == world.endpoints.calls

    def test_old_configs_and_models_go(self, world):
        """Beyond the last three they are removed, and what serves stays."""
        for version in range(1, 6):
            approved(world)
            serve(world, version)
        assert 3 == len(world.endpoints.config_requests) == len(world.endpoints.models)
        assert world.endpoints.get(ENDPOINT).config_name in world.endpoints.config_requests

    def test_the_champion_is_what_serves(self, world):
        """A candidate is compared with the version in service, not with the newest."""
        approved(world)
        serve(world)
        approved(world)
        assert 1 == champion_of(config(), world).version
