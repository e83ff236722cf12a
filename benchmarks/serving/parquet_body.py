"""Writes the 10,000 rows as Parquet, too: `parquet_body.py FOLDER`, in the environment of the server that reads it."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

folder = Path(sys.argv[1])
rows = np.load(folder / "npy10k.body")
table = pa.table({f"f{place}": rows[:, place] for place in range(rows.shape[1])})
parquet.write_table(table, folder / "parquet10k.body")
