"""What a shadow test asks of SageMaker and CloudWatch, through the adapters, on a twin with the container's double."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import fakes
import pytest
from running_twin import Twin, eventually, unique
from serving_endpoints import Endpoints

from perennial import shadow
from perennial.aws.endpoints import SageMakerEndpoints
from perennial.aws.metrics import CloudWatch
from perennial.endpoint_config import VARIANT, config_request
from perennial.monitoring.analysis import Datapoint
from perennial.reactions.shadow_evidence import traffic

NAMES = fakes.NAMES
CONFIG = fakes.config(
    endpoint={"instances": 1, "shadow": True, "rollout": {"type": "all_at_once", "bake_minutes": 0}}
)


@pytest.fixture(scope="module")
def endpoints(twin: Twin) -> Endpoints:
    return Endpoints.on(twin)


def test_a_shadow_beside_production(twin: Twin, endpoints: Endpoints) -> None:
    """The request is one that SageMaker takes; production answers as before, and both are measured apart."""
    adapter = SageMakerEndpoints(NAMES, endpoints.role, endpoints.sagemaker)
    base, name = (NAMES.endpoint_config(CONFIG.model, 1, each) for each in ("aaaaaa", "bbbbbb"))
    production, challenger = endpoints.model(answer="production"), endpoints.model(answer="challenger")
    adapter.ensure_config(config_request(base, production, CONFIG, endpoints.bucket))
    described = adapter.config(base)
    assert described is not None
    asked = shadow.request(name, described, 1, CONFIG, endpoints.bucket)
    [variant] = asked["ShadowProductionVariants"]
    adapter.ensure_config({**asked, "ShadowProductionVariants": [{**variant, "ModelName": challenger}]})
    endpoint = unique("endpoint")
    assert adapter.create(endpoint, base, CONFIG.model)
    endpoints.settled(endpoint)
    assert adapter.update(endpoint, name, None)
    endpoints.settled(endpoint)
    started = datetime.now(UTC)
    assert {endpoints.invoke(endpoint)["answer"] for _ in range(20)} == {"production"}
    found = adapter.get(endpoint)
    assert found is not None
    assert (found.variants, found.instances) == ((VARIANT,), 1)
    world = SimpleNamespace(metrics=CloudWatch(twin.client("cloudwatch")))

    def measured(of: str) -> int:
        return traffic(endpoint, name, of, started, datetime.now(UTC), world).invocations  # type: ignore[arg-type]

    for of in (VARIANT, shadow.VARIANT):
        eventually(lambda of=of: measured(of) == 20)
        told = traffic(endpoint, name, of, started, datetime.now(UTC), world)  # type: ignore[arg-type]
        assert told.errors == 0
        assert told.median_ms is not None
        assert 0 < told.median_ms.low <= told.median_ms.value <= told.median_ms.high
        assert told.p99_ms is not None
    assert adapter.update(endpoint, base, None)
    endpoints.settled(endpoint)
    adapter.forget(name)
    assert adapter.config(name) is None


def test_statistics_of_a_metric(twin: Twin) -> None:
    """As many as are asked for, over the time that is asked for; none where there are no data."""
    metrics, now = CloudWatch(twin.client("cloudwatch")), datetime.now(UTC)
    of = {"EndpointConfig": unique("config")}
    metrics.put([Datapoint("Perennial/Serving", "PredictionSum", of, float(n), now) for n in range(5)])
    start, end = now - timedelta(hours=1), now + timedelta(minutes=1)
    rows = metrics.read("Perennial/Serving", "PredictionSum", of, ["Sum", "SampleCount"], start, end)
    assert sum(row["Sum"] for row in rows) == 10
    assert sum(row["SampleCount"] for row in rows) == 5
    assert (
        metrics.read("Perennial/Serving", "PredictionSum", of, ["Sum"], start, now - timedelta(minutes=30))
        == []
    )
    assert (
        metrics.read("Perennial/Serving", "PredictionSum", {"EndpointConfig": "none"}, ["Sum"], start, end)
        == []
    )
