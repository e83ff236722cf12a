"""How fast intake reads a drop, and in how much memory, beside `csv.reader` alone as the floor.

    python benchmarks/intake.py [--gigabytes 1]

Each figure comes from a process of its own. The data is made on the fly: 12 columns (ids, numbers with gaps,
categories, dates), every row different. CPU seconds do not count making it; they are what a Lambda is billed for.
"""

import argparse
import csv
import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CORE = Path(__file__).resolve().parent.parent / "layers" / "core"
HEADER = b"id,score,noise,rate,kind,flag,age,amount,gap,drift,day,y\n"
BLOCK_ROWS = 20_000
KINDS = (
    "csv.reader alone",
    "intake, CSV",
    "csv.reader alone, quoted",
    "intake, CSV, quoted",
    "intake, Parquet",
)


def block(quoted: bool) -> bytes:
    """Rows with `@` where a number goes that makes each copy of the block different."""
    chance = random.Random(7)
    text = '"{}"' if quoted else "{}"
    rows = []
    for n in range(BLOCK_ROWS):
        day = f"{chance.randrange(2000, 2025)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 28):02}"
        cells = [
            f"@{n}",
            f"{chance.random():.6f}",
            f"{chance.gauss(0, 1):.4f}",
            f"{chance.gauss(50, 10):.2f}",
        ]
        cells += [
            text.format(chance.choice(("red", "green", "blue"))),
            text.format(chance.choice(("yes", "no"))),
        ]
        cells += [str(chance.randrange(80)), f"{chance.random() * 1e5:.2f}", chance.choice(("", "1", "0"))]
        cells += [f"{chance.gauss(0, 1):.4f}", text.format(day), text.format(chance.choice(("no", "yes")))]
        rows.append(",".join(cells))
    return ("\n".join(rows) + "\n").encode()


class Generated(io.RawIOBase):
    """A CSV file of about `size` bytes that is nowhere stored. `seconds` is the CPU time of making it."""

    def __init__(self, size: int, quoted: bool) -> None:
        self._block = block(quoted)
        self._blocks = max(1, size // len(self._block))
        self._made = 0
        self._rest = memoryview(HEADER)
        self.size = len(HEADER) + sum(len(self._copy(n)) for n in range(self._blocks))
        self.seconds = 0.0

    def _copy(self, number: int) -> bytes:
        return self._block.replace(b"@", str(number + 1).encode())

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        if not self._rest and self._made < self._blocks:
            start = time.process_time()
            self._rest = memoryview(self._copy(self._made))
            self._made += 1
            self.seconds += time.process_time() - start
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken


def read_alone(source: Generated) -> int:
    """What reading costs if nobody looks at the rows."""
    file = io.TextIOWrapper(io.BufferedReader(source, 1 << 20), encoding="utf-8", newline="")
    rows = -1
    for _ in csv.reader(file):
        rows += 1
    return rows


def inspected(open_part, size: int, kind: str) -> int:
    sys.path.insert(0, str(CORE))
    from perennial.intake.completeness import Part
    from perennial.intake.inspect import inspect
    from perennial.sections import Intake, SchemaRules

    found = inspect(
        [Part("part", f"part.{kind}", size, "etag", None, kind)],
        lambda _: open_part(),
        problem="binary_classification",
        target="y",
        declared=SchemaRules(),
        pinned=None,
        settings=Intake(max_duplicate_share=1),
        open_ranged=lambda _: open_part(),
    )
    assert found.accepted, found.problems
    return found.rows


def write_parquet(size: int, path: Path) -> None:
    from arro3.core import RecordBatchReader
    from arro3.io import read_csv, write_parquet

    body = io.BytesIO(HEADER + block(False))
    schema = read_csv(body, schema=_csv_schema(body), has_header=True, batch_size=BLOCK_ROWS)
    batch = next(iter(schema))
    copies = max(1, size // batch.nbytes)
    reader = RecordBatchReader.from_batches(batch.schema, (batch for _ in range(copies)))
    write_parquet(reader, path, max_row_group_size=100_000_000, compression="snappy")


def _csv_schema(body: io.BytesIO):
    from arro3.io import infer_csv_schema

    schema = infer_csv_schema(body, has_header=True)
    body.seek(0)
    return schema


def measure(kind: str, size: int, parquet: Path) -> dict[str, float]:
    """Run one kind in this process."""
    if kind == "intake, Parquet":
        bytes_read, making = parquet.stat().st_size, 0.0
        run = lambda: inspected(lambda: parquet.open("rb", buffering=0), bytes_read, "parquet")  # noqa: E731
    else:
        source = Generated(size, "quoted" in kind)
        bytes_read = source.size
        run = lambda: read_alone(source) if "alone" in kind else inspected(lambda: source, source.size, "csv")  # noqa: E731
    before, wall = time.process_time(), time.perf_counter()
    rows = run()
    making = source.seconds if kind != "intake, Parquet" else 0.0
    return {
        "rows": rows,
        "megabytes": bytes_read / 1e6,
        "cpu": time.process_time() - before - making,
        "wall": time.perf_counter() - wall,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--only", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--parquet", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = int(arguments.gigabytes * 1e9)
    if arguments.only:
        print(json.dumps(measure(arguments.only, size, arguments.parquet)))
        return
    print(f"{'':26}{'MB':>7}{'rows':>12}{'CPU s':>8}{'MB/s':>8}{'peak MB':>9}{'ratio':>7}")
    floor = 0.0
    with tempfile.TemporaryDirectory() as folder:
        parquet = Path(folder) / "part.parquet"
        write_parquet(size // 2, parquet)
        for kind in KINDS:
            command = [sys.executable, __file__, "--only", kind, "--parquet", str(parquet)]
            command += ["--gigabytes", str(arguments.gigabytes)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            floor = found["cpu"] if "alone" in kind else floor
            ratio = f"{found['cpu'] / floor:7.2f}" if "CSV" in kind else " " * 7
            speed = found["megabytes"] / found["cpu"]
            print(
                f"{kind:26}{found['megabytes']:7.0f}{found['rows']:12,}{found['cpu']:8.1f}{speed:8.1f}"
                f"{found['peak']:9.0f}{ratio}",
                flush=True,
            )


if __name__ == "__main__":
    main()
