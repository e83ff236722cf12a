"""INIT of every event function against boto3 with one client: CPU of a fresh interpreter, side by side.

Each function is imported from its built artefact, with boto3 and its own layers on the path and nothing else.
Rounds are interleaved, so that a noisy machine is noisy for all; medians are shown, and ratios of medians.
"and a client" imports the handler and then makes the client that the base makes: what the first event pays at least.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import yaml

from stack import release
from stack.places import BUILD, python

BASE = "import boto3; boto3.client('sagemaker')"
ROUNDS = int(os.environ.get("ROUNDS", "7"))
BUDGET, MEGABYTES = 1.15, 20
# Parquet, the analysis and the API have layers of their own, and are shown only: no quick reaction waits for them.
LARGE = {"ParquetLayer", "AnalysisLayer", "WebLayer"}


class Loader(yaml.SafeLoader):
    """Reads a template; what a tag holds is enough."""


Loader.add_multi_constructor("!", lambda _, suffix, node: (suffix, getattr(node, "value", None)))


def functions() -> dict[str, list[str]]:
    """Logical id of each function in the built template, and of its layers."""
    template = yaml.load((BUILD / "template.yaml").read_text(), Loader=Loader)  # noqa: S506 (a SafeLoader)
    shared = [layer["Ref"] for layer in template["Globals"]["Function"]["Layers"]]
    return {
        name: shared + [layer["Ref"] for layer in resource["Properties"].get("Layers", [])]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def cpu(code: str, path: list[Path]) -> float:
    """CPU seconds, user and system, of a fresh interpreter that runs the code."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
        "POWERTOOLS_METRICS_NAMESPACE": "benchmark",
    }
    before = os.times()
    subprocess.run(
        [python("lambda"), "-B", "-c", code], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def size(folders: list[Path]) -> float:
    """Megabytes, unzipped."""
    return (
        sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file()) / 1e6
    )


def main() -> None:
    release.build()
    layers = functions()
    places = {
        name: [BUILD / name, *(BUILD / layer / "python" for layer in found)] for name, found in layers.items()
    }
    programs: dict[str, tuple[str, list[Path]]] = {"boto3 and a client": (BASE, [])}
    for name, path in places.items():
        programs[name] = ("import handler", path)
        programs[f"{name} and a client"] = (f"import handler; {BASE}", path)
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, (code, path) in programs.items():
            seconds[name].append(cpu(code, path))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    base = medians["boto3 and a client"]
    print(f"{'':<28} {'INIT ms':>8} {'ratio':>6} {'and a client':>13} {'MB unzipped':>12}")
    print(f"{'boto3 and a client':<28} {base * 1e3:>8.0f} {1:>6.2f}")
    over = []
    for name, path in places.items():
        ratio, megabytes = medians[name] / base, size(path)
        total = medians[f"{name} and a client"] / base
        print(f"{name:<28} {medians[name] * 1e3:>8.0f} {ratio:>6.2f} {total:>13.2f} {megabytes:>12.1f}")
        if not LARGE & set(layers[name]) and (ratio > BUDGET or megabytes > MEGABYTES):
            over.append(name)
    if over:
        sys.exit(f"over the budget of {BUDGET} or {MEGABYTES} MB: {', '.join(over)}")


if __name__ == "__main__":
    main()
