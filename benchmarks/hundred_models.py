"""A hundred models dropped at once: all reach their package, none twice, none lost. MODELS=10 tries fewer."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loop_data import MODEL_YAML, Account, table, wait

from stack import running

MODELS = int(os.environ.get("MODELS", "100"))
PATIENCE = 15.0 * MODELS


def main() -> None:
    models = [f"model-{number:03}" for number in range(MODELS)]
    with tempfile.TemporaryDirectory() as home, running.stack(Path(home)) as deployed:
        account = Account(deployed)
        s3, sagemaker = account.client("s3"), account.client("sagemaker")

        def drop(model: str) -> None:
            config = MODEL_YAML.format(model=model, approval="manual")
            s3.put_object(Bucket=account.bucket, Key=f"models/{model}/model.yaml", Body=config.encode())
            folder = f"models/{model}/drops/first/"
            s3.put_object(Bucket=account.bucket, Key=folder + "a.csv", Body=table(models.index(model)))
            s3.put_object(Bucket=account.bucket, Key=folder + "_SUCCESS", Body=b"")

        def packages() -> Counter[str]:
            pages = sagemaker.get_paginator("list_model_package_groups").paginate(
                NameContains="perennial-model-"
            )
            groups = [
                group["ModelPackageGroupName"]
                for page in pages
                for group in page["ModelPackageGroupSummaryList"]
            ]
            counted: Counter[str] = Counter()
            for group in groups:
                found = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
                counted[group.removeprefix("perennial-")] = len(found)
            return counted

        started = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(drop, models))
        print(f"dropped {MODELS} models in {time.monotonic() - started:.1f} s", flush=True)

        def all_there() -> bool:
            return sum(1 for model in models if packages()[model]) == MODELS

        try:
            wait("every package", all_there, PATIENCE, pause=5)
        except TimeoutError as error:
            print(error)
        seconds = time.monotonic() - started
        counted = packages()
        pages = sagemaker.get_paginator("list_training_jobs").paginate(NameContains="perennial-model-")
        jobs = Counter(
            summary["TrainingJobName"].rsplit("-", 2)[0]
            for page in pages
            for summary in page["TrainingJobSummaries"]
        )
        lost = [model for model in models if not counted[model]]
        twice = [model for model in models if counted[model] > 1]
        print(
            f"{MODELS - len(lost)} of {MODELS} reached their package in {seconds:.0f} s; {len(lost)} lost, {len(twice)} twice"
        )
        print(f"{sum(jobs.values())} training jobs for {len(jobs)} models")
        if lost or twice or max(jobs.values(), default=0) > 1:
            sys.exit(
                f"lost: {lost}; twice: {twice}; jobs: {[name for name, count in jobs.items() if count > 1]}"
            )


if __name__ == "__main__":
    main()
