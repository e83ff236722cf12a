"""Other problems than a yes or no, in data with odd names and holes: three models in flight at once."""

import csv
import io
import json
import random
import re

import pytest
from stranger import Model, Stack, drop_of, table

ODD = ("height (cm)", 'the "colour", if any', "größe", "model")


def flats(count: int, seed: int) -> bytes:
    """A price that follows size and floor."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        size, floor = round(chance.uniform(20, 150), 1), chance.randint(0, 9)
        rows.append((size, floor, chance.choice(["old", "new"]), round(30 * size + 100 * floor, 2)))
    return table(("size", "floor", "built", "price"), rows)


def flowers(count: int, seed: int) -> bytes:
    """Three kinds, told apart by height; a fifth of the cells is missing, in every spelling."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        height, kind = round(chance.uniform(0, 30), 2), "Blåklokke"
        if height > 10:
            kind = "rose, wild" if height < 20 else "yew"
        cells = [
            height,
            chance.choice(["red", "blue, dark"]),
            chance.randint(1, 5),
            chance.choice(["a", "b"]),
        ]
        for place in (1, 2, 3):
            if chance.random() < 0.2:
                cells[place] = chance.choice(["", "NA", "null", "n/a", "None", "NaN"])
        rows.append((*cells, kind))
    return table((*ODD, "kind, of flower"), rows)


@pytest.fixture(scope="module")
def dropped(stack: Stack) -> dict[str, Model]:
    """All models of this module, dropped at once."""
    price = stack.model("price").configure(
        problem="regression", target="price", training={}, gate={"metric": "rmse", "maximum": 900}
    )
    strict = stack.model("strict").configure(
        problem="regression", target="price", gate={"metric": "rmse", "maximum": 0.001}
    )
    flower = stack.model("flower").configure(
        problem="multiclass_classification",
        target="kind, of flower",
        gate={"metric": "accuracy", "minimum": 0.8, "approval": "automatic"},
    )
    for model in (price, strict):
        model.drop("flats", {"flats.csv": flats(400, 0)})
    flower.drop("2026, spring & summer", {"a b.csv": flowers(300, 1), "ü.csv": flowers(200, 2)})
    return {"price": price, "strict": strict, "flower": flower}


def test_regression_passes_a_maximum(dropped: dict[str, Model]) -> None:
    """An error below the gate's maximum awaits approval, and serves numbers."""
    price = dropped["price"]
    registered = price.wait_for("version_registered")
    assert registered.details["approval"] == "PendingManualApproval", registered
    assert 0 < float(registered.details["rmse"]) < 900
    price.approve(1)
    price.wait_until_serving(1)
    answers = price.invoke("size,floor,built\n100,5,new\n30,0,old\n").splitlines()
    assert [float(answer) for answer in answers] == pytest.approx([3500, 900], rel=0.25)
    body = json.dumps([{"size": 100, "floor": 5, "built": "new"}])
    [prediction] = json.loads(price.invoke(body, "application/json"))["predictions"]
    assert prediction == {"score": pytest.approx(float(answers[0]), rel=1e-5)}


def test_an_error_above_the_maximum_is_rejected(dropped: dict[str, Model]) -> None:
    """A candidate beyond the gate's maximum is registered as Rejected, with the figures, and never serves."""
    strict = dropped["strict"]
    registered = strict.wait_for("version_registered")
    assert registered.details["approval"] == "Rejected"
    assert "above the gate's maximum 0.001" in registered.reason
    assert registered.news == "warning"
    assert [version["ModelApprovalStatus"] for version in strict.versions()] == ["Rejected"]
    assert strict.package(1)["ModelPackageDescription"] == registered.reason
    assert strict.endpoint() is None


def test_classes_with_odd_names_and_missing_values(dropped: dict[str, Model]) -> None:
    """Names with blanks, quotes, commas and umlauts go all the way; approval by policy needs nobody."""
    flower = dropped["flower"]
    flower.wait_until_serving(1)
    registered = flower.wait_for("version_registered")
    assert registered.details["approval"] == "Approved"
    assert "approved by policy" in registered.reason
    body = table(ODD, [(5, "red", 1, "a"), (15, "", "NA", ""), (25, "blue, dark", "", "b")]).decode()
    answers = list(csv.reader(io.StringIO(flower.invoke(body))))
    assert [answer[0] for answer in answers] == ["Blåklokke", "rose, wild", "yew"]
    instances = [{"height (cm)": 25, "größe": None, 'the "colour", if any': "never seen", "model": "c"}]
    [prediction] = json.loads(flower.invoke(json.dumps(instances), "application/json"))["predictions"]
    assert prediction["predicted_label"] == "yew"
    assert len(prediction["probabilities"]) == 3
    assert prediction["score"] == pytest.approx(max(prediction["probabilities"]))
    metadata = flower.package(1)["CustomerMetadataProperties"]
    assert re.sub("_+", "_", metadata["drop"].replace(" ", "_")) == "2026_spring_summer"


def test_names_that_begin_alike_are_different_models(stack: Stack) -> None:
    """A model whose name continues another's has its own jobs, versions and endpoint."""
    short, long = stack.model("alike"), stack.model("alike-v2")
    for seed, model in enumerate((short, long)):
        model.configure().drop("one", drop_of(120, seed=seed))
    for model in (short, long):
        model.wait_for("version_registered")
        assert len(model.versions()) == 1
        assert len(model.decided("training_started")) == 1, model.story()
