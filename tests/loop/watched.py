"""A model in service with captured traffic: hours that have passed, their labels, and the analysis of their windows."""

import json
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from stranger import HEADER, SMALL, Model, Stack, applications, drop_of, table

HOUR = timedelta(hours=1)
Row = tuple[Any, ...]


def this_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def serve(stack: Stack, name: str, **changes: Any) -> Model:
    """A model whose first version is in service."""
    model = stack.model(name).configure(
        **{"gate": {"metric": "auc", "minimum": 0.5, "approval": "automatic"}, "endpoint": SMALL, **changes}
    )
    model.drop("first", drop_of(900, noise=0.15))
    model.wait_until_serving(1)
    return model


def usual(count: int, seed: int) -> list[Row]:
    """Rows like those that the model learnt from."""
    return applications(count, seed, noise=0.15)


def richer(rows: Sequence[Row]) -> list[Row]:
    """The same people with half as much income again: drift that no prediction depends on."""
    return [(round(1.5 * row[0] + 40, 2), *row[1:]) for row in rows]


def turned(rows: Sequence[Row]) -> list[Row]:
    """What used to be denied is granted now: the inputs look the same, the predictions are wrong."""
    return [(*row[:-1], "no" if row[-1] == "yes" else "yes") for row in rows]


@dataclass(frozen=True)
class Captured:
    """Records of one hour as Data Capture and a team's label job write them."""

    model: Model
    hour: datetime

    def write(
        self, rows: Sequence[Row], score: Callable[[Row], float] | None = None, broken: int = 0
    ) -> None:
        """Puts one capture file into the hour: a record a row, with the endpoint's own answer unless told otherwise."""
        if score:
            answers = [f"{'yes' if score(row) > 0.5 else 'no'},{score(row)}" for row in rows]
        else:
            body = table(HEADER[:-1], [row[:-1] for row in rows]).decode()
            answers = self.model.invoke(body).splitlines()
        found = zip(rows, answers, strict=True)
        lines = [json.dumps(self._record(row, answer, at)) for at, (row, answer) in enumerate(found)]
        lines += ["{broken"] * broken
        key = f"capture/{self.model.name}/AllTraffic/{self.hour:%Y/%m/%d/%H}/15-00-000-{uuid4()}.jsonl"
        self.model.put(key, "\n".join(lines).encode())

    def label(self, rows: Sequence[Row]) -> None:
        lines = [
            json.dumps(
                {
                    "groundTruthData": {"data": row[-1], "encoding": "CSV"},
                    "eventMetadata": {"eventId": self._id(at)},
                    "eventVersion": "0",
                }
            )
            for at, row in enumerate(rows)
        ]
        self.model.put(f"ground-truth/{self.hour:%Y/%m/%d/%H}/{uuid4()}.jsonl", "\n".join(lines).encode())

    def _record(self, row: Row, answer: str, at: int) -> dict[str, Any]:
        region = f'"{row[2]}"'
        return {
            "captureData": {
                "endpointInput": {
                    "observedContentType": "text/csv",
                    "mode": "INPUT",
                    "data": f"{row[0]},{row[1]},{region}",
                    "encoding": "CSV",
                },
                "endpointOutput": {
                    "observedContentType": "text/csv; charset=utf-8",
                    "mode": "OUTPUT",
                    "data": answer,
                    "encoding": "CSV",
                },
            },
            "eventMetadata": {
                "eventId": str(uuid4()),
                "inferenceId": self._id(at),
                "inferenceTime": stamp(self.hour + timedelta(seconds=at % 3600)),
            },
            "eventVersion": "0",
        }

    def _id(self, at: int) -> str:
        return f"{self.hour:%d%H}-{at}"


def ask(model: Model, rows: Sequence[Row]) -> None:
    """Sends the rows to the endpoint as one request; when this returns, the endpoint's own capture is in the bucket."""
    model.invoke(table(HEADER[:-1], [row[:-1] for row in rows]).decode())
    flush = urllib.request.Request(model.stack.endpoint_url + "/_twin/capture/flush", b"{}", method="POST")
    with urllib.request.urlopen(flush, timeout=60) as answer:
        assert answer.status == 200


def analyze(model: Model, monitor: str, start: datetime, end: datetime | None = None) -> dict[str, Any]:
    """Asks for the analysis of a window, and waits until all of it is done; its summary."""
    subject = f"{monitor}@{stamp(start)}/{stamp(end or start + HOUR)}"
    hint = {
        "model": model.model,
        "reaction": "analyze_traffic",
        "subject": subject,
        "because": "a test asked",
    }
    entry = {
        "EventBusName": model.stack.outputs["EventBus"],
        "Source": "perennial",
        "DetailType": "Model Due",
        "Detail": json.dumps(hint),
    }
    [sent] = model.stack.client("events").put_events(Entries=[entry])["Entries"]

    def done() -> dict[str, Any] | None:
        window = model.state(f"asked#{subject.replace('@', '#')}") or {}
        return window if (window.get("request"), window.get("status")) == (sent["EventId"], "done") else None

    window = model.wait_until(f"the {monitor} report of {start:%H:%M}", done)
    summary: dict[str, Any] = model.document(
        window["folder"].partition(f"models/{model.model}/")[2] + "summary.json"
    )
    return summary


def put_state(model: Model, name: str, document: Mapping[str, Any]) -> None:
    item = {
        "pk": {"S": f"state#{model.model}"},
        "sk": {"S": name},
        "body": {"S": json.dumps(document, sort_keys=True)},
    }
    model.stack.client("dynamodb").put_item(TableName=model.stack.outputs["LedgerTable"], Item=item)


def long_ago(model: Model, name: str, key: str, ago: timedelta = HOUR) -> None:
    """Dates a moment in a state document back, so that nobody has to wait for what follows from it."""
    document = model.state(name) or {}
    assert document.get(key), f"{name} has no {key}: {document}"
    put_state(model, name, {**document, key: (datetime.now(UTC) - ago).isoformat()})


def alarm_state(model: Model, intent: str) -> str:
    found = model.stack.client("cloudwatch").describe_alarms(AlarmNames=[f"{model.name}-{intent}"])
    [alarm] = found["MetricAlarms"]
    return str(alarm["StateValue"])


@dataclass(frozen=True)
class Inbox:
    """What people got on the twin's page, and the buttons they press."""

    stack: Stack

    def messages(self, words: str = "") -> list[dict[str, Any]]:
        """Newest first; those that hold the words."""
        found = self._call("GET", "/_twin/inbox/messages")["messages"]
        return [message for message in found if words in json.dumps(message)]

    def press(self, message: str, action_id: str) -> None:
        self._call("POST", "/_twin/inbox/press", {"message": message, "action_id": action_id})

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.stack.endpoint_url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"{}")
