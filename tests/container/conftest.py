"""Fixtures: models trained once and served once, by the real entry points."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "container"), str(ROOT / "layers" / "analysis")]

from container_jobs import LOANS, Job, Server, loan_rows, make_job, serving  # noqa: E402 - needs the path above
from traffic import FEATURES, Traffic, csv_line  # noqa: E402


@pytest.fixture(scope="session")
def loans(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A trained binary model; tests only read it."""
    rows = loan_rows(400)
    job = make_job(
        tmp_path_factory.mktemp("loans"),
        LOANS,
        {"models/m/drops/d/one.csv": rows[:250], "models/m/drops/d/two": rows[250:]},
        facet="group",
        privileged="a",
    )
    result = job.train()
    assert result.returncode == 0, result.stdout + result.stderr
    (job.base / "log").write_text(result.stdout)
    return job


@pytest.fixture(scope="session")
def server(loans: Job) -> Iterator[Server]:
    """The binary model, served."""
    with serving(loans.base) as running:
        running.wait_for_ping(200)
        yield running


@pytest.fixture(scope="session")
def hurried(loans: Job) -> Iterator[Server]:
    """A server with little patience and a small limit, so that both can be met."""
    with serving(loans.base, SAGEMAKER_MAX_PAYLOAD_IN_MB="4", BODY_TIMEOUT_SECONDS="1") as running:
        running.wait_for_ping(200)
        yield running


@pytest.fixture(scope="session")
def traffic(server: Server) -> Traffic:
    """Requests like the training data, with what the binary model answered."""
    rows = loan_rows(600, seed=5)
    body = "\n".join([",".join(FEATURES), *(csv_line([row[name] for name in FEATURES]) for row in rows)])
    return Traffic(rows, server.invoke(body).text.splitlines())


@pytest.fixture(scope="session")
def fuzzed(loans: Job) -> Iterator[Server]:
    """The binary model, served for tests that ask very often: its log is read while it runs, since a full pipe
    would stop it."""

    def drain(stream: IO[str]) -> None:
        for _ in stream:
            pass

    with serving(loans.base) as running:
        for stream in (running.process.stdout, running.process.stderr):
            assert stream is not None
            threading.Thread(target=drain, args=(stream,), daemon=True).start()
        running.wait_for_ping(200)
        yield running
