"""`perennial capacity`: what an instance can do, the target that follows, and what a traffic costs a month."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from perennial_cli import load, sizing
from perennial_cli.analysis import at_least_one
from perennial_cli.stack import Stack
from perennial_cli.words import counted

SHOWN = 300  # bytes of an answer that is an error
SECONDS_A_REQUEST = 60.0  # after SageMaker's own limit nobody waits


class NoAnswer(Exception):
    """A request that was not answered with success, and what came in its place."""


@dataclass(frozen=True)
class Subject:
    """What is measured: how to ask once (raises NoAnswer), and what stands behind it."""

    name: str
    ask: Callable[[], object]
    instance: str
    instances: Callable[[], int]
    close: Callable[[], None]

    def send(self) -> bool:
        try:
            self.ask()
        except NoAnswer:
            return False
        return True


def capacity(options: argparse.Namespace) -> None:
    """Measure requests a second per instance within a latency bound; recommend a target; tell the monthly cost."""
    if options.first > options.most:
        raise SystemExit(f"perennial: --first {options.first:g} is above --most {options.most:g}")
    subject = _url(options) if "://" in options.what else _endpoint(options)
    bound = sizing.Bound(options.latency, options.percentile)
    try:
        _measure(subject, bound, options)
    finally:
        subject.close()


def _measure(subject: Subject, bound: sizing.Bound, options: argparse.Namespace) -> None:
    before = subject.instances()
    print(
        f"{subject.name}: {before} x {subject.instance}, p{bound.percent:g} within {bound.latency_ms:g} ms. Requests begin on a "
        f"timetable (open loop) and their latency counts from it, so waiting is in the figures"
    )
    try:
        subject.ask()
    except NoAnswer as error:
        raise SystemExit(f"perennial: the very first request failed: {error}") from error

    def measure(rate: float) -> load.Step:
        print(f"  {rate:g} a second for {options.seconds:g} s ...", file=sys.stderr)
        return load.run(rate, options.seconds, options.connections, subject.send)

    steps = list(sizing.search(options.first, options.most, bound, measure))
    for line in sizing.chart(steps, bound):
        print(line)
    if subject.instances() != before:
        raise SystemExit(
            "perennial: the number of instances changed while it was measured: let `scaling.max` be `scaling.min` in "
            "model.yaml meanwhile, and measure again"
        )
    best = sizing.highest(steps)
    if best is None:
        raise SystemExit(f"perennial: not even {options.first:g} a second hold the bound: {steps[0][1]}")
    alone = steps[0][0].percentile(50)  # at the lowest rate, where nothing waits
    for line in _words(best.rate / before, alone, subject, options):
        print(line)
    doubt = sizing.doubt(steps, bound)
    if doubt:
        print(f"doubt: {doubt}")


def _words(rps: float, service_ms: float, subject: Subject, options: argparse.Namespace) -> list[str]:
    target = sizing.target(rps, options.safety)
    more = sizing.target(rps, 0.7)
    formula = f"AWS: {rps:.1f} x {options.safety:g} x 60; at 0.7 it is {more}"
    lines = [
        f"an instance answers {rps:.1f} requests a second",
        f"scaling.invocations_per_instance: {target}   ({formula})",
    ]
    if options.traffic is None:
        return [*lines, "with --traffic N (requests a second) it tells instances and cost"]
    needed = sizing.instances(options.traffic, rps, options.safety)
    table = sizing.prices()
    lines.append(
        f"{counted(options.traffic, 'request')} a second during {counted(options.hours, 'hour')} a day: "
        f"{counted(needed, 'instance')}"
    )
    for cost in sizing.costs(
        subject.instance, needed, options.traffic, options.hours, service_ms, options.memory
    ):
        usd = "?" if cost.monthly is None else f"{cost.monthly:,.2f}"
        lines.append(f"  {cost.kind:<20} {usd:>12} USD a month   {cost.note}")
    lines.append(f"prices of {table['as_of']}, {table['region']}. {table['note']}")
    return lines


def _url(options: argparse.Namespace) -> Subject:
    if options.body is None:
        raise SystemExit("perennial: a URL needs --body FILE: a request as its callers send it")
    body = options.body.read_bytes()
    pool = urllib3.PoolManager(
        maxsize=options.connections, block=False, retries=False, timeout=SECONDS_A_REQUEST
    )
    headers = {"content-type": options.content_type}

    def ask() -> None:
        try:
            answer = pool.request("POST", options.what, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(str(error)) from error
        if answer.status >= 300:
            raise NoAnswer(f"{answer.status}, {answer.data[:SHOWN].decode(errors='replace')}")

    return Subject(options.what, ask, options.instance, lambda: int(options.instances), pool.clear)


def _endpoint(options: argparse.Namespace) -> Subject:
    stack = Stack.find(options.stack)
    sagemaker = boto3.client("sagemaker")
    name = options.endpoint or stack.endpoint_name(options.what)
    described = stack.described(name)
    if described is None:
        stack.require(options.what)
        raise SystemExit(f"perennial: there is no endpoint {name}: {_where(options)}")
    if described["EndpointStatus"] != "InService":
        raise SystemExit(f"perennial: {name} is {described['EndpointStatus']}: measure when it is InService")
    settings = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    variant = settings["ProductionVariants"][0]
    if "InstanceType" not in variant:
        raise SystemExit(
            f"perennial: {name} has no instances: what one can do is measured on a real-time endpoint"
        )
    kind, body = _request(stack, name, options)
    runtime = boto3.client(
        "sagemaker-runtime",
        config=Config(max_pool_connections=options.connections, retries={"total_max_attempts": 1}),
    )

    def ask() -> None:
        try:
            runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType=kind)["Body"].read()
        except (ClientError, BotoCoreError, urllib3.exceptions.HTTPError) as error:
            raise NoAnswer(str(error)) from error

    def count() -> int:
        found: Mapping[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
        return int(found["ProductionVariants"][0]["CurrentInstanceCount"])

    return Subject(name, ask, variant["InstanceType"], count, runtime.close)


def _where(options: argparse.Namespace) -> str:
    """What to do about an endpoint that there is not."""
    if options.endpoint:
        return "`aws sagemaker list-endpoints` tells which there are"
    return f"approve a version first, `perennial approve {options.what} N`"


def _request(stack: Stack, endpoint: str, options: argparse.Namespace) -> tuple[str, bytes]:
    """The request to repeat: a file, or the newest that was captured."""
    if options.body is not None:
        return options.content_type, options.body.read_bytes()
    bucket = stack.outputs["DataBucket"]
    prefix = f"models/{options.what}/capture/{endpoint}/"
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [item for page in pages for item in page.get("Contents", [])]
    if not found:
        raise SystemExit(
            "perennial: nothing was captured yet: say --body FILE, a request as its callers send it"
        )
    newest = max(found, key=lambda item: item["LastModified"])["Key"]
    line = s3.get_object(Bucket=bucket, Key=newest)["Body"].read().splitlines()[-1]
    request = json.loads(line)["captureData"]["endpointInput"]
    if request["encoding"] == "BASE64":
        raise SystemExit("perennial: what was captured last is binary: say --body FILE and --content-type")
    print(f"repeats the newest request captured: {newest}")
    return request["observedContentType"], request["data"].encode()


def positive(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def at_most(most: float) -> Callable[[str], float]:
    """Numbers above 0, up to one."""

    def number(text: str) -> float:
        if positive(text) > most:
            raise argparse.ArgumentTypeError(f"{text} is above {most:g}")
        return float(text)

    return number


def add_commands(command: Callable[[str, object], argparse.ArgumentParser]) -> None:
    """`command` makes the parser of a command by its name and function."""
    made = command("capacity", capacity)
    made.set_defaults(offline=True)
    made.add_argument("what", help="a model, or the URL of its container's /invocations")
    made.add_argument("--endpoint", help="another endpoint than the one that serves the model")
    made.add_argument("--body", type=Path, help="a file with one request (the newest captured)")
    made.add_argument("--content-type", default="text/csv", help="of the file (text/csv)")
    made.add_argument("--latency", type=positive, default=100, help="bound in ms (100)")
    made.add_argument("--percentile", type=at_most(100), default=99, help="that must hold the bound (99)")
    made.add_argument("--first", type=positive, default=5, help="requests a second to begin with (5)")
    made.add_argument("--most", type=positive, default=2000, help="never more than this (2000)")
    made.add_argument("--seconds", type=positive, default=10, help="for each rate (10)")
    made.add_argument("--connections", type=at_least_one, default=64, help="at most so many at once (64)")
    made.add_argument("--safety", type=at_most(1), default=0.5, help="AWS's safety factor, 0.5 to 0.7 (0.5)")
    made.add_argument("--traffic", type=positive, help="requests a second to be served")
    made.add_argument("--hours", type=at_most(24), default=24, help="of each day with this traffic (24)")
    made.add_argument(
        "--memory",
        type=int,
        default=2048,
        choices=range(1024, 6145, 1024),
        help="of serverless, in MB (2048)",
    )
    made.add_argument("--instance", default="ml.m5.large", help="behind a URL (ml.m5.large)")
    made.add_argument("--instances", type=at_least_one, default=1, help="behind a URL (1)")
