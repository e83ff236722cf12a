"""What the headers of a request to `/invocations` ask for, and those of its answer. Pure."""

from functools import lru_cache
from typing import NamedTuple

from uvicorn.protocols.http.httptools_impl import HEADER_VALUE_RE

from perennial_container.errors import RequestError
from perennial_container.serving.media import (
    NAMES,
    ContentType,
    Form,
    choose_answer,
    parse_content_type,
    refuse_encoding,
)
from perennial_container.serving.wishes import Parts, parts_wished, stamped

ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
INFERENCE = b"x-amzn-sagemaker-inference-id"

Headers = list[tuple[bytes, bytes]]


class Limits(NamedTuple):
    """Of one body: its size in bytes, and how long it may take once it has begun; and what is answered unasked."""

    size: int
    seconds: float
    parts: Parts = "both"
    stamp: bytes = b""  # an attribute for every answer: SageMaker lets no other header through


class Asked(NamedTuple):
    """What a request's headers say; `length` is None where none was declared."""

    kind: ContentType
    form: Form
    length: int | None
    attributes: bytes | None
    inference: bytes | None
    parts: Parts


def read_headers(headers: Headers, limits: Limits) -> Asked:
    """Raises RequestError 400, 406, 413 or 415."""
    content_type = accept = encoding = length = attributes = inference = None
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"accept":
            accept = value if accept is None else accept + b"," + value
        elif name == b"content-length":
            length = value
        elif name == b"content-encoding":
            encoding = value
        elif name == ATTRIBUTES:
            attributes = value
        elif name == INFERENCE:
            inference = value
    if encoding:
        refuse_encoding(encoding.decode("latin-1"))
    kind, form = _media(content_type, accept)
    declared = int(length.lstrip(b"0") or b"0") if length and length.isdigit() else None
    if declared is not None and declared > limits.size:
        raise too_large(limits)
    return Asked(kind, form, declared, attributes, inference, parts_wished(attributes, limits.parts))


def too_large(limits: Limits) -> RequestError:
    return RequestError(
        413, "body_too_large", f"the body is larger than {limits.size} bytes; send fewer rows"
    )


@lru_cache(maxsize=256)
def _media(content_type: bytes | None, accept: bytes | None) -> tuple[ContentType, Form]:
    kind = parse_content_type(content_type.decode("latin-1") if content_type else None)
    return kind, choose_answer(accept.decode("latin-1") if accept else None, kind.form)


def answer_headers(asked: Asked, version: str, stamp: bytes) -> Headers:
    """Of an answer with predictions."""
    headers = [(b"content-type", NAMES[asked.form].encode()), (b"x-model-version", version.encode())]
    if asked.attributes is not None:
        headers.append((ATTRIBUTES, stamped(asked.attributes, stamp)))
    elif stamp:
        headers.append((ATTRIBUTES, stamp))
    if asked.inference is not None:
        headers.append((INFERENCE, asked.inference))
    return headers


def answer_lines(asked: Asked, version: str, stamp: bytes) -> bytes:
    """The same as HTTP sends them. Raises ValueError for a value that HTTP does not allow."""
    if asked.attributes is None and asked.inference is None:
        return _same_lines(asked.form, version, stamp)
    headers = answer_headers(asked, version, stamp)
    if any(HEADER_VALUE_RE.search(value) for _, value in headers):
        raise ValueError("a header's value has signs of control")
    return _lines(headers)


@lru_cache(maxsize=256)
def _same_lines(form: Form, version: str, stamp: bytes) -> bytes:
    return _lines(answer_headers(Asked(ContentType(form), form, None, None, None, "both"), version, stamp))


def _lines(headers: Headers) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
