"""What was decided about a model, and why: the value that the ledger keeps and people are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Decision:
    """One decision. Also "nothing" is one.

    `fact` is what was met (past tense, with the name of the thing), `outcome` what was done about it
    (snake_case, past tense), `reason` a sentence for people. `news` is None unless a person should hear of it.
    """

    model: str
    fact: str
    outcome: str
    reason: str
    news: Severity | None = None
    details: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Plain values, for a log line, an event or a Lambda's answer."""
        return {
            "model": self.model,
            "fact": self.fact,
            "outcome": self.outcome,
            "reason": self.reason,
            "news": self.news,
            "details": dict(self.details),
        }
