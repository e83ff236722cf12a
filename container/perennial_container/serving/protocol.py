"""uvicorn's HTTP protocol with a bound on what comes before a body: neither uvicorn nor its parser has one."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024  # request line and headers; SageMaker's own are well below


class BoundedHeads(HttpToolsProtocol):
    """Refuses a request whose headers do not end."""

    _in_head = True
    _head = 0

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        # Only headers that have not ended by now count: a body may have come in the same piece.
        if self._in_head and self._head > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The headers are longer than {HEAD_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()
