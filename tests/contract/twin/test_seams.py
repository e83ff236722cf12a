"""Where the twin joins MiniStack: a new version that moves a seam is noticed at once."""

import subprocess
from pathlib import Path

import pytest
from running_twin import ROOT, interpreter


def in_the_twin(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in the twin's interpreter."""
    return subprocess.run(
        [interpreter("twin"), "-c", code],
        env={"PYTHONPATH": str(ROOT / "local"), "AUTH": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_installed_ministack_has_every_seam() -> None:
    """The MiniStack of the lock file is the one that was tried, and no seam of it has moved."""
    ran = in_the_twin(
        "from importlib.metadata import version; from twin import assembly, lambdas, seams, seams_cloudformation, seams_iam, seams_mail, seams_urls;"
        "assert version('ministack') == seams.TRIED, version('ministack'); seams.verify()"
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("del seams.eventbridge._put_events", "events: ministack.services.eventbridge._put_events is gone"),
        (
            "seams.sts.register_session = lambda session: None",
            "sessions: ministack.services.sts.register_session",
        ),
        ("seams.router.SERVICE_PATTERNS = None", "router.SERVICE_PATTERNS is not the table of services"),
    ],
    ids=["function gone", "parameters changed", "table gone"],
)
def test_moved_seam_stops_the_twin(change: str, told: str) -> None:
    """A seam that is gone or takes other parameters is named in the error."""
    ran = in_the_twin(f"from twin import seams; {change}; seams.verify()")
    assert ran.returncode == 1
    assert told in ran.stderr


def test_only_the_seams_import_ministack() -> None:
    """No other module of the twin knows MiniStack."""
    importing = {
        path.relative_to(ROOT / "local" / "twin").as_posix()
        for path in (ROOT / "local").rglob("*.py")
        if any(
            line.lstrip().startswith(("import ministack", "from ministack"))
            for line in path.read_text().splitlines()
        )
    }
    assert importing == {
        "lambdas.py",
        "seams.py",
        "seams_cloudformation.py",
        "seams_cloudwatch.py",
        "seams_iam.py",
        "seams_mail.py",
        "seams_urls.py",
    }


def test_coverage_page_is_current() -> None:
    """docs/twin.md lists exactly the operations there are."""
    ran = subprocess.run(
        [interpreter("twin"), "-m", "twin.coverage", "--check", ROOT / "docs" / "twin.md"],
        env={"PYTHONPATH": str(ROOT / "local"), "AUTH": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_every_fault_is_documented() -> None:
    """docs/twin.md names every fault a test can ask for."""
    ran = in_the_twin("from twin.faults import KINDS; print(*KINDS)")
    page = Path(ROOT / "docs" / "twin.md").read_text()
    assert [kind for kind in ran.stdout.split() if f"`{kind}`" not in page] == []
