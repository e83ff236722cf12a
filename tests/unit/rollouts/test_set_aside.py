"""What others put on an endpoint's scaling outlives that it makes way for another instance type."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import NOW, config
from rollouts.under_way import ENDPOINT, TARGET, end, first_in_service

from perennial import set_aside
from perennial.errors import Conflict
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.scaling import Standing
from perennial.scaling_bounds import Bounds

STEPS = {
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    },
}
NIGHT = {
    "Schedule": "cron(0 3 * * ? *)",
    "Timezone": "Europe/Zurich",
    "ScalableTargetAction": {"MinCapacity": 1},
}


@pytest.fixture
def world():
    """Version 1 serves; somebody has a step policy, an alarm for it and a schedule on it, and holds scaling in."""
    made = first_in_service()
    made.scaling.put_policy(TARGET, "their-steps", STEPS)
    made.scaling.put_action(TARGET, "their-night", NIGHT)
    made.scaling.suspend(TARGET, {"DynamicScalingInSuspended": True})
    made.alarms.put({"AlarmName": "their-steps-scaling"})
    made.catalog.put(config(endpoint={"instance": "ml.c5.large"}), NOW)
    return made


def theirs(world):
    """What of it stands: their policy, their schedule, what they hold."""
    standing = world.scaling.standing(TARGET)
    held = [each for each, value in (world.scaling.suspended(TARGET) or {}).items() if value]
    policy = standing.policies.get("their-steps", {}).get("StepScalingPolicyConfiguration")
    return policy, standing.actions.get("their-night"), held


ALL = (STEPS["StepScalingPolicyConfiguration"], NIGHT, ["DynamicScalingInSuspended"])


@pytest.mark.parametrize("undone", [False, True], ids=["in service", "rolled back"])
def test_all_of_it_is_back_when_the_rollout_has_ended(world, undone):
    """Whatever its end, and their alarm was never touched; nothing is kept any longer."""
    before = world.endpoints.get(ENDPOINT).config_name
    deploy_model("mortgage", world, because="another instance type")
    assert TARGET not in world.scaling.targets
    assert "endpoint_update_started" == world.ledger.outcomes[-1]
    end(world, before if undone else None)
    assert theirs(world) == ALL
    assert "their-steps-scaling" in world.alarms.standing
    assert {} == world.state.get("mortgage", set_aside.DOCUMENT)
    assert "settle_endpoint" not in [due.reaction for _, due in sweep(world).due]


@pytest.mark.parametrize("method", ["put_policy", "put_action", "suspend"])
def test_a_handler_that_is_killed_over_it_is_done_again(world, method):
    """The sweep finds scaling incomplete, and all of it is put back."""
    deploy_model("mortgage", world, because="another instance type")
    real = getattr(world.scaling, method)

    def die(*_):
        setattr(world.scaling, method, real)
        raise TimeoutError

    setattr(world.scaling, method, die)
    with pytest.raises(TimeoutError):
        end(world)
    assert "settle_endpoint" in [due.reaction for _, due in sweep(world).due]
    settle_endpoint("mortgage", world, because="sweep")
    assert theirs(world) == ALL


def test_a_handler_that_is_killed_after_it_made_way_forgets_nothing(world):
    """The next one finds no target, and keeps what the first one kept."""

    def die(*_, **__):
        raise TimeoutError

    real, world.endpoints.update = world.endpoints.update, die
    with pytest.raises(TimeoutError):
        deploy_model("mortgage", world, because="another instance type")
    world.endpoints.update = real
    world.time += timedelta(minutes=5)
    deploy_model("mortgage", world, because="sweep")
    end(world)
    assert theirs(world) == ALL


def test_a_person_is_told_of_alarms_that_trigger_nothing_any_more(world):
    """Their step policy has another ARN; that of ours is put into our own alarms, so nobody hears of these."""
    standing = world.scaling.standing(TARGET)
    triggered = {**standing.policies["their-steps"], "Alarms": [{"AlarmName": "their-steps-scaling"}]}
    policies = {**standing.policies, "their-steps": triggered}
    world.scaling.targets[TARGET] = replace(standing, policies=policies)
    deploy_model("mortgage", world, because="another instance type")
    end(world)
    [told] = [each for each in world.ledger.decisions if each.outcome == "policy_detached"]
    assert told.news == "warning"
    assert told.details == {
        "their-steps": world.scaling.standing(TARGET).policies["their-steps"]["PolicyARN"]
    }


def test_a_person_is_told_of_these_though_the_handler_dies(world):
    """It dies between giving them back and telling: the sweep has it told, once."""
    standing = world.scaling.standing(TARGET)
    triggered = {**standing.policies["their-steps"], "Alarms": [{"AlarmName": "their-steps-scaling"}]}
    world.scaling.targets[TARGET] = replace(standing, policies={"their-steps": triggered})
    deploy_model("mortgage", world, because="another instance type")
    record = world.ledger.record
    world.ledger.record = lambda decision: (_ for _ in ()).throw(TimeoutError)
    with pytest.raises(TimeoutError):
        end(world)
    world.ledger.record = record
    end(world)
    assert "policy_detached" not in world.ledger.outcomes, "its handler may be at it still"
    for _ in range(2):
        world.time += timedelta(minutes=10)
        for _, due in sweep(world).due:
            if due.reaction == "settle_endpoint":
                settle_endpoint("mortgage", world, because=due.because)
    assert world.ledger.outcomes.count("policy_detached") == 1


def test_of_two_handlers_that_meet_one_tells_it(world):
    """Both put everything back; the slower one's retry finds nothing to do."""
    standing = world.scaling.standing(TARGET)
    triggered = {**standing.policies["their-steps"], "Alarms": [{"AlarmName": "their-steps-scaling"}]}
    world.scaling.targets[TARGET] = replace(standing, policies={"their-steps": triggered})
    deploy_model("mortgage", world, because="another instance type")
    real = world.scaling.put_action

    def meet(*arguments):
        world.scaling.put_action = real
        end(world)
        real(*arguments)

    world.scaling.put_action = meet
    with pytest.raises(Conflict):
        end(world)
    settle_endpoint("mortgage", world, because="retry")
    assert world.ledger.outcomes.count("policy_detached") == 1
    assert theirs(world) == ALL


def test_a_retired_endpoint_takes_it_along(world):
    """An endpoint of that name that comes later is another one."""
    deploy_model("mortgage", world, because="another instance type")
    before = world.state.get("mortgage", set_aside.DOCUMENT)
    assert before["resource"] == TARGET.id
    end(world)
    world.state.put("mortgage", set_aside.DOCUMENT, before)
    world.catalog.put(config(endpoint={"kind": "serverless"}), NOW)
    deploy_model("mortgage", world, because="another kind")
    world.endpoints.become(f"{ENDPOINT}-serverless", "InService")
    settle_endpoint("mortgage", world, because="endpoint changed")
    world.time += timedelta(minutes=10)
    settle_endpoint("mortgage", world, because="sweep")
    assert world.endpoints.get(ENDPOINT) is None
    assert {} == world.state.get("mortgage", set_aside.DOCUMENT)


@pytest.mark.parametrize(
    ("schedule", "start", "end", "expected"),
    [
        ("cron(0 3 * * ? *)", -1, None, {}),
        ("cron(0 3 L * ? *)", 2, 5, {"StartTime": 2, "EndTime": 5}),
        ("cron(0 3 * * ? *)", None, -1, None),
        ("rate(2 hours)", -3, None, {"StartTime": 1}),
        ("rate(2 hours)", 3, None, {"StartTime": 3}),
        (f"at({NOW - timedelta(hours=1):%Y-%m-%dT%H:%M:%S})", None, None, None),
        (f"at({NOW + timedelta(hours=1):%Y-%m-%dT%H:%M:%S})", None, None, {}),
    ],
)
def test_a_schedule_is_put_as_aws_takes_it(schedule, start, end, expected):
    """Without a start that has passed, in its own beat, and not at all when it is over; hours from now."""
    times = {
        key: NOW + timedelta(hours=value)
        for key, value in (("StartTime", start), ("EndTime", end))
        if value is not None
    }
    item = {"ScheduledActionName": "theirs", "Schedule": schedule, "ScalableTargetAction": {}, **times}
    kept = set_aside.of(TARGET, Standing(Bounds(1, 2), {}, {"theirs": item}), {})
    [*put] = set_aside.SetAside.read(kept.document()).to_put(NOW).values()
    wanted = {"Schedule": schedule, "ScalableTargetAction": {}}
    if expected is not None:
        wanted |= {key: NOW + timedelta(hours=value) for key, value in expected.items()}
    assert put == ([] if expected is None else [wanted])
