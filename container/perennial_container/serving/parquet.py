"""Reads `application/x-parquet`: columns by name, of numbers, booleans and texts, others ignored.

Runs in a process of its own, see `parquet_process`: one question after another on standard input, a line of JSON and
the file's bytes; the answers, a line of JSON and the matrix, on standard output.

pyarrow is an optional extra: the image that trains has it. What a file would take once it is unpacked is known, and
refused, before anything is unpacked; texts stay in dictionaries, so that a cell that is written once costs once.
"""

import io
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson

from perennial_container.cells import MISSING
from perennial_container.encoding import FeatureEncoding, saturate, take
from perennial_container.errors import RequestError
from perennial_container.handlers import Rows
from perennial_container.serving.pages import MalformedPage, unpacked_size
from perennial_container.serving.rows import BodyError
from perennial_container.table import Matrix

if TYPE_CHECKING:
    from pyarrow import Array
    from pyarrow.parquet import ParquetFile

MEBIBYTE = 1024 * 1024
MOST_BYTES = 32 * MEBIBYTE  # of the columns, unpacked
MOST_CELLS = 8 * MEBIBYTE  # as 32-bit numbers they take as much
MOST_ROWS = MEBIBYTE
FOOTER_BYTES, FOOTER_BYTES_A_FEATURE = 32 * 1024, 1024
MOST_ELEMENTS = 10_000  # of a list in the footer: memory is set aside by what it says of itself
BATCH = 65_536  # rows that are unpacked at the same time
MAGIC = b"PAR1"
MOST_MEMORY = 768 * MEBIBYTE  # of the process: what a file makes Arrow take beyond all bounds ends it


def read_parquet(body: bytes, encodings: Sequence[FeatureEncoding]) -> Rows:
    """Rows by features, encoded; of objects where a text is raw. Raises RequestError 400 or 413."""
    if not body:
        raise BodyError("empty_body", "the body is empty; send at least one row")
    _check_footer(body, len(encodings))
    import pyarrow as pa

    try:
        file = _open(body, encodings)
        _check_size(body, file, encodings)
        return _read(file, encodings)
    except RequestError:
        raise
    except MalformedPage as error:
        raise BodyError("malformed_parquet", f"the Parquet file cannot be read: {error}") from error
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError) as error:
        raise BodyError("malformed_parquet", "the Parquet file cannot be read") from error


def _check_footer(body: bytes, features: int) -> None:
    """The footer is parsed as a whole: a large one is refused before that."""
    size = int.from_bytes(body[-8:-4], "little")
    if len(body) < 12 or body[:4] != MAGIC or body[-4:] != MAGIC or size > len(body) - 12:
        raise BodyError("malformed_parquet", "the body is no whole Parquet file")
    most = FOOTER_BYTES + FOOTER_BYTES_A_FEATURE * features
    if size > most:
        raise _too_large(f"a footer of {size} bytes; {most} are read")


def _open(body: bytes, encodings: Sequence[FeatureEncoding]) -> "ParquetFile":
    """With the texts as dictionaries. Raises RequestError 400 for a column that is not there, or not of texts."""
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(io.BytesIO(body), pre_buffer=False, thrift_container_size_limit=MOST_ELEMENTS)
    schema = file.schema_arrow
    for encoding in encodings:
        name = encoding.feature.name
        if schema.names.count(name) != 1:
            code = "missing_column" if name not in schema.names else "duplicate_column"
            raise BodyError(code, f"the columns have {name!r} {schema.names.count(name)} times", column=name)
        _check_kind(schema.field(name).type, encoding)
    texts = [encoding.feature.name for encoding in encodings if encoding.feature.categorical]
    return ParquetFile(io.BytesIO(body), metadata=file.metadata, read_dictionary=texts, pre_buffer=False)


def _check_kind(kind: Any, encoding: FeatureEncoding) -> None:
    import pyarrow.types as kinds

    text = kind.value_type if kinds.is_dictionary(kind) else kind
    boolean = kinds.is_boolean(kind)
    if encoding.feature.categorical:
        fits = kinds.is_string(text) or kinds.is_large_string(text)
    else:
        number = kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)
        fits = number or (boolean and encoding.feature.type == "bool")
    if not fits and not kinds.is_null(kind):
        expected = "a column of texts" if encoding.feature.categorical else "a column of numbers"
        raise _wrong(encoding, None, str(kind), expected)


def _check_size(body: bytes, file: "ParquetFile", encodings: Sequence[FeatureEncoding]) -> None:
    """All columns unpacked stay within bounds."""
    metadata = file.metadata
    wanted = {encoding.feature.name for encoding in encodings}
    rows = sum(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    if not rows:
        raise BodyError("empty_body", "the Parquet file has no rows")
    if rows > MOST_ROWS or rows * len(encodings) > MOST_CELLS:
        raise _too_large(f"{rows} rows")
    size = 0
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            if column.path_in_schema.partition(".")[0] not in wanted:
                continue
            first = column.data_page_offset
            if column.has_dictionary_page and 0 < column.dictionary_page_offset < first:
                first = column.dictionary_page_offset
            size += unpacked_size(body, first, column.total_compressed_size)
            if size > MOST_BYTES:
                raise _too_large(f"more than {MOST_BYTES} bytes once it is unpacked")


def _too_large(what: str) -> RequestError:
    return RequestError(413, "parquet_too_large", f"the Parquet file has {what}; send fewer rows at a time")


def _read(file: "ParquetFile", encodings: Sequence[FeatureEncoding]) -> Rows:
    names = [encoding.feature.name for encoding in encodings]
    raw = any(encoding.raw for encoding in encodings)
    parts: list[Rows] = []
    line = 1
    for batch in file.iter_batches(BATCH, columns=names, use_threads=False):
        part = np.empty((batch.num_rows, len(encodings)), object if raw else np.float32)
        for place, encoding in enumerate(encodings):
            part[:, place] = _column(batch.column(encoding.feature.name), encoding, line)
        parts.append(part)
        line += batch.num_rows
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _column(column: "Array", encoding: FeatureEncoding, line: int) -> npt.NDArray[Any]:
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_null(kind):
        return _filled(np.full(len(column), np.nan), encoding)
    if encoding.feature.categorical:
        return _texts(column if kinds.is_dictionary(kind) else column.dictionary_encode(), encoding)
    if not (kinds.is_float32(kind) or kinds.is_float64(kind)):
        column = column.cast("float64", safe=False)
    values = column.to_numpy(zero_copy_only=False)
    _check_numbers(values, encoding, line)
    return _filled(values, encoding)


def _check_numbers(values: npt.NDArray[Any], encoding: FeatureEncoding, line: int) -> None:
    if encoding.feature.type == "float" and np.isfinite(values).all():
        return
    wrong, expected = np.isinf(values), "a finite number"
    if encoding.feature.type == "int":
        wrong, expected = wrong | ~(np.isnan(values) | (values == np.rint(values))), "a whole number"
    if encoding.feature.type == "bool":
        wrong, expected = wrong | ~(np.isnan(values) | (values == 0) | (values == 1)), "true, false or null"
    if wrong.any():
        row = int(np.argmax(wrong))
        raise _wrong(encoding, line + row, repr(float(values[row])), expected)


def _filled(values: npt.NDArray[Any], encoding: FeatureEncoding) -> npt.NDArray[Any]:
    if encoding.raw:
        return np.full(len(values), None, object)
    if encoding.fill is not None:
        values = np.where(np.isnan(values), values.dtype.type(encoding.fill), values)
    return values if values.dtype == np.float32 else saturate(values)


def _texts(column: Any, encoding: FeatureEncoding) -> npt.NDArray[Any]:
    """The places of categories, or the texts themselves."""
    import pyarrow as pa
    import pyarrow.compute as pc

    codes = column.indices.cast("float32").to_numpy(zero_copy_only=False)
    dictionary = pc.utf8_trim_whitespace(column.dictionary.cast(pa.string()))
    if encoding.categories is None:
        found = [None if text.lower() in MISSING else text for text in dictionary.to_pylist()]
        return take(np.array([*found, None], object), codes)
    known = pa.array(encoding.categories, pa.string())
    places: Matrix = pc.index_in(dictionary, value_set=known).cast("float32").to_numpy(zero_copy_only=False)
    return take(np.append(places, np.float32(np.nan)), codes)


def _wrong(encoding: FeatureEncoding, line: int | None, found: str, expected: str) -> BodyError:
    name = encoding.feature.name
    return BodyError("wrong_type", f"{name!r} is {found[:40]}, expected {expected}", line, name)


def main() -> int:
    """Answer until standard input ends."""
    import pyarrow as pa

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when it ends
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pa.set_memory_pool(pa.system_memory_pool())  # gives back what a large body took
    given, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := given.readline():
        question = orjson.loads(line)
        head, content = answer(given.read(question["bytes"]), question["features"])
        answers.write(orjson.dumps({**head, "bytes": len(content)}) + b"\n")
        answers.write(content)
        answers.flush()
    return 0


def answer(body: bytes, features: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], bytes]:
    """The head and the content of an answer: a matrix of 32-bit floats, rows of JSON if a text is raw, or an error."""
    encodings = [FeatureEncoding.from_json(document) for document in features]
    try:
        rows = read_parquet(body, encodings)
    except RequestError as error:
        place = {"line": error.line, "column": error.column}
        return {"error": {"status": error.status, "code": error.code, "message": str(error), **place}}, b""
    if rows.dtype == object:
        return {"rows": len(rows), "raw": True}, orjson.dumps(rows.tolist())
    return {"rows": len(rows), "raw": False}, rows.tobytes()


if __name__ == "__main__":
    sys.exit(main())
