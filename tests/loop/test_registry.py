"""People decide in the registry; the endpoint follows the newest approved version, one rollout at a time."""

from collections import Counter

import pytest
from stranger import Model, Stack, drop_of, wait_for


@pytest.fixture(scope="module")
def trained(stack: Stack) -> dict[str, Model]:
    """Two models with a pending first version each, trained side by side."""
    models = {name: stack.model(name).configure() for name in ("approvals", "refusal")}
    for seed, model in enumerate(models.values()):
        model.drop("one", drop_of(200, seed=seed))
    for model in models.values():
        model.wait_for("version_registered")
    return models


def wait_for_rejection(model: Model, version: int) -> None:
    """Until it is decided that a rejected version changes nothing."""
    fact = f"version {version} is Rejected"
    model.wait_until(
        f"the decision on {fact}", lambda: [one for one in model.decided("nothing") if one.fact == fact]
    )


def test_three_approvals_at_once(trained: dict[str, Model]) -> None:
    """The newest of several approvals serves; what was approved meanwhile never gets a rollout of its own in between."""
    model = trained["approvals"]
    for number in (2, 3):
        assert model.register_again() == number
    for number in (1, 3, 2):
        model.approve(number)
    model.wait_until_serving(3)
    started = model.decided("endpoint_creation_started") + model.decided("endpoint_update_started")
    assert len(started) <= 2, model.story()
    assert [entry.details["version"] for entry in started][-1] == "3"
    assert model.decided("rollout_failed") == model.decided("rolled_back") == []


def test_rejecting_what_serves_rolls_back(trained: dict[str, Model]) -> None:
    """Approve, then reject: the newest version that is still approved serves again, and can be asked."""
    model = trained["approvals"]
    model.wait_until_serving(3)
    model.decide(3, "Rejected")
    entry = model.wait_until_serving(2)
    assert entry.news == "info"
    update = model.decided("endpoint_update_started", version="2")[-1]
    assert "version 3, which is no longer approved" in update.reason
    assert model.invoke("50,0.9,north").startswith("yes,")


def test_metadata_does_not_deploy(trained: dict[str, Model]) -> None:
    """Whoever writes metadata of an approved version, we or a person, causes no rollout."""
    model = trained["approvals"]
    model.wait_until_serving(2)
    started = len(model.decided("endpoint_update_started"))
    config = model.endpoint()["EndpointConfigName"]
    arn = model.package(2)["ModelPackageArn"]
    model.sagemaker.update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"reviewed-by": "a person"}
    )
    # A later fact that has its decision shows that the metadata's event was long dealt with.
    version = model.register_again(status="Rejected")
    wait_for_rejection(model, version)
    assert model.endpoint()["EndpointConfigName"] == config
    assert len(model.decided("endpoint_update_started")) == started, model.story()
    assert model.package(version)["ModelApprovalStatus"] == "Rejected"
    assert model.package(2)["CustomerMetadataProperties"]["reviewed-by"] == "a person"


def test_old_configs_and_models_go(trained: dict[str, Model]) -> None:
    """Configs and models beyond the last three are removed, never the one in service."""
    model = trained["approvals"]
    model.wait_until_serving(2)
    for _ in range(2):
        number = model.register_again(status="Approved")
        model.wait_until_serving(number)
    configs = model.sagemaker.list_endpoint_configs(NameContains=model.name + "-v")["EndpointConfigs"]
    names = {config["EndpointConfigName"] for config in configs}
    assert len(names) == 3
    assert model.endpoint()["EndpointConfigName"] in names
    models = model.sagemaker.list_models(NameContains=model.name + "-v")["Models"]
    assert {found["ModelName"] for found in models} == names


def test_a_rejected_first_version(trained: dict[str, Model]) -> None:
    """With nothing approved there is nothing to serve: decided, told in the ledger, and left at that."""
    model = trained["refusal"]
    model.decide(1, "Rejected")
    wait_for_rejection(model, 1)
    assert model.endpoint() is None
    assert Counter(model.news()) == {"model_created": 1, "training_started": 1, "version_registered": 1}


def test_rejecting_the_last_one_keeps_serving(trained: dict[str, Model]) -> None:
    """When no approved version remains the endpoint goes on, and a person is told."""
    model = trained["refusal"]
    model.approve(1)
    model.wait_until_serving(1)
    model.decide(1, "Rejected")
    told = wait_for("the warning", lambda: [entry for entry in model.ledger() if entry.news == "warning"])
    assert "no approved version remains" in told[0].reason
    assert model.serving() == 1
