"""Endpoints and their scaling do on memory what they do on a twin."""

from datetime import UTC, datetime

import fakes
import pytest
from memory_and_twin import NAMES, World
from running_twin import eventually, unique

from perennial.deployment import EndpointState
from perennial.endpoint_config import config_request, deployment_config
from perennial.errors import QuotaReached
from perennial.scaling import changes, variant, wanted
from perennial.scaling_bounds import Bounds, Raised

HASH = "abcdef"
QUICK = {"rollout": {"type": "all_at_once", "bake_minutes": 0}}


class TestEndpoints:
    def prepared(self, world: World, model: str, version: int) -> str:
        """The name of a config of a version, both made twice over."""
        config = fakes.config(model=model, endpoint=QUICK | {"instances": 1})
        world.registry.ensure_group(model, "versions")
        arn, name = world.package(model, unique("t")), NAMES.endpoint_config(model, version, HASH)
        for _ in range(2):
            world.endpoints.ensure_model(name, arn, model, isolated=True)
            world.endpoints.ensure_config(config_request(name, name, config, world.bucket.name))
        return name

    def test_an_endpoint_from_creation_to_update(self, world: World, model: str) -> None:
        """Created once, not updated while busy, then updated once; the config tells when it is done."""
        first, second = self.prepared(world, model, 1), self.prepared(world, model, 2)
        name, endpoint = NAMES.endpoint(model), EndpointState("", "InService", "", instances=1)
        deployment = deployment_config(fakes.config(endpoint=QUICK), endpoint)
        assert world.endpoints.get(name) is None
        assert world.endpoints.create(name, first, model) is True
        assert world.endpoints.create(name, first, model) is False
        assert world.endpoints.get(name).status == "Creating"
        assert world.endpoints.update(name, second, deployment) is False
        world.settle(name, first)
        found = world.endpoints.get(name)
        assert (found.status, found.config_name, found.failure_reason) == ("InService", first, "")
        assert world.endpoints.update(name, second, deployment) is True
        assert world.endpoints.get(name).status == "Updating"
        assert world.endpoints.update(name, first, deployment) is False
        world.settle(name, second)
        assert world.endpoints.get(name).modified_at.tzinfo is not None

    def test_an_endpoint_beyond_the_quota(self, world: World, model: str) -> None:
        """It is not changed, and what it serves is served on."""
        first, second = self.prepared(world, model, 1), self.prepared(world, model, 2)
        name = NAMES.endpoint(model)
        world.endpoints.create(name, first, model)
        world.settle(name, first)
        world.refuse(model)
        with pytest.raises(QuotaReached, match=f"refused endpoint {name} with {second}: .*service limit"):
            world.endpoints.update(name, second, None)
        found = world.endpoints.get(name)
        assert (found.status, found.config_name) == ("InService", first)

    def test_a_first_endpoint_beyond_the_quota(self, world: World, model: str) -> None:
        """None is made."""
        first, name = self.prepared(world, model, 1), NAMES.endpoint(model)
        world.refuse(model)
        with pytest.raises(QuotaReached, match=f"refused endpoint {name} with {first}: .*service limit"):
            world.endpoints.create(name, first, model)
        assert world.endpoints.get(name) is None

    def test_configs_and_forgetting(self, world: World, model: str) -> None:
        """A model's own configs, oldest known; forgetting takes config and model, and may come twice."""
        first, second = self.prepared(world, model, 1), self.prepared(world, model, 2)
        self.prepared(world, model + "-v1", 1)
        by_age = sorted(world.endpoints.configs(model), key=lambda item: item[1])
        assert [name for name, _ in by_age] == [first, second]
        assert world.endpoints.instance_type(first) == "ml.m5.large"
        for _ in range(2):
            world.endpoints.forget(first)
        assert world.endpoints.instance_type(first) is None
        assert [name for name, _ in world.endpoints.configs(model)] == [second]

    def test_scaling_is_put_where_it_differs(self, world: World, model: str) -> None:
        """The same again changes nothing, other settings do, what was removed goes, and what is not ours stays."""
        config_name, name = self.prepared(world, model, 1), NAMES.endpoint(model)
        world.endpoints.create(name, config_name, model)
        world.settle(name, config_name)
        scaling = world.scaling
        morning = {"name": "morning", "at": "cron(0 8 ? * MON-FRI *)", "time_zone": "Europe/Zurich", "min": 3}
        beat = {"name": "beat", "at": "rate(12 hours)", "min": 2, "start": datetime(2026, 1, 1, tzinfo=UTC)}
        steps = [{"name": "cpu", "metric": "CPUUtilization", "above": {70: 1, 90: 2}}]
        plain = fakes.config(model=model)
        rich = fakes.config(model=model, scaling={"max": 7, "schedule": [morning, beat], "steps": steps})
        resource, now = variant(name), datetime.now(UTC)
        told = []
        for settings in (plain, plain, rich, rich, plain, plain):
            wish = wanted(settings, name, Raised(), now)
            todo = changes(wish, scaling.standing(resource))
            told.append(bool(todo))
            if todo.register:
                scaling.register(resource, todo.register)
            for put, bodies in ((scaling.put_policy, todo.policies), (scaling.put_action, todo.actions)):
                for key, body in bodies.items():
                    put(resource, key, body)
            for delete, names in (
                (scaling.delete_policy, todo.no_policies),
                (scaling.delete_action, todo.no_actions),
            ):
                for key in names * 2:
                    delete(resource, key)
            if settings is rich:
                foreign = {"Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 1}}
                scaling.put_action(resource, "somebody-elses", foreign)
        assert told == [True, False, True, False, True, False]
        assert list(scaling.standing(resource).actions) == ["somebody-elses"]
        for _ in range(2):
            scaling.remove(resource)
        assert scaling.standing(resource).bounds is None

    def test_scaling_is_held_still(self, world: World, model: str) -> None:
        """What is suspended stays so through other changes, and only what is named is resumed."""
        config_name, name = self.prepared(world, model, 1), NAMES.endpoint(model)
        resource = variant(name)
        assert world.scaling.suspended(resource) is None
        world.endpoints.create(name, config_name, model)
        world.settle(name, config_name)
        for most in (4, 7):
            world.scaling.register(resource, Bounds(1, most))
            world.scaling.suspend(resource, dict.fromkeys(fakes.ACTIVITIES, True))
        assert world.scaling.suspended(resource) == dict.fromkeys(fakes.ACTIVITIES, True)
        world.scaling.suspend(resource, {fakes.ACTIVITIES[0]: False})
        assert world.scaling.suspended(resource) == {
            each: each != fakes.ACTIVITIES[0] for each in fakes.ACTIVITIES
        }

    def test_a_deleted_endpoint(self, world: World, model: str) -> None:
        """What was deleted is gone, and may be created anew."""
        config_name, name = self.prepared(world, model, 1), NAMES.endpoint(model)
        world.endpoints.create(name, config_name, model)
        world.settle(name, config_name)
        world.endpoints.delete(name)
        eventually(lambda: world.endpoints.get(name) is None)
        assert world.endpoints.create(name, config_name, model) is True
