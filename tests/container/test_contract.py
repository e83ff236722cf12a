"""The server keeps SageMaker's contract, as `perennial check-container` tries it."""

import os
import sys

from container_jobs import PACKAGES, Job

from perennial_cli.contract.asking import Sample
from perennial_cli.contract.lives import check_target
from perennial_cli.contract.targets import Command, free_port


def test_the_server_keeps_the_contract(loans: Job, monkeypatch) -> None:
    """No rule and no advice is broken by a started, asked and stopped server."""
    for name, value in {
        "SAGEMAKER_BASE_DIR": str(loans.base),
        "BIND_HOST": "127.0.0.1",
        "PYTHONPATH": PACKAGES,
    }.items():
        monkeypatch.setitem(os.environ, name, value)
    target = Command(f"{sys.executable} -m perennial_container serve")
    sample = Sample(b"0.5,3,a,true\n", "text/csv")
    found = list(check_target(target, free_port(), sample, 2_000_000, 30.0, None))
    assert {each.rule.name: each.detail for each in found if each.status == "failed"} == {}
    assert len([each for each in found if each.status == "passed"]) == 19
