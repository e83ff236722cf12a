"""What hands a model on to another function, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from perennial.events import ActionDetail


@dataclass
class InMemoryHints:
    sent: list[tuple[str, str, str | None]] = field(default_factory=list)
    asked: list[ActionDetail] = field(default_factory=list)

    def send(self, model: str, reaction: str, because: str, subject: str | None = None) -> None:
        self.sent.append((model, reaction, subject))

    def ask(self, action: ActionDetail) -> None:
        self.asked.append(action)


@dataclass
class InMemoryParquetReader:
    handed: list[tuple[str, str]] = field(default_factory=list)

    def start_training(self, model: str, drop: str) -> None:
        self.handed.append((model, drop))
