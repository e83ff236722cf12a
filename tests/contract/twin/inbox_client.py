"""Ask the twin's inbox: plain HTTP, Slack's Web API, and what has arrived."""

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

from running_twin import Twin

TOKEN = "xoxb-twin"


def send(url: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and answer (JSON where it is) of a POST; a GET without a body."""
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json", **named})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), _read(answer.read())
    except HTTPError as error:
        return error.code, dict(error.headers), _read(error.read())


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


def slack(twin: Twin, method: str, token: str = TOKEN, **arguments: Any) -> Any:
    """Slack's answer to a method of the Web API."""
    url = f"{twin.url}/_twin/slack/api/{method}"
    return send(url, arguments, Authorization=f"Bearer {token}")[2]


def messages(twin: Twin, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = twin.admin("GET", f"inbox/messages?kind={kind}")["messages"]
    return found


def button(action: str, **more: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": action.title()}
    return {"type": "button", "action_id": action, "text": text, "value": f"{action}-intent", **more}


def blocks(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    text = {"type": "mrkdwn", "text": "*mortgage* drifted"}
    return [{"type": "section", "text": text}, {"type": "actions", "elements": list(elements)}]
