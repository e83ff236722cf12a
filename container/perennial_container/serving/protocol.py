"""uvicorn's HTTP protocol with bounds that neither it nor its parser has: on what comes before a body, and on how
much of the event loop's time goes into bodies that were refused."""

from asyncio import AbstractEventLoop
from collections import deque
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024  # request line and headers; SageMaker's own are well below


class BoundedHeads(HttpToolsProtocol):
    """Refuses a request whose headers do not end; reads the rest of an answered request's body when there is time."""

    _in_head = True
    _head = 0

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        # Only headers that have not ended by now count: a body may have come in the same piece.
        if self._in_head:
            if self._head > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"The headers are longer than {HEAD_BYTES} bytes.")
        elif self.cycle.response_complete:
            self._rest_later()

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._in_head and self.cycle.response_complete:
            self._rest_later()

    def _rest_later(self) -> None:
        if not self.transport.is_closing():
            self.flow.pause_reading()
            drain_of(self.loop).add(self)


class Drain:
    """Lets one connection a turn of the event loop send a piece of what nobody reads.

    A client that sends its whole body before it looks for an answer has to be heard out. Left to libuv, a hundred of
    them are, each to the end of its body, before anything else gets a turn.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._call_soon = loop.call_soon
        self._waiting: deque[BoundedHeads] = deque()

    def add(self, connection: BoundedHeads) -> None:
        """Its reading is paused; it comes back with the next piece."""
        if not self._waiting:
            self._call_soon(self._next)
        self._waiting.append(connection)

    def _next(self) -> None:
        connection = self._waiting.popleft()
        if not connection.transport.is_closing():
            connection.flow.resume_reading()
        if self._waiting:
            self._call_soon(self._next)


_drains: WeakKeyDictionary[AbstractEventLoop, Drain] = WeakKeyDictionary()


def drain_of(loop: AbstractEventLoop) -> Drain:
    """The one of an event loop."""
    return _drains.setdefault(loop, Drain(loop))
