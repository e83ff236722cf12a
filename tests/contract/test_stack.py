"""The operator's command asks CloudFormation for a stack that is not there."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from perennial_cli.__main__ import main


class _CloudFormation(BaseHTTPRequestHandler):
    """Answers every request as AWS does for an unknown stack."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        answer = (
            b"<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>"
            b"<Message>Stack with id nosuch does not exist</Message></Error></ErrorResponse>"
        )
        self.send_response(400)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        """Silent."""


@pytest.fixture
def account(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _CloudFormation)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    for name, value in {**settings, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("line", ["models", "ledger m", "retrain m", "capacity m"])
def test_a_stack_that_there_is_not(line, account):
    """Is said in one line, with the region and what to do."""
    told = r"^perennial: there is no stack nosuch in eu-west-1: say another with --stack or PERENNIAL_STACK, or deploy it$"
    with pytest.raises(SystemExit, match=told):
        main(["--stack", "nosuch", *line.split()])
