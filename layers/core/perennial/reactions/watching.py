"""What the sweep sees of the monitors: windows that are due, and analysis that does not keep up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.deployment import EndpointState
from perennial.errors import Conflict
from perennial.monitoring import windows
from perennial.overdue import Due
from perennial.ports import World
from perennial.reactions.owed import owed, told, with_line
from perennial.reactions.traffic import Watch, in_service_since, through_of, watches_of
from perennial.words import counted


def due_monitors(config: ModelConfig, endpoint: EndpointState | None, world: World) -> list[Due]:
    """The monitors that `analyze_traffic` should look at."""
    watches = watches_of(config) if endpoint else []
    serves = in_service_since(config, endpoint, world) is not None
    due = [found for watch in watches if serves and (found := _due(watch, world))]
    theirs = {watch.monitor for watch in watches if config.engine != "built-in"}
    for monitor, known in world.state.all(config.model, "schedule#").items():
        if monitor not in theirs and known["definition"]:
            due.append(Due("analyze_traffic", f"nothing needs the schedule of {monitor} any more", monitor))
    return due


def _due(watch: Watch, world: World) -> Due | None:
    through = through_of(watch, world)
    if through is None:
        return Due("analyze_traffic", f"{watch.monitor} is not watched yet", watch.monitor)
    _tell_when_late(watch, through, world)
    waiting = windows.due(through, watch.every, watch.delay, world.now(), 1)
    return Due("analyze_traffic", f"window {waiting[0]} is due", watch.monitor) if waiting else None


def _tell_when_late(watch: Watch, through: datetime, world: World) -> None:
    """Once an outage: a person hears that analysis does not keep up."""
    late = windows.badly_late(through, watch.every, watch.delay, world.now())
    known = world.state.get(watch.model, f"late#{watch.monitor}")
    if line := owed(known, world.now()):
        _told(line, watch, world)
    if late == bool(known and known["late"]):
        return
    document: dict[str, Any] = {"late": late}
    line = None
    if late:
        waiting = len(windows.due(through, watch.every, watch.delay, world.now(), 1000))
        reason = (
            f"{counted(waiting, 'window')} of {watch.monitor} waiting since {windows.iso(through)}: they are analysed one after "
            f"the other, oldest first; if this stays so, see `{world.names.command} dead-letters` and the functions' log"
        )
        fact = f"analysis of {watch.monitor} is late"
        line = Decision(watch.model, fact, "analysis_late", reason, "warning")
        document = with_line(document, line, world.now())
    try:
        world.state.put(watch.model, f"late#{watch.monitor}", document, expected=known)
    except Conflict:
        return  # another sweep tells it
    if line:
        _told(line, watch, world)


def _told(line: Decision, watch: Watch, world: World) -> None:
    world.ledger.record(line)
    told(watch.model, f"late#{watch.monitor}", world)
