"""Draw scaling from runs: a load curve, a schedule, an order that expires. A client keeps a rate and looks at instances,
bounds, alarms and activities meanwhile; what is drawn is what it saw."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "local"), str(ROOT / "tests" / "loop"), str(Path(__file__).parent)]

from chart import COLOURS, Chart, Line, Mark, Panel  # noqa: E402
from load import Load, activities, bounds, instances, until  # noqa: E402
from stranger import SMALL, Model, Stack, drop_of, wait_for  # noqa: E402
from test_scaling import IDLE, QUICK, configure, order  # noqa: E402

from stack import running  # noqa: E402

MINUTE = 1.0  # seconds that a minute of SageMaker's metrics, alarms and cooldowns takes on the twin
CURVE: Mapping[str, Any] = {"min": 1, "max": 4, "invocations_per_instance": 480, **QUICK}  # eight a second
PATIENCE = 240  # seconds: a busy machine is slow


def curve(model: Model) -> tuple[Load, list[Mark], str]:
    """Load that rises and falls: out by the High alarm, in by the Low one."""
    configure(model, CURVE)
    wait_for("its policy", lambda: bounds(model) == (1, 4))
    with Load(model, 4) as load:
        pause(load, 8)
        for rate, wanted in ((14, 2), (26, 4)):
            load.rate = rate
            until(load, lambda wanted=wanted: instances(model) >= wanted, PATIENCE, "scaling out")
            pause(load, 8)
        load.rate = 3
        until(load, lambda: instances(model) == 1, PATIENCE, "scaling in")
        pause(load, 4)
    return load, scaled(model, load), "target tracking: 480 invocations per instance and minute"


def schedule(model: Model) -> tuple[Load, list[Mark], str]:
    """Two entries: more from one time on, as before from another on."""
    begin, end = (datetime.now(ZoneInfo("Europe/Zurich")) + timedelta(seconds=n) for n in (25, 50))
    entries = [
        {"name": name, "at": f"at({at:%Y-%m-%dT%H:%M:%S})", "time_zone": "Europe/Zurich", "min": least}
        for name, at, least in (("rush", begin, 3), ("after", end, 1))
    ]
    with Load(model, 4) as load:
        configure(model, {**IDLE, "schedule": entries})
        until(load, lambda: bounds(model) == (3, 3), PATIENCE, "the rush")
        rush = load.now()
        model.stack.sweep()
        until(load, lambda: bounds(model) == (1, 3), PATIENCE, "the end of it")
        after = load.now()
        until(load, lambda: instances(model) == 1, PATIENCE, "scaling in")
        pause(load, 4)
    marks = [Mark(rush / MINUTE, "rush: min 3"), Mark(after / MINUTE, "after: min 1")]
    return load, marks, "a schedule: two times of the wall clock, with a sweep in between"


def adjustment(model: Model) -> tuple[Load, list[Mark], str]:
    """An operator raises the floor; the sweep takes it back when it is over."""
    with Load(model, 4) as load:
        pause(load, 5)
        ordered = load.now()
        order(model, "POST", {"bound": "floor", "instances": 3, "hours": 25 / 3600, "because": "a campaign"})
        until(load, lambda: instances(model) == 3, PATIENCE, "the floor")
        model.stack.sweep()
        while load.now() < ordered + 26:
            time.sleep(0.1)
        model.stack.sweep()
        until(load, lambda: bounds(model)[0] == 1, PATIENCE, "its end")
        over = load.now()
        until(load, lambda: instances(model) == 1, PATIENCE, "scaling in")
        pause(load, 4)
    marks = [
        Mark(ordered / MINUTE, "perennial scale --floor 3"),
        Mark(over / MINUTE, "over: the sweep takes it back"),
    ]
    return load, marks, "an order that expires"


def scaled(model: Model, load: Load) -> list[Mark]:
    """A mark for each activity of Application Auto Scaling during the load, by the alarm that caused it."""
    began = time.time() - load.now()
    found = []
    for activity in activities(model):
        at = activity["StartTime"].timestamp() - began
        side = next((side for side in ("High", "Low") if f"Alarm{side}" in activity["Cause"]), "")
        if at > 0 and side:
            words = activity["Description"].removeprefix("Setting desired instance count to ").rstrip(".")
            found.append(Mark(at / MINUTE, f"{side}: {words}", COLOURS["bad" if side == "High" else "new"]))
    return found


def pause(load: Load, seconds: float) -> None:
    """Let the load go on for a while: it is the picture's time, nothing is waited for."""
    end = load.now() + seconds
    while load.now() < end:
        time.sleep(0.1)


def drawn(load: Load, marks: Sequence[Mark], title: str) -> str:
    looks = [look for look in load.looks if look.most]
    end = load.now() / MINUTE
    failed = sum(1 for _, good in load.answers if not good)
    bins: dict[int, int] = {}
    for at, _ in load.answers:
        bins[int(at / MINUTE)] = bins.get(int(at / MINUTE), 0) + 1
    answered = [(minute + 0.5, count) for minute, count in sorted(bins.items())]
    most = max(max(look.instances, look.least) for look in looks)

    def line(label: str, colour: str, value: Callable[[Any], float]) -> Line:
        points = [(look.at / MINUTE, value(look)) for look in looks]
        return Line(label, COLOURS[colour], points, steps=True)

    rings = [
        line("above the target", "bad", lambda look: float("AlarmHigh" in look.ringing)),
        line("below nine tenths of it", "new", lambda look: 0.9 * float("AlarmLow" in look.ringing)),
    ]
    return Chart(
        f"{title} ({len(load.answers):,} requests, {failed} failed)",
        end,
        "minutes of SageMaker's metrics (seconds on the twin)",
        [
            Panel(
                "requests a second",
                90,
                max(count for _, count in answered) * 1.1,
                lines=[Line("answered", COLOURS["line"], answered)],
            ),
            Panel(
                "instances",
                90,
                most + 0.5,
                lines=[
                    line("in service", "new", lambda look: look.instances),
                    line("floor", "quiet", lambda look: look.least),
                ],
            ),
            Panel("alarms ringing", 30, 1.2, lines=rings),
        ],
        marks,
    ).svg()


PICTURES = {"curve": curve, "schedule": schedule, "adjustment": adjustment}


def draw(model: Model, folder: Path, names: Sequence[str]) -> None:
    for name in names:
        load, marks, title = PICTURES[name](model)
        (folder / f"scaling-{name}.svg").write_text(drawn(load, marks, title))
        print(f"scaling-{name}.svg", flush=True)
        configure(model)
        wait_for("the bounds of before", lambda: bounds(model) == (1, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", choices=PICTURES, action="append")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the twin ends with us
    with tempfile.TemporaryDirectory() as home, running.stack(Path(home)) as deployed:
        model = Stack(deployed.twin.endpoint, deployed.outputs).model("pictures")
        model.configure(endpoint=SMALL, scaling=IDLE)
        model.drop("first", drop_of(200))
        model.wait_for("version_registered")
        model.approve(1)
        model.wait_until_serving(1)
        draw(model, options.folder, options.only or list(PICTURES))


if __name__ == "__main__":
    main()
