"""What stands around a rollout: alarms that undo it, and scaling held still; and nothing of it afterwards."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import ACTIVITIES, NAMES, NOW, InMemoryWorld, config
from rollouts.under_way import ENDPOINT, LATER, TARGET, end, kill, rollback_alarms, rolled_back, suspended

from perennial.errors import Conflict
from perennial.reactions import guards
from perennial.reactions.adjust_scaling import adjust_scaling
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep


class TestGuards:
    def test_alarms_stand_before_sagemaker_is_asked(self, world):
        """The update names alarms that are there, on the new config."""
        deploy_model("mortgage", world, because="v2")
        named = [
            alarm["AlarmName"]
            for alarm in world.endpoints.deployments[-1]["AutoRollbackConfiguration"]["Alarms"]
        ]
        assert rollback_alarms(world) == sorted(named)
        assert all("-rollback-v2-" in name for name in named)
        assert sorted(ACTIVITIES) == sorted(suspended(world))

    @pytest.mark.parametrize("finish", [end, rolled_back], ids=["succeeded", "rolled back"])
    def test_nothing_is_left_behind(self, world, finish):
        """However it ends: no alarm of the rollout, and scaling goes on."""
        deploy_model("mortgage", world, because="v2")
        finish(world)
        assert ([], []) == (rollback_alarms(world), suspended(world))

    def test_what_an_operator_suspended_stays_so(self, world):
        """Only what we suspended is resumed."""
        world.scaling.suspend(TARGET, {"DynamicScalingInSuspended": True})
        deploy_model("mortgage", world, because="v2")
        end(world)
        assert ["DynamicScalingInSuspended"] == suspended(world)

    def test_an_endpoint_that_is_busy_is_not_held(self, world):
        """SageMaker refused the update: alarms and hold are for nothing."""
        world.endpoints.update = lambda *arguments, **named: False
        assert "deployment_waits" == deploy_model("mortgage", world, because="v2").outcome
        assert ([], []) == (rollback_alarms(world), suspended(world))

    @pytest.mark.parametrize("method", ["suspend", "update"])
    def test_killed_while_it_began(self, world, method):
        """A rejection after the death leaves nothing to roll out: the sweep finds the guards and takes them down."""
        kill(world, world.scaling if method == "suspend" else world.endpoints, method)
        with pytest.raises(TimeoutError):
            deploy_model("mortgage", world, because="v2")
        world.registry.set_approval("mortgage", 2, "Rejected")
        world.time += timedelta(minutes=5)
        assert "settle_endpoint" in [due.reaction for _, due in sweep(world).due]
        settle_endpoint("mortgage", world, because="sweep")
        assert ([], []) == (rollback_alarms(world), suspended(world))
        assert "settle_endpoint" not in [due.reaction for _, due in sweep(world).due]

    @pytest.mark.parametrize("method", ["delete", "get"])
    def test_killed_while_it_ended(self, world, method):
        """The retry, or the sweep, does the rest."""
        deploy_model("mortgage", world, because="v2")
        kill(world, world.alarms, method)
        with pytest.raises(TimeoutError):
            end(world)
        [due] = [due for _, due in sweep(world).due if due.reaction == "settle_endpoint"]
        settle_endpoint("mortgage", world, because=due.because, untold=due.subject == "untold")
        assert ([], []) == (rollback_alarms(world), suspended(world))
        assert "version_in_service" == world.ledger.outcomes[-1]

    def test_a_ringing_alarm_of_an_earlier_attempt_does_not_undo_the_next(self, world):
        """The alarms of each attempt are new."""
        deploy_model("mortgage", world, because="v2")
        kill(world, world.alarms, "delete")
        world.alarms.become(rollback_alarms(world)[0], "ALARM", LATER)
        with pytest.raises(TimeoutError):
            rolled_back(world)
        deploy_model("mortgage", world, because="approved again", approved=2)
        assert world.state.rollout("mortgage").untold, "the end of one is told before the next begins"
        settle_endpoint("mortgage", world, because="sweep", untold=True)
        deploy_model("mortgage", world, because="the rollout ended")
        assert {"INSUFFICIENT_DATA"} == {world.alarms.standing[name].state for name in rollback_alarms(world)}

    def test_scaling_that_made_way_is_back_after_a_rollback(self, world):
        """An instance type that fails costs the old fleet nothing, its scaling included."""
        world.catalog.put(config(endpoint={"instance": "ml.c5.large"}), NOW)
        deploy_model("mortgage", world, because="v2")
        assert TARGET not in world.scaling.targets
        rolled_back(world)
        assert TARGET in world.scaling.targets

    @pytest.mark.parametrize("finish", [end, rolled_back], ids=["succeeded", "rolled back"])
    def test_a_floor_that_was_raised_meanwhile(self, world, finish):
        """It is registered when the rollout has ended, whatever its end, and taken back when it is over."""
        deploy_model("mortgage", world, because="v2")
        adjust_scaling("mortgage", world, because="latency")
        settle_endpoint("mortgage", world, because="scaling")
        assert 1 == world.scaling.targets[TARGET].bounds.least
        finish(world)
        assert 2 == world.scaling.targets[TARGET].bounds.least
        world.time += timedelta(hours=2)
        assert "settle_endpoint" in [due.reaction for _, due in sweep(world).due]
        settle_endpoint("mortgage", world, because="sweep")
        assert (1, []) == (world.scaling.targets[TARGET].bounds.least, suspended(world))
        assert "settle_endpoint" not in [due.reaction for _, due in sweep(world).due]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param(
                "realtime", {"serverless": {"provisioned": 1, "provisioned_max": 4}}, id="to serverless"
            ),
            pytest.param("serverless", "realtime", id="to instances"),
        ],
    )
    def test_what_ends_on_the_kind_that_is_left_is_not_scaled_as_the_other(self, before, after):
        """A rollout that ends while another kind is asked for settles, and nothing of that kind is registered on it."""
        world = InMemoryWorld()
        world.catalog.put(config(endpoint={"kind": before}), NOW)
        for version in (1, 2):
            world.registry.add("mortgage", "Approved")
            deploy_model("mortgage", world, because=f"v{version}")
            if version == 2:
                world.catalog.put(config(endpoint={"kind": after}), NOW)
            scaled = set(world.scaling.targets)
            end(world)
        assert world.state.rollout("mortgage").status == "succeeded"
        assert set(world.scaling.targets) == scaled


def leave_guards(world):
    """What a killed handler left of the rollout of version 1; its config."""
    left = NAMES.endpoint_config("mortgage", 1, config().endpoint_hash)
    world.state.put("mortgage", "guards", {"config": left, "suspended": []})
    return left


def begin_meanwhile(world):
    world.registry.set_approval("mortgage", 2, "Approved")
    deploy_model("mortgage", world, because="v2")


class TestMeeting:
    """Two handlers at the same time."""

    def test_what_one_asks_for_is_left_to_it(self, world):
        """The other one waits; alarms and hold of the first stay."""
        deploy_model("mortgage", world, because="v2")
        begun = replace(world.state.rollout("mortgage"), status="starting", started_at=world.time)
        world.state.put_rollout("mortgage", begun, expected=world.state.rollout("mortgage"))
        world.endpoints.become(
            ENDPOINT, "InService", NAMES.endpoint_config("mortgage", 1, config().endpoint_hash)
        )
        world.endpoints.endpoints[ENDPOINT] = replace(world.endpoints.endpoints[ENDPOINT], modified_at=NOW)
        assert deploy_model("mortgage", world, because="hint").outcome == "deployment_waits"
        assert len(rollback_alarms(world)) == 2

    def test_what_a_rollout_puts_up_before_the_last_look_stands(self, world):
        """Whoever takes down what an earlier one left, takes down only that."""
        left = leave_guards(world)
        world.registry.set_approval("mortgage", 2, "Rejected")
        rollout, looks = world.state.rollout, []

        def meet(model):
            found = rollout(model)
            looks.append(found)
            if len(looks) == 2:  # the look whether anything began meanwhile
                assert guards.standing("mortgage", world) == left
                begin_meanwhile(world)
            return found

        world.state.rollout = meet
        settle_endpoint("mortgage", world, because="a hint")
        assert "-v2-" in guards.standing("mortgage", world)
        assert 2 == len(rollback_alarms(world))

    def test_what_a_rollout_puts_up_later_is_found_again(self, world):
        """The document names what stands, also after the earlier one's guards were taken down at that moment."""
        leave_guards(world)
        delete = world.alarms.delete

        def meet(*arguments):
            world.alarms.delete = delete
            begin_meanwhile(world)
            return delete(*arguments)

        world.alarms.delete = meet
        guards.take_down("mortgage", world)
        assert "-v2-" in guards.standing("mortgage", world)

    def test_a_change_of_scaling_is_told_once(self, world):
        """Both do it, which is harmless; one of them tells it."""
        world.catalog.put(config(scaling={"min": 3, "max": 7}), NOW)
        registered = world.scaling.register

        def meet(*arguments):
            world.scaling.register = registered
            settle_endpoint("mortgage", world, because="the other")
            registered(*arguments)

        world.scaling.register = meet
        with pytest.raises(Conflict):
            settle_endpoint("mortgage", world, because="one")
        assert world.ledger.outcomes.count("scaling_changed") == 1
