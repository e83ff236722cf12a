"""Whether a part's columns are the ones expected. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from perennial.intake.cells import parse_number
from perennial.intake.problem import Problem, shorten
from perennial.intake.schema import Expectation, some


def check_header(file: str, header: Sequence[str], expected: Expectation) -> list[Problem]:
    """Every reason why these columns cannot be read; their order does not matter."""
    return list(_problems(file, list(header), expected))


def _problems(file: str, header: list[str], expected: Expectation) -> Iterator[Problem]:
    line = 1 if not file.lower().endswith(".parquet") else None
    wanted = list(expected.rules) if expected.rules is not None else None
    if len(header) == 1 and (sign := _other_separator(header[0])):
        yield Problem(
            f"there is one column only, {shorten(header[0])!r}: the cells seem to be separated by {sign}",
            "Separate the cells by commas.",
            file,
            line,
            value=shorten(header[0]),
            expected="cells separated by commas",
        )
        return
    if expected.target not in header and all(parse_number(name) is not None for name in header):
        yield Problem(
            "the first line holds numbers, not names of columns",
            "Begin every CSV part with a line that names the columns.",
            file,
            line,
            value=shorten(",".join(header)),
            expected="a header",
        )
        return
    yield from _names(file, line, header, expected)
    if expected.target not in header:
        yield Problem(
            f"there is no column {expected.target!r}, the target{_near(expected.target, header)}",
            "Add the target, or correct `target` in model.yaml.",
            file,
            line,
            column=expected.target,
            expected=f"the column {expected.target!r}",
        )
    for name in wanted or ():
        if name not in header:
            yield Problem(
                f"there is no column {name!r}, which {expected.source} has{_near(name, header)}",
                "Add the column, or describe the new columns under `schema.features` in model.yaml.",
                file,
                line,
                column=name,
                expected=f"the column {name!r}",
            )
    if wanted is not None:
        known = {*wanted, expected.target, *expected.drop}
        for name in dict.fromkeys(header):
            if name not in known:
                yield Problem(
                    f"{expected.source} has no column {name!r}{_near(name, wanted)}",
                    "Leave the column out, list it under `schema.drop` in model.yaml to ignore it, "
                    "or describe it under `schema.features`.",
                    file,
                    line,
                    column=name,
                    value=shorten(name),
                    expected="one of " + some(wanted) if wanted else None,
                )
    elif not [name for name in header if name != expected.target and name not in expected.drop]:
        yield Problem(
            "there is no column to learn from besides the target",
            "Add the columns to learn from.",
            file,
            line,
        )


def _names(file: str, line: int | None, header: Sequence[str], expected: Expectation) -> Iterator[Problem]:
    for place, name in enumerate(header, 1):
        if not name.strip() and name not in expected.drop:
            yield Problem(
                f"column {place} has no name",
                "Name it, or leave it out if it holds row numbers (pandas: index=False; R: row.names=FALSE).",
                file,
                line,
                value=name,
                expected="a name",
            )
    for name, times in Counter(header).items():
        if times > 1 and name.strip():
            yield Problem(
                f"{times} columns are named {shorten(name)!r}",
                "Give every column a name of its own.",
                file,
                line,
                column=name,
                value=shorten(name),
                expected="different names",
            )


def _near(name: str, names: Sequence[str]) -> str:
    by_folded = {candidate.strip().casefold(): candidate for candidate in names}
    found = get_close_matches(name.strip().casefold(), list(by_folded), n=1, cutoff=0.75)
    return f" (did you mean {by_folded[found[0]]!r}?)" if found and by_folded[found[0]] != name else ""


def _other_separator(name: str) -> str | None:
    return next((sign for mark, sign in ((";", "';'"), ("\t", "tabs"), ("|", "'|'")) if mark in name), None)
