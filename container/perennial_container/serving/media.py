"""Which content types are spoken, and how one is chosen. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from perennial_container.errors import RequestError

Form = Literal["csv", "json", "jsonlines"]
BodyForm = Form | Literal["npy", "parquet"]

FORMS: Mapping[str, Form] = {
    "text/csv": "csv",
    "application/json": "json",
    "application/jsonlines": "jsonlines",
    "application/x-jsonlines": "jsonlines",
    "application/jsonl": "jsonlines",
}
BODIES: Mapping[str, BodyForm] = {
    **FORMS,
    "application/x-npy": "npy",
    "application/x-parquet": "parquet",
    "application/vnd.apache.parquet": "parquet",
}
NAMES: Mapping[Form, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonlines": "application/jsonlines",
}
SUPPORTED = "text/csv, application/json, application/jsonlines"
READ = f"{SUPPORTED}, application/x-npy, application/x-parquet"
HEADERS = {"": None, "present": True, "absent": False}
CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")


@dataclass(frozen=True)
class ContentType:
    """The form of a body; `header` says whether a CSV body has a header line, None if it must be seen."""

    form: BodyForm
    header: bool | None = None


def parse_content_type(value: str | None) -> ContentType:
    """Read a Content-Type with its parameters. Raises RequestError 415."""
    name, parameters = _split(value or "")
    if name not in BODIES:
        raise RequestError(
            415,
            "unsupported_media_type",
            f"the content type {shortened(name or 'none')!r} is not one of {READ}",
        )
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in CHARSETS:
        raise RequestError(
            415, "unsupported_charset", f"the charset {shortened(charset)!r} is not supported; send UTF-8"
        )
    header = parameters.get("header", "").lower()
    if header not in HEADERS:
        raise RequestError(
            415, "unsupported_header", f"header is {shortened(header)!r}, expected present or absent"
        )
    return ContentType(BODIES[name], HEADERS[header])


def refuse_encoding(value: str | None) -> None:
    """Bodies come as they are. Raises RequestError 415 for a compressed one."""
    if value and value.strip().lower() != "identity":
        raise RequestError(
            415,
            "unsupported_encoding",
            f"the content encoding {shortened(value)!r} is not supported; send the body as it is",
        )


def choose_answer(accept: str | None, body: BodyForm) -> Form:
    """The best form that Accept allows; the body's own form wins ties. Raises RequestError 406."""
    request: Form = "json" if body == "npy" or body == "parquet" else body  # noqa: PLR1714 - mypy
    if not accept or not accept.strip():
        return request
    ranges = [_split(part) for part in accept.split(",") if part.strip()]
    best, best_quality = request, 0.0
    for name, form in sorted(FORMS.items(), key=lambda item: item[1] != request):
        quality = _quality(name, ranges)
        if quality > best_quality:
            best, best_quality = form, quality
    if best_quality == 0:
        raise RequestError(
            406, "not_acceptable", f"the answer can be {SUPPORTED}, Accept allows none of them"
        )
    return best


def shortened(text: str, most: int = 40) -> str:
    """What a client sent, short enough to be told back."""
    return text if len(text) <= most else text[:most] + "..."


def _quality(name: str, ranges: list[tuple[str, dict[str, str]]]) -> float:
    """The quality of the most specific range that covers a type; 0 if none does."""
    for pattern in (name, name.partition("/")[0] + "/*", "*/*"):
        for offered, parameters in ranges:
            if offered == pattern:
                return _number(parameters.get("q", "1"))
    return 0.0


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def _split(value: str) -> tuple[str, dict[str, str]]:
    name, *rest = value.split(";")
    pairs = (parameter.partition("=") for parameter in rest)
    return name.strip().lower(), {key.strip().lower(): text.strip().strip('"') for key, _, text in pairs}
