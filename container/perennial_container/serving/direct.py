"""Answers to small requests that came whole, in one write, without a task, a coroutine or a message of ASGI: those cost
as much as the answer itself.

An application only ever says yes to it. What it does not take goes the ordinary way, and so do all refusals.
"""

from typing import Protocol, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from perennial_container.serving.protocol import BoundedHeads
from perennial_container.serving.respond import Scope

OK = b"HTTP/1.1 200 OK\r\n"
CLOSE = b"connection: close\r\n"


class Exchange:
    """A request that is here with all its body, and the place for its answer."""

    __slots__ = ("_app", "_connection", "_cycle", "body", "scope")

    def __init__(
        self, connection: "DirectAnswers", cycle: RequestResponseCycle, app: ASGI3Application
    ) -> None:
        self._connection, self._cycle, self._app = connection, cycle, app
        self.scope = cast(Scope, cycle.scope)
        self.body = cast(bytes, cycle.body)  # every reader takes it as bytes

    def answer(self, head: bytes, body: bytes) -> None:
        """200, with lines of headers that are as HTTP wants them; nothing once the client has gone."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        lines = [OK]
        for name, value in cycle.default_headers:
            lines += (name, b": ", value, b"\r\n")
        lines += (head, b"content-length: %d\r\n" % len(body))
        lines.append(b"\r\n" if cycle.keep_alive else CLOSE + b"\r\n")
        lines.append(body)
        cycle.transport.write(b"".join(lines))
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    def otherwise(self) -> None:
        """The application is asked again, by ASGI; a connection with half an answer is given up."""
        if self._cycle.response_started:
            self._cycle.transport.close()
        else:
            self._connection.start(self._cycle, self._app)


class Application(Protocol):
    """What an application may have beside what ASGI calls."""

    def answer_at_once(self, exchange: Exchange) -> bool:
        """Whether it takes the request: then it has answered it, or will, or says `otherwise`. Raises nothing."""
        ...


class DirectAnswers(BoundedHeads):
    """Starts no task for a request before it knows whether the application takes it as a whole."""

    application: Application | None = None
    _heading = False
    _held: tuple[RequestResponseCycle, ASGI3Application] | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._held is not None:  # its body is still to come
            held, self._held = self._held, None
            self.start(*held)

    def on_headers_complete(self) -> None:
        self._heading = True
        super().on_headers_complete()
        self._heading = False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._held is None or self.application is None:
            return
        held, self._held = self._held, None
        if self.flow.write_paused or not self.application.answer_at_once(Exchange(self, *held)):
            self.start(*held)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # One of a pipeline is started at the end of the answer before it: in a task, or each would be answered within
        # the one before.
        if self._heading and self.application is not None and not cycle.waiting_for_100_continue:
            self._held = cycle, app
        else:
            self.start(cycle, app)

    def start(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """The ordinary way."""
        super()._start_asgi_task(cycle, app)
