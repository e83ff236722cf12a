"""uvicorn's HTTP protocol with bounds that neither it nor its parser has: on what comes before a body, and on how
much of the event loop's time goes into bodies that were refused. What is no HTTP is refused as everything else is."""

import logging
from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections import deque
from weakref import WeakKeyDictionary

import orjson
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from perennial_container.errors import RequestError
from perennial_container.serving.answers import write_error
from perennial_container.serving.respond import LINGER_SECONDS

log = logging.getLogger(__name__)

SILENT_SECONDS = 75.0  # a new connection may have nothing to say for so long; as between two requests
HEAD_BYTES = 64 * 1024  # request line and headers; SageMaker's own are well below


class BoundedHeads(HttpToolsProtocol):
    """Refuses a request whose headers do not end; reads the rest of an answered request's body when there is time."""

    _in_head = True
    _head = 0
    _begun = False
    _refused = False
    _offered = False
    _earlier: RequestResponseCycle
    _patience: TimerHandle | None = None
    flow: "Flow"
    head_seconds = 10.0
    """From the first piece of a request's headers to their end."""

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._rest_later()
            return
        if self._in_head:
            self._head += len(data)
        self._unset_keepalive_if_required()
        if not self._parse(data):
            self._rest_later()
        elif self._in_head:
            # Only headers that have not ended by now count: a body may have come in the same piece.
            if self._head > HEAD_BYTES:
                self._refuse(
                    RequestError(431, "headers_too_large", f"the headers are longer than {HEAD_BYTES} bytes")
                )
            elif self._head and not self._begun:
                self._begun = True
                self._be_patient(self.head_seconds)
        elif self._answered():
            self._rest_later()

    def _parse(self, data: bytes) -> bool:
        """Whether it is HTTP; if not, it is refused."""
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as stopped:
            return self._go_on(data[stopped.args[0] :])
        except HttpParserError as error:
            reason = str(error.__context__ or error).partition("\n")[0]
            self._refuse(RequestError(400, "malformed_http", f"the request is no valid HTTP: {reason}"[:200]))
            return False
        return True

    def _go_on(self, rest: bytes) -> bool:
        """Another protocol was offered (h2c by Java's client, say): the parser stops there, and takes the request for
        one without a body. Here it is read again without the offer, and the body after it."""
        if self._latest is not None and not self._answered():
            message = "another protocol is offered before the last request was answered"
            self._refuse(RequestError(400, "malformed_http", message))
            return False
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        lines = b"".join(b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade")
        method, version = self.scope["method"].encode(), self.scope["http_version"].encode()
        return self._parse(b"%b %b HTTP/%b\r\n%b\r\n%b" % (method, self.url, version, lines, rest))

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport, turns_of(self.loop))
        self._be_patient(SILENT_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._be_patient(None)
        super().connection_lost(exc)

    def _refuse(self, error: RequestError) -> None:
        """Answer what is no request, as the connection's last answer, and hear the client out for a while: a
        connection that is closed with something unread is reset, and its client never sees the answer."""
        self._refused = True
        self._be_patient(None)
        cycle = self._latest
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started or not cycle.more_body:
                cycle.keep_alive = False  # the answer that is due comes first, and is the last
                return
            if self.pipeline:  # it waits for another's answer
                self.pipeline.popleft()
                self.cycle = self._earlier
                self.cycle.keep_alive = False
                return
            cycle.disconnected = True  # its body will never be whole
            cycle.message_event.set()
        elif cycle is not None and not self._in_head:
            self.transport.close()  # it was answered while its body was still being sent
        if self.transport.is_closing():
            return
        event = {"event": "refused", "status": error.status, "code": error.code}
        log.warning("%s", orjson.dumps(event).decode())
        body = write_error(error)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[error.status], lines, body))
        self.transport.write_eof()
        self._be_patient(LINGER_SECONDS)

    def _give_up(self) -> None:
        """Connections whose requests never begin, or never end their headers, are not kept."""
        self._patience = None
        if self._refused:
            self.transport.close()
        elif not self.transport.is_closing():
            seconds = self.head_seconds if self._head else SILENT_SECONDS
            self._refuse(
                RequestError(408, "headers_timeout", f"the headers did not end within {seconds:g} seconds")
            )

    def _be_patient(self, seconds: float | None) -> None:
        """Give up after so many seconds from now, or not at all."""
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def on_headers_complete(self) -> None:
        self._in_head, self._head, self._begun = False, 0, False
        self.flow.wanted = True
        if self._patience is not None:
            self._be_patient(None)
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._offered = True
            self.scope["method"] = self.parser.get_method().decode("ascii")
            self.scope["http_version"] = self.parser.get_http_version()
            return
        self._offered = False
        self._earlier = self.cycle
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        if not self._offered:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._in_head and self._answered():
            self._rest_later()

    @property
    def _latest(self) -> RequestResponseCycle | None:
        """The request whose headers were read last; None before the first."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle

    def _answered(self) -> bool:
        cycle = self._latest
        return cycle is not None and cycle.response_complete

    def _rest_later(self) -> None:
        if not self.transport.is_closing():
            self.flow.wanted = False
            self.flow.pause_reading()
            self.flow.resume_reading()


class Turns:
    """Lets one connection a turn of the event loop send a piece of its body, and one a piece of what nobody reads.

    A client that sends its whole body before it looks for an answer has to be heard out. Left to libuv, a hundred of
    them are, each to the end of its body, before anything else gets a turn.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._call_soon = loop.call_soon
        self._wanted: deque[Flow] = deque()
        self._unwanted: deque[Flow] = deque()

    def add(self, flow: "Flow") -> None:
        """Its reading is paused; it comes back with the next piece."""
        if not self._wanted and not self._unwanted:
            self._call_soon(self._next)
        (self._wanted if flow.wanted else self._unwanted).append(flow)

    def _next(self) -> None:
        for waiting in (self._wanted, self._unwanted):
            if waiting:
                waiting.popleft().read_on()
        if self._wanted or self._unwanted:
            self._call_soon(self._next)


class Flow(FlowControl):
    """A connection whose reading, once it was paused, goes on when it is its turn; `wanted` while somebody reads it."""

    def __init__(self, transport: Transport, turns: Turns) -> None:
        super().__init__(transport)
        self._turns = turns
        self._waits = False
        self.wanted = True

    def resume_reading(self) -> None:
        if self.read_paused and not self._waits:
            self._waits = True
            self._turns.add(self)

    def read_on(self) -> None:
        """It is its turn."""
        self._waits = False
        if not self._transport.is_closing():
            super().resume_reading()


_turns: WeakKeyDictionary[AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns_of(loop: AbstractEventLoop) -> Turns:
    """Those of an event loop."""
    turns = _turns.get(loop)
    if turns is None:
        turns = _turns[loop] = Turns(loop)
    return turns
