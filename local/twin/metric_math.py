"""CloudWatch's metric math, the part that alarms use: arithmetic, comparisons, IF, FILL and statistics. Pure.

A series is a list of values, the newest first, None where a period has no data; a scalar is a number.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Series = list[float | None]
Array = list[Series]  # several metrics at once: `[a, b]`


class MathError(ValueError):
    """An expression that CloudWatch would refuse; the text says why."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression: `names` are the ids it reads; `evaluate` takes their series."""

    text: str
    tree: "Node"
    names: frozenset[str]

    def evaluate(self, series: Mapping[str, Series], length: int, period: float = 60) -> Series:
        """The expression's series over `length` periods of `period` seconds."""
        value = self.tree.value(_Scope(series, length, period))
        if isinstance(value, float):
            return [value] * length
        if _is_array(value):
            raise MathError(f"{self.text} returns several time series; an alarm needs one")
        found: Series = value
        return found


@dataclass(frozen=True)
class _Scope:
    series: Mapping[str, Series]
    length: int
    period: float


class Node:
    """A part of an expression."""

    def value(self, _scope: _Scope) -> Any:
        raise MathError(f"{self} has no value")


@dataclass(frozen=True)
class Number(Node):
    number: float

    def value(self, _scope: _Scope) -> float:
        return self.number


@dataclass(frozen=True)
class Word(Node):
    """FILL's REPEAT and LINEAR."""

    word: str


@dataclass(frozen=True)
class Name(Node):
    name: str

    def value(self, scope: _Scope) -> Series:
        return scope.series[self.name]


@dataclass(frozen=True)
class List(Node):
    items: tuple[Node, ...]

    def value(self, scope: _Scope) -> Array:
        return [_series(item.value(scope), scope) for item in self.items]


@dataclass(frozen=True)
class Operation(Node):
    """An operator between two values, point by point; a point that lacks one has no result."""

    operator: str
    left: Node
    right: Node

    def value(self, scope: _Scope) -> Any:
        apply = _OPERATORS[self.operator]
        return _pointwise(apply, scope, self.left.value(scope), self.right.value(scope))


@dataclass(frozen=True)
class Call(Node):
    function: str
    arguments: tuple[Node, ...]

    def value(self, scope: _Scope) -> Any:
        return FUNCTIONS[self.function].apply(self.arguments, scope)


def _truth(value: bool) -> float:
    return 1.0 if value else 0.0


def _divided(a: float, b: float) -> float | None:
    return None if b == 0 else a / b


_OPERATORS: dict[str, Callable[[float, float], float | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divided,
    "^": lambda a, b: a**b,
    "==": lambda a, b: _truth(a == b),
    "!=": lambda a, b: _truth(a != b),
    "<": lambda a, b: _truth(a < b),
    "<=": lambda a, b: _truth(a <= b),
    ">": lambda a, b: _truth(a > b),
    ">=": lambda a, b: _truth(a >= b),
    "AND": lambda a, b: _truth(bool(a) and bool(b)),
    "OR": lambda a, b: _truth(bool(a) or bool(b)),
}


def _pointwise(apply: Callable[..., float | None], scope: _Scope, *values: Any) -> Any:
    if any(_is_array(value) for value in values):
        widths = {len(value) for value in values if _is_array(value)}
        if len(widths) > 1:
            raise MathError("arrays of different lengths cannot be combined")
        rows = [value if _is_array(value) else [value] * min(widths) for value in values]
        return [_series(_pointwise(apply, scope, *row), scope) for row in zip(*rows, strict=True)]
    if all(isinstance(value, float) for value in values):
        return _or_missing(apply, values)
    columns = [_series(value, scope) for value in values]
    return [_or_missing(apply, points) for points in zip(*columns, strict=True)]


def _or_missing(apply: Callable[..., float | None], points: Sequence[float | None]) -> float | None:
    return None if any(point is None for point in points) else apply(*points)


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], list)


def _series(value: Any, scope: _Scope) -> Series:
    return value if isinstance(value, list) else [value] * scope.length


# --- functions ---


@dataclass(frozen=True)
class Function:
    """How many arguments a function takes, and what it makes of them."""

    least: int
    most: int
    apply: Callable[[tuple[Node, ...], _Scope], Any]


def _aggregate(combine: Callable[[list[float]], float]) -> Function:
    """Of several series: point by point over them. Of one: a number over its points."""

    def apply(arguments: tuple[Node, ...], scope: _Scope) -> Any:
        value = arguments[0].value(scope)
        if _is_array(value):
            columns = [[one for one in points if one is not None] for points in zip(*value, strict=True)]
            return [combine(points) if points else None for points in columns]
        present = [one for one in _series(value, scope) if one is not None]
        return combine(present) if present else [None] * scope.length

    return Function(1, 1, apply)


def _each(apply: Callable[[float], float]) -> Function:
    return Function(1, 1, lambda nodes, scope: _pointwise(apply, scope, nodes[0].value(scope)))


def _if(nodes: tuple[Node, ...], scope: _Scope) -> Any:
    condition, *branches = [_series(node.value(scope), scope) for node in nodes]
    otherwise: Series = branches[1] if len(branches) > 1 else [None] * scope.length
    chosen = zip(condition, branches[0], otherwise, strict=True)
    return [None if truth is None else (yes if truth else no) for truth, yes, no in chosen]


def _fill(nodes: tuple[Node, ...], scope: _Scope) -> Any:
    series, how = nodes[0].value(scope), nodes[1]
    if _is_array(series):
        return [_filled(one, how, scope) for one in series]
    return _filled(_series(series, scope), how, scope)


def _filled(series: Series, how: Node, scope: _Scope) -> Series:
    if not isinstance(how, Word):
        given = _series(how.value(scope), scope)
        return [new if old is None else old for old, new in zip(series, given, strict=True)]
    if how.word == "REPEAT":
        filled, last = [], None
        for value in reversed(series):
            last = last if value is None else value
            filled.append(last)
        return filled[::-1]
    known = [(index, value) for index, value in enumerate(series) if value is not None]
    filled = list(series)
    for (start, a), (end, b) in pairwise(known):
        for index in range(start + 1, end):
            filled[index] = a + (b - a) * (index - start) / (end - start)
    return filled


def _difference(nodes: tuple[Node, ...], scope: _Scope) -> Any:
    series = _series(nodes[0].value(scope), scope)
    before: Series = [*series[1:], None]
    return [None if a is None or b is None else a - b for a, b in zip(series, before, strict=True)]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _deviation(values: list[float]) -> float:
    return math.sqrt(_mean([(value - _mean(values)) ** 2 for value in values]))


FUNCTIONS = {
    "ABS": _each(abs),
    "CEIL": _each(lambda value: float(math.ceil(value))),
    "FLOOR": _each(lambda value: float(math.floor(value))),
    "SUM": _aggregate(sum),
    "AVG": _aggregate(_mean),
    "MIN": _aggregate(min),
    "MAX": _aggregate(max),
    "STDDEV": _aggregate(_deviation),
    "IF": Function(2, 3, _if),
    "FILL": Function(2, 2, _fill),
    "DIFF": Function(1, 1, _difference),
    "PERIOD": Function(1, 1, lambda _nodes, scope: float(scope.period)),
}
