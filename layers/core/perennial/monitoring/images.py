"""Where AWS keeps the images of Model Monitor and Clarify: from the SageMaker SDK's tables, by
tools/refresh_image_uris.py."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

TABLE = Path(__file__).with_name("images.json")
SUFFIXES = {"cn-": "amazonaws.com.cn", "us-isob-": "sc2s.sgov.gov", "us-iso-": "c2s.ic.gov"}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(TABLE.read_text())
    return table


def image_uri(name: Literal["model-monitor", "clarify"], region: str) -> str | None:
    """None in a region where the image is not."""
    image = _table()[name]
    account = image["registries"].get(region)
    if account is None:
        return None
    suffix = next((end for start, end in SUFFIXES.items() if region.startswith(start)), "amazonaws.com")
    tag = f":{image['tag']}" if image["tag"] else ""
    return f"{account}.dkr.ecr.{region}.{suffix}/{image['repository']}{tag}"
