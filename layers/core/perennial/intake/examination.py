"""Gathers what the parts of one drop say, and judges it as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from perennial.intake.column import BadCell, Column, ColumnSummary
from perennial.intake.dataset import ReadPart, dataset_version
from perennial.intake.duplicates import RepeatedRows
from perennial.intake.header import check_header
from perennial.intake.problem import Problem, Problems, shorten
from perennial.intake.reading import Chunk, Unreadable
from perennial.intake.schema import INFER, ColumnType, Feature, Format, Schema, expectation
from perennial.intake.target import judge_target, target_rule
from perennial.metrics import Problem as ProblemKind
from perennial.sections import Intake, SchemaRules
from perennial.words import counted


@dataclass(frozen=True)
class Inspection:
    """What a drop is. Accepted: `version` and `schema` are set. Refused: `problems` are, `problem_count` of them.

    `statistics` and `notes` (worth a look, but no obstacle) go into dataset.json.
    """

    rows: int
    parts: tuple[ReadPart, ...]
    version: str | None
    schema: Schema | None
    statistics: dict[str, Any]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]
    problem_count: int

    @property
    def accepted(self) -> bool:
        return self.schema is not None


class Examination:
    """What is known of a drop so far. Pure: the parts are read elsewhere."""

    def __init__(
        self,
        problem: ProblemKind,
        target: str,
        declared: SchemaRules,
        pinned: Schema | None,
        settings: Intake,
    ) -> None:
        self._problem = problem
        self._expected = expectation(problem, target, declared, pinned)
        self._declared = declared
        self._settings = settings
        self._problems = Problems()
        self._notes: list[str] = []
        self._columns: dict[str, Column] = {}
        self._dropped: set[str] = set()
        self._repeated = RepeatedRows()
        self._parts: list[ReadPart] = []
        self._format: Format = "csv"
        self.rows = 0

    def accept_header(self, file: str, header: Sequence[str]) -> bool:
        """Whether the part's columns can be added; says why not, otherwise."""
        found = check_header(file, header, self._expected)
        for problem in found:
            self._problems.add(problem)
        if found:
            return False
        self._dropped |= self._expected.drop.intersection(header)
        if not self._columns:
            self._learn_columns(file, [name for name in header if name not in self._expected.drop])
        return True

    def _learn_columns(self, file: str, names: Sequence[str]) -> None:
        expected = self._expected
        rules = dict.fromkeys(names, INFER) if expected.rules is None else {**expected.rules}
        rules[expected.target] = target_rule(self._problem)
        self._columns = {name: Column(name, rules[name]) for name in names}
        if expected.rules is None:
            # From now on the first part's columns are the ones that every part must have.
            del rules[expected.target]
            self._expected = replace(expected, source=f"the first part ({file})", rules=rules)

    def note_file_types(self, types: Mapping[str, ColumnType]) -> None:
        """A Parquet part's own types, by column."""
        for name, column in self._columns.items():
            column.note_file_type(types[name])

    def add(self, file: str, header: Sequence[str], chunk: Chunk) -> None:
        """Take in some rows of a part whose header was accepted."""
        cells = dict(zip(header, chunk.columns, strict=True))
        for name, column in self._columns.items():
            if bad := column.add(cells[name]):
                self._bad_cells(file, column, chunk, bad)
        # Repeated are rows that the model would see twice: dropped columns and the order of columns do not count.
        whole = list(header) == list(self._columns)
        kept = (cells[name] for name in self._columns)
        self._repeated.add(chunk.texts() if whole else map(",".join, zip(*kept, strict=True)))
        self.rows += chunk.rows

    def part_ended(self, part: ReadPart, file_format: Format, promised: str | None) -> None:
        """All of a part was read; `promised` is the SHA-256 that the drop's manifest gives it."""
        self._format = file_format
        if promised and promised != part.sha256:
            self._problems.add(
                Problem(
                    "its SHA-256 is not the one in manifest.json",
                    "Upload it again, or correct manifest.json.",
                    part.name,
                    value=shorten(part.sha256),
                    expected=promised,
                )
            )
        if twin := next((other.name for other in self._parts if other.sha256 == part.sha256), None):
            self._notes.append(f"{part.name} has the same content as {twin}")
        if not part.rows:
            self._notes.append(f"{part.name} has no rows")
        self._parts.append(part)

    def unreadable(self, file: str, error: Unreadable) -> None:
        """The rest of a part cannot be read."""
        self._problems.add(
            Problem(error.what, error.advice, file, error.row, None, error.value, error.expected)
        )

    def ragged(self, file: str, width: int, line: Callable[[], int], cells: int) -> None:
        """A row has another number of cells than the header."""
        if not self._problems.wants(None):
            self._problems.count += 1
            return
        told = counted(cells, "cell")
        advice = "Write one cell per column; a cell with a comma or a line break in it needs quotes."
        what = f"the row has {told}, the header {width}"
        self._problems.add(Problem(what, advice, file, line(), None, told, counted(width, "cell")))

    def _bad_cells(self, file: str, column: Column, chunk: Chunk, bad: Sequence[BadCell]) -> None:
        for cell in bad:
            if not self._problems.wants(column.name):
                self._problems.count += 1
                continue
            value = shorten(cell.value)
            what = f"column {shorten(column.name)!r} holds {value!r}, expected {cell.expected}"
            row = chunk.line(cell.index)
            self._problems.add(
                Problem(what, self._advice(column.name), file, row, column.name, value, cell.expected)
            )

    def _advice(self, column: str) -> str:
        if column == self._expected.target:
            return "Correct the cell, or choose another `problem` or `target` in model.yaml."
        if column in self._declared.features:
            return f"Correct the cell (leave it empty if unknown), or the rule of {column!r} in model.yaml."
        return (
            f"Correct the cell (leave it empty if unknown), or describe {column!r} under `schema.features`."
        )

    def conclude(self) -> Inspection:
        """Accept the drop or refuse it."""
        summaries = {name: column.summary() for name, column in self._columns.items()}
        classes = None if self._problems.count else self._judge(summaries)
        for name, column in self._columns.items():
            self._notes += column_notes(name, summaries[name], column.stray_text, self.rows)
        statistics = {
            "duplicate_share": round(self._repeated.share, 4 if self._repeated.exact else 2),
            "duplicate_share_exact": self._repeated.exact,
            "columns": {name: summary.document() for name, summary in summaries.items()},
        }
        accepted = not self._problems.count
        return Inspection(
            self.rows,
            tuple(self._parts),
            dataset_version(part.sha256 for part in self._parts) if accepted else None,
            self._schema(summaries, classes) if accepted else None,
            statistics,
            tuple(self._notes),
            tuple(self._problems.kept),
            self._problems.count,
        )

    def _judge(self, summaries: Mapping[str, ColumnSummary]) -> tuple[str, ...] | None:
        """Judge the drop as a whole. Returns the classes of the target."""
        target, least = self._expected.target, self._settings.min_rows
        missing = summaries[target].missing if summaries else 0
        if self.rows - missing < least:
            found = counted(self.rows, "row") + (f", {missing:,} of them without a target" if missing else "")
            what = f"the drop has {found}; at least {least:,} are needed"
            self._refuse(
                what,
                "Drop more data, or lower `intake.min_rows`.",
                found,
                f"at least {counted(least, 'row')}",
            )
        if not self.rows:
            return None
        share, most = self._repeated.share, self._settings.max_duplicate_share
        if share > most:
            found = f"{share:.0%} of the rows"
            what = f"{found} repeat other rows; at most {most:.0%} may"
            self._refuse(
                what, "Remove the repetitions, or raise `intake.max_duplicate_share`.", found, f"{most:.0%}"
            )
        finding = judge_target(self._problem, target, summaries[target], self.rows, self._expected.classes)
        for problem in finding.problems:
            self._problems.add(problem)
        self._notes += finding.notes
        return finding.classes

    def _refuse(self, what: str, advice: str, value: str, expected: str) -> None:
        self._problems.add(Problem(what, advice, value=shorten(value), expected=expected))

    def _schema(self, summaries: Mapping[str, ColumnSummary], classes: tuple[str, ...] | None) -> Schema:
        features = []
        for name, column in self._columns.items():
            if name != self._expected.target:
                found, rule = summaries[name], column.rule
                features.append(
                    Feature(name, found.type, found.missing > 0, rule.min, rule.max, rule.allowed)
                )
        dropped = tuple(sorted(self._dropped))
        target = self._expected.target
        return Schema(self._problem, target, classes, self._format, self.rows, dropped, tuple(features))


def column_notes(name: str, found: ColumnSummary, stray: str | None, rows: int) -> list[str]:
    """What is odd about a column, but may be meant."""
    shown = repr(shorten(name))
    if stray is not None:
        return [
            f"column {shown} is read as text because of {shorten(stray)!r}, although most of it is numbers"
        ]
    if rows and found.missing == rows:
        return [f"column {shown} has no value at all"]
    if found.distinct == 1 and not found.missing:
        return [f"column {shown} has the same value in every row"]
    return []
