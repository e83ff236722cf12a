"""The alarms that undo a rollout: made for it, on what its own config serves, and gone with it. Pure.

The dimension EndpointConfigName keeps the old fleet's figures out, so a canary of one instance is judged by its own
requests. What is missing is no data and not a good minute: an alarm that never saw a request did not watch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from perennial.alarms.endpoint_metrics import dimensions, error_share, of_component, slowest
from perennial.alarms.standing import A_MOMENT, Alarm
from perennial.config import ModelConfig
from perennial.names import Names
from perennial.prediction_shift import Before, shift

FEW_REQUESTS = 5  # a minute with fewer says nothing about the share of errors
JUDGED = 3  # minutes, of which two must be bad; fewer where the bake is shorter
ERRORS, LATENCY, SHIFT = "5xx", "p99", "shift"
# Keys of endpoint.rollback_on.
LIMITS: Mapping[str, str] = {ERRORS: "error_percent", LATENCY: "p99_ms", SHIFT: "prediction_shift"}


def alarm_name(names: Names, config_name: str, what: str) -> str:
    """`<prefix>-<model>-rollback-v<version>-<config>-<what>`: no name of an alarm that is answered ends like that."""
    parsed = names.parse_endpoint_config(config_name)
    if parsed is None:
        raise ValueError(f"{config_name} is no endpoint config of ours")
    return f"{names.endpoint(parsed.model)}-rollback-v{parsed.version}-{parsed.config}-{what}"


def alarm_names(names: Names, config_name: str) -> list[str]:
    """Every name that an alarm of this rollout may have."""
    return [alarm_name(names, config_name, what) for what in LIMITS]


def requests(
    config: ModelConfig,
    names: Names,
    config_name: str,
    before: Before | None = None,
    component: str | None = None,
    endpoint: str | None = None,
) -> list[Mapping[str, Any]]:
    """The PutMetricAlarm requests. None without a bake, in which alone SageMaker looks at alarms, nor for serverless
    endpoints, which have no guardrails. `before` is what the version in service predicted lately; `endpoint` where it is
    not the model's first one. The metrics of an inference component know no versions: it is watched as a whole."""
    minutes, limits = config.endpoint.rollout.bake_minutes, config.endpoint.rollback_on
    if not minutes or config.endpoint.serverless:
        return []
    place = endpoint or names.endpoint(config.model)
    of = of_component(component) if component else dimensions(place, config_name)
    watched = min(JUDGED, minutes)

    def alarm(what: str, when: str, measured: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "AlarmName": alarm_name(names, config_name, what),
            "AlarmDescription": f"{config.model}: undoes the rollout of {config_name} when {when}.",
            **measured,
            "EvaluationPeriods": watched,
            "DatapointsToAlarm": min(2, watched),
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "missing",
            "Tags": [
                {"Key": "perennial:model", "Value": config.model},
                {"Key": "perennial:rollout", "Value": config_name},
            ],
        }

    found = []
    if (percent := limits.error_percent) is not None:
        when = f"more than {percent:g} % of its requests end in an error of the model (5xx)"
        found.append(alarm(ERRORS, when, error_share(of, percent, FEW_REQUESTS, "")))
    if (longest := limits.p99_ms) is not None:
        when = f"one of its requests in a hundred takes longer than {longest:g} ms in the model"
        found.append(alarm(LATENCY, when, slowest(of, longest)))
    if (most := limits.prediction_shift) is not None and before is not None:
        when = f"its mean prediction lies more than {most:g} standard deviations from that of {before.config_name}"
        found.append(alarm(SHIFT, when, shift(config_name, before, most)))
    return found


@dataclass(frozen=True)
class Watch:
    """What a rollout's alarms saw. `fired` maps an alarm to CloudWatch's reason; `blind` never had data."""

    fired: Mapping[str, str]
    blind: tuple[str, ...]

    def cause(self) -> str:
        """A clause for a person; empty when none fired."""
        return "; ".join(f"alarm {name} fired ({reason})" for name, reason in self.fired.items())


def watch(alarms: Iterable[Alarm], rang: Mapping[str, str]) -> Watch:
    """`rang` are those that were in ALARM since they were put, which may be over by now, with their reasons."""
    standing = list(alarms)
    ringing = {alarm.name: alarm.reason for alarm in standing if alarm.state == "ALARM"}
    blind = [
        alarm.name
        for alarm in standing
        if alarm.state == "INSUFFICIENT_DATA"
        and alarm.since <= alarm.put_at + A_MOMENT
        and alarm.name not in rang
    ]
    return Watch({**rang, **ringing}, tuple(blind))
