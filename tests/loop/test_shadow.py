"""A challenger beside production, under load: promoted when it compares well, dropped when it does not.

And a rollout whose predictions shift is undone by the guard on them.
"""

import json
import random
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from stranger import HEADER, ONCE, SMALL, Entry, Model, Stack, applications, drop_of, table, wait_for
from test_rollouts import Traffic, held, rollback_alarms, suspended
from watched import long_ago

# Two busy cores are no place to compare latencies.
SHADOW = {"minutes": 1, "percent": 100, "requests": 30, "latency_ratio": 50}
CANARY = {"type": "canary", "percent": 50, "bake_minutes": 10}


class Varied(Traffic):
    """Requests that differ, so that there is something to predict."""

    def _run(self) -> None:
        chance = random.Random(threading.get_ident())
        client = self.model.stack.client("sagemaker-runtime", ONCE)
        while not self._over.wait(0.1):
            body = f"{chance.uniform(10, 200):.2f},{chance.random():.4f},north"
            try:
                self.model.invoke(body, client=client)
                self.answered += 1
            except (BotoCoreError, ClientError) as error:
                self.failures.append(str(error))


def opposite(count: int) -> dict[str, bytes]:
    """A drop in which low ratios are denied."""
    turned = {"yes": "no", "no": "yes"}
    rows = [(*row[:3], turned[row[3]]) for row in applications(count, seed=7)]
    return {"part-0.csv": table(HEADER, rows)}


@pytest.fixture(scope="module")
def trained(stack: Stack) -> Model:
    """Version 1 serves, version 2 learned the opposite and waits for approval."""
    model = stack.model("shadowed").configure(
        endpoint={**SMALL, "instances": 2, "shadow": SHADOW},
        scaling={"min": 2, "max": 3},
        capture={"percent": 100, "delay_minutes": 0},
    )
    model.drop("first", drop_of(200))
    model.wait_for("version_registered")
    model.approve(1)
    model.wait_until_serving(1)
    model.drop("second", opposite(200))
    model.wait_for("version_registered", version="2")
    return model


@pytest.fixture
def model(trained: Model) -> Iterator[Model]:
    """Whatever a test does with it, no shadow is left: neither variant, config, model, nor hold on scaling."""
    yield trained
    endpoint = trained.endpoint()
    assert "ShadowProductionVariants" not in endpoint
    for config in trained.sagemaker.list_endpoint_configs(NameContains=trained.name)["EndpointConfigs"]:
        found = trained.sagemaker.describe_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
        assert not found.get("ShadowProductionVariants"), found["EndpointConfigName"]
    wait_for("scaling to resume", lambda: set(suspended(trained).values()) <= {False})


def compared(model: Model, version: int, outcome: str) -> tuple[Varied, Entry]:
    """Approve a version under traffic, and wait for its test's end; the sweep stands for ten minutes each."""
    with Varied(model) as traffic:
        model.approve(version)
        model.wait_for("shadow_in_service", version=str(version))
        assert model.endpoint()["ShadowProductionVariants"][0]["VariantName"] == "Shadow"
        enough = traffic.answered + 100
        wait_for("requests to compare", lambda: traffic.answered > enough)
        long_ago(model, "shadow", "since", timedelta(seconds=50))

        def look() -> list[Entry]:
            model.stack.sweep()
            return model.decided(outcome, version=str(version))

        [entry] = model.wait_until(outcome, look, seconds=180)
    return traffic, entry


def test_one_that_disagrees_is_dropped(model: Model) -> None:
    """Production answers all the time; the comparison is with the version, and it is not tried again."""
    traffic, entry = compared(model, 2, "shadow_dropped")
    assert traffic.failures == []
    assert "of another class" in entry.reason
    assert model.serving() == 1
    [key] = [key for key in model.keys("shadow/v2/") if key.endswith("comparison.json")]
    found = json.loads(model.read(key))
    assert found["verdict"] == "failed"
    assert found["requests"] >= 30
    assert found["disagreement"]["value"] > 0.5
    assert found["traffic"]["challenger"]["median_ms"]["value"] > 0
    assert model.read(key.replace(".json", ".html")).startswith(b"<!doctype html>")
    assert model.package(2)["CustomerMetadataProperties"]["shadow-verdict"].startswith("failed")
    before = len(model.decided("shadow_test_started"))
    model.stack.sweep()
    model.stack.sweep()
    assert len(model.decided("shadow_test_started")) == before
    assert model.serving() == 1


def test_one_that_compares_well_is_promoted(model: Model) -> None:
    """The same model once more: an ordinary rollout follows the test, and no request fails."""
    version = model.register_again()
    traffic, entry = compared(model, version, "shadow_promoted")
    model.wait_until_serving(version)
    assert traffic.failures == []
    assert entry.details["another_class"].startswith("0.00%")
    assert model.package(version)["CustomerMetadataProperties"]["shadow-consequence"] == "promote"


def test_a_rejection_during_the_test_ends_it(model: Model) -> None:
    """The shadow goes, production stays, nothing is concluded."""
    before = model.serving()
    version = model.register_again()
    with Varied(model) as traffic:
        model.approve(version)
        model.wait_for("shadow_in_service", version=str(version))
        model.decide(version, "Rejected")
        model.wait_for("shadow_test_cancelled", version=str(version))
    assert traffic.failures == []
    assert model.serving() == before


def test_a_rollout_whose_predictions_shift_is_undone(stack: Stack) -> None:
    """Quick, without errors, and of another opinion: the guard on predictions names itself as the alarm."""
    model = stack.model("shifting").configure(
        endpoint={
            **SMALL,
            "instances": 2,
            "rollout": CANARY,
            "rollback_on": {"p99_ms": None, "error_percent": None, "prediction_shift": 0.4},
        },
        scaling={"min": 2, "max": 3},
    )
    model.drop("first", drop_of(200))
    model.wait_for("version_registered")
    model.approve(1)
    model.wait_until_serving(1)
    rows = [(*row[:3], "yes" if index % 10 else "no") for index, row in enumerate(applications(200, seed=3))]
    model.drop("second", {"part-0.csv": table(HEADER, rows)})
    model.wait_for("version_registered", version="2")
    with held(model, 2), Varied(model, clients=8) as traffic:
        wait_for("predictions of version 1", lambda: traffic.answered > 200)
        model.approve(2)
        entry = model.wait_for("rolled_back", version="2")
    assert traffic.failures == []
    assert entry.details["alarm"].endswith("-shift"), entry
    assert model.serving() == 1
    wait_for("the rollout's alarms to go", lambda: not rollback_alarms(model))
