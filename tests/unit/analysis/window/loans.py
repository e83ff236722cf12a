"""A model whose traffic is made here: rows, what it answers to them, and how a request may carry them."""

import base64
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from perennial_analysis.columns import Table, numbers, texts
from perennial_analysis.window import Holdout, Request, Source, baseline

START, END = datetime(2026, 11, 23, 4, tzinfo=UTC), datetime(2026, 11, 23, 5, tzinfo=UTC)
FEATURES = ("income", "dependants", "region", "sex")
CLASSES = ("no", "yes")
REGIONS = ("north", "south", "east", "west")


@dataclass(frozen=True)
class Rows:
    """Columns of inputs, [rows] each, and what is true of them."""

    inputs: Mapping[str, Sequence[Any]]
    labels: Sequence[str]
    scores: Sequence[float]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def predicted(self) -> list[str]:
        return [CLASSES[int(score >= 0.5)] for score in self.scores]

    def cells(self, row: int) -> list[str]:
        return [
            "" if value is None else str(value) for value in (self.inputs[name][row] for name in self.inputs)
        ]

    def with_column(self, name: str, values: Sequence[Any]) -> "Rows":
        return replace(self, inputs={**self.inputs, name: values})


def rows(size: int, seed: int = 0, *, shift: float = 0.0, noise: float = 0.0, unfair: float = 0.0) -> Rows:
    """`shift` moves incomes by standard deviations, `noise` is the share of labels drawn at random, `unfair` lowers
    the scores of one sex."""
    random = np.random.default_rng(seed)
    income = random.normal(shift, 1.0, size)
    sex = random.choice(["f", "m"], size)
    logits = 1.5 * income - unfair * (sex == "f")
    scores = 1 / (1 + np.exp(-logits))
    truth = random.uniform(size=size) < scores
    truth = np.where(random.uniform(size=size) < noise, random.uniform(size=size) < 0.5, truth)
    inputs = {
        "income": [round(float(each), 4) for each in income],
        "dependants": [int(each) for each in random.poisson(1.3, size)],
        "region": [str(each) for each in random.choice(REGIONS, size, p=[0.4, 0.3, 0.2, 0.1])],
        "sex": [str(each) for each in sex],
    }
    return Rows(inputs, [CLASSES[int(each)] for each in truth], [float(each) for each in scores])


def table(found: Rows) -> Table:
    """Training columns as the container's reader gives them."""
    kinds = {"income": "Fractional", "dependants": "Integral"}
    return {
        name: numbers(name, values, kinds[name]) if name in kinds else texts(name, values)
        for name, values in found.inputs.items()
    }


def baseline_of(training: Rows, holdout: Rows) -> dict[str, bytes]:
    return baseline(
        table(training),
        Holdout(holdout.labels, holdout.predicted, holdout.scores, holdout.inputs["sex"]),
        problem="binary_classification",
        target="granted",
        classes=CLASSES,
        facet="sex",
        privileged="m",
    )


@cache
def known_files() -> dict[str, bytes]:
    """The baseline of 6,000 rows of training and 2,000 held out."""
    return baseline_of(rows(6000, 1), rows(2000, 2))


def request(monitor: str, **settings: Any) -> Request:
    known = {"bias": {"facet": "sex", "privileged": "m", "metrics": ["DPPL", "DI", "AD"], "tolerance": 0.1}}
    return Request(
        "loans",
        monitor,
        "perennial-loans",
        f"perennial-loans-{monitor.replace('_', '-')}",
        START,
        END,
        "binary_classification",
        FEATURES,
        3,
        "0123456789ab",
        {"min_records": 100, **known.get(monitor, {}), **settings},
        CLASSES,
    )


def side(data: str, encoding: str = "CSV", content: str = "text/csv", mode: str = "INPUT") -> dict[str, str]:
    return {"data": data, "encoding": encoding, "observedContentType": content, "mode": mode}


def record(
    given: Mapping[str, str] | None, answer: Mapping[str, str] | None, event: str, time: datetime, **more: str
) -> dict[str, Any]:
    captured = {"endpointInput": given, "endpointOutput": answer}
    return {
        "captureData": {name: each for name, each in captured.items() if each is not None},
        "eventMetadata": {"eventId": event, "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ"), **more},
        "eventVersion": "0",
    }


def _csv(lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def carried(found: Rows, places: Sequence[int], form: str) -> tuple[dict[str, str], dict[str, str]]:
    """A request of these rows and its answer, in one of the forms that our container reads and writes."""
    cells = [found.cells(place) for place in places]
    objects = [{name: found.inputs[name][place] for name in found.inputs} for place in places]
    answers = [{"predicted_label": found.predicted[place], "score": found.scores[place]} for place in places]
    as_json, lines = (
        json.dumps({"predictions": answers}),
        "".join(f"{json.dumps(each)}\n" for each in answers),
    )
    of_csv = _csv([[each["predicted_label"], repr(each["score"])] for each in answers])
    output = {"mode": "OUTPUT"}
    match form:
        case "csv":
            return side(_csv(cells)), side(of_csv, **output)
        case "header":
            order = list(reversed(list(found.inputs)))
            turned = [list(reversed(each)) for each in cells]
            return side(_csv([order, *turned])), side(of_csv, **output)
        case "csv to json":
            return side(_csv(cells)), side(as_json, "JSON", "application/json", **output)
        case "lists":
            body = {"instances": [list(each.values()) for each in objects]}
            return side(json.dumps(body), "JSON", "application/json"), side(
                as_json, "JSON", "application/json", **output
            )
        case "objects":
            body = {"instances": objects}
            return side(json.dumps(body), "JSON", "application/json"), side(
                as_json, "JSON", "application/json", **output
            )
        case "json lines":
            body = "".join(f"{json.dumps(each)}\n" for each in objects)
            kind = "application/jsonlines"
            return side(body, "JSON", kind), side(lines, "JSON", kind, **output)
        case "base64":
            return side(_base64(_csv(cells)), "BASE64"), side(
                _base64(as_json), "BASE64", "application/json", **output
            )
        case "scores":
            scores = ",".join(repr(found.scores[place]) for place in places)
            return side(_csv(cells)), side(scores, **output)
    raise ValueError(form)


FORMS = ("csv", "header", "csv to json", "lists", "objects", "json lines", "base64", "scores")


def captured(
    found: Rows, *, form: str = "csv", batch: int = 1, seed: str = "e", start: datetime = START
) -> list[dict[str, Any]]:
    """Records of `batch` rows each, spread over the hour."""
    step = timedelta(hours=1) / max(1, len(found))
    return [
        record(
            *carried(found, range(first, min(first + batch, len(found))), form),
            f"{seed}-{first:06}",
            start + first * step,
        )
        for first in range(0, len(found), batch)
    ]


def labelled(found: Rows, *, batch: int = 1, seed: str = "e", share: float = 1.0) -> list[dict[str, Any]]:
    """The labels of the same records, of the first `share` of them."""
    firsts = range(0, int(len(found) * share), batch)
    return [
        {
            "groundTruthData": {"data": "\n".join(found.labels[first : first + batch]), "encoding": "CSV"},
            "eventMetadata": {"eventId": f"{seed}-{first:06}"},
            "eventVersion": "0",
        }
        for first in firsts
    ]


def source(records: Sequence[Any], name: str = "capture/one.jsonl") -> Source:
    """A file of records, or of lines as they are."""
    lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in records]
    content = b"\n".join(lines) + b"\n"
    return Source(name, lambda: io.BytesIO(content))
