"""What people see and press: the inbox of the twin, and its clock for captured traffic."""

import json
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class People:
    """The twin's pages for people, by its address."""

    endpoint_url: str

    def messages(self) -> list[dict[str, Any]]:
        """What the inbox got: Slack messages, mails, webhooks; newest first."""
        found: list[dict[str, Any]] = self._call("GET", "/_twin/inbox/messages")["messages"]
        return found

    def press(self, message: str, action_id: str) -> None:
        """Presses a button of a Slack message, as a person would; Slack signs the press."""
        self._call("POST", "/_twin/inbox/press", {"message": message, "action_id": action_id})

    def inbox(self) -> str:
        """The inbox as one page that needs no twin any more."""
        return self._get("/_twin/inbox/snapshot").decode()

    def capture_as_of(self, moment: datetime | None, now: datetime) -> None:
        """Captured traffic is stamped as if it were that moment; None for the present."""
        offset = (moment - now).total_seconds() if moment else 0
        self._call("POST", "/_twin/capture-clock", {"offset_seconds": offset})

    def flush_capture(self) -> None:
        """What was captured is in the bucket when this returns."""
        self._call("POST", "/_twin/capture/flush", {})

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.endpoint_url + path, timeout=30) as answer:
            return bytes(answer.read())

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint_url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"{}")
