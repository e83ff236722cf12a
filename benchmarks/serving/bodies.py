"""What is sent: the golden rows in the forms that the servers read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from processes import Load

TIMES = 50  # 200 rows so many times are the 10,000
CSV, JSON, NPY, PARQUET = "text/csv", "application/json", "application/x-npy", "application/x-parquet"


def bodies(folder: Path) -> dict[str, Load]:
    """By figure, each with how many connections send it."""
    document = json.loads((folder / "trees.json").read_text())
    rows = [[round(cell, 6) if isinstance(cell, float) else cell for cell in row] for row in document["rows"]]
    lines = [
        ",".join(f"{cell:.6f}" if isinstance(cell, float) else cell for cell in row) + "\n" for row in rows
    ]
    texts = {
        "csv1": lines[0],
        "csv100": "".join(lines[:100]),
        "csv10k": "".join(lines) * TIMES,
        "json1": json.dumps({"instances": rows[:1]}),
        "json10k": json.dumps({"instances": rows * TIMES}),
    }
    contents = {name: text.encode() for name, text in texts.items()}
    if not any(isinstance(cell, str) for cell in rows[0]):
        tensor = {"name": "x", "shape": [1, len(rows[0])], "datatype": "FP64", "data": rows[0]}
        contents |= {"v2": json.dumps({"inputs": [tensor]}).encode(), "npy10k": npy(rows * TIMES)}
    files = {name: folder / f"{name}.body" for name in contents}
    for name, content in contents.items():
        files[name].write_bytes(content)
    loads = {
        "csv1 c=16": Load("csv1 c=16", CSV, files["csv1"], 16),
        "csv1 c=1": Load("csv1 c=1", CSV, files["csv1"], 1),
        "json1 c=16": Load("json1 c=16", JSON, files["json1"], 16),
        "csv100 c=8": Load("csv100 c=8", CSV, files["csv100"], 8),
        "csv10k c=1": Load("csv10k c=1", CSV, files["csv10k"], 1),
        "json10k c=1": Load("json10k c=1", JSON, files["json10k"], 1),
    }
    if "v2" in files:
        loads["npy10k c=1"] = Load("npy10k c=1", NPY, files["npy10k"], 1)
        loads["v2"] = Load("json1 c=16", JSON, files["v2"], 16)
    return loads


def npy(rows: list[list[Any]]) -> bytes:
    """Numpy's format, of 32-bit numbers: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"""
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    head += " " * (-(10 + len(head) + 1) % 64) + "\n"
    cells = [cell for row in rows for cell in row]
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(head))
        + head.encode()
        + struct.pack(f"<{len(cells)}f", *cells)
    )
