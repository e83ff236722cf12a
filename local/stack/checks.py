"""`make check` and `make test`: every check and every test, each in the environment it is about, and a summary."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from stack.console import say
from stack.places import REGION, ROOT, RUNTIME, STATE, VENVS, clean_environment, python, shown

REPORTS = STATE / "reports"
BIN = VENVS / "tools" / "bin"


@dataclass(frozen=True)
class Check:
    """A command that says nothing when all is well; its output is shown when it fails."""

    name: str
    command: tuple[str | Path, ...]


@dataclass(frozen=True)
class Suite:
    """Tests in `tests/<folder>`, run by the interpreter of one environment, file by file in so many processes."""

    name: str
    environment: str
    folders: tuple[str, ...]
    processes: int = 2


@dataclass(frozen=True)
class Outcome:
    """What came of a check or a suite; counts are of tests, zero for a check."""

    name: str
    good: bool
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0


def types(environment: str, *folders: str) -> tuple[str | Path, ...]:
    return (BIN / "mypy", "--no-error-summary", "--python-executable", python(environment), *folders)


CHECKS = (
    Check("format", (BIN / "ruff", "format", "--check", "--quiet", ".")),
    Check("lint", (BIN / "ruff", "check", "--quiet", ".")),
    Check(
        "types",
        types(
            "test",
            "layers/core/perennial",
            "layers/analysis/perennial_analysis",
            "layers/web/perennial_web",
            "functions",
            "local",
            "cli",
        ),
    ),
    Check("types of the container", types("container-test", "container/perennial_container")),
    Check("layering", (BIN / "lint-imports", "--no-logo")),
    Check("template (sam)", (BIN / "sam", "validate", "--lint", "--region", REGION)),
    Check("template (cfn-lint)", (BIN / "cfn-lint", "template.yaml")),
)
# A twin under test keeps one core busy, so two of them fill the smallest machine. What looks at times in milliseconds
# has a machine to itself.
SUITES = {
    "unit": Suite("unit", "test", ("unit",)),
    "contract": Suite("contract", "test", ("contract",), processes=4),  # which mostly wait for their twins
    "container": Suite("container", "container-test", ("container",), processes=1),
    "loop": Suite("loop", "test", ("functional", "loop")),
}


def check() -> bool:
    """Runs every check; whether all is well."""
    return conclude([run_check(each) for each in CHECKS])


# Needs a container engine: `make image-test` runs it, after building what it tests.
IMAGE_SUITE = Suite("image", "test", ("image",), processes=1)


def test(names: Sequence[str]) -> bool:
    """Runs the named suites, or every check and every suite; whether all is well."""
    outcomes = [] if names else [run_check(each) for each in CHECKS]
    chosen = [SUITES[name] for name in names] if names else list(SUITES.values())
    return conclude(outcomes + [run_suite(suite) for suite in chosen])


def run_check(wanted: Check) -> Outcome:
    started = time.monotonic()
    environment = clean_environment(
        SAM_CLI_TELEMETRY="0",
        PYTHONPATH="layers/core:layers/analysis:layers/web:local:container:cli",
        RUFF_CACHE_DIR=str(STATE / "cache/ruff"),
    )
    done = subprocess.run(
        wanted.command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = Outcome(wanted.name, done.returncode == 0, time.monotonic() - started)
    say(f"{wanted.name} ... {'ok' if outcome.good else 'FAILED'} {outcome.seconds:.1f} s")
    if not outcome.good:
        say((done.stdout + done.stderr).strip())
    return outcome


def run_suite(suite: Suite, *, environment: Mapping[str, str] | None = None) -> Outcome:
    """Runs a suite in a clean environment, and what is added to it."""
    folders = [
        f"tests/{folder}" for folder in suite.folders if any((ROOT / "tests" / folder).rglob("test_*.py"))
    ]
    if not folders:
        say(f"\n{suite.name}: there are no tests")
        return Outcome(suite.name, good=False, seconds=0)
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"{suite.name}.xml"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    say(f"\n{suite.name}: {' '.join(folders)}, Python of {shown(VENVS / suite.environment)} ({RUNTIME})")
    spread = ["--numprocesses", str(suite.processes), "--dist", "loadfile"] if suite.processes > 1 else []
    command: list[str | Path] = [
        python(suite.environment),
        "-m",
        "pytest",
        "--quiet",
        f"--junitxml={report}",
        *spread,
        *folders,
    ]
    code = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment(**(environment or {})),
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode
    return count(suite.name, code, time.monotonic() - started, report)


def count(name: str, code: int, seconds: float, report: Path) -> Outcome:
    """Reads the counts that pytest wrote; without them the suite broke before it could count."""
    if not report.exists():
        return Outcome(name, good=False, seconds=seconds)
    tests = failed = skipped = 0
    for suite in ET.parse(report).getroot().iter("testsuite"):
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return Outcome(name, code == 0, seconds, tests - failed - skipped, failed, skipped)


def conclude(outcomes: Sequence[Outcome]) -> bool:
    say("\nSummary")
    for outcome in outcomes:
        counts = (
            f"{outcome.passed} passed, {outcome.failed} failed" if outcome.passed + outcome.failed else ""
        )
        say(
            f"  {'ok    ' if outcome.good else 'FAILED'} {outcome.seconds:7.1f} s  {outcome.name:24} {counts}".rstrip()
        )
    passed, failed, skipped = (
        sum(getattr(o, what) for o in outcomes) for what in ("passed", "failed", "skipped")
    )
    if passed + failed:
        say(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return all(outcome.good for outcome in outcomes)
