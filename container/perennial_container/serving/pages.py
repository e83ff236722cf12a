"""How much a Parquet file's pages hold once they are unpacked: read from their headers, before any is unpacked.

A reader sets memory aside by what a page's header says, and the file's footer may say something else. Headers are
Thrift structs in the compact protocol. Formats: https://parquet.apache.org/docs/file-format/data-pages/ and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Iterator

STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)
UNCOMPRESSED, COMPRESSED = 2, 3  # fields of a page's header
DEEPEST = 8


class MalformedPage(ValueError):
    """The bytes are no page's header."""


def unpacked_size(body: bytes, start: int, length: int) -> int:
    """Bytes that the pages of one column take. Raises MalformedPage."""
    return sum(unpacked for unpacked, _ in pages(body, start, length))


def pages(body: bytes, start: int, length: int) -> Iterator[tuple[int, int]]:
    """Size unpacked and size as it lies there, page by page. Raises MalformedPage."""
    end = start + length
    if not 0 <= start <= end <= len(body):
        raise MalformedPage("a column lies outside of the file")
    while start < end:
        header = _Header(body, start)
        sizes = header.numbers()
        unpacked, packed = sizes.get(UNCOMPRESSED, -1), sizes.get(COMPRESSED, -1)
        if unpacked < 0 or packed < 0:
            raise MalformedPage("a page without sizes")
        yield unpacked, packed
        start = header.place + packed


class _Header:
    """Reads one struct; `place` is where it ends."""

    def __init__(self, body: bytes, place: int) -> None:
        self._body = body
        self.place = place

    def numbers(self) -> dict[int, int]:
        """The whole numbers among the struct's own fields."""
        found: dict[int, int] = {}
        for field, kind in self._fields():
            if kind in (I16, I32, I64):
                found[field] = self._zigzag()
            else:
                self._skip(kind, 0)
        return found

    def _fields(self) -> Iterator[tuple[int, int]]:
        field = 0
        while (byte := self._byte()) != STOP:
            field = field + (byte >> 4) if byte >> 4 else self._zigzag()
            yield field, byte & 0x0F

    def _skip(self, kind: int, depth: int) -> None:
        if depth > DEEPEST:
            raise MalformedPage("a header within headers")
        if kind == BYTE:
            self.place += 1
        elif kind in (I16, I32, I64):
            self._varint()
        elif kind == DOUBLE:
            self.place += 8
        elif kind == BINARY:
            length = self._varint()
            self.place += length
        elif kind == STRUCT:
            for _, inner in self._fields():
                self._skip(inner, depth + 1)
        elif kind not in (TRUE, FALSE):
            raise MalformedPage("a field that no page's header has")

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        if (byte := self._byte()) < 0x80:
            return byte
        number, shift = byte & 0x7F, 7
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
            if shift > 63:
                raise MalformedPage("an endless number")

    def _byte(self) -> int:
        if self.place >= len(self._body):
            raise MalformedPage("a header that does not end")
        byte = self._body[self.place]
        self.place += 1
        return byte
