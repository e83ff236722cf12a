"""What has arrived: Slack messages, mails and calls of webhooks, kept in memory, the newest of them."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MOST = 500


@dataclass
class Message:
    """One thing that arrived; `content` is what its kind (slack, mail, webhook) has to show.

    `revision` grows with every change in the inbox, so a reader sees what is new to him.
    """

    id: str
    kind: str
    content: dict[str, Any]
    at: float = field(default_factory=time.time)
    revision: int = 0

    def shown(self) -> dict[str, Any]:
        """As the JSON API and the page show it."""
        at = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        return {"id": self.id, "kind": self.kind, "at": at, "revision": self.revision, **self.content}


class Messages:
    """The newest messages. Safe to use from any thread."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._messages: OrderedDict[str, Message] = OrderedDict()
        self._count = 0
        self.revision = 0

    def add(self, kind: str, content: dict[str, Any]) -> Message:
        """Keep a message; the oldest goes when there are too many."""
        with self._lock:
            self._count += 1
            self.revision += 1
            message = Message(f"m{self._count}", kind, content, revision=self.revision)
            self._messages[message.id] = message
            while len(self._messages) > self._most:
                self._messages.popitem(last=False)
            return message

    def change(self, message: Message, **content: Any) -> None:
        """Give a message other content; members that are not named stay."""
        with self._lock:
            self.revision += 1
            message.content = {**message.content, **content}
            message.revision = self.revision

    def remove(self, message: Message) -> None:
        with self._lock:
            self.revision += 1
            self._messages.pop(message.id, None)

    def clear(self) -> None:
        with self._lock:
            self.revision += 1
            self._messages.clear()

    def get(self, identifier: str) -> Message | None:
        return self._messages.get(identifier)

    def newest_first(self, wanted: Callable[[Message], bool] = lambda _: True) -> list[Message]:
        with self._lock:
            return [one for one in reversed(self._messages.values()) if wanted(one)]
