"""The API of one model, called as a function URL with IAM calls it."""

from __future__ import annotations

import json

import pytest
from fakes import NOW, InMemoryWorld, config
from mangum import Mangum

from perennial.deployment import EndpointState, Rollout
from perennial_web.app import create_app

ADA = "arn:aws:iam::123456789012:user/ada"


@pytest.fixture
def world():
    """One model, with a version that waits and one that serves."""
    world = InMemoryWorld()
    world.catalog.put(config(monitors={"data_quality": {}}), NOW)
    for approval in ("Approved", "Approved", "PendingManualApproval"):
        world.registry.add("mortgage", approval)
    name = "perennial-mortgage-v2-0123ab"
    world.endpoints.endpoints["perennial-mortgage"] = EndpointState("perennial-mortgage", "InService", name)
    world.state.rollouts["mortgage"] = Rollout(name, 2, NOW, "succeeded", "InService")
    return world


@pytest.fixture
def call(world):
    """Calls a route as a function URL with IAM does; returns status and body, JSON taken apart."""
    application = Mangum(create_app(lambda: world), lifespan="off")

    def _call(method, path, body=None, query=""):
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"content-type": "application/json", "host": "api.lambda-url.us-east-1.on.aws"},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api",
                "authorizer": {"iam": {"accountId": "123456789012", "userArn": ADA, "userId": "AIDA"}},
                "domainName": "api.lambda-url.us-east-1.on.aws",
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                    "userAgent": "test",
                },
                "requestId": "1",
                "stage": "$default",
                "timeEpoch": 0,
            },
            "isBase64Encoded": False,
        }
        if body is not None:
            event["body"] = body if isinstance(body, str) else json.dumps(body)
        answer = application(event, None)
        is_json = answer["headers"]["content-type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"]) if is_json else answer["body"]

    return _call
