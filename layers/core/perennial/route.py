"""Which endpoint serves a model now. Everybody who needs "the endpoint of a model" asks here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from perennial.config import ModelConfig
from perennial.deployment import BROKEN, DeploymentPlan, Elsewhere, EndpointState, Rollout, reconcile, settle
from perennial.kinds import Route, aim, first, is_abandoned, is_asked_still, leftover, place_of
from perennial.ports import World

DOCUMENT = "route"


def serving(model: str, world: World) -> Route:
    """The endpoint that serves the model, or will once it is created. It need not exist."""
    if document := world.state.get(model, DOCUMENT):
        return Route.read(document)
    config = world.catalog.get(model)
    return first(config, world.names) if config else Route(world.names.endpoint(model), "realtime")


def put(model: str, route: Route, world: World) -> None:
    """Replace what is known of the route. Raises Conflict when somebody else did in between."""
    known = world.state.get(model, DOCUMENT)
    if known != route.document():
        world.state.put(model, DOCUMENT, route.document(), expected=known)


@dataclass(frozen=True)
class Place:
    """A model's endpoints as they are now.

    `endpoint` is the one that should serve (`aimed`), `present` the one that has the route. They differ while the kind
    changes.
    """

    route: Route
    aimed: str
    endpoint: EndpointState | None
    present: EndpointState | None

    @property
    def moves(self) -> bool:
        return self.aimed != self.route.endpoint

    @property
    def leaves(self) -> EndpointState | None:
        """What serves until the other takes over; a broken endpoint serves nobody."""
        return self.present if self.moves and self.present and self.present.status not in BROKEN else None

    def at(self, rollout: Rollout, world: World) -> EndpointState | None:
        """The endpoint that a rollout is about."""
        name = place_of(rollout, self.route)
        found = {self.aimed: self.endpoint, self.route.endpoint: self.present}
        return found[name] if name in found else _look_at(name, world)


def look(config: ModelConfig, world: World) -> Place:
    route = serving(config.model, world)
    aimed = aim(route, config, world.names)
    present = _look_at(route.endpoint, world)
    return Place(route, aimed, present if aimed == route.endpoint else _look_at(aimed, world), present)


def _look_at(name: str, world: World) -> EndpointState | None:
    """An endpoint with the instance type that its component runs on, where it hosts one."""
    endpoint = world.endpoints.get(name)
    if endpoint is None or not endpoint.host_config:
        return endpoint
    return replace(endpoint, host_instance=world.endpoints.instance_type(endpoint.host_config) or "")


def planned(place: Place, rollout: Rollout | None, config: ModelConfig, world: World) -> DeploymentPlan:
    """What brings the newest approved version into service, on the kind of endpoint that is asked for."""
    elsewhere = None
    if rollout and place_of(rollout, place.route) != place.aimed:
        elsewhere = Elsewhere(place.at(rollout, world))
    now, versions = world.now(), world.registry.versions(config.model)
    plan = reconcile(
        versions,
        place.endpoint,
        rollout,
        config,
        world.names,
        now,
        leaves=place.leaves,
        elsewhere=elsewhere,
    )
    if plan.action == "delete" and is_asked_still(place.route, place.aimed, now):
        return replace(plan, action="wait", reason=f"requests may be on their way to {place.aimed} still")
    other = place.route.other
    if plan.action in ("create", "adopt") and place.moves and other not in ("", place.aimed):
        # A model has a second endpoint at most: of a third nobody would know.
        return replace(
            plan, action="wait", reason=f"{other}, which is not asked for any more, has to go first"
        )
    return plan


def abandoned(place: Place, rollout: Rollout | None, world: World) -> bool:
    """Whether it is given up. One that failed already is settled: its version is not tried again."""
    if rollout is None or not is_abandoned(rollout, place.route, place.aimed, world.now()):
        return False
    return settle(place.at(rollout, world), rollout, world.now()).outcome not in ("failed", "rolled_back")


def left_over(place: Place, rollout: Rollout | None, plan: DeploymentPlan, world: World) -> str | None:
    """The endpoint that has to go."""
    return leftover(place.route, place.aimed, rollout, world.now(), planned=plan.action != "nothing")
