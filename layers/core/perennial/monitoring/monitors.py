"""The monitors of a model: their names, periods and delays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, TypeGuard, get_args

from perennial.config import ModelConfig
from perennial.names import Names
from perennial.sections_watching import BiasMonitor, DataQualityMonitor, ModelQualityMonitor, duration

MonitorName = Literal["data_quality", "model_quality", "bias"]
MONITORS: tuple[MonitorName, ...] = get_args(MonitorName)
# Of CloudWatch's metrics, as Model Monitor's own containers call them.
NAMESPACES: Mapping[MonitorName, str] = {
    "data_quality": "aws/sagemaker/Endpoints/data-metrics",
    "model_quality": "aws/sagemaker/Endpoints/model-metrics",
    "bias": "aws/sagemaker/Endpoints/bias-metrics",
}
MonitorSection = DataQualityMonitor | ModelQualityMonitor | BiasMonitor


def is_monitor(name: str) -> TypeGuard[MonitorName]:
    return name in MONITORS


def monitors_of(config: ModelConfig) -> Mapping[MonitorName, MonitorSection]:
    """The monitors that model.yaml asks for."""
    found: dict[MonitorName, MonitorSection | None] = {
        "data_quality": config.monitors.data_quality,
        "model_quality": config.monitors.model_quality,
        "bias": config.monitors.bias,
    }
    return {name: section for name, section in found.items() if section is not None}


def is_captured(config: ModelConfig) -> bool:
    """Whether there is traffic to watch. SageMaker captures none of a serverless endpoint, but the API does, of what it
    is asked to predict."""
    return bool(config.capture.percent)


def schedule_name(names: Names, model: str, monitor: MonitorName) -> str:
    """The monitoring schedule, which is also the dimension MonitoringSchedule of its metrics."""
    return f"{names.endpoint(model)}-{monitor.replace('_', '-')}"


def label_delay(config: ModelConfig, monitor: MonitorName) -> timedelta:
    """How long a window waits for its labels once its traffic is there."""
    quality = config.monitors.model_quality
    return duration(quality.label_delay) if monitor == "model_quality" and quality else timedelta(0)


def delay(config: ModelConfig, monitor: MonitorName) -> timedelta:
    """How long after its end a window is due: captured traffic and labels have arrived by then."""
    return timedelta(minutes=config.capture.delay_minutes) + label_delay(config, monitor)
