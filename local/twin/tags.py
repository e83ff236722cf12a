"""The tags of every resource of ours, by ARN."""

from collections.abc import Iterable, Mapping
from typing import Any

from twin.errors import validation


class Tags:
    """Tags by ARN; creating a resource sets them, deleting it forgets them."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, str]] = {}

    def of(self, arn: str) -> Mapping[str, str]:
        return self._of.get(arn, {})

    def listed(self, arn: str) -> list[dict[str, str]]:
        """AWS's form: `[{"Key": ..., "Value": ...}]`."""
        return [{"Key": key, "Value": value} for key, value in self.of(arn).items()]

    def add(self, arn: str, tags: Iterable[Mapping[str, Any]] | None) -> None:
        """Add or replace tags (`None`: nothing). At most 50, as on AWS."""
        merged = {**self.of(arn), **{tag["Key"]: tag["Value"] for tag in tags or ()}}
        if len(merged) > 50:
            raise validation("The number of tags is more than the limit of 50 tags per resource.")
        if merged:
            self._of[arn] = merged

    def remove(self, arn: str, keys: Iterable[str]) -> None:
        self._of[arn] = {key: value for key, value in self.of(arn).items() if key not in set(keys)}

    def forget(self, arn: str) -> None:
        self._of.pop(arn, None)
