"""manifest.json of a drop: which files belong to it, and what they should be. Written by the user. Pure.

    {"files": [{"name": "a.csv", "size": 123, "sha256": "<hex>"}, "b.csv"]}     or only the list

Names are relative to the drop's folder; size and sha256 are optional, and verified when given.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

EXAMPLE = '{"files": [{"name": "a.csv", "size": 123, "sha256": "..."}]} or ["a.csv"]'


def _named(entry: Any) -> Any:
    return {"name": entry} if isinstance(entry, str) else entry


def _relative(name: Any) -> Any:
    return name.removeprefix("./") if isinstance(name, str) else name


def _lowered(digest: Any) -> Any:
    return digest.lower() if isinstance(digest, str) else digest


class ListedFile(BaseModel):
    """One file that the drop consists of."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Annotated[str, Field(min_length=1), BeforeValidator(_relative)]
    size: int | None = Field(None, ge=0)
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$"), BeforeValidator(_lowered)] = None


def _files(document: Any) -> Any:
    return document["files"] if isinstance(document, dict) and "files" in document else document


Entry = Annotated[ListedFile, BeforeValidator(_named)]


@cache
def _adapter() -> TypeAdapter[list[ListedFile]]:
    """Made when the first manifest comes: most drops have none, and every cold start would pay for it."""
    return TypeAdapter(Annotated[list[Entry], Field(min_length=1), BeforeValidator(_files)])


class BadManifest(Exception):
    """manifest.json is not what it should be; the message says where."""


def parse_manifest(body: bytes) -> list[ListedFile]:
    """Read it, or raise BadManifest."""
    try:
        files = _adapter().validate_python(_load(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadManifest(f"{place + ': ' if place else ''}{first['msg']}") from error
    names = Counter(file.name for file in files)
    if twice := next((name for name, times in names.items() if times > 1), None):
        raise BadManifest(f"it lists {twice!r} twice")
    return files


def _load(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise BadManifest(f"it is not JSON: {error}") from error
