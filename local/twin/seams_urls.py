"""Function URLs that can be called, by those whom AWS would let.

MiniStack names AWS's host, which no resolver sends to loopback, and opens a URL without authentication to
everyone, even when the function's resource policy lets nobody in. And it does not tell the function who calls.
"""

import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator as iam
from ministack.services import lambda_svc

from twin import seams

seams.SEAMS |= {
    "function URLs": (lambda_svc, "_create_function_url_config", ("func_name", "data", "qualifier")),
    "ids of function URLs": (lambda_svc, "_function_url_id", ("function_url",)),
    "requests to function URLs": (
        lambda_svc,
        "handle_function_url_request",
        ("url_id", "method", "path", "headers", "body", "query_params", "resolved", "source_ip"),
    ),
    "function of a URL": (
        lambda_svc,
        "_get_func_record_for_ref_in_scope",
        None,
    ),
    "table of function URLs": (lambda_svc, "_function_urls", None),
    "events of function URLs": (
        lambda_svc,
        "_build_function_url_event",
        (
            *("url_id", "account_id", "region", "method", "path", "headers", "body", "query_params"),
            *("source_ip", "anonymous", "trace_root"),
        ),
    ),
}
PATH = "/_aws/lambda-url/"  # MiniStack's own second way in, beside the host name


def install(endpoint_url: str) -> None:
    """Give every new function URL an address on the twin. Once per process."""
    create, id_of = lambda_svc._create_function_url_config, lambda_svc._function_url_id
    serve = lambda_svc.handle_function_url_request

    def create_reachable(func_name: str, data: dict[str, Any], qualifier: str | None) -> Any:
        status, headers, body = create(func_name, data, qualifier)
        if status == 201:
            config = json.loads(body)
            url = f"{endpoint_url}{PATH}{id_of(config['FunctionUrl'])}/"
            for stored in lambda_svc._function_urls.values():
                if stored["FunctionUrl"] == config["FunctionUrl"]:
                    stored["FunctionUrl"] = url
            body = json.dumps({**config, "FunctionUrl": url}).encode()
        return status, headers, body

    def reachable_id(function_url: str) -> str:
        _, found, rest = function_url.partition(PATH)
        return rest.partition("/")[0] if found else str(id_of(function_url))

    async def handle(url_id: str, *request: Any, resolved: Any = None, **more: Any) -> Any:
        found = resolved or lambda_svc.resolve_function_url(url_id)
        if found is not None and not _open_as_said(*found):
            return 403, {"Content-Type": "application/json"}, b'{"Message":"Forbidden"}'
        return await serve(url_id, *request, resolved=found, **more)

    lambda_svc._build_function_url_event = _with_caller(lambda_svc._build_function_url_event)
    lambda_svc.handle_function_url_request = handle
    lambda_svc._create_function_url_config = create_reachable
    lambda_svc._function_url_id = reachable_id


def _with_caller(build: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Name the caller in the event where IAM asked for one, as AWS does."""

    def build_with_caller(
        url_id: str,
        account: str,
        region: str,
        method: str,
        path: str,
        headers: dict[str, str],
        *rest: Any,
        **more: Any,
    ) -> dict[str, Any]:
        event = build(url_id, account, region, method, path, headers, *rest, **more)
        if not more.get("anonymous"):
            _body, query = rest
            arn = iam.request_caller_arn(headers, query)
            caller = {"accountId": account, "callerId": "AIDATWIN", "userArn": arn, "userId": "AIDATWIN"}
            event["requestContext"]["authorizer"] = {"iam": caller}
        return event

    return build_with_caller


def _open_as_said(
    account: str, region: str, name: str, qualifier: str | None, config: dict[str, Any]
) -> bool:
    """Whether a URL without authentication is open to all by the function's resource policy, too."""
    if config.get("AuthType") != "NONE":
        return True
    reference = f"{name}:{qualifier}" if qualifier else name
    function, _, _ = lambda_svc._get_func_record_for_ref_in_scope(
        reference, account_id=account, region=region
    )
    statements = ((function or {}).get("policy") or {}).get("Statement", [])
    return any(
        one["Effect"] == "Allow"
        and one["Action"] == "lambda:InvokeFunctionUrl"
        and one["Principal"] in ("*", {"AWS": "*"})
        for one in statements
    )
