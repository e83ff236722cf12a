"""Statistics: what the file says of the data, and that parts make the whole."""

import json

import numpy as np
import pytest

from perennial_analysis.columns import Coded, Column, numbers, texts
from perennial_analysis.merge import merge
from perennial_analysis.sketch import K, from_levels, sketch_of_sorted, to_levels
from perennial_analysis.statistics import profile, profile_chunks
from perennial_analysis.statistics_file import UnreadableStatistics, read_statistics, write_statistics
from perennial_analysis.statistics_types import data_type

# From the tests of aws/sagemaker-python-sdk (Apache-2.0).
SDK_STATISTICS = {
    "version": 0.0,
    "dataset": {"item_count": 418},
    "features": [
        {
            "name": "message",
            "inferred_type": "String",
            "string_statistics": {
                "common": {"num_present": 418, "num_missing": 0},
                "distinct_count": 1.0,
                "distribution": {
                    "categorical": {
                        "buckets": [{"value": "preproc-not-YET-supported-for-csv-json", "count": 418}]
                    }
                },
            },
        }
    ],
}


def table(size=1000, seed=0):
    chance = np.random.default_rng(seed)
    price = chance.normal(10, 3, size)
    price[::7] = np.nan
    return {
        "price": numbers("price", price),
        "rooms": numbers("rooms", chance.poisson(3, size), "Integral"),
        "town": texts("town", [None if k % 10 == 0 else "abc"[k % 3] for k in range(size)]),
    }


def cut(columns, start, stop):
    return {
        name: Column(name, each.kind, each.values[start:stop], each.missing[start:stop])
        for name, each in columns.items()
    }


def test_the_file_has_model_monitors_shape():
    """Version 0.0, ten buckets from least to greatest, levels whose weights add up, categories by frequency."""
    document = json.loads(write_statistics(profile(table())))
    assert (0.0, 1000) == (document["version"], document["dataset"]["item_count"])
    price, rooms, town = document["features"]
    assert ["Fractional", "Integral", "String"] == [each["inferred_type"] for each in document["features"]]
    assert {"num_present": 857, "num_missing": 143} == price["numerical_statistics"]["common"]
    kll = price["numerical_statistics"]["distribution"]["kll"]
    assert {"c": 0.64, "k": 2048.0} == kll["sketch"]["parameters"]
    assert 857 == sum(len(level) << place for place, level in enumerate(kll["sketch"]["data"]))
    assert 10 == len(kll["buckets"])
    assert 857 == sum(each["count"] for each in kll["buckets"])
    assert 1000 == sum(
        each["count"] for each in rooms["numerical_statistics"]["distribution"]["kll"]["buckets"]
    )
    found = town["string_statistics"]["distribution"]["categorical"]["buckets"]
    assert [("a", 300), ("b", 300), ("c", 300)] == [(each["value"], each["count"]) for each in found]
    assert 3.0 == town["string_statistics"]["distinct_count"]


def test_moments_are_the_populations():
    """The deviation is divided by n, and missing values count for nothing."""
    found = profile({"x": numbers("x", [1.0, 2.0, None, 6.0])}).features["x"]
    expected = (3.0, 9.0, (14 / 3) ** 0.5, 1.0, 6.0)
    each = found.numbers
    assert expected == pytest.approx((each.mean, each.total, each.std_dev, each.minimum, each.maximum))
    assert (3, 1, 0.75) == (found.present, found.missing, found.completeness)


def test_buckets_are_half_open_but_the_last():
    """A value on a bound belongs to the upper bucket, the greatest to the last."""
    found = profile({"x": numbers("x", range(11))}).features["x"].numbers.buckets
    assert [1] * 9 + [2] == [each.count for each in found]
    constant = profile({"x": numbers("x", [4.0] * 5)}).features["x"].numbers.buckets
    assert [0] * 9 + [5] == [each.count for each in constant]


@pytest.mark.parametrize("write", [1, 2])
def test_the_sdks_sample_survives(write):
    """Model Monitor's own file is read, and written back the same however often."""
    data = json.dumps(SDK_STATISTICS).encode()
    for _ in range(write):
        data = write_statistics(read_statistics(data))
    assert SDK_STATISTICS == json.loads(data)


@pytest.mark.parametrize("size", [0, 1, 100, 5000, 70_000])
def test_the_file_says_what_memory_does(size):
    """A round trip through the file changes no byte."""
    data = write_statistics(profile(table(size)))
    assert data == write_statistics(read_statistics(data))


def test_other_files_are_refused_in_words():
    """What is no statistics.json is said to be none."""
    with pytest.raises(UnreadableStatistics, match=r"not a statistics\.json"):
        read_statistics(b'{"features": 3}')


@pytest.mark.parametrize("size", [1, 2048, 2049, 4097, 100_003])
def test_levels_weigh_what_the_data_count(size):
    """Weights add up to n exactly, and no rank is wrong by more than half a block."""
    values = np.random.default_rng(size).normal(size=size)
    levels = to_levels(sketch_of_sorted(np.sort(values)))
    assert sum(map(len, levels)) <= K + len(levels)
    found = from_levels(levels)
    assert size == found.total
    ordered = np.sort(values)
    wrong = np.abs(found.rank_of(ordered) - np.arange(1, size + 1)).max()
    assert wrong <= (size // K + 1 if size > K else 0)


def test_few_distinct_values_are_kept_exactly():
    """However many rows, a count column's distribution is its own."""
    values = np.repeat([0.0, 1.0, 5.0], [123_457, 88_001, 3])
    found = from_levels(to_levels(sketch_of_sorted(np.sort(values))))
    assert [[0.0, 1.0, 5.0], [123_457, 88_001, 3]] == [found.values.tolist(), found.weights.tolist()]


def test_chunks_are_the_whole():
    """However the rows are cut, the statistics are those of all rows."""
    columns = table(2000)
    whole = profile(columns)
    chunked = profile_chunks(cut(columns, start, start + 300) for start in range(0, 2000, 300))
    merged = merge([profile(cut(columns, 0, 700)), profile(cut(columns, 700, 2000))])
    for parts in (chunked, merged):
        assert whole.rows == parts.rows
        for name, expected in whole.features.items():
            found = parts.features[name]
            assert (expected.kind, expected.present, expected.missing) == (
                found.kind,
                found.present,
                found.missing,
            )
            assert expected.types == found.types
            assert expected.words == found.words
            if expected.numbers:
                assert expected.numbers.sketch.values.tolist() == found.numbers.sketch.values.tolist()
                assert expected.numbers.buckets == found.numbers.buckets
                assert expected.numbers.std_dev == pytest.approx(found.numbers.std_dev, rel=1e-12)


def test_large_parts_merge_within_the_sketches_error():
    """Sketches of parts give the whole's ranks to a thousandth."""
    values = np.random.default_rng(3).lognormal(size=200_000)
    parts = [profile({"x": numbers("x", each)}) for each in np.array_split(values, 7)]
    found = merge(parts).features["x"].numbers
    quantiles = np.quantile(values, np.linspace(0.01, 0.99, 50))
    shares = found.sketch.rank_of(quantiles) / found.sketch.total
    assert shares == pytest.approx(np.linspace(0.01, 0.99, 50), abs=1e-3)
    assert found.std_dev == pytest.approx(values.std(), rel=1e-9)
    assert 200_000 == sum(each.count for each in found.buckets)


def test_a_column_that_a_part_lacks_is_missing_there():
    """Counts of present and missing add up to the rows of all parts."""
    one = {"a": numbers("a", [1, 2], "Integral")}
    two = {"a": numbers("a", [3], "Integral"), "b": texts("b", ["x"])}
    for found in (profile_chunks([one, two]), merge([profile(one), profile(two)])):
        assert (1, 2) == (found.features["b"].present, found.features["b"].missing)
    found = profile_chunks([two, one])
    assert (1, 2) == (found.features["b"].present, found.features["b"].missing)


def test_too_many_values_are_not_listed():
    """Beyond 120 the values are counted, not named; a baseline that names its own raises the limit."""
    many = {"id": texts("id", map(str, range(121)))}
    assert (121, None) == (
        profile(many).features["id"].words.distinct,
        profile(many).features["id"].words.counts,
    )
    few = profile({"id": texts("id", ["1", "2"])})
    assert 121 == len(profile(many, few).features["id"].words.counts)


def test_text_in_a_numeric_column_is_counted_by_type():
    """Against a numeric baseline, what reads as a number is one, and the rest is told by type."""
    baseline = profile({"n": numbers("n", [1, 2, 3], "Integral")})
    found = profile({"n": texts("n", ["1", "2", "2", "3.5", "oops", "true", None])}, baseline).features["n"]
    assert {"Integral": 3, "Fractional": 1, "String": 1, "Boolean": 1} == found.types
    assert ("Integral", 6, 1, 4) == (found.kind, found.present, found.missing, found.numbers.sketch.total)
    again = read_statistics(write_statistics(profile({"n": texts("n", ["1", "x"])}, baseline))).features["n"]
    assert {"Integral": 1, "String": 1} == again.types


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", "Integral"),
        ("-3", "Integral"),
        ("+ 3", "Integral"),
        ("3.0", "Fractional"),
        ("3e5", "Fractional"),
        ("-3.1E-5", "Fractional"),
        ("3.", "String"),
        (".5", "String"),
        ("1,000", "String"),
        ("3\n", "String"),
        ("true", "Boolean"),
        ("True", "String"),
        ("", "String"),
    ],
)
def test_types_are_deequs(text, expected):
    """A value is of the type that Deequ's expressions give it."""
    assert expected == data_type(text)


def test_what_is_not_finite_is_missing():
    """Infinities compare with nothing; a column without values is Unknown."""
    found = profile({"x": numbers("x", [1.0, np.inf, -np.inf]), "y": numbers("y", [None])})
    assert (1, 2) == (found.features["x"].present, found.features["x"].missing)
    assert "Unknown" == found.features["y"].kind
    assert "Unknown" == read_statistics(write_statistics(found)).features["y"].kind


def test_the_largest_floats_are_values():
    """Statistics of sentinels at the end of the scale are finite, and the file says the same as memory."""
    largest = np.finfo(float).max
    found = profile_chunks([{"x": numbers("x", [largest, largest, 1.0])}, {"x": numbers("x", [-largest])}])
    each = found.features["x"].numbers
    assert np.isfinite([each.mean, each.total, each.std_dev]).all()
    assert [1, 1, 2] == [bucket.count for bucket in each.buckets if bucket.count]
    assert write_statistics(found) == write_statistics(read_statistics(write_statistics(found)))


def test_coded_text_counts_like_text():
    """A dictionary may repeat a word and need not use each."""
    codes = np.array([0, 1, 2, 0, 9])
    missing = np.array([False, False, False, False, True])
    values = np.array(["a", "b", "a", "a", None], dtype=object)
    column = Column("s", "String", values, missing, Coded(codes, ["a", "b", "a", "unused"]))
    assert {"a": 3, "b": 1} == column.counts()
