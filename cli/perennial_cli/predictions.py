"""Asking a model for predictions through the API, whatever kind of endpoint serves it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from perennial_cli.orders import path, send
from perennial_cli.stack import Stack

TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".jsonlines": "application/jsonlines",
    ".npy": "application/x-npy",
    ".parquet": "application/vnd.apache.parquet",
}
INFERENCE_ID = "x-amzn-sagemaker-inference-id"


def predict(stack: Stack, options: argparse.Namespace) -> None:
    """Send rows to a model; the predictions go to standard output, version and inference id to standard error."""
    asked = path(options.model, "predict")
    body = sys.stdin.buffer.read() if options.rows == "-" else Path(options.rows).read_bytes()
    headers = {"content-type": content_type(options.rows, options.content_type)}
    if options.accept:
        headers["accept"] = options.accept
    if options.inference_id:
        headers[INFERENCE_ID] = options.inference_id
    answer = send(stack, "POST", asked, body, headers)
    sys.stdout.buffer.write(answer.content)
    if not answer.content.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    told = {name.lower(): value for name, value in answer.headers.items()}
    print(f"version {told.get('x-model-version')}, inference id {told.get(INFERENCE_ID)}", file=sys.stderr)


def content_type(name: str, given: str | None) -> str:
    """What was said, else what the file's name says, else CSV."""
    return given or TYPES.get(Path(name).suffix.lower(), "text/csv")


def add_commands(command: Callable[[str, object], argparse.ArgumentParser]) -> None:
    """`command` makes the parser of a command by its name and function."""
    asking = command("predict", predict)
    asking.add_argument("model")
    asking.add_argument(
        "rows", nargs="?", default="-", help="a file of rows; - or nothing for standard input"
    )
    asking.add_argument("--content-type", help="of the rows; by default by the file's name, else text/csv")
    asking.add_argument("--accept", help="the form of the answer; by default the request's")
    asking.add_argument("--inference-id", help="your own, by which labels are joined; by default one is made")
