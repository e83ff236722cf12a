"""SageMaker refuses an endpoint's instances for the account's quota: it is told once, and asked for again."""

import pytest
from configured_model import configured
from fakes import NOW, config
from rollouts.under_way import ENDPOINT, first_in_service

from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.scaling import variant

WORDS = "The account-level service limit 'ml.c5.large for endpoint usage' is 2 Instances"


def due(world):
    return [each.reaction for _, each in sweep(world).due]


def test_an_endpoint_is_created_once_the_quota_allows_it():
    """Nothing serves until then; the sweep asks again."""
    world = configured()
    world.registry.add("mortgage", "Approved")
    world.endpoints.quota = WORDS
    refused = deploy_model("mortgage", world, because="approved")
    assert ("quota_reached", "error") == (refused.outcome, refused.news)
    assert WORDS in refused.reason
    assert "deploy_model" in due(world)
    assert deploy_model("mortgage", world, because="the sweep").news is None
    world.endpoints.quota = ""
    assert "endpoint_creation_started" == deploy_model("mortgage", world, because="the sweep").outcome


@pytest.fixture
def refused():
    """Version 1 serves, and is asked for on other instances, which SageMaker refuses."""
    world = first_in_service()
    world.catalog.put(config(endpoint={"instance": "ml.c5.large"}), NOW)
    world.endpoints.quota = WORDS
    world.hints.sent.clear()
    assert "quota_reached" == deploy_model("mortgage", world, because="another instance type").outcome
    return world


def test_what_serves_is_scaled_as_before(refused):
    """Its scaling went for the update, and is there again at once; no guard of the update is left."""
    assert [("mortgage", "settle_endpoint", None)] == refused.hints.sent
    settle_endpoint("mortgage", refused, because="SageMaker refused an update")
    assert refused.scaling.targets[variant(ENDPOINT)].policies
    assert not [name for name in refused.alarms.standing if "rollout" in name]
    assert "rolled_back" not in refused.ledger.outcomes


def test_only_the_sweep_asks_again(refused):
    """Settling what serves would ask at once, and be refused at once, without end."""
    refused.hints.sent.clear()
    settle_endpoint("mortgage", refused, because="SageMaker refused an update")
    assert [] == refused.hints.sent
    assert "deploy_model" in due(refused)
    refused.endpoints.quota = ""
    assert "endpoint_update_started" == deploy_model("mortgage", refused, because="the sweep").outcome
