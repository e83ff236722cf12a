"""One message, whatever the channel. Pure values, and no markup: each renderer escapes what it must."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from perennial.decision import Severity
from perennial.intents import Action
from perennial.names import Names

Urgency = Literal["now", "soon", "none"]
MARKS: dict[Urgency, str] = {
    "now": "\N{LARGE RED CIRCLE}",
    "soon": "\N{LARGE YELLOW CIRCLE}",
    "none": "\N{LARGE GREEN CIRCLE}",
}
CALLS: dict[Urgency, str] = {"now": "Act now.", "soon": "Needs you, but can wait.", "none": "Nothing to do."}


@dataclass(frozen=True)
class Moved:
    """A feature beside its baseline. `effect` is how far it moved, `limit` how far it may."""

    feature: str
    before: str
    after: str
    effect: float | None = None
    limit: float | None = None
    tripped: bool = False


@dataclass(frozen=True)
class Fact:
    label: str
    value: str


@dataclass(frozen=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True)
class Button:
    """What one press asks for. It becomes a signed intent where the channel can carry one."""

    action: Action
    label: str
    style: Literal["primary", "danger"] | None = None
    confirm: str = ""
    version: int | None = None
    subject: str = ""


@dataclass(frozen=True)
class Message:
    """What happened, why, what the system did, and what is asked of the reader.

    `key` names the delivery; `topic` groups messages about the same trouble, and `resolves` says that it is
    over. `moved` are the features that moved most, of `features` in all. `parts` are the messages that a
    digest collects; `left_out` how many more there were than it can hold.
    """

    key: str
    stack: str
    model: str
    outcome: str
    severity: Severity
    urgency: Urgency
    title: str
    ask: str
    why: str
    did: str
    fact: str
    at: datetime
    topic: str = ""
    resolves: bool = False
    endpoint: str = ""
    moved: tuple[Moved, ...] = ()
    features: int = 0
    facts: tuple[Fact, ...] = ()
    log: str = ""
    links: tuple[Link, ...] = ()
    commands: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    notes: tuple[str, ...] = ()
    parts: tuple[Message, ...] = ()
    left_out: int = 0

    @property
    def ledger(self) -> str:
        """The command that shows everything, told or not."""
        return f"{Names(self.stack).command} ledger {self.model}"

    @property
    def headline(self) -> str:
        """The first line that anybody reads: whether to act, and what it is about."""
        return f"{CALLS[self.urgency]} {self.ask}".strip()
