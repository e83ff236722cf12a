"""The statistics of parts of a dataset, merged into those of the whole.

Counts, sums, means, deviations, ends and listed categories are exact. Ranks are exact while the parts are small, and
otherwise wrong by at most what the parts' own sketches were wrong by, plus n / 4096. Where one part has too many
different texts to list them, the number of distinct ones is the largest part's: a lower bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from perennial_analysis.columns import NUMERIC, Kind
from perennial_analysis.hashed import Hashed, add_hashed, hash_words
from perennial_analysis.sketch import merged
from perennial_analysis.statistics import Feature, Moments, Numbers, Statistics, Words, listed
from perennial_analysis.statistics_types import DataType


def merge(parts: Sequence[Statistics], baseline: Statistics | None = None) -> Statistics:
    """The statistics of all parts together; features in the order in which they first occur. `baseline` is the one
    that the parts were profiled with."""
    names = dict.fromkeys(name for part in parts for name in part.features)
    rows = sum(part.rows for part in parts)
    known = baseline.features if baseline else {}
    return Statistics(
        rows,
        {
            name: _merge(
                [part.features[name] for part in parts if name in part.features], rows, known.get(name)
            )
            for name in names
        },
    )


def _merge(parts: Sequence[Feature], rows: int, known: Feature | None) -> Feature:
    """Of one feature; it is missing in every row of a part that lacks it. Only what all parts take for an identifier
    is one, and only what comes and goes in each of them may do so."""
    present = sum(part.present for part in parts)
    types: Counter[DataType] = Counter()
    for part in parts:
        types.update(part.types)
    kind = _kind({part.kind for part in parts if part.present})
    numbers = words = None
    if kind in NUMERIC:
        numbers = _numbers([part for part in parts if part.numbers])
    else:
        words = _words(parts, known)
    roles = {part.role for part in parts if part.present}
    role = roles.pop() if len(roles) == 1 else None
    varying = [part.variation for part in parts if part.present]
    variation = max(varying) if varying and min(varying) > 0 else 0.0
    return Feature(parts[0].name, kind, present, rows - present, dict(types), numbers, words, role, variation)


def _kind(kinds: set[Kind]) -> Kind:
    for kind in ("String", "Fractional", "Integral"):
        if kind in kinds:
            return kind
    return "Unknown"


def _numbers(parts: Sequence[Feature]) -> Numbers:
    moments = Moments()
    for part in parts:
        if part.numbers and (count := part.numbers.sketch.total):
            each = part.numbers
            squares = each.std_dev * each.std_dev * count
            moments.add(count, each.mean, squares, each.total, each.minimum, each.maximum)
    return moments.numbers(merged([part.numbers.sketch for part in parts if part.numbers]))


def _words(parts: Sequence[Feature], known: Feature | None) -> Words:
    """A part whose values read as numbers has no words to add to those of the others."""
    found = [part.words for part in parts if part.words and part.present]
    whole = len(found) == sum(1 for part in parts if part.present)
    if whole and all(each.counts is not None for each in found):
        counts: Counter[str] = Counter()
        for each in found:
            counts.update(each.counts or {})
        listed_words = listed(counts, len(counts), known)
        if listed_words.counts is not None:
            return listed_words
        return replace(listed_words, hashed=hash_words(counts, _hashed(known)))
    return Words(max((each.distinct for each in found), default=0), None, _all_hashed(found, known, whole))


def _all_hashed(found: Sequence[Words], known: Feature | None, whole: bool) -> Hashed | None:
    """Nothing where one part has neither a list nor hashes."""
    baseline = _hashed(known)
    parts = [hash_words(each.counts, baseline) if each.counts is not None else each.hashed for each in found]
    kept = [each for each in parts if each is not None]
    return add_hashed(kept) if whole and kept and len(kept) == len(parts) else None


def _hashed(known: Feature | None) -> Hashed | None:
    return known.words.hashed if known and known.words else None
