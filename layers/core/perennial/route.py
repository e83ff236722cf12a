"""Which endpoint serves a model now. Everybody who needs "the endpoint of a model" asks here."""

from __future__ import annotations

from perennial.kinds import Route, first
from perennial.ports import World

DOCUMENT = "route"


def serving(model: str, world: World) -> Route:
    """The endpoint that serves the model, or will once it is created. It need not exist."""
    if document := world.state.get(model, DOCUMENT):
        return Route.read(document)
    config = world.catalog.get(model)
    return first(config, world.names) if config else Route(world.names.endpoint(model), "realtime")
