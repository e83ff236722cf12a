"""Reads the training channel into two tables: the rows to learn from, and the rows held out."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from perennial_analysis.bias.thresholds import by_threshold
from perennial_analysis.columns import Column
from perennial_analysis.columns import Table as Observed
from perennial_analysis.statistics import Statistics
from perennial_analysis.window.baseline import profile_inputs
from perennial_container.encoding import saturate
from perennial_container.errors import CellError, TrainingError
from perennial_container.schema import Schema
from perennial_container.table import Matrix, Table
from perennial_container.training import columns as reading
from perennial_container.training import holdout
from perennial_container.training.labels import match_classes
from perennial_container.training.observed import KINDS, Chosen, number_column, text_column
from perennial_container.training.parts import Batch, find_parts, read_part

log = logging.getLogger(__name__)

PROGRESS_ROWS = 1_000_000
Targets = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """One side of the split. `target` holds class places or numbers; `facet` places in `Dataset.facets`."""

    table: Table
    target: Targets
    facet: reading.Codes

    @property
    def count(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class Dataset:
    """All rows with a target; `fingerprint` changes with any of them. `observed` are the statistics of the training
    rows' features as they were given."""

    training: Rows
    holdout: Rows
    facets: list[str]
    without_target: int
    fingerprint: str
    observed: Statistics

    @property
    def total(self) -> int:
        return self.training.count + self.holdout.count


@dataclass
class _Side:
    """Collects the rows of one side; `finish` gives up the collected pieces while it copies them."""

    width: int
    matrices: list[Matrix] = field(default_factory=list)
    targets: list[Targets] = field(default_factory=list)
    facets: list[reading.Codes] = field(default_factory=list)

    def add(self, matrix: Matrix, target: Targets, facet: reading.Codes) -> None:
        self.matrices.append(matrix)
        self.targets.append(target)
        self.facets.append(facet)

    def finish(self, names: tuple[str, ...], texts: dict[str, list[str]]) -> Rows:
        whole = np.empty((sum(map(len, self.matrices)), self.width), np.float32)
        end = len(whole)
        while self.matrices:
            piece = self.matrices.pop()
            whole[end - len(piece) : end] = piece
            end -= len(piece)
        target = np.concatenate([np.empty(0), *self.targets])
        facet = np.concatenate([np.empty(0, np.int32), *self.facets])
        return Rows(Table(names, whole, texts), target, facet)


def read_dataset(
    channel: Path,
    schema: Schema,
    *,
    share: float,
    seed: int,
    facet: str | None,
    facet_threshold: Sequence[float] = (),
    check_stop: Callable[[], None],
) -> Dataset:
    """Read and split every part. Raises TrainingError naming part, row and column of what cannot be read."""
    split = _Split(schema, share, seed, facet, facet_threshold)

    def training_tables() -> Iterator[Observed]:
        for path in find_parts(channel):
            for batch in read_part(path, str(path.relative_to(channel)), split.wanted):
                check_stop()
                yield split.add(batch)

    return split.finish(profile_inputs(training_tables()))


class _Split:
    """Takes batches and collects the rows of both sides."""

    def __init__(
        self, schema: Schema, share: float, seed: int, facet: str | None, thresholds: Sequence[float]
    ) -> None:
        self.schema, self.share, self.seed, self.facet = schema, share, seed, facet
        self.thresholds = thresholds
        self.names = tuple(feature.name for feature in schema.features)
        self.wanted = list(dict.fromkeys([*self.names, schema.target, *([facet] if facet else [])]))
        self.vocabularies = {
            feature.name: reading.Vocabulary() for feature in schema.features if feature.categorical
        }
        self.facets = reading.Vocabulary()
        self.training, self.held = _Side(len(self.names)), _Side(len(self.names))
        self.rows = self.without_target = self.fingerprint = 0

    def add(self, batch: Batch) -> Observed:
        """Split one batch; returns its training rows as they were given."""
        features = _features(batch, self.schema, self.vocabularies)
        target, target_cells = _target(batch, self.schema)
        hashes = holdout.row_hashes([*features.cells, target_cells], self.seed)
        codes = _facet(batch, self.facet, self.thresholds, self.facets)
        known = ~np.isnan(target)
        out = known & holdout.held_out(hashes, self.share)
        chosen = known & ~out
        for side, mask in ((self.training, chosen), (self.held, out)):
            side.add(features.matrix[mask], target[mask], codes[mask])
        self.fingerprint = (self.fingerprint + int(hashes[known].sum(dtype=np.uint64))) % 2**64
        self.without_target += int((~known).sum())
        if (self.rows + batch.rows) // PROGRESS_ROWS > self.rows // PROGRESS_ROWS:
            log.info("read %d rows", self.rows + batch.rows)
        self.rows += batch.rows
        return {name: observe(chosen) for name, observe in features.observed.items()}

    def finish(self, observed: Statistics) -> Dataset:
        texts = {name: vocabulary.values() for name, vocabulary in self.vocabularies.items()}
        return Dataset(
            self.training.finish(self.names, texts),
            self.held.finish(self.names, texts),
            self.facets.values(),
            self.without_target,
            f"{self.rows}-{self.fingerprint:016x}",
            observed,
        )


@dataclass(frozen=True)
class _Features:
    """A batch's features: for the model, for the hash, and as the analysis sees those of some rows."""

    matrix: Matrix
    cells: list[holdout.Hashes]
    observed: dict[str, Callable[[Chosen], Column]]


def _features(batch: Batch, schema: Schema, vocabularies: dict[str, reading.Vocabulary]) -> _Features:
    matrix = np.empty((batch.rows, len(schema.features)), np.float32)
    cells: dict[str, holdout.Hashes] = {}
    observed: dict[str, Callable[[Chosen], Column]] = {}
    for index, feature in enumerate(schema.features):
        name, column = feature.name, batch.columns[feature.name]
        if not feature.categorical:
            values = _numbers(batch, name, feature.type)
            cells[name] = holdout.number_cells(values)
            matrix[:, index] = saturate(values)
        if KINDS[feature.type] == "String":
            codes, distinct = reading.texts(column)
            observed[name] = partial(text_column, name, codes, distinct)
        else:
            observed[name] = partial(number_column, name, KINDS[feature.type], values)
        if feature.categorical:
            cells[name] = holdout.text_cells(codes, distinct)
            merged = vocabularies[name].merge(codes, distinct)
            matrix[:, index] = np.where(merged == reading.MISSING_CODE, np.nan, merged)
    return _Features(matrix, [cells[name] for name in sorted(cells)], observed)


def _numbers(batch: Batch, name: str, kind: str) -> reading.Doubles:
    try:
        return reading.numbers(batch.columns[name], kind)
    except reading.BadCellError as error:
        raise TrainingError(
            f"{batch.part}, data row {batch.first_row + error.row}, column {name!r}: "
            f"{error.value[:40]!r} is not {error.expected}; correct it or change the schema's type"
        ) from error
    except CellError as error:
        raise TrainingError(f"{batch.part}, column {name!r}: {error}") from error


def _target(batch: Batch, schema: Schema) -> tuple[Targets, holdout.Hashes]:
    if schema.problem == "regression":
        values = _numbers(batch, schema.target, "float")
        return values, holdout.number_cells(values)
    codes, distinct = reading.texts(batch.columns[schema.target])
    matched = match_classes(distinct, schema.classes)
    for code, place in enumerate(matched):
        if place is None:
            row = batch.first_row + int(np.argmax(codes == code))
            raise TrainingError(
                f"{batch.part}, data row {row}, column {schema.target!r}: {distinct[code][:40]!r} "
                f"is not one of the schema's classes {list(schema.classes)[:20]}"
            )
    places = np.array([*matched, np.nan], np.float64)[codes]
    class_codes = np.where(np.isnan(places), reading.MISSING_CODE, places).astype(np.int32)
    return places, holdout.text_cells(class_codes, schema.classes)


def _facet(
    batch: Batch, facet: str | None, thresholds: Sequence[float], facets: reading.Vocabulary
) -> reading.Codes:
    if facet is None:
        return np.full(batch.rows, reading.MISSING_CODE, np.int32)
    if thresholds:
        try:
            numbers = _numbers(batch, facet, "float")
        except TrainingError as error:
            raise TrainingError(f"facet_threshold parts numbers: {error}") from error
        groups = by_threshold(numbers, thresholds)
        return facets.merge(*reading.texts(pa.array(groups, pa.string())))
    return facets.merge(*reading.texts(batch.columns[facet]))
