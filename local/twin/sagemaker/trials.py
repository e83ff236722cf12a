"""Experiments, trials and trial components: the store, and what a job writes into it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twin.protocol import AwsError, Call, validation

Record = dict[str, Any]


def not_found(kind: str, name: str) -> AwsError:
    return AwsError("ResourceNotFound", f"{kind} '{name}' does not exist.", 400)


@dataclass
class Trials:
    """All three kinds by ARN, and which component belongs to which trial."""

    experiments: dict[str, Record] = field(default_factory=dict)
    trials: dict[str, Record] = field(default_factory=dict)
    components: dict[str, Record] = field(default_factory=dict)
    associations: dict[tuple[str, str], None] = field(default_factory=dict)

    def experiment(self, call: Call, name: str) -> Record:
        return _get(self.experiments, call.arn(f"experiment/{name}"), "Experiment", name)

    def trial(self, call: Call, name: str) -> Record:
        return _get(self.trials, call.arn(f"experiment-trial/{name}"), "Trial", name)

    def component(self, call: Call, name: str) -> Record:
        return _get(self.components, call.arn(f"experiment-trial-component/{name}"), "Trial component", name)

    def create(self, call: Call, kind: str, name: str, record: Mapping[str, Any]) -> Record:
        """Add an `Experiment`, `Trial` or `TrialComponent`; an existing name is AWS's refusal."""
        store, resource = {
            "Experiment": (self.experiments, f"experiment/{name}"),
            "Trial": (self.trials, f"experiment-trial/{name}"),
            "TrialComponent": (self.components, f"experiment-trial-component/{name}"),
        }[kind]
        arn = call.arn(resource)
        if arn in store:
            raise validation(f"{kind} with name ({name}) in account {call.account} already exists.")
        store[arn] = {
            f"{kind}Name": name,
            f"{kind}Arn": arn,
            "DisplayName": name,
            "CreationTime": call.now,
            "LastModifiedTime": call.now,
            "CreatedBy": {},
            **record,
        }
        return store[arn]

    def associate(self, trial: Record, component: Record) -> None:
        self.associations[trial["TrialArn"], component["TrialComponentArn"]] = None

    def components_of(self, trial: Record) -> list[Record]:
        return [self.components[c] for t, c in self.associations if t == trial["TrialArn"]]

    def trials_of(self, component: Record) -> list[Record]:
        return [self.trials[t] for t, c in self.associations if c == component["TrialComponentArn"]]

    # --- what a job writes ---

    def check_config(self, call: Call, config: Mapping[str, Any] | None) -> None:
        """The experiment and the trial that a job names must exist."""
        config = config or {}
        if config.get("ExperimentName"):
            self.experiment(call, config["ExperimentName"])
        if config.get("TrialName"):
            self.trial(call, config["TrialName"])

    def begin_job(
        self,
        call: Call,
        config: Mapping[str, Any],
        name: str,
        source: Mapping[str, str],
        record: Mapping[str, Any],
    ) -> Record:
        """The automatic trial component of a job, associated with the trial of its ExperimentConfig."""
        component = self.create(
            call,
            "TrialComponent",
            name,
            {
                "DisplayName": config.get("TrialComponentDisplayName") or config.get("RunName") or name,
                "Source": dict(source),
                "Status": {"PrimaryStatus": "InProgress"},
                "StartTime": call.now,
                **record,
            },
        )
        if config.get("TrialName"):
            self.associate(self.trial(call, config["TrialName"]), component)
        return component


def _get(store: Mapping[str, Record], arn: str, kind: str, name: str) -> Record:
    if arn not in store:
        raise not_found(kind, name)
    return store[arn]


def parameter(value: str) -> dict[str, Any]:
    """A hyperparameter as a trial component's parameter: a number where it is one."""
    try:
        number = float(value)
    except ValueError:
        return {"StringValue": value}
    return {"NumberValue": number} if math.isfinite(number) else {"StringValue": value}


def metric_summary(name: str, values: list[float], source_arn: str, at: Any) -> dict[str, Any]:
    """A metric's summary over a run, as trial components carry it."""
    mean = sum(values) / len(values)
    return {
        "MetricName": name,
        "SourceArn": source_arn,
        "TimeStamp": at,
        "Max": max(values),
        "Min": min(values),
        "Last": values[-1],
        "Count": len(values),
        "Avg": mean,
        "StdDev": math.sqrt(sum((value - mean) ** 2 for value in values) / len(values)),
    }


def artifacts(uris: Iterable[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Named S3 addresses as a trial component's artifacts."""
    return {name: {"Value": uri} for name, uri in uris}
