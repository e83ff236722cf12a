"""What is told of a rollout is what SageMaker did, and a version that lost is not tried again."""

from datetime import timedelta

from fakes import NOW, config
from rollouts.under_way import ENDPOINT, LATER, end, rollback_alarms, rolled_back

from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep


def test_a_rollout_that_does_not_end_is_told_once(world):
    """After longer than SageMaker gives an update; the sweep sees it, and nobody hears it twice."""
    deploy_model("mortgage", world, because="v2")
    world.time += timedelta(hours=8)
    assert "rollout_late" not in swept(world)
    world.time += timedelta(hours=2)
    assert swept(world).count("rollout_late") == 1
    assert swept(world).count("rollout_late") == 1
    assert "for 10 hours" in world.ledger.decisions[-1].reason


def swept(world):
    """The ledger after a sweep and what it asks for."""
    for _, due in sweep(world).due:
        if due.reaction == "settle_endpoint":
            settle_endpoint("mortgage", world, because=due.because)
    return world.ledger.outcomes


class TestTruth:
    def test_a_silent_rollback_names_the_alarm(self, world):
        """Ledger and registry say which alarm undid it, though it is quiet again by now."""
        deploy_model("mortgage", world, because="v2")
        slow = next(name for name in rollback_alarms(world) if name.endswith("p99"))
        world.alarms.become(slow, "ALARM", LATER, "812 ms is above 500 ms")
        world.alarms.become(slow, "INSUFFICIENT_DATA", LATER)
        lost = rolled_back(world)
        assert ("rolled_back", slow, True) == (lost.outcome, lost.details["alarm"], "812 ms" in lost.reason)
        history = world.registry.history[world.registry.get("mortgage", 2).arn]
        assert any(slow in entry for entry in history.values())

    def test_alarms_without_data_are_told(self, world):
        """A success that no alarm watched says so."""
        deploy_model("mortgage", world, because="v2")
        [_, slow] = rollback_alarms(world)
        world.alarms.become(slow, "OK", LATER)
        won = end(world)
        assert won.details["without_data"].endswith("-5xx")
        assert "1 of its rollback alarms never had data" in won.reason

    def test_not_again_even_when_its_turn_comes(self, world):
        """The version after it is rejected: the one before it serves, not the one that was rolled back."""
        deploy_model("mortgage", world, because="v2")
        rolled_back(world)
        world.registry.add("mortgage", "Approved")
        deploy_model("mortgage", world, because="v3")
        end(world)
        world.registry.set_approval("mortgage", 3, "Rejected")
        decision = deploy_model("mortgage", world, because="v3 rejected")
        assert ("endpoint_update_started", "1") == (decision.outcome, decision.details["version"])
        assert "version 2 was rolled back" in decision.reason

    def test_a_late_copy_of_the_old_approval_is_no_new_one(self, world):
        """Only an approval after the rollout began is a new chance."""
        deploy_model("mortgage", world, because="v2", approved=2, approved_at=NOW)
        rolled_back(world)
        copy = deploy_model(
            "mortgage", world, because="v2", approved=2, approved_at=NOW - timedelta(seconds=1)
        )
        assert "nothing" == copy.outcome
        anew = deploy_model("mortgage", world, because="v2", approved=2, approved_at=LATER)
        assert "endpoint_update_started" == anew.outcome

    def test_an_approval_while_the_endpoint_is_busy_is_kept(self, world):
        """The sweep carries out what a person approved when SageMaker had no time."""
        deploy_model("mortgage", world, because="v2")
        rolled_back(world)
        world.endpoints.become(ENDPOINT, "Updating")
        assert "deployment_waits" == deploy_model("mortgage", world, because="again", approved=2).outcome
        world.endpoints.become(ENDPOINT, "InService")
        assert "endpoint_update_started" == deploy_model("mortgage", world, because="sweep").outcome

    def test_settings_that_fail_do_not_bar_the_version(self, world):
        """It serves on with the old settings, and other new ones are tried."""
        deploy_model("mortgage", world, because="v2")
        end(world)
        serving = world.state.rollout("mortgage").config_name
        world.catalog.put(config(endpoint={"instance": "ml.c5.large"}), NOW)
        deploy_model("mortgage", world, because="configuration")
        end(world, serving)
        assert "nothing" == deploy_model("mortgage", world, because="sweep").outcome
        world.catalog.put(config(endpoint={"instance": "ml.c5.xlarge"}), NOW)
        assert "endpoint_update_started" == deploy_model("mortgage", world, because="configuration").outcome

    def test_the_ledger_tells_the_nearest_plan(self, world):
        """The endpoint's variant has another name: SageMaker would move everything at once, and we say so."""
        world.endpoints.endpoints[ENDPOINT] = world.endpoints.endpoints[ENDPOINT].__class__(
            ENDPOINT, "InService", "somebody-elses", instances=2, variants=("blue",)
        )
        decision = deploy_model("mortgage", world, because="v2")
        assert "moves all traffic at once" in decision.details["instead"]
        assert world.endpoints.deployments[-1] is None
        assert [] == rollback_alarms(world)
