"""A change of kind under load: real-time to serverless and back, its traffic captured and watched, nothing left behind."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from stranger import HEADER, SMALL, Model, Stack, drop_of, table, wait_for
from watched import analyze, richer, usual

SERVERLESS = {
    **SMALL,
    "kind": {
        "serverless": {"memory_mb": 2048, "max_concurrency": 10, "provisioned": 1, "provisioned_max": 3}
    },
}
MONITORS = {"data_quality": {"every": "1h"}}
DIMENSION = "sagemaker:variant:DesiredProvisionedConcurrency"
GRACE = 240.0  # seconds: two minutes, and what the sweeps take


def predict(model: Model, body: str, content_type: str = "text/csv", **headers: str) -> Any:
    """What `perennial predict` sends: status, headers, body."""
    request = AWSRequest(
        "POST",
        model.stack.outputs["ApiUrl"].rstrip("/") + f"/models/{model.model}/predict",
        data=body.encode(),
        headers={"content-type": content_type, **headers},
    )
    SigV4Auth(Credentials("test", "test"), "lambda", "us-east-1").add_auth(request)
    return URLLib3Session(timeout=90).send(request.prepare())


class Callers:
    """Clients of the predict route, each with one request after another until the end of a `with`."""

    def __init__(self, model: Model, clients: int = 2) -> None:
        self.model, self.failures, self.versions, self.answered = model, list[str](), set[str](), 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        wait_for("the first answer", lambda: self.answered or self.failures)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.5):
            answer = predict(self.model, "50,0.9,north")
            if answer.status_code != 200:
                self.failures.append(f"{answer.status_code} {answer.content!r}")
                continue
            self.answered += 1
            self.versions.add(answer.headers["x-model-version"])


class Lines:
    """Every line under a folder; what was read is not read again."""

    def __init__(self, model: Model, folder: str) -> None:
        self._model, self._folder, self._bodies = model, folder, dict[str, bytes]()

    def read(self) -> bytes:
        for key in self._model.keys(self._folder):
            if key not in self._bodies:
                self._bodies[key] = self._model.read(key)
        return b"".join(self._bodies.values())


@pytest.fixture(scope="module")
def model(stack: Stack) -> Model:
    """A real-time model whose first version serves."""
    served = stack.model("kinds").configure(endpoint=SMALL, monitors=MONITORS)
    served.drop("first", drop_of(900, noise=0.15))
    served.wait_for("version_registered")
    served.approve(1)
    served.wait_until_serving(1)
    return served


def endpoints(model: Model) -> dict[str, str]:
    """Statuses of the model's endpoints by name."""
    found = model.sagemaker.list_endpoints(NameContains=model.name)["Endpoints"]
    return {one["EndpointName"]: one["EndpointStatus"] for one in found}


def scaled(model: Model) -> dict[str, str]:
    """What is scaled of the model: resource and dimension."""
    found = model.stack.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )
    return {
        target["ResourceId"]: target["ScalableDimension"]
        for target in found["ScalableTargets"]
        if target["ResourceId"].startswith(f"endpoint/{model.name}")
    }


def change(model: Model, endpoint: Any) -> None:
    before = len(model.decided("configuration_changed"))
    model.put("model.yaml", model.yaml(endpoint=endpoint, monitors=MONITORS))
    model.wait_for("configuration_changed", times=before + 1)


def until_alone(model: Model, name: str) -> None:
    """Until sweeps have removed whatever else there was."""

    def look() -> bool:
        model.stack.sweep()
        time.sleep(2)
        return set(endpoints(model)) == {name}

    wait_for(f"only {name} to be left\n{model.story()}", look, GRACE)
    resource = f"endpoint/{name}/variant/AllTraffic"
    wait_for("its scaling alone", lambda: set(scaled(model)) == {resource})


def test_to_serverless_and_back(model: Model) -> None:
    """No request fails while the kind changes; drift is found in what the API captured; nothing is left behind."""
    serverless = f"{model.name}-serverless"
    with Callers(model) as callers:
        change(model, SERVERLESS)
        entry = model.wait_for("version_in_service", endpoint=serverless)
        assert "smoke_test" in entry.details
        answered = callers.answered
        wait_for("answers by the new endpoint", lambda: callers.answered > answered + 10)
        assert scaled(model)[f"endpoint/{serverless}/variant/AllTraffic"] == DIMENSION
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        wait_for("a whole second", lambda: datetime.now(UTC) >= start)
        rows = richer(usual(400, seed=3))
        answer = predict(
            model,
            table(HEADER[:-1], [row[:-1] for row in rows]).decode(),
            **{"x-amzn-sagemaker-inference-id": "drifted"},
        )
        assert answer.status_code == 200, answer.content
        assert len(answer.content.splitlines()) == len(rows)
        assert (answer.headers["x-amzn-sagemaker-inference-id"], answer.headers["x-model-version"]) == (
            "drifted",
            "1",
        )
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        until_alone(model, serverless)
        folder = f"capture/{serverless}/AllTraffic/"
        lines = Lines(model, folder)
        wait_for(
            "the captured request",
            lambda: b'"drifted"' in lines.read(),
        )
        summary = analyze(model, "data_quality", start, end)
        assert summary["status"] == "violations", summary
        assert "income" in [each["name"] for each in summary["features"] if each["tripped"]]

        change(model, SMALL)
        model.wait_for("version_in_service", endpoint=model.name, times=2)
        until_alone(model, model.name)
    assert callers.failures == []
    assert callers.versions == {"1"}
    events = [json.loads(line)["eventMetadata"]["eventId"] for line in lines.read().splitlines()]
    assert len(events) == len(set(events))


def test_a_bad_request(model: Model) -> None:
    """Row, column and what was expected; the endpoint never sees it."""
    answer = predict(model, "income,ratio,region\n50,0.5,north\n50,much,north\n")
    error = json.loads(answer.content)["error"]
    assert (answer.status_code, error["row"], error["column"], error["expected"]) == (
        400,
        2,
        "ratio",
        "a number",
    )


def test_a_kind_that_does_not_come_up(model: Model) -> None:
    """An endpoint of the new kind that fails goes; the one in service stays, and a person is told once."""
    with model.stack.fault("unhealthy", f"{model.name}-v1-*", 3), Callers(model) as callers:
        change(model, {**SMALL, "kind": "serverless"})
        entry = model.wait_for("rollout_failed")
        assert "keeps serving" in entry.reason
        until_alone(model, model.name)
    assert callers.failures == []
    change(model, SMALL)


def batch(model: str, at: datetime, ids: str, deliveries: int) -> dict[str, Any]:
    """What SQS hands to WriteCapture: a record for each id, delivered for the so-manieth time."""
    records = []
    for one in ids:
        line = {"captureData": {}, "eventMetadata": {"eventId": one}, "eventVersion": "0"}
        body = {"model": model, "endpoint": f"perennial-{model}", "at": at.isoformat(), "event_id": one}
        records.append(
            {
                "messageId": one,
                "receiptHandle": one,
                "body": json.dumps({**body, "line": json.dumps(line)}),
                "attributes": {"ApproximateReceiveCount": str(deliveries), "SentTimestamp": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:captures",
                "awsRegion": "us-east-1",
            }
        )
    return {"Records": records}


def test_a_killed_writer_loses_and_doubles_nothing(stack: Stack) -> None:
    """A batch that was written before its function died comes again, cut otherwise, and each record is there once."""
    model, at = stack.model("rewritten"), datetime.now(UTC)
    lines = Lines(model, f"capture/{model.name}/AllTraffic/{at:%Y/%m/%d/%H}/")
    for ids, deliveries in (("abc", 1), ("bcd", 2), ("ad", 3)):
        assert stack.invoke("WriteCapture", batch(model.model, at, ids, deliveries)) == {
            "batchItemFailures": []
        }
    found = [json.loads(line)["eventMetadata"]["eventId"] for line in lines.read().splitlines()]
    assert sorted(found) == list("abcd")
    broken = {**batch(model.model, at, "e", 1)["Records"][0], "body": "no record"}
    answer = stack.invoke("WriteCapture", {"Records": [broken, *batch(model.model, at, "f", 1)["Records"]]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "e"}]}
