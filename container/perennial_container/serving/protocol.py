"""uvicorn's HTTP protocol with bounds that neither it nor its parser has: on what comes before a body, and on how
much of the event loop's time goes into bodies that were refused."""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections import deque
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

SILENT_SECONDS = 75.0  # a new connection may have nothing to say for so long; as between two requests
TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
HEAD_BYTES = 64 * 1024  # request line and headers; SageMaker's own are well below


class BoundedHeads(HttpToolsProtocol):
    """Refuses a request whose headers do not end; reads the rest of an answered request's body when there is time."""

    _in_head = True
    _head = 0
    _begun = False
    _patience: TimerHandle | None = None
    head_seconds = 10.0
    """From the first piece of a request's headers to their end."""

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        # Only headers that have not ended by now count: a body may have come in the same piece.
        if self._in_head:
            if self._head > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"The headers are longer than {HEAD_BYTES} bytes.")
            elif self._head and not self._begun:
                self._begun = True
                self._be_patient(self.head_seconds)
        elif self._answered():
            self._rest_later()

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._be_patient(SILENT_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._be_patient(None)
        super().connection_lost(exc)

    def _give_up(self) -> None:
        """Connections whose requests never begin, or never end their headers, are not kept."""
        self._patience = None
        if not self.transport.is_closing():
            self.transport.write(TIMEOUT)
            self.transport.close()

    def _be_patient(self, seconds: float | None) -> None:
        """Give up after so many seconds from now, or not at all."""
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def on_headers_complete(self) -> None:
        self._in_head, self._head, self._begun = False, 0, False
        if self._patience is not None:
            self._be_patient(None)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._in_head and self._answered():
            self._rest_later()

    def _answered(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and cycle.response_complete

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
