"""Jobs for a real image: folders as SageMaker lays them out, and containers run with as little as they need."""

import csv
import io
import json
import os
import random
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from perennial_analysis.window.request import Request
from stack.image_engine import Engine

FEATURES = {"ratio": "float", "score": "int", "group": "string"}
START = datetime(2026, 11, 23, 4, tzinfo=UTC)
DEADLINE_SECONDS = 60
# Nothing to write to but /tmp and what is mounted, no rights of root, no way to get them, no network.
CONFINED = (
    *("--no-healthcheck", "--network", "none", "--read-only", "--tmpfs", "/tmp"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)
# What a container that SageMaker starts as root needs to give root up.
AS_ROOT = ("--user", "0:0", "--cap-add", "CHOWN", "--cap-add", "SETUID", "--cap-add", "SETGID")


@dataclass(frozen=True)
class Image:
    """An image by its name, and the engine that runs it."""

    engine: Engine
    name: str

    def run(self, base: Path, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """A job to its end."""
        mounted = ("--volume", f"{base}:/opt/ml")
        options = (*CONFINED, *self.engine.run_options, *mounted, *options)
        return self.engine.call("run", "--rm", *options, self.name, command, seconds=DEADLINE_SECONDS)

    def owner(self, base: Path, file: str) -> int:
        """Whose a file under /opt/ml is, as containers see it."""
        options = (*CONFINED, *self.engine.run_options, "--volume", f"{base}:/opt/ml:ro", "--user", "0:0")
        command = ("--entrypoint", "stat", self.name, "--format", "%u", f"/opt/ml/{file}")
        return int(self.engine.call("run", "--rm", *options, *command, seconds=DEADLINE_SECONDS).stdout)

    @contextmanager
    def serving(self, model: Path, *options: str) -> Iterator["Container"]:
        """The server on a read-only model; returns once it is healthy, is removed at the end."""
        name = f"perennial-test-{uuid.uuid4().hex[:12]}"
        mounted = ("--volume", f"{model}:/opt/ml/model:ro")
        options = (*CONFINED, *self.engine.run_options, *mounted, *options)
        started = self.engine.call("run", "--detach", "--name", name, *options, self.name, "serve")
        try:
            assert started.returncode == 0, started.stderr
            container = Container(self.engine, name)
            container.wait_until_healthy()
            yield container
        finally:
            self.engine.call("rm", "--force", name)


@dataclass(frozen=True)
class Container:
    """A container that runs."""

    engine: Engine
    name: str

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.engine.call("exec", self.name, *command, seconds=DEADLINE_SECONDS)

    def python(self, code: str) -> str:
        done = self.execute("python", "-c", code)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def wait_until_healthy(self) -> None:
        """Runs the image's own health check until it is content."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (done := self.execute("python", "-m", "perennial_container.serving.health")).returncode != 0:
            assert time.monotonic() < deadline, done.stdout + done.stderr + self.log()
            time.sleep(0.1)

    def log(self) -> str:
        done = self.engine.call("logs", self.name)
        return done.stdout + done.stderr

    def stop(self) -> tuple[int, float]:
        """SIGTERM; the exit code, and the seconds until then."""
        started = time.monotonic()
        assert self.engine.call("kill", "--signal", "TERM", self.name).returncode == 0
        code = int(self.engine.call("wait", self.name, seconds=DEADLINE_SECONDS).stdout)
        return code, time.monotonic() - started


def rows(count: int, seed: int) -> list[dict[str, str]]:
    """Applications with a pattern to learn."""
    generator, made = random.Random(seed), []
    for _ in range(count):
        ratio, score = generator.gauss(0, 1), generator.randint(1, 6)
        group = generator.choice(["a", "b"])
        deny = ratio + 0.3 * score + (group == "a") + generator.gauss(0, 0.5) > 1.6
        made.append(
            {"ratio": f"{ratio:.4f}", "score": str(score), "group": group, "deny": "yes" if deny else "no"}
        )
    return made


def lay_out_training(base: Path, owner: int, made: list[dict[str, str]]) -> Path:
    """A training job's /opt/ml, owned by one user."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(made[0]))
    writer.writeheader()
    writer.writerows(made)
    features = [
        {"name": name, "type": kind, "nullable": True, "min": None, "max": None, "allowed": None}
        for name, kind in FEATURES.items()
    ]
    schema = {
        "version": 1,
        "problem": "binary_classification",
        "target": "deny",
        "classes": ["no", "yes"],
        "format": "csv",
        "rows": 0,
        "drop": [],
        "features": features,
    }
    write(base / "input/config/hyperparameters.json", json.dumps({"rounds": "20"}))
    write(base / "input/data/schema/schema.json", json.dumps(schema))
    write(base / "input/data/training/part-0.csv", text.getvalue())
    return owned(base, owner)


def lay_out_analysis(base: Path, owner: int, baseline: Path, made: list[dict[str, str]]) -> Path:
    """A processing job's /opt/ml: a window of captured traffic, with its request and its baseline."""
    asked = Request(
        model="loans",
        monitor="data_quality",
        endpoint="perennial-loans",
        schedule="perennial-loans-data-quality",
        start=START,
        end=START + timedelta(hours=1),
        problem="binary_classification",
        features=tuple(FEATURES),
        settings={"min_records": 50},
        classes=("no", "yes"),
    )
    given = base / "processing/input"
    write(given / "request/request.json", asked.to_json().decode())
    for file in baseline.iterdir():
        write(given / "baseline" / file.name, file.read_text())
    records = [json.dumps(record(number, row)) for number, row in enumerate(made)]
    write(given / "capture/2026/11/23/04/one.jsonl", "\n".join(records) + "\n")
    return owned(base, owner)


def record(number: int, row: dict[str, str]) -> dict[str, object]:
    """A captured request of one row, with an answer."""
    sides = {
        "endpointInput": ("INPUT", ",".join(row[name] for name in FEATURES)),
        "endpointOutput": ("OUTPUT", f"{row['deny']},{0.8 if row['deny'] == 'yes' else 0.2}"),
    }
    at = START + timedelta(seconds=number)
    return {
        "captureData": {
            side: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
            for side, (mode, data) in sides.items()
        },
        "eventMetadata": {"eventId": f"e{number}", "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"},
        "eventVersion": "0",
    }


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def owned(base: Path, owner: int) -> Path:
    """Folder and files become one user's; where only root may do that, everybody may write to them."""
    for path in [base, *base.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(path, owner, owner)
            path.chmod(0o755 if path.is_dir() else 0o644)
        else:
            path.chmod(0o777 if path.is_dir() else 0o666)
    return base
