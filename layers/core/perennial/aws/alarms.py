"""CloudWatch alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from perennial.alarms.standing import Alarm, AlarmState
from perennial.aws.clients import client

BATCH = 100  # names in one DescribeAlarms


class CloudWatchAlarms:
    """Implements `perennial.alarms.ports.Alarms`."""

    def __init__(self, cloudwatch: Any = None) -> None:
        self._cloudwatch = cloudwatch or client("cloudwatch")

    def get(self, names: Sequence[str]) -> Sequence[Alarm]:
        found: list[Alarm] = []
        for start in range(0, len(names), BATCH):
            pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
                AlarmNames=list(names[start : start + BATCH]), AlarmTypes=["MetricAlarm"]
            )
            found += [_alarm(item) for page in pages for item in page["MetricAlarms"]]
        return found

    def named(self, prefix: str) -> Sequence[Alarm]:
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"]
        )
        return [_alarm(item) for page in pages for item in page["MetricAlarms"]]

    def put(self, request: Mapping[str, Any]) -> None:
        self._cloudwatch.put_metric_alarm(**request)

    def delete(self, names: Sequence[str], model: str) -> Sequence[str]:
        if not names:
            return []
        standing = self._cloudwatch.describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm"])
        ours = [
            item["AlarmName"] for item in standing["MetricAlarms"] if self._is_of(item["AlarmArn"], model)
        ]
        if ours:
            self._cloudwatch.delete_alarms(AlarmNames=ours)
        return ours

    def rang(self, names: Sequence[str], since: datetime) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name in names:
            pages = self._cloudwatch.get_paginator("describe_alarm_history").paginate(
                AlarmName=name, HistoryItemType="StateUpdate", StartDate=since, ScanBy="TimestampAscending"
            )
            for item in (item for page in pages for item in page["AlarmHistoryItems"]):
                state = json.loads(item["HistoryData"])["newState"]
                if state["stateValue"] == "ALARM":
                    found.setdefault(name, state.get("stateReason", ""))
        return found

    def set_state(self, name: str, state: AlarmState, reason: str, data: str = "") -> None:
        extra = {"StateReasonData": data} if data else {}
        self._cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason, **extra)

    def _is_of(self, arn: str, model: str) -> bool:
        tags = self._cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]
        return {"Key": "perennial:model", "Value": model} in tags


def _alarm(item: Mapping[str, Any]) -> Alarm:
    """StateUpdatedTimestamp also moves while the state stays, so it is only the second best."""
    return Alarm(
        name=item["AlarmName"],
        state=item["StateValue"],
        since=item.get("StateTransitionedTimestamp") or item["StateUpdatedTimestamp"],
        put_at=item["AlarmConfigurationUpdatedTimestamp"],
        reason=item.get("StateReason", ""),
        reason_data=item.get("StateReasonData", ""),
        definition=item,
    )
