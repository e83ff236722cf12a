"""Lines of the ledger that outlive their handler: kept in the state document of the fact that they tell of, until they
are recorded. What a handler killed in between leaves, another one records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from perennial.decision import Decision
from perennial.deployment import IN_PROGRESS, EndpointState, Rollout
from perennial.errors import Conflict
from perennial.ports import World
from perennial.training import TrainingJob

# State documents with lines:
CLAIM = "training"  # the job that a handler starts
BEGUN = "rollout_begun"  # when the rollout began that a handler asks for
WAITS = "deployment_waits"  # what a person was told to decide
_UNTOLD = "untold"
# A line is recorded within a second of its fact: after this its handler is dead.
DIED = timedelta(minutes=1)


def with_line(document: Mapping[str, Any], line: Decision, now: datetime) -> dict[str, Any]:
    """The document, and the line that remains to be recorded."""
    return {**document, _UNTOLD: {"at": now.isoformat(), "line": line.as_dict()}}


def is_untold(document: Mapping[str, Any] | None) -> bool:
    return document is not None and _UNTOLD in document


def owed(document: Mapping[str, Any] | None, now: datetime) -> Decision | None:
    """The line that a handler left when it died; None while it may be at it."""
    untold = document.get(_UNTOLD) if document else None
    if untold is None or now - datetime.fromisoformat(untold["at"]) < DIED:
        return None
    return Decision(**untold["line"])


def told(model: str, name: str, world: World) -> None:
    """The line of this document is recorded."""
    while is_untold(known := world.state.get(model, name)):
        rest = {key: value for key, value in (known or {}).items() if key != _UNTOLD}
        try:
            world.state.put(model, name, rest, expected=known)
        except Conflict:
            continue


def untold_start(model: str, jobs: Sequence[TrainingJob], world: World) -> Decision | None:
    """The line of a job that began, whose handler died before it was recorded."""
    late = owed(world.state.get(model, CLAIM), world.now())
    return late if late and late.details["job"] in {job.name for job in jobs} else None


def untold_rollout(
    model: str, endpoint: EndpointState | None, rollout: Rollout | None, world: World
) -> tuple[str, Decision] | None:
    """What a handler left to be told of a rollout that goes on, or of what waits for a person; with its document."""
    if waits := owed(world.state.get(model, WAITS), world.now()):
        return WAITS, waits
    document = world.state.get(model, BEGUN)
    begun = owed(document, world.now())
    if document is None or begun is None or rollout is None:
        return None
    ours = document["began"] == rollout.started_at.isoformat()
    return (BEGUN, begun) if ours and _goes_on(endpoint, rollout) else None


def _goes_on(endpoint: EndpointState | None, rollout: Rollout) -> bool:
    """Whether SageMaker has accepted it. How it ended is told anyway."""
    if rollout.status == "starting" and endpoint and endpoint.status in IN_PROGRESS:
        return endpoint.modified_at is not None and endpoint.modified_at > rollout.started_at
    return rollout.status == "started"
