"""Who is paged for nothing, and what is missed, on the data sets that the package nannyml carries.

    make bench ONLY=real_streams

Each set has a reference period, in which nothing happens, and an analysis period, in which something does, or not.
The first half of the reference is the baseline. Windows of 2,500 rows follow in order, the second half of the reference
first: an alarm in those is false. All columns are judged as they come, identifiers, times, predictions and labels too.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from environments import environment

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "layers/analysis"))

from perennial_analysis.check import check  # noqa: E402
from perennial_analysis.columns import Column, Kind, Table, rows  # noqa: E402
from perennial_analysis.constraints import Constraints, suggest  # noqa: E402
from perennial_analysis.readers.tabular import read_csv, read_parquet  # noqa: E402
from perennial_analysis.statistics import Statistics, profile  # noqa: E402

SETS = {
    "synthetic_car_loan": "csv",
    "synthetic_car_loan_dq": "csv",
    "synthetic_sample": "csv",
    "mc": "csv",
    "regression_synthetic": "csv",
    "california_housing": "csv",
    "titanic": "csv",
    "employment_MA": "pq",
}
WINDOW = 2500
PERIOD = ("period", "partition")
"""Columns that say which period a row is of: they give the answer away."""


def read(path: Path, kinds: Mapping[str, Kind] | None = None) -> Table:
    reader = read_parquet if path.suffix == ".pq" else read_csv
    with path.open("rb") as file:
        chunks = list(reader(file, kinds=kinds))
    return {name: _joined([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _joined(parts: list[Column]) -> Column:
    if len(parts) == 1:
        return parts[0]
    values, missing = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "missing")
    )
    kinds = {part.kind for part in parts} - {"Unknown"}
    return Column(parts[0].name, "Fractional" if len(kinds) > 1 else kinds.pop(), values, missing)


def part(table: Table, start: int, end: int, names: list[str]) -> Table:
    return {
        name: Column(name, table[name].kind, table[name].values[start:end], table[name].missing[start:end])
        for name in names
    }


def alarms(table: Table, given: tuple[Statistics, Constraints], start: int, size: int) -> Iterator[list[str]]:
    """For each window the features with a violation."""
    statistics, constraints = given
    names = list(statistics.features)
    for first in range(start, rows(table) - size + 1, size):
        window = profile(part(table, first, first + size, names), statistics)
        found = check(window, constraints, statistics).violations
        yield list(dict.fromkeys(each.feature for each in found))


def judge(folder: Path, name: str, suffix: str) -> None:
    reference = read(folder / f"{name}_reference.{suffix}")
    kinds = {column.name: column.kind for column in reference.values()}
    analysis = read(folder / f"{name}_analysis.{suffix}", kinds)
    names = [each for each in reference if each in analysis and each not in PERIOD]
    half = rows(reference) // 2
    size = min(WINDOW, half // 4)
    statistics = profile(part(reference, 0, half, names))
    given = statistics, suggest(statistics)
    left_out = [each.name for each in given[1].features.values() if each.note]
    quiet = list(alarms(reference, given, half, size))
    later = list(alarms(analysis, given, 0, size))
    first = next((place + 1 for place, found in enumerate(later) if found), None)
    print(
        f"{name:22} {len(names):7} {half:8} {size:6} {sum(map(bool, quiet)):3} of {len(quiet):3}"
        f" {sum(map(bool, later)):5} of {len(later):3} {first or '-':>6}  {', '.join(left_out)}"
    )
    for title, windows in (("false", quiet), ("later", later)):
        common = Counter(feature for found in windows for feature in found).most_common(5)
        if common:
            print(f"    {title}: " + ", ".join(f"{feature} {count}" for feature, count in common))


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument(
        "--folder", type=Path, help="where the files of nannyml are, if not to be installed"
    )
    given = arguments.parse_args()
    folder = given.folder or environment("streams").packages / "nannyml/datasets/data"
    print(
        f"{'':22} {'columns':>7} {'baseline':>8} {'window':>6} {'false':>10} {'in analysis':>12} {'first':>6}"
        "  not compared"
    )
    for name, suffix in SETS.items():
        judge(folder, name, suffix)


if __name__ == "__main__":
    main()
