"""What one answer is made of, in CPU microseconds of one thread: `parts.py FOLDER`, in the server's environment."""

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson

from perennial_container.artefact import Artefact
from perennial_container.serving.media import ContentType
from perennial_container.serving.model import Served

FOLDER = Path(sys.argv[1])
BATCH = 16


def microseconds(call: Callable[[], object], times: int) -> float:
    """The least of five repetitions."""
    found = []
    for _ in range(5):
        began = time.thread_time()
        for _ in range(times):
            call()
        found.append((time.thread_time() - began) / times)
    return min(found) * 1e6


def npy(rows: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()


def main() -> None:
    served = Served.of(Artefact.load(FOLDER / "model", threads=1))
    print(f"\n{'CPU us of one thread':24} {'decode':>10} {'predict':>10} {'encode':>10} {'decode part':>12}")
    for rows, times in ((1, 2000), (100, 100), (10_000, 3)):
        csv = (FOLDER / f"csv{'10k' if rows == 10_000 else rows}.body").read_bytes()
        cells = [[float(cell) for cell in line.split(",")] for line in csv.decode().split()]
        json, array = orjson.dumps({"instances": cells}), npy(np.array(cells, np.float32))
        for form, body in (("csv", csv), ("json", json), ("npy", array)):
            kind = ContentType(form)
            matrix = served.decoder.decode(body, kind)
            found = served.predict(matrix)
            answer = "csv" if form == "csv" else "json"
            parts = [
                microseconds(call, times)
                for call in (
                    lambda body=body, kind=kind: served.decoder.decode(body, kind),
                    lambda matrix=matrix: served.predict(matrix),
                    lambda found=found, answer=answer: served.writer.write(found, answer),
                )
            ]
            cells_of = "".join(f"{part:11,.1f}" for part in parts)
            print(f"{f'{form}, {rows:,} rows':24}{cells_of} {parts[0] / sum(parts):11.0%}")
    together = np.concatenate(
        [served.decoder.decode((FOLDER / "csv1.body").read_bytes(), ContentType("csv"))] * BATCH
    )
    each = microseconds(lambda: served.predict(together), 500) / BATCH
    print(f"{f'a row in a batch of {BATCH}':24}{'':11}{each:11.1f}")


main()
