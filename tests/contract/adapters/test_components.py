"""The fake of inference components and the adapter to SageMaker do the same: each case runs on memory and on a twin."""

from collections.abc import Callable
from typing import Any

import fakes
import pytest
from running_twin import Twin, eventually, unique
from serving_endpoints import Endpoints

from perennial import component_scaling, components
from perennial.aws.autoscaling import ApplicationAutoScaling
from perennial.aws.components import SageMakerComponents
from perennial.aws.endpoints import SageMakerEndpoints
from perennial.endpoint_config import VARIANT
from perennial.errors import TransientError
from perennial.scaling import changes
from perennial.scaling_bounds import Bounds, Raised

ZERO = fakes.config(scaling={"min": 0, "max": 2}, endpoint={"rollout": {"type": "all_at_once"}})


class OnTwin:
    """The adapters to a twin."""

    def __init__(self, twin: Twin) -> None:
        self._made = Endpoints.on(twin)
        sagemaker = twin.client("sagemaker")
        self.components = SageMakerComponents(sagemaker)
        self.endpoints = SageMakerEndpoints(
            fakes.NAMES,
            self._made.role,
            sagemaker,
            twin.client("sagemaker-runtime"),
            components=self.components,
        )
        self.scaling = ApplicationAutoScaling(twin.client("application-autoscaling"))

    def model(self) -> str:
        return self._made.model(answer="yes")

    def done(self, name: str, is_done: Callable[[Any], bool]) -> None:
        eventually(lambda: is_done(self.endpoints.get(name)), 60)


class InMemory:
    """The fakes, and SageMaker's part in them."""

    def __init__(self) -> None:
        world = fakes.InMemoryWorld()
        world.endpoints.answer = '{"answer": "yes"}'
        self.endpoints, self.components, self.scaling = world.endpoints, world.components, world.scaling

    def model(self) -> str:
        return unique("model")

    def done(self, name: str, is_done: Callable[[Any], bool]) -> None:
        if self.components.get(name) is None:
            self.endpoints.become(name, "InService")
        elif self.components.components[name].status == "Deleting":
            del self.components.components[name]
        else:
            self.components.run(name)
        assert is_done(self.endpoints.get(name))


@pytest.fixture(scope="module")
def started(twin: Twin) -> OnTwin:
    return OnTwin(twin)


@pytest.fixture(params=["memory", "twin"])
def world(request: pytest.FixtureRequest) -> Any:
    return InMemory() if request.param == "memory" else request.getfixturevalue("started")


def test_the_life_of_an_endpoint_that_hosts_a_component(world: Any) -> None:
    """Endpoint, component, request, another version, and the end: each state is what the planner expects."""
    name, first, second, config = unique("endpoint"), world.model(), world.model(), unique("config")
    world.endpoints.ensure_config(components.config_request(config, ZERO))
    assert world.endpoints.create(name, config, "mortgage")
    world.done(name, lambda state: state.awaits == "component")
    assert world.endpoints.get(name).host_config == config
    assert world.endpoints.instance_type(config) == "ml.m5.large"

    assert world.components.create(components.create_request(ZERO, name, first))
    assert not world.components.create(components.create_request(ZERO, name, first))
    assert not world.components.delete(name)
    world.done(name, lambda state: (state.status, state.config_name) == ("InService", first))
    assert world.endpoints.get(name).instances == 1
    assert "yes" in world.endpoints.invoke(name, "{}", component=name)

    state = world.endpoints.get(name)
    assert world.components.update(components.update_request(ZERO, state, second))
    assert not world.components.update(components.update_request(ZERO, state, first))
    world.done(name, lambda state: (state.status, state.config_name) == ("InService", second))

    assert world.components.delete(name)
    world.done(name, lambda state: state.awaits == "component")
    assert world.components.get(name) is None
    world.endpoints.delete(name)


def test_what_scales_copies_is_an_upsert(world: Any) -> None:
    """Bounds down to none, tracking and the waking policy are put once; then nothing differs."""
    name, config = unique("endpoint"), unique("config")
    world.endpoints.ensure_config(components.config_request(config, ZERO))
    world.endpoints.create(name, config, "mortgage")
    world.done(name, lambda state: state.awaits == "component")
    world.components.create(components.create_request(ZERO, name, world.model()))
    world.done(name, lambda state: state.status == "InService")
    wish = component_scaling.wanted(ZERO, name, Raised(), fakes.NOW)
    world.scaling.register(wish.resource, wish.bounds)
    for policy, body in wish.policies.items():
        assert world.scaling.put_policy(wish.resource, policy, body)
    assert world.scaling.standing(wish.resource).bounds == Bounds(0, 2)
    assert not changes(wish, world.scaling.standing(wish.resource))
    world.scaling.remove(wish.resource)


def test_a_request_without_capacity_is_no_verdict_on_a_version(started: OnTwin) -> None:
    """A request that finds no copy is tried again later: it says nothing of the model."""
    name, config = unique("endpoint"), unique("config")
    started.endpoints.ensure_config(components.config_request(config, ZERO))
    started.endpoints.create(name, config, "mortgage")
    started.done(name, lambda state: state.awaits == "component")
    asleep = {**components.create_request(ZERO, name, started.model()), "RuntimeConfig": {"CopyCount": 0}}
    assert asleep["VariantName"] == VARIANT
    started.components.create(asleep)
    started.done(name, lambda state: state.status == "InService")
    with pytest.raises(TransientError, match="no capacity"):
        started.endpoints.invoke(name, "{}", component=name)
