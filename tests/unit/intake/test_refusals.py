"""How the refusal of a drop leads to the cell."""

import pytest
from intake.drops import HEADER, rows

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
