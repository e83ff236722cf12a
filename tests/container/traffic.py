"""Captured traffic and labels, as an endpoint with Data Capture and its owner leave them."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from container_jobs import DEADLINE_SECONDS, Job

START = datetime(2026, 11, 23, 4, tzinfo=UTC)
END = START + timedelta(hours=1)
FEATURES = ("ratio", "score", "group", "first")


@dataclass(frozen=True)
class Traffic:
    """Rows with what the served model said of them."""

    rows: list[dict[str, Any]]
    answers: list[str]


def csv_line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def record(event: int, time: datetime, given: str, answer: str, label: str | None = None) -> str:
    """One line: a captured request of CSV rows, with its label merged in if there is one."""
    document: dict[str, Any] = {
        "captureData": {
            "endpointInput": _side("INPUT", given),
            "endpointOutput": _side("OUTPUT", answer),
        },
        "eventMetadata": {"eventId": f"e{event}", "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ")},
        "eventVersion": "0",
    }
    if label is not None:
        document["groundTruthData"] = {"data": label, "encoding": "CSV"}
    return json.dumps(document)


def _side(mode: str, data: str) -> dict[str, str]:
    return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}


def capture_lines(
    rows: Sequence[Mapping[str, Any]], answers: Sequence[str], names: Sequence[str], *, merged: bool = False
) -> Iterator[str]:
    """A record a row, a second apart, from the start of the window."""
    for number, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        given = csv_line([row[name] for name in names])
        yield record(
            number,
            START + timedelta(seconds=number % 3600),
            given,
            answer,
            str(row["deny"]) if merged else None,
        )


def label_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield json.dumps(
            {
                "groundTruthData": {"data": row["deny"], "encoding": "CSV"},
                "eventMetadata": {"eventId": f"e{number}"},
                "eventVersion": "0",
            }
        )


def write_lines(file: Path, lines: Sequence[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def configure(base: Path, host: str, *hosts: str) -> None:
    (base / "config").mkdir(exist_ok=True)
    (base / "config" / "resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": hosts}))


def analyze(base: Path, **environment: str) -> tuple[int, str, dict[str, bytes]]:
    """Run the real process; its exit code, exit message and output files."""
    with Job(base).start("analyze", **environment) as process:
        output, errors = process.communicate(timeout=DEADLINE_SECONDS)
    message = base / "output" / "message"
    assert message.exists(), output + errors
    folder = base / "processing" / "output"
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    return process.returncode, message.read_text(), files
