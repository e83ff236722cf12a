"""Models, endpoint configs and endpoints by name."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from twin.protocol import Call, validation

Item = TypeVar("Item")


class Table(Generic[Item]):
    """Resources of one kind, per account and region. SageMaker compares their names without case."""

    def __init__(self, kind: str, noun: str) -> None:
        self.kind = kind
        self.noun = noun
        self._items: dict[tuple[str, str, str], Item] = {}

    def arn(self, call: Call, name: str) -> str:
        return call.arn(f"{self.kind}/{name}")

    def vacant(self, call: Call, name: str) -> str:
        """The ARN for a new resource. Raises ValidationException when the name is taken."""
        arn = self.arn(call, name)
        if self._key(call, name) in self._items:
            raise validation(f'Cannot create already existing {self.noun} "{arn}".')
        return arn

    def put(self, call: Call, name: str, item: Item) -> None:
        self._items[self._key(call, name)] = item

    def find(self, call: Call, name: str) -> Item | None:
        return self._items.get(self._key(call, name))

    def get(self, call: Call, name: str) -> Item:
        """Raises ValidationException when there is none."""
        item = self.find(call, name)
        if item is None:
            raise validation(f'Could not find {self.noun} "{self.arn(call, name)}".')
        return item

    def remove(self, call: Call, name: str) -> Item:
        item = self.get(call, name)
        del self._items[self._key(call, name)]
        return item

    def of(self, call: Call) -> list[Item]:
        return [item for key, item in self._items.items() if key[:2] == (call.account, call.region)]

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items.values()))

    def _key(self, call: Call, name: str) -> tuple[str, str, str]:
        return call.account, call.region, name.lower()
