"""Reads expressions of metric math: `IF(n>=20, 100*e/n, 0)`."""

import re

from twin.metric_math import FUNCTIONS, Call, Expression, List, MathError, Name, Node, Number, Operation, Word

_TOKENS = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<symbol>&&|\|\||==|!=|<=|>=|[-+*/^()<>,\[\]]))"
)
_LEVELS = (("OR",), ("AND",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/"))
_SPELLED = {"&&": "AND", "||": "OR"}


def parse(text: str) -> Expression:
    """Read an expression. Raises MathError."""
    return _Reader(text).expression()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._names = text, set[str]()
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = _TOKENS.match(text, at)
            if match is None:
                raise MathError(f"Invalid character at '{text[at:].strip()[0]}'")
            kind = str(match.lastgroup)
            self._tokens.append((kind, _SPELLED.get(match[kind], match[kind])))
            at = match.end()

    def expression(self) -> Expression:
        tree = self._level(0)
        if self._tokens:
            raise MathError(f"Unexpected '{self._tokens[0][1]}'")
        return Expression(self._text, tree, frozenset(self._names))

    def _next(self, *symbols: str) -> str | None:
        if self._tokens and self._tokens[0][1] in symbols:
            return self._tokens.pop(0)[1]
        return None

    def _expect(self, symbol: str) -> None:
        if self._next(symbol) is None:
            raise MathError(
                f"'{symbol}' expected" + (f" before '{self._tokens[0][1]}'" if self._tokens else "")
            )

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._power()
        left = self._level(level + 1)
        while operator := self._next(*_LEVELS[level]):
            left = Operation(operator, left, self._level(level + 1))
        return left

    def _power(self) -> Node:
        if self._next("-"):
            return Operation("-", Number(0.0), self._power())
        base = self._atom()
        return Operation("^", base, self._power()) if self._next("^") else base

    def _atom(self) -> Node:
        if not self._tokens:
            raise MathError("Unexpected end")
        kind, token = self._tokens.pop(0)
        if kind == "number":
            return Number(float(token))
        if token == "(":
            inner = self._level(0)
            self._expect(")")
            return inner
        if token == "[":
            return List(self._items("]"))
        if kind != "name":
            raise MathError(f"Unexpected '{token}'")
        if self._next("("):
            return self._call(token)
        if token in ("REPEAT", "LINEAR"):
            return Word(token)
        self._names.add(token)
        return Name(token)

    def _call(self, function: str) -> Node:
        arguments = self._items(")")
        known = FUNCTIONS.get(function)
        if known is None:
            raise MathError(f"Unsupported function '{function}'")
        if not known.least <= len(arguments) <= known.most:
            raise MathError(f"Wrong number of arguments to '{function}'")
        misplaced = [
            one.word
            for i, one in enumerate(arguments)
            if isinstance(one, Word) and (function, i) != ("FILL", 1)
        ]
        if misplaced:
            raise MathError(f"Unexpected '{misplaced[0]}'")
        return Call(function, arguments)

    def _items(self, end: str) -> tuple[Node, ...]:
        items = []
        while not self._next(end):
            items.append(self._level(0))
            if self._next(end):
                break
            self._expect(",")
        return tuple(items)
