"""Where everything lives in the data bucket: the contract with users, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MARKERS = ("_SUCCESS", "manifest.json")
DATA_SUFFIXES = (".csv", ".parquet")


MODELS_PREFIX = "models/"
OVERFLOW_PREFIX = "capture-overflow/"  # records that are too large for a queue, until they are written


def config_key(model: str) -> str:
    return f"models/{model}/model.yaml"


def drops_prefix(model: str) -> str:
    return f"models/{model}/drops/"


def drop_prefix(model: str, drop: str) -> str:
    """A drop's objects: a folder's, or the single file's own key."""
    return f"models/{model}/drops/{drop}" + ("" if drop.lower().endswith(DATA_SUFFIXES) else "/")


def dataset_prefix(model: str, version: str) -> str:
    return f"models/{model}/datasets/{version}/"


def trainings_prefix(model: str) -> str:
    return f"models/{model}/trainings/"


def training_key(model: str, job: str, name: str) -> str:
    return f"models/{model}/trainings/{job}/{name}"


def checkpoints_prefix(model: str, job: str) -> str:
    return f"models/{model}/trainings/{job}/checkpoints/"


def report_key(model: str, drop: str) -> str:
    return f"models/{model}/quarantine/{drop}/report.json"


def capture_prefix(model: str) -> str:
    """Without a trailing slash: SageMaker would write `//` into every key."""
    return f"models/{model}/capture"


def ground_truth_prefix(model: str) -> str:
    return f"models/{model}/ground-truth/"


def baseline_prefix(model: str, job: str) -> str:
    """What a training kept of its data and holdout, for the monitors to compare with."""
    return training_key(model, job, "baseline/")


def reports_prefix(model: str, monitor: str = "") -> str:
    return f"models/{model}/reports/" + (f"{monitor}/" if monitor else "")


def report_prefix(model: str, monitor: str, start: datetime, until: datetime | None = None) -> str:
    """The folder of one window's results, by its start; `until` for a window that somebody asked for."""
    folder = f"{start:%Y/%m/%d/%H%M}" + (f"-{until:%Y%m%dT%H%M%S}" if until else "")
    return f"{reports_prefix(model, monitor)}{folder}/"


def shadow_prefix(model: str, version: int, began_at: datetime) -> str:
    """The folder of what a shadow test of a version found."""
    return f"models/{model}/shadow/v{version}/{began_at:%Y%m%dT%H%M%SZ}/"


@dataclass(frozen=True)
class DropObject:
    """One object of a drop, as its key tells it."""

    model: str
    drop: str
    role: Literal["marker", "file", "part", "stray"]


def parse_drop_key(key: str) -> DropObject | None:
    """What an object under `models/<model>/drops/` is.

    A marker, a single-file drop, a part of a drop, or a stray: a single file that is no data by its name.
    """
    head, model, drops, *rest = [*key.split("/", 3), "", "", ""][:4]
    path = rest[0]
    if head != "models" or drops != "drops" or not model or not path:
        return None
    folder, slash, name = path.rpartition("/")
    if not slash:
        if path.startswith(("_", ".")):
            return None
        return DropObject(model, path, "file" if path.lower().endswith(DATA_SUFFIXES) else "stray")
    if not name:
        return None  # a console's stand-in for a folder
    drop = folder.split("/", 1)[0]
    return DropObject(model, drop, "marker" if name in MARKERS and folder == drop else "part")


def parse_config_key(key: str) -> str | None:
    """The model whose configuration this key is; None for any other object."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "models" and parts[2] == "model.yaml" else None
