"""The template as the tests read it: with CloudFormation's tags, and references filled in with sample values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SAMPLES = {"AWS::StackName": "perennial", "DataBucket": "perennial-data", "EventBus": "perennial"}


class _Loader(yaml.SafeLoader):
    pass


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    value = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda n: loader.construct_sequence(n, deep=True),
        yaml.MappingNode: lambda n: loader.construct_mapping(n, deep=True),
    }[type(node)](node)
    if suffix == "Ref":
        return SAMPLES.get(value, f"<{value}>")
    if suffix == "Sub" and isinstance(value, str):
        return re.sub(r"\$\{([^}]+)\}", lambda match: SAMPLES.get(match[1], f"<{match[1]}>"), value)
    return {suffix: value}


_Loader.add_multi_constructor("!", _tag)


def template() -> dict[str, Any]:
    return yaml.load((ROOT / "template.yaml").read_text(), Loader=_Loader)


def functions() -> dict[str, dict[str, Any]]:
    """The functions' properties by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def rules() -> list[tuple[str, str, dict[str, Any]]]:
    """Every EventBridge rule: function, event name, pattern."""
    return [
        (name, event, source["Properties"]["Pattern"])
        for name, properties in functions().items()
        for event, source in properties.get("Events", {}).items()
        if source["Type"] == "EventBridgeRule"
    ]


def queues() -> list[tuple[str, str]]:
    """Every function that a queue invokes, and the queue's logical id."""
    return [
        (name, source["Properties"]["Queue"]["GetAtt"].partition(".")[0])
        for name, properties in functions().items()
        for source in properties.get("Events", {}).values()
        if source["Type"] == "SQS"
    ]
