"""Words from anywhere, made fit for a channel: no control characters, no half of a surrogate pair, not too long."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """The text without what no channel can show; line breaks and tabs stay."""
    text = text.replace("\r\n", "\n").encode("utf-8", "replace").decode()
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something is missing."""
    return (
        text if len(text) <= limit else text[: max(limit - 1, 0)] + "\N{HORIZONTAL ELLIPSIS}"[: min(limit, 1)]
    )


def last(text: str, limit: int) -> str:
    """The end of a text: a log says why it failed at its end."""
    return text if len(text) <= limit else "\N{HORIZONTAL ELLIPSIS}" + text[len(text) - limit + 1 :]


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
