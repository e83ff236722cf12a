"""Keeps what an interrupted training needs to go on, in the folder that SageMaker copies to S3."""

import hashlib
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class StopSignal:
    """Remembers that SIGTERM arrived; SageMaker sends it 120 s before it ends the container."""

    def __init__(self) -> None:
        self.received = False

    def install(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self.receive())

    def receive(self) -> None:
        self.received = True

    def __call__(self) -> bool:
        return self.received


def fingerprint(**parts: Any) -> str:
    """Names a training: the same data, settings and code version give the same name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Checkpoint:
    """One training's checkpoint file; a checkpoint of another training is not looked at."""

    folder: Path
    name: str

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.name}.checkpoint"

    def load(self) -> bytes | None:
        return self._path.read_bytes() if self._path.exists() else None

    def save(self, content: bytes) -> None:
        """Replace the checkpoint in one step, so that a copy never sees half of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_bytes(content)
        partial.replace(self._path)

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
