"""A model whose challenger runs beside production, in memory, with what SageMaker and CloudWatch do to it."""

import json
from dataclasses import replace
from datetime import timedelta

from fakes import NAMES, NOW, InMemoryWorld, config

from perennial.alarms.endpoint_metrics import NAMESPACE
from perennial.endpoint_config import VARIANT
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.shadow_tests import known
from perennial.scaling import variant
from perennial.shadow import VARIANT as SHADOW

MODEL = "mortgage"
ENDPOINT = NAMES.endpoint(MODEL)
HOUR = timedelta(hours=1)
MOMENT = timedelta(minutes=1)


def configured(**shadow):
    return config(endpoint={"shadow": {"minutes": 60, "requests": 20, **shadow}})


BASE = NAMES.endpoint_config(MODEL, 1, configured().endpoint_hash)
WANTED = NAMES.endpoint_config(MODEL, 2, configured().endpoint_hash)


def made_world():
    """Version 1 is in service, scaling is registered, and version 2 was just approved."""
    made = InMemoryWorld()
    made.catalog.put(configured(), NOW)
    made.registry.add(MODEL, "Approved")
    deploy_model(MODEL, made, because="v1")
    made.endpoints.become(ENDPOINT, "InService", BASE)
    settle_endpoint(MODEL, made, because="v1")
    made.endpoints.endpoints[ENDPOINT] = replace(
        made.endpoints.endpoints[ENDPOINT], instances=2, variants=(VARIANT,), modified_at=NOW
    )
    made.time = NOW + HOUR
    made.registry.add(MODEL, "Approved")
    return made


def look(world, **approved):
    return deploy_model(MODEL, world, because="look", **approved)


def settled(world, config_name):
    """SageMaker is done with an update."""
    world.time += MOMENT
    before = world.endpoints.endpoints[ENDPOINT]
    world.endpoints.endpoints[ENDPOINT] = replace(
        before, status="InService", config_name=config_name, modified_at=world.time
    )
    settle_endpoint(MODEL, world, because="endpoint changed")
    return look(world)


def begin(world):
    """Until the shadow is in service; its endpoint config."""
    look(world)
    name = known(MODEL, world).config_name
    settled(world, name)
    return name


def capture(world, of, answers, at=None):
    """Data Capture's file of one variant: a request each."""
    at = at or known(MODEL, world).ran_from + MOMENT
    lines = [
        json.dumps(
            {
                "captureData": {
                    "endpointInput": {
                        "data": f"{row},1",
                        "encoding": "CSV",
                        "observedContentType": "text/csv",
                    },
                    "endpointOutput": {"data": answer, "encoding": "CSV", "observedContentType": "text/csv"},
                },
                "eventMetadata": {"eventId": f"{of}-{row}", "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"},
            }
        )
        for row, answer in enumerate(answers)
    ]
    key = f"models/{MODEL}/capture/{ENDPOINT}/{of}/{at:%Y/%m/%d/%H}/00-00-000-{of}.jsonl"
    world.bucket.bodies[key] = "\n".join(lines).encode()
    world.bucket.times[key] = at


def measure(world, of, invocations=100, errors=0, ms=10.0):
    world.metrics.rows |= {
        (NAMESPACE, "Invocations", of): {"Sum": float(invocations)},
        (NAMESPACE, "Invocation5XXErrors", of): {"Sum": float(errors)},
        (NAMESPACE, "ModelLatency", of): {"SampleCount": float(invocations), "p": ms * 1000},
    }


def compared(world, ours=("no,0.2",) * 30, theirs=("no,0.2",) * 30, **measured):
    """A whole test until its verdict."""
    name = begin(world)
    capture(world, VARIANT, ours)
    capture(world, SHADOW, theirs)
    measure(world, VARIANT)
    measure(world, SHADOW, **measured)
    world.time += HOUR
    look(world)
    settled(world, BASE)
    world.time += timedelta(minutes=11)
    decision = look(world)
    assert name not in world.endpoints.config_requests
    assert name not in world.endpoints.models
    return decision


def suspended(world):
    return [each for each, value in world.scaling.suspended(variant(ENDPOINT)).items() if value]


def updates(world):
    return [name for call, _, name in world.endpoints.calls if call == "update"]
