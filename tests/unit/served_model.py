"""A model that was trained on Monday's data and is in service, on a world in memory."""

from datetime import timedelta

from fakes import NAMES, NOW

from perennial.deployment import EndpointState, Rollout
from perennial.reactions.datasets import remember
from perennial.training import Dataset, TrainingJob

ENDPOINT = "perennial-mortgage"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OLD = Dataset("aaaaaaaaaaaa", "monday", "csv", NOW - 9 * DAY, NOW - 9 * DAY)
NEW = Dataset("bbbbbbbbbbbb", "tuesday", "csv", NOW, NOW)


def trained(world, dataset, status="Completed", approval="Approved", at=NOW - 8 * DAY, reason="it passed"):
    """A training of a dataset; when it is completed, with its version."""
    settings = world.catalog.get("mortgage")
    remember(settings, dataset, world.state)
    name = NAMES.training_job("mortgage", dataset.version, settings.training_hash)
    artefact = f"s3://data/models/mortgage/trainings/{name}/output/model.tar.gz"
    world.jobs.jobs[name] = TrainingJob(
        name, f"arn:{name}", status, at, artefact=artefact, billable_seconds=600, training_seconds=900
    )
    if status == "Completed":
        world.state.put("mortgage", f"job#{name}", {"outcome": "x", "reason": reason, "told": True})
        world.registry.add("mortgage", approval, artefact)
    return name


def serve(world, version, since=NOW - 2 * HOUR, status="InService"):
    """That version is in service since then."""
    settings = world.catalog.get("mortgage")
    name = NAMES.endpoint_config("mortgage", version, settings.endpoint_hash)
    world.endpoints.endpoints[ENDPOINT] = EndpointState(ENDPOINT, status, name, modified_at=since)
    world.state.rollouts["mortgage"] = Rollout(name, version, since, "succeeded", told=True)
