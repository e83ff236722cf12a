"""What MiniStack's IAM does not read from a request: the resources and condition keys of some actions."""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.core import iam_evaluator as iam
from ministack.services import ses, ses_v2

from twin import seams

seams.SEAMS |= {
    "SES resources": (
        iam_actions,
        "_ses_v2_resource_arn",
        ("method", "path", "body", "region", "account_id"),
    ),
    "condition keys": (iam_actions, "request_tag_context", ("service", "iam_action", "body", "params")),
    "resources": (iam_actions, "extract_resource_arn", None),
    "SES identities": (ses, "_identities", None),
    "SES v2 identities": (ses_v2, "_identities", None),
}


class _Several(str):  # noqa: SLOT000 - it has to carry more than a string
    """A resource that stands for several: the first one, with all of them at hand, and the request's condition keys."""

    all: tuple[str, ...] = ()
    keys: Mapping[str, str] = {}


def install() -> None:
    """Let IAM see what it overlooks. Once per process, before the first request."""
    resource_of, context_of, enforce = (
        iam_actions.extract_resource_arn,
        iam_actions.request_tag_context,
        iam.enforce,
    )
    ses_resource_of = iam_actions._ses_v2_resource_arn

    def ses_resource(method: str, path: str, body: bytes, region: str, account_id: str) -> str:
        if not path.rstrip("/").endswith("/outbound-emails"):
            return str(ses_resource_of(method, path, body, region, account_id))
        sender = str(_read(body).get("FromEmailAddress", ""))
        found = _Several(f"arn:aws:ses:{region}:{account_id}:identity/{_sender(sender)}")
        found.all, found.keys = (str(found),), {"ses:FromAddress": _bare(sender)}
        return found

    def resource(
        service: str,
        method: str,
        path: str,
        headers: Any,
        body: bytes,
        params: Any,
        region: str,
        account: str,
    ) -> str:
        if service == "monitoring":
            arns = _alarm_arns(_request(body, params), f"arn:aws:cloudwatch:{region}:{account}:alarm:")
            if arns:
                found = _Several(arns[0])
                found.all = tuple(arns)
                return found
        arn = resource_of(service, method, path, headers, body, params, region, account)
        return arn if isinstance(arn, _Several) else str(arn)

    def context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found = dict(context_of(service, iam_action, body, params))
        if iam_action == "cloudwatch:PutMetricData":
            found["cloudwatch:namespace"] = _request(body, params).get("Namespace", "")
        return found

    def enforce_on_all(*arguments: Any, resource_arn: str = "*", **more: Any) -> Any:
        if isinstance(resource_arn, _Several):
            more["service_context"] = {**(more.get("service_context") or {}), **resource_arn.keys}
        for arn in resource_arn.all if isinstance(resource_arn, _Several) else (resource_arn,):
            if refused := enforce(*arguments, resource_arn=arn, **more):
                return refused
        return None

    iam_actions._ses_v2_resource_arn = ses_resource
    iam_actions.extract_resource_arn = resource
    iam_actions.request_tag_context = context
    iam.enforce = enforce_on_all


def _read(body: bytes) -> dict[str, Any]:
    """A JSON request's members; none when it is something else."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _request(body: bytes, params: Mapping[str, Any]) -> dict[str, Any]:
    """Members of a request to CloudWatch, as JSON or in the Query form."""
    form = {key: value[0] if isinstance(value, list) else value for key, value in params.items()}
    names = [value for key, value in sorted(form.items()) if key.startswith("AlarmNames.member.")]
    return {**form, **({"AlarmNames": names} if names else {}), **_read(body)}


def _alarm_arns(request: Mapping[str, Any], prefix: str) -> list[str]:
    """The alarms that a request names, none for those that name no alarm."""
    if arn := request.get("ResourceARN"):
        return [str(arn)]
    names = request.get("AlarmNames") or [request.get("AlarmName")]
    return [f"{prefix}{name}" for name in names if name]


def _sender(address: str) -> str:
    """The identity that sends: the address if it is one, else its domain if that is, else the address."""
    bare = _bare(address)
    domain = bare.rpartition("@")[2]
    known = {*ses._identities, *ses_v2._identities}
    return domain if bare not in known and domain in known else bare


def _bare(address: str) -> str:
    """An address without a display name."""
    return address.rpartition("<")[2].rstrip("> ")
