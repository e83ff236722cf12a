"""A Parquet file read and nothing else: by arro3 in batches, by pyarrow in batches or whole, by polars or pandas whole."""

import sys
from pathlib import Path

reader, path = sys.argv[1:3]
if reader == "arro3":
    from arro3.io import read_parquet

    with Path(path).open("rb") as file:
        assert sum(batch.num_rows for batch in read_parquet(file, batch_size=131_072))
elif reader == "pyarrow batches":
    from pyarrow.parquet import ParquetFile

    assert sum(batch.num_rows for batch in ParquetFile(path).iter_batches(131_072))
elif reader == "pyarrow":
    from pyarrow.parquet import read_table

    assert len(read_table(path))
elif reader == "polars":
    import polars as pl

    assert len(pl.read_parquet(path))
else:
    import pandas as pd

    assert len(pd.read_parquet(path))
