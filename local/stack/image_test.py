"""`make image-test`: builds every target, holds it against its budgets, looks at what is in it, and runs it."""

import os
import time
from collections.abc import Callable, Sequence

from stack import checks, image_build, image_supply
from stack.checks import Check, Outcome
from stack.console import say
from stack.image_base import search_path
from stack.image_build import TARGETS, Built
from stack.image_engine import Engine
from stack.image_supply import Audit
from stack.places import ROOT, VENVS, shown

HADOLINT = Check(
    "Dockerfile (hadolint)", (VENVS / "image/bin/hadolint", "--no-color", image_build.DOCKERFILE)
)
# What an engine needs of its user's environment.
KEPT = (
    "HOME",
    "XDG_RUNTIME_DIR",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "ENGINE",
    "ENGINE_OPTIONS",
)


def test() -> bool:
    """Whether all is well with the images. What could not be looked up is said apart, and is no failure."""
    engine, base = image_build.ready()
    say(
        f"engine: {' '.join(engine.command)} {' '.join(engine.run_options)}".rstrip()
        + f"; base image: {base}"
    )
    built = image_build.build(engine, base)
    say(f"\n{image_build.table(built)}\n")
    outcomes = [weighed(built), checks.run_check(HADOLINT)]
    contents, audit = supplied(engine)
    outcomes += [contents, *([audited(audit)] if audit.checked else [])]
    kept = {name: os.environ[name] for name in KEPT if os.environ.get(name)}
    outcomes.append(checks.run_suite(checks.IMAGE_SUITE, environment={**kept, "PATH": search_path()}))
    if audit.unchecked:
        say(f"\n{not_checked(audit)}")
    return checks.conclude(outcomes)


def weighed(built: Sequence[Built]) -> Outcome:
    return timed("sizes", lambda: [f"{each.target.image}: {each.excess}" for each in built if each.excess])


def supplied(engine: Engine) -> tuple[Outcome, Audit]:
    """Writes each target's list of packages and compares it with its lock; looks the largest up."""
    started, wrong = time.monotonic(), []
    for target in TARGETS:
        found = image_supply.inventory(engine, target)
        file = image_supply.write_bill(target, found)
        say(f"{shown(file)}: {len(found.python)} Python packages, {len(found.debian)} of Debian")
        lock = (ROOT / target.lock).read_text()
        wrong += [f"{target.image}: {each}" for each in image_supply.strangers(found, lock)]
    contents = conclude("packages (SBOM) as locked", wrong, started)
    return contents, image_supply.audit(found)  # the last target has what all the others have


def audited(audit: Audit) -> Outcome:
    """A vulnerability that is known fails; the line says how many packages were looked up."""
    name = f"vulnerabilities: {audit.checked} looked up"
    name += f", {len(audit.unchecked)} NOT CHECKED" if audit.unchecked else ""
    return timed(name, lambda: list(audit.found))


def not_checked(audit: Audit) -> str:
    return (
        f"NOT CHECKED: whether {len(audit.unchecked)} Python packages have known vulnerabilities. {audit.reason}\n"
        "Checked instead: every package is the one that the lock file pins, by hash and version. Run this where "
        "api.osv.dev can be reached before you ship."
    )


def timed(name: str, work: Callable[[], list[str]]) -> Outcome:
    started = time.monotonic()
    return conclude(name, work(), started)


def conclude(name: str, wrong: Sequence[str], started: float) -> Outcome:
    outcome = Outcome(name, not wrong, time.monotonic() - started)
    say(f"{name} ... {'ok' if outcome.good else 'FAILED'} {outcome.seconds:.1f} s")
    for each in wrong:
        say(f"  {each}")
    return outcome
