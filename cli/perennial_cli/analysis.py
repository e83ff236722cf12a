"""Windows of traffic: analysed at once on an operator's word, and the reports that there are."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from perennial_cli.stack import Stack
from perennial_cli.words import counted

MONITORS = ("data_quality", "model_quality", "bias")
FAILED = ("analysis_failed", "analysis_refused")
ENDED = ("window_analyzed", "window_empty", *FAILED)
A_MOMENT = timedelta(minutes=1)  # that clocks may differ
PAUSE = 0.5  # seconds between two looks at the ledger


def analyze(stack: Stack, options: argparse.Namespace) -> None:
    """Analyse a window of traffic at once: until now, the last complete one, or from --start to --end."""
    stack.require(options.model)
    order = send(stack, options.model, f"{options.monitor}@{wanted(options, datetime.now(UTC))}")
    entry = follow(stack, options.model, order, options.wait * 60)
    if entry["decision"] in FAILED:
        raise SystemExit(f"perennial: {entry['reason']}")
    details = json.loads(entry["details"])
    print(f"{details['start']} to {details['end']}: {details['status']}. {entry['reason']}")
    print(f"report: s3://{stack.outputs['DataBucket']}/{details['report']}")


def wanted(options: argparse.Namespace, now: datetime) -> str:
    """What the hint says after the monitor: `now`, `last`, or both times in UTC."""
    if bool(options.start) != bool(options.end) or (options.last and options.start):
        raise SystemExit(
            "perennial: give --last, or --start and --end, or none of them for the window until now"
        )
    if not options.start:
        return "last" if options.last else "now"
    start, end = _time(options.start), _time(options.end)
    if start >= end:
        raise SystemExit(f"perennial: the window does not end after its start: {_utc(start)} to {_utc(end)}")
    if end > now + A_MOMENT:
        raise SystemExit(f"perennial: the window ends at {_utc(end)}, which is to come: it is {_utc(now)}")
    return f"{_utc(start)}/{_utc(end)}"


def send(stack: Stack, model: str, subject: str) -> str:
    """Ask `analyze_traffic` for one window; the event's id, which its decision repeats."""
    detail = {
        "model": model,
        "reaction": "analyze_traffic",
        "subject": subject,
        "because": "asked for with the perennial command",
    }
    entry = {
        "EventBusName": stack.outputs["EventBus"],
        "Source": "perennial",
        "DetailType": "Model Due",
        "Detail": json.dumps(detail),
    }
    [answer] = boto3.client("events").put_events(Entries=[entry])["Entries"]
    if "EventId" not in answer:
        raise SystemExit(f"perennial: EventBridge did not take the order: {answer.get('ErrorMessage')}")
    return str(answer["EventId"])


def follow(stack: Stack, model: str, order: str, seconds: float) -> dict[str, str]:
    """The decision that answers the order; says on the way what is under way."""
    deadline, shown = time.monotonic() + seconds, set()
    while time.monotonic() < deadline:
        for entry in stack.ledger(model, 30):
            if json.loads(entry["details"]).get("request") != order:
                continue
            if entry["decision"] in ENDED:
                return entry
            if entry["at"] not in shown:
                shown.add(entry["at"])
                print(f"{entry['decision']}: {entry['reason']}", file=sys.stderr)
        time.sleep(PAUSE)
    raise SystemExit(
        f"perennial: nobody answered within {counted(seconds / 60, 'minute')}; see `perennial ledger {model}` and "
        "`perennial dead-letters`"
    )


def reports(stack: Stack, options: argparse.Namespace) -> None:
    """List a model's newest reports: window, status, records, and why."""
    bucket, shown = stack.outputs["DataBucket"], 0
    for monitor in (options.monitor,) if options.monitor else MONITORS:
        for key in newest(bucket, f"models/{options.model}/reports/{monitor}/", options.most):
            summary = json.load(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"])
            window, shown = summary["window"], shown + 1
            print(
                f"{window['start'][:16]} to {window['end'][:16]}  {monitor:<14} {summary['status']:<12} "
                f"{summary['records']:>9} records  {summary['reason']}"
            )
            print(f"{'':<36}s3://{bucket}/{key.removesuffix('summary.json')}report.html")
    if not shown:
        stack.require(options.model)
        print(f"{options.model} has no reports yet")


def newest(bucket: str, prefix: str, most: int) -> list[str]:
    """Keys of the newest summaries, oldest of them first. Folders are named by time: no need to list them all."""
    found: list[str] = []
    for folder in _folders(bucket, prefix, 4):
        listed = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix=folder + "summary.json")
        found += [item["Key"] for item in listed.get("Contents", [])]
        if len(found) >= most:
            break
    return found[::-1]


def _folders(bucket: str, prefix: str, depth: int) -> Iterator[str]:
    """yyyy/mm/dd/hhmm/ below a prefix, newest first."""
    pages = (
        boto3.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    )
    below = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
    for folder in sorted(below, reverse=True):
        if depth == 1:
            yield folder
        else:
            yield from _folders(bucket, folder, depth - 1)


def add_commands(command: Callable[[str, Any], argparse.ArgumentParser]) -> None:
    """`perennial analyze` and `perennial reports`."""
    asked = command("analyze", analyze)
    asked.add_argument("model")
    asked.add_argument("--monitor", choices=MONITORS, default="data_quality")
    asked.add_argument("--last", action="store_true", help="the last complete window")
    asked.add_argument("--start", help="UTC unless it says otherwise, such as 2026-11-23T04:00")
    asked.add_argument("--end")
    asked.add_argument("--wait", type=float, default=20, help="minutes to wait for the answer (20)")
    listed = command("reports", reports)
    listed.add_argument("model")
    listed.add_argument("--monitor", choices=MONITORS)
    listed.add_argument(
        "-n", dest="most", type=at_least_one, default=10, help="how many of each monitor (10)"
    )


def at_least_one(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise SystemExit(f"perennial: {text!r} is no time such as 2026-11-23T04:00") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
