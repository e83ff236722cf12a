"""Draw each type of rollout from a run: `make pictures`. A client invokes the endpoint all the time and notes which version
answered; what is drawn is what it saw, and what DescribeEndpoint said meanwhile."""

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "local"), str(ROOT / "tests" / "loop"), str(Path(__file__).parent)]

from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from chart import COLOURS, Bands, Chart, Line, Mark, Panel  # noqa: E402
from stranger import ONCE, Model, Stack, drop_of  # noqa: E402

from stack import running  # noqa: E402

CLIENTS = 6
MINUTE = 1.0  # seconds that a minute of waiting takes on the twin
ENDED = ("version_in_service", "rolled_back", "rollout_failed")
RUNS: Mapping[str, Mapping[str, Any]] = {
    "canary": {"type": "canary", "percent": 25, "bake_minutes": 10},
    "linear": {"type": "linear", "percent": 25, "bake_minutes": 6},
    "rolling": {"type": "rolling", "percent": 25, "bake_minutes": 6},
    "all-at-once": {"type": "all_at_once", "bake_minutes": 10},
}
TITLES = {
    "canary": "canary: 25 %, then all",
    "linear": "linear: 25 % at a time",
    "rolling": "rolling: one instance of four at a time",
    "all-at-once": "all at once, and the old fleet kept for a bake",
    "rolled-back": "canary whose new version is slow: undone by its p99 alarm",
}


@dataclass
class Recording:
    """Answers (time, version or None for an error, seconds) and looks (time, status, instances old and new)."""

    answers: list[tuple[float, str | None, float]] = field(default_factory=list)
    looks: list[tuple[float, str, int, int]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        return time.monotonic() - self.began

    def begin(self) -> None:
        """From now on; the clients have made their connections by now."""
        self.began = time.monotonic()
        self.answers.clear()
        self.looks.clear()


@contextmanager
def recorded(model: Model) -> Iterator[Recording]:
    """Clients and an onlooker, for the length of a `with`."""
    recording, over = Recording(), threading.Event()

    def invoke() -> None:
        client = model.stack.client("sagemaker-runtime", ONCE)
        while not over.wait(0.04):
            began = recording.now()
            try:
                answer = client.invoke_endpoint(
                    EndpointName=model.name, ContentType="text/csv", Body=b"50,0.9,north"
                )
                answer["Body"].read()
                version = dict(
                    each.split("=", 1)
                    for each in answer.get("CustomAttributes", "").split(",")
                    if "=" in each
                ).get("model-version")
            except (BotoCoreError, ClientError):
                version = None
            recording.answers.append((recording.now(), version, recording.now() - began))

    def look() -> None:
        client = model.stack.client("sagemaker", ONCE)
        while not over.wait(0.15):
            found = client.describe_endpoint(EndpointName=model.name)
            pending = found.get("PendingDeploymentSummary", {})
            counts = [
                sum(each.get("CurrentInstanceCount", 0) for each in part.get("ProductionVariants", []))
                for part in (found, pending)
            ]
            recording.looks.append((recording.now(), found["EndpointStatus"], *counts))

    threads = [threading.Thread(target=look), *(threading.Thread(target=invoke) for _ in range(CLIENTS))]
    for thread in threads:
        thread.start()
    try:
        yield recording
    finally:
        over.set()
        for thread in threads:
            thread.join()


def record(model: Model, name: str, rollout: Mapping[str, Any], fault: str | None) -> str:
    """One rollout, as SVG."""
    wanted = configured(model, rollout)
    if model.read("model.yaml") != wanted:
        before = len(model.decided("configuration_changed"))
        model.put("model.yaml", wanted)
        model.wait_for("configuration_changed", times=before + 1)
    version = model.register_again()
    with recorded(model) as recording:
        time.sleep(2)
        recording.begin()
        time.sleep(2)
        asked = recording.now()
        if fault:
            with model.stack.fault(fault, f"{model.name}-v{version}-*", 10**6):
                ended = rolled_out(model, version)
        else:
            ended = rolled_out(model, version)
        told = recording.now()
        time.sleep(2)
    return drawn(recording, TITLES[name], str(version), asked, told, ended)


def rolled_out(model: Model, version: int) -> str:
    model.approve(version)
    model.wait_for("endpoint_update_started", version=str(version))
    while True:
        for decision in ENDED:
            for entry in model.decided(decision, version=str(version)):
                alarm = entry.details.get("alarm", "").rpartition("-")[2]
                return f"{decision} by the alarm {alarm}" if alarm else decision
        time.sleep(0.2)


def drawn(recording: Recording, title: str, version: str, asked: float, told: float, ended: str) -> str:
    end = recording.now() / MINUTE
    width = 0.5
    bins: dict[int, Counter[str]] = {}
    slow: dict[int, list[float]] = {}
    for at, answered, seconds in recording.answers:
        kind = "failed" if answered is None else "new" if answered == version else "old"
        bins.setdefault(int(at / MINUTE / width), Counter())[kind] += 1
        slow.setdefault(int(at / MINUTE / width), []).append(seconds * 1000)
    last = max(bins)
    shares = [
        [
            100 * bins.get(n, Counter())[kind] / max(1, bins.get(n, Counter()).total())
            for kind in ("new", "old", "failed")
        ]
        for n in range(last + 1)
    ]
    labels = [
        ("new version", COLOURS["new"]),
        ("old version", COLOURS["old"]),
        ("failed", COLOURS["bad"]),
    ]
    p99 = [
        (n * width + width / 2, sorted(times)[int(len(times) * 0.99)]) for n, times in sorted(slow.items())
    ]
    looks = [(at / MINUTE, status, old, new) for at, status, old, new in recording.looks]
    most = max(max(old, new) for _, _, old, new in looks)
    return Chart(
        f"{title} ({len(recording.answers):,} requests, {sum(1 for _, v, _ in recording.answers if v is None)} failed)",
        end,
        "minutes, as the endpoint counts them",
        [
            Panel(
                "answers", 150, 100, " %", bands=Bands(labels, [n * width for n in range(last + 2)], shares)
            ),
            Panel(
                "instances",
                60,
                most,
                lines=[
                    Line("new fleet", COLOURS["new"], [(at, new) for at, _, _, new in looks], steps=True),
                    Line(
                        "fleet in service",
                        COLOURS["quiet"],
                        [(at, old) for at, _, old, _ in looks],
                        steps=True,
                    ),
                ],
            ),
            Panel(
                "slowest in a hundred",
                60,
                max(100.0, *(value for _, value in p99)),
                " ms",
                lines=[Line("as the client sees it", COLOURS["line"], p99)],
            ),
        ],
        [
            Mark(asked / MINUTE, "approved"),
            Mark(told / MINUTE, ended, COLOURS["bad"] if ended.startswith("roll") else COLOURS["new"]),
        ],
    ).svg()


def configured(model: Model, rollout: Mapping[str, Any]) -> bytes:
    return model.yaml(
        endpoint={
            "instances": 4,
            "rollout": dict(rollout),
            "rollback_on": {"p99_ms": 950, "error_percent": 5},
        },
        scaling={"min": 4, "max": 4},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", choices=TITLES, action="append")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the twin ends with us
    with tempfile.TemporaryDirectory() as home, running.stack(Path(home)) as deployed:
        model = Stack(deployed.twin.endpoint, deployed.outputs).model("pictures")
        model.put("model.yaml", configured(model, {"type": "canary", "percent": 50, "bake_minutes": 0}))
        model.wait_for("model_created")
        model.drop("first", drop_of(200))
        model.wait_for("version_registered")
        model.approve(1)
        model.wait_until_serving(1)
        for name in options.only or TITLES:
            fault = "slow-answers" if name == "rolled-back" else None
            picture = record(model, name, RUNS.get(name, RUNS["canary"]), fault)
            (options.folder / f"rollout-{name}.svg").write_text(picture)
            print(f"rollout-{name}.svg", flush=True)


if __name__ == "__main__":
    main()
