"""Our event bus on EventBridge: hints for reactions, news for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from perennial.aws.clients import client
from perennial.decision import Decision
from perennial.errors import TransientError
from perennial.events import SOURCE, ActionDetail, ReactionName


class EventBus:
    def __init__(self, name: str, events: Any = None) -> None:
        self._name = name
        self._events = events or client("events")

    def send(self, model: str, reaction: ReactionName, because: str, subject: str | None = None) -> None:
        """Ask a reaction to look at a model."""
        self._put("Model Due", {"model": model, "reaction": reaction, "subject": subject, "because": because})

    def ask(self, action: ActionDetail) -> None:
        """Have somebody's press of a button acted on."""
        self._put("Action Asked", action.model_dump(mode="json"))

    def announce(self, decision: Decision) -> None:
        """Tell whoever listens about a decision that is news."""
        self._put("Decision Made", decision.as_dict())

    def _put(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        entry = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": json.dumps(detail, default=str),
        }
        answer = self._events.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise TransientError(
                f"EventBridge did not take {detail_type}: {answer['Entries'][0].get('ErrorMessage')}"
            )
