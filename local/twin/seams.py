"""The only module that imports MiniStack: every place where the twin joins it.

MiniStack reads its configuration from the environment when it is imported, so `settings` of
`__main__` must be in place first. `verify` fails loudly when a new MiniStack moved a seam.
"""

import inspect
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any
from uuid import uuid4

from ministack import app as ministack
from ministack.core import iam_evaluator as iam
from ministack.core import lambda_runtime, responses, router
from ministack.services import cloudwatch, cloudwatch_logs, eventbridge, lambda_svc, scheduler, sns, sts
from ministack.services import iam as iam_service

from twin.errors import AccessDenied, AwsError
from twin.protocol import Call

TRIED = "1.5.33"

# What we call or replace, and the parameters we rely on.
SEAMS: dict[str, tuple[Any, str, tuple[str, ...] | None]] = {
    "events": (eventbridge, "_put_events", ("data", "allow_aws_source")),
    "events to Lambda": (eventbridge, "_dispatch_to_lambda", ("arn", "payload")),
    "alarm history": (
        cloudwatch,
        "_record_history",
        ("alarm_name", "old_state", "new_state", "reason", "alarm_type", "reason_data"),
    ),
    "alarm evaluation": (cloudwatch, "_evaluate_all_alarms", ()),
    "metrics": (
        cloudwatch,
        "_store_datum",
        ("namespace", "name", "dims", "ts", "unit", "value", "values", "counts", "stat_values"),
    ),
    "log groups": (cloudwatch_logs, "_create_log_group", ("data",)),
    "log streams": (cloudwatch_logs, "_create_log_stream", ("data",)),
    "log events": (cloudwatch_logs, "_put_log_events", ("data",)),
    "IAM": (
        iam,
        "enforce",
        ("access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"),
    ),
    "IAM policies of a role": (iam, "_gather_role_policies", ("role_name", "account_id")),
    "IAM evaluation": (iam, "evaluate", ("ctx", "policies", "limits")),
    "origin of a request": (ministack, "pin_request_origin", ("source_ip", "secure_transport")),
    "trust": (iam, "evaluate_trust_policy", ("trust_doc", "caller_arn", "ctx")),
    "caller": (iam, "request_caller_arn", ("headers", "query_params")),
    "transport": (ministack, "pin_request_origin", ("source_ip", "secure_transport")),
    "sessions": (sts, "register_session", ("access_key", "session")),
    "scope": (responses, "request_scope", ("account_id", "region")),
    "Lambda interpreter": (lambda_runtime, "_detect_runtime_binary", ("runtime",)),
    "Lambda workers": (lambda_runtime, "reset", ()),
    "Lambda asynchronous": (lambda_svc, "invoke_async_with_retry", ("func", "event")),
    "Lambda execution": (lambda_svc, "_execute_function", ("func", "event")),
    "Lambda lookup": (lambda_svc, "_get_func_record_for_ref", None),
    "Lambda record": (lambda_svc, "_execution_record_for_config", None),
    "SNS to Lambda": (sns, "_deliver_to_lambda", None),
}


class MiniStackMoved(RuntimeError):
    """This MiniStack does not have a seam where the twin expects it."""


def verify() -> None:
    """Raise MiniStackMoved, naming every seam that is not where it was tried."""
    moved = []
    for name, (module, attribute, parameters) in SEAMS.items():
        found = getattr(module, attribute, None)
        if found is None:
            moved.append(f"{name}: {module.__name__}.{attribute} is gone")
        elif parameters is not None and tuple(inspect.signature(found).parameters) != parameters:
            moved.append(f"{name}: {module.__name__}.{attribute}{inspect.signature(found)}")
    tables: dict[str, Any] = {
        "app.SERVICE_HANDLERS": getattr(ministack, "SERVICE_HANDLERS", None),
        "router.SERVICE_PATTERNS": getattr(router, "SERVICE_PATTERNS", None),
    }
    for name, table in tables.items():
        if not isinstance(table, dict) or "s3" not in table:
            moved.append(f"{name} is not the table of services")
    for module, interval in (
        (eventbridge, "_SCHEDULER_TICK_INTERVAL"),
        (scheduler, "_SCHEDULE_TICK_INTERVAL"),
    ):
        if not hasattr(module, interval):
            moved.append(f"schedules: {module.__name__}.{interval} is gone")
    if moved:
        found_version = version("ministack")
        raise MiniStackMoved(f"MiniStack {found_version} (tried: {TRIED}) moved: " + "; ".join(moved))


app = ministack.app


def register(name: str, handle: Callable[..., Any], target_prefixes: Iterable[str] = ()) -> None:
    """Make a service a peer of MiniStack's own.

    It stays out of SERVICE_TO_IAM_NAMESPACE on purpose: MiniStack then authenticates the request
    and leaves authorization to the service, which knows every resource a request names.
    """
    ministack.SERVICE_HANDLERS[name] = handle
    router.SERVICE_PATTERNS[name] = {"target_prefixes": list(target_prefixes)}


def here() -> tuple[str, str]:
    """Account and region of the request (or of the task it started)."""
    return responses.get_account_id(), responses.get_region()


@contextmanager
def scope(account: str, region: str) -> Iterator[None]:
    """Act for an account and region outside any request."""
    with responses.request_scope(account, region):
        yield


def quicken_schedules() -> None:
    """Look at the schedules every second, not every ten: both loops read their interval each time."""
    eventbridge._SCHEDULER_TICK_INTERVAL = 1
    scheduler._SCHEDULE_TICK_INTERVAL = 1


def count_loopback_as_tls() -> None:
    """Answer `aws:SecureTransport` with true: what never leaves 127.0.0.1 is as good as TLS.

    Policies that deny plain HTTP, as every AWS account's should, would else deny everything here.
    """
    pin = ministack.pin_request_origin
    ministack.pin_request_origin = lambda source_ip, _secure: pin(source_ip, True)
    iam.pin_request_origin("127.0.0.1", True)  # for what the twin does outside any request


# --- identity and access ---


class Iam:
    """MiniStack's IAM as the gate of a service."""

    def __init__(self, tags: Callable[[str], Mapping[str, str]]) -> None:
        self._tags = tags

    def call(self, headers: Mapping[str, str], query: Mapping[str, Any]) -> Call:
        account, region = here()
        return Call(
            account=account,
            region=region,
            principal_arn=iam.request_caller_arn(dict(headers), dict(query)),
            access_key=router.extract_access_key_id(dict(headers), dict(query)),
        )

    def check(self, call: Call, action: str, resource: str, conditions: Mapping[str, Any]) -> None:
        service = action.partition(":")[0]
        refused = iam.enforce(
            call.access_key,
            action,
            service,
            call.region,
            resource_arn=resource,
            service_context=dict(conditions),
        )
        if isinstance(refused, iam.AuthError):
            raise AwsError(refused.code, refused.message, 403)
        if refused:
            raise AccessDenied(refused.principal_arn, action, resource, explicit=refused.decision == "Deny")

    def tags(self, arn: str) -> Mapping[str, str]:
        return self._tags(arn)


def _role_name(role_arn: str) -> str:
    return role_arn.rpartition("/")[2]


def assumable(role_arn: str, service: str = "sagemaker.amazonaws.com") -> bool:
    """Whether the role exists and its trust policy lets the service assume it."""
    role = iam_service._roles.get(_role_name(role_arn))
    if role is None or role.get("Arn") != role_arn:
        return False
    document = role.get("AssumeRolePolicyDocument") or {}
    document = json.loads(document) if isinstance(document, str) else document
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in (
            [services] if isinstance(services, str) else services
        ):
            return True
    return False


def role_allows(role_arn: str, action: str, resource: str) -> bool:
    """Whether a role's own policies allow an action."""
    account, region = role_arn.split(":")[4], here()[1]
    context = iam.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
    )
    policies = iam._gather_role_policies(_role_name(role_arn), account)
    return bool(iam.evaluate(context, policies).decision == "Allow")


def role_session(role_arn: str, session: str) -> dict[str, str]:
    """Temporary credentials of a role, as environment variables of an AWS client."""
    account = role_arn.split(":")[4]
    key, secret, token = f"ASIA{uuid4().hex[:16].upper()}", uuid4().hex, uuid4().hex + uuid4().hex
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{_role_name(role_arn)}/{session}",
            "UserId": f"{_role_name(role_arn)}:{session}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


# --- events, logs, metrics, alarms ---


def put_event(source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> None:
    """Put an `aws.*` event on the default bus of the account and region of its first resource."""
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": resources,
    }
    _, _, _, region, account, *_ = resources[0].split(":")
    with scope(account, region):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def put_logs(group: str, stream: str, lines: Iterable[tuple[int, str]]) -> None:
    """Append `(epoch milliseconds, line)` to a stream, creating group and stream when missing."""
    cloudwatch_logs._create_log_group({"logGroupName": group})
    cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    events = [{"timestamp": at, "message": line} for at, line in lines]
    cloudwatch_logs._put_log_events({"logGroupName": group, "logStreamName": stream, "logEvents": events})


def put_metric(
    namespace: str,
    name: str,
    value: float,
    unit: str = "None",
    dimensions: Mapping[str, str] | None = None,
    at: float | None = None,
    values: list[float] | None = None,
    counts: list[float] | None = None,
) -> None:
    """Store one datum (or `values` with their `counts`) and evaluate the alarms."""
    cloudwatch._store_datum(
        namespace, name, dict(dimensions or {}), at or time.time(), unit, value, values, counts, None
    )
    cloudwatch._evaluate_all_alarms()


def on_alarm_transition(notice: Callable[[str, str, str, str, str, str | None], None]) -> None:
    """Call `notice(alarm name, old state, new state, reason, alarm type, reason data)` on each change."""
    record = cloudwatch._record_history

    def record_and_notify(
        alarm_name: str,
        old_state: str,
        new_state: str,
        reason: str,
        alarm_type: str = "MetricAlarm",
        reason_data: str | None = None,
    ) -> None:
        record(alarm_name, old_state, new_state, reason, alarm_type, reason_data)
        notice(alarm_name, old_state, new_state, reason, alarm_type, reason_data)

    cloudwatch._record_history = record_and_notify
