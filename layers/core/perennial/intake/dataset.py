"""The documents that intake writes, with the same bytes for the same content. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from perennial.intake.problem import Problem
from perennial.intake.schema import Format, Schema

VERSION_LENGTH = 12


@dataclass(frozen=True)
class ReadPart:
    """A part as it was read: what pins it."""

    key: str
    name: str
    size: int
    sha256: str
    rows: int
    etag: str
    version_id: str | None


def dataset_version(sha256s: Iterable[str]) -> str:
    """The same contents under other names or in another order are the same dataset."""
    return hashlib.sha256("\n".join(sorted(sha256s)).encode()).hexdigest()[:VERSION_LENGTH]


def schema_json(schema: Schema) -> bytes:
    return _json(schema.document())


def manifest_json(bucket: str, keys: Sequence[str]) -> bytes:
    """SageMaker's ManifestFile; one bucket, keys in full behind the common prefix."""
    return _json([{"prefix": f"s3://{bucket}/"}, *sorted(keys)])


def dataset_json(
    *,
    version: str,
    drop: str,
    format: Format,  # noqa: A002 (the document calls it so)
    rows: int,
    parts: Sequence[ReadPart],
    statistics: dict[str, Any],
    notes: Sequence[str],
    created: datetime,
) -> bytes:
    """What was pinned. `created` should be UTC."""
    return _json(
        {
            "version": version,
            "drop": drop,
            "created": created.isoformat(),
            "format": format,
            "rows": rows,
            "bytes": sum(part.size for part in parts),
            "parts": [asdict(part) for part in sorted(parts, key=lambda part: part.key)],
            "statistics": statistics,
            "notes": list(notes),
        }
    )


def refusal(drop: str, problems: Sequence[Problem], count: int) -> str:
    """One sentence for people: the first problem, and how many more there are."""
    first = problems[0]
    more = f" (and {count - 1:,} more)" if count > 1 else ""
    return f"Drop {drop!r} was refused: {first.sentence}{more}. {first.advice}"


def report_json(
    *, drop: str, problems: Sequence[Problem], count: int, notes: Sequence[str], created: datetime
) -> bytes:
    """quarantine/<drop>/report.json: the sentence first, then every problem kept; `problem_count` counts all."""
    return _json(
        {
            "summary": refusal(drop, problems, count),
            "drop": drop,
            "created": created.isoformat(),
            "problem_count": count,
            "problems": [problem.document() for problem in problems],
            "notes": list(notes),
        }
    )


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
