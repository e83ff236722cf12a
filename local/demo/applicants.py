"""Applications as traffic: as they were, or after the economy has turned. Pure."""

import csv
import io
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

Record = Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """One request: CSV rows with a header, the id that its labels will name, and the answers that came later."""

    inference_id: str
    rows: bytes
    answers: tuple[str, ...]


def read(folder: Path) -> list[Record]:
    """Every record of the CSV files in a folder, in their order."""
    records: list[Record] = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            records += csv.DictReader(file)
    return records


def downturn(record: Record, chance: random.Random) -> dict[str, str]:
    """The same applicant when incomes have fallen: payments weigh half as much again and more, and jobs are scarce."""
    ratios = {name: float(record[name]) * chance.uniform(1.5, 1.9) for name in ("pirat", "hirat")}
    jobless = float(record["unemp"]) + chance.uniform(1, 3)
    return {
        **record,
        **{name: f"{value:.4f}" for name, value in ratios.items()},
        "unemp": f"{jobless:.2f}",
    }


def requests(records: Sequence[Record], target: str, name: str, rows: int = 10) -> Iterator[Request]:
    """The records in requests of so many rows each."""
    for start in range(0, len(records), rows):
        batch = records[start : start + rows]
        text = io.StringIO()
        columns = [column for column in batch[0] if column != target]
        writer = csv.DictWriter(text, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(batch)
        answers = tuple(record[target] for record in batch)
        yield Request(f"{name}-{start}", text.getvalue().encode(), answers)


def labels(sent: Sequence[Request]) -> bytes:
    """Ground truth of the requests, as Model Monitor reads it: a line for each request, a value for each row."""
    lines = [
        json.dumps(
            {
                "groundTruthData": {"data": "\n".join(request.answers), "encoding": "CSV"},
                "eventMetadata": {"eventId": request.inference_id},
                "eventVersion": "0",
            }
        )
        for request in sent
    ]
    return "\n".join(lines).encode()


def folder(moment: datetime) -> str:
    """The hour's folder in `ground-truth/` and `capture/`."""
    return f"{moment:%Y/%m/%d/%H}"
