"""Whether one more model fits into this container's memory.

What a model takes is not known before it is loaded, so this is an estimate by the size of its files, on the safe side:
SageMaker answers "no" by unloading models that are not used, and asks again.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024
BASE = 24 * MEBIBYTE  # a session, its decoder, and what the first requests need
FACTOR = 4  # a loaded graph against its file
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
UNLIMITED = 1 << 60  # version 1 says "no limit" by a number near 2**63


@dataclass(frozen=True)
class Room:
    """In bytes: what there is for the process and its models, what is used, and what one more would need."""

    limit: int
    used: int
    needed: int

    @property
    def enough(self) -> bool:
        return self.used + self.needed <= self.limit

    @property
    def reason(self) -> str:
        parts = (round(value / MEBIBYTE) for value in (self.needed, self.used, self.limit))
        return "the model needs some {} MB, {} of {} MB are used: unload others first".format(*parts)


def needed(folder: Path) -> int:
    """Bytes of memory that the model in a folder will take."""
    return BASE + FACTOR * sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def limit(environment: Mapping[str, str]) -> int:
    """Bytes for this process: what the environment says, else the container's limit, else the machine's memory."""
    asked = environment.get("PERENNIAL_MODELS_MEMORY_MB")
    if asked:
        return int(asked) * MEBIBYTE
    for path in map(Path, LIMITS):
        text = path.read_text(encoding="ascii").strip() if path.exists() else ""
        if text.isdigit() and int(text) < UNLIMITED:
            return int(text)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def used() -> int:
    """Bytes that this process holds in memory; 0 where the system does not tell."""
    status = Path("/proc/self/statm")
    return (
        int(status.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        if status.exists()
        else 0
    )
