"""Routes of the fire drill."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from perennial.drill import Way
from perennial.ports import World
from perennial.reactions import fire_drill
from perennial_web.answers import DrillAnswer, Hop
from perennial_web.caller import Caller, TheWorld
from perennial_web.errors import Refused
from perennial_web.requests import FireDrill

router = APIRouter()
DrillId = Annotated[str, Path(max_length=100)]  # the table takes no longer keys than 1024 bytes


@router.post("/fire-drill", status_code=202)
def begin(world: TheWorld, caller: Caller, wish: FireDrill | None = None) -> DrillAnswer:
    """Ring the test alarm: its message travels to every channel of the model. Follow it by its id."""
    model = _model(wish.model if wish else None, world)
    return _answer(fire_drill.follow(fire_drill.begin(model, world, by=caller).id, world))


@router.get("/fire-drill/{drill}")
def look(drill: DrillId, world: TheWorld) -> DrillAnswer:
    """How far a drill has come."""
    return _answer(fire_drill.follow(drill, world))


@router.delete("/fire-drill/{drill}")
def end(drill: DrillId, world: TheWorld) -> DrillAnswer:
    """End a drill: the alarm is set back to OK, whatever arrived."""
    found = _answer(fire_drill.follow(drill, world))
    fire_drill.end(world)
    return found


def _model(wanted: str | None, world: World) -> str:
    models = world.catalog.models()
    if wanted is None and len(models) == 1:
        return models[0]
    if wanted is None:
        which = f"name one of the {len(models)} models" if models else "there is no model yet"
        raise Refused(422, "model_needed", f"{which}, whose channels are tried")
    if wanted not in models:
        raise Refused(404, "no_such_model", f"there is no model {wanted}")
    return wanted


def _answer(found: Way | None) -> DrillAnswer:
    if found is None:
        raise Refused(404, "no_such_drill", "there was no such fire drill")
    hops = [Hop(name=hop.name, at=hop.at, detail=hop.detail) for hop in found.hops]
    return DrillAnswer(id=found.drill.id, model=found.drill.model, status=found.status, hops=hops)
