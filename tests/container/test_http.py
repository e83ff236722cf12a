"""HTTP itself: what is none is refused in words, and what is unusual but right is answered."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest
from container_jobs import CSV_HEAD as HEAD
from container_jobs import Server

GOOD = b"0.5,3,a,true\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
MOST_MEMORY = 64 * 1024 * 1024
MALFORMED = "malformed_http"


@dataclass(frozen=True)
class Answer:
    """One answer as it came; `last` is whether the server then closed the connection."""

    status: int
    headers: bytes
    body: bytes

    @property
    def code(self) -> str:
        """The code of a refusal, which has to be JSON."""
        assert b"content-type: application/json" in self.headers
        return json.loads(self.body)["error"]["code"]


class Connection:
    """A client that writes its requests by hand."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""

    def send(self, text: bytes) -> None:
        """All of it, or as much as the server takes before it refuses."""
        with suppress(ConnectionError):
            self._connection.sendall(text)

    def answer(self) -> Answer:
        """The next answer, read to its end."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._receive()
        headers = self._received[:end].lower()
        [length] = re.findall(rb"content-length: (\d+)", headers) or [b"0"]
        until = end + 4 + int(length)
        while len(self._received) < until:
            self._receive()
        body, self._received = self._received[end + 4 : until], self._received[until:]
        return Answer(int(headers.split(b" ")[1]), headers, body)

    def ends(self) -> bool:
        """Whether nothing more comes and the server closes."""
        return not self._received and not self._connection.recv(1)

    def _receive(self) -> None:
        piece = self._connection.recv(65536)
        assert piece, self._received
        self._received += piece


@contextmanager
def connected(server: Server) -> Iterator[Connection]:
    address = server.client.base_url
    with socket.create_connection((address.host, address.port), timeout=30) as connection:
        yield Connection(connection)


def post(body: bytes = GOOD, *lines: bytes) -> bytes:
    headers = b"".join(line + b"\r\n" for line in (*lines, b"Content-Length: %d" % len(body)))
    return HEAD + headers + b"\r\n" + body


BAD = {
    "a gibibyte declared": (HEAD + b"Content-Length: 1073741824\r\n\r\n", 413, "body_too_large"),
    "petabytes declared": (HEAD + b"Content-Length: 99999999999999999\r\n\r\n", 413, "body_too_large"),
    "more than a number holds declared": (
        HEAD + b"Content-Length: 9" + b"9" * 30 + b"\r\n\r\n",
        400,
        MALFORMED,
    ),
    "a negative length": (HEAD + b"Content-Length: -1\r\n\r\n", 400, MALFORMED),
    "a signed length": (HEAD + b"Content-Length: +5\r\n\r\n0.5,3", 400, MALFORMED),
    "a hexadecimal length": (HEAD + b"Content-Length: 0x5\r\n\r\n0.5,3", 400, MALFORMED),
    "no length in a length": (HEAD + b"Content-Length: \r\n\r\n0.5,3", 400, MALFORMED),
    "two lengths": (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, MALFORMED),
    "two lengths in one": (HEAD + b"Content-Length: 3, 4\r\n\r\nabcd", 400, MALFORMED),
    "a length of 5,000 digits": (
        HEAD + b"Content-Length: " + b"0" * 5000 + b"1\r\n\r\nx",
        400,
        "wrong_column_count",
    ),
    "neither length nor chunks": (HEAD + b"\r\n", 400, "empty_body"),
    "a broken chunk": (CHUNKED + b"\r\nZZ\r\n", 400, MALFORMED),
    "a broken second chunk": (CHUNKED + b"\r\n3\r\n0.5\r\nZZ\r\n", 400, MALFORMED),
    "a chunk of negative size": (CHUNKED + b"\r\n-1\r\n", 400, MALFORMED),
    "a chunk of endless size": (CHUNKED + b"\r\n" + b"F" * 20 + b"\r\n", 400, MALFORMED),
    "a chunk longer than it says": (CHUNKED + b"\r\n3\r\n0.5,3\r\n0\r\n\r\n", 400, MALFORMED),
    "a length and chunks": (CHUNKED + b"Content-Length: 1\r\n\r\n0\r\n\r\n", 400, MALFORMED),
    "an unknown transfer encoding": (HEAD + b"Transfer-Encoding: x\r\n\r\n0.5,3", 400, MALFORMED),
    "NUL in a header": (HEAD + b"X-A: a\x00b\r\nContent-Length: 1\r\n\r\nx", 400, MALFORMED),
    "a control character in a header": (
        post(GOOD, b"X-Amzn-SageMaker-Custom-Attributes: a\x7f"),
        400,
        MALFORMED,
    ),
    "a header over two lines": (post(GOOD, b"X-Amzn-SageMaker-Custom-Attributes: a", b" b"), 400, MALFORMED),
    "a header without a name": (HEAD + b": x\r\n\r\n", 400, MALFORMED),
    "a header without a colon": (HEAD + b"nothing\r\n\r\n", 400, MALFORMED),
    "a blank before the colon": (HEAD + b"X-A : x\r\n\r\n", 400, MALFORMED),
    "lines that end on a line feed alone": (b"GET /ping HTTP/1.1\nHost: x\n\n", 400, MALFORMED),
    "a header of 200,000 bytes": (post(GOOD, b"X-A: " + b"a" * 200_000), 431, "headers_too_large"),
    "headers without end": (
        HEAD + b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(1000)),
        431,
        "headers_too_large",
    ),
    "a path of 70,000 letters": (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n", 431, "headers_too_large"),
    "a path that is not ASCII": ("GET /é HTTP/1.1\r\n\r\n".encode(), 400, MALFORMED),
    "a path that leads upwards": (b"GET /../ping HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"),
    "a slash more": (
        b"POST /invocations/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        404,
        "not_found",
    ),
    "no number of quality": (post(GOOD, b"Accept: text/csv;q=nan"), 406, "not_acceptable"),
    "a tunnel": (b"CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400, MALFORMED),
    "an unknown method": (b"BREW /invocations HTTP/1.1\r\nHost: x\r\n\r\n", 400, MALFORMED),
    "a wrong method": (b"GET /invocations HTTP/1.1\r\nHost: x\r\n\r\n", 405, "refused"),
    "a method of file servers": (b"PROPFIND /ping HTTP/1.1\r\nHost: x\r\n\r\n", 405, "refused"),
    "another version": (b"GET /ping HTTP/9.9\r\n\r\n", 400, MALFORMED),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, MALFORMED),
    "TLS to a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400, MALFORMED),
    "no HTTP at all": (b"\r\n\r\n\x00\x00 nothing HTTP\r\n\r\n", 400, MALFORMED),
    "half a header, then silence": (b"GET /ping HTTP/1.1\r\nX", 408, "headers_timeout"),
    "half a body, then silence": (HEAD + b"Content-Length: 20\r\n\r\n0.5,3", 408, "body_timeout"),
    "asked before it is sent": (
        HEAD + b"Expect: 100-continue\r\nContent-Length: 9000000\r\n\r\n",
        413,
        "body_too_large",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_http_is_refused(hurried: Server, name: str) -> None:
    """What is no proper request is answered 4xx with a code for programs, and the next one is served."""
    request, status, code = BAD[name]
    with connected(hurried) as connection:
        connection.send(request)
        answer = connection.answer()
    assert (answer.status, answer.code) == (status, code)
    assert hurried.invoke(GOOD).status_code == 200


def test_a_client_that_closes_hears_why(hurried: Server) -> None:
    """A body refused by its headers is answered, not reset, though the connection ends with the answer."""
    with connected(hurried) as connection:
        connection.send(HEAD + b"Connection: close\r\nContent-Length: 6000000\r\n\r\n")
        connection.send(b"0" * 6_000_000)
        assert connection.answer().code == "body_too_large"


def test_a_flood_of_headers(hurried: Server) -> None:
    """Headers without end are cut off, and cost no memory."""
    before = hurried.memory
    flood = b"".join(b"X-Flood-%d: %s\r\n" % (number, b"x" * 1000) for number in range(20_000))
    with connected(hurried) as connection:
        connection.send(HEAD + flood)
    assert hurried.memory - before < MOST_MEMORY
    assert hurried.invoke(GOOD).status_code == 200


OFFER = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
UNUSUAL = {
    "chunks with extensions and trailers": CHUNKED
    + b"Trailer: X-Sum\r\n\r\n3;a=b\r\n0.5\r\nA\r\n,3,a,true\n\r\n0\r\nX-Sum: 1\r\n\r\n",
    "HTTP/1.0": post().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a whole address": post().replace(b"/invocations", b"http://x/invocations"),
    "a query": post().replace(b"/invocations", b"/invocations?trace=1"),
    "a path in escapes": post().replace(b"/invocations", b"/%69nvocations"),
    "an offer of HTTP/2": post(GOOD, *OFFER),
    "an offer of HTTP/2, in chunks": CHUNKED
    + b"".join(line + b"\r\n" for line in OFFER)
    + b"\r\nD\r\n0.5,3,a,true\n\r\n0\r\n\r\n",
    "an offer of a socket": post(GOOD, b"Connection: upgrade", b"Upgrade: websocket"),
    "a thousand headers": post(GOOD, *(b"X-%d: x" % number for number in range(1000))),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_http_is_answered(server: Server, name: str) -> None:
    """What clients may send and seldom do is predicted like any other, and so is what follows on the connection."""
    expected = server.invoke(GOOD).content
    with connected(server) as connection:
        connection.send(UNUSUAL[name])
        answer = connection.answer()
        assert (answer.status, answer.body) == (200, expected)
        if name != "HTTP/1.0":
            connection.send(post())
            assert connection.answer().body == expected


def test_a_client_that_asks_first(server: Server) -> None:
    """A client that waits for 100 Continue is told to go on, and sends its body then."""
    head, body = post(GOOD, b"Expect: 100-continue").split(b"\r\n\r\n")
    with connected(server) as connection:
        connection.send(head + b"\r\n\r\n")
        assert connection.answer().status == 100
        connection.send(body)
        assert connection.answer().status == 200


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(b"\x00 nothing HTTP\r\n\r\n", id="no HTTP"),
        pytest.param(CHUNKED + b"\r\nZZ\r\n", id="a broken chunk"),
        pytest.param(post(GOOD, *OFFER), id="an offer of HTTP/2"),
    ],
)
def test_answers_that_are_due_come_first(server: Server, end: bytes) -> None:
    """Requests sent ahead are answered in their order, also where what follows them is refused: then they are the last."""
    rows = [GOOD, GOOD * 20_000, b"x"]
    expected = [server.invoke(row).content for row in rows]
    with connected(server) as connection:
        connection.send(b"".join(map(post, rows)) + end)
        answers = [connection.answer() for _ in rows]
        assert connection.ends()
    assert [answer.body for answer in answers] == expected


@pytest.mark.parametrize(
    ("path", "allowed"), [("/invocations", "POST"), ("/ping", "GET"), ("/metrics", "GET")]
)
def test_other_methods_are_told_the_right_one(server: Server, path: str, allowed: str) -> None:
    """405 names the method that is taken, whatever was tried."""
    for method in {"OPTIONS", "TRACE", "PUT", "GET", "POST"} - {allowed}:
        response = server.client.request(method, path)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)
        assert response.json()["error"]["code"] == "refused"
