"""Load on an endpoint whose rate can be changed, and what is seen of its scaling meanwhile."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from stranger import ONCE, Model

CLIENTS = 8
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True)
class Look:
    """Seen at once: seconds since the load began, instances, bounds, alarms that ring, and the rate then."""

    at: float
    instances: int
    least: int
    most: int
    ringing: Sequence[str]
    rate: float


@dataclass
class Load:
    """Requests on a timetable, several clients, nothing tried twice, for the length of a `with`."""

    model: Model
    rate: float
    answers: list[tuple[float, bool]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def __enter__(self) -> "Load":
        self._over, self._lock, self._next = threading.Event(), threading.Lock(), time.monotonic()
        self._threads = [threading.Thread(target=self._send) for _ in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._watch))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def now(self) -> float:
        return time.monotonic() - self.began

    def _due(self) -> float:
        """When the next request is due. A machine that cannot keep up does not catch up: the rate is a ceiling."""
        with self._lock:
            self._next = max(self._next + 1 / self.rate, time.monotonic() - 0.2)
            return self._next

    def _send(self) -> None:
        client = self.model.stack.client("sagemaker-runtime", ONCE)
        while not self._over.wait(max(0.0, self._due() - time.monotonic())):
            try:
                self.model.invoke("50,0.9,north", client=client)
                self.answers.append((self.now(), True))
            except (BotoCoreError, ClientError) as error:
                self.failures.append(str(error))
                self.answers.append((self.now(), False))

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            least, most = bounds(self.model)
            self.looks.append(
                Look(self.now(), instances(self.model), least, most, ringing(self.model), self.rate)
            )


def resource(model: Model) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{model.name}/variant/AllTraffic",
        "ScalableDimension": DIMENSION,
    }


def instances(model: Model) -> int:
    return int(model.endpoint()["ProductionVariants"][0]["CurrentInstanceCount"])


def bounds(model: Model) -> tuple[int, int]:
    """(0, 0) while it is not registered."""
    found = registered(model)
    return (found[0]["MinCapacity"], found[0]["MaxCapacity"]) if found else (0, 0)


def registration(model: Model) -> str:
    """Another one each time that it is registered; what is updated keeps its own."""
    [found] = registered(model)
    return str(found["ScalableTargetARN"])


def registered(model: Model) -> list[dict[str, Any]]:
    found = scaler(model).describe_scalable_targets(
        ServiceNamespace="sagemaker",
        ResourceIds=[resource(model)["ResourceId"]],
        ScalableDimension=DIMENSION,
    )["ScalableTargets"]
    return list(found)


def policies(model: Model) -> list[str]:
    found = scaler(model).describe_scaling_policies(**resource(model))["ScalingPolicies"]
    return sorted(policy["PolicyName"] for policy in found)


def targets(model: Model) -> list[float]:
    """Of its target tracking policies."""
    found = scaler(model).describe_scaling_policies(**resource(model))["ScalingPolicies"]
    key = "TargetTrackingScalingPolicyConfiguration"
    return [policy[key]["TargetValue"] for policy in found if key in policy]


def actions(model: Model) -> list[str]:
    found = scaler(model).describe_scheduled_actions(**resource(model))["ScheduledActions"]
    return sorted(action["ScheduledActionName"] for action in found)


def activities(model: Model) -> list[dict[str, Any]]:
    """Oldest first."""
    found = scaler(model).describe_scaling_activities(**resource(model))["ScalingActivities"]
    return list(reversed(found))


def ringing(model: Model) -> list[str]:
    """The alarms of its scaling that ring, short: AlarmHigh, AlarmLow, or the name of ours."""
    cloudwatch = model.stack.client("cloudwatch")
    found = [
        alarm["AlarmName"]
        for prefix in (f"TargetTracking-endpoint/{model.name}/", f"{model.name}-")
        for alarm in cloudwatch.describe_alarms(AlarmNamePrefix=prefix, StateValue="ALARM")["MetricAlarms"]
    ]
    return sorted(
        next(
            (side for side in ("AlarmHigh", "AlarmLow") if side in name), name.removeprefix(f"{model.name}-")
        )
        for name in found
    )


def scaler(model: Model) -> Any:
    return model.stack.client("application-autoscaling")


def until(load: Load, look: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll while the load goes on; fails with what was seen last."""
    deadline = time.monotonic() + seconds
    for _ in itertools.takewhile(lambda _: not look(), itertools.count()):
        assert time.monotonic() < deadline, f"no {what} in {seconds:g} s; seen last: {load.looks[-3:]}"
        time.sleep(0.1)
