"""What one worker saw of a window: enough for the whole analysis, in bytes that hold no code."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt

from perennial_analysis.model_quality.labels import encode

MOST_EXAMPLES = 5
LONGEST_EXAMPLE = 200
VERSION = 1


class UnreadablePart(Exception):
    """The bytes are not a part of this version."""


class Losses(msgspec.Struct):
    """Records that could not be read. Of the examples the first by file and line are kept, however work was split."""

    count: int = 0
    examples: list[tuple[str, int, str]] = []

    def add(self, file: str, line: int, why: str, count: int = 1) -> None:
        self.count += count
        self._keep([(file, line, why[:LONGEST_EXAMPLE])])

    def join(self, other: Losses) -> None:
        self.count += other.count
        self._keep(other.examples)

    def told(self) -> tuple[str, ...]:
        """`file:line: why`; line 0 is the file as a whole."""
        return tuple(
            f"{file}:{line}: {why}" if line else f"{file}: {why}" for file, line, why in self.examples
        )

    def _keep(self, more: Iterable[tuple[str, int, str]]) -> None:
        self.examples = sorted([*self.examples, *more])[:MOST_EXAMPLES]


class Names(msgspec.Struct):
    """A column of texts as places in a list of its distinct values, [rows] of int32; -1 where it is missing."""

    places: bytes
    names: list[str]

    @classmethod
    def of(cls, values: npt.NDArray[np.object_]) -> Names:
        found = encode(values)
        return cls(found.places.astype("<i4").tobytes(), found.names)

    def values(self) -> npt.NDArray[np.object_]:
        """The texts, [rows], None where missing."""
        named: npt.NDArray[np.object_] = np.array([*self.names, None], dtype=object)
        values: npt.NDArray[np.object_] = named[np.frombuffer(self.places, "<i4")]
        return values


class Predictions(msgspec.Struct):
    """The answered rows of captured records: [records] ids and how many rows each has, [rows] of the rest."""

    events: list[str]
    inferences: list[str | None]
    sizes: bytes
    scores: bytes
    predicted: Names
    facet: Names | None = None


class Truth(msgspec.Struct):
    """The labels of records, by eventId or inferenceId; of several the one of the last file by name counts."""

    labels: dict[str, tuple[str, tuple[str | int | float | bool | None, ...]]] = {}
    broken: int = 0
    repeated: int = 0


class Part(msgspec.Struct):
    """Parts of a window, in any order, are the window: see `engine.finish`.

    `odd` counts rows of the wrong number of cells, by that number. `statistics` is a statistics.json.
    """

    monitor: str
    requests: int = 0
    rows: int = 0
    broken: Losses = msgspec.field(default_factory=Losses)
    odd: dict[int, int] = {}
    statistics: bytes | None = None
    predictions: list[Predictions] = []
    truth: Truth | None = None
    version: int = VERSION

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Part:
        """Raises UnreadablePart."""
        try:
            part: Part = msgspec.msgpack.decode(data, type=Part)
        except msgspec.MsgspecError as error:
            raise UnreadablePart(f"not a part of a window's analysis: {error}") from error
        if part.version != VERSION:
            raise UnreadablePart(f"version {part.version} of a part, not {VERSION}")
        return part


def joined(parts: Iterable[Part], monitor: str) -> Part:
    """Counts and losses of all parts together; what else they hold is for the monitor to join."""
    whole = Part(monitor)
    for part in parts:
        whole.requests += part.requests
        whole.rows += part.rows
        whole.broken.join(part.broken)
        for width, count in part.odd.items():
            whole.odd[width] = whole.odd.get(width, 0) + count
    return whole
