"""What an endpoint of inference components needs beside its own requests: the component, another model on it, its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from perennial import components
from perennial.components import Step, asked_for, next_step
from perennial.config import ModelConfig
from perennial.decision import Decision, Severity
from perennial.deployment import EndpointState, Rollout
from perennial.ports import World
from perennial.reactions import guards

_ASKED = (
    "component_asked"  # the state document: which rollout's version a component was last asked for, and when
)


def due(endpoint: EndpointState | None, rollout: Rollout | None, model: str, world: World) -> Step:
    """The step that an endpoint waits for, as things are."""
    document = world.state.get(model, _ASKED)
    return next_step(endpoint, rollout, document["rollout"] if document else "")


def dated(rollout: Rollout | None, model: str, world: World) -> Rollout | None:
    """The rollout as begun when its last half was asked for: until then nothing that is seen tells how it ended."""
    document = world.state.get(model, _ASKED)
    if rollout is None or not document or document["rollout"] != asked_for(rollout) or not document.get("at"):
        return rollout
    return replace(rollout, started_at=datetime.fromisoformat(document["at"]))


def take(
    endpoint: EndpointState, rollout: Rollout | None, config: ModelConfig, world: World, because: str
) -> Decision | None:
    """Ask for the second half of a rollout; None when nothing is awaited. Asked again, it meets what is there."""
    step = due(endpoint, rollout, config.model, world)
    if step.action == "nothing":
        return None
    if step.action == "remove":
        world.endpoints.delete(endpoint.name)
        return _told(
            config, because, "endpoint_removed", endpoint, step
        )  # why was told with the rollout's end
    if step.action == "create" and _has_other_instances(endpoint, step.model_name, world):
        world.endpoints.update(endpoint.name, step.model_name, None, keep_counts=False)
        return _told(config, because, "endpoint_update_started", endpoint, step)
    if step.action == "create":
        world.components.create(components.create_request(config, endpoint.name, step.model_name))
        return _told(config, because, "component_creation_started", endpoint, step)
    if not update(endpoint, step.model_name, config, world):
        # It changed since it was looked at: what was seen says nothing about how the rollout ended.
        busy = replace(
            step, reason=f"SageMaker is changing the copies of {endpoint.name}; the sweep comes back"
        )
        return _told(config, because, "deployment_waits", endpoint, busy)
    return _told(config, because, "component_update_started", endpoint, step)


def update(endpoint: EndpointState, model_name: str, config: ModelConfig, world: World) -> bool:
    """Ask for another model on the component, guarded first; False while another change of it is under way.

    The guards stay up then: the change may be the same one, asked for by another handler.
    """
    guarded = components.deployment_config(config, endpoint.instances) is not None
    alarms = guards.put_up(config, model_name, world, alarmed=guarded)
    accepted = world.components.update(components.update_request(config, endpoint, model_name, alarms))
    rollout = world.state.rollout(config.model)
    if accepted and rollout:
        document = {"rollout": asked_for(rollout), "at": world.now().isoformat()}
        world.state.put(config.model, _ASKED, document)
    return accepted


def _has_other_instances(endpoint: EndpointState, config_name: str, world: World) -> bool:
    """Whether an endpoint has others than a config asks for: it was made for another one, which was lost."""
    wanted = world.endpoints.instance_type(config_name)
    return wanted is not None and wanted != world.endpoints.instance_type(endpoint.host_config)


def begin_update(endpoint: EndpointState, config_name: str, config: ModelConfig, world: World) -> bool:
    """The first half of an update: other instances if they differ, and else the version itself."""
    if not _has_other_instances(endpoint, config_name, world):
        accepted = update(endpoint, config_name, config, world)
        if not accepted:  # two handlers do not begin the same rollout: it is somebody else's change
            guards.take_down(config.model, world)
        return accepted
    return world.endpoints.update(endpoint.name, config_name, None, keep_counts=False)


def is_vacant(name: str, world: World) -> bool:
    """Whether no component of a deleted endpoint has the name still: that one goes first."""
    if world.components.get(name) is None:
        return True
    world.components.delete(name)
    return False


def let_go(endpoint: EndpointState, world: World) -> bool:
    """Delete an endpoint, after what lives on it: False until the component is gone, the sweep comes back.

    DeleteEndpoint leaves components behind, and their names taken.
    """
    if world.components.get(endpoint.name) is None:
        world.endpoints.delete(endpoint.name)
        return True
    world.components.delete(endpoint.name)
    return False


def _told(
    config: ModelConfig,
    because: str,
    outcome: str,
    endpoint: EndpointState,
    step: Step,
    news: Severity | None = None,
) -> Decision:
    details = {"endpoint": endpoint.name} | ({"config": step.model_name} if step.model_name else {})
    return Decision(config.model, because, outcome, step.reason, news, details)
