"""`perennial capacity` against a server on loopback."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from perennial_cli.__main__ import main


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status, answer = (400, b"row 1 has 1 of 2 columns") if b"," not in body else (200, b"1")
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        """Silent."""


@pytest.fixture
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/invocations"
    server.shutdown()
    server.server_close()


def test_the_command_measures_a_url(url, tmp_path, capsys):
    """From requests to a target, instances and a bill, with the date of its prices."""
    body = tmp_path / "row.csv"
    body.write_text("1,2\n")
    main(
        [
            # Seconds in which a busy machine may stand still for a fifth of one and keep up all the same.
            *("capacity", url, "--body", str(body), "--seconds", "4", "--first", "20", "--most", "40"),
            *("--latency", "2000", "--traffic", "100", "--hours", "8"),
        ]
    )
    said = capsys.readouterr().out
    for words in (
        "an instance answers 40.0 requests a second",
        "invocations_per_instance: 1200",
        "5 instances",
    ):
        assert words in said
    for words in ("serverless 2048 MB", "prices of 2025-06-01", "doubt: the highest rate tried still held"):
        assert words in said


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("{url}", "400, row 1 has 1 of 2 columns"),
        ("http://127.0.0.1:9/invocations", "Connection refused"),
        ("ftp://127.0.0.1/invocations", "Not supported URL scheme ftp"),
    ],
)
def test_a_request_that_fails_ends_it_and_says_why(url, address, why, tmp_path):
    """Nothing is measured of a server that refuses the body, or that is not there."""
    body = tmp_path / "row.csv"
    body.write_text("1\n")
    with pytest.raises(SystemExit, match=f"^perennial: the very first request failed: .*{why}"):
        main(["capacity", address.format(url=url), "--body", str(body)])


def test_a_first_rate_above_the_most_is_refused(url, tmp_path):
    """There would be nothing to measure."""
    with pytest.raises(SystemExit, match=r"^perennial: --first 5 is above --most 2$"):
        main(["capacity", url, "--body", str(tmp_path / "any"), "--most", "2"])
