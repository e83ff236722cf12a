"""A later drop fits the schema and the classes of the first one, or what model.yaml declares."""

import pytest
from intake.drops import HEADER, rows


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


def test_new_classes_are_noted(look):
    """A multi-class drop may bring classes and leave others out; both are said."""
    options = {"problem": "multiclass_classification"}
    pinned = look({"a.csv": HEADER + rows(30, label=("a", "b", "c"))}, **options).schema
    found = look({"a.csv": HEADER + rows(30, label=("a", "b", "d"))}, pinned=pinned, **options)
    assert found.accepted
    assert {"c", "d"} == {label for label in "abcd" for note in found.notes if f"'{label}'" in note}
