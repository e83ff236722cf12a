"""The deployed stack as a stranger sees it: an S3 bucket to drop into, SageMaker to look at, a ledger to read.

Nothing of Perennial's own code is used here, only boto3 and the contract of the README.
"""

import csv
import io
import json
import random
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

DEADLINE = 120.0  # seconds; two busy cores may take five times what a free machine takes
ONCE = Config(retries={"total_max_attempts": 1})  # a failed request must not be hidden by a retry
SMALL = {"instances": 1, "rollout": {"type": "all_at_once", "bake_minutes": 0}}


def wait_for(what: str, look: Callable[[], Any], seconds: float = DEADLINE) -> Any:
    """The first true result of `look`; fails with `what` and the last result after a deadline."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}; last seen: {found!r}"
        time.sleep(0.2)
    return found


@dataclass(frozen=True)
class Entry:
    """One decision, as the ledger keeps it."""

    fact: str
    decision: str
    reason: str
    news: str
    details: Mapping[str, str]


@dataclass
class Stack:
    """A running stack: clients for its account, its outputs, the notices' queue, and those that people got so far."""

    endpoint_url: str
    outputs: Mapping[str, str]
    clients: dict[str, Any] = field(default_factory=dict)
    inbox: str = ""
    notices: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str, config: Config | None = None) -> Any:
        if config is None and service in self.clients:
            return self.clients[service]
        made = boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config or Config(retries={"mode": "standard", "max_attempts": 5}),
        )
        if config is None:
            self.clients[service] = made
        return made

    def model(self, name: str) -> "Model":
        return Model(self, name)

    def resource(self, logical: str) -> str:
        """The physical name of one of the stack's resources."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName="perennial", LogicalResourceId=logical
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function by its name in the template, wait, and return its answer; fails if it raised."""
        answer = self.client("lambda").invoke(
            FunctionName=self.resource(function), Payload=json.dumps(event).encode()
        )
        payload = json.load(answer["Payload"])
        assert "FunctionError" not in answer, payload
        return payload

    def sweep(self) -> Any:
        """What ten minutes do."""
        return self.invoke("Sweep", {"version": "0", "detail-type": "Scheduled Event"})

    @contextmanager
    def fault(self, fault: str, name: str, times: int = 1) -> Iterator[None]:
        """Let the next resources of that name meet a fault on AWS's side, for a while."""
        self._faults("POST", {"fault": fault, "name": name, "times": times})
        try:
            yield
        finally:
            self._faults("DELETE")

    def _faults(self, method: str, body: Mapping[str, object] | None = None) -> None:
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(self.endpoint_url + "/_twin/faults", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    def servers(self, config_name: str) -> list[int]:
        """The process ids of a config's healthy servers."""
        with urllib.request.urlopen(self.endpoint_url + "/_twin/servers", timeout=60) as answer:
            found = json.load(answer)["servers"]
        return [one["pid"] for one in found if (one["config"], one["health"]) == (config_name, "healthy")]

    def dead_letters(self) -> list[dict[str, Any]]:
        """What failed in spite of its retries; looking does not take it away."""
        got = self.client("sqs").receive_message(
            QueueUrl=self.outputs["DeadLetters"], MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [json.loads(message["Body"]) for message in got.get("Messages", [])]

    def heard(self) -> Sequence[dict[str, Any]]:
        """Every notice that came to the inbox, as SNS wrapped it."""
        sqs = self.client("sqs")
        while batch := sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                self.notices.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.inbox, ReceiptHandle=message["ReceiptHandle"])
        return self.notices


@dataclass
class Model:
    """One model of the stack."""

    stack: Stack
    model: str

    @property
    def name(self) -> str:
        """Of its package group and its endpoint."""
        return f"perennial-{self.model}"

    @property
    def bucket(self) -> str:
        return self.stack.outputs["DataBucket"]

    @property
    def sagemaker(self) -> Any:
        return self.stack.client("sagemaker")

    # --- the bucket ---

    def put(self, key: str, body: bytes = b"") -> None:
        self.stack.client("s3").put_object(Bucket=self.bucket, Key=f"models/{self.model}/{key}", Body=body)

    def read(self, key: str) -> bytes:
        found = self.stack.client("s3").get_object(Bucket=self.bucket, Key=f"models/{self.model}/{key}")
        return bytes(found["Body"].read())

    def document(self, key: str) -> Any:
        return json.loads(self.read(key))

    def keys(self, prefix: str = "") -> list[str]:
        """Keys under the model's folder, without it."""
        root = f"models/{self.model}/"
        pages = self.stack.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=root + prefix)
        return [item["Key"].removeprefix(root) for page in found for item in page.get("Contents", [])]

    def configure(self, **changes: Any) -> "Model":
        """Upload model.yaml, small and quick unless a test wants otherwise, and wait until it is in force."""
        self._configure("model_created", changes)
        return self

    def reconfigure(self, **changes: Any) -> None:
        """Upload another model.yaml, and wait until it is in force."""
        self._configure("configuration_changed", changes)

    def _configure(self, decision: str, changes: Mapping[str, Any]) -> None:
        before = len(self.decided(decision))
        self.put("model.yaml", self.yaml(**changes))
        self.wait_for(decision, times=before + 1)
        self.wait_until("model.yaml to be in force", self.is_configured)  # which follows after it is told

    def is_configured(self) -> bool:
        """Whether all that follows from the model.yaml in the bucket was done."""
        key = f"models/{self.model}/model.yaml"
        found = self.stack.client("s3").head_object(Bucket=self.bucket, Key=key)
        return self.state("configuration") == {"etag": found["ETag"].strip('"')}

    def yaml(self, **changes: Any) -> bytes:
        config = {
            "model": self.model,
            "problem": "binary_classification",
            "target": "deny",
            "intake": {"min_rows": 50},
            "training": {"hyperparameters": {"rounds": 20}},
            "gate": {"minimum_gain": -1.0},
            "endpoint": SMALL,
            "scaling": {"min": 1, "max": 2},
        } | changes
        return bytes(yaml.safe_dump(config, allow_unicode=True).encode())

    def drop(self, name: str, parts: Mapping[str, bytes], marker: str | None = "_SUCCESS") -> None:
        for part, body in parts.items():
            self.put(f"drops/{name}/{part}", body)
        if marker:
            self.put(f"drops/{name}/{marker}")

    # --- the ledger's table ---

    def state(self, name: str) -> dict[str, Any] | None:
        """A state document."""
        key = {"pk": {"S": f"state#{self.model}"}, "sk": {"S": name}}
        table = self.stack.outputs["LedgerTable"]
        found = self.stack.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
        return json.loads(found["Item"]["body"]["S"]) if "Item" in found else None

    def ledger(self) -> list[Entry]:
        """Every decision, oldest first."""
        pages = self.stack.client("dynamodb").get_paginator("query")
        found = pages.paginate(
            TableName=self.stack.outputs["LedgerTable"],
            KeyConditionExpression="pk = :model",
            ExpressionAttributeValues={":model": {"S": f"model#{self.model}"}},
            ConsistentRead=True,
        )
        return [
            Entry(
                item["fact"]["S"],
                item["decision"]["S"],
                item["reason"]["S"],
                item["news"]["S"],
                json.loads(item["details"]["S"]),
            )
            for page in found
            for item in page["Items"]
        ]

    def decided(self, decision: str, **details: str) -> list[Entry]:
        return [
            entry
            for entry in self.ledger()
            if entry.decision == decision and details.items() <= dict(entry.details).items()
        ]

    def wait_for(self, decision: str, *, times: int = 1, **details: str) -> Entry:
        """The latest decision of that kind, once there were so many; fails with the ledger's story."""

        def look() -> list[Entry]:
            found = self.decided(decision, **details)
            return found if len(found) >= times else []

        return self.wait_until(f"{decision} of {self.model}", look)[-1]

    def wait_until(self, what: str, look: Callable[[], Any], seconds: float = DEADLINE) -> Any:
        """As `wait_for`; fails with the ledger's story, too."""
        try:
            return wait_for(what, look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story()}") from None

    def story(self) -> str:
        return "\n".join(f"  {entry.decision}: {entry.reason} [{entry.fact}]" for entry in self.ledger())

    def news(self) -> list[str]:
        """The decisions that people were to hear of."""
        return [entry.decision for entry in self.ledger() if entry.news != "none"]

    def notices(self) -> list[dict[str, Any]]:
        """What people heard of this model: the notice's attributes, plain, with subject and message."""
        found = []
        for notice in self.stack.heard():
            attributes = {name: value["Value"] for name, value in notice["MessageAttributes"].items()}
            if attributes["model"] == self.model:
                found.append({**attributes, "subject": notice["Subject"], "message": notice["Message"]})
        return found

    # --- SageMaker ---

    def jobs(self) -> list[str]:
        """Names of the model's training jobs, oldest first."""
        listed = self.sagemaker.list_training_jobs(
            NameContains=self.name + "-", SortBy="CreationTime", SortOrder="Ascending"
        )
        return [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]]

    def job(self) -> Any:
        """Describe the newest training job."""
        return self.sagemaker.describe_training_job(TrainingJobName=self.jobs()[-1])

    def versions(self) -> list[dict[str, Any]]:
        """Summaries, oldest first."""
        listed = self.sagemaker.list_model_packages(
            ModelPackageGroupName=self.name, SortBy="CreationTime", SortOrder="Ascending"
        )
        return list(listed["ModelPackageSummaryList"])

    def package(self, version: int) -> Any:
        [arn] = [v["ModelPackageArn"] for v in self.versions() if v["ModelPackageVersion"] == version]
        return self.sagemaker.describe_model_package(ModelPackageName=arn)

    def decide(self, version: int, status: str) -> None:
        """What a person does in the registry."""
        self.sagemaker.update_model_package(
            ModelPackageArn=self.package(version)["ModelPackageArn"], ModelApprovalStatus=status
        )

    def approve(self, version: int) -> None:
        self.decide(version, "Approved")

    def register_again(self, version: int = 1, status: str = "PendingManualApproval") -> int:
        """Register the artefact of a version once more, as a person may; the new version's number."""
        specification = self.package(version)["InferenceSpecification"]
        made = self.sagemaker.create_model_package(
            ModelPackageGroupName=self.name,
            InferenceSpecification=specification,
            ModelApprovalStatus=status,
        )
        return int(made["ModelPackageArn"].rpartition("/")[2])

    def endpoint(self) -> Any:
        """DescribeEndpoint; None before there is one."""
        try:
            return self.sagemaker.describe_endpoint(EndpointName=self.name)
        except ClientError as error:
            if "Could not find" in str(error):
                return None
            raise

    def serving(self) -> int | None:
        """The version that the endpoint serves; None while there is no endpoint that can."""
        endpoint = self.endpoint()
        # Scaling and rollouts make it Updating; it serves all the same.
        if endpoint is None or endpoint["EndpointStatus"] not in ("InService", "Updating"):
            return None
        return int(endpoint["EndpointConfigName"].removeprefix(self.name + "-v").partition("-")[0])

    def wait_until_serving(self, version: int) -> Entry:
        """Until the endpoint serves it and the ledger says so; the ledger's entry."""
        entry = self.wait_for("version_in_service", version=str(version))
        assert self.serving() == version, self.story()
        return entry

    def wait_until_gone(self) -> None:
        """Until a deleted endpoint is gone, or a new one is there; SageMaker tells nobody, but the sweep looks."""

        def gone() -> bool:
            endpoint = self.endpoint()
            return endpoint is None or endpoint["EndpointStatus"] not in ("Failed", "Deleting")

        wait_for("the endpoint to be gone", gone)
        self.stack.sweep()

    def invoke(
        self, body: str, content_type: str = "text/csv", accept: str | None = None, client: Any = None
    ) -> str:
        answer = (client or self.stack.client("sagemaker-runtime")).invoke_endpoint(
            EndpointName=self.name,
            ContentType=content_type,
            Accept=accept or content_type,
            Body=body.encode(),
        )
        return str(answer["Body"].read().decode())


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """CSV as RFC 4180 has it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


HEADER = ("income", "ratio", "region", "deny")


def applications(count: int, seed: int = 0, noise: float = 0.0) -> list[tuple[Any, ...]]:
    """Rows in which high ratios are denied, but for a share of noise."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        income, ratio = round(chance.uniform(10, 200), 2), round(chance.random(), 4)
        region = chance.choice(["north", "south, east", "west"])
        denied = (ratio > 0.5) != (chance.random() < noise)
        rows.append((income, ratio, region, "yes" if denied else "no"))
    return rows


def drop_of(count: int = 300, seed: int = 0, noise: float = 0.0, parts: int = 1) -> dict[str, bytes]:
    """A drop's parts by name."""
    rows = applications(count, seed, noise)
    return {f"part-{n}.csv": table(HEADER, rows[n::parts]) for n in range(parts)}


FEW_ROWS = "income,ratio,region\n50.5,0.1,north\n80,0.95,west\n,0.9,\n"
