"""The predict route, called as a function URL calls it."""

from __future__ import annotations

import base64
import json

import pytest
from fakes import NOW, InMemoryWorld, config
from mangum import Mangum

from perennial.deployment import EndpointState, Rollout
from perennial.errors import RequestRefused
from perennial.kinds import Route
from perennial.prediction.capture import Captured
from perennial.prediction.invocation import Reply
from perennial.reactions import predict as predicting
from perennial.route import DOCUMENT
from perennial_web.app import create_app

PLAIN, OTHER = "perennial-mortgage", "perennial-mortgage-serverless"
SCHEMA = {
    "version": 1,
    "problem": "binary_classification",
    "target": "deny",
    "classes": ["0", "1"],
    "format": "csv",
    "rows": 9,
    "drop": [],
    "features": [{"name": "age", "type": "int", "nullable": False}],
}
REPLY = Reply(b'{"predictions": [{"score": 0.5}]}', "application/json", "AllTraffic")


@pytest.fixture
def world():
    """A serverless model whose version 2 serves."""
    world = InMemoryWorld()
    world.catalog.put(config(endpoint={"kind": "serverless"}), NOW)
    for _ in range(2):
        arn = world.registry.add("mortgage", "Approved")
    world.registry.described[arn] = {"CustomerMetadataProperties": {"dataset-version": "0123456789ab"}}
    world.bucket.write("models/mortgage/datasets/0123456789ab/schema.json", json.dumps(SCHEMA).encode())
    name = "perennial-mortgage-v2-0123ab"
    world.endpoints.endpoints[PLAIN] = EndpointState(PLAIN, "InService", name)
    world.state.rollouts["mortgage"] = Rollout(name, 2, NOW, "succeeded", endpoint=PLAIN)
    world.predictions.answers[PLAIN] = REPLY
    return world


@pytest.fixture
def call(world):
    """Asks for predictions; returns status, headers and body."""
    application = Mangum(create_app(lambda: world), lifespan="off")

    def _call(body='[{"age": 41}]', content_type="application/json", model="mortgage", **headers):
        raw = body if isinstance(body, bytes) else body.encode()
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": f"/models/{model}/predict",
            "rawQueryString": "",
            "headers": {"content-type": content_type, "host": "api.on.aws", **headers},
            "requestContext": {
                "domainName": "api.on.aws",
                "http": {
                    "method": "POST",
                    "path": f"/models/{model}/predict",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                },
                "requestId": "1",
                "timeEpoch": 0,
            },
            "body": base64.b64encode(raw).decode(),
            "isBase64Encoded": True,
        }
        answer = application(event, None)
        return answer["statusCode"], answer["headers"], answer["body"]

    return _call


def test_an_answer(call, world):
    """The model's answer as it is, with the version and the inference id that was made."""
    status, headers, body = call(accept="application/json")
    assert (200, REPLY.body.decode(), "2") == (status, body, headers["x-model-version"])
    [(endpoint, asked)] = world.predictions.asked
    assert (PLAIN, "application/json", "application/json") == (endpoint, asked.content_type, asked.accept)
    assert asked.inference_id == headers["x-amzn-sagemaker-inference-id"]


def test_it_is_captured(call, world):
    """Before the answer is given, the record is in the queue: with the caller's own inference id."""
    call(**{"x-amzn-sagemaker-inference-id": "mine-1", "x-amzn-sagemaker-custom-attributes": "trace=7"})
    [sent] = world.captures.sent
    found = Captured.read(sent)
    metadata = json.loads(found.line)["eventMetadata"]
    assert ("mortgage", PLAIN) == (found.model, found.endpoint)
    assert ("mine-1", found.event_id, ["trace=7"]) == (
        metadata["inferenceId"],
        metadata["eventId"],
        metadata["customAttributes"],
    )


@pytest.mark.parametrize(
    ("changes", "captured"),
    [
        ({"endpoint": {"kind": "serverless"}}, 1),
        ({"endpoint": {"kind": "serverless"}, "capture": {"percent": 0}}, 0),
        ({"endpoint": {"kind": "realtime"}}, 0),
        ({"scaling": {"min": 0}}, 1),
    ],
)
def test_what_is_captured(call, world, changes, captured):
    """The share that model.yaml asks for; SageMaker itself captures what real-time endpoints answer."""
    world.catalog.put(config(**changes), NOW)
    assert 200 == call()[0]
    assert captured == len(world.captures.sent)


@pytest.mark.parametrize(("changes", "component"), [({}, None), ({"scaling": {"min": 0}}, PLAIN)])
def test_a_component_is_named(call, world, changes, component):
    """An endpoint that hosts an inference component is told which one; another one would refuse the name."""
    world.catalog.put(config(**changes), NOW)
    assert 200 == call()[0]
    assert component == world.predictions.asked[0][1].component


def test_a_large_request_is_captured_by_way_of_the_bucket(call, world):
    """A record that no queue takes lies in the bucket, and the queue says where."""
    assert 200 == call("age\n" + "41\n" * 80_000, "text/csv")[0]
    [sent] = world.captures.sent
    found = Captured.read(sent)
    assert len(sent) < 1000
    assert b"41\\n41" in world.bucket.read(found.elsewhere)


def test_a_bad_request_never_reaches_the_endpoint(call, world):
    """It is told row and column, and costs no invocation."""
    status, _, body = call('[{"age": "old"}]')
    error = json.loads(body)["error"]
    assert (400, "wrong_type", 1, "age", "a whole number") == (
        status,
        error["code"],
        error["row"],
        error["column"],
        error["expected"],
    )
    assert not world.predictions.asked
    assert not world.captures.sent


def test_a_body_beyond_the_limit(call, world):
    """A serverless endpoint takes 4 MB, so more is refused before it is sent."""
    assert 413 == call("age\n" + "41\n" * 1_500_000, "text/csv")[0]
    assert not world.predictions.asked


@pytest.mark.parametrize("given", ["a b", "x" * 65, "n\u00e4"])
def test_an_inference_id_that_sagemaker_refuses(given):
    """Printable ASCII, 64 at most."""
    with pytest.raises(RequestRefused, match="inference id"):
        predicting.inference_id(given)


def test_a_failure_is_told_with_when_to_try_again(call, world):
    """An endpoint at its limit answers 429 and after how many seconds to come back."""
    world.predictions.answers[PLAIN] = RequestRefused(429, "too_many_requests", "busy", retry_after=1)
    status, headers, body = call()
    assert (429, "1", "too_many_requests") == (
        status,
        headers["retry-after"],
        json.loads(body)["error"]["code"],
    )
    assert not world.captures.sent


def test_the_route_moves(call, world):
    """A request that meets the endpoint that went is sent to the one that serves now."""
    assert 200 == call()[0]
    del world.predictions.answers[PLAIN]
    world.predictions.answers[OTHER] = REPLY
    world.state.put("mortgage", DOCUMENT, Route(OTHER, "serverless").document())
    world.state.rollouts["mortgage"] = Rollout("perennial-mortgage-v2-9", 2, NOW, "succeeded", endpoint=OTHER)
    assert 200 == call()[0]
    assert [OTHER, PLAIN, PLAIN] == sorted((name for name, _ in world.predictions.asked), reverse=True)
    assert OTHER == Captured.read(world.captures.sent[-1]).endpoint


def test_a_rollout_shifts_traffic(call, world):
    """While either version may answer, both are named; a container that names its own is believed."""
    known = world.state.rollouts["mortgage"]
    world.state.rollouts["mortgage"] = Rollout("perennial-mortgage-v3-1", 3, NOW, "started", endpoint=PLAIN)
    world.endpoints.become(PLAIN, "Updating", known.config_name)
    assert "2, 3" == call()[1]["x-model-version"]
    world.predictions.answers[PLAIN] = Reply(b"1", "text/csv", attributes="trace=7,model-version=3")
    assert "3" == call()[1]["x-model-version"]


@pytest.mark.parametrize(
    ("model", "status", "code"), [("nothing", 404, "no_such_model"), ("mortgage", 503, "not_in_service")]
)
def test_nothing_serves(call, world, model, status, code):
    """A model that does not exist, and one whose endpoint is not there yet, are told apart."""
    world.state.rollouts.clear()
    world.endpoints.endpoints.clear()
    answer = call(model=model)
    assert (status, code) == (answer[0], json.loads(answer[2])["error"]["code"])


def test_it_is_described(world):
    """OpenAPI names the bodies that are read, the headers of an answer and every failure."""
    path = create_app(lambda: world).openapi()["paths"]["/models/{model}/predict"]["post"]
    assert {"text/csv", "application/json", "application/jsonlines"} == set(path["requestBody"]["content"])
    assert {"200", "400", "413", "415", "429", "502", "503", "504"} <= set(path["responses"])
