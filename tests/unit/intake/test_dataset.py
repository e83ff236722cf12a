"""The documents that a drop ends in."""

import json
from datetime import UTC, datetime

from perennial.intake.dataset import ReadPart, dataset_json, manifest_json, report_json
from perennial.intake.problem import Problem

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_manifest():
    """It is SageMaker's ManifestFile: one prefix, then the keys."""
    document = json.loads(manifest_json("bucket", ["models/m/drops/d/b.csv", "models/m/drops/d/ü,1.csv"]))
    assert [{"prefix": "s3://bucket/"}, "models/m/drops/d/b.csv", "models/m/drops/d/ü,1.csv"] == document


def test_dataset_is_the_same_for_any_order_of_parts():
    """The same content gives the same bytes."""
    parts = [ReadPart(f"k{n}", f"k{n}", 5, "0" * 64, 1, "e", None) for n in range(3)]
    documents = {
        dataset_json(
            version="v", drop="d", format="csv", rows=3, parts=order, statistics={}, notes=(), created=NOW
        )
        for order in (parts, parts[::-1])
    }
    assert 1 == len(documents)
    document = json.loads(documents.pop())
    assert (15, "2026-11-23T00:00:00+00:00", "k0") == (
        document["bytes"],
        document["created"],
        document["parts"][0]["key"],
    )


def test_a_report_begins_with_a_sentence():
    """A person reads what happened, where, and what to do; programs read the rest."""
    problem = Problem(
        "column 'age' holds 'x', expected a number", "Correct the cell.", "a.csv", 7, "age", "x", "a number"
    )
    document = json.loads(report_json(drop="monday", problems=[problem], count=3, notes=[], created=NOW))
    assert "summary" == next(iter(document))
    assert (
        "Drop 'monday' was refused: a.csv, line 7: column 'age' holds 'x', expected a number (and 2 more). "
        "Correct the cell." == document["summary"]
    )
    assert ("a.csv", 7, "age", "x", 3) == (
        *(document["problems"][0][key] for key in ("file", "row", "column", "value")),
        document["problem_count"],
    )
