"""`serve` (see serving.py), and `train` and `analyze` that do what the hyperparameter (or argument) `behaviour` says."""

import json
import os
import signal
import sys
import time
from pathlib import Path

BASE = Path(os.environ["SAGEMAKER_BASE_DIR"])


def train() -> int:
    behaviour = json.loads((BASE / "input/config/hyperparameters.json").read_text()).get("behaviour", "train")
    print("environment", " ".join(sorted(os.environ)), flush=True)
    for path in sorted((BASE / "input/data").rglob("*")):
        print("input", path.relative_to(BASE / "input/data").as_posix(), flush=True)
    return {
        "train": succeed,
        "fail": fail,
        "fail silently": lambda: 3,
        "empty": lambda: 0,
        "hang": hang,
        "ignore SIGTERM": ignore,
        "save on SIGTERM": save,
        "checkpoint": checkpoint,
        "read S3": read,
    }[behaviour]()


def succeed() -> int:
    print("metric holdout:auc=0.75", flush=True)
    print("metric holdout:auc=0.81", flush=True)
    (BASE / "model/model.onnx").write_text("a model")
    (BASE / "output/data/evaluation.json").write_text("{}")
    return 0


def fail() -> int:
    (BASE / "output/failure").write_text("the target has one class only")
    (BASE / "model/half.onnx").write_text("half a model")
    return 1


def hang() -> int:
    print("waiting", flush=True)
    time.sleep(600)
    return 0


def ignore() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return hang()


def save() -> int:
    def leave(*_: object) -> None:
        (BASE / "model/model.onnx").write_text("what was learnt so far")
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    return hang()


def checkpoint() -> int:
    """Write a checkpoint and wait the first time, finish when one is there."""
    saved = BASE / "checkpoints/step.txt"
    if saved.exists():
        print("resumed at", saved.read_text(), flush=True)
        return succeed()
    saved.write_text("7")
    return hang()


def read() -> int:
    """Act as the job's role does: with the credentials of the environment."""
    import boto3

    print("identity", boto3.client("sts").get_caller_identity()["Arn"], flush=True)
    return succeed()


def analyze(arguments: list[str]) -> int:
    config = json.loads((BASE / "config/resourceconfig.json").read_text())
    inputs = sorted(p.name for p in (BASE / "processing/input").rglob("*") if p.is_file())
    report = (
        Path(arguments[arguments.index("--output") + 1])
        if "--output" in arguments
        else BASE / "processing/output"
    )
    (report / f"{config['current_host']}.json").write_text(json.dumps({"inputs": inputs}))
    print("window", os.environ.get("PERENNIAL_WINDOW"), flush=True)
    said = b"\xff\xfe" if "--mumble" in arguments else "analyzed — é".encode() * 200
    (BASE / "output/message").write_bytes(
        said if "--long" in arguments or said[:1] == b"\xff" else b"analyzed"
    )
    if "--fail" in arguments:
        return 4
    return 0


def main(arguments: list[str]) -> int:
    if arguments[0] == "serve":
        from perennial_container.serving import serve

        return serve()
    return train() if arguments[0] == "train" else analyze(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
