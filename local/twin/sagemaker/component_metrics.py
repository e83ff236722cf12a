"""What inference components measure, published with their endpoints' minute.

The dimension is InferenceComponentName alone: AWS's EndpointName and VariantName come with an InstanceId there.
"""

from collections.abc import Mapping

from twin import seams
from twin import seams_cloudwatch as cloudwatch
from twin.sagemaker.component_state import Component, Components

NAMESPACE = "AWS/SageMaker"


def publish(components: Components, at: float) -> None:
    """A minute of every component, dated `at`."""
    for component in components.table:
        with seams.scope(component.call.account, component.call.region):
            _publish(component, at)


def publish_concurrency(components: Components, at: float) -> None:
    """ConcurrentRequestsPerCopy of ten seconds, dated `at`."""
    for component in components.table:
        variants = [one.variants[component.variant] for one in component.generations]
        busy = sum(variant.gauge.take() for variant in variants)
        if copies := component.current:
            with seams.scope(component.call.account, component.call.region):
                of = {"InferenceComponentName": component.name}
                each = busy / copies
                cloudwatch.store(NAMESPACE, "ConcurrentRequestsPerCopy", of, at, "None", [each], [1.0])


def _publish(component: Component, at: float) -> None:
    meter = component.meter.take()
    refused, component.without_capacity = component.without_capacity, 0
    copies = component.current

    def put(name: str, values: Mapping[float, float], unit: str = "None") -> None:
        if values:
            of = {"InferenceComponentName": component.name}
            cloudwatch.store(NAMESPACE, name, of, at, unit, values.keys(), values.values())

    def shares(name: str, hits: int) -> None:
        put(name, {v: n for v, n in ((1.0, hits), (0.0, meter.invocations - hits)) if n})

    if refused:
        put("NoCapacityInvocationFailures", {1.0: float(refused)})
    if copies:  # nothing can be shared out among no copies, so a component asleep has no such metric
        put("InvocationsPerCopy", {meter.invocations / copies: 1.0})
        put("Invocations", {1.0: float(meter.invocations)} if meter.invocations else {0.0: 1.0})
    shares("Invocation4XXErrors", meter.client_errors)
    shares("Invocation5XXErrors", meter.server_errors)
    shares("InvocationModelErrors", meter.model_errors)
    put("ModelLatency", meter.model_latency, "Microseconds")
    put("OverheadLatency", meter.overhead_latency, "Microseconds")
