"""How much work is let in at once. What is beyond it is told to come back, before its body is read."""

from types import TracebackType

from perennial_container.errors import RequestError

RETRY_AFTER_SECONDS = 1
MOST_REQUESTS = 64
MOST_BYTES = 25 * 1024 * 1024


class Admission:
    """Bounds on requests that wait and on bytes in flight. For one event loop: nothing here is locked.

    A transform job says how many requests of which size it sends at once (`transforms`, `body_limit` in bytes): they
    are let in, however many they are.
    """

    def __init__(self, body_limit: int, transforms: int = 1) -> None:
        self._most_requests = max(MOST_REQUESTS, transforms)
        self._most_bytes = max(MOST_BYTES, body_limit * transforms)
        self.requests = 0
        self.bytes = 0

    def admit(self, size: int) -> "Ticket":
        """Let a request with a body of so many bytes in until its ticket is given back. Raises RequestError 503."""
        if self.requests >= self._most_requests:
            raise self._full()
        ticket = Ticket(self, 1)
        try:
            ticket.add(size)
        except RequestError:
            ticket.give_back()
            raise
        return ticket

    def admit_at_once(self, size: int) -> "Ticket":
        """The same for one that is answered in this turn of the event loop: it waits for nothing, so it is only its
        bytes that count. Raises RequestError 503."""
        ticket = Ticket(self, 0)
        ticket.add(size)
        return ticket

    def _full(self) -> RequestError:
        return RequestError(
            503,
            "overloaded",
            f"{self.requests} requests of {self.bytes} bytes are being answered; try again in a moment",
        )


class Ticket:
    """One admitted request; give it back by leaving its `with`."""

    __slots__ = ("_admission", "_places", "_size")

    def __init__(self, admission: Admission, places: int) -> None:
        self._admission, self._places = admission, places
        self._size = 0
        admission.requests += places

    def add(self, size: int) -> None:
        """Count more of the request's bytes. Raises RequestError 503 when all together are too many."""
        admission = self._admission
        if admission.bytes + size > admission._most_bytes:
            raise admission._full()
        admission.bytes += size
        self._size += size

    def give_back(self) -> None:
        self._admission.requests -= self._places
        self._admission.bytes -= self._size
        self._size = 0

    def __enter__(self) -> "Ticket":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()
