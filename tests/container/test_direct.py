"""Requests that came whole are answered at once, as the others are: in the same words, in order, whatever is between."""

import asyncio
import re
import signal
from collections import Counter
from contextlib import ExitStack

import numpy as np
import pytest
from container_jobs import CSV_HEAD as HEAD
from container_jobs import Server
from test_http import GOOD, connected, post

from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import RequestError
from perennial_container.predictor import Predictions
from perennial_container.schema import Feature
from perennial_container.serving.admission import MOST_BYTES, MOST_REQUESTS, Admission
from perennial_container.serving.answers import AnswerWriter
from perennial_container.serving.asked import Limits, answer_headers, answer_lines, read_headers
from perennial_container.serving.decoder import Decoder
from perennial_container.serving.front import Front
from perennial_container.serving.meter import Meter
from perennial_container.serving.model import Served

ASKED = (
    (),
    (b"Accept: application/json",),
    (b"Content-Type: application/json; charset=utf-8",),
    (b"X-Amzn-SageMaker-Custom-Attributes: a=1;predictions=labels",),
    (b"X-Amzn-SageMaker-Custom-Attributes: predictions=nothing",),
    (b"X-Amzn-SageMaker-Inference-Id: 7 of 9",),
    (b"Accept: image/png",),
    (b"Content-Encoding: gzip",),
    (b"Connection: close",),
)
BODIES = (GOOD, GOOD * 3, b"0.5,3,a\n", b"0.5,x,a,true\n", b"", b'{"instances": [[0.5, 3, "a", true]]}')
LIMITS = Limits(1000, 1.0)


def told(server: Server, *pieces: bytes) -> tuple[int, bytes, bytes]:
    """The answer to one request sent in pieces, of which the server has read one before the next comes."""
    with connected(server) as connection:
        for piece in pieces[:-1]:
            connection.send(piece)
            server.client.get("/ping")
        connection.send(pieces[-1])
        answer = connection.answer()
        return answer.status, re.sub(rb"date: [^\r]+", b"", answer.headers), answer.body


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("lines", ASKED)
def test_the_same_answer(server: Server, lines: tuple[bytes, ...], body: bytes):
    """A request that comes whole is answered, or refused, byte for byte as one whose body comes later."""
    request = post(body, *lines)
    cut = len(request) - len(body) // 2
    assert told(server, request) == told(server, request[:cut], request[cut:])


def test_a_pipeline(server: Server):
    """Requests sent without waiting are answered in their order, refused ones among them, however many they are."""
    times = 300
    with connected(server) as connection:
        connection.send((post(GOOD) + post(b"x\n") + b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n") * times)
        found = [connection.answer().status for _ in range(3 * times)]
    assert found == [200, 400, 200] * times


@pytest.mark.parametrize("old", [False, True])
def test_the_last_answer(server: Server, *, old: bool):
    """Where the client wants no other answer the connection ends with it."""
    request = HEAD.replace(b"1.1", b"1.0") + post()[len(HEAD) :] if old else post(GOOD, b"Connection: close")
    with connected(server) as connection:
        connection.send(request)
        answer = connection.answer()
        assert (answer.status, connection.ends()) == (200, True)
        assert b"connection: close" in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"accept", b"application/json")],
        [(b"x-amzn-sagemaker-custom-attributes", b"a=1"), (b"x-amzn-sagemaker-inference-id", b"7")],
    ],
)
def test_lines_of_headers(headers: list[tuple[bytes, bytes]]):
    """What is written at once has the headers that ASGI is given."""
    asked = read_headers([(b"content-type", b"text/csv"), *headers], LIMITS)
    expected = answer_headers(asked, "v1", b"model-version=1")
    lines = answer_lines(asked, "v1", b"model-version=1").split(b"\r\n")
    assert lines == [*(name + b": " + value for name, value in expected), b""]


def test_a_header_that_http_does_not_allow():
    """A value that would end its line is not written."""
    asked = read_headers(
        [(b"content-type", b"text/csv"), (b"x-amzn-sagemaker-inference-id", b"a\r\nb: c")], LIMITS
    )
    with pytest.raises(ValueError, match="control"):
        answer_lines(asked, "v1", b"")


def test_a_stall(server: Server):
    """Small requests that came on many connections while the server had no processor are all answered."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(250)]
        for client in clients:
            client.send(post())
            assert client.answer().status == 200
        server.process.send_signal(signal.SIGSTOP)
        try:
            for client in clients:
                client.send(post())
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert Counter(client.answer().status for client in clients) == {200: len(clients)}


class Exchange:
    """A request, and what became of it."""

    def __init__(self, body: bytes, path: str = "/invocations", method: str = "POST") -> None:
        self.scope = {"path": path, "method": method, "headers": [(b"content-type", b"text/csv")]}
        self.body = body
        self.found: list[bytes] = []

    def answer(self, _: bytes, body: bytes) -> None:
        if body == b"13.0\n":
            raise RuntimeError("the connection is broken")
        self.found.append(body)

    def otherwise(self) -> None:
        self.found.append(b"otherwise")


class Model:
    """One that adds its columns up; it breaks with a negative number, alone and in a batch."""

    artefact = worker = None
    version = "v1"
    decoder = Decoder([FeatureEncoding(Feature(name, "float"), None) for name in "ab"])
    writer = AnswerWriter(())

    def ready(self) -> Served:
        return self  # type: ignore[return-value]

    def is_ready(self) -> bool:
        return True

    def predict(self, rows: np.ndarray) -> Predictions:
        if (rows < 0).any():
            raise RuntimeError("no negative numbers")
        return Predictions(rows.sum(axis=1).astype(np.float64))

    def close(self) -> None:
        pass


def test_what_becomes_of_a_batch():
    """Each request of a batch has its own rows' answer; one that cannot be predicted or answered goes the ordinary
    way, and none is counted as in flight afterwards."""
    admission, meter = Admission(1000), Meter()
    bodies = (b"1,2\n", b"-1,2\n", b"6,7\n", b"3,4\n5,6\n")
    exchanges = [Exchange(body) for body in bodies]

    async def asked() -> int:
        front = Front(None, Model(), LIMITS, admission, meter)  # type: ignore[arg-type]
        taken = [front.answer_at_once(exchange) for exchange in exchanges]  # type: ignore[arg-type]
        assert all(taken)
        held = admission.bytes
        await asyncio.sleep(0)
        return held

    cells = 10
    assert asyncio.run(asked()) == sum(map(len, bodies)) + 4 * cells
    assert [exchange.found for exchange in exchanges] == [
        [b"3.0\n"],
        [b"otherwise"],
        [b"otherwise"],
        [b"7.0\n11.0\n"],
    ]
    assert (admission.requests, admission.bytes, meter.answers) == (0, 0, {200: 2})


def test_small_requests_wait_for_no_place():
    """However many small requests are there at once, they are answered together; beyond the bound on bytes they are left
    to the ordinary way, and what waits there keeps its places."""
    admission = Admission(1000)
    waiting = [admission.admit(1) for _ in range(MOST_REQUESTS)]
    small = [Exchange(b"1,2\n") for _ in range(4 * MOST_REQUESTS)]

    async def asked() -> bool:
        front = Front(None, Model(), LIMITS, admission, Meter())  # type: ignore[arg-type]
        taken = [front.answer_at_once(exchange) for exchange in small]  # type: ignore[arg-type]
        assert all(taken)
        await asyncio.sleep(0)
        waiting[0].add(MOST_BYTES - admission.bytes)
        return front.answer_at_once(Exchange(b"1,2\n"))  # type: ignore[arg-type]

    assert not asyncio.run(asked())
    assert {tuple(exchange.found) for exchange in small} == {(b"3.0\n",)}
    assert admission.requests == MOST_REQUESTS
    with pytest.raises(RequestError) as refused:
        admission.admit(0)
    assert refused.value.status == 503
    for ticket in waiting:
        ticket.give_back()
    assert (admission.requests, admission.bytes) == (0, 0)
