"""What becomes of a drop, however its parts come: a dataset version, a refusal that names the place, or patience."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from stranger import HEADER, Model, Stack, applications, drop_of, table, wait_for

from stack import places


@pytest.fixture(scope="module")
def drops(stack: Stack) -> Model:
    """A model that has trained on its first drop, of three parts."""
    model = stack.model("drops").configure()
    model.drop("first", drop_of(150, parts=3))
    model.wait_for("version_registered")
    return model


def manifest_of(parts: Mapping[str, bytes], **wrong: object) -> bytes:
    files = [
        {"name": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest(), **wrong}
        for name, body in parts.items()
    ]
    return json.dumps({"files": files}).encode()


def test_the_same_bytes_are_the_same_dataset(drops: Model) -> None:
    """Parts under other names, in another order: the same dataset version, and no second training."""
    bodies = list(drop_of(150, parts=3).values())
    jobs = drops.jobs()
    drops.drop("renamed", {"z.csv": bodies[0], "sub/a.csv": bodies[2], "m.CSV": bodies[1]})
    entry = wait_for(
        "the decision", lambda: [e for e in drops.decided("dataset_pinned") if e.fact == "drop renamed"]
    )[0]
    assert entry.details["dataset"] == drops.decided("dataset_pinned")[0].details["dataset"]
    assert "the same data as drop first" in entry.reason
    told = wait_for(
        "the word to people",
        lambda: [e for e in drops.ledger() if e.fact == "drop renamed" and e.news == "info"],
    )
    assert "was trained on already" in told[0].reason
    assert drops.jobs() == jobs


def test_the_same_drop_twice(drops: Model) -> None:
    """A marker written again over the same drop pins nothing anew and trains nothing."""
    jobs, pinned = drops.jobs(), len(drops.decided("dataset_pinned"))
    before = len(drops.decided("nothing"))
    drops.put("drops/first/_SUCCESS")
    drops.wait_for("nothing", times=before + 1)
    assert len(drops.decided("dataset_pinned")) == pinned
    assert drops.jobs() == jobs


def test_a_manifest_waits_for_the_files_it_names(stack: Stack) -> None:
    """manifest.json may come first: the drop is complete with the last part listed; others are left out."""
    model, parts = stack.model("manifest").configure(), drop_of(150, seed=2, parts=2)
    model.put("drops/one/manifest.json", manifest_of(parts))
    waiting = model.wait_for("drop_waits")
    assert "part-0.csv" in waiting.reason
    model.drop("one", {"extra.csv": b"not,listed\n1,2\n", **parts}, marker=None)
    # No event tells of a part: the sweep, or the manifest written again, looks.
    model.put("drops/one/manifest.json", manifest_of(parts))
    entry = model.wait_for("dataset_pinned")
    assert entry.details["rows"] == "150"
    model.wait_for("version_registered")


@pytest.mark.parametrize(("name", "wrong"), [("liar", {"sha256": "0" * 64}), ("nosuch", {"name": ""})])
def test_a_wrong_manifest_is_refused(stack: Stack, name: str, wrong: Mapping[str, object]) -> None:
    """A part that is not what the manifest promises, or a manifest that cannot be read, refuses the drop."""
    model, parts = stack.model(name).configure(), drop_of(120)
    model.drop("one", parts, marker=None)
    model.put("drops/one/manifest.json", manifest_of(parts, **wrong))
    model.wait_for("drop_refused")
    [problem] = model.document("quarantine/one/report.json")["problems"]
    assert problem["file"] in ("part-0.csv", "manifest.json")
    assert model.jobs() == []


def test_a_single_file_is_a_drop(stack: Stack) -> None:
    """A CSV file right under drops/ is complete by itself; BOM, CRLF and line breaks in quotes are no obstacle."""
    model = stack.model("single").configure(target="deny?")
    rows = [(*row[:2], f'{row[2]}\n"quoted"', row[3]) for row in applications(150, seed=3)]
    body = b"\xef\xbb\xbf" + table(("in\ncome", "Ratio %", "region, or so", "deny?"), rows)
    model.put("drops/all of it.csv", body)
    assert model.wait_for("dataset_pinned").details["rows"] == "150"
    model.wait_for("version_registered")
    version = model.decided("dataset_pinned")[0].details["dataset"]
    schema = model.document(f"datasets/{version}/schema.json")
    assert [feature["name"] for feature in schema["features"]] == ["in\ncome", "Ratio %", "region, or so"]


def test_a_part_after_the_marker_opens_the_drop_again(stack: Stack) -> None:
    """`_SUCCESS` came too early: written again after the last part, it makes another dataset, of all parts."""
    model, parts = stack.model("early").configure(), drop_of(240, seed=4, parts=2)
    model.drop("one", {"part-0.csv": parts["part-0.csv"]})
    assert model.wait_for("dataset_pinned").details["rows"] == "120"
    model.drop("one", {"part-1.csv": parts["part-1.csv"]})
    assert model.wait_for("dataset_pinned", times=2).details["rows"] == "240"
    model.wait_for("version_registered", times=2)
    assert len(model.jobs()) == 2


RAGGED = table(HEADER, [*applications(60), (1, 2), *applications(60, seed=1)])
TYPED = table(HEADER, [*applications(60, seed=2), ("much", 0.5, "north", "no"), *applications(60, seed=3)])


@pytest.mark.parametrize(
    ("name", "body", "row", "column"),
    [("ragged", RAGGED, 62, None), ("typed", TYPED, 62, "income")],
)
def test_a_broken_drop_is_refused_with_the_place(
    stack: Stack, name: str, body: bytes, row: int, column: str | None
) -> None:
    """A report names file, line, column and remedy; the user's files stay, and nothing trains."""
    rules = {"features": {key: {"type": "float"} for key in HEADER[:2]} | {"region": {"type": "string"}}}
    model = stack.model(name).configure(schema=rules)
    model.drop("bad", {"good.csv": table(HEADER, applications(100, seed=9)), "spoilt.csv": body})
    refused = model.wait_for("drop_refused")
    assert refused.news == "error"
    assert "spoilt.csv" in refused.reason
    assert f"line {row}" in refused.reason
    problem = model.document("quarantine/bad/report.json")["problems"][0]
    assert (problem["file"], problem["row"], problem["column"]) == ("spoilt.csv", row, column)
    assert problem["advice"]
    assert model.read("drops/bad/spoilt.csv") == body
    assert sorted(model.keys("drops/")) == [
        f"drops/bad/{key}" for key in ("_SUCCESS", "good.csv", "spoilt.csv")
    ]
    assert model.jobs() == []
    wait_for("the refusal to be kept, after it is told", lambda: model.state("drop#bad"))
    model.put("drops/bad/_SUCCESS")
    before = "refused in this form before"
    wait_for(
        "the second answer",
        lambda: [e for e in model.decided("nothing") if e.fact == "drop bad" and e.reason.startswith(before)],
    )
    assert len(model.decided("drop_refused")) == 1


def test_parquet_parts(stack: Stack, tmp_path: Path) -> None:
    """Parquet is taken in by the function that reads it, and trained on."""
    rows = applications(200, seed=5)
    columns = {name: [row[place] for row in rows] for place, name in enumerate(HEADER)}
    script = (
        "import json, sys, pyarrow as pa, pyarrow.parquet as pq\n"
        "table = pa.table(json.load(sys.stdin))\n"
        "for n in (0, 1): pq.write_table(table.slice(n * 100, 100), f'{sys.argv[1]}/part-{n}.parquet')\n"
    )
    python = places.python("container")
    subprocess.run([python, "-c", script, tmp_path], input=json.dumps(columns), text=True, check=True)
    model = stack.model("parquet").configure()
    model.drop("columns", {part.name: part.read_bytes() for part in sorted(tmp_path.glob("*.parquet"))})
    model.wait_for("handed_over")
    assert model.wait_for("dataset_pinned").details["rows"] == "200"
    model.wait_for("version_registered")
    assert len(model.jobs()) == 1, model.story()


def test_data_before_its_configuration(stack: Stack) -> None:
    """A drop without model.yaml waits, said once; the configuration brings it in."""
    model = stack.model("later")
    model.drop("one", drop_of(120, seed=6))
    waiting = model.wait_for("drop_waits")
    assert waiting.news == "warning"
    assert "models/later/model.yaml" in waiting.reason
    model.configure()
    model.wait_for("version_registered")
    assert len(model.jobs()) == 1


def test_a_broken_configuration_keeps_the_last_one(stack: Stack) -> None:
    """A model.yaml with a mistake is refused with line, key and remedy; the last valid one stays in force."""
    model = stack.model("yaml").configure()
    model.put("model.yaml", model.yaml() + b"trainning: {spot: false}\n")
    refused = model.wait_for("configuration_refused")
    assert refused.news == "error"
    assert "trainning" in refused.reason
    assert "training" in refused.reason
    assert "line " in refused.reason
    assert "stays in force" in refused.reason
    model.drop("one", drop_of(120, seed=7))
    model.wait_for("version_registered")


def test_a_broken_first_configuration_makes_no_model(stack: Stack) -> None:
    """What is no YAML, or names another model than its folder, is refused; correct, it is a model."""
    model = stack.model("folder")
    model.put("model.yaml", b"model: [folder\n")
    model.wait_for("configuration_refused")
    model.put("model.yaml", stack.model("other").yaml())
    assert "folder" in model.wait_for("configuration_refused", times=2).reason
    model.configure()
    assert stack.model("other").ledger() == []
