"""The endpoint is brought to the newest approved version, and success is told only when our config won."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import NAMES, NOW, config

from perennial.deployment import EndpointState, PackageVersion, Rollout, reconcile, settle
from perennial.endpoint_config import config_request, deployment_config, forgotten, keeps_counts
from perennial.losses import Loss

CONFIG = config()
HASH = CONFIG.endpoint_hash


def name(version, digest=HASH):
    return f"perennial-mortgage-v{version}-{digest}"


def versions(*approvals):
    return [PackageVersion(n, f"arn:{n}", approval, NOW) for n, approval in enumerate(approvals, 1)]


def endpoint(status, config_name, reason="", modified=NOW):
    return EndpointState("perennial-mortgage", status, config_name, reason, modified)


def rollout(status, version, age=timedelta(hours=1), reason="an alarm fired", lost=()):
    """`lost` are versions whose rollouts ended badly; that of a rollout which did is among them."""
    bad = [*lost, version] if status in ("failed", "rolled_back") else lost
    began = NOW - age
    losses = tuple(Loss(one, name(one), "rolled_back", reason, began.isoformat()) for one in bad)
    ended = status not in ("starting", "started")
    return Rollout(name(version), version, began, status, reason, told=ended, lost=losses)


MOMENT = timedelta(seconds=5)
A, P, R = "Approved", "PendingManualApproval", "Rejected"


@pytest.mark.parametrize(
    ("approvals", "actual", "known", "action", "version"),
    [
        pytest.param([], None, None, "nothing", None, id="no versions"),
        pytest.param([P], None, None, "nothing", None, id="nothing approved"),
        pytest.param([A], None, None, "create", 1, id="first approval"),
        pytest.param(
            [A, A], endpoint("InService", name(1)), rollout("succeeded", 1), "update", 2, id="a newer one"
        ),
        pytest.param(
            [A, P],
            endpoint("InService", name(1)),
            rollout("succeeded", 1),
            "nothing",
            1,
            id="newest is pending",
        ),
        pytest.param(
            [A, A, A],
            endpoint("InService", name(1)),
            rollout("succeeded", 1),
            "update",
            3,
            id="the newest wins",
        ),
        pytest.param(
            [A, R],
            endpoint("InService", name(2)),
            rollout("succeeded", 2),
            "update",
            1,
            id="reject rolls back",
        ),
        pytest.param(
            [R], endpoint("InService", name(1)), rollout("succeeded", 1), "nothing", None, id="none remains"
        ),
        pytest.param([A], endpoint("InService", name(1, "aaaaaa")), None, "update", 1, id="other settings"),
        pytest.param([A, A], endpoint("Updating", name(1)), rollout("started", 1), "wait", 2, id="busy"),
        pytest.param(
            [A, A], endpoint("Creating", name(1)), rollout("started", 1), "wait", 2, id="being created"
        ),
        pytest.param([A], endpoint("Updating", name(1)), rollout("succeeded", 1), "nothing", 1, id="scaling"),
        pytest.param(
            [A, A],
            endpoint("Updating", name(1)),
            rollout("succeeded", 1),
            "wait",
            2,
            id="approved while scaling",
        ),
        pytest.param(
            [A, A], endpoint("InService", name(1)), rollout("started", 1), "wait", 2, id="not settled yet"
        ),
        pytest.param(
            [A, A], endpoint("InService", name(1)), rollout("rolled_back", 2), "nothing", 1, id="rolled back"
        ),
        pytest.param([A], None, rollout("failed", 1), "nothing", 1, id="failed at creation"),
        pytest.param([A, A], None, rollout("failed", 2), "create", 1, id="the newest that did not fail"),
        pytest.param(
            [A, A, R],
            endpoint("InService", name(3)),
            rollout("succeeded", 3, lost=[2]),
            "update",
            1,
            id="never back to what was rolled back",
        ),
        pytest.param(
            [A], endpoint("Failed", name(1), "ping"), rollout("failed", 1), "nothing", 1, id="failed for good"
        ),
        pytest.param(
            [A, A, A], endpoint("Failed", name(2), "ping"), rollout("failed", 2), "delete", 3, id="broken"
        ),
        pytest.param(
            [A, A],
            endpoint("InService", name(1), modified=NOW - timedelta(hours=2)),
            rollout("starting", 2),
            "update",
            2,
            id="killed before asking",
        ),
        pytest.param([A], None, rollout("starting", 1, MOMENT), "create", 1, id="killed a moment ago"),
        pytest.param(
            [A, A],
            endpoint("InService", name(1), modified=NOW - timedelta(hours=2)),
            rollout("starting", 2, MOMENT),
            "wait",
            2,
            id="another handler is asking for it",
        ),
        pytest.param(
            [A, A],
            endpoint("InService", name(1)),
            replace(rollout("succeeded", 1), told=False),
            "wait",
            2,
            id="its end is not told yet",
        ),
        pytest.param(
            [A, A], endpoint("InService", name(1)), rollout("starting", 2), "wait", 2, id="to be settled"
        ),
        pytest.param(
            [A, A, A],
            endpoint("InService", name(1), modified=NOW - timedelta(hours=2)),
            rollout("starting", 2, MOMENT),
            "wait",
            3,
            id="another is starting",
        ),
        pytest.param([A], endpoint("InService", "somebody-elses"), None, "update", 1, id="not our config"),
    ],
)
def test_reconcile(approvals, actual, known, action, version):
    """What is done follows from versions, endpoint and our memory alone, whatever event came first."""
    plan = reconcile(versions(*approvals), actual, known, CONFIG, NAMES, NOW)
    assert (action, version) == (plan.action, plan.version.version if plan.version else None), plan.reason


@pytest.mark.parametrize(
    ("actual", "known", "outcome"),
    [
        pytest.param(endpoint("InService", name(2)), rollout("started", 2), "succeeded", id="ours won"),
        pytest.param(
            endpoint("InService", name(1)), rollout("started", 2), "rolled_back", id="silently rolled back"
        ),
        pytest.param(endpoint("Updating", name(1)), rollout("started", 2), None, id="under way"),
        pytest.param(endpoint("RollingBack", name(1)), rollout("started", 2), None, id="rolling back"),
        pytest.param(endpoint("Failed", name(2), "ping"), rollout("started", 2), "failed", id="failed"),
        pytest.param(
            endpoint("InService", name(1), modified=NOW - timedelta(hours=2)),
            rollout("started", 2, MOMENT),
            None,
            id="describe lags behind",
        ),
        pytest.param(endpoint("InService", name(2)), rollout("succeeded", 2), None, id="settled before"),
        pytest.param(
            endpoint("InService", name(2)), rollout("starting", 2), "succeeded", id="killed after asking"
        ),
        pytest.param(
            endpoint("InService", name(1), modified=NOW - timedelta(hours=2)),
            rollout("starting", 2),
            None,
            id="killed before asking",
        ),
        pytest.param(
            endpoint("InService", name(1)),
            rollout("starting", 2),
            "rolled_back",
            id="killed after asking, rolled back",
        ),
        pytest.param(
            endpoint("Failed", name(2), "ping", modified=NOW - timedelta(hours=2)),
            rollout("starting", 2),
            None,
            id="an older failure makes way",
        ),
        pytest.param(
            endpoint("Failed", name(2), "ping"),
            rollout("starting", 2),
            "failed",
            id="failed, killed after asking",
        ),
        pytest.param(None, rollout("started", 2, MOMENT), None, id="asked a moment ago"),
        pytest.param(None, rollout("started", 2), "failed", id="deleted by somebody"),
        pytest.param(endpoint("InService", name(1)), None, None, id="nothing of ours"),
    ],
)
def test_settle(actual, known, outcome):
    """A rollout succeeded only when the endpoint is InService with our own config."""
    settlement = settle(actual, known, NOW)
    assert outcome == settlement.outcome, settlement.reason


def test_silent_rollback_is_told_with_both_configs():
    """The reason of a silent rollback names what serves instead."""
    assert name(1) in settle(endpoint("InService", name(1)), rollout("started", 2), NOW).reason


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, []), (3, []), (4, [name(1)]), (6, [name(1), name(2), name(3)])],
)
def test_forgotten_keeps_the_last_three(count, expected):
    """Old configs beyond the last three go, oldest first."""
    all_configs = [(name(n), NOW + timedelta(minutes=n)) for n in range(1, count + 1)]
    assert expected == forgotten(all_configs, frozenset({name(count)}))


def test_forgotten_never_takes_what_serves():
    """The config in use stays, however old it is."""
    all_configs = [(name(n), NOW + timedelta(minutes=n)) for n in range(1, 7)]
    assert name(1) not in forgotten(all_configs, frozenset({name(1)}))


def test_config_request_captures_without_a_trailing_slash():
    """SageMaker would write `//` into every captured key."""
    request = config_request("c", "m", CONFIG, "data")
    assert "s3://data/models/mortgage/capture" == request["DataCaptureConfig"]["DestinationS3Uri"]


def test_serverless_config_has_neither_instances_nor_capture():
    """SageMaker refuses both on serverless endpoints."""
    request = config_request("c", "m", config(endpoint={"kind": "serverless"}), "data")
    variant = request["ProductionVariants"][0]
    assert {"MemorySizeInMB": 2048, "MaxConcurrency": 20} == variant["ServerlessConfig"]
    assert not {"InstanceType", "InitialInstanceCount"} & set(variant)
    assert "DataCaptureConfig" not in request


@pytest.mark.parametrize(
    ("instances", "kept"),
    [pytest.param(5, True, id="scaled out"), pytest.param(1, False, id="scaled in below a canary's need")],
)
def test_an_update_keeps_what_scaling_reached(instances, kept):
    """A rollout never scales in, and never runs a canary on a fleet that cannot be split."""
    current = replace(endpoint("InService", name(1)), instances=instances)
    assert kept == keeps_counts(CONFIG, current)
    routing = deployment_config(CONFIG, current)["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert {"Type": "INSTANCE_COUNT", "Value": 1} == routing["CanarySize"]


def test_serverless_knows_no_guardrails():
    """A serverless endpoint is updated without a DeploymentConfig."""
    assert deployment_config(config(endpoint={"kind": "serverless"}), endpoint("InService", name(1))) is None
