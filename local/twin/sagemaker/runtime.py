"""SageMaker Runtime: InvokeEndpoint, passed on to a real server."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from twin.faults import Faults
from twin.protocol import AwsError, Call, RawResponse, Service
from twin.sagemaker import component_state, hosting_state, shadow_traffic
from twin.sagemaker.capture_record import Payload
from twin.sagemaker.component_state import Component
from twin.sagemaker.dataplane.pool import Throttled
from twin.sagemaker.dataplane.router import NoCapacity, Reply, Variant, choose, forward
from twin.sagemaker.hosting_state import Endpoint, Hosting
from twin.world import World

Request = dict[str, Any]

BODY_LIMIT = 25 * 1024 * 1024
SERVERLESS_BODY_LIMIT = 4 * 1024 * 1024
SLOWER = 1.0  # seconds that the fault "slow-answers" adds

# What SageMaker hands on to the container; it strips every other header.
FORWARDED = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}


def register(service: Service, world: World) -> None:
    """Add InvokeEndpoint."""
    hosting = hosting_state.of(world)

    @service.operation("InvokeEndpoint", "endpoint/{EndpointName}")
    async def invoke(request: Request, call: Call) -> Any:
        started = time.perf_counter()
        endpoint = _endpoint(hosting, request["EndpointName"], call)
        body = request.get("Body", b"")
        serverless = "ServerlessConfig" in endpoint.config["ProductionVariants"][0]
        limit = SERVERLESS_BODY_LIMIT if serverless else BODY_LIMIT
        if len(body) > limit:
            text = f"HTTP content length exceeded {limit} bytes.".encode()
            return RawResponse(text, {"Content-Type": "text/plain"}, 413)
        target = component_state.addressed(hosting, endpoint, request.get("InferenceComponentName"), call)
        variant = _variant(target, request.get("TargetVariant"))
        headers = {header: request[member] for member, header in FORWARDED.items() if member in request}
        headers.setdefault("Content-Type", "application/octet-stream")
        shadow_traffic.mirror(
            target.generations,
            variant,
            Payload(body, headers["Content-Type"]),
            request.get("InferenceId"),
            request.get("CustomAttributes"),
            lambda shadow: _answer(world.faults, target, shadow, body, headers),
        )
        try:
            reply = await _answer(world.faults, target, variant, body, headers)
        except NoCapacity as error:
            if isinstance(target, Component):
                raise component_state.no_capacity(target) from error
            variant.meter.record(503, model=0, overhead=time.perf_counter() - started, from_model=False)
            raise AwsError("ServiceUnavailable", "The service is currently unavailable.", 503) from error
        except Throttled as error:
            variant.meter.record(429, model=0, overhead=time.perf_counter() - started, from_model=False)
            raise AwsError("ThrottlingException", None, 429) from error  # without words, as SageMaker's are
        overhead = time.perf_counter() - started - reply.latency
        variant.meter.record(
            reply.status or 500, model=reply.latency, overhead=overhead, from_model=reply.status > 0
        )
        if not 200 <= reply.status < 300:
            raise _model_error(target, variant, reply)
        if variant.recorder is not None:
            # What the model refused or could not answer is counted, not captured.
            variant.recorder.record(
                Payload(body, headers["Content-Type"]),
                Payload(reply.body, reply.headers.get("Content-Type", "application/octet-stream")),
                request.get("InferenceId"),
                request.get("CustomAttributes"),
            )
        return RawResponse(reply.body, _answer_headers(variant, reply))


async def _answer(
    faults: Faults, target: Endpoint | Component, variant: Variant, body: bytes, headers: Mapping[str, str]
) -> Reply:
    """The model's answer, or what a fault makes of it. Faults name one config, so that one version alone is ill."""
    config = next(
        shadow_traffic.fault_name(one) if variant is one.shadow else one.config_name
        for one in target.generations
        if variant in one.everything
    )
    slower = SLOWER if faults.strikes("slow-answers", config) else 0
    reply = await forward(variant, body, headers, slower)
    if faults.strikes("failing-answers", config):
        return replace(reply, status=500, body=b"a fault of the twin")
    as_json = reply.status == 200 and "json" in reply.headers.get("Content-Type", "")
    if as_json and faults.strikes("nonsense", config):
        count = len(json.loads(reply.body)["predictions"])
        return replace(reply, body=json.dumps({"predictions": [{"score": 0.5}] * count}).encode())
    return reply


def _answer_headers(variant: Variant, reply: Reply) -> dict[str, str]:
    # In lower case: MiniStack would take a JSON `Content-Type` for an API's envelope and rewrite it.
    headers = {
        "content-type": reply.headers.get("Content-Type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": variant.name,
    }
    if attributes := reply.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
        headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
    return headers


def _endpoint(hosting: Hosting, name: str, call: Call) -> Endpoint:
    """The endpoint, if it takes requests: its name's case counts here."""
    endpoint = hosting.endpoints.find(call, name)
    if endpoint is None or endpoint.name != name or not any(one.share for one in endpoint.generations):
        raise AwsError("ValidationError", f"Endpoint {name} of account {call.account} not found.")
    return endpoint


def _variant(endpoint: Endpoint | Component, target: str | None) -> Variant:
    variant = choose(endpoint.generations, target)
    if variant is None and target is not None:
        raise AwsError("ValidationError", f"Variant {target} not found for endpoint {endpoint.name}.")
    if variant is None:
        raise AwsError(
            "ValidationError", f"Endpoint {endpoint.name} has no production variant with a weight above 0."
        )
    return variant


def _model_error(endpoint: Endpoint | Component, variant: Variant, reply: Reply) -> AwsError:
    """AWS's ModelError: what the container said, and where its log is."""
    said = reply.body.decode(errors="replace")
    side = "client" if 400 <= reply.status < 500 else "server"
    region, account, group = (
        endpoint.call.region,
        endpoint.call.account,
        endpoint.log_group,
    )
    return AwsError(
        "ModelError",
        f'Received {side} error ({reply.status}) from primary with message "{said}". See '
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group} "
        f"in account {account} for more information.",
        424,
        OriginalStatusCode=reply.status,
        OriginalMessage=said,
        LogStreamArn=f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{variant.name}/{reply.instance}",
    )
