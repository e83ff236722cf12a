"""What the API is asked, beyond its paths."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from perennial.alarms.intent import Intent
from perennial.monitoring.monitors import MonitorName
from perennial.sections import Name


class Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


Why = Annotated[str, Field(max_length=500, description="kept in the ledger, and with the version")]


class Because(Wish):
    because: Why = ""


class RollBack(Wish):
    because: Why = ""
    version: int | None = Field(None, ge=1, description="the version to leave; the one in service by default")


class MuteFor(Wish):
    hours: float = Field(24, gt=0, le=24 * 30)
    what: Literal["all"] | Intent = Field("all", description="`all`, or an alarm's intent")


class Scale(Wish):
    bound: Literal["floor", "ceiling"] = Field(description="the least number of instances, or the most")
    instances: int = Field(ge=1, description="until then; never above scaling.adjust.limit")
    hours: float = Field(2, gt=0, le=24 * 7)
    because: Why = ""


class Analyze(Wish):
    monitor: MonitorName | None = Field(None, description="every monitor by default")
    because: Why = ""


class FireDrill(Wish):
    model: Name | None = Field(None, description="whose channels; may be left out when there is one model")
