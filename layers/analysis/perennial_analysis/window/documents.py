"""JSON files of a baseline: None where there is none that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def document(baseline: Mapping[str, bytes], name: str) -> dict[str, Any] | None:
    if name not in baseline:
        return None
    try:
        found: dict[str, Any] = msgspec.json.decode(baseline[name], type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
    return found


def written(content: Any) -> bytes:
    """The same document gives the same bytes."""
    return msgspec.json.encode(content, order="sorted")
