"""Rollouts under traffic: what passes, what is undone and why, and that nothing of it is left behind."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from stranger import ONCE, SMALL, Model, Stack, drop_of, wait_for

CANARY = {"type": "canary", "percent": 50, "bake_minutes": 6}
LIMITS = {"p99_ms": 950, "error_percent": 5}
MANY = 1_000_000
FAULT = "a fault of the twin"


class Traffic:
    """Several clients, each with one request after another, until the end of a `with`; nothing is tried twice."""

    def __init__(self, model: Model, clients: int = 4) -> None:
        self.model, self.failures, self.answered = model, list[str](), 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        wait_for("the first answer", lambda: self.answered)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        client = self.model.stack.client("sagemaker-runtime", ONCE)
        while not self._over.wait(0.05):
            try:
                self.model.invoke("50,0.9,north", client=client)
                self.answered += 1
            except (BotoCoreError, ClientError) as error:
                self.failures.append(str(error))


@pytest.fixture(scope="module")
def trained(stack: Stack) -> Model:
    """A model whose first version serves on two instances, with canaries from then on."""
    model = stack.model("rollouts").configure(
        endpoint={**SMALL, "instances": 2, "rollout": CANARY, "rollback_on": LIMITS},
        scaling={"min": 2, "max": 3},
    )
    model.drop("first", drop_of(200))
    model.wait_for("version_registered")
    model.approve(1)
    model.wait_until_serving(1)
    return model


@pytest.fixture
def model(trained: Model) -> Iterator[Model]:
    """Whatever a test does with it, nothing of its rollout is left: no alarm, no hold on scaling, no old configs."""
    yield trained
    wait_for("the rollout's alarms to go", lambda: not rollback_alarms(trained))
    wait_for("scaling to resume", lambda: set(suspended(trained).values()) <= {False})
    configs = trained.sagemaker.list_endpoint_configs(NameContains=trained.name + "-v")["EndpointConfigs"]
    serving = trained.serving()
    assert len(configs) <= 8, "the last three, and the config of each rollout that was lost since"
    assert any(f"-v{serving}-" in config["EndpointConfigName"] for config in configs)


def rollback_alarms(model: Model) -> list[str]:
    found = model.stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{model.name}-rollback-")
    return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]


def suspended(model: Model) -> dict[str, bool]:
    resource = f"endpoint/{model.name}/variant/AllTraffic"
    [target] = model.stack.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[resource]
    )["ScalableTargets"]
    return dict(target["SuspendedState"])


@contextmanager
def held(model: Model, version: int | None = None) -> Iterator[int]:
    """A version's rollout (the next one's) bakes for as long as this lasts, or until an alarm rings; the version."""
    version = version or len(model.versions()) + 1
    with model.stack.fault("long-bake", f"{model.name}-v{version}-*"):
        yield version


def approve_next(model: Model) -> int:
    """A new version, approved, whose rollout has begun."""
    version = model.register_again()
    model.approve(version)
    model.wait_for("endpoint_update_started", version=str(version))
    return version


def test_a_canary_that_passes(model: Model) -> None:
    """It is guarded while it bakes, then serves; no request fails, and its own sample rows were answered."""
    with Traffic(model) as traffic:
        with held(model) as version:
            assert approve_next(model) == version
            assert len(rollback_alarms(model)) == 2
            assert set(suspended(model).values()) == {True}
        entry = model.wait_until_serving(version)
    assert traffic.failures == []
    assert entry.details["smoke_test"] == "5 sample rows answered"
    assert "without_data" not in entry.details, entry


@pytest.mark.parametrize(("fault", "alarm"), [("slow-answers", "p99"), ("failing-answers", "5xx")])
def test_a_canary_that_is_ill(model: Model, fault: str, alarm: str) -> None:
    """The alarm of that rollout undoes it; ledger and registry name the alarm, and it is not tried again."""
    before = model.serving()
    version = len(model.versions()) + 1
    ill = model.stack.fault(fault, f"{model.name}-v{version}-*", MANY)
    with held(model, version), ill, Traffic(model) as traffic:
        assert approve_next(model) == version
        entry = model.wait_for("rolled_back", version=str(version))
    assert [failure for failure in traffic.failures if FAULT not in failure] == []
    assert entry.details["alarm"].endswith(f"-v{version}-{entry.details['config'][-6:]}-{alarm}")
    assert model.serving() == before
    history = model.package(version)["CustomerMetadataProperties"].values()
    assert any(value.startswith("rolled_back by alarm") for value in history)
    started = len(model.decided("endpoint_update_started"))
    model.stack.sweep()
    model.stack.sweep()
    assert len(model.decided("endpoint_update_started")) == started


def test_one_that_never_gets_healthy(model: Model) -> None:
    """SageMaker rolls back silently, with no alarm to blame; the old version answers all the time."""
    before = model.serving()
    version = len(model.versions()) + 1
    with model.stack.fault("unhealthy", f"{model.name}-v{version}-*", MANY), Traffic(model) as traffic:
        assert approve_next(model) == version
        entry = model.wait_for("rolled_back", version=str(version))
    assert traffic.failures == []
    assert "alarm" not in entry.details
    assert model.serving() == before


def test_one_that_answers_nonsense(model: Model) -> None:
    """Healthy, quick and wrong: it does not settle, is rejected, and the version before it serves again."""
    before = model.serving()
    version = len(model.versions()) + 1
    with model.stack.fault("nonsense", f"{model.name}-v{version}-*", MANY), Traffic(model) as traffic:
        assert approve_next(model) == version
        entry = model.wait_for("rollout_failed", version=str(version))
        wait_for("the version before it", lambda: model.serving() == before)
    assert traffic.failures == []
    assert "one and the same prediction" in entry.reason
    assert model.package(version)["ModelApprovalStatus"] == "Rejected"


def test_one_whose_servers_are_killed_while_it_bakes(model: Model) -> None:
    """SageMaker replaces them; the version serves or is rolled back, and what is told is what serves."""
    before = model.serving()
    with Traffic(model) as traffic:
        with held(model) as version:
            assert approve_next(model) == version
            config = model.decided("endpoint_update_started", version=str(version))[-1].details["config"]

            def answering() -> list[int]:
                pending = model.endpoint().get("PendingDeploymentSummary", {}).get("ProductionVariants", [{}])
                stages = [each["Status"] for each in pending[0].get("VariantStatus", [])]
                return model.stack.servers(config) if "Baking" in stages else []

            killed = wait_for("the new servers to bake", answering)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        ended = model.wait_until(
            "the end of the rollout",
            lambda: [
                entry
                for outcome in ("version_in_service", "rolled_back")
                for entry in model.decided(outcome, version=str(version))
            ],
        )[-1]
    assert model.serving() == (version if ended.decision == "version_in_service" else before)
    assert not set(killed) & set(model.stack.servers(model.endpoint()["EndpointConfigName"]))
    # What was on its way to a killed server, or found none, fails on AWS as well; the old fleet answered the rest.
    assert len(traffic.failures) < traffic.answered / 2


def test_an_approval_during_a_rollout(model: Model) -> None:
    """It waits, and takes its turn when the rollout has ended."""
    with Traffic(model) as traffic:
        with held(model) as first:
            assert approve_next(model) == first
            second = model.register_again()
            model.approve(second)
            model.wait_for("deployment_waits", version=str(second))
        model.wait_until_serving(second)
    assert traffic.failures == []
    assert model.decided("version_in_service", version=str(first)), model.story()


def test_a_rejection_during_a_rollout(model: Model) -> None:
    """SageMaker finishes what it began; then the newest approved version takes the place of the rejected one."""
    before = model.serving()
    with Traffic(model) as traffic:
        back = len(model.decided("version_in_service", version=str(before))) + 1
        with held(model) as version:
            assert approve_next(model) == version
            model.decide(version, "Rejected")
        model.wait_for("version_in_service", times=back, version=str(before))
    assert traffic.failures == []
    assert model.serving() == before
