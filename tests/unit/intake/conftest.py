"""A drop in memory, looked at as the reaction looks at one in S3."""

import io
from collections.abc import Callable

import pytest

from perennial.intake.completeness import FORMATS, Part
from perennial.intake.inspect import inspect
from perennial.sections import Intake, SchemaRules


def parts_of(files, **promised):
    """The parts that a listing of these files shows."""
    return [
        Part(
            f"models/m/drops/d/{name}",
            name,
            len(body),
            "etag",
            None,
            FORMATS["." + name.rpartition(".")[2]],
            promised.get(name),
        )
        for name, body in files.items()
    ]


def rows(count, text="{n},{label}"):
    return "".join(text.format(n=n, label="yes" if n % 3 else "no") + "\n" for n in range(count))


@pytest.fixture
def look() -> Callable:
    """Inspect files, given as name -> content."""

    def look(
        files,
        *,
        problem="binary_classification",
        target="y",
        schema=None,
        pinned=None,
        sha256s=None,
        **settings,
    ):
        bodies = {name: body.encode() if isinstance(body, str) else body for name, body in files.items()}
        settings = {"min_rows": 10, "max_duplicate_share": 1, **settings}
        return inspect(
            parts_of(bodies, **(sha256s or {})),
            lambda key: io.BytesIO(bodies[key.rpartition("/drops/d/")[2]]),
            problem=problem,
            target=target,
            declared=SchemaRules(**(schema or {})),
            pinned=pinned,
            settings=Intake(**settings),
            open_ranged=lambda key: io.BytesIO(bodies[key.rpartition("/drops/d/")[2]]),
        )

    return look
