"""How fast a window is compared with its stored baseline, in how much memory, and how well it is judged.

    python benchmarks/data_quality.py [--rows 1000000] [--records 200000]

Each figure comes from a process of its own, the best of three: 30 columns of Parquet (20 float, 5 int, 5 text, gaps in
all) and of CSV beside a bare read of the file, Data Capture records of 31 values, and the import alone. All three
files of Model Monitor are written. CPU seconds are what a Lambda is billed for; peak memory includes the interpreter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "layers/analysis"), str(ROOT / "tests/unit/analysis/data_quality")]

TOWNS = [f"town-{place}" for place in range(20)]
RUNS = 3


def make_table(folder: Path, rows: int) -> None:
    """The same data as Parquet and as CSV, in batches that fit in memory."""
    import numpy as np
    from arro3.core import Array, DataType, RecordBatch, RecordBatchReader
    from arro3.io import write_csv, write_parquet

    chance = np.random.default_rng(0)
    batches = []
    for start in range(0, rows, 100_000):
        size = min(100_000, rows - start)
        arrays = {}
        for place in range(20):
            gaps = chance.random(size) < 0.01
            arrays[f"float_{place}"] = Array.from_numpy(chance.normal(place, 1 + place, size)), gaps
        for place in range(5):
            arrays[f"int_{place}"] = (
                Array.from_numpy(chance.poisson(3 + place, size)),
                chance.random(size) < 0.01,
            )
        for place in range(5):
            words = np.array(TOWNS)[chance.integers(0, 20, size)].tolist()
            arrays[f"text_{place}"] = Array(words, type=DataType.utf8()), chance.random(size) < 0.01
        holes = {
            name: Array(
                [None if gone else each for each, gone in zip(array.to_pylist(), gaps, strict=True)],
                array.type,
            )
            for name, (array, gaps) in arrays.items()
        }
        batches.append(RecordBatch.from_arrays(list(holes.values()), names=list(holes)))
    schema = batches[0].schema
    write_parquet(
        RecordBatchReader.from_batches(schema, batches), folder / "window.parquet", compression="snappy"
    )
    write_csv(RecordBatchReader.from_batches(schema, batches), folder / "window.csv", header=True)


def make_captures(folder: Path, records: int) -> None:
    import numpy as np

    chance = np.random.default_rng(1)
    for number in range(40):
        lines = []
        for row in chance.normal(size=(records // 40, 31)):
            cells = ",".join(f"{each:.6f}" for each in row[1:])
            sides = [("endpointInput", cells, "INPUT"), ("endpointOutput", f"{row[0]:.6f}", "OUTPUT")]
            captured = {
                key: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
                for key, data, mode in sides
            }
            event = {"eventId": f"{number}-{len(lines)}", "inferenceTime": "2026-01-01T10:30:00Z"}
            lines.append(json.dumps({"captureData": captured, "eventMetadata": event, "eventVersion": "0"}))
        (folder / f"{number:02}.jsonl").write_text("\n".join(lines) + "\n")


def compare(folder: Path, kind: str, tables: Callable[[], Iterator[object]]) -> None:
    """The first time suggest a baseline, afterwards hold the window against the stored one and write all files."""
    from perennial_analysis.check import check, write_comparisons, write_violations
    from perennial_analysis.constraints import read_constraints, suggest, write_constraints
    from perennial_analysis.statistics import profile_chunks
    from perennial_analysis.statistics_file import read_statistics, write_statistics

    stored = folder / f"{kind}.statistics.json"
    if not stored.exists():
        baseline = profile_chunks(tables())  # type: ignore[arg-type]
        stored.write_bytes(write_statistics(baseline))
        (folder / f"{kind}.constraints.json").write_bytes(write_constraints(suggest(baseline)))
        return
    baseline = read_statistics(stored.read_bytes())
    constraints = read_constraints((folder / f"{kind}.constraints.json").read_bytes())
    current = profile_chunks(tables(), baseline)  # type: ignore[arg-type]
    report = check(current, constraints, baseline)
    assert not report.violations, report.violations
    (folder / "statistics.json").write_bytes(write_statistics(current))
    (folder / "constraint_violations.json").write_bytes(write_violations(report))
    (folder / "comparisons.json").write_bytes(write_comparisons(report))


def bare_parquet(folder: Path) -> None:
    from arro3.io import read_parquet

    with (folder / "window.parquet").open("rb") as file:
        for batch in read_parquet(file, batch_size=131_072):
            assert batch.num_rows


def bare_captures(folder: Path) -> None:
    for path in sorted(folder.glob("*.jsonl")):
        assert path.read_bytes()


def parquet(folder: Path) -> None:
    from perennial_analysis.readers.tabular import read_parquet

    with (folder / "window.parquet").open("rb") as file:
        compare(folder, "parquet", lambda: read_parquet(file))


def from_csv(folder: Path) -> None:
    from perennial_analysis.readers.tabular import read_csv

    with (folder / "window.csv").open("rb") as file:
        compare(folder, "csv", lambda: read_csv(file))


def captures(folder: Path) -> None:
    from datetime import UTC, datetime

    from perennial_analysis.readers.capture import read_captures

    hour = datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 1, 1, 11, tzinfo=UTC)
    with ExitStack() as opened:
        files = (opened.enter_context(path.open("rb")) for path in sorted(folder.glob("*.jsonl")))
        compare(folder, "capture", lambda: read_captures(files, start=hour[0], end=hour[1]))


def whole_window(folder: Path) -> None:
    """As the Lambda does it: the report's page, summary and metrics of the window, too."""
    from datetime import UTC, datetime
    from functools import partial

    from perennial_analysis.readers.capture import Names, read_captures
    from perennial_analysis.window import Request, Source, analyze

    features, paths = [f"f{place}" for place in range(30)], sorted(folder.glob("*.jsonl"))
    stored = [folder / f"window.{name}.json" for name in ("statistics", "constraints")]
    if not stored[0].exists():
        from perennial_analysis.constraints import suggest, write_constraints
        from perennial_analysis.statistics import profile_chunks
        from perennial_analysis.statistics_file import write_statistics

        with ExitStack() as opened:
            files = (opened.enter_context(path.open("rb")) for path in paths)
            baseline = profile_chunks(read_captures(files, names=Names(features, ["endpointOutput_score"])))
        stored[0].write_bytes(write_statistics(baseline))
        stored[1].write_bytes(write_constraints(suggest(baseline)))
        return
    request = Request(
        model="model",
        monitor="data_quality",
        endpoint="endpoint",
        schedule="schedule",
        start=datetime(2026, 1, 1, 10, tzinfo=UTC),
        end=datetime(2026, 1, 1, 11, tzinfo=UTC),
        problem="regression",
        features=tuple(features),
    )
    sources = [Source(path.name, partial(path.open, "rb")) for path in paths]
    known = {"statistics.json": stored[0].read_bytes(), "constraints.json": stored[1].read_bytes()}
    found = analyze(request, known, sources, [])
    assert found.summary.status == "ok", found.summary.reason
    for name, content in found.files.items():
        (folder / name).write_bytes(content)


def importing(folder: Path) -> None:
    assert folder
    import perennial_analysis.check
    import perennial_analysis.readers.capture  # noqa: F401


KINDS: dict[str, Callable[[Path], None]] = {
    "import alone": importing,
    "Parquet, bare read": bare_parquet,
    "Parquet against its baseline": parquet,
    "CSV against its baseline": from_csv,
    "capture, bare read": bare_captures,
    "capture against its baseline": captures,
    "capture to report against its baseline": whole_window,
}


def measure(kind: str, folder: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--only", kind, "--folder", folder],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def once(kind: str, folder: Path) -> None:
    """Print what one run took, less the start of the interpreter."""
    used, began = time.process_time(), time.perf_counter()
    KINDS[kind](folder)
    status = Path("/proc/self/status").read_text()  # getrusage would count the parent's peak as ours
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    took = {"wall": time.perf_counter() - began, "cpu": time.process_time() - used, "peak": peak}
    json.dump(took, sys.stdout)


def judge() -> None:
    """False alarms per table and power per column, on the tests' streams with more tables; ours, and Model Monitor's."""
    from streams import baseline, false_alarm_rate, power, scaled, sentinel, shifted

    from perennial_analysis.constraints import Monitoring, suggest

    statistics, calibrated = baseline()
    for rule, constraints in (
        ("Calibrated", calibrated),
        ("Robust > 0.1", suggest(statistics, Monitoring())),
    ):
        given = statistics, constraints
        print(f"\n{rule:12} {'false alarms a table':>17} {'power a column':>24}")
        print(f"{'rows':>12} {'same':>8} {'wobble':>8} {'shift':>8} {'scale':>8} {'-999':>8}")
        for size, tables in ((200, 200), (1000, 200), (10_000, 50), (100_000, 5)):
            figures = [
                false_alarm_rate(size, tables, given),
                false_alarm_rate(size, tables, given, wobble=0.03),
                *(power(size, max(2, tables // 20), given, change) for change in (shifted, scaled, sentinel)),
            ]
            print(f"{size:>12}" + "".join(f" {figure:>8.3f}" for figure in figures), flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--records", type=int, default=200_000)
    arguments.add_argument("--only", choices=KINDS)
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--make", type=Path, metavar="FOLDER", help="make the data there, and no more")
    given = arguments.parse_args()
    if given.make:
        make_table(given.make, given.rows)
        make_captures(given.make, given.records)
        return
    if given.only:
        once(given.only, given.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_table(folder, given.rows)
        make_captures(folder, given.records)
        print(f"{given.rows:,} rows x 30; {given.records:,} capture records x 31; best of {RUNS}")
        print(f"{'':30} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
        for kind in KINDS:
            if kind.endswith("baseline"):
                measure(kind, folder)
            runs = [measure(kind, folder) for _ in range(RUNS)]
            best = {key: min(run[key] for run in runs) for key in runs[0]}
            print(f"{kind:30} {best['wall']:8.2f} {best['cpu']:8.2f} {best['peak']:8.0f}", flush=True)
    judge()


if __name__ == "__main__":
    main()
