"""What an operator orders of the running system, through its API: the same that Slack's buttons do, and the fire drill."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.httpsession import URLLib3Session

from perennial_cli.stack import Stack

MUTABLE = (
    "all",
    *("data-quality", "model-quality", "bias", "label-coverage", "silence", "latency", "errors", "backlog"),
)
NAME = re.compile(r"[a-z0-9](-*[a-z0-9])*")
PAUSE = 0.5  # seconds between two looks at a drill
SECONDS = 90.0  # for one request: a model has 60 to answer


def retrain(stack: Stack, options: argparse.Namespace) -> None:
    """Train on the newest dataset, or traffic, now."""
    _order(stack, path(options.model, "retrain"), {"because": options.because})


def roll_back(stack: Stack, options: argparse.Namespace) -> None:
    """Leave the version in service for the approved one before it."""
    wish = {"because": options.because, "version": options.version}
    _order(stack, path(options.model, "roll-back"), wish)


def mute(stack: Stack, options: argparse.Namespace) -> None:
    """Hold messages back for some hours; the ledger goes on."""
    wish = {"hours": options.hours, "what": options.what}
    _order(stack, path(options.model, "mute"), wish)


def unmute(stack: Stack, options: argparse.Namespace) -> None:
    """End a mute."""
    answer = call(stack, "DELETE", path(options.model, "mute"))
    print(f"{answer['outcome']}: {answer['reason']}")


def scale(stack: Stack, options: argparse.Namespace) -> None:
    """Raise the least or the most instances for a while, or end that."""
    route = path(options.model, "scale")
    if options.end:
        answer = call(stack, "DELETE", route)
        print(f"{answer['outcome']}: {answer['reason']}")
        return
    # The ceiling first: a floor may need it.
    given = [(bound, getattr(options, bound)) for bound in ("ceiling", "floor")]
    wishes = [(bound, instances) for bound, instances in given if instances is not None]
    if not wishes:
        raise SystemExit("perennial: say --floor N, --ceiling N or --end")
    for bound, instances in wishes:
        wish = {"bound": bound, "instances": instances, "hours": options.hours, "because": options.because}
        _order(stack, route, wish)


def hours(text: str) -> float:
    """`90m`, `2h` or `1d` as hours."""
    units = {"m": 1 / 60, "h": 1.0, "d": 24.0}
    if text[-1:] not in units or not text[:-1].isdigit() or not int(text[:-1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 90m, 2h or 1d")
    return int(text[:-1]) * units[text[-1]]


def fire_drill(stack: Stack, options: argparse.Namespace) -> None:
    """Ring a test alarm and follow its message to every channel; fails if it does not arrive in time."""
    drill = call(stack, "POST", "/fire-drill", {"model": options.model})
    print(f"fire drill {drill['id']}")
    try:
        arrived = follow(
            lambda: call(stack, "GET", f"/fire-drill/{quote(drill['id'])}"), options.timeout, print
        )
    finally:
        call(stack, "DELETE", f"/fire-drill/{quote(drill['id'])}")
    if not arrived:
        print("what failed is kept: perennial dead-letters", file=sys.stderr)
        raise SystemExit(1)


def follow(look: Callable[[], Mapping[str, Any]], seconds: float, say: Callable[[str], None]) -> bool:
    """Print each hop as it is reached; whether all were. What is missing is said last."""
    deadline, said = time.monotonic() + seconds, set()
    while True:
        drill = look()
        for name, line in reached(drill):
            if name not in said:
                said.add(name)
                say(line)
        late = time.monotonic() >= deadline
        if drill["status"] == "arrived":
            say(f"it arrived: {drill['model']}'s alarms reach people")
            return True
        if drill["status"] == "failed" or late:
            say(f"IT DID NOT ARRIVE{f' within {seconds:g} s' if late else ''}:")
            for line in missing(drill):
                say(line)
            return False
        time.sleep(PAUSE)


def reached(drill: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The name of each hop that the drill came to, and a line of it. Some are looked at again, and have another time."""
    for hop in drill["hops"]:
        if hop["at"]:
            yield hop["name"], f"  {hop['at'][11:19]} UTC  {hop['name']:<24} {hop['detail']}"


def missing(drill: Mapping[str, Any]) -> Iterator[str]:
    """A line for each hop that it did not come to."""
    for hop in drill["hops"]:
        if not hop["at"]:
            yield f"  {'':<12}  {hop['name']:<24} {hop['detail']}"


def path(model: str, order: str) -> str:
    """The API's path for an order about a model. Ends the command when no model can have such a name."""
    if not NAME.fullmatch(model):
        raise SystemExit(
            f"perennial: {model!r} is no model's name, which has lower case letters, digits and hyphens; see `perennial models`"
        )
    return f"/models/{model}/{order}"


def call(stack: Stack, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Ask the API; its answer. An answer that is not 2xx ends the command."""
    data = json.dumps(body).encode() if body is not None else b""
    found: dict[str, Any] = json.loads(
        send(stack, method, path, data, {"content-type": "application/json"}).content
    )
    return found


def send(stack: Stack, method: str, path: str, data: bytes, headers: Mapping[str, str]) -> AWSResponse:
    """Ask the API, signed with the environment's credentials. An answer that is not 2xx ends the command."""
    session = boto3.Session()
    if "ApiUrl" not in stack.outputs or session.get_credentials() is None:
        raise SystemExit(f"perennial: no credentials, or the stack {stack.name} has no API: deploy it anew")
    url = stack.outputs["ApiUrl"].rstrip("/") + path
    request = AWSRequest(method, url, data=data or None, headers=dict(headers))
    region = boto3.client("cloudformation").meta.region_name
    SigV4Auth(session.get_credentials().get_frozen_credentials(), "lambda", region).add_auth(request)
    answer: AWSResponse = URLLib3Session(timeout=SECONDS).send(request.prepare())
    if answer.status_code >= 300:
        raise SystemExit(f"perennial: {problem(answer.content)} (HTTP {answer.status_code})")
    return answer


def add_commands(command: Callable[[str, object], argparse.ArgumentParser]) -> None:
    """`command` makes the parser of a command by its name and function."""
    because = "with the perennial command"
    retraining, going_back = command("retrain", retrain), command("roll-back", roll_back)
    going_back.add_argument("--version", type=int, help="the version to leave; the one in service by default")
    for made in (retraining, going_back):
        made.add_argument("model")
        made.add_argument("--because", default=because, help="kept in the ledger")
    muting = command("mute", mute)
    muting.add_argument("model")
    muting.add_argument("--hours", type=float, default=24, help="how long (24)")
    muting.add_argument("--what", default="all", choices=MUTABLE, help="an alarm's intent (all)")
    command("unmute", unmute).add_argument("model")
    scaling = command("scale", scale)
    scaling.add_argument("model")
    scaling.add_argument("--floor", type=int, help="the least number of instances")
    scaling.add_argument("--ceiling", type=int, help="the most; never above scaling.adjust.limit")
    scaling.add_argument("--for", dest="hours", type=hours, default=2.0, help="how long: 90m, 2h, 1d (2h)")
    scaling.add_argument("--end", action="store_true", help="end everything that is raised")
    scaling.add_argument("--because", default="", help="kept in the ledger")
    drill = command("fire-drill", fire_drill)
    drill.add_argument("--model", help="whose channels; may be left out when there is one model")
    drill.add_argument("--timeout", type=float, default=120, help="seconds that it may take (120)")


def _order(stack: Stack, path: str, wish: Mapping[str, Any]) -> None:
    answer = call(stack, "POST", path, wish)
    print(f"{answer['outcome']}: {answer['reason']}")


def problem(content: bytes) -> str:
    """The API's own words; else what stands before it said."""
    try:
        error = json.loads(content)["error"]
        hint = "; see `perennial models`" if error["code"] == "no_such_model" else ""
        return f"{error['message']}{hint}"
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace")[:300]
