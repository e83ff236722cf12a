"""Messages as they will look, made by the same code that sends them. Needs no stack and sends nothing."""

from __future__ import annotations

import argparse
import json
import re
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from perennial.decision import Decision
from perennial.monitoring.summary import Summary
from perennial.names import Names
from perennial.notifications import generic, html, pagerduty, plain, slack, teams
from perennial.notifications.compose import Place, compose
from perennial.notifications.message import Button, Message
from perennial_cli.samples import AT, SAMPLES, summary_of

BUILDER = "https://app.slack.com/block-kit-builder/#"
_LINK = re.compile(r"<([^|>]+)\|([^>]+)>")
_MARKUP = re.compile(r"(?<!\w)[*_](\S.*?)[*_](?!\w)")


def show(options: argparse.Namespace) -> None:
    """Show a message as each channel will: a sample's name, or a file with a `Decision Made` event."""
    if options.event is None:
        print("Samples:", *(f"  {name:<24} {told.reason[:70]}" for name, told in SAMPLES.items()), sep="\n")
        return
    message = _message(options.event, options.summary, options.stack)
    channels = [options.channel] if options.channel else list(CHANNELS)
    if options.out or options.open:
        folder = Path(options.out or "preview")
        folder.mkdir(parents=True, exist_ok=True)
        for channel in channels:
            name, text = FILES[channel](message)
            (folder / name).write_text(text, encoding="utf-8")
            print(folder / name)
        if options.open:
            webbrowser.open(_address(message, options.channel, folder))
        return
    for channel in channels:
        print(f"--- {channel} " + "-" * (67 - len(channel)), CHANNELS[channel](message), sep="\n")


def _message(event: str, summary: Path | None, stack: str) -> Message:
    place = Place(Names(stack), f"{stack}-data", "us-east-1")
    if event in SAMPLES:
        found = summary_of(SAMPLES[event])
        return compose(SAMPLES[event], place, AT, Summary.model_validate(found) if found else None)
    if not Path(event).is_file():
        raise SystemExit(
            f"perennial: {event} is neither a file nor a sample; the samples are {', '.join(SAMPLES)}"
        )
    try:
        read = json.loads(Path(event).read_text(encoding="utf-8"))
        fields = read.get("detail", read)
        decision = Decision(
            fields["model"],
            fields["fact"],
            fields["outcome"],
            fields["reason"],
            fields["news"],
            fields.get("details", {}),
        )
        at = datetime.fromisoformat(read["time"]) if "time" in read else datetime.now(UTC)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SystemExit(
            f"perennial: {event} holds no decision ({error}); see events/decision_made.json"
        ) from error
    return compose(decision, place, at, _figures(summary) if summary else None)


def _figures(summary: Path) -> Summary:
    try:
        return Summary.model_validate_json(summary.read_bytes())
    except ValueError as error:
        raise SystemExit(f"perennial: {summary} is no summary.json of a window") from error


def _address(message: Message, channel: str | None, folder: Path) -> str:
    """Slack's own builder shows Block Kit (after the #, so it stays in the browser); a browser shows the rest."""
    if channel == "slack":
        return BUILDER + quote(json.dumps({"blocks": _blocks(message)["blocks"]}, separators=(",", ":")))
    return (folder / FILES[channel or "html"](message)[0]).resolve().as_uri()


def _signed(button: Button, message: Message) -> str:
    """A preview's buttons do nothing."""
    return f"preview:{button.action}:{message.model}"


def _blocks(message: Message) -> dict[str, Any]:
    return slack.render(message, _signed)


def _slack(message: Message) -> str:
    """Block Kit as lines of text."""
    return "\n".join(line for block in _blocks(message)["blocks"] for line in _lines(block)) + "\n"


def _lines(block: dict[str, Any]) -> list[str]:
    match block["type"]:
        case "header":
            return ["", _plain(block["text"]["text"]), ""]
        case "section":
            texts = [block["text"]] if "text" in block else block["fields"]
            return [*(line for text in texts for line in _plain(text["text"]).splitlines()), ""]
        case "actions":
            return ["  ".join(f"[ {element['text']['text']} ]" for element in block["elements"]), ""]
        case _:
            return [_plain(element["text"]) for element in block["elements"]]


def _plain(text: str) -> str:
    """Slack's markup as a reader sees it, without the addresses behind links."""
    shown = _MARKUP.sub(r"\1", _LINK.sub(r"\2", text)).replace("`", "")
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _mail(message: Message) -> str:
    return f"Subject: {plain.subject(message)}\n\n{plain.body(message)}"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _pagerduty(message: Message) -> str:
    events = pagerduty.events([message], "routing-key")
    return _json(events) if events else "PagerDuty hears nothing of it: it is no incident, and ends none.\n"


CHANNELS: dict[str, Callable[[Message], str]] = {
    "slack": _slack,
    "email": _mail,
    "html": html.render,
    "teams": lambda message: _json(teams.render(message)),
    "pagerduty": _pagerduty,
    "generic": lambda message: _json(generic.render(message)),
}
FILES: dict[str, Callable[[Message], tuple[str, str]]] = {
    "slack": lambda message: ("slack.json", _json(_blocks(message))),
    "email": lambda message: ("email.txt", _mail(message)),
    "html": lambda message: ("email.html", html.render(message)),
    "teams": lambda message: ("teams.json", CHANNELS["teams"](message)),
    "pagerduty": lambda message: ("pagerduty.json", _json(pagerduty.events([message], "routing-key"))),
    "generic": lambda message: ("generic.json", CHANNELS["generic"](message)),
}
