"""Runs a user's own model in the place of a graph: finds its handler, loads it, and checks what it gives."""

import hashlib
import json
import logging
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import ArtefactError, ContainerError, RequestError
from perennial_container.handlers import HANDLERS, Batch, InvalidRows, Rows
from perennial_container.predictor import INPUT
from perennial_container.seal import Trust

log = logging.getLogger(__name__)

CODE = "code"
DESCRIPTION = "model.json"


def trusting(handler: str) -> Trust:
    """For whoever has just written the artefact: its own code may run."""
    return Trust(program=handler.removeprefix(f"{CODE}/"))


class HandlerSession:
    """A loaded model of a user's own; it is run as a graph's session is.

    `outputs` is how many numbers a row has: 1, or one per class.
    """

    def __init__(
        self, handler: ModuleType, model: Any, encodings: Sequence[FeatureEncoding], outputs: int
    ) -> None:
        self._handler = handler
        self._model = model
        self._encodings = encodings
        self._outputs = outputs

    def run(self, _: Sequence[str], inputs: Mapping[str, Rows]) -> list[Any]:
        """One array, rows by outputs. Raises RequestError: 400 for rows that it refuses, 500 if it fails."""
        batch = Batch(inputs[INPUT], self._encodings)
        try:
            found = self._handler.predict(self._model, batch)
        except InvalidRows as error:
            line = None if error.row is None else error.row + 1
            raise RequestError(
                400, "invalid_rows", str(error)[:300], line=line, column=error.column
            ) from error
        except Exception as error:
            # Its message may quote the payload: the log has where it was raised, and what.
            where = "".join(traceback.format_tb(error.__traceback__)).strip()
            log.error("predict of the model's handler raised %s\n%s", type(error).__name__, where)
            raise _failed(f"raised {type(error).__name__}; the server's log says where") from error
        return [scores(found, batch.rows, self._outputs)]


def scores(found: Any, rows: int, outputs: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What a handler gave as rows by outputs. Raises RequestError 500 for what cannot be that.

    One number a row may come in one dimension; two classes may have a column each, the positive one last.
    """
    try:
        given = np.asarray(found)
        # Texts that look like numbers are labels, and of a complex number only a part would be left.
        if given.dtype.kind not in "fiubO" or (given.dtype.kind == "O" and _has_text(given)):
            raise _failed(f"gave an array of {given.dtype}, expected numbers")
        values = given.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise _failed("gave what is no array of numbers") from error
    if values.ndim == 1 and outputs == 1:
        values = values[:, None]
    if outputs == 1 and values.shape == (rows, 2):
        values = values[:, 1:]
    if values.shape != (rows, outputs):
        raise _failed(f"gave an array of shape {values.shape} for {rows} rows, expected {(rows, outputs)}")
    if not np.isfinite(values).all():
        raise _failed(f"gave no number for row {int(np.argwhere(~np.isfinite(values))[0][0]) + 1}")
    return values


def _has_text(values: np.ndarray[Any, Any]) -> bool:
    return any(isinstance(value, str | bytes) for value in values.flat)


def _failed(what: str) -> RequestError:
    return RequestError(500, "handler_failed", f"predict of the model's handler {what}")


def open_handler(
    name: str, folder: Path, encodings: Sequence[FeatureEncoding], outputs: int, trust: Trust
) -> HandlerSession:
    """Find a handler and let it load the folder's model. Raises ArtefactError with the reason."""
    handler = find_handler(name, folder, trust)
    try:
        model = handler.load(folder)
    except ContainerError:
        raise
    except (Exception, SystemExit) as error:
        log.exception("load of the handler %s failed", name)
        raise ArtefactError(
            f"load of the handler {name!r} raised {type(error).__name__}: {str(error)[:300]}"
        ) from error
    return HandlerSession(handler, model, encodings, outputs)


def find_handler(name: str, folder: Path, trust: Trust) -> ModuleType:
    """The module behind a name. Raises ArtefactError if there is none, or if it may not run."""
    try:
        if name.startswith(f"{CODE}/"):
            _require_trusted(name, trust)
            handler = _module_of(folder / name)
        else:
            path = HANDLERS.get(name, name if "." in name else None)
            if path is None:
                raise ArtefactError(f"there is no handler {name!r}; known are {', '.join(HANDLERS)}")
            handler = import_module(path)
    except ContainerError:
        raise
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported
        log.exception("the handler %s cannot be imported", name)
        raise ArtefactError(
            f"the handler {name!r} cannot be imported: {type(error).__name__}: {str(error)[:300]}"
        ) from error
    lacking = [attribute for attribute in ("load", "predict") if not hasattr(handler, attribute)]
    if lacking:
        raise ArtefactError(f"the handler {name!r} lacks {' and '.join(lacking)}")
    return handler


def _require_trusted(name: str, trust: Trust) -> None:
    """Code that comes with the data runs only if it is signed, or if whoever made the SageMaker model named it."""
    if trust.key is None and name.removeprefix(f"{CODE}/") != trust.program:
        raise ArtefactError(
            f"the artefact wants to run its own {name}: set SAGEMAKER_PROGRAM={name.removeprefix(f'{CODE}/')} "
            "to allow that, or PERENNIAL_SIGNING_KEY where training has it, too"
        )


class _Source(SourceLoader):
    """Runs a source as it is: compiled code that lies beside it is neither read nor written."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def get_filename(self, _: str) -> str:
        return str(self._file)

    def get_data(self, _: bytes | str) -> bytes:
        return self._file.read_bytes()


def _module_of(file: Path) -> ModuleType:
    loader = _Source(file)
    spec = spec_from_loader(f"perennial_handler_{file.stem}", loader)
    if spec is None:
        raise ArtefactError(f"{file.name} is no module")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of a model's own, by its path; model.json has a checksum in itself."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / DESCRIPTION
    }


def identity(files: Mapping[str, str]) -> str:
    """One SHA-256 for all files of a model."""
    return hashlib.sha256(json.dumps(dict(files), sort_keys=True).encode()).hexdigest()


def require_whole(folder: Path, files: Mapping[str, str]) -> None:
    """Raises ArtefactError if a file is missing or damaged, or if one is there that training did not write."""
    found = checksums(folder)
    for name in files.keys() | found.keys():
        if name not in found:
            raise ArtefactError(f"the artefact lacks {name}")
        if name not in files:
            raise ArtefactError(f"the artefact holds {name[:80]}, which model.json does not list")
        if found[name] != files[name]:
            raise ArtefactError(f"{name} is damaged: its SHA-256 is not the one in model.json")
