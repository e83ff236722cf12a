"""statistics.json of SageMaker Model Monitor, read and written.

Written are the documented fields only, but for two: where the values of a column are of several types, `common` has
`data_types` with their counts, and where those of a text column are too many to list, its distribution is `hashed`.
Readers ignore both; our checks and `merge` need them.
Format: AWS developer guide, "Schema for Statistics (statistics.json file)".
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from perennial_analysis.columns import Kind
from perennial_analysis.hashed import BUCKETS, CELLS, Hashed
from perennial_analysis.sketch import EMPTY, Sketch, from_levels, to_levels, weighted
from perennial_analysis.statistics import Bucket, Feature, Numbers, Statistics, Words
from perennial_analysis.statistics_types import DataType

SHRINKING_FACTOR = 0.64
SKETCH_SIZE = 2048.0


class _Common(msgspec.Struct, omit_defaults=True):
    num_present: float
    num_missing: float
    data_types: dict[DataType, int] = {}


class _Bucket(msgspec.Struct):
    lower_bound: float
    upper_bound: float
    count: float


class _Parameters(msgspec.Struct):
    c: float = SHRINKING_FACTOR
    k: float = SKETCH_SIZE


class _Sketch(msgspec.Struct):
    parameters: _Parameters
    data: list[list[float]]


class _Kll(msgspec.Struct):
    buckets: list[_Bucket] = []
    sketch: _Sketch | None = None


class _NumericDistribution(msgspec.Struct):
    kll: _Kll | None = None


class _Numeric(msgspec.Struct):
    common: _Common
    mean: float | None = None
    sum: float | None = None
    std_dev: float | None = None
    min: float | None = None
    max: float | None = None
    distribution: _NumericDistribution | None = None


class _Category(msgspec.Struct):
    value: str
    count: float


class _Categories(msgspec.Struct):
    buckets: list[_Category] = []


class _Hashed(msgspec.Struct):
    buckets: list[int]
    seen: bytes | None = None
    once: int = 0
    unseen: int = 0


class _TextDistribution(msgspec.Struct):
    categorical: _Categories | None = None
    hashed: _Hashed | None = None


class _Text(msgspec.Struct, omit_defaults=True):
    common: _Common
    distinct_count: float = 0.0
    distribution: _TextDistribution | None = None


class _Feature(msgspec.Struct, omit_defaults=True):
    name: str
    inferred_type: Kind
    numerical_statistics: _Numeric | None = None
    string_statistics: _Text | None = None


class _Dataset(msgspec.Struct):
    item_count: float


class _File(msgspec.Struct):
    dataset: _Dataset
    features: list[_Feature]
    version: float = 0.0


class UnreadableStatistics(Exception):
    """The file is not a statistics.json: what is wrong, and where."""


def read_statistics(data: bytes) -> Statistics:
    """A statistics.json of ours or of Model Monitor. Raises UnreadableStatistics."""
    try:
        file = msgspec.json.decode(data, type=_File)
    except msgspec.DecodeError as error:
        raise UnreadableStatistics(f"not a statistics.json of Model Monitor's format: {error}") from error
    return Statistics(int(file.dataset.item_count), {each.name: _feature(each) for each in file.features})


def write_statistics(statistics: Statistics) -> bytes:
    """The same statistics give the same bytes."""
    document = {
        "version": 0.0,
        "dataset": {"item_count": statistics.rows},
        "features": [_document(feature) for feature in statistics.features.values()],
    }
    return msgspec.json.encode(document, order="sorted")


def _document(feature: Feature) -> dict[str, Any]:
    common: dict[str, Any] = {"num_present": feature.present, "num_missing": feature.missing}
    if set(feature.types) - {feature.kind}:
        common["data_types"] = dict(feature.types)
    document: dict[str, Any] = {"name": feature.name, "inferred_type": feature.kind}
    if feature.numbers is not None:
        document["numerical_statistics"] = {"common": common, **_numeric(feature.numbers)}
    elif feature.words is not None:
        text: dict[str, Any] = {"common": common, "distinct_count": float(feature.words.distinct)}
        if feature.words.counts is not None:
            found = [{"value": value, "count": count} for value, count in feature.words.counts.items()]
            text["distribution"] = {"categorical": {"buckets": found}}
        elif feature.words.hashed is not None:
            text["distribution"] = {"hashed": _hashed(feature.words.hashed)}
        document["string_statistics"] = text
    return document


def _hashed(hashed: Hashed) -> dict[str, Any]:
    found = {"buckets": hashed.buckets.tolist(), "once": hashed.once, "unseen": hashed.unseen}
    return found | ({"seen": hashed.seen} if hashed.seen else {})


def _numeric(numbers: Numbers) -> dict[str, Any]:
    return {
        "mean": numbers.mean,
        "sum": numbers.total,
        "std_dev": numbers.std_dev,
        "min": numbers.minimum,
        "max": numbers.maximum,
        "distribution": {
            "kll": {
                "buckets": [
                    {"lower_bound": each.lower, "upper_bound": each.upper, "count": each.count}
                    for each in numbers.buckets
                ],
                "sketch": {
                    "parameters": {"c": SHRINKING_FACTOR, "k": SKETCH_SIZE},
                    "data": to_levels(numbers.sketch),
                },
            }
        },
    }


def _feature(given: _Feature) -> Feature:
    numeric, text = given.numerical_statistics, given.string_statistics
    statistics = numeric or text
    common = statistics.common if statistics else _Common(0, 0)
    present, missing = int(common.num_present), int(common.num_missing)
    kind: DataType = "String" if given.inferred_type == "Unknown" else given.inferred_type
    types = dict(common.data_types) or ({kind: present} if present else {})
    words = None
    if text:
        listed = text.distribution and text.distribution.categorical
        counts = {each.value: int(each.count) for each in listed.buckets} if listed else None
        words = Words(int(text.distinct_count), counts, _words_hashed(text.distribution))
    return Feature(given.name, given.inferred_type, present, missing, types, _numbers(numeric), words)


def _words_hashed(given: _TextDistribution | None) -> Hashed | None:
    found = given.hashed if given else None
    if found is None:
        return None
    if len(found.buckets) != BUCKETS or len(found.seen or b"") not in (0, CELLS // 8):
        return None  # of another version
    return Hashed(np.array(found.buckets, dtype=np.int64), found.seen, found.once, found.unseen)


def _numbers(given: _Numeric | None) -> Numbers | None:
    if given is None:
        return None
    kll = given.distribution.kll if given.distribution else None
    found = tuple(Bucket(b.lower_bound, b.upper_bound, int(b.count)) for b in kll.buckets) if kll else ()
    sketch = from_levels(kll.sketch.data) if kll and kll.sketch else _of_buckets(found)
    return Numbers(
        given.mean or 0.0,
        given.sum or 0.0,
        given.std_dev or 0.0,
        given.min or 0.0,
        given.max or 0.0,
        sketch,
        found,
    )


def _of_buckets(found: tuple[Bucket, ...]) -> Sketch:
    """What a file without a sketch still tells of the distribution: each bucket's count at its middle."""
    filled = [each for each in found if each.count]
    if not filled:
        return EMPTY
    points = [((b.lower / 2 + b.upper / 2), b.count) for b in filled]
    middles, counts = zip(*points, strict=True)
    return weighted(np.array(middles, dtype=np.float64), np.array(counts, dtype=np.int64))
