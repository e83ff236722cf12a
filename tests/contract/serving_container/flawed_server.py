"""A small serving container with one flaw. In a test's own process, or: `python flawed_server.py FLAW [PORT]`."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

PARAMETERS = b'{"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}'
LARGE = 500_000


class State:
    """What a server remembers."""

    def __init__(self, flaw: str) -> None:
        self.flaw = flaw
        self.lock = threading.Lock()
        self.busy = 0
        self.pings = 0
        self.overfed = False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def state(self) -> State:
        return self.server.state

    def log_message(self, *_):
        """Says nothing."""

    def answer(self, status: int, body: bytes = b"", content_type: str | None = "text/csv") -> None:
        self.send_response(status)
        if content_type and self.state.flaw != "no content type":
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        flaw, state = self.state.flaw, self.state
        if self.path == "/execution-parameters":
            self.answer(200, b"six at once" if flaw == "wrong parameters" else PARAMETERS)
        elif self.path == "/ping":
            state.pings += 1
            if flaw == "slow ping" and state.pings == 3:
                time.sleep(2.1)  # what the check is about
            ill = flaw in {"ill", "never ready"} or state.overfed or (flaw == "busy is ill" and state.busy)
            self.answer(503 if ill else 200, b"healthy" if flaw == "talkative ping" else b"")
        else:
            self.answer(500 if flaw == "500 for other paths" else 404)

    def do_POST(self) -> None:
        flaw, state = self.state.flaw, self.state
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with state.lock:
            state.busy += 1
        try:
            state.overfed |= flaw == "ill after a large body" and len(body) > LARGE
            if flaw in {"busy is ill", "one at a time"} and len(body) > LARGE // 10:
                time.sleep(0.05)  # a prediction
            self.predict(flaw, body)
        finally:
            with state.lock:
                state.busy -= 1

    def predict(self, flaw: str, body: bytes) -> None:
        kind = self.headers.get("Content-Type", "")
        if flaw == "no prediction" or (flaw == "500 for garbage" and b"\xff" in body):
            self.answer(500, b"Traceback")
        elif flaw == "200 for nothing" and not body:
            self.answer(200, b"0.5\n")
        elif flaw == "no other headers" and self.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
            self.answer(400)
        elif (flaw == "no parameters of types" and ";" in kind) or (
            not kind.startswith("text/csv") and flaw != "guesses types"
        ):
            self.answer(415)
        elif not body or b"\xff" in body:
            self.answer(400)
        else:
            self.answer(200, b"0.5\n")


class Many(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False


class OneAtATime(HTTPServer):
    request_queue_size = 0


def made(flaw: str, port: int) -> HTTPServer:
    kind = OneAtATime if flaw == "one at a time" else Many
    server = kind(("127.0.0.1", port), Handler)
    server.state = State(flaw)
    return server


@contextmanager
def flawed(flaw: str) -> Iterator[str]:
    """The address of a server with this flaw."""
    server = made(flaw, 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main(flaw: str, port: int) -> None:
    server = made(flaw, port if flaw == "own port" else int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or port))
    if flaw == "ends at once":
        sys.exit("there is no model")

    def stop(*_: object) -> None:
        if flaw == "cuts off":
            os._exit(0)
        threading.Thread(target=server.shutdown).start()

    if flaw != "deaf to SIGTERM":
        signal.signal(signal.SIGTERM, stop)
    server.serve_forever(0.01)
    server.server_close()  # waits for the threads that answer
    sys.exit(7 if flaw == "ends badly" else 0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8080)
