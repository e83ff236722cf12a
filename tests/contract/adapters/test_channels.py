"""The adapters of the channels speak to Slack, SES, Secrets Manager and webhooks as these really answer."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from running_twin import Twin, allow, unique

from perennial.aws.http import post_json
from perennial.aws.mail import SesMail
from perennial.aws.secrets import FRESH, MISSING_FRESH, SecretsManager
from perennial.aws.slack import SlackApi
from perennial.aws.webhooks import JsonWebhooks
from perennial.errors import ChannelFailed
from perennial.monitoring.summary import Summary
from perennial.names import Names
from perennial.notifications import html, plain, slack, teams
from perennial.notifications.compose import Place, collect, compose
from perennial.notifications.webhooks import requests
from perennial_cli.samples import AT, SAMPLES, summary_of


@pytest.fixture
def secret(twin: Twin) -> Iterator[dict[str, str]]:
    """Slack's secret of a channel of this test alone, and no faults afterwards."""
    token, channel = "xoxb-contract", f"#{unique('alerts')}"
    yield {"bot_token": token, "channel": channel, "api_url": f"{twin.url}/_twin/slack/api"}
    twin.admin("DELETE", "faults")


def arrived(twin: Twin, kind: str) -> list[dict[str, Any]]:
    """The newest first."""
    found: list[dict[str, Any]] = twin.admin("GET", f"inbox/messages?kind={kind}")["messages"]
    return found


def rendered(name: str) -> Any:
    found = summary_of(SAMPLES[name])
    summary = Summary.model_validate(found) if found else None
    return compose(SAMPLES[name], Place(Names("perennial"), "data", "us-east-1"), AT, summary)


class TestSlack:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_slack_takes_every_sample(self, twin: Twin, secret: dict[str, str], name: str) -> None:
        """Each message with its buttons is good Block Kit, and its place in the channel is known."""
        message = slack.render(rendered(name), lambda button, message: f"token-{button.action}")
        posted = SlackApi().post(secret, message)
        assert posted["channel"]
        assert posted["ts"] == arrived(twin, "slack")[0]["ts"]

    def test_slack_takes_a_digest(self, twin: Twin, secret: dict[str, str]) -> None:
        """All samples in one message."""
        digest = collect([rendered(name) for name in SAMPLES], "quiet hours", AT, 12)
        SlackApi().post(secret, slack.render(digest, lambda button, message: "token"))
        assert "messages in one" in json.dumps(arrived(twin, "slack")[0]["blocks"])

    def test_a_message_is_updated(self, twin: Twin, secret: dict[str, str]) -> None:
        """What was posted is replaced in its place."""
        api = SlackApi()
        posted = api.post(secret, {"text": "before"})
        api.update(secret, posted["channel"], posted["ts"], {"text": "after"})
        assert arrived(twin, "slack")[0]["text"] == "after"

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"bot_token": "nonsense"}, "invalid_auth"),
            ({"channel": "#"}, "channel_not_found"),
            ({"bot_token": ""}, "has no bot_token"),
            ({"bot_token": "a\nb"}, "HTTP cannot carry"),
            ({"api_url": "ftp://example.com"}, "no https:// address"),
        ],
    )
    def test_a_wrong_secret_is_no_matter_of_patience(
        self, twin: Twin, secret: dict[str, str], change: Mapping[str, str], reason: str
    ) -> None:
        """Slack refuses with `ok: false`: a person has to mend it, no retry does."""
        with pytest.raises(ChannelFailed, match=reason) as failed:
            SlackApi().post({**secret, **change}, {"text": "x"})
        assert not failed.value.transient

    @pytest.mark.parametrize(("fault", "retry_after"), [("slack-down", None), ("slack-limit", 1.0)])
    def test_what_passes_is_tried_again(
        self, twin: Twin, secret: dict[str, str], fault: str, retry_after: float | None
    ) -> None:
        """An outage and the rate limit are transient; the limit says how long."""
        twin.admin("POST", "faults", fault=fault, name="chat.postMessage", times=1)
        with pytest.raises(ChannelFailed) as failed:
            SlackApi().post(secret, {"text": "x"})
        assert failed.value.transient
        assert failed.value.retry_after == retry_after
        assert SlackApi().post(secret, {"text": "x"})["ts"]

    def test_an_incoming_webhook(self, twin: Twin) -> None:
        """Without a bot's token the message goes through the webhook, and has no place to be updated."""
        hook = {"webhook_url": f"{twin.url}/_twin/slack/webhook/{unique('alerts')}"}
        assert SlackApi().post(hook, slack.render(rendered("drift_found"))) == {}
        assert arrived(twin, "slack")[0]["via"].startswith("webhook")


class TestMail:
    def test_a_mail_has_both_forms(self, twin: Twin) -> None:
        """Plain text and HTML, from the sender whose identity is verified."""
        ses, message = twin.client("sesv2"), rendered("drift_found")
        ses.create_email_identity(EmailIdentity="ops@example.com")
        text, document = plain.body(message), html.render(message)
        sent = SesMail("ops@example.com", ses).send("ann@example.org", plain.subject(message), text, document)
        mail = arrived(twin, "mail")[0]
        assert sent
        assert (mail["to"], mail["from"]) == (["ann@example.org"], "ops@example.com")
        assert mail["text"].split() == text.split()
        assert "pirat" in mail["html"]

    def test_an_unverified_sender_is_no_matter_of_patience(self, twin: Twin) -> None:
        """SES refuses; the reason is SES's own."""
        with pytest.raises(ChannelFailed, match="SES") as failed:
            SesMail("unknown@example.net", twin.client("sesv2")).send("ann@example.org", "s", "t", "<p>t</p>")
        assert not failed.value.transient

    def test_the_template_lets_nobody_else_be_the_sender(self, twin: Twin) -> None:
        """The function's right is bound to the address, whatever else is verified in the account."""
        for address in ("team@example.com", "boss@example.com"):
            twin.client("sesv2").create_email_identity(EmailIdentity=address)
        mine = {"StringEquals": {"ses:FromAddress": "team@example.com"}}
        identities = "arn:aws:ses:us-east-1:000000000000:identity/*"
        ses = twin.acting_as("sesv2", allow("ses:SendEmail", identities, Condition=mine))
        assert SesMail("team@example.com", ses).send("ann@example.org", "s", "t", "<p>t</p>")
        with pytest.raises(ChannelFailed, match="not authorized"):
            SesMail("boss@example.com", ses).send("ann@example.org", "s", "t", "<p>t</p>")


class TestSecrets:
    def test_a_secret_is_read_and_remembered_for_a_while(self, twin: Twin) -> None:
        """Minutes later a rotated secret is in use; a missing one is looked for sooner."""
        client, prefix, time = twin.client("secretsmanager"), unique("stack"), [0.0]
        found = SecretsManager(prefix, client, lambda: time[0])
        assert found.get("slack/default") is None
        client.create_secret(Name=f"{prefix}/slack/default", SecretString='{"bot_token": "one"}')
        assert found.get("slack/default") is None
        time[0] += MISSING_FRESH
        assert found.get("slack/default") == {"bot_token": "one"}
        client.put_secret_value(SecretId=f"{prefix}/slack/default", SecretString='{"bot_token": "two"}')
        assert found.get("slack/default") == {"bot_token": "one"}
        time[0] += FRESH
        assert found.get("slack/default") == {"bot_token": "two"}

    @pytest.mark.parametrize("text", ["xoxb-1", "[1]", '"a"'])
    def test_a_secret_that_is_no_object(self, twin: Twin, text: str) -> None:
        """Somebody put the token itself: the message says what is expected."""
        client, prefix = twin.client("secretsmanager"), unique("stack")
        client.create_secret(Name=f"{prefix}/slack/default", SecretString=text)
        with pytest.raises(ChannelFailed, match="not a JSON object"):
            SecretsManager(prefix, client).get("slack/default")

    def test_a_secret_marked_for_deletion_is_gone(self, twin: Twin) -> None:
        """Secrets Manager keeps it for a while; nobody may read it."""
        client, prefix = twin.client("secretsmanager"), unique("stack")
        client.create_secret(Name=f"{prefix}/slack/default", SecretString="{}")
        client.delete_secret(SecretId=f"{prefix}/slack/default")
        assert SecretsManager(prefix, client).get("slack/default") is None


class TestWebhooks:
    @pytest.mark.parametrize("kind", ["teams", "pagerduty", "generic"])
    def test_each_kind_is_taken(self, twin: Twin, kind: str) -> None:
        """The body arrives as it was made, with 2xx whatever its number."""
        name = unique(kind)
        keys = {"kind": kind, "url": f"{twin.url}/_twin/webhook/{name}", "routing_key": "r"}
        for url, body in requests(rendered("drift_found"), keys):
            JsonWebhooks().post(url, body)
        call = next(one for one in arrived(twin, "webhook") if one["name"] == name)
        assert "json" in call["headers"]["content-type"]
        if kind == "teams":
            assert call["body"] == teams.render(rendered("drift_found"))

    def test_an_outage_is_transient(self, twin: Twin) -> None:
        """500 may pass."""
        twin.admin("POST", "faults", fault="webhook-down", name="down", times=1)
        with pytest.raises(ChannelFailed, match="HTTP 500") as failed:
            JsonWebhooks().post(f"{twin.url}/_twin/webhook/down", {})
        assert failed.value.transient


@contextmanager
def answering_with(status: int, headers: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """A server that gives every POST the same answer; its address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"no")

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/secret-path", asked
        finally:
            server.shutdown()
            thread.join()


class TestHttp:
    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_redirects_are_refused(self, status: int) -> None:
        """A token or a message goes to the address in the secret, and to no other."""
        with (
            answering_with(302, {}) as (elsewhere, asked),
            answering_with(status, {"Location": elsewhere}) as (url, _),
            pytest.raises(ChannelFailed, match=f"HTTP {status}") as failed,
        ):
            post_json(url, {})
        assert asked == []
        assert not failed.value.transient

    @pytest.mark.parametrize(("status", "transient"), [(400, False), (403, False), (404, False), (503, True)])
    def test_errors_are_told_without_the_address(self, status: int, transient: bool) -> None:
        """Incoming webhooks have their secret in the address."""
        with answering_with(status, {}) as (url, _), pytest.raises(ChannelFailed) as failed:
            post_json(url, {})
        assert "secret-path" not in str(failed.value)
        assert failed.value.transient is transient

    @pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
    def test_a_request_for_patience_is_read(self, header: str, seconds: float | None) -> None:
        """`Retry-After` in seconds; a date counts as not given."""
        with answering_with(429, {"Retry-After": header}) as (url, _), pytest.raises(ChannelFailed) as failed:
            post_json(url, {})
        assert failed.value.retry_after == seconds

    def test_nobody_there_is_transient(self) -> None:
        """A refused connection may pass, and does not tell the address either."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        with pytest.raises(ChannelFailed, match="no answer") as failed:
            post_json(f"http://127.0.0.1:{port}/secret-path", {})
        assert failed.value.transient
        assert "secret-path" not in str(failed.value)
