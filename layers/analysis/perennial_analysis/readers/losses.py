"""What a reader had to leave out: counted and shown, never fatal."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_EXAMPLES = 5
LONGEST_EXAMPLE = 200


@dataclass
class Losses:
    """Broken rows or records, with a few examples of why. One may be shared by the readers of many files."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, why: str, count: int = 1) -> None:
        self.count += count
        if count and len(self.examples) < MOST_EXAMPLES:
            self.examples.append(why[:LONGEST_EXAMPLE])
