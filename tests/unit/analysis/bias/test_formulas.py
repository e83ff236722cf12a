"""Bias metrics against figures worked out by hand, against rows, and against the container's own."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_analysis.bias.flip_test import flip_test
from perennial_analysis.bias.formulas import post_training, pre_training
from perennial_analysis.bias.groups import count
from perennial_analysis.bias.intervals import bootstrap

# [group, label, prediction]. Of the others (a): TN 20, FP 10, FN 10, TP 60; of the group (d): 15, 5, 10, 20.
TABLE = np.array([[[[20.0, 10.0], [10.0, 60.0]], [[15.0, 5.0], [10.0, 20.0]]]])


def test_pre_training_by_hand():
    """100 others of whom 70 are positive, 50 of the group of whom 30 are."""
    found = pre_training(TABLE)
    assert found["CI"] == pytest.approx(50 / 150)
    assert found["DPL"] == pytest.approx(0.1)
    assert found["KS"] == pytest.approx(0.1)
    assert found["TVD"] == pytest.approx(0.1)
    assert found["LP"] == pytest.approx(math.sqrt(0.02))
    assert found["KL"] == pytest.approx(0.7 * math.log(0.7 / 0.6) + 0.3 * math.log(0.3 / 0.4))
    half = 0.7 * math.log(0.7 / 0.65) + 0.3 * math.log(0.3 / 0.35)
    other = 0.6 * math.log(0.6 / 0.65) + 0.4 * math.log(0.4 / 0.35)
    assert found["JS"] == pytest.approx((half + other) / 2)
    # Of 50 rejected 20 are of the group, of 100 accepted 30 are.
    assert found["CDDL"] == pytest.approx(20 / 50 - 30 / 100)


def test_post_training_by_hand():
    """The same rows, with 70 of the others and 25 of the group predicted positive."""
    found = {name: float(value) for name, value in post_training(TABLE).items()}
    assert found == pytest.approx(
        {
            "DPPL": 0.7 - 0.5,
            "DI": 0.5 / 0.7,
            "DCA": 70 / 70 - 30 / 25,
            "DCR": 20 / 25 - 30 / 30,
            "RD": 60 / 70 - 20 / 30,
            "SD": 15 / 20 - 20 / 30,
            "DAR": 60 / 70 - 20 / 25,
            "DRR": 15 / 25 - 20 / 30,
            "AD": 0.8 - 0.7,
            "TE": 10 / 5 - 10 / 10,
            "CDDPL": 25 / 55 - 25 / 95,
            # Benefits: 115 rows of 1, 15 of 2, 20 of 0.
            "GE": ((115 + 15 * 4) / 150 / (145 / 150) ** 2 - 1) / 2,
        }
    )


def test_strata_are_averaged_by_rows():
    """Within two strata nobody is treated differently, though over both together the group is."""
    first = np.array([[[30.0], [10.0]], [[3.0], [1.0]]])
    second = np.array([[[5.0], [5.0]], [[20.0], [20.0]]])
    assert pre_training(np.array([first, second]))["CDDL"] == pytest.approx(0)
    assert pre_training((first + second)[None])["CDDL"] == pytest.approx(23 / 58 - 21 / 36)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param(
            [[[5, 5], [0, 0]], [[0, 0], [0, 0]]],
            {"DI": None, "AD": None, "CI": None, "KL": None, "CDDPL": 0.0, "CDDL": None},
            id="no row of the group",
        ),
        pytest.param(
            [[[5, 0], [0, 5]], [[5, 0], [3, 2]]],
            {"TE": math.inf, "DI": 0.4, "DAR": 0.0},
            id="false negatives but no false positives of the group",
        ),
        pytest.param(
            [[[5, 0], [5, 0]], [[5, 0], [5, 0]]], {"TE": 0.0, "DCA": 0.0, "DI": 0.0}, id="nobody accepted"
        ),
        pytest.param(
            [[[0, 0], [0, 4]], [[3, 0], [0, 0]]], {"KL": None, "LP": None, "DPL": 1.0}, id="no common label"
        ),
        pytest.param(
            [[[0, 0], [4, 0]], [[0, 0], [3, 0]]], {"GE": None, "CDDPL": None, "RD": 0.0}, id="only misses"
        ),
        pytest.param(
            [[[4, 0], [1, 5]], [[4, 0], [1, 0]]], {"DCA": -math.inf, "DI": 0.0}, id="the group is refused"
        ),
    ],
)
def test_edges(table, expected):
    """Empty denominators are Clarify's: 0/0 is 0, x/0 is infinite; without a side there is no metric."""
    counts = np.array([table], dtype=np.float64)
    found = {**pre_training(counts), **post_training(counts)}
    for name, value in expected.items():
        assert (None if np.isnan(found[name]) else float(found[name])) == value, name


CELLS = st.lists(st.integers(0, 9), min_size=16, max_size=16).map(
    lambda cells: np.array(cells, dtype=np.float64).reshape(2, 2, 2, 2)
)
FLIP = ["DPL", "CI", "DPPL", "DCA", "DCR", "RD", "SD", "DAR", "DRR", "AD", "TE", "CDDL", "CDDPL"]
KEEP = ["KS", "TVD", "LP", "JS", "GE"]


@given(CELLS)
def test_swapping_the_groups(counts):
    """With the groups swapped, differences change their sign, distances stay, DI is its reciprocal."""
    swapped = counts[:, ::-1]
    before = {**pre_training(counts), **post_training(counts)}
    after = {**pre_training(swapped), **post_training(swapped)}
    positive = (counts.sum(axis=(0, -1)).sum(axis=-1) > 0).all()
    for name in FLIP if positive else []:
        if name.startswith("CDD") and (counts.sum(axis=(1, 2 if name == "CDDPL" else 3)) == 0).any():
            continue  # a stratum without such an outcome has neither side's share
        if not np.isnan(before[name]):
            assert after[name] == pytest.approx(-before[name]), name
    for name in KEEP:
        assert after[name] == pytest.approx(before[name], nan_ok=True), name
    if np.isfinite(before["DI"]) and before["DI"] > 0:
        assert after["DI"] == pytest.approx(1 / before["DI"])


@given(CELLS, st.integers(2, 5))
def test_more_of_the_same(counts, times):
    """Metrics are shares: every cell taken several times changes none; the bootstrap's batch axis neither."""
    many = np.stack([counts * times, counts])
    for stage in (pre_training, post_training):
        for name, value in stage(many).items():
            assert value[0] == pytest.approx(value[1], nan_ok=True), name
            assert value[1] == pytest.approx(stage(counts)[name], nan_ok=True), name


ROWS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2)), min_size=1, max_size=40
)


@given(ROWS)
def test_counts_equal_rows(rows):
    """Metrics from counts equal the definitions spelled out over rows."""
    member, positive, predicted = (np.array(column) for column in list(zip(*rows, strict=True))[:3])
    stratum = np.array([row[3] for row in rows])
    counts = count(member, positive, predicted, stratum)
    assert counts.sum() == len(rows)
    found = {**pre_training(counts), **post_training(counts)}
    if member.any() and not member.all():
        assert found["DPL"] == pytest.approx(positive[~member].mean() - positive[member].mean())
        assert found["AD"] == pytest.approx(
            (positive == predicted)[~member].mean() - (positive == predicted)[member].mean()
        )
    benefit = predicted.astype(int) - positive + 1
    if benefit.any():
        assert found["GE"] == pytest.approx(((benefit / benefit.mean()) ** 2 - 1).sum() / (2 * len(rows)))
    if predicted.any() and not predicted.all():
        weighted = 0.0
        for value in set(stratum.tolist()):
            within = stratum == value
            refused, accepted = (member[within & (predicted == outcome)] for outcome in (False, True))
            weighted += within.sum() * (
                (refused.mean() if len(refused) else 0) - (accepted.mean() if len(accepted) else 0)
            )
        assert found["CDDPL"] == pytest.approx(weighted / len(rows))


def test_intervals_cover():
    """A 90 % interval holds the true difference in nine of ten samples, and is the same for the same seed."""
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        member = generator.random(300) < 0.3
        positive = generator.random(300) < np.where(member, 0.4, 0.6)
        counts = count(member, positive)
        low, high = bootstrap(counts, pre_training, level=0.9, draws=300)["DPL"]
        covered += low <= 0.2 <= high
    assert 168 <= covered <= 192
    assert bootstrap(counts, pre_training, seed=3) == bootstrap(counts, pre_training, seed=3)


def test_intervals_of_certainties():
    """Two of two is no certainty: the interval of a rate of 1 from few rows is wide."""
    few = np.array([[[[50.0, 0.0], [0.0, 50.0]], [[48.0, 0.0], [0.0, 2.0]]]])
    low, high = bootstrap(few, post_training)["RD"]
    assert high - low > 0.3
    assert bootstrap(np.zeros((1, 2, 2, 2)), post_training) == {}


def test_flip_test_by_hand():
    """Accepted beside rejected neighbours is better, the reverse worse; 5 neighbours vote from 10 others on."""
    features = np.array([[0.0]] * 6 + [[10.0]] * 6 + [[0.1], [0.2], [9.9], [10.1]])
    member = np.arange(16) >= 12
    accepted = np.array([False] * 6 + [True] * 6 + [True, False, False, False])
    flips = flip_test(features, member, accepted)
    assert (flips.better, flips.worse, flips.rows) == (1, 2, 4)
    assert flips.value == -0.25
    low, high = flips.interval()
    assert low < -0.25 < high


def test_flip_test_samples_large_groups():
    """Of more rows than asked for, a seeded sample is looked at."""
    generator = np.random.default_rng(0)
    features, member = generator.random((400, 3)) + 1e6, generator.random(400) < 0.5
    accepted = features[:, 0] > 1e6 + 0.5
    flips = flip_test(features, member, accepted, most_rows=100)
    assert flips.rows == 100
    assert flips == flip_test(features, member, accepted, most_rows=100)
    assert abs(flips.value) < 0.2


@pytest.mark.parametrize(
    ("features", "member", "told"),
    [
        pytest.param([[1.0], [math.nan]], [True, False], "finite", id="missing feature"),
        pytest.param([[1.0], [2.0]], [True, True], "rows of the group and of the others", id="one side"),
        pytest.param([[1.0]], [True, False], "a row for each prediction", id="lengths"),
    ],
)
def test_flip_test_refusals(features, member, told):
    """What no neighbour can be found for is refused with the reason."""
    with pytest.raises(ValueError, match=told):
        flip_test(np.array(features), np.array(member), np.array([True, False]))
