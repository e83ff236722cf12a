"""Makes the golden sample: a few rows and their scores, by which a server knows that its model is whole."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from perennial_container.artefact import golden_table
from perennial_container.encoding import FeatureEncoding, encode
from perennial_container.predictor import INPUT, OUTPUT, Session
from perennial_container.schema import Schema
from perennial_container.table import Table

ROWS = 5


def golden_sample(
    table: Table, schema: Schema, encodings: Sequence[FeatureEncoding], session: Session, seed: int
) -> dict[str, Any]:
    """Rows put together from cells of different training rows, so that nobody's record is in the artefact."""
    generator = np.random.default_rng(seed)
    columns: list[list[Any]] = []
    for feature in schema.features:
        cells = table.column(feature.name)[generator.integers(0, table.rows, ROWS)]
        known = [None if np.isnan(cell) else float(cell) for cell in cells]
        if feature.categorical:
            texts = table.texts[feature.name]
            columns.append([None if cell is None else texts[int(cell)] for cell in known])
        else:
            columns.append(known)
    rows = [list(row) for row in zip(*columns, strict=True)]
    encoded = encode(golden_table(rows, schema), encodings)
    scores = session.run([OUTPUT], {INPUT: encoded})[0]
    return {"rows": rows, "scores": scores.astype(np.float64).tolist()}
