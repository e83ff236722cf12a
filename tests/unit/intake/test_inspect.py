"""What a drop must be to become a dataset, whatever its parts are called and however their stream goes."""

import csv
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake.drops import HEADER, rows

from perennial.errors import TransientError
from perennial.intake.completeness import Part
from perennial.intake.dataset import dataset_version, schema_json
from perennial.intake.inspect import inspect
from perennial.intake.schema import Schema
from perennial.sections import Intake, SchemaRules


def test_a_good_drop(look):
    """Parts with the same columns in another order are one dataset, with one inferred schema."""
    found = look({"a.csv": HEADER + rows(10), "b.csv": "y,age,city\nno,,N/A\nyes,7.5,Köln\n"})
    assert (True, 12, 0, ()) == (found.accepted, found.rows, found.problem_count, found.problems)
    assert {
        "version": 1,
        "problem": "binary_classification",
        "target": "y",
        "classes": ("no", "yes"),
        "format": "csv",
        "rows": 12,
        "drop": (),
        "features": (
            {"name": "age", "type": "float", "nullable": True, "min": None, "max": None, "allowed": None},
            {"name": "city", "type": "string", "nullable": True, "min": None, "max": None, "allowed": None},
        ),
    } == found.schema.document()
    assert [("a.csv", 10), ("b.csv", 2)] == [(part.name, part.rows) for part in found.parts]
    assert {"type": "float", "missing": 1, "min": 0.0, "max": 9.0, "distinct": 11} == {
        key: found.statistics["columns"]["age"][key] for key in ("type", "missing", "min", "max", "distinct")
    }
    assert {"no": 6, "yes": 6} == found.statistics["columns"]["y"]["values"]


def test_the_schema_survives_its_file(look):
    """What is written to schema.json is what the next drop is held against."""
    schema = look(
        {"a.csv": HEADER + rows(10)},
        schema={
            "features": {"age": {"type": "int", "min": 0}, "city": {"type": "string", "allowed": ["Bonn"]}}
        },
    ).schema
    assert schema == Schema.from_json(schema_json(schema))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        pytest.param(["1", "-2", "3.0", "1e3", " 4 "], "int", id="whole numbers"),
        pytest.param(["1", "2.5"], "float", id="one is not whole"),
        pytest.param(["1", "", "NaN", "2.5"], "float", id="missing among numbers"),
        pytest.param(["True", "false", ""], "bool", id="booleans"),
        pytest.param(["true", "1"], "string", id="booleans and numbers"),
        pytest.param(["yes", "no"], "string", id="yes and no are text"),
        pytest.param(["2024-01-01", "2024-02-01"], "string", id="dates"),
        pytest.param(["1", "2", "?"], "string", id="one text makes text"),
        pytest.param(["", "NA", "null"], "string", id="nothing at all"),
        pytest.param(["1_000", "2"], "string", id="digit separators"),
        pytest.param(["inf", "1"], "string", id="infinity"),
        pytest.param(["\u0663", "1"], "string", id="other digits"),
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_types_are_inferred(look, cells, kind, many):
    """The type is the narrowest that all cells have, in columns of few and of many distinct values."""
    if many and kind in ("int", "float", "string") and any(cell.strip("-. ").isdigit() for cell in cells):
        cells = [*(str(n) for n in range(3000)), *cells]
    body = "x,z,y\n" + "".join(f'"{cell}",0,{"ab"[n % 2]}\n' for n, cell in enumerate(cells * 10))
    feature = look({"a.csv": body}).schema.features[0]
    assert ("x", kind) == (feature.name, feature.type)


def test_dropped_columns_are_ignored(look):
    """Columns under schema.drop are not checked, not learned from, and do not hide repeated rows."""
    body = "id,age,y\n" + "".join(f"{n},{n % 2},{'ab'[n % 2]}\n" for n in range(40))
    found = look({"a.csv": body}, schema={"drop": ["id", "never there"]})
    assert (("id",), ["age"], 0.95) == (
        found.schema.drop,
        [feature.name for feature in found.schema.features],
        found.statistics["duplicate_share"],
    )


@pytest.mark.parametrize(
    ("files", "note"),
    [
        pytest.param(
            {"a.csv": HEADER + rows(200, age="{n}") + "?,Bonn,no\n"}, "because of '?'", id="a stray text"
        ),
        pytest.param(
            {"a.csv": HEADER + rows(3000) + "?,Bonn,no\n"}, "because of '?'", id="a stray text, late"
        ),
        pytest.param({"a.csv": HEADER + rows(20)}, "'city' has the same value", id="constant"),
        pytest.param({"a.csv": HEADER + rows(20, city="NA")}, "'city' has no value at all", id="all missing"),
        pytest.param({"a.csv": HEADER + rows(20), "b.csv": HEADER}, "b.csv has no rows", id="only a header"),
        pytest.param(
            {"a.csv": HEADER + rows(20), "b.csv": HEADER + rows(20)},
            "b.csv has the same content as a.csv",
            id="twin",
        ),
        pytest.param({"a.csv": HEADER + rows(20) + "1,x,\n"}, "1 row has no target 'y'", id="missing label"),
    ],
)
def test_notes(look, files, note):
    """What may be meant is accepted, and noted."""
    found = look(files)
    assert found.accepted
    assert any(note in each for each in found.notes)


@given(
    st.lists(st.sampled_from(["1,Bonn,no", "2,Köln,yes", '"3\n",x,no', ",,yes"]), min_size=12), st.randoms()
)
@settings(max_examples=40)
def test_names_and_order_of_parts_do_not_matter(lines, chance):
    """The same contents under other names are the same dataset, with the same schema and statistics."""
    bodies = [(HEADER + "\n".join(lines[start::3]) + "\n").encode() for start in range(3)]
    seen = []
    for _ in range(2):
        chance.shuffle(bodies)
        files = {f"part-{n}-{random.random()}.csv": body for n, body in enumerate(bodies)}
        found = inspect(
            [Part(name, name, len(body), "e", None, "csv") for name, body in files.items()],
            lambda key, files=files: io.BytesIO(files[key]),
            problem="binary_classification",
            target="y",
            declared=SchemaRules(),
            pinned=None,
            settings=Intake(min_rows=10, max_duplicate_share=1),
        )
        seen.append((found.version, found.schema, found.statistics["columns"], found.problem_count))
    assert seen[0] == seen[1]


def test_the_version_is_that_of_the_multiset():
    """A part given twice is another dataset than the part given once; order is nothing."""
    assert dataset_version(["a", "b"]) == dataset_version(["b", "a"]) != dataset_version(["a", "b", "b"])
    assert 12 == len(dataset_version(["a"]))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(HEADER + rows(10), id="between rows"),
        pytest.param(HEADER + '1,"Bo', id="inside quotes"),
        pytest.param("", id="at once"),
    ],
)
def test_a_stream_that_ends_early_is_no_fault_of_the_data(body):
    """Fewer bytes than listed is a broken connection or a replaced object: tried again, not refused."""
    part = Part("k", "a.csv", len(body) + 100, "e", None, "csv")
    with pytest.raises(TransientError, match="k has"):
        inspect(
            [part],
            lambda key: io.BytesIO(body.encode()),
            problem="binary_classification",
            target="y",
            declared=SchemaRules(),
            pinned=None,
            settings=Intake(),
        )


def test_odd_names_and_cells(look):
    """Names of columns and files may be anything that CSV can write."""
    names = ["a b", 'say "x"', "1,2", "naïve\n", "日本", "y"]
    out = io.StringIO()
    csv.writer(out).writerows([names, *([n, n, n, n, n, "ab"[n % 2]] for n in range(20))])
    found = look({"odd name, really.csv": out.getvalue()})
    assert names[:-1] == [feature.name for feature in found.schema.features]


def test_files_are_closed(look):
    """Every stream that was opened is closed, also when the drop is refused."""
    opened = []

    def open_part(key):
        opened.append(io.BytesIO(b"a;y\n"))
        return opened[-1]

    inspect(
        [Part("k", "a.csv", 4, "e", None, "csv")],
        open_part,
        problem="regression",
        target="y",
        declared=SchemaRules(),
        pinned=None,
        settings=Intake(),
    )
    assert [True] == [file.closed for file in opened]
