"""The serving container beside what else there is, in one run: CPU a request, latency, start, memory, size.

    make bench ONLY=serving         ROUNDS=5 SECONDS=3 make bench ONLY=serving

One model for all: scikit-learn's histogram gradient boosting, 30 features, 100 trees of 31 leaves; ours is the same
trees as our artefact. Every round starts each server once and loads it by wrk on loopback, so that the ratios of a
round are of the same minute; printed are medians of rounds. Ours runs with all that it does: metrics, request ids,
schema checks; the others' threads are set as is cheapest for them. Environments are made from the hashed files in serving/requirements. Linux, and wrk, only.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from environments import environment

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "serving"))

from overload import overload  # noqa: E402 - needs the path above
from processes import Candidate, Cost, Load, megabytes, running  # noqa: E402

CONTAINER = HERE.parent / "container"
SERVERS = HERE / "serving" / "servers"
REQUIREMENTS = HERE / "serving" / "requirements"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = float(os.environ.get("SECONDS", "2"))
RIVALS = ("mlserver", "bentoml", "litserve")

Figures = dict[tuple[str, str], list[float]]
"""By server and figure, one value a round."""


def pythons() -> dict[str, Path]:
    locks = {name: REQUIREMENTS / f"{name}.txt" for name in ("plain", "aws", *RIVALS)}
    locks["ours"] = CONTAINER / "requirements" / "serve.txt"
    return {name: environment(f"serving-{name}", lock).python for name, lock in locks.items()}


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


def bodies(folder: Path) -> dict[str, Load]:
    """Rows in the forms that the servers read, with how many connections send them."""
    rows = [
        [round(cell, 6) for cell in row] for row in json.loads((folder / "trees.json").read_text())["rows"]
    ]
    lines = [",".join(f"{cell:.6f}" for cell in row) + "\n" for row in rows]
    tensor = {"name": "x", "shape": [1, len(rows[0])], "datatype": "FP64", "data": rows[0]}
    texts = {
        "csv1": lines[0],
        "csv100": "".join(lines[:100]),
        "csv10k": "".join(lines) * 50,
        "json1": json.dumps({"instances": rows[:1]}),
        "v2": json.dumps({"inputs": [tensor]}),
    }
    files = {name: folder / f"{name}.body" for name in texts}
    for name, text in texts.items():
        files[name].write_text(text)
    csv, js = "text/csv", "application/json"
    return {
        "csv1 c=16": Load("csv1 c=16", csv, files["csv1"], 16),
        "csv1 c=1": Load("csv1 c=1", csv, files["csv1"], 1),
        "json1 c=16": Load("json1 c=16", js, files["json1"], 16),
        "csv100 c=8": Load("csv100 c=8", csv, files["csv100"], 8),
        "csv10k c=1": Load("csv10k c=1", csv, files["csv10k"], 1),
        "v2": Load("json1 c=16", js, files["v2"], 16),
    }


def measure(candidate: Candidate, loads: list[Load], folder: Path, figures: Figures) -> None:
    with running(candidate, folder) as server:
        figures[candidate.name, "start s"].append(server.seconds)
        figures[candidate.name, "idle MB"].append(megabytes(server.process.pid))
        for load in loads:
            cost: Cost = server.load(load, SECONDS, folder)
            figures[candidate.name, load.name].append(cost.cpu)
            figures[candidate.name, f"{load.name} p50 ms"].append(cost.p50)
        figures[candidate.name, "after MB"].append(megabytes(server.process.pid))


def asked(candidate: Candidate, load: dict[str, Load]) -> list[Load]:
    """JSON's servers are asked for one row of JSON alone, MLServer for that in its own protocol."""
    if candidate.name in RIVALS:
        return [load["v2" if candidate.name == "mlserver" else "json1 c=16"]]
    skipped = {"floor": ("v2", "csv100 c=8", "csv10k c=1"), "aws": ("v2", "json1 c=16")}
    return [load[name] for name in load if name not in skipped.get(candidate.name, ("v2",))]


def site_packages(python: Path) -> float:
    [folder] = python.parent.parent.glob("lib/python*/site-packages")
    compiled = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sum(path.stat().st_size for path in compiled) / 1e6


TARGETS = (
    # figure, over, under, at least (+) or at most (-)
    ("csv1 c=16", "plain", "ours", 20),
    ("csv1 c=16", "aws", "ours", 15),
    ("csv1 c=16", "ours", "floor", -3.0),
    ("json1 c=16", "plain", "ours", 10),
    ("json1 c=16", "the best rival", "ours", 8),
    ("json1 c=16", "ours", "floor", -2.7),
    ("csv1 c=1 p50 ms", "plain", "ours", 10),
    ("csv100 c=8", "plain", "ours", 4),
    ("csv100 c=8", "aws", "ours", 6),
    ("csv10k c=1", "plain", "ours", 1.7),
    ("csv10k c=1", "aws", "ours", 5),
    ("csv10k c=1 p50 ms", "ours", "plain", -0.4),
    ("start s", "ours", "plain", -0.4),
)
LIMITS = (("idle MB", 95), ("after MB", 130), ("site-packages MB", 170), ("ping ms", 50), ("overload MB", 64))


def report(figures: Figures) -> None:
    names = list(dict.fromkeys(figure for _, figure in figures))
    servers = list(dict.fromkeys(server for server, _ in figures))
    print(f"\n{'CPU us a request, and others':28}" + "".join(f"{server:>11}" for server in servers))
    for name in names:
        values = (figures.get((server, name)) for server in servers)
        cells = (f"{statistics.median(each):11,.2f}" if each else " " * 11 for each in values)
        print(f"{name:28}" + "".join(cells))
    best = [min(each) for each in zip(*(figures[name, "json1 c=16"] for name in RIVALS), strict=True)]
    figures["the best rival", "json1 c=16"] = best
    print(f"\n{'ratio, median [least..most] of rounds':58} {'target':>9}")
    for name, over, under, target in TARGETS:
        each = [a / b for a, b in zip(figures[over, name], figures[under, name], strict=True)]
        middle = statistics.median(each)
        met = middle >= target if target > 0 else middle <= -target
        found = f"{middle:7.2f} [{min(each):.2f}..{max(each):.2f}]"
        wanted = f"{'>=' if target > 0 else '<='} {abs(target):g}"
        print(f"{name:18} {over:>14} / {under:6} {found:>22} {wanted:>8}  {'met' if met else 'MISSED'}")
    for name, most in LIMITS:
        found = statistics.median(figures["ours", name])
        print(f"{name:36} {found:18.2f} {f'<= {most}':>15}  {'met' if found <= most else 'MISSED'}")


def make_model(python: Path, folder: Path) -> None:
    subprocess.run([python, HERE / "serving" / "train.py", folder], check=True)
    trained = environment("serving-artefact", CONTAINER / "requirements" / "train.txt").python
    subprocess.run(
        [trained, HERE / "serving" / "artefact.py", folder],
        env={**os.environ, "PYTHONPATH": str(CONTAINER)},
        check=True,
    )


def main() -> None:
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (`apt-get install wrk`); it makes the load.")
    python = pythons()
    figures: Figures = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "aws" / "code").mkdir(parents=True)  # its workers would race for it
        make_model(python["plain"], folder)
        load = bodies(folder)
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", flush=True)
            for candidate in candidates(python, folder):
                measure(candidate, asked(candidate, load), folder, figures)
        subprocess.run(
            [python["ours"], HERE / "serving" / "parts.py", folder],
            env={**os.environ, "PYTHONPATH": str(CONTAINER)},
            check=True,
        )
        ours = candidates(python, folder)[1]
        with running(ours, folder) as server:
            slowest, more = overload(server, load["csv10k c=1"].body)
    figures["ours", "ping ms"], figures["ours", "overload MB"] = [slowest * 1000], [more]
    for name, path in python.items():
        figures[name, "site-packages MB"].append(site_packages(path))
    report(figures)


if __name__ == "__main__":
    main()
