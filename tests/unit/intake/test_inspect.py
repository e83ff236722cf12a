"""What a drop must be to become a dataset, and how a refusal leads to the cell."""

import csv
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.errors import TransientError
from perennial.intake.completeness import Part
from perennial.intake.dataset import dataset_version, schema_json
from perennial.intake.inspect import inspect
from perennial.intake.schema import Schema
from perennial.sections import Intake, SchemaRules

HEADER = "age,city,y\n"


def rows(count, age="{n}", city="Bonn", label=("no", "yes")):
    return "".join(f"{age.format(n=n)},{city},{label[n % len(label)]}\n" for n in range(count))


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


RULES = {
    "features": {
        "age": {"type": "int", "min": 0, "max": 120},
        "city": {"type": "string", "allowed": ["Bonn"]},
    }
}


@pytest.mark.parametrize("before", [0, 1500])
@pytest.mark.parametrize(
    ("cell", "column", "value", "expected"),
    [
        pytest.param("old,Bonn,no", "age", "old", "a whole number", id="text in a number"),
        pytest.param("3.5,Bonn,no", "age", "3.5", "a whole number", id="not whole"),
        pytest.param("inf,Bonn,no", "age", "inf", "a whole number", id="infinite"),
        pytest.param("1_0,Bonn,no", "age", "1_0", "a whole number", id="digit separator"),
        pytest.param("-1,Bonn,no", "age", "-1", "at least 0", id="below the minimum"),
        pytest.param("121,Bonn,no", "age", "121", "at most 120", id="above the maximum"),
        pytest.param("1,Köln,no", "city", "Köln", "one of 'Bonn'", id="not allowed"),
    ],
)
def test_a_bad_cell_is_found(look, cell, column, value, expected, before):
    """A cell that breaks a rule is told with file, line, column, value and what was expected."""
    rules = {"features": RULES["features"] | {"id": {"type": "float"}}}
    lines = [f"{n % 90},Bonn,{'yes' if n % 2 else 'no'},{n}.5" for n in range(before)]
    body = "\n".join(["age,city,y,id", '"1\n",Bonn,yes,""', *lines, cell + ",7", "2,Bonn,yes,8", ""])
    found = look({"good.csv": "age,city,y,id\n" + "1,Bonn,yes,1\n" * 20, "odd.csv": body}, schema=rules)
    assert not found.accepted
    assert [("odd.csv", before + 4, column, value, expected)] == [
        (each.file, each.row, each.column, each.value, each.expected) for each in found.problems
    ]


def test_bad_cells_among_very_many_values(look):
    """Rules hold for columns whose values are too many to count."""
    numbers = [str(n) for n in range(5000)]
    numbers[4000], numbers[4500] = "-7", "x"
    body = "age,y\n" + "".join(f"{number},{'ab'[n % 2]}\n" for n, number in enumerate(numbers))
    found = look({"a.csv": body}, schema={"features": {"age": {"type": "float", "min": 0}}})
    assert [(4002, "-7"), (4502, "x")] == [(each.row, each.value) for each in found.problems]
    texts = [f"t{n}" for n in range(3000)]
    body = "word,y\n" + "".join(f"{text},{'ab'[n % 2]}\n" for n, text in enumerate(texts))
    allowed = [text for text in texts if text != "t2500"]
    found = look({"a.csv": body}, schema={"features": {"word": {"type": "string", "allowed": allowed}}})
    assert [(2502, "t2500")] == [(each.row, each.value) for each in found.problems]


def test_problems_are_counted_beyond_those_kept(look):
    """A report stays short, and says how many there are; one bad column does not hide another."""
    body = "a,b,y\n" + "x,1,no\n" * 500 + "1,x,yes\n"
    found = look({"a.csv": body}, schema={"features": {"a": {"type": "int"}, "b": {"type": "int"}}})
    assert (501, 6) == (found.problem_count, len(found.problems))
    assert [(each.column, each.row) for each in found.problems] == [("a", n) for n in range(2, 7)] + [
        ("b", 502)
    ]


@pytest.mark.parametrize(
    ("files", "options", "says"),
    [
        pytest.param({"a.csv": "age,y\n1,no\n"}, {}, "at least 10", id="too few rows"),
        pytest.param({"a.csv": "age,y\n" + "1,\n" * 50}, {}, "50 of them without a target", id="no labels"),
        pytest.param({"a.csv": "age,y\n" + "1,a\n" * 20}, {}, "one class only, 'a'", id="one class"),
        pytest.param(
            {"a.csv": "age,y\n" + "1,a\n1,b\n1,c\n" * 9}, {}, "has 3 classes, binary", id="three classes"
        ),
        pytest.param(
            {"a.csv": "age,y\n" + "1,2\n" * 20},
            {"problem": "regression"},
            "one value only, 2",
            id="constant target",
        ),
        pytest.param(
            {"a.csv": "age,y\n" + "1,2\n1,x\n" * 20},
            {"problem": "regression"},
            "line 3: column 'y' holds 'x'",
            id="text",
        ),
        pytest.param(
            {"a.csv": "age,y\n" + "".join(f"1,{n}\n" for n in range(50))},
            {"problem": "multiclass_classification"},
            "50 classes, nearly one per row",
            id="nearly unique classes",
        ),
        pytest.param(
            {"a.csv": "age,y\n" + "".join(f"1,{n % 150}\n" for n in range(900))},
            {"problem": "multiclass_classification"},
            "150 classes; at most 100",
            id="too many classes",
        ),
        pytest.param(
            {"a.csv": "age,y\n" + "".join(f"1,{n}\n" for n in range(3000))},
            {"problem": "multiclass_classification"},
            "more than 1,000 different values",
            id="far too many classes",
        ),
        pytest.param(
            {"a.csv": "age,y\n" + "1,a\n1,b\n" * 30},
            {"max_duplicate_share": 0.5},
            "97% of the rows repeat",
            id="repeated",
        ),
        pytest.param({"a.csv": "age,x\n1,a\n"}, {}, "no column 'y', the target", id="no target"),
        pytest.param({"a.csv": "age,Y\n1,a\n"}, {}, "did you mean 'Y'", id="nearly the target"),
        pytest.param(
            {"a.csv": "y\n" + "a\nb\n" * 9}, {}, "no column to learn from", id="nothing but the target"
        ),
        pytest.param({"a.csv": "age,,y\n1,2,a\n"}, {}, "column 2 has no name", id="a column without name"),
        pytest.param({"a.csv": "age,age,y\n1,2,a\n"}, {}, "2 columns are named 'age'", id="names twice"),
        pytest.param({"a.csv": "age;y\n1;a\n"}, {}, "separated by ';'", id="semicolons"),
        pytest.param({"a.csv": "1,2.5\n3,4\n"}, {}, "numbers, not names", id="no header"),
        pytest.param(
            {"a.csv": HEADER + "1,2\n"}, {}, "line 2: the row has 2 cells, the header 3", id="short row"
        ),
        pytest.param(
            {"a.csv": HEADER + "1,2,3,4\n"}, {}, "line 2: the row has 4 cells, the header 3", id="long row"
        ),
        pytest.param(
            {"a.csv": b"age,y\n1,\xe9\n"}, {}, "a.csv, line 2: byte 0xe9 is not UTF-8", id="latin-1"
        ),
        pytest.param({"a.csv": ""}, {}, "a.csv: it is empty", id="empty"),
        pytest.param(
            {"a.csv": HEADER, "b.csv": "age,y\n1,a\n"},
            {},
            "b.csv, line 1: there is no column 'city'",
            id="part",
        ),
        pytest.param(
            {"a.csv": HEADER, "b.csv": "age,city,zip,y\n"},
            {},
            "the first part (a.csv) has no column 'zip'",
            id="more",
        ),
        pytest.param(
            {"a.csv": HEADER},
            {"schema": {"features": {"agee": {"type": "int"}}}},
            "did you mean 'age'",
            id="declared",
        ),
        pytest.param(
            {"a.csv": HEADER},
            {"schema": {"features": {"age": {"type": "int"}}}},
            "the schema in model.yaml has no column 'city'",
            id="not declared",
        ),
        pytest.param(
            {"a.csv": HEADER + rows(20)},
            {"sha256s": {"a.csv": "0" * 64}},
            "SHA-256 is not the one",
            id="wrong checksum",
        ),
    ],
)
def test_a_drop_is_refused(look, files, options, says):
    """Each thing that keeps a drop out is said in one sentence, and with advice."""
    found = look(files, **options)
    assert (False, None, None) == (found.accepted, found.version, found.schema)
    assert says in found.problems[0].sentence
    assert found.problems[0].advice


def test_dropped_columns_are_ignored(look):
    """Columns under schema.drop are not checked, not learned from, and do not hide repeated rows."""
    body = "id,age,y\n" + "".join(f"{n},{n % 2},{'ab'[n % 2]}\n" for n in range(40))
    found = look({"a.csv": body}, schema={"drop": ["id", "never there"]})
    assert (("id",), ["age"], 0.95) == (
        found.schema.drop,
        [feature.name for feature in found.schema.features],
        found.statistics["duplicate_share"],
    )


def pinned_by(look, body):
    return look({"a.csv": body}).schema


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(
            "age,y\n" + "1,no\n1,yes\n" * 9,
            "'city', which the schema pinned by an earlier drop has",
            id="less",
        ),
        pytest.param(
            "age,city,zip,y\n", "the schema pinned by an earlier drop has no column 'zip'", id="more"
        ),
        pytest.param(
            HEADER + "old,Bonn,no\n" + rows(12), "holds 'old', expected a whole number", id="another type"
        ),
        pytest.param(
            HEADER + rows(12, label=("no", "YES")), "earlier drops had 'no', 'yes'", id="other labels"
        ),
    ],
)
def test_a_later_drop_must_fit_the_pinned_schema(look, body, says):
    """Once inferred, columns, types and labels are fixed until model.yaml says otherwise."""
    found = look({"a.csv": body}, pinned=pinned_by(look, HEADER + rows(12)))
    assert says in found.problems[0].sentence


def test_whole_numbers_may_become_fractions(look):
    """A pinned int column was only inferred: 3.5 makes it float, for good."""
    found = look({"a.csv": HEADER + rows(12, age="{n}.5")}, pinned=pinned_by(look, HEADER + rows(12)))
    assert "float" == found.schema.features[0].type
    again = look({"a.csv": HEADER + rows(12)}, pinned=found.schema)
    assert "float" == again.schema.features[0].type


def test_the_declared_schema_overrides_the_pinned_one(look):
    """What model.yaml says about columns is the last word."""
    found = look(
        {"a.csv": HEADER + rows(12, age="old")},
        pinned=pinned_by(look, HEADER + rows(12)),
        schema={"features": {"age": {"type": "string"}, "city": {"type": "string"}}},
    )
    assert [("age", "string"), ("city", "string")] == [
        (each.name, each.type) for each in found.schema.features
    ]


def test_a_pinned_schema_of_another_target_does_not_count(look):
    """Another target is another question; its columns are inferred anew."""
    found = look(
        {"a.csv": "a,city\n" + "1,x\n2,y\n" * 9}, target="city", pinned=pinned_by(look, HEADER + rows(12))
    )
    assert found.accepted


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        pytest.param(("1", "0"), ("0", "1"), id="numbers"),
        pytest.param(("1", "0", "1.0", "1"), ("0", "1"), id="two spellings of a number"),
        pytest.param(("True", "False", "true", "True"), ("False", "True"), id="two spellings of true"),
        pytest.param((" yes", "no ", "yes", "no"), ("no", "yes"), id="blanks around labels"),
        pytest.param(("yes", "no", "", "yes"), ("no", "yes"), id="missing labels"),
    ],
)
def test_classes(look, labels, classes):
    """Classes are sorted text; spellings of one number or truth value are one class."""
    assert classes == look({"a.csv": HEADER + rows(40, label=labels)}).schema.classes


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


def test_new_classes_are_noted(look):
    """A multi-class drop may bring classes and leave others out; both are said."""
    options = {"problem": "multiclass_classification"}
    pinned = look({"a.csv": HEADER + rows(30, label=("a", "b", "c"))}, **options).schema
    found = look({"a.csv": HEADER + rows(30, label=("a", "b", "d"))}, pinned=pinned, **options)
    assert found.accepted
    assert {"c", "d"} == {label for label in "abcd" for note in found.notes if f"'{label}'" in note}


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
