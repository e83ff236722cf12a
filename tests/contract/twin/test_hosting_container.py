"""The container itself on the twin: a model that it trained is served by it."""

import csv
import io
import json
import random
from collections.abc import Callable
from typing import Any

from running_twin import ROOT, Twin, allow, eventually, interpreter, unique
from serving_endpoints import IMAGE, Endpoints

SCHEMA = {
    "version": 1,
    "problem": "binary_classification",
    "target": "deny",
    "classes": ["no", "yes"],
    "format": "csv",
    "rows": 400,
    "drop": [],
    "features": [
        {"name": "ratio", "type": "float", "nullable": False, "min": None, "max": None, "allowed": None},
        {"name": "grade", "type": "string", "nullable": True, "min": None, "max": None, "allowed": None},
    ],
}


def drop(rows: int = 400) -> str:
    """Rows whose target follows from `ratio`."""
    text, luck = io.StringIO(), random.Random(7)
    write = csv.writer(text)
    write.writerow(["ratio", "grade", "deny"])
    for _ in range(rows):
        ratio = round(luck.random(), 4)
        write.writerow([ratio, luck.choice("abc"), "yes" if ratio > 0.5 else "no"])
    return text.getvalue()


def channel(name: str, url: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": url}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def trained(endpoints: Endpoints) -> str:
    """The artefact of a training job that the real container ran."""
    twin, bucket, job = endpoints.twin, endpoints.bucket, unique("job")
    twin.client("s3").put_object(Bucket=bucket, Key="data/part.csv", Body=drop().encode())
    twin.client("s3").put_object(Bucket=bucket, Key="schema/schema.json", Body=json.dumps(SCHEMA).encode())
    own = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    twin.client("sagemaker").create_training_job(
        TrainingJobName=job,
        RoleArn=twin.role(unique("training"), allow("s3:*", own)),
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        InputDataConfig=[
            channel("training", f"s3://{bucket}/data/"),
            channel("schema", f"s3://{bucket}/schema/"),
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/trainings"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 120},
    )

    def ended() -> dict[str, Any] | None:
        described: dict[str, Any] = twin.client("sagemaker").describe_training_job(TrainingJobName=job)
        return described if described["TrainingJobStatus"] != "InProgress" else None

    described = eventually(ended, 120)
    assert described["TrainingJobStatus"] == "Completed", described.get("FailureReason")
    return str(described["ModelArtifacts"]["S3ModelArtifacts"])


def test_a_trained_model_answers(start_twin: Callable[..., Twin]) -> None:
    """CSV in, labels and scores out, from the artefact that training left in S3."""
    twin = start_twin(
        container=f"{ROOT / 'container'}:{ROOT / 'layers/analysis'}",
        container_python=interpreter("container"),
    )
    endpoints, model = Endpoints.on(twin), unique("model")
    twin.client("sagemaker").create_model(
        ModelName=model,
        ExecutionRoleArn=endpoints.role,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": trained(endpoints)},
    )
    name = endpoints.start(endpoints.config(model, 2))
    assert endpoints.settled(name, 120)["EndpointStatus"] == "InService"
    answer = twin.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name,
        Body=b"ratio,grade\n0.05,a\n0.95,b\n",
        ContentType="text/csv",
        Accept="application/json",
    )
    assert answer["ContentType"].startswith("application/json")
    predictions = json.loads(answer["Body"].read())["predictions"]
    assert [one["predicted_label"] for one in predictions] == ["no", "yes"]
    assert predictions[0]["score"] < 0.5 < predictions[1]["score"]
