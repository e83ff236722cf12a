"""Serverless from its creation on, and the change of kind and back under load, captured and watched, nothing left behind."""

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
from watched import analyze, long_ago, richer, usual

SERVERLESS = {
    **SMALL,
    "kind": {"serverless": {"memory_mb": 2048, "max_concurrency": 3, "provisioned": 1, "provisioned_max": 3}},
}
MONITORS = {"data_quality": {"every": "1h"}}
DIMENSION = "sagemaker:variant:DesiredProvisionedConcurrency"
SCALING = {"min": 1, "max": 2, "scale_in_cooldown_seconds": 60}
API_REMEMBERS = 5.0  # seconds, which endpoint serves a model


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

    def __init__(self, model: Model, clients: int = 2, pause: float = 0.3) -> None:
        self.model, self.pause = model, pause
        self.failures, self.versions, self.answered, self.refused = list[str](), set[str](), 0, 0
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
        while not self._over.wait(self.pause):
            answer = predict(self.model, "50,0.9,north")
            if answer.status_code == 429:
                assert answer.headers["retry-after"]
                self.refused += 1
            elif answer.status_code != 200:
                self.failures.append(f"{answer.status_code} {answer.content!r}")
            else:
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
    """A model whose first version serves on an endpoint that is serverless from the start."""
    served = stack.model("kinds").configure(endpoint=SERVERLESS, scaling=SCALING, monitors=MONITORS)
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
    model.reconfigure(endpoint=endpoint, scaling=SCALING, monitors=MONITORS)


def until_alone(model: Model, name: str) -> None:
    """Until sweeps have removed whatever else there was; it stays as long as somebody may still ask it."""
    if (model.state("route") or {}).get("since"):
        model.stack.sweep()
        assert len(endpoints(model)) == 2, "two minutes long nothing goes"
        long_ago(model, "route", "since")

    def look() -> bool:
        model.stack.sweep()
        return set(endpoints(model)) == {name}

    model.wait_until(f"only {name} to be left", look)
    resource = f"endpoint/{name}/variant/AllTraffic"
    wait_for("its scaling alone", lambda: set(scaled(model)) == {resource})


def provisioned(model: Model) -> int:
    variant = model.endpoint()["ProductionVariants"][0]
    return int(variant["CurrentServerlessConfig"]["ProvisionedConcurrency"])


def test_provisioned_concurrency_follows_the_load(model: Model) -> None:
    """More is kept warm under load, up to its maximum, and less without; a request beyond the limit is told to wait."""
    assert scaled(model) == {f"endpoint/{model.name}/variant/AllTraffic": DIMENSION}
    assert provisioned(model) == 1
    slow = model.stack.fault(
        "slow-answers", f"{model.name}-v*", 10**6
    )  # so that requests overlap on any machine
    with slow, Callers(model, clients=5, pause=0.0) as callers:
        wait_for("more to be kept warm", lambda: provisioned(model) == 3)
        wait_for("a request too many", lambda: callers.refused)
        model.stack.sweep()
        assert provisioned(model) == 3
    assert callers.failures == []
    wait_for("less to be kept warm", lambda: provisioned(model) == 1)
    told = model.stack.client("application-autoscaling").describe_scaling_activities(
        ServiceNamespace="sagemaker", ResourceId=f"endpoint/{model.name}/variant/AllTraffic"
    )["ScalingActivities"]
    assert {one["StatusCode"] for one in told} == {"Successful"}
    assert {one["ScalableDimension"] for one in told} == {DIMENSION}
    assert model.decided("scaling_changed") == []


def test_to_instances_and_back(model: Model) -> None:
    """No request fails while the kind changes; drift is found in what the API captured; nothing is left behind."""
    instances, version = f"{model.name}-realtime", str(model.serving())
    with Callers(model) as callers:
        change(model, SMALL)
        entry = model.wait_for("version_in_service", endpoint=instances)
        assert "smoke_test" in entry.details
        wait_for("the policy", lambda: f"endpoint/{instances}/variant/AllTraffic" in scaled(model))
        until_alone(model, instances)

        before = len(model.decided("version_in_service", endpoint=model.name))
        change(model, SERVERLESS)
        model.wait_for("version_in_service", times=before + 1, endpoint=model.name)
        assert scaled(model)[f"endpoint/{model.name}/variant/AllTraffic"] == DIMENSION
        forgotten = time.monotonic() + API_REMEMBERS + 1
        wait_for("each worker of the API to ask for the route again", lambda: time.monotonic() > forgotten)
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
            version,
        )
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        until_alone(model, model.name)
    assert (callers.failures, callers.refused) == ([], 0)
    assert callers.versions == {version}
    lines = Lines(model, f"capture/{model.name}/AllTraffic/")
    wait_for("the captured request", lambda: b'"drifted"' in lines.read())
    events = [json.loads(line)["eventMetadata"]["eventId"] for line in lines.read().splitlines()]
    assert len(events) == len(set(events))
    summary = analyze(model, "data_quality", start, end)
    assert summary["status"] == "violations", summary
    assert "income" in [each["name"] for each in summary["features"] if each["tripped"]]


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
    # One caller: what is kept warm answers it. The serving endpoint, where it is to keep more warm just then, meets the
    # fault, too, and stays as it is: so there are enough of them for the new one.
    with model.stack.fault("unhealthy", f"{model.name}-v*", 10**6), Callers(model, clients=1) as callers:
        change(model, SMALL)
        entry = model.wait_for("rollout_failed")
        assert "keeps serving" in entry.reason
        wait_for("it to go", lambda: model.stack.sweep() and set(endpoints(model)) == {model.name})
    assert callers.failures == []
    change(model, SERVERLESS)


def test_another_version(model: Model) -> None:
    """It takes all traffic at once; no request fails, and what scales it is what it was."""
    version = model.register_again()
    with Callers(model) as callers:
        model.approve(version)
        model.wait_until_serving(version)
        wait_for("its answers", lambda: str(version) in callers.versions)
    assert (callers.failures, callers.refused) == ([], 0)
    assert scaled(model) == {f"endpoint/{model.name}/variant/AllTraffic": DIMENSION}


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
