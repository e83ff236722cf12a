"""Whether the target can be learned: classes or numbers, enough of them and not too many. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from perennial.intake.cells import PLAIN_BOOLEANS, parse_number
from perennial.intake.column import DISTINCT_LIMIT, ColumnSummary
from perennial.intake.problem import Problem, shorten
from perennial.intake.schema import Rule, some
from perennial.metrics import Problem as ProblemKind

MOST_CLASSES = 100
FEW_ROWS = 10


@dataclass(frozen=True)
class TargetFinding:
    """`classes` is None for regression. `notes` are worth a look, but keep nothing out."""

    classes: tuple[str, ...] | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def target_rule(problem: ProblemKind) -> Rule:
    """What each cell of the target must be; labels are text whatever they look like."""
    return Rule("float") if problem == "regression" else Rule("string")


def judge_target(
    problem: ProblemKind, target: str, found: ColumnSummary, rows: int, pinned: tuple[str, ...] | None = None
) -> TargetFinding:
    """Look at the whole column; single cells that are no numbers were told where they stand."""
    if found.missing == rows:
        return _refused(target, "every cell of the target is missing", "Fill in the column to predict.")
    if problem == "regression":
        if found.min is not None and found.min == found.max:
            what = f"the target {target!r} has one value only, {found.min:g}: there is nothing to learn"
            return _refused(target, what, "Drop data with different values of the target.")
        return TargetFinding(None, (), tuple(_unlabelled(target, found.missing)))
    if found.values is None:
        what = f"the target {target!r} has more than {DISTINCT_LIMIT:,} different values"
        return _refused(
            target, what, "Set `problem: regression` if they are numbers, or choose another target."
        )
    counts = _merge_spellings(found.values)
    classes = tuple(sorted(counts))
    problems = tuple(_class_problems(problem, target, classes, rows - found.missing, pinned))
    notes = (*_unlabelled(target, found.missing), *_notes(target, counts, pinned))
    return TargetFinding(classes, problems, notes)


def _class_problems(
    problem: ProblemKind, target: str, classes: tuple[str, ...], labelled: int, pinned: tuple[str, ...] | None
) -> Iterator[Problem]:
    shown = some(classes)
    if len(classes) == 1:
        yield _problem(
            target,
            f"the target {target!r} has one class only, {shown}: there is nothing to learn",
            "Drop data with both classes."
            if problem == "binary_classification"
            else "Drop data with all classes.",
        )
    elif problem == "binary_classification" and len(classes) > 2:
        yield _problem(
            target,
            f"the target {target!r} has {len(classes)} classes, binary_classification has 2: {shown}",
            "Correct the labels, or set `problem: multiclass_classification` (numbers to predict: `regression`).",
        )
    elif len(classes) > MOST_CLASSES or (len(classes) > 2 and len(classes) > labelled / 2):
        nearly = (
            ", nearly one per row"
            if len(classes) > labelled / 2
            else f"; at most {MOST_CLASSES} can be learned"
        )
        yield _problem(
            target,
            f"the target {target!r} has {len(classes)} classes{nearly}: {shown}",
            "Set `problem: regression` if they are numbers, or choose another target.",
        )
    elif problem == "binary_classification" and pinned and set(classes) != set(pinned):
        yield _problem(
            target,
            f"the target {target!r} has the classes {shown}; earlier drops had {some(pinned)}",
            "Write the labels as before; other labels are another model.",
        )


def _unlabelled(target: str, missing: int) -> Iterator[str]:
    if missing:
        yield f"{missing:,} row{'s have' if missing != 1 else ' has'} no target {target!r}: training leaves them out"


def _notes(target: str, counts: dict[str, int], pinned: tuple[str, ...] | None) -> Iterator[str]:
    if new := sorted(set(counts) - set(pinned or counts)):
        yield f"the target {target!r} has classes that no earlier drop had: {some(new)}"
    if gone := sorted(set(pinned or ()) - set(counts)):
        yield f"the target {target!r} has no row any more of {some(gone)}"
    if rare := sorted(label for label, rows in counts.items() if rows < FEW_ROWS):
        yield f"the target {target!r} has fewer than {FEW_ROWS} rows of {some(rare)}"


def _merge_spellings(values: dict[str, int]) -> dict[str, int]:
    """Numbers and booleans written in two ways (1 and 1.0, true and True) are one class: the usual way's."""
    merged: dict[object, list[str]] = {}
    for text in sorted(values, key=lambda text: (-values[text], text)):
        number = parse_number(text)
        folded = text.lower()
        key: object = number if number is not None else folded if folded in PLAIN_BOOLEANS else text
        merged.setdefault(key, []).append(text)
    return {texts[0]: sum(values[text] for text in texts) for texts in merged.values()}


def _problem(target: str, what: str, advice: str) -> Problem:
    return Problem(what, advice, column=shorten(target, 200))


def _refused(target: str, what: str, advice: str) -> TargetFinding:
    return TargetFinding(None, (_problem(target, what, advice),))
