"""What stands around a rollout: alarms that undo it, scaling held still, a smoke test; and nothing of it afterwards."""

import io
import json
import tarfile
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import ACTIVITIES, NAMES, NOW, InMemoryWorld, config

from perennial.errors import Conflict, EndpointRefused
from perennial.reactions.adjust_scaling import adjust_scaling
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.scaling import variant
from perennial.smoke_test import Sample, nonsense

ENDPOINT = NAMES.endpoint("mortgage")
TARGET = variant(ENDPOINT)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def world():
    """Version 1 is in service, version 2 is approved."""
    made = InMemoryWorld()
    made.catalog.put(config(), NOW)
    made.registry.add("mortgage", "Approved")
    deploy_model("mortgage", made, because="v1")
    end(made)
    made.endpoints.endpoints[ENDPOINT] = replace(made.endpoints.endpoints[ENDPOINT], modified_at=NOW)
    made.time = NOW + timedelta(minutes=1)
    made.registry.add("mortgage", "Approved")
    return made


def end(world, config_name=None, status="InService"):
    """SageMaker is done: on our config, unless it says otherwise."""
    world.endpoints.become(ENDPOINT, status, config_name or world.state.rollout("mortgage").config_name)
    return settle_endpoint("mortgage", world, because="endpoint changed")


def rolled_back(world):
    return end(world, NAMES.endpoint_config("mortgage", 1, config().endpoint_hash))


def rollback_alarms(world):
    return sorted(name for name in world.alarms.standing if "-rollback-" in name)


def suspended(world):
    return [each for each, value in world.scaling.suspended(TARGET).items() if value]


def kill(world, port, method):
    """Let the handler die at that call, once."""
    real = getattr(port, method)

    def die(*arguments, **named):
        setattr(port, method, real)
        raise TimeoutError

    setattr(port, method, die)


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


GOLDEN = {"rows": [[1.0, "a"], [2.0, "b"]], "scores": [[0.1], [0.9]]}
DESCRIPTION = {"schema": {"features": [{"name": "x"}, {"name": "y"}]}, "golden": GOLDEN}


def answer(*scores):
    return json.dumps({"predictions": [{"predicted_label": "yes", "score": score} for score in scores]})


def archive(description=DESCRIPTION):
    body, file = json.dumps(description).encode(), io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        entry = tarfile.TarInfo("./model.json")
        entry.size = len(body)
        tar.addfile(entry, io.BytesIO(body))
    return file.getvalue()


class TestSmokeTest:
    @pytest.mark.parametrize(
        ("said", "words"),
        [
            pytest.param(answer(0.1, 0.9), None, id="sense"),
            pytest.param(answer(0.4, 0.4), "one and the same", id="constant"),
            pytest.param(answer(0.1, float("nan")), "no number", id="not a number"),
            pytest.param(answer(0.1, float("inf")), "no number", id="infinite"),
            pytest.param(answer(0.1, None), "no number", id="null"),
            pytest.param(answer(0.1), "2 rows with 1 predictions", id="too few"),
            pytest.param('{"predictions": 7}', "no predictions", id="no list"),
            pytest.param("[]", "does not answer with predictions", id="another shape"),
            pytest.param("<html>", "does not answer with predictions", id="no JSON"),
        ],
    )
    def test_nonsense(self, said, words):
        """As many finite scores as rows, and not all the same where training's were not."""
        found = nonsense(Sample.read(json.dumps(DESCRIPTION).encode()), said)
        assert found is None if words is None else words in (found or "")

    @pytest.mark.parametrize(
        "scores", [[[0.5], [0.5]], [[0.2, 0.8], [0.8, 0.2]]], ids=["constant", "classes"]
    )
    def test_a_model_that_was_constant_may_be(self, scores):
        """Where training saw one score, or several classes, the same answer proves nothing."""
        description = {**DESCRIPTION, "golden": {**GOLDEN, "scores": scores}}
        assert nonsense(Sample.read(json.dumps(description).encode()), answer(0.5, 0.5)) is None

    @pytest.mark.parametrize(
        "body", [b"{", b"[]", b'{"schema": {"features": []}, "golden": {"rows": [[1]], "scores": [1]}}']
    )
    def test_no_sample(self, body):
        """Another container's artefact has none that we can read."""
        assert Sample.read(body) is None

    def test_sense_settles(self, world):
        """The rows go out by name, and the ledger says that they were answered."""
        world.bucket.bodies["v2.tar.gz"] = archive()
        world.endpoints.answer = answer(0.1, 0.9)
        deploy_model("mortgage", world, because="v2")
        won = end(world)
        assert ("version_in_service", "2 sample rows answered") == (won.outcome, won.details["smoke_test"])
        [(name, body)] = world.endpoints.invoked
        assert (ENDPOINT, {"x": 2.0, "y": "b"}) == (name, json.loads(body)["instances"][1])

    @pytest.mark.parametrize("said", [answer(0.4, 0.4), EndpointRefused("status 500, boom")])
    def test_nonsense_is_rejected_and_rolled_back(self, world, said):
        """Rejected in the registry, told, and the newest approved version takes its place."""
        world.bucket.bodies["v2.tar.gz"] = archive()
        world.endpoints.answer = said
        deploy_model("mortgage", world, because="v2")
        lost = end(world)
        assert ("rollout_failed", "error") == (lost.outcome, lost.news)
        assert "smoke test" in lost.reason
        assert "Rejected" == world.registry.get("mortgage", 2).approval
        back = deploy_model("mortgage", world, because="hint")
        assert ("endpoint_update_started", "1") == (back.outcome, back.details["version"])

    def test_one_error_is_no_verdict(self, world):
        """A refusal is asked again; how many errors are too many is for the alarms to say."""
        world.bucket.bodies["v2.tar.gz"] = archive()
        said = [EndpointRefused("status 500, a moment's weakness"), answer(0.1, 0.9)]

        def invoke(name, body, **_):
            first = said.pop(0)
            if isinstance(first, EndpointRefused):
                raise first
            return first

        world.endpoints.invoke = invoke
        deploy_model("mortgage", world, because="v2")
        assert "version_in_service" == end(world).outcome

    @pytest.mark.parametrize(
        "artefact", [None, b"no archive", archive({"version": 1})], ids=["gone", "broken", "foreign"]
    )
    def test_without_sample_rows(self, world, artefact):
        """What cannot be tested settles, and the ledger says that it was not tested."""
        if artefact:
            world.bucket.bodies["v2.tar.gz"] = artefact
        deploy_model("mortgage", world, because="v2")
        assert end(world).details["smoke_test"].startswith("not made")
        assert [] == world.endpoints.invoked
