"""One turn of the loop: how soon the two requests that matter are made, and what the turn costs.

From `_SUCCESS` to CreateTrainingJob and from the approval to CreateEndpoint, on cold functions and on warm ones
(SageMaker's own CreationTime against the moment of our request); then, for a whole turn, invocations and
billed milliseconds of every function, from their own REPORT lines, and their requests to AWS by service.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from loop_data import MODEL_YAML, Account, table, wait

from stack import running
from stack.running import Running

TURNS, BUDGET = 4, 3.0
REPORT = re.compile(r"Billed Duration: (\d+) ms")


def turn(account: Account, model: str, seed: int) -> tuple[float, float]:
    """Seconds from `_SUCCESS` to CreateTrainingJob, and from approval to CreateEndpoint."""
    s3, sagemaker = account.client("s3"), account.client("sagemaker")
    config = MODEL_YAML.format(model=model, approval="manual")
    s3.put_object(Bucket=account.bucket, Key=f"models/{model}/model.yaml", Body=config.encode())
    wait("the configuration", lambda: account.ledger(model), 60)
    drop = f"models/{model}/drops/first/"
    s3.put_object(Bucket=account.bucket, Key=drop + "a.csv", Body=table(seed))
    dropped = datetime.now(UTC)
    s3.put_object(Bucket=account.bucket, Key=drop + "_SUCCESS", Body=b"")
    group, prefix = f"perennial-{model}", f"perennial-{model}-"

    def job() -> dict | None:
        return next(iter(sagemaker.list_training_jobs(NameContains=prefix)["TrainingJobSummaries"]), None)

    def package() -> dict | None:
        found = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
        return next(iter(found), None)

    started = wait("the training job", job, 60)["CreationTime"]
    arn = wait("the package", package, 120)["ModelPackageArn"]
    approved = datetime.now(UTC)
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    endpoints = wait("the endpoint", lambda: sagemaker.list_endpoints(NameContains=group)["Endpoints"], 60)
    wait(
        "the end", lambda: "version_in_service" in {entry["decision"] for entry in account.ledger(model)}, 120
    )
    return (started - dropped).total_seconds(), (endpoints[0]["CreationTime"] - approved).total_seconds()


def requests(running: Running) -> Counter[str]:
    """Requests that the functions made so far, by service; the twin counts them."""
    with urllib.request.urlopen(running.twin.endpoint + "/_twin/requests") as answer:
        return Counter(json.load(answer)["of functions"])


def costs(account: Account) -> Counter[str]:
    """Invocations and billed milliseconds of all functions so far."""
    logs = account.client("logs")
    [group] = [
        name for g in logs.describe_log_groups()["logGroups"] if "FunctionsLog" in (name := g["logGroupName"])
    ]
    counted: Counter[str] = Counter()
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
        for event in page["events"]:
            if found := REPORT.search(event["message"]):
                counted["invocations"] += 1
                counted["billed ms"] += int(found[1])
    return counted


def main() -> None:
    with tempfile.TemporaryDirectory() as home, running.stack(Path(home)) as deployed:
        account = Account(deployed)
        measured = [turn(account, f"turn-{number}", number) for number in range(TURNS - 1)]
        time.sleep(2)  # what follows the last turn has ended
        before, asked_before = costs(account), requests(deployed)
        measured.append(turn(account, "turn-counted", TURNS))
        time.sleep(2)
        spent, asked = costs(account) - before, requests(deployed) - asked_before
    print(f"{'':<36} {'cold s':>7} {'warm s (median)':>16}")
    warm = []
    for column, name in enumerate(("_SUCCESS to CreateTrainingJob", "approval to CreateEndpoint")):
        cold, *rest = (row[column] for row in measured)
        warm.append(statistics.median(rest))
        print(f"{name:<36} {cold:>7.2f} {warm[-1]:>16.2f}")
    print(
        f"\none turn: {spent['invocations']} invocations, {spent['billed ms']} ms billed (a sweep may be among them)"
    )
    by_service = ", ".join(f"{service} {count}" for service, count in asked.most_common())
    print(f"requests of the functions: {sum(asked.values())} ({by_service})")
    slow = [row for row in measured if max(row) > BUDGET]
    if slow:
        sys.exit(f"over the budget of {BUDGET:.0f} s: {slow}")


if __name__ == "__main__":
    main()
