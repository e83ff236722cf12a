"""Routes that only look."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from perennial import layout
from perennial.config import ModelConfig
from perennial.monitoring.monitors import MonitorName, monitors_of
from perennial.ports import World
from perennial.reactions.reports import newest
from perennial.route import serving
from perennial.scaling_bounds import DOCUMENT, Raised, bounds, scheduled
from perennial_web.answers import (
    DecisionAnswer,
    Decisions,
    ModelDetails,
    Models,
    ModelSummary,
    Mute,
    RaisedAnswer,
    Report,
    Reports,
    RolloutAnswer,
    ScalingAnswer,
    Version,
    Versions,
    Window,
)
from perennial_web.caller import Config, Name, TheWorld
from perennial_web.errors import Refused

router = APIRouter()
Most = Annotated[int, Query(ge=1, le=500)]
WINDOWS = 12
# A report's folder: its window's start, and for one that a person asked for its end.
WINDOW = r"^\d{4}/\d{2}/\d{2}/\d{4}(-\d{8}T\d{6})?$"


@router.get("/models")
def models(world: TheWorld) -> Models:
    """Every model in force, with its last rollout."""
    return Models(
        models=[ModelSummary(model=model, rollout=_rollout(model, world)) for model in world.catalog.models()]
    )


@router.get("/models/{model}")
def model(config: Config, world: TheWorld) -> ModelDetails:
    """A model's configuration, what serves, the newest windows, and the mute."""
    endpoint = world.endpoints.get(serving(config.model, world).endpoint)
    name = world.names.parse_endpoint_config(endpoint.config_name) if endpoint else None
    return ModelDetails(
        model=config.model,
        config=config.model_dump(mode="json", by_alias=True),
        endpoint_status=endpoint.status if endpoint else None,
        serving=name.version if name else None,
        rollout=_rollout(config.model, world),
        scaling=_scaling(config, world),
        windows=_windows(config, world),
        mute=_mute(config.model, world),
    )


@router.get("/models/{model}/decisions")
def decisions(model: Name, world: TheWorld, most: Most = 50) -> Decisions:
    """A model's newest decisions with their reasons; also of one that has no valid model.yaml yet."""
    return Decisions(decisions=[DecisionAnswer.entry(entry) for entry in world.ledger.newest(model, most)])


@router.get("/models/{model}/versions")
def versions(config: Config, world: TheWorld) -> Versions:
    """The versions in the registry, newest first."""
    found = sorted(world.registry.versions(config.model), key=lambda each: -each.version)
    return Versions(versions=[Version.of(each) for each in found])


@router.get("/models/{model}/reports")
def reports(config: Config, world: TheWorld, most: Most = 20) -> Reports:
    """The newest reports of every monitor."""
    found = []
    for monitor in monitors_of(config):
        prefix = layout.reports_prefix(config.model, monitor)
        for report in islice(newest(config.model, monitor, world), most):
            window = report.folder.removeprefix(prefix).rstrip("/")
            html = f"/models/{config.model}/reports/{monitor}/{window}/report.html"
            found.append(Report(monitor=monitor, window=window, html=html))
    return Reports(reports=sorted(found, key=lambda report: report.window, reverse=True)[:most])


@router.get("/models/{model}/reports/{monitor}/{window:path}/report.html")
def report(
    model: Name, monitor: MonitorName, window: Annotated[str, Path(pattern=WINDOW)], world: TheWorld
) -> Response:
    """One window's page, as it lies in the bucket."""
    body = world.bucket.read(f"{layout.reports_prefix(model, monitor)}{window}/report.html")
    if body is None:
        raise Refused(404, "no_such_report", f"{model} has no {monitor} report of {window}")
    return Response(body, media_type="text/html")


def _scaling(config: ModelConfig, world: World) -> ScalingAnswer | None:
    """None for a serverless endpoint, which has no instances."""
    if config.endpoint.serverless:
        return None
    now = world.now()
    raised = Raised.read(world.state.get(config.model, DOCUMENT)).standing(now)
    found = bounds(config.scaling, raised, now)
    return ScalingAnswer(
        least=found.least,
        most=found.most,
        schedule=scheduled(config.scaling, now)[1],
        raised=[
            RaisedAnswer(bound=each.bound, instances=each.instances, until=each.until, by=each.by)
            for each in raised.raises
        ],
    )


def _rollout(model: str, world: World) -> RolloutAnswer | None:
    rollout = world.state.rollout(model)
    return RolloutAnswer.of(rollout) if rollout else None


def _mute(model: str, world: World) -> Mute | None:
    """The mute, while it lasts."""
    document = world.state.get(model, "mute")
    mute = Mute.model_validate(document) if document else None
    return mute if mute and mute.until > world.now() else None


def _windows(config: ModelConfig, world: World) -> list[Window]:
    """Of yesterday and today: older ones are in the reports."""
    found = []
    for monitor in monitors_of(config):
        for day in (world.now() - timedelta(days=1), world.now()):
            prefix = f"window#{monitor}#{day:%Y-%m-%d}"
            for rest, document in world.state.all(config.model, prefix).items():
                found.append(
                    Window.model_validate(
                        {
                            "monitor": monitor,
                            "start": f"{day:%Y-%m-%d}{rest}",
                            "status": document["status"],
                        }
                    )
                )
    return sorted(found, key=lambda window: window.start, reverse=True)[:WINDOWS]
