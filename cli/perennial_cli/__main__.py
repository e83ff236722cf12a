"""`perennial`: what an operator asks and orders. Every command says what it did."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from perennial_cli import analysis, capacity, orders, predictions
from perennial_cli.contract import command as contract
from perennial_cli.dead_letters import receive, redrive, release
from perennial_cli.stack import Stack

CHANNELS = ("slack", "email", "html", "teams", "pagerduty", "generic")
LOOKED_BACK = 20  # entries of a ledger, most of which may be of what did not need anything
INTERRUPTED = 130  # as a shell tells of SIGINT


def models(stack: Stack, options: argparse.Namespace) -> None:
    """List the models: newest version, what serves, last decision."""
    found = stack.models()
    if not found:
        print("no model yet: upload a models/<name>/model.yaml")
    for model in found:
        versions, endpoint = stack.versions(model), stack.endpoint(model)
        newest = versions[0] if versions else None
        version = (
            f"v{newest['ModelPackageVersion']} {newest['ModelApprovalStatus']}" if newest else "no version"
        )
        serving = (
            f"{endpoint['EndpointStatus']} {endpoint['EndpointConfigName']}" if endpoint else "no endpoint"
        )
        print(f"{model:<30} {version:<28} {serving:<44} {last_decision(stack.ledger(model, LOOKED_BACK))}")


def last_decision(entries: Sequence[Mapping[str, str]]) -> str:
    """Of a ledger's end, oldest first: the newest that did something, if any did."""
    did = [entry["decision"] for entry in entries if entry["decision"] != "nothing"]
    return did[-1] if did else entries[-1]["decision"] if entries else ""


def ledger(stack: Stack, options: argparse.Namespace) -> None:
    """Show a model's newest decisions with their reasons."""
    found = stack.ledger(options.model, options.most)
    if not found:
        stack.require(options.model)
    for entry in found:
        print(f"{entry['at'][:19]}  {entry['decision']:<26} {entry['reason']}\n{'':<21}{entry['fact']}")


def approve(stack: Stack, options: argparse.Namespace) -> None:
    """Approve a version: it is deployed."""
    _decide(stack, options, "Approved")


def reject(stack: Stack, options: argparse.Namespace) -> None:
    """Reject a version: if it serves, the newest approved one takes its place."""
    _decide(stack, options, "Rejected")


def _decide(stack: Stack, options: argparse.Namespace, status: str) -> None:
    versions = stack.versions(options.model)
    found = [v for v in versions if v["ModelPackageVersion"] == options.version]
    if not found:
        if not versions:
            stack.require(options.model)
        there = ", ".join(str(v["ModelPackageVersion"]) for v in versions[:10])
        hint = (
            f"the newest are {there}" if there else f"it has none yet, see `perennial ledger {options.model}`"
        )
        raise SystemExit(f"perennial: {options.model} has no version {options.version}: {hint}")
    arn = found[0]["ModelPackageArn"]
    boto3.client("sagemaker").update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus=status, ApprovalDescription=options.because[:1024]
    )
    print(f"{arn} is {status}")


def dead_letters(stack: Stack, options: argparse.Namespace) -> None:
    """Show what failed in spite of its retries, and why."""
    queue = stack.outputs["DeadLetters"]
    letters = list(receive(queue))
    for letter in letters:
        function = letter.function.rsplit(":", 1)[-1]
        print(
            f"{letter.event.get('time', ''):<21} {function}  {letter.event.get('detail-type', '')} {letter.subject}"
        )
        print(f"{'':<21} {letter.error}")
    release(queue, letters)
    print(f"{len(letters)} dead letters" + ("; try them again with: perennial redrive" if letters else ""))


def redrive_all(stack: Stack, options: argparse.Namespace) -> None:
    """Try everything again that failed in spite of its retries."""
    queue = stack.outputs["DeadLetters"]
    letters = list(receive(queue))
    for letter in letters:
        redrive(queue, letter, stack.outputs.get("CaptureQueue", ""))
        print(
            f"invoked {letter.function.rsplit(':', 1)[-1]} with {letter.event.get('detail-type', '')} {letter.subject}"
        )
    print(f"{len(letters)} events are being tried again")


def preview(options: argparse.Namespace) -> None:
    """Show a message as each channel will: a sample's name, or a file with a `Decision Made` event."""
    from perennial_cli.preview import show  # the only command that needs the functions' own code

    show(options)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="perennial", description=__doc__)
    top.add_argument(
        "--stack",
        default=os.environ.get("PERENNIAL_STACK", "perennial"),
        help="the stack's name (PERENNIAL_STACK, or perennial)",
    )
    commands = top.add_subparsers(required=True, metavar="command")

    def command(name: str, run: object) -> argparse.ArgumentParser:
        text = (run.__doc__ or "").strip()
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    command("models", models)
    shown = command("ledger", ledger)
    shown.add_argument("model")
    shown.add_argument("-n", dest="most", type=analysis.at_least_one, default=30, help="how many (30)")
    for name, run in (("approve", approve), ("reject", reject)):
        decided = command(name, run)
        decided.add_argument("model")
        decided.add_argument("version", type=int, help="its number, such as 3")
        decided.add_argument(
            "--because", default=f"{name}d with the perennial command", help="kept with the version"
        )
    analysis.add_commands(command)
    orders.add_commands(command)
    predictions.add_commands(command)
    contract.add_commands(command)
    capacity.add_commands(command)
    shown = command("preview", preview)
    shown.set_defaults(offline=True)
    shown.add_argument(
        "event", nargs="?", help="a sample's name, or a JSON file; without it the samples are listed"
    )
    shown.add_argument("--channel", choices=CHANNELS, help="one channel (all)")
    shown.add_argument("--summary", type=Path, help="a window's summary.json, for the features that moved")
    shown.add_argument("--out", help="write files into this folder instead")
    shown.add_argument(
        "--open", action="store_true", help="write files and open a browser: the mail, or Slack's builder"
    )
    command("dead-letters", dead_letters)
    command("redrive", redrive_all)
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    try:
        if getattr(options, "offline", False):
            options.run(options)
        else:
            options.run(Stack.find(options.stack), options)
        sys.stdout.flush()
    except BrokenPipeError:  # `perennial ledger m | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.exit(f"perennial: {error.filename or 'the system'}: {error.strerror or error}")
    except (ClientError, BotoCoreError) as error:
        hint = (
            "" if os.environ.get("AWS_ENDPOINT_URL") else " (on the laptop twin: source .perennial/env first)"
        )
        sys.exit(f"perennial: {error}{hint}")
    except KeyboardInterrupt:
        print("perennial: interrupted; what was asked for goes on, and the ledger will tell", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
