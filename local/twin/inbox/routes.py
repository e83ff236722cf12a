"""The inbox over HTTP: its page, its JSON API, Slack's own URLs, and a catch-all for webhooks."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from twin import seams_mail
from twin.admin import Answer, Request, Route
from twin.inbox.messages import Messages
from twin.inbox.press import press
from twin.inbox.slack import Settings, Slack, SlackError
from twin.inbox.snapshot import snapshot
from twin.seams_mail import Mail
from twin.world import World

PAGE = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
RETRY_AFTER = 1  # seconds
SLOW = 2.0  # seconds
_TEXT = {"content-type": "text/plain; charset=utf-8"}
# Mail and webhooks show foreign HTML and text: nothing on the page may load or run but its own files.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; frame-src 'self'; form-action 'none'; base-uri 'none'"
)


class Inbox:
    """Everything that arrives, and who may be told to answer it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.messages = Messages()
        self.slack = Slack(self.messages, world.endpoint_url)
        seams_mail.deliver_with(self.deliver)

    def routes(self) -> dict[str, Route]:
        """Paths for `Admin`."""
        return {
            "/_twin/inbox": self._page,
            "/_twin/inbox/": self._page,
            "/_twin/inbox/messages": self._messages,
            "/_twin/inbox/snapshot": self._snapshot,
            "/_twin/inbox/press": self._press,
            "/_twin/inbox/settings": self._settings,
            "/_twin/slack/api/": self._slack_api,
            "/_twin/slack/webhook/": self._slack_webhook,
            "/_twin/slack/response/": self._slack_response,
            "/_twin/webhook/": self._webhook,
        }

    def deliver(self, mail: Mail) -> None:
        """Keep a mail that was sent."""
        content = {"from": mail.sender, "to": list(mail.to), "via": mail.via}
        self.messages.add("mail", {**content, "subject": mail.subject, "text": mail.text, "html": mail.html})

    # --- the page and its API ---

    async def _page(self, request: Request) -> Answer:
        name = request.path.removeprefix("/_twin/inbox").strip("/") or "page.html"
        path = PAGE / name
        if path.parent != PAGE or path.suffix not in TYPES or not path.is_file():
            return Answer({"message": f"there is no {name}"}, 404)
        kind = f"{TYPES[path.suffix]}; charset=utf-8"
        headers = {"content-type": kind, "cache-control": "no-cache", "content-security-policy": _POLICY}
        return Answer(path.read_bytes(), headers=headers)

    async def _snapshot(self, _request: Request) -> Answer:
        shown = [one.shown() for one in self.messages.newest_first()]
        return Answer(snapshot(PAGE, shown), headers={"content-type": "text/html; charset=utf-8"})

    async def _messages(self, request: Request) -> Answer:
        if request.method == "DELETE":
            self.messages.clear()
        kind, since = request.query.get("kind"), int(request.query.get("since", -1))
        if since == self.messages.revision:
            return Answer({"revision": since})
        found = self.messages.newest_first(lambda one: kind in (None, one.kind))
        return Answer({"revision": self.messages.revision, "messages": [one.shown() for one in found]})

    async def _press(self, request: Request) -> Answer:
        wanted = request.json()
        message = self.messages.get(wanted["message"])
        if message is None or message.kind != "slack":
            return Answer({"message": f"there is no Slack message {wanted['message']!r}"}, 404)
        pressed = await press(self.slack, message, wanted["action_id"], wanted.get("user"))
        return Answer(pressed.shown())

    async def _settings(self, request: Request) -> Answer:
        """Change what is named; secrets are told only as being there."""
        if request.method == "POST":
            for name, value in request.json().items():
                if name not in {field.name for field in fields(Settings)}:
                    raise ValueError(f"unknown setting {name!r}")
                setattr(self.slack.settings, name, value)
        now = vars(self.slack.settings)
        secret = {name: now[name] is not None for name in ("signing_secret", "bot_token")}
        return Answer({**now, **secret})

    # --- Slack ---

    async def _slack_api(self, request: Request) -> Answer:
        method = request.path.rpartition("/")[2]
        if met := await self._slack_fault(method):
            return met
        arguments = _arguments(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer").strip()
        return Answer(self.slack.call(method, arguments, token or str(arguments.get("token", ""))))

    async def _slack_webhook(self, request: Request) -> Answer:
        name = request.path.rpartition("/")[2]
        if met := await self._slack_fault(name):
            return met
        try:
            self.slack.webhook(name, _arguments(request))
        except SlackError as error:
            return Answer(error.code.encode(), 404 if error.code == "channel_not_found" else 400, _TEXT)
        return Answer(b"ok", headers=_TEXT)

    async def _slack_response(self, request: Request) -> Answer:
        try:
            self.slack.respond(request.path.rpartition("/")[2], _arguments(request))
        except SlackError as error:
            return Answer(error.answer(), 404 if error.code.endswith("_url") else 400)
        return Answer({"ok": True})

    async def _slack_fault(self, name: str) -> Answer | None:
        faults = self._world.faults
        if faults.strikes("slack-slow", name):
            await asyncio.sleep(SLOW)
        if faults.strikes("slack-down", name):
            return Answer(b"Internal Server Error", 500, _TEXT)
        if faults.strikes("slack-limit", name):
            headers = {"retry-after": str(RETRY_AFTER)}
            return Answer({"ok": False, "error": "ratelimited"}, 429, headers)
        return None

    # --- other webhooks ---

    async def _webhook(self, request: Request) -> Answer:
        """Keep whatever is sent, and answer as the services do that people point webhooks at."""
        name = request.path.removeprefix("/_twin/webhook/").strip("/")
        if self._world.faults.strikes("webhook-down", name):
            return Answer(b"Internal Server Error", 500, _TEXT)
        body = _json_or_text(request.body)
        told = {key: value for key, value in request.headers.items() if key not in ("host", "connection")}
        content = {"name": name, "method": request.method, "headers": told, "body": body}
        self.messages.add("webhook", content)
        if isinstance(body, Mapping) and "routing_key" in body:
            key = body.get("dedup_key") or "twin"
            return Answer({"status": "success", "message": "Event processed", "dedup_key": key}, 202)
        return Answer({"ok": True}, 202 if isinstance(body, Mapping) and "attachments" in body else 200)


def _arguments(request: Request) -> dict[str, Any]:
    """A Slack call's arguments: JSON, a form (whose `payload` or `blocks` may be JSON), or the query."""
    if "json" in request.headers.get("content-type", ""):
        return {**request.query, **request.json()}
    form: dict[str, Any] = {**request.query, **dict(parse_qsl(request.body.decode()))}
    if "payload" in form:
        return dict(json.loads(form["payload"]))
    if isinstance(form.get("blocks"), str):
        form["blocks"] = json.loads(form["blocks"])
    return form


def _json_or_text(body: bytes) -> Any:
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
