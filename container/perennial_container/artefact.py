"""The model artefact: `model.onnx` and `model.json`, and nothing that runs code when it is opened.

Reading verifies the checksum and predicts the golden sample; what does not agree is not served.
"""

import hashlib
import json
import math
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from perennial_container.encoding import FeatureEncoding, encode
from perennial_container.errors import ArtefactError, SchemaError
from perennial_container.predictor import Predictor, Rescaling, open_session
from perennial_container.schema import Schema
from perennial_container.table import Table

VERSION = 1
GRAPH = "model.onnx"
DESCRIPTION = "model.json"
GOLDEN_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Artefact:
    """A verified model; `description` is the whole model.json."""

    schema: Schema
    encodings: tuple[FeatureEncoding, ...]
    predictor: Predictor
    description: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path, *, threads: int) -> Self:
        """Read and verify the artefact in a folder. Raises ArtefactError with the reason."""
        try:
            return cls.verify(
                (folder / GRAPH).read_bytes(), (folder / DESCRIPTION).read_bytes(), threads=threads
            )
        except OSError as error:
            raise ArtefactError(f"the artefact cannot be read: {error.strerror} {error.filename}") from error

    @classmethod
    def load_archive(cls, archive: Path, *, threads: int) -> Self:
        """Read and verify the artefact in a model.tar.gz without unpacking it to disk."""
        try:
            with tarfile.open(archive) as tar:
                files = {member.name.removeprefix("./"): member for member in tar if member.isfile()}
                contents = [tar.extractfile(files[name]) for name in (GRAPH, DESCRIPTION)]
                graph, description = [file.read() for file in contents if file is not None]
        except KeyError as error:
            raise ArtefactError(f"{archive.name} holds no {error}") from error
        except (OSError, EOFError, tarfile.TarError) as error:
            raise ArtefactError(f"{archive.name} is not a readable archive: {error}") from error
        return cls.verify(graph, description, threads=threads)

    @classmethod
    def verify(cls, graph: bytes, description: bytes, *, threads: int) -> Self:
        """Build a model from its files' bytes and check it against its own golden sample."""
        document = _parse(description)
        try:
            if hashlib.sha256(graph).hexdigest() != document["sha256"]:
                raise ArtefactError("model.onnx is damaged: its SHA-256 is not the one in model.json")
            schema = Schema.from_json(document["schema"])
            encodings = tuple(FeatureEncoding.from_json(entry) for entry in document["features"])
            rescaling = Rescaling(**document["rescaling"])
            predictor = Predictor(open_session(graph, threads), schema, rescaling, document["threshold"])
            artefact = cls(schema, encodings, predictor, document)
            artefact._check_golden(document["golden"])
        except SchemaError as error:
            raise ArtefactError(f"model.json: {error}") from error
        except (KeyError, TypeError) as error:
            raise ArtefactError(f"model.json lacks or misshapes {error}") from error
        return artefact

    def _check_golden(self, golden: Mapping[str, Any]) -> None:
        found = self.predictor.raw(encode(golden_table(golden["rows"], self.schema), self.encodings))
        expected = np.array(golden["scores"], np.float64).reshape(found.shape)
        difference = float(np.max(np.abs(found - expected), initial=0.0))
        if not difference <= GOLDEN_TOLERANCE * max(1.0, float(np.max(np.abs(expected), initial=0.0))):
            raise ArtefactError(
                f"the golden sample is predicted {difference:.2g} away from what training saw"
            )


def _parse(description: bytes) -> dict[str, Any]:
    try:
        document = json.loads(description)
    except ValueError as error:
        raise ArtefactError(f"model.json is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ArtefactError(f"model.json is not of version {VERSION}")
    return document


def golden_table(rows: Sequence[Sequence[Any]], schema: Schema) -> Table:
    """Rows as in model.json, features in the schema's order, null for missing."""
    names = tuple(feature.name for feature in schema.features)
    texts: dict[str, list[str]] = {}
    matrix = np.full((len(rows), len(names)), np.nan, np.float32)
    for index, feature in enumerate(schema.features):
        cells = [row[index] for row in rows]
        if feature.categorical:
            places = texts[feature.name] = sorted({cell for cell in cells if cell is not None})
            cells = [None if cell is None else places.index(cell) for cell in cells]
        matrix[:, index] = [math.nan if cell is None else cell for cell in cells]
    return Table(names, matrix, texts)


def write(folder: Path, graph: bytes, description: Mapping[str, Any]) -> None:
    """Write both files; `description` is model.json without version and checksum."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"version": VERSION, "sha256": hashlib.sha256(graph).hexdigest(), **description}
    (folder / GRAPH).write_bytes(graph)
    (folder / DESCRIPTION).write_text(
        json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
