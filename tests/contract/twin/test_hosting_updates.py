"""UpdateEndpoint on the twin: under traffic, with guardrails, and when the new model is no good."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, REGION, Events, eventually, unique
from serving_endpoints import VARIANT, Endpoints

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
            "WaitIntervalInSeconds": 120,
        }
    }
}
LINEAR = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "LINEAR",
            "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
            "WaitIntervalInSeconds": 60,
        }
    }
}
ALL_AT_ONCE = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 120},
        "TerminationWaitInSeconds": 30,
    }
}
ROLLING = {
    "RollingUpdatePolicy": {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": 60,
    }
}


def update(endpoints: Endpoints, name: str, config: str, **more: Any) -> None:
    endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **more)


@pytest.mark.parametrize(
    "deployment",
    [
        pytest.param(None, id="no deployment config"),
        pytest.param(ALL_AT_ONCE, id="all at once"),
        pytest.param(CANARY, id="canary"),
        pytest.param(LINEAR, id="linear"),
        pytest.param(ROLLING, id="rolling"),
    ],
)
def test_an_update_drops_no_request(endpoints: Endpoints, deployment: dict[str, Any] | None) -> None:
    """Requests run through an update of any shape without a failure, and end on the new model alone."""
    name = endpoints.serving(2, answer="old")
    config = endpoints.config(endpoints.model(answer="new"), 2)
    more = {"DeploymentConfig": deployment} if deployment else {}
    with endpoints.traffic(name) as traffic:
        eventually(lambda: traffic.answers["old"] > 20)
        update(endpoints, name, config, **more)
        described = endpoints.settled(name)
        seen = traffic.answers["new"]
        eventually(lambda: traffic.answers["new"] > seen + 20)
    assert not traffic.failures
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", config)
    assert "PendingDeploymentSummary" not in described
    assert described.get("LastDeploymentConfig") == deployment
    assert {endpoints.invoke(name)["answer"] for _ in range(10)} == {"new"}


def test_a_canary_shares_the_traffic_while_it_bakes(endpoints: Endpoints) -> None:
    """During the bake both fleets answer, and DescribeEndpoint shows the deployment that is pending."""
    name = endpoints.serving(2, answer="old")
    before = endpoints.describe(name)["EndpointConfigName"]
    config = endpoints.config(endpoints.model(answer="new"), 2)
    endpoints.twin.admin("POST", "faults", fault="long-bake", name=config)
    update(endpoints, name, config, DeploymentConfig=CANARY)

    def baking() -> bool:
        pending = endpoints.describe(name).get("PendingDeploymentSummary")
        return bool(pending) and pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Baking"

    eventually(baking)
    described = endpoints.describe(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Updating", before)
    pending = described["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == config
    assert pending["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert {endpoints.invoke(name)["answer"] for _ in range(40)} == {"old", "new"}
    endpoints.twin.admin("DELETE", "faults")
    assert endpoints.settled(name)["EndpointConfigName"] == config


@pytest.mark.parametrize("deployment", [None, CANARY], ids=["no deployment config", "canary"])
def test_a_broken_update_leaves_the_old_config_serving(
    endpoints: Endpoints, deployment: dict[str, Any] | None
) -> None:
    """As silently as on AWS: InService again, on the old config, with no failure reason and no failed request."""
    name = endpoints.serving(1, answer="old")
    before = endpoints.describe(name)["EndpointConfigName"]
    broken = endpoints.config(endpoints.model(exit=1))
    more = {"DeploymentConfig": deployment} if deployment else {}
    with endpoints.traffic(name, threads=2) as traffic:
        update(endpoints, name, broken, **more)
        described = endpoints.settled(name)
    assert not traffic.failures
    assert set(traffic.answers) == {"old"}
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", before)
    assert "FailureReason" not in described
    update(endpoints, name, endpoints.config(endpoints.model(answer="fixed")))
    endpoints.settled(name)
    assert endpoints.invoke(name)["answer"] == "fixed"


def test_an_alarm_in_the_bake_rolls_back(endpoints: Endpoints, events: Events) -> None:
    """A new fleet that answers 500 fires the alarm on its own config's metric, and the old one has it all again."""
    name = endpoints.serving(2, answer="old")
    before = endpoints.describe(name)["EndpointConfigName"]
    bad = endpoints.config(endpoints.model(status=500), 2)
    alarm, cloudwatch = unique("errors"), endpoints.twin.client("cloudwatch")
    dimensions = {"EndpointName": name, "VariantName": VARIANT, "EndpointConfigName": bad}
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    slow = {**CANARY["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"], "WaitIntervalInSeconds": 3600}
    deployment = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": slow},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }
    with endpoints.traffic(name, threads=2) as traffic:
        update(endpoints, name, bad, DeploymentConfig=deployment)
        described = endpoints.settled(name)
    assert traffic.failures, "the canary took its share of the requests"
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", before)
    assert {endpoints.invoke(name)["answer"] for _ in range(10)} == {"old"}
    resource = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{name}"
    eventually(lambda: any(e["detail"]["EndpointStatus"] == "ROLLING_BACK" for e in events.about(resource)))
    told = [
        e for e in events.about(resource) if e["detail-type"] == "SageMaker Endpoint Deployment State Change"
    ]
    summary = told[0]["detail"]["PendingDeploymentSummary"]
    assert summary["EndpointConfigName"] == bad
    assert summary["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "ActivatingTraffic"


@pytest.mark.parametrize(
    ("more", "count", "weight"),
    [
        pytest.param({}, 1, 1.0, id="the config's"),
        pytest.param({"RetainAllVariantProperties": True}, 3, 5.0, id="retained"),
        pytest.param(
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
            },
            3,
            1.0,
            id="count retained",
        ),
    ],
)
def test_counts_and_weights_survive_only_when_retained(
    endpoints: Endpoints, more: dict[str, Any], count: int, weight: float
) -> None:
    """An update resets counts and weights to the config's unless it retains them."""
    name = endpoints.serving(1)
    changed = [{"VariantName": VARIANT, "DesiredInstanceCount": 3, "DesiredWeight": 5.0}]
    endpoints.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=changed
    )
    endpoints.settled(name)
    update(endpoints, name, endpoints.config(endpoints.model()), **more)
    variant = endpoints.settled(name)["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (count, weight)


def test_a_deployment_config_can_be_used_again(endpoints: Endpoints) -> None:
    """RetainDeploymentConfig deploys as the last time."""
    name = endpoints.serving(2)
    update(endpoints, name, endpoints.config(endpoints.model(), 2), DeploymentConfig=ROLLING)
    endpoints.settled(name)
    update(endpoints, name, endpoints.config(endpoints.model(), 2), RetainDeploymentConfig=True)
    assert endpoints.settled(name)["LastDeploymentConfig"] == ROLLING


@pytest.mark.parametrize(
    ("routing", "message"),
    [
        pytest.param(
            {"Type": "CANARY", "WaitIntervalInSeconds": 60}, "CanarySize must be specified", id="no size"
        ),
        pytest.param(
            {
                "Type": "CANARY",
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 60},
                "WaitIntervalInSeconds": 60,
            },
            "CanarySize must be between",
            id="too large",
        ),
        pytest.param(
            {"Type": "LINEAR", "WaitIntervalInSeconds": 60}, "LinearStepSize must be specified", id="no step"
        ),
    ],
)
def test_a_deployment_that_aws_refuses_is_refused(
    endpoints: Endpoints, routing: dict[str, Any], message: str
) -> None:
    """A refused update leaves the endpoint in service."""
    name = endpoints.serving(1)
    with pytest.raises(ClientError, match=message):
        update(
            endpoints,
            name,
            endpoints.config(endpoints.model()),
            DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}},
        )
    assert endpoints.describe(name)["EndpointStatus"] == "InService"


def test_a_rolling_update_goes_back_in_batches(endpoints: Endpoints) -> None:
    """RollbackMaximumBatchSize brings the old fleet back piece by piece, and no request is lost on it."""
    name = endpoints.serving(4, answer="old")
    before = endpoints.describe(name)["EndpointConfigName"]
    config = endpoints.config(endpoints.model(answer="new"), 4)
    alarm, cloudwatch = unique("drill"), endpoints.twin.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace="Own",
        MetricName=alarm,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    quarter = {"Type": "CAPACITY_PERCENT", "Value": 25}
    rolling = {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "RollbackMaximumBatchSize": quarter,
        "WaitIntervalInSeconds": 600,
    }
    deployment = {
        "RollingUpdatePolicy": rolling,
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }
    endpoints.twin.admin("POST", "faults", fault="long-bake", name=config)
    with endpoints.traffic(name, threads=2) as traffic:
        update(endpoints, name, config, DeploymentConfig=deployment)
        eventually(lambda: traffic.answers["new"] > 5)
        eventually(lambda: endpoints.count(name) == 2)
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="drill")
        described = endpoints.settled(name)
    endpoints.twin.admin("DELETE", "faults")
    assert not traffic.failures
    assert described["EndpointConfigName"] == before
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 4
    assert {endpoints.invoke(name)["answer"] for _ in range(20)} == {"old"}


def test_a_server_killed_while_it_bakes_is_replaced(endpoints: Endpoints) -> None:
    """kill -9 of a new or an old instance: both fleets are made whole, and the deployment goes on."""
    name = endpoints.serving(1, answer="old")
    config = endpoints.config(endpoints.model(answer="new"))
    half = {"Type": "CAPACITY_PERCENT", "Value": 50}
    canary = {"Type": "CANARY", "CanarySize": half, "WaitIntervalInSeconds": 300}
    endpoints.twin.admin("POST", "faults", fault="long-bake", name=config)
    update(
        endpoints,
        name,
        config,
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary}},
    )
    pids: dict[str, int] = {}

    def both_answer() -> bool:
        said = endpoints.invoke(name)
        pids[said["answer"]] = said["pid"]
        return len(pids) == 2

    eventually(both_answer)
    killed = dict(pids)
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)

    def replaced() -> bool:
        try:
            said = endpoints.invoke(name)
        except ClientError:
            return False  # the server died on it, or nobody is there until the replacement answers
        pids[said["answer"]] = said["pid"]
        return all(pids[answer] != pid for answer, pid in killed.items())

    eventually(replaced)
    assert endpoints.describe(name)["EndpointStatus"] == "Updating"
    endpoints.twin.admin("DELETE", "faults")
    assert endpoints.settled(name)["EndpointConfigName"] == config


@pytest.mark.parametrize(
    ("strategy", "spread"), [("LEAST_OUTSTANDING_REQUESTS", 2), ("RANDOM", 1)], ids=["idle first", "dice"]
)
def test_requests_are_routed_as_the_variant_says(endpoints: Endpoints, strategy: str, spread: int) -> None:
    """Two requests at a time meet two instances always, or only when the dice say so."""
    routing = {"RoutingStrategy": strategy}
    config = endpoints.config(endpoints.model(delay=0.05), 2, RoutingConfig=routing)
    name = endpoints.start(config)
    described = endpoints.settled(name)
    assert described["ProductionVariants"][0]["RoutingConfig"] == routing
    runtime = endpoints.twin.client("sagemaker-runtime")

    def ask(_: int) -> int:
        return int(json.loads(runtime.invoke_endpoint(EndpointName=name, Body=b"1")["Body"].read())["pid"])

    with ThreadPoolExecutor(2) as pool:
        met = [len(set(pool.map(ask, range(2)))) for _ in range(16)]
    assert min(met) == spread
