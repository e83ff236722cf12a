"""The frame every service of the twin stands in.

A `Service` knows botocore's model of one AWS service. It finds the operation of a request, asks
its `Gate` who calls and whether IAM allows it, validates the request, calls the handler and
writes the answer or AWS's error. Handlers see plain dicts: `handler(request, call) -> dict | None`.
"""

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import unquote

import botocore.session
from botocore.model import OperationModel, ServiceModel, StructureShape

from twin.errors import AccessDenied, AwsError, validation
from twin.shapes import parse, render

__all__ = ["AccessDenied", "AwsError", "Call", "Gate", "RawResponse", "Service", "validation"]

Request = dict[str, Any]
Response = tuple[int, dict[str, str], Any]


@dataclass(frozen=True)
class Call:
    """Who calls, where, and when."""

    account: str = "000000000000"
    region: str = "us-east-1"
    principal_arn: str = "arn:aws:iam::000000000000:root"
    access_key: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """The ARN of a resource (`training-job/name`) of this caller's account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True)
class RawResponse:
    """An answer that a handler writes itself, byte for byte (a model's reply, a stream)."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


class Gate(Protocol):
    """Who is it, and may they? The twin's gate is MiniStack's IAM (seams.py)."""

    def call(self, headers: Mapping[str, str], query: Mapping[str, Any]) -> Call: ...

    def check(self, call: Call, action: str, resource: str, conditions: Mapping[str, Any]) -> None:
        """Raises AccessDenied unless the caller may do `action` on `resource`."""
        ...

    def tags(self, arn: str) -> Mapping[str, str]:
        """The tags of a resource, for `aws:ResourceTag` conditions."""
        ...


class OpenGate:
    """Everyone is the account's root: for tests of one service without MiniStack."""

    def call(self, *_request: Mapping[str, Any]) -> Call:
        return Call()

    def check(self, *_question: Any) -> None:
        return None

    def tags(self, _arn: str) -> Mapping[str, str]:
        return {}


Handler = Callable[[Request, Call], Any | Awaitable[Any]]
ResourceOf = str | Callable[[Request, Call], Iterable[str]]


@dataclass(frozen=True)
class Operation:
    """One handler and what IAM must be asked before it runs.

    `resources` are what the action is checked on: templates (`endpoint/{EndpointName}`, completed to
    an ARN) or functions that name ARNs; none at all means `*`. `roles` are request members (dotted
    paths) that name roles the caller passes to the service.
    """

    model: OperationModel
    handler: Handler
    resources: tuple[ResourceOf, ...]
    roles: tuple[str, ...]


class Service:
    """One AWS service: operations by name, one `handle` for MiniStack's dispatcher."""

    def __init__(self, name: str, gate: Gate | None = None) -> None:
        self.name = name
        self.gate: Gate = gate or OpenGate()
        self._operations: dict[str, Operation] = {}

    @cached_property
    def model(self) -> ServiceModel:
        return botocore.session.get_session().get_service_model(self.name)

    @cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], str]]:
        models = [self.model.operation_model(name) for name in self.model.operation_names]
        return [(m.http["method"], _route(m.http["requestUri"]), m.name) for m in models]

    def operation(
        self, name: str, *resources: ResourceOf, roles: tuple[str, ...] = ()
    ) -> Callable[[Handler], Handler]:
        """Register the decorated function as the handler of an operation of botocore's model."""
        model = self.model.operation_model(name)

        def register(handler: Handler) -> Handler:
            self._operations[name] = Operation(model, handler, resources, roles)
            return handler

        return register

    def implemented(self) -> list[str]:
        return sorted(self._operations)

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        """Answer one HTTP request: `(status, headers, body)`."""
        try:
            name, uri = self._find(method, path, headers)
            operation = self._operation(name)
            request = _read(operation.model, uri, headers, body, query)
            call = self.gate.call(headers, query)
            self._authorize(operation, request, call)
            if operation.model.input_shape is not None:
                request = parse(operation.model.input_shape, request)
            answer = operation.handler(request, call)
            if inspect.isawaitable(answer):
                answer = await answer
            status, reply, payload = _write(operation.model, answer)
        except AwsError as error:
            status, reply, payload = _write_error(error)
        return status, reply, payload

    def _find(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        target = headers.get("x-amz-target", "")
        if target:
            return target.rpartition(".")[2], {}
        for verb, route, name in self._routes:
            match = route.fullmatch(path)
            if verb == method and match and match.groupdict():
                return name, {key: unquote(value) for key, value in match.groupdict().items()}
        raise AwsError("UnknownOperationException", f"No operation at {method} {path}", 404)

    def _operation(self, name: str) -> Operation:
        if name in self._operations:
            return self._operations[name]
        if name in self.model.operation_names:
            raise AwsError(
                "NotImplementedException",
                f"The twin does not implement {self.name} {name}: see docs/twin.md",
                501,
            )
        raise AwsError("UnknownOperationException", f"The requested operation {name} is not known")

    def _authorize(self, operation: Operation, request: Request, call: Call) -> None:
        namespace = self.model.signing_name
        action = f"{namespace}:{operation.model.name}"
        tags = _request_tags(request)
        conditions: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        keys = [*tags, *request.get("TagKeys", ())] if isinstance(request.get("TagKeys", []), list) else []
        if keys:
            conditions["aws:TagKeys"] = keys
        resources = list(_resources(operation, request, call, namespace)) or ["*"]
        for resource in resources:
            of_resource = {f"aws:ResourceTag/{k}": v for k, v in self.gate.tags(resource).items()}
            self.gate.check(call, action, resource, {**conditions, **of_resource})
            if tags and namespace == "sagemaker" and operation.model.name != "AddTags":
                self.gate.check(call, "sagemaker:AddTags", resource, {**conditions, **of_resource})
        for member in operation.roles:
            role = _dig(request, member)
            if isinstance(role, str):
                passed = {"iam:PassedToService": f"{namespace}.amazonaws.com"}
                self.gate.check(call, "iam:PassRole", role, passed)


def _resources(operation: Operation, request: Request, call: Call, namespace: str) -> Iterable[str]:
    for resource in operation.resources:
        if callable(resource):
            yield from resource(request, call)
        elif "{" not in resource or isinstance(request.get(resource.split("{")[1].split("}")[0]), str):
            filled = resource.format_map(request)
            yield filled if filled.startswith("arn:") or filled == "*" else call.arn(filled, namespace)


def _request_tags(request: Request) -> dict[str, str]:
    tags = request.get("Tags")
    if isinstance(tags, dict):
        return {str(key): str(value) for key, value in tags.items()}
    if isinstance(tags, list):
        return {str(t.get("Key")): str(t.get("Value")) for t in tags if isinstance(t, dict)}
    return {}


def _dig(request: Any, path: str) -> Any:
    for name in path.split("."):
        request = request.get(name) if isinstance(request, dict) else None
    return request


def _route(uri: str) -> re.Pattern[str]:
    path = re.escape(uri.partition("?")[0]).replace(r"\{", "{").replace(r"\}", "}")
    return re.compile(re.sub(r"\{(\w+)(\\\+)?\}", lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})", path))


def _read(
    model: OperationModel,
    uri: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> Request:
    """The request's members from wherever the model puts them: path, headers, query, payload, JSON."""
    shape: StructureShape | None = model.input_shape
    payload = shape.serialization.get("payload") if shape else None
    if payload and shape and shape.members[payload].type_name == "blob":
        request: Request = {payload: body}
    else:
        request = _json(body)
    for name, member in shape.members.items() if shape else ():
        location, key = member.serialization.get("location"), member.serialization.get("name", name)
        if location == "uri" and key in uri:
            request[name] = uri[key]
        elif location == "header" and key.lower() in headers:
            request[name] = headers[key.lower()]
        elif location == "querystring" and key in query:
            request[name] = query[key][0]
    return request


def _json(body: bytes) -> Request:
    try:
        request = json.loads(body or b"{}")
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise AwsError("SerializationException", "The request body is not JSON") from error
    if not isinstance(request, dict):
        raise AwsError("SerializationException", "Start of structure or map found where not expected.")
    return request


def _write(model: OperationModel, answer: Any) -> Response:
    if isinstance(answer, RawResponse):
        return answer.status, dict(answer.headers), answer.body
    shape = model.output_shape
    headers = {
        "Content-Type": f"application/x-amz-json-{model.service_model.metadata.get('jsonVersion', '1.1')}"
    }
    if shape is None:
        return 200, headers, b""
    answer = answer or {}
    payload = shape.serialization.get("payload")
    rest = {}
    for name, member in shape.members.items():
        if member.serialization.get("location") == "header" and answer.get(name) is not None:
            headers[member.serialization["name"]] = str(answer[name])
        elif name != payload:
            rest[name] = answer.get(name)
    if payload:
        return 200, headers, answer.get(payload, b"")
    return 200, headers, json.dumps(render(shape, rest)).encode()


def _write_error(error: AwsError) -> Response:
    body = {"__type": error.code, "message": error.message, **error.members}
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": error.code}
    return error.status, headers, json.dumps(body).encode()
