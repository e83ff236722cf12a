"""The serving container beside what else there is, in one run: CPU a request, latency, start, memory, size.

    make bench ONLY=serving         ROUNDS=5 SECONDS=3 make bench ONLY=serving

One model for all: scikit-learn's histogram gradient boosting, 30 features, 100 trees of 31 leaves; ours is the same
trees as our artefact. Every round starts each server once and loads it by wrk on loopback, so that the ratios of a
round are of the same minute; printed are medians of rounds. Ours runs with all that it does: metrics, request ids,
schema checks; the others' threads are set as is cheapest for them. Environments are made from the hashed files in serving/requirements. Linux, and wrk, only.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from environments import environment

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "serving"))

from bodies import PARQUET, bodies  # noqa: E402 - needs the path above
from models import MAIN, OTHERS, Model  # noqa: E402
from overload import overload  # noqa: E402
from processes import PAUSE_MS, Candidate, Cost, Load, Running, megabytes, running  # noqa: E402
from targets import Figures, Limit, Target  # noqa: E402

CONTAINER = HERE.parent / "container"
SERVERS = HERE / "serving" / "servers"
REQUIREMENTS = HERE / "serving" / "requirements"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = float(os.environ.get("SECONDS", "2"))
RIVALS = ("mlserver", "bentoml", "litserve")

HALVED = "csv1 c=16"
OTHER_LOADS = ("csv1 c=16", "csv100 c=8", "csv10k c=1")
DECODE, PING, MORE = (
    "decode's part of csv10k",
    "worst /ping, 100 bodies of 3 MB, ms",
    "memory they take more, MB",
)


def pythons() -> dict[str, Path]:
    locks = {name: REQUIREMENTS / f"{name}.txt" for name in ("plain", "aws", *RIVALS)}
    locks["ours"] = CONTAINER / "requirements" / "serve.txt"
    return {name: environment(f"serving-{name}", lock).python for name, lock in locks.items()}


def with_parquet(ours: Candidate, folder: Path, figures: Figures) -> None:
    """Parquet is an extra of the image: the same server with pyarrow beside it, whose other figures do not count."""
    python = environment("serving-parquet", CONTAINER / "requirements" / "serve-parquet.txt").python
    subprocess.run([python, HERE / "serving" / "parquet_body.py", folder], check=True)
    load = Load("parquet10k c=1", PARQUET, folder / "parquet10k.body", 1)
    with running(replace(ours, name="parquet", command=[python, *ours.command[1:]]), folder) as server:
        cost = server.load(load, SECONDS, folder)
    figures["ours", load.name].append(cost.cpu)
    figures["ours", f"{load.name} p50 ms"].append(cost.p50)


def candidates(python: dict[str, Path], folder: Path) -> list[Candidate]:
    # One OpenMP thread is what is cheapest for scikit-learn: more of them spin while they wait for each other.
    model = {"MODEL": str(folder / "model.joblib"), "OMP_NUM_THREADS": "1"}
    ours = {"PYTHONPATH": str(CONTAINER), "SAGEMAKER_BASE_DIR": str(folder), "BIND_HOST": "127.0.0.1"}
    toolkit = {"SAGEMAKER_BASE_DIR": str(folder / "aws"), "PYTHONPATH": str(SERVERS)}
    # Two workers, as the toolkit starts on two CPUs.
    gunicorn = ["-m", "gunicorn", "-k", "gevent", "-w", os.cpu_count(), "-b", "127.0.0.1:{port}", "aws:main"]
    bento = ["-m", "bentoml", "serve", "bento:Scores", "--working-dir", SERVERS]
    bento += ["--host", "127.0.0.1", "--port", "{port}"]
    return [
        Candidate("floor", [python["ours"], SERVERS / "floor.py"]),
        Candidate(
            "ours",
            [python["ours"], "-m", "perennial_container", "serve"],
            {**ours, "SAGEMAKER_BIND_TO_PORT": "{port}"},
        ),
        Candidate("plain", [python["plain"], SERVERS / "plain.py"], model),
        Candidate("aws", [python["aws"], *gunicorn], {**model, **toolkit}),
        Candidate(
            "mlserver",
            [python["mlserver"], SERVERS / "ml.py"],
            model,
            "/v2/health/ready",
            "/v2/models/m/infer",
        ),
        Candidate("bentoml", [python["bentoml"], *bento], {**model, "BENTOML_DO_NOT_TRACK": "1"}, "/readyz"),
        Candidate("litserve", [python["litserve"], SERVERS / "lit.py"], model, "/health"),
    ]


def measure(candidate: Candidate, loads: list[Load], folder: Path, figures: Figures) -> None:
    with running(candidate, folder) as server:
        figures[candidate.name, "start s"].append(server.seconds)
        figures[candidate.name, "idle MB"].append(megabytes(server.process.pid))
        for load in loads:
            cost: Cost = server.load(load, SECONDS, folder)
            figures[candidate.name, load.name].append(cost.cpu)
            figures[candidate.name, f"{load.name} p50 ms"].append(cost.p50)
            if load.name == HALVED and candidate.name in ("ours", "plain", "floor"):
                halve(server, load, cost.rate / 2, folder, figures)
        figures[candidate.name, "after MB"].append(megabytes(server.process.pid))


def halve(server: Running, load: Load, rate: float, folder: Path, figures: Figures) -> None:
    """Latencies at half of the rate that saturates a server: so many clients that pause."""
    clients = replace(load, name="half", connections=max(1, round(rate * PAUSE_MS / 1000)))
    cost = server.load(clients, SECONDS, folder, paced=True)
    figures[server.candidate.name, "half rate p50 ms"].append(cost.p50)
    figures[server.candidate.name, "half rate p99 ms"].append(cost.p99)


def asked(candidate: Candidate, load: dict[str, Load]) -> list[Load]:
    """JSON's servers are asked for one row of JSON alone, MLServer for that in its own protocol."""
    if candidate.name in RIVALS:
        return [load["v2" if candidate.name == "mlserver" else "json1 c=16"]]
    wanted = {
        "floor": ("csv1 c=16", "csv1 c=1", "json1 c=16"),
        "plain": ("csv1 c=16", "csv1 c=1", "json1 c=16", "csv100 c=8", "csv10k c=1"),
        "aws": ("csv1 c=16", "csv1 c=1", "csv100 c=8", "csv10k c=1"),
        "ours": [name for name in load if name != "v2"],
    }
    return [load[name] for name in wanted[candidate.name] if name in load]


def site_packages(python: Path) -> float:
    """Without what the image leaves out, too: sources in C++, and what Python compiles."""
    [folder] = python.parent.parent.glob("lib/python*/site-packages")
    counted = (
        path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".cpp", ".h")
    )
    return sum(path.stat().st_size for path in counted) / 1e6


TARGETS = (
    # figure, over, its figure under, under, at least (+) or at most (-)
    Target("csv1 c=16", "plain", "ours", 20),
    Target("csv1 c=16", "aws", "ours", 15),
    Target("csv1 c=16", "ours", "floor", -3.0),
    Target("json1 c=16", "plain", "ours", 10),
    Target("json1 c=16", "the best rival", "ours", 8),
    Target("json1 c=16", "ours", "floor", -2.7),
    Target("csv100 c=8", "plain", "ours", 4),
    Target("csv100 c=8", "aws", "ours", 6),
    Target("csv10k c=1", "plain", "ours", 1.7),
    Target("csv10k c=1", "aws", "ours", 5),
    Target("csv10k c=1 p50 ms", "ours", "plain", -0.4),
    Target("npy10k c=1", "ours", "ours", -1, "csv10k c=1"),
    Target("parquet10k c=1", "ours", "ours", -1, "csv10k c=1"),
    Target("parquet10k c=1 p50 ms", "ours", "ours", -1, "csv10k c=1 p50 ms"),
    Target("csv1 c=1 p50 ms", "plain", "ours", 10),
    Target("half rate p99 ms", "ours", "ours", -3, "half rate p50 ms"),
    Target("start s", "ours", "plain", -0.4),
    Limit(DECODE, 1 / 3),
    Limit(PING, 50),
    Limit(MORE, 64),
    Limit("idle MB", 95),
    Limit("after MB", 130),
    Limit("site-packages MB", 170),
)


def table(figures: Figures) -> None:
    names = list(dict.fromkeys(figure for _, figure in figures))
    servers = list(dict.fromkeys(server for server, _ in figures))
    print(f"\n{'CPU us a request, and others':34}" + "".join(f"{server:>11}" for server in servers))
    for name in names:
        values = (figures.get((server, name)) for server in servers)
        cells = (f"{statistics.median(each):11,.2f}" if each else " " * 11 for each in values)
        print(f"{name:34}" + "".join(cells))


def report(figures: Figures) -> None:
    """What docs/serving.md shows: the figures, then every target, what was measured, and whether it holds."""
    table(figures)
    best = [min(each) for each in zip(*(figures[name, "json1 c=16"] for name in RIVALS), strict=True)]
    figures["the best rival", "json1 c=16"] = best
    print(f"\n{'median [least..most] of rounds':58} {'target':>9}")
    for target in TARGETS:
        print(target.line(figures))


def make_model(model: Model, python: Path, folder: Path) -> None:
    model.write(folder)
    trained = environment("serving-artefact", CONTAINER / "requirements" / "train.txt").python
    variables = {**os.environ, "PYTHONPATH": str(CONTAINER), "OMP_NUM_THREADS": "1"}
    for command in ([python, HERE / "serving" / "train.py"], [trained, HERE / "serving" / "artefact.py"]):
        subprocess.run([*command, folder], env=variables, check=True)


def other_models(python: dict[str, Path]) -> None:
    """Ours and plain FastAPI with other models: one round each."""
    print(
        f"\n{'plain / ours, CPU a request':34}{'csv1 c=16':>12}{'csv100 c=8':>12}{'csv10k c=1':>12}{'p50 there':>12}"
    )
    for model in OTHERS:
        with tempfile.TemporaryDirectory() as name:
            folder, figures = Path(name), Figures(list)
            make_model(model, python["plain"], folder)
            load = bodies(folder)
            for candidate in candidates(python, folder)[1:3]:
                measure(candidate, [load[name] for name in OTHER_LOADS], folder, figures)
        names = (*OTHER_LOADS, f"{OTHER_LOADS[-1]} p50 ms")
        ratios = (figures["plain", name][0] / figures["ours", name][0] for name in names)
        print(f"{model.name:34}" + "".join(f"{ratio:12.2f}" for ratio in ratios), flush=True)


def main() -> None:
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (`apt-get install wrk`); it makes the load.")
    python, figures = pythons(), Figures(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "aws" / "code").mkdir(parents=True)  # its workers would race for it
        make_model(MAIN, python["plain"], folder)
        load = bodies(folder)
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", flush=True)
            for candidate in candidates(python, folder):
                measure(candidate, asked(candidate, load), folder, figures)
            with_parquet(candidates(python, folder)[1], folder, figures)
        parts = subprocess.run(
            [python["ours"], HERE / "serving" / "parts.py", folder],
            env={**os.environ, "PYTHONPATH": str(CONTAINER)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        figures["ours", DECODE] = [
            float(found[1]) / 100
            for found in re.finditer(r"^csv, 10,000 rows.* (\d+)%$", parts, re.MULTILINE)
        ]
        for _ in range(ROUNDS):
            with running(candidates(python, folder)[1], folder) as server:
                slowest, more = overload(server, load["csv10k c=1"].body)
            figures["ours", PING].append(slowest * 1000)
            figures["ours", MORE].append(more)
    for name, path in python.items():
        figures[name, "site-packages MB"].append(site_packages(path))
    report(figures)
    print(f"\n{parts}")
    other_models(python)


if __name__ == "__main__":
    main()
