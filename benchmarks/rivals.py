"""Side by side with what else there is: a table, a window of captures, and bias, in one run on one machine.

    make bench ONLY=rivals          ROWS=1000000 RECORDS=200000 make bench ONLY=rivals

Each figure is a process of its own, from the start of its interpreter to its end, in an environment of its own
(pins/): CPU seconds, wall seconds and the most memory it held. Ours is the best of three, a rival runs once.
Rivals read the baseline's data each time, as they have to; we read its statistics. Bias is the call alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from environments import Trouble, environment

HERE = Path(__file__).resolve().parent
ANALYSIS = HERE.parent / "layers/analysis"
ROWS = int(os.environ.get("ROWS", "1000000"))
RECORDS = int(os.environ.get("RECORDS", "200000"))


@dataclass(frozen=True)
class Used:
    cpu: float
    wall: float
    megabytes: float


def measure(command: list[object], *, runs: int = 1) -> Used:
    """Of one process and those that it waited for; the least of several runs."""
    found = [_once([str(each) for each in command]) for _ in range(runs)]
    return Used(*(min(getattr(each, name) for each in found) for name in ("cpu", "wall", "megabytes")))


def _once(command: list[str]) -> Used:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        # One thread of OpenBLAS, for rivals too: as the template has it for AnalyzeTraffic.
        env={**kept, "DO_NOT_TRACK": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ANALYSIS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    complaints = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Trouble(f"{' '.join(command)} failed:\n{complaints.decode(errors='replace')[-2000:]}")
    return Used(usage.ru_utime + usage.ru_stime, time.perf_counter() - began, usage.ru_maxrss / 1024)


def ours(kind: str, folder: Path) -> list[object]:
    return [sys.executable, HERE / "data_quality.py", "--only", kind, "--folder", folder]


def told(name: str, used: Used, base: Used | None = None) -> None:
    times = f"{used.cpu / base.cpu:8.1f}" if base else " " * 8
    print(f"{name:46} {used.cpu:8.2f} {used.wall:8.2f} {used.megabytes:8.0f} {times}", flush=True)


def compare_tables(folder: Path) -> None:
    print(f"\nA table of {ROWS:,} rows x 30 in Parquet, against its baseline")
    head("ours")
    measure(ours("Parquet against its baseline", folder))  # makes the baseline
    own = measure(ours("Parquet against its baseline", folder), runs=3)
    told("ours, against stored statistics", own)
    script, table = HERE / "rivals/bare_read.py", folder / "window.parquet"
    evidently, whylogs = environment("evidently").python, environment("whylogs").python
    told("bare read by arro3, in batches", measure([sys.executable, script, "arro3", table], runs=3), own)
    for reader in ("polars", "pyarrow batches", "pyarrow", "pandas"):
        told(f"bare read by {reader}", measure([evidently, script, reader, table], runs=3), own)
    pair = [table, table, folder / "rival.json"]
    told("whylogs, profiles of both", measure([whylogs, HERE / "rivals/whylogs_table.py", *pair]), own)
    told("Evidently, drift and summary", measure([evidently, HERE / "rivals/evidently_table.py", *pair]), own)


def compare_captures(folder: Path) -> None:
    print(f"\n{RECORDS:,} records of Data Capture in 40 files, 30 features and a prediction each")
    head("ours")
    measure(ours("capture against its baseline", folder))
    own = measure(ours("capture against its baseline", folder), runs=3)
    told("ours, against stored statistics", own)
    whole = ours("capture to report against its baseline", folder)
    measure(whole)
    told("ours, the whole window with its report", measure(whole, runs=3), own)
    told("bare read", measure(ours("capture, bare read", folder), runs=3), own)
    evidently, script = environment("evidently").python, HERE / "rivals/published_capture.py"
    for rows in dict.fromkeys((RECORDS, ROWS)):
        training = folder / "training.csv"
        make_training(training, rows)
        told(
            f"as AWS publishes, {rows:,} training rows",
            measure([evidently, script, folder, training, folder]),
            own,
        )


def make_training(path: Path, rows: int) -> None:
    """In a process of its own: this one stays small, since a child's peak memory begins at its parent's."""
    made = (
        f"import numpy as np; np.savetxt({str(path)!r}, np.random.default_rng(2).normal(size=({rows}, 30)), "
    )
    names = ",".join(f"f{place}" for place in range(30))
    made += f"fmt='%.6f', delimiter=',', header={names!r}, comments='')"
    subprocess.run([sys.executable, "-c", made], check=True)


def compare_bias() -> None:
    print("\nBias, 20 metrics of one facet with strata: CPU seconds of the call alone")
    print(
        f"{'':20} {'ours':>9} {'intervals too':>14} {'smclarify':>12} {'times':>7} {'largest difference':>20}"
    )
    python, script = environment("oracles").python, HERE / "rivals/bias_table.py"
    for rows in (200_000, 1_000_000):
        own, wider = (
            min((calculated(python, script, who, rows) for _ in range(3)), key=lambda each: each["cpu"])
            for who in ("us", "us with intervals")
        )
        theirs = calculated(python, script, "smclarify", rows)
        apart = max(abs(own["metrics"][name] - value) for name, value in theirs["metrics"].items())
        print(
            f"{rows:15,} rows {own['cpu']:9.3f} {wider['cpu']:14.3f} {theirs['cpu']:12.2f} {theirs['cpu'] / own['cpu']:7.0f} {apart:20.1e}",
            flush=True,
        )


def calculated(python: Path, script: Path, who: str, rows: int) -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [python, script, who, str(rows)],
        env={**os.environ, "PYTHONPATH": str(ANALYSIS)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def weigh() -> None:
    """What the layer installs, without the tests of packages; and what its import costs."""
    packages = Path(__import__("numpy").__file__).parent.parent
    shipped = [
        packages / name for name in ("numpy", "numpy.libs", "arro3", "msgspec", "typing_extensions.py")
    ]
    files = {
        path: path.stat().st_size
        for root in shipped
        for path in ([root] if root.is_file() else root.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    tests = sum(size for path, size in files.items() if "tests" in path.parts or "_pyinstaller" in path.parts)
    whole = sum(files.values())
    print(
        f"\nPackages of the layer: {whole / 1e6:.0f} MB, {(whole - tests) / 1e6:.0f} MB without their tests"
    )


def head(base: str) -> None:
    print(f"{'':46} {'CPU s':>8} {'wall s':>8} {'peak MB':>8} {'x ' + base:>8}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [
                sys.executable,
                HERE / "data_quality.py",
                "--make",
                folder,
                "--rows",
                str(ROWS),
                "--records",
                str(RECORDS),
            ],
            check=True,
        )
        compare_tables(folder)
        compare_captures(folder)
    compare_bias()
    print()
    head("python")
    python = measure([sys.executable, "-c", ""], runs=3)
    told("an interpreter", python)
    told("with the library imported", measure(ours("import alone", HERE), runs=3), python)
    subprocess.run([sys.executable, __file__, "--weigh"], check=True)


if __name__ == "__main__":
    weigh() if sys.argv[1:] == ["--weigh"] else main()
