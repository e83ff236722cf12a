"""The model artefact: `model.onnx` and `model.json`, and nothing that runs code when it is opened.

A user's own model has files of its own in the graph's place, and `handler` in model.json says what reads them.
Reading verifies every checksum and predicts the golden sample; what does not agree is not served.
"""

import hashlib
import json
import math
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np

from perennial_container import runtime
from perennial_container.encoding import FeatureEncoding, encode
from perennial_container.errors import ArtefactError, RequestError, SchemaError
from perennial_container.predictor import INPUT, OUTPUT, Predictor, Rescaling, Session, open_session
from perennial_container.schema import Schema
from perennial_container.seal import NOBODY, Trust, check, sealed
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

    @property
    def handler(self) -> str | None:
        """What reads a user's own model; None where model.onnx is what training here wrote."""
        return self.description.get("handler")

    @classmethod
    def load(cls, folder: Path, *, threads: int, trust: Trust = NOBODY) -> Self:
        """Read and verify the artefact in a folder. Raises ArtefactError with the reason."""
        try:
            document = _parse((folder / DESCRIPTION).read_bytes())
            check(document, trust.key)
            return cls._verified(document, _Opening(folder, document, threads, trust))
        except OSError as error:
            raise ArtefactError(f"the artefact cannot be read: {error.strerror} {error.filename}") from error

    @classmethod
    def load_archive(cls, archive: Path, *, threads: int, trust: Trust = NOBODY) -> Self:
        """Read and verify the artefact in a model.tar.gz; it is unpacked only for a while."""
        with TemporaryDirectory() as place:
            try:
                with tarfile.open(archive) as tar:
                    tar.extractall(place, filter="data")
            except (OSError, EOFError, tarfile.TarError) as error:
                raise ArtefactError(f"{archive.name} is not a readable archive: {error}") from error
            if not (Path(place) / DESCRIPTION).is_file():
                raise ArtefactError(f"{archive.name} holds no {DESCRIPTION!r}")
            return cls.load(Path(place), threads=threads, trust=trust)

    @classmethod
    def _verified(cls, document: dict[str, Any], opening: "_Opening") -> Self:
        """Build a model and check it against its own golden sample."""
        try:
            schema = Schema.from_json(document["schema"])
            encodings = tuple(FeatureEncoding.from_json(entry) for entry in document["features"])
            rescaling = Rescaling(**document["rescaling"])
            predictor = Predictor(
                opening.session(schema, encodings), schema, rescaling, document["threshold"]
            )
            artefact = cls(schema, encodings, predictor, document)
            artefact._check_golden(document["golden"])
        except SchemaError as error:
            raise ArtefactError(f"model.json: {error}") from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ArtefactError(f"model.json lacks or misshapes {error}") from error
        return artefact

    def _check_golden(self, golden: Mapping[str, Any]) -> None:
        rows = encode(golden_table(golden["rows"], self.schema), self.encodings)
        try:
            found = self.predictor.raw(rows)
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ArtefactError(f"the golden sample cannot be predicted: {str(error)[:300]}") from error
        expected = np.array(golden["scores"], np.float64).reshape(found.shape)
        difference = float(np.max(np.abs(found - expected), initial=0.0))
        if not difference <= GOLDEN_TOLERANCE * max(1.0, float(np.max(np.abs(expected), initial=0.0))):
            raise ArtefactError(
                f"the golden sample is predicted {difference:.2g} away from what training saw"
            )


@dataclass(frozen=True)
class _Opening:
    """How an artefact becomes what computes."""

    folder: Path
    document: Mapping[str, Any]
    threads: int
    trust: Trust

    def session(self, schema: Schema, encodings: tuple[FeatureEncoding, ...]) -> Session:
        """Raises ArtefactError."""
        handler, digest = self.document.get("handler"), self.document["sha256"]
        if handler is not None:
            runtime.require_whole(self.folder, self.document["files"])
            return runtime.open_handler(str(handler), self.folder, encodings, schema.outputs, self.trust)
        graph = (self.folder / GRAPH).read_bytes()
        if hashlib.sha256(graph).hexdigest() != digest:
            raise ArtefactError("model.onnx is damaged: its SHA-256 is not the one in model.json")
        session: Session = open_session(graph, self.threads)
        return session


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


def write(folder: Path, graph: bytes, description: Mapping[str, Any], *, key: str | None = None) -> None:
    """Write both files; `description` is model.json without version and checksums. With a key it is signed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GRAPH).write_bytes(graph)
    _describe(folder, {"sha256": hashlib.sha256(graph).hexdigest(), **description}, key)


def write_own(
    folder: Path,
    handler: str,
    schema: Schema,
    rows: Sequence[Sequence[Any]],
    *,
    categories: Mapping[str, Sequence[str]] | None = None,
    threshold: float = 0.5,
    expected: Any = None,
    key: str | None = None,
) -> None:
    """Describe a model of one's own, whose files and `code/` lie in the folder already.

    `rows` are a few rows as the caller sends them, null for missing: the handler predicts them now, and a server
    that does not get the same scores never answers. A text feature with `categories` arrives as one of them or as
    missing, any other text as it is. `expected`, rows by outputs, is what the model itself says of them: a conversion
    that differs by more than 0.0001 is not written. Raises ArtefactError if the handler cannot do it.
    """
    encodings = tuple(
        FeatureEncoding(feature, _categories(feature.name, categories)) for feature in schema.features
    )
    session = runtime.open_handler(handler, folder, encodings, schema.outputs, runtime.trusting(handler))
    try:
        [scores] = session.run([OUTPUT], {INPUT: encode(golden_table(rows, schema), encodings)})
    except RequestError as error:
        raise ArtefactError(f"the golden sample cannot be predicted: {error}") from error
    if schema.classes and ((scores < -GOLDEN_TOLERANCE) | (scores > 1 + GOLDEN_TOLERANCE)).any():
        raise ArtefactError(
            f"the handler gives {scores.min():.4g} to {scores.max():.4g} for the golden sample: no probabilities"
        )
    if expected is not None:
        difference = float(np.max(np.abs(scores - np.asarray(expected).reshape(scores.shape)), initial=0.0))
        if not difference <= GOLDEN_TOLERANCE:
            raise ArtefactError(f"the handler's scores are {difference:.2g} away from the model's own")
    description = {
        "schema": schema.to_json(),
        "features": [encoding.to_json() for encoding in encodings],
        "rescaling": asdict(Rescaling()),
        "threshold": threshold,
        "golden": {"rows": [list(row) for row in rows], "scores": scores.tolist()},
    }
    write_handled(folder, handler, description, key=key)


def write_handled(
    folder: Path, handler: str, description: Mapping[str, Any], *, key: str | None = None
) -> None:
    """Write model.json for files that a handler reads and that lie in the folder already."""
    files = runtime.checksums(folder)
    _describe(
        folder, {"sha256": runtime.identity(files), "files": files, "handler": handler, **description}, key
    )


def _categories(name: str, categories: Mapping[str, Sequence[str]] | None) -> tuple[str, ...] | None:
    found = (categories or {}).get(name)
    return None if found is None else tuple(found)


def _describe(folder: Path, description: Mapping[str, Any], key: str | None) -> None:
    document = sealed({"version": VERSION, **description}, key)
    (folder / DESCRIPTION).write_text(
        json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
