"""A model in service whose traffic is watched, on a world in memory."""

from datetime import timedelta

from fakes import NOW, InMemoryWorld, config

from perennial.deployment import EndpointState, Rollout
from perennial.reactions.analyze_traffic import analyze_traffic
from perennial.reactions.sweep import sweep

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CAPTURE = "models/mortgage/capture/perennial-mortgage/AllTraffic/"
REPORTS = "models/mortgage/reports/data_quality/"
MONITORS = {"data_quality": {"every": "1h"}}
REPORT_NOON = "2026/03/01/1200/"


def watched(**changes):
    """A model whose version 1 came into service at noon, with a baseline."""
    world = InMemoryWorld()
    world.catalog.put(config(**{"monitors": MONITORS, **changes}), NOW)
    arn = world.registry.add("mortgage", "Approved")
    folder = "models/mortgage/trainings/job/baseline/"
    uri = {"ContentType": "application/json", "S3Uri": f"s3://data/{folder}statistics.json"}
    world.registry.described[arn] = {
        "DriftCheckBaselines": {"ModelDataQuality": {"Statistics": uri}},
        "CustomerMetadataProperties": {"baselines": f"s3://data/{folder}", "dataset-version": "0123456789ab"},
    }
    world.bucket.write(folder + "statistics.json", b"{}")
    name = world.names.endpoint_config("mortgage", 1, "0" * 6)
    world.endpoints.endpoints["perennial-mortgage"] = EndpointState("perennial-mortgage", "InService", name)
    rollout = Rollout(name, 1, NOW, "succeeded", told=True)
    world.state.put_rollout("mortgage", rollout, expected=None)
    world.time = NOW + MINUTE
    analyze_traffic("mortgage", world, subject="data_quality")
    world.ledger.decisions.clear()  # which engine was chosen
    return world


def capture(world, at, lines=3, name="a.jsonl"):
    """Captured traffic of one hour; the time of writing is that of the traffic."""
    key = f"{CAPTURE}{at:%Y/%m/%d/%H}/{name}"
    world.bucket.write(key, b"{}\n" * lines)
    world.bucket.times[key] = at


def analyzed(world):
    """Starts of the windows that were analysed, in the ledger's order."""
    return [d.details["start"] for d in world.ledger.decisions if d.outcome.startswith("window_")]


def tick(world, at):
    """What ten minutes do: the sweep, and every hint that it sends or causes."""
    world.time = at
    world.hints.sent.clear()
    sweep(world)
    while hints := [hint for hint in world.hints.sent if hint[1] == "analyze_traffic"]:
        world.hints.sent.clear()
        for model, _, subject in hints:
            analyze_traffic(model, world, subject=subject)
