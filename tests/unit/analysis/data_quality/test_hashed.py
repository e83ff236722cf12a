"""Text columns with too many values to list: their hashes in parts, in files, and beside a baseline's."""

import msgspec
import numpy as np
import pytest

from perennial_analysis.columns import texts
from perennial_analysis.hashed import MOST_SEEN, hash_words
from perennial_analysis.merge import merge
from perennial_analysis.statistics import profile, profile_chunks
from perennial_analysis.statistics_file import read_statistics, write_statistics


def codes(size, seed, first=0, most=3000):
    chosen = np.random.default_rng(seed).integers(first, first + most, size)
    return {"x": texts("x", [f"code {place}" for place in chosen])}


@pytest.mark.parametrize("known", [None, profile(codes(20_000, seed=1))], ids=["a baseline", "a window"])
def test_parts_merge_into_the_whole(known):
    """Hashes of parts add up to those of the whole, bit for bit; values that two parts have once each count twice."""
    parts = [codes(4000, seed=2, first=1000), codes(4000, seed=3)]
    one, other = (profile(part, known) for part in parts)
    both = merge([one, other], known).features["x"].words.hashed
    whole = profile_chunks(parts, known).features["x"].words.hashed
    assert both.buckets.tolist() == whole.buckets.tolist()
    assert (both.seen, both.unseen) == (whole.seen, whole.unseen)
    assert both.once >= whole.once


def test_a_part_with_few_values_joins_one_with_many():
    """A part whose values could be listed gives its hashes to a whole that cannot be."""
    few, many = codes(200, seed=4, most=50), codes(4000, seed=5)
    merged = merge([profile(few), profile(many)]).features["x"].words
    assert merged.counts is None
    assert (
        merged.hashed.buckets.tolist()
        == profile_chunks([few, many]).features["x"].words.hashed.buckets.tolist()
    )


def test_hashes_outlive_the_file():
    """What is written is read, and one made by another version is left aside."""
    document = write_statistics(profile(codes(4000, seed=6)))
    words = read_statistics(document).features["x"].words
    assert words.hashed.buckets.sum() == 4000
    assert write_statistics(read_statistics(document)) == document
    other = msgspec.json.decode(document)
    other["features"][0]["string_statistics"]["distribution"]["hashed"]["buckets"] = [1, 2]
    assert read_statistics(msgspec.json.encode(other)).features["x"].words.hashed is None


def test_new_values_are_counted():
    """Rows with values that the baseline lacks are counted to within those that share a cell with a known one."""
    known = profile(codes(30_000, seed=7))
    window = profile(codes(1000, seed=8, first=10_000), known)
    assert window.features["x"].words.hashed.unseen > 950
    assert profile(codes(1000, seed=9), known).features["x"].words.hashed.unseen < 5


def test_too_many_values_are_only_counted_by_bucket():
    """Where the bits would be full, newness is not judged."""
    hashed = hash_words({f"{place}": 1 for place in range(MOST_SEEN + 1)})
    assert hashed.seen is None
    assert hash_words({"new": 3}, hashed).unseen == 0


def test_more_values_than_are_remembered_do_not_end_it():
    """Beyond the most distinct values that are held, rows are still counted by bucket."""
    table = {"x": texts("x", [str(place % 150_000) for place in range(300_000)])}
    words = profile(table).features["x"].words
    assert words.counts is None
    assert words.hashed.buckets.sum() == 300_000
