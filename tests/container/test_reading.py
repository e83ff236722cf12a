"""Reading parts, and splitting them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from perennial_container.errors import TrainingError
from perennial_container.schema import Schema
from perennial_container.training.dataset import Dataset, read_dataset
from perennial_container.training.parts import find_parts, read_part

SCHEMA = Schema.from_json(
    {
        "problem": "binary_classification",
        "target": "y",
        "classes": ["0", "1"],
        "features": [{"name": "größe, cm", "type": "float"}, {"name": 'the "c"', "type": "string"}],
    }
)
PLAIN = '"größe, cm","the ""c""",y\n1.5,red,1\n,"dark, blue",0\n3,NA,1\n'
SAME = [
    pytest.param(PLAIN.encode(), id="plain"),
    pytest.param(PLAIN.encode("utf-8-sig"), id="byte order mark"),
    pytest.param(PLAIN.replace("\n", "\r\n").encode(), id="crlf"),
    pytest.param(
        'y,"the ""c""",x,"größe, cm"\n1,red,"a\nb",1.50\n0,"dark, blue",,\n1,NA,,3.0'.encode(), id="order"
    ),
]


def read(folder: Path, **parts: bytes) -> Dataset:
    for name, content in parts.items():
        (folder / name).write_bytes(content)
    return read_dataset(folder, SCHEMA, share=0.0, seed=0, facet=None, check_stop=lambda: None)


@pytest.mark.parametrize("content", SAME)
def test_same_csv(tmp_path: Path, content: bytes):
    """The same rows are read from every spelling of CSV."""
    rows = read(tmp_path, part=content).training
    assert rows.table.column("größe, cm").tolist() == pytest.approx([1.5, np.nan, 3.0], nan_ok=True)
    assert rows.table.texts['the "c"'] == ["red", "dark, blue"]
    assert rows.table.column('the "c"').tolist() == pytest.approx([0, 1, np.nan], nan_ok=True)
    assert rows.target.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "target", [[1, 0, 1], [1.0, 0.0, 1.0], ["1", "0", "1"]], ids=["int", "double", "text"]
)
def test_parquet_is_csv(tmp_path: Path, target: list[object]):
    """Parquet and CSV with the same values are the same rows, also for the split."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    csv = read(tmp_path / "a", part=PLAIN.encode())
    columns = {"y": target, 'the "c"': ["red", "dark, blue", None], "größe, cm": [1.5, None, 3.0]}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "b" / "part")
    parquet = read(tmp_path / "b")
    assert parquet.fingerprint == csv.fingerprint
    assert parquet.training.target.tolist() == csv.training.target.tolist()


def test_many_batches(tmp_path: Path):
    """Row numbers go on over the batches of a part, and over all sub-folders nothing is forgotten."""
    (tmp_path / "sub").mkdir()
    line = b"1.25,a value that takes some room in the file,1\n"
    header = PLAIN.encode().splitlines(keepends=True)[0]
    (tmp_path / "sub" / "large.csv").write_bytes(header + line * 400_000)
    batches = list(read_part(tmp_path / "sub" / "large.csv", "large.csv", ["y"]))
    assert len(batches) > 1
    assert batches[1].first_row == 1 + batches[0].rows
    assert read(tmp_path, small=header + line).total == 400_001


def test_find_parts(tmp_path: Path):
    """Markers, manifests and hidden files are not data; parts come in the order of their names."""
    for name in ("b.csv", "_SUCCESS", "manifest.json", ".hidden", "d/a", "a 1.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [str(path.relative_to(tmp_path)) for path in find_parts(tmp_path)] == [
        "a 1.parquet",
        "b.csv",
        "d/a",
    ]


BROKEN = [
    pytest.param(b"", "is empty", id="empty"),
    pytest.param(b"a,b\n1,2\n", "lacks the columns", id="other columns"),
    pytest.param(b'y,y,"gr\xc3\xb6\xc3\x9fe, cm","the ""c"""\n', "several columns named ['y']", id="doubled"),
    pytest.param(PLAIN.encode() + b"1,2\n", "Expected 3 columns, got 2", id="ragged"),
    pytest.param(PLAIN.encode("utf-16"), "not a readable CSV", id="utf-16"),
    pytest.param(PLAIN.encode() + b"1,\xff,1\n", "not a readable CSV", id="bytes"),
    pytest.param(b"PAR1 rubbish", "not a readable Parquet", id="parquet"),
]


@pytest.mark.parametrize(("content", "reason"), BROKEN)
def test_broken_part(tmp_path: Path, content: bytes, reason: str):
    """A part that cannot be read is named, with the reason."""
    with pytest.raises(TrainingError) as caught:
        read(tmp_path, **{"odd name": content})
    assert "odd name" in str(caught.value)
    assert reason in str(caught.value)


def test_no_parts(tmp_path: Path):
    """A channel without data is a failure in words."""
    with pytest.raises(TrainingError, match="holds no data file"):
        read(tmp_path)
