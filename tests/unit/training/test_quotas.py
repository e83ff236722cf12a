"""SageMaker refuses a training job for the account's quota: it is no dead letter, and it is asked for again."""

import pytest
from fakes import NOW, InMemoryWorld, config
from training.drops import csv, drop

from perennial.reactions.register_model import register_model
from perennial.reactions.start_training import start_training
from perennial.reactions.sweep import sweep

WORDS = "The account-level service limit 'ml.m5.large for spot training job usage' is 0 Instances"


@pytest.fixture
def world():
    world = InMemoryWorld(parquet=None)
    world.catalog.put(config(), NOW)
    return world


def test_a_person_hears_of_it_once_and_the_sweep_goes_on_asking(world):
    """With AWS's words, which name the quota; the job starts by itself when the quota was raised."""
    world.jobs.quota = WORDS
    refused = drop(world, "monday", {"a.csv": csv()})
    assert ("quota_reached", "error") == (refused.outcome, refused.news)
    assert WORDS in refused.reason
    assert ("mortgage", "start_training") in [(model, due.reaction) for model, due in sweep(world).due]
    again = start_training("mortgage", world, because="the sweep")
    assert ("quota_reached", None) == (again.outcome, again.news)
    world.jobs.quota = ""
    assert "training_started" == start_training("mortgage", world, because="the sweep").outcome


def test_another_attempt_waits_for_the_quota(world):
    """A job that may be tried again is not judged until it is."""
    job = drop(world, "monday", {"a.csv": csv()}).details["job"]
    world.jobs.finish(job, status="Failed", failure_reason="CapacityError: no spot instance")
    world.jobs.quota = WORDS
    assert "quota_reached" == register_model(job, world).outcome
    assert ("mortgage", "register_model") in [(model, due.reaction) for model, due in sweep(world).due]
    world.jobs.quota = ""
    assert "training_retried" == register_model(job, world).outcome
