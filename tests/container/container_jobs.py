"""Runs the container's real entry points as processes, on folders laid out as SageMaker lays out /opt/ml."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from perennial_container.paths import Paths
from perennial_container.training.checkpoint import StopSignal
from perennial_container.training.job import run

CONTAINER = Path(__file__).parents[2] / "container"
PACKAGES = os.pathsep.join([str(CONTAINER), str(CONTAINER.parent / "layers" / "analysis")])
"""Where the image's packages are, as in its PYTHONPATH."""

DEADLINE_SECONDS = 30
CSV_HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
"""The beginning of a request, for tests that write theirs by hand."""


@dataclass(frozen=True)
class Job:
    """One training job's folder."""

    base: Path

    def train(self, **environment: str) -> subprocess.CompletedProcess[str]:
        with self.start(**environment) as process:
            output, errors = process.communicate(timeout=DEADLINE_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def run(self) -> int:
        """Train inside the test's process: the same code without the start of a new interpreter."""
        return run(Paths(self.base), StopSignal())

    def start(self, command: str = "train", **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "perennial_container", command],
            env=clean_environment(SAGEMAKER_BASE_DIR=str(self.base), **environment),
            cwd=self.base,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def evaluation(self) -> dict[str, Any]:
        return json.loads((self.base / "output" / "data" / "evaluation.json").read_text())

    @property
    def failure(self) -> str:
        return (self.base / "output" / "failure").read_text()

    def add_champion(self, model: Path) -> None:
        channel = self.base / "input" / "data" / "champion"
        channel.mkdir(parents=True)
        with tarfile.open(channel / "model.tar.gz", "w:gz") as tar:
            for file in model.iterdir():
                tar.add(file, file.name)


@dataclass(frozen=True)
class Server:
    """A running server and a client for it."""

    process: subprocess.Popen[str]
    client: httpx.Client

    def invoke(self, body: str | bytes, content_type: str = "text/csv", **headers: str) -> httpx.Response:
        return self.client.post(
            "/invocations", content=body, headers={"content-type": content_type, **headers}
        )

    @property
    def memory(self) -> int:
        """Bytes that the process holds for itself."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        [size] = re.findall(r"^Private_Dirty: +(\d+) kB", rollup, re.MULTILINE)
        return int(size) * 1024

    def wait_for_ping(self, status: int, reason: str = "") -> httpx.Response:
        """Poll /ping until it answers with the status and a body that holds the reason."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            try:
                response = self.client.get("/ping")
            except httpx.TransportError:
                if self.process.poll() is not None:
                    raise AssertionError(self.process.communicate()) from None
                continue
            if response.status_code == status and reason in response.text:
                return response
        raise AssertionError(f"/ping did not answer {status} {reason!r}")


def clean_environment(**variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": PACKAGES, "LC_ALL": "C.UTF-8", **variables}


def schema(
    problem: str, target: str, features: Mapping[str, str], classes: Sequence[str] | None = None
) -> dict[str, Any]:
    return {
        "version": 1,
        "problem": problem,
        "target": target,
        "classes": classes and sorted(classes),
        "format": "csv",
        "rows": 0,
        "drop": [],
        "features": [
            {"name": name, "type": kind, "nullable": True, "min": None, "max": None, "allowed": None}
            for name, kind in features.items()
        ],
    }


def make_job(
    base: Path,
    document: Mapping[str, Any],
    parts: Mapping[str, Sequence[Mapping[str, Any]]],
    **hyperparameters: str,
) -> Job:
    """Lay out a job; each part is written as CSV with the columns of its first row, in that order."""
    (base / "input" / "config").mkdir(parents=True)
    (base / "input" / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    channels = base / "input" / "data"
    (channels / "schema").mkdir(parents=True)
    (channels / "schema" / "schema.json").write_text(json.dumps(document))
    for name, rows in parts.items():
        path = channels / "training" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return Job(base)


LOANS = schema(
    "binary_classification",
    "deny",
    {"ratio": "float", "score": "int", "group": "string", "first": "bool"},
    ["no", "yes"],
)


def loan_rows(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Rows with a pattern to learn, some missing cells, and all four feature types."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        ratio, score = round(float(generator.normal()), 4), int(generator.integers(1, 7))
        group = str(generator.choice(["a", "b, c", 'd"e']))
        deny = ratio + 0.3 * score + (group == "a") + generator.normal() / 2 > 1.6
        rows.append(
            {
                "ratio": ratio if generator.random() > 0.1 else "NA",
                "score": score,
                "group": group if generator.random() > 0.1 else "",
                "first": bool(generator.random() > 0.5),
                "deny": "yes" if deny else "no",
            }
        )
    return rows


@contextmanager
def serving(base: Path, **environment: str) -> Iterator[Server]:
    """Serve the model in a folder on a free loopback port; the process is killed at the end at the latest."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = {"BIND_HOST": "127.0.0.1", "SAGEMAKER_BIND_TO_PORT": str(port)}
    process = Job(base).start("serve", **{**address, **environment})
    with process, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_SECONDS) as client:
        try:
            yield Server(process, client)
        finally:
            process.kill()


def stop(server: Server) -> int:
    """Send SIGTERM and return the exit code."""
    server.process.send_signal(signal.SIGTERM)
    return server.process.wait(DEADLINE_SECONDS)
