"""The whole loop, turned twice: from a drop to a prediction, and to a better one without a failed request."""

import json
import threading
from collections import Counter

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from stranger import FEW_ROWS, ONCE, SMALL, Model, Stack, drop_of, wait_for


@pytest.fixture(scope="module")
def first(stack: Stack) -> Model:
    """A model whose first version, learnt from noisy data, is in service."""
    model = stack.model("turn").configure(
        gate={"metric": "auc", "minimum": 0.5, "minimum_gain": 0.0, "max_bias": {"DPPL": 1.0}},
        endpoint={
            **SMALL,
            "instances": 2,
            "rollout": {"type": "canary", "percent": 50, "bake_minutes": 2},
            "rollback_on": {"p99_ms": 10_000},  # a busy machine is no reason to go back
        },
        monitors={"bias": {"facet": "income", "facet_threshold": [75, 140], "privileged": 100}},
    )
    model.drop("first", drop_of(400, noise=0.35, parts=3))
    registered = model.wait_for("version_registered")
    assert registered.details["approval"] == "PendingManualApproval", registered
    model.approve(1)
    model.wait_until_serving(1)
    return model


class Traffic:
    """One request after another, in a thread, until the end of a `with`; nothing is tried twice."""

    def __init__(self, model: Model) -> None:
        self.model, self.answered, self.failures = model, 0, list[str]()
        self._over = threading.Event()
        self._client = model.stack.client("sagemaker-runtime", ONCE)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.02):
            try:
                self.model.invoke("50,0.9,north", client=self._client)
                self.answered += 1
            except (BotoCoreError, ClientError) as error:
                self.failures.append(str(error))


def test_the_first_version_serves_and_scales(first: Model) -> None:
    """An approved first version serves with as many instances as configured, and scaling registered."""
    endpoint = first.endpoint()
    assert first.serving() == 1
    assert endpoint["EndpointStatus"] in ("InService", "Updating")
    config = first.sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    assert [variant["InitialInstanceCount"] for variant in config["ProductionVariants"]] == [2]
    scaling = first.stack.client("application-autoscaling")
    resource = f"endpoint/{first.name}/variant/AllTraffic"
    [target] = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])[
        "ScalableTargets"
    ]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 2)
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)[
        "ScalingPolicies"
    ]
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 1000
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }


def test_predictions_come_as_csv_and_json(first: Model) -> None:
    """CSV and JSON, by name or by position, get the same answers, in the form that was asked for."""
    rows = [line.split(",") for line in first.invoke(FEW_ROWS).splitlines()]
    assert len(rows) == 3
    instances = [
        {"income": 50.5, "ratio": 0.1, "region": "north"},
        {"region": "west", "ratio": 0.95, "income": 80},
        {"income": None, "ratio": 0.9, "region": None},
    ]
    answer = json.loads(first.invoke(json.dumps({"instances": instances}), "application/json"))
    predictions = answer["predictions"]
    assert [p["predicted_label"] for p in predictions] == [label for label, _ in rows]
    assert [p["score"] for p in predictions] == pytest.approx([float(score) for _, score in rows], abs=1e-6)
    lines = first.invoke("50.5,0.1,north\n", "text/csv", "application/jsonlines")
    assert json.loads(lines)["predicted_label"] == rows[0][0]


def test_a_wrong_request_is_told_what_is_wrong(first: Model) -> None:
    """A row that does not fit the schema is a client error with the column's name in it."""
    with pytest.raises(ClientError) as caught:
        first.invoke(
            "income,ratio,region\n50,high,north\n", client=first.stack.client("sagemaker-runtime", ONCE)
        )
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert 400 <= response["OriginalStatusCode"] < 500
    assert "ratio" in response["OriginalMessage"]


def test_the_package_tells_where_it_comes_from(first: Model) -> None:
    """A version carries its dataset, code, hyperparameters, job, drop, metrics, and where it was deployed."""
    package, job = first.package(1), first.sagemaker.describe_training_job(TrainingJobName=first.jobs()[0])
    metadata = package["CustomerMetadataProperties"]
    name = job["TrainingJobName"]
    dataset = name.removeprefix(first.name + "-").partition("-")[0]
    assert metadata["dataset-version"] == dataset
    assert metadata["drop"] == "first"
    assert metadata["training-job"] == name
    assert metadata["champion"] == "none"
    assert "rounds=20" in metadata["hyperparameters"]
    assert 0.5 < float(metadata["metric-auc"]) < 1
    assert metadata["code-version"] not in ("", "unknown")
    assert package["MetadataProperties"]["CommitId"] == metadata["code-version"]
    assert package["MetadataProperties"]["GeneratedBy"] == job["TrainingJobArn"]
    history = {value for key, value in metadata.items() if key.startswith("deployment-")}
    assert history == {f"InService on {first.name} as {first.endpoint()['EndpointConfigName']}"}
    assert package["ModelLifeCycle"]["Stage"] == "Production"
    assert metadata["evaluation"].endswith(f"{name}/evaluation.json")
    baseline = package["DriftCheckBaselines"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert baseline.endswith(f"{name}/baseline/model_quality_statistics.json")
    assert first.document(f"trainings/{name}/evaluation.json")["metrics"]["auc"] == pytest.approx(
        float(metadata["metric-auc"]), rel=1e-4
    )
    facets = first.document(f"trainings/{name}/baseline/bias_analysis.json")["post_training_bias_metrics"][
        "facets"
    ]
    assert [each["value_or_threshold"] for each in facets["income"]] == ["(-inf, 75]", "(140, inf]"]
    assert first.document(f"trainings/{name}/hyperparameters.json")["rounds"] == "20"
    assert f"trainings/{name}/output/model.tar.gz" in first.keys("trainings/")
    tags = first.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert {"Key": "perennial:drop", "Value": "first"} in tags
    assert {"Key": "perennial:dataset-version", "Value": dataset} in tags


def test_the_dataset_is_pinned(first: Model) -> None:
    """A dataset keeps its parts with their hashes, its schema, and what the job reads."""
    version = first.package(1)["CustomerMetadataProperties"]["dataset-version"]
    dataset = first.document(f"datasets/{version}/dataset.json")
    assert (dataset["rows"], dataset["drop"], len(dataset["parts"])) == (400, "first", 3)
    assert all(part["sha256"] and part["size"] for part in dataset["parts"])
    schema = first.document(f"datasets/{version}/schema.json")
    assert [(f["name"], f["type"]) for f in schema["features"]] == [
        ("income", "float"),
        ("ratio", "float"),
        ("region", "string"),
    ]
    assert schema["classes"] == ["no", "yes"]
    manifest = first.document(f"datasets/{version}/manifest.json")
    assert len(manifest) == 4


def test_the_training_is_tracked(first: Model) -> None:
    """Each model is an experiment, each dataset version a trial, each job a trial component with its metrics."""
    version = first.package(1)["CustomerMetadataProperties"]["dataset-version"]
    trials = first.sagemaker.list_trials(ExperimentName=first.name)["TrialSummaries"]
    assert f"{first.name}-{version}" in [trial["TrialName"] for trial in trials]
    [component] = first.sagemaker.list_trial_components(TrialName=f"{first.name}-{version}")[
        "TrialComponentSummaries"
    ]
    described = first.sagemaker.describe_trial_component(TrialComponentName=component["TrialComponentName"])
    assert "holdout:auc" in {metric["MetricName"] for metric in described["Metrics"]}


def test_a_better_version_replaces_it_without_a_failed_request(first: Model) -> None:
    """A better drop beats the champion on the same holdout and is rolled out in place, under traffic, unnoticed."""
    arn = first.endpoint()["EndpointArn"]
    first.drop("second", drop_of(900, seed=1, parts=2))
    registered = first.wait_for("version_registered", version="2")
    assert registered.details["approval"] == "PendingManualApproval", registered
    assert "better than version 1's" in registered.reason
    with Traffic(first) as traffic:
        first.approve(2)
        first.wait_until_serving(2)
        enough = traffic.answered + 20
        wait_for("more answers", lambda: traffic.answered >= enough or traffic.failures)
    assert traffic.failures == []
    assert traffic.answered > 20
    assert first.endpoint()["EndpointArn"] == arn

    metadata = first.package(2)["CustomerMetadataProperties"]
    assert metadata["champion"] == "1"
    evaluation = first.document(f"trainings/{metadata['training-job']}/evaluation.json")
    assert evaluation["champion"]["version"] == "1"
    assert evaluation["metrics"]["auc"] > evaluation["champion"]["metrics"]["auc"]
    labels = [line.partition(",")[0] for line in first.invoke(FEW_ROWS).splitlines()]
    assert labels == ["no", "yes", "yes"]


def test_the_ledger_tells_the_story_and_people_hear_it_once(first: Model) -> None:
    """Every step is decided, kept and told exactly once."""
    first.wait_until_serving(2)
    expected = {
        "model_created": 1,
        "training_started": 2,
        "version_registered": 2,
        "endpoint_creation_started": 1,
        "endpoint_update_started": 1,
        "version_in_service": 2,
    }
    assert Counter(first.news()) == expected, first.story()
    wait_for("all notices", lambda: len(first.notices()) >= sum(expected.values()))
    assert Counter(notice["outcome"] for notice in first.notices()) == expected
    pinned = [entry.details["dataset"] for entry in first.decided("dataset_pinned")]
    assert len(pinned) == len(set(pinned)) == 2
