"""Holds the data that came to what was pinned: a part replaced since then would train on something else."""

import hashlib
import json
import logging
from collections import Counter
from pathlib import Path

from perennial_container.errors import TrainingError
from perennial_container.training.parts import find_parts

log = logging.getLogger(__name__)


def require_pinned(channel: Path, training: Path) -> None:
    """Compare the parts with dataset.json, by content: their names and order do not matter.

    A job without the channel 'dataset' trains on whatever it was given. Raises TrainingError.
    """
    document = next((path for path in sorted(channel.rglob("dataset.json")) if path.is_file()), None)
    if document is None:
        return
    try:
        parts = json.loads(document.read_bytes())["parts"]
        names = {part["sha256"]: part["name"] for part in parts}
        wanted = Counter(part["sha256"] for part in parts)
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"dataset.json does not list the pinned parts: {error!r}") from error
    found = Counter(_sha256(path) for path in find_parts(training))
    if gone := sorted(wanted - found):
        raise TrainingError(
            f"the part {names[gone[0]]!r} is not what was pinned: it was replaced or removed since; "
            "drop the data again, under a new name"
        )
    if found - wanted:
        raise TrainingError("there is more data than was pinned; drop the data again, under a new name")
    log.info("all %d parts are what was pinned", found.total())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
