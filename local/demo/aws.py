"""What the demo asks AWS, with plain boto3: it knows the contract with users, nothing of the code behind it."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from stack.console import Trouble

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    at: str
    fact: str
    decision: str
    reason: str
    news: str
    details: dict[str, str]


@dataclass
class Aws:
    """The stack as its user sees it."""

    session: boto3.Session
    endpoint_url: str
    outputs: dict[str, str]
    model: str
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            open_client: Callable[..., Any] = self.session.client
            self._clients[service] = open_client(service, endpoint_url=self.endpoint_url)
        return self._clients[service]

    @property
    def bucket(self) -> str:
        return self.outputs["DataBucket"]

    @property
    def name(self) -> str:
        """The name of the model's endpoint and of its package group."""
        return f"{self.outputs['ModelPackageGroupPrefix']}-{self.model}"

    def put(self, key: str, body: bytes) -> None:
        self.client("s3").put_object(Bucket=self.bucket, Key=f"models/{self.model}/{key}", Body=body)

    def document(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.read(key))
        return found

    def document_or_none(self, key: str) -> dict[str, Any] | None:
        """A document that may not be there yet."""
        try:
            return self.document(key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise

    def read(self, key: str) -> bytes:
        found = self.client("s3").get_object(Bucket=self.bucket, Key=f"models/{self.model}/{key}")
        return bytes(found["Body"].read())

    def hint(self, reaction: str, subject: str) -> None:
        """Asks a function of the stack to look at the model, as the `perennial` command does."""
        detail = {"model": self.model, "reaction": reaction, "subject": subject, "because": "the demo asks"}
        entry = {
            "EventBusName": self.outputs["EventBus"],
            "Source": "perennial",
            "DetailType": "Model Due",
            "Detail": json.dumps(detail),
        }
        self.client("events").put_events(Entries=[entry])

    def ledger(self) -> list[Entry]:
        """Every decision about the model, oldest first."""
        pages = (
            self.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.outputs["LedgerTable"],
                KeyConditionExpression="pk = :model",
                ExpressionAttributeValues={":model": {"S": f"model#{self.model}"}},
                ConsistentRead=True,
            )
        )
        return [entry(item) for page in pages for item in page["Items"]]

    def group(self) -> dict[str, Any] | None:
        return self._or_none("describe_model_package_group", ModelPackageGroupName=self.name)

    def jobs(self) -> list[str]:
        """The model's training jobs, oldest first."""
        listed = self.client("sagemaker").list_training_jobs(
            NameContains=self.name, SortBy="CreationTime", SortOrder="Ascending"
        )
        return [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]]

    def job(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.client("sagemaker").describe_training_job(TrainingJobName=name)
        return described

    def job_log(self, name: str) -> Iterator[list[str]]:
        """The job's log: each step is what has been written since the step before."""
        logs, tokens = self.client("logs"), dict[str, str]()
        while True:
            fresh = []
            for stream in self._streams(logs, name):
                since = {"nextToken": tokens[stream]} if stream in tokens else {}
                got = logs.get_log_events(
                    logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, **since
                )
                tokens[stream] = got["nextForwardToken"]
                fresh += [event["message"].rstrip() for event in got["events"]]
            yield fresh

    def _streams(self, logs: Any, job: str) -> list[str]:
        try:
            found = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return []
            raise
        return [stream["logStreamName"] for stream in found["logStreams"]]

    def packages(self) -> list[dict[str, Any]]:
        """The model's versions, oldest first."""
        listed = self.client("sagemaker").list_model_packages(
            ModelPackageGroupName=self.name, SortBy="CreationTime", SortOrder="Ascending"
        )
        found: list[dict[str, Any]] = listed["ModelPackageSummaryList"]
        return found

    def approve(self, arn: str, why: str) -> None:
        self.client("sagemaker").update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription=why
        )

    def endpoint(self) -> dict[str, Any] | None:
        return self._or_none("describe_endpoint", EndpointName=self.name)

    def scaling(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The endpoint's scalable target and its policy, once both are registered."""
        scaling = self.client("application-autoscaling")
        resource = f"endpoint/{self.name}/variant/"
        targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
        ours = [target for target in targets if target["ResourceId"].startswith(resource)]
        rules = [policy for policy in policies if policy["ResourceId"].startswith(resource)]
        return (ours[0], rules[0]) if ours and rules else None

    def predict(self) -> Callable[..., str]:
        """Asks the endpoint about CSV rows, answers in CSV. Nothing is tried twice, so that no failure stays hidden."""
        once = Config(retries={"total_max_attempts": 1})
        runtime: Any = self.session.client("sagemaker-runtime", endpoint_url=self.endpoint_url, config=once)

        def ask(rows: bytes, inference_id: str = "") -> str:
            named = {"InferenceId": inference_id} if inference_id else {}
            answer = runtime.invoke_endpoint(
                EndpointName=self.name, ContentType="text/csv", Accept="text/csv", Body=rows, **named
            )
            return str(answer["Body"].read().decode())

        return ask

    def dead_letters(self) -> list[str]:
        """What failed for good in the functions: nothing, if all is well."""
        queue = self.outputs["DeadLetters"]
        got = self.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=1)
        return [lesson(message["Body"]) for message in got.get("Messages", [])]

    def wait(self, what: str, look: Callable[[], Any], seconds: float = 60.0) -> Any:
        """What `look` finds, once it finds something; Trouble when it takes too long or the loop reports an error."""
        deadline, patience = time.monotonic() + seconds, time.monotonic() + 1
        while not (found := look()):
            if time.monotonic() > patience:
                self.check()
                patience = time.monotonic() + 1
            if time.monotonic() > deadline:
                raise Trouble(f"Waited {seconds:.0f} s in vain for {what}.\n{self.evidence()}")
            time.sleep(0.1)
        return found

    def check(self) -> None:
        """Raises Trouble when a function failed for good or a decision was an error."""
        failed = [entry for entry in self.ledger() if entry.news == "error"]
        if failed:
            raise Trouble("\n".join(f"{entry.decision}: {entry.reason}" for entry in failed))
        if letters := self.dead_letters():
            raise Trouble("Failed in spite of retries:\n" + "\n".join(letters))

    def evidence(self) -> str:
        last = [f"  {entry.decision}: {entry.reason}" for entry in self.ledger()[-5:]]
        return "\n".join(["The last decisions:", *last]) if last else "Nothing has been decided yet."

    def _or_none(self, operation: str, **request: str) -> dict[str, Any] | None:
        """What SageMaker describes, or None where it says that there is no such thing."""
        try:
            found: dict[str, Any] = getattr(self.client("sagemaker"), operation)(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
                return None
            raise
        return found


def entry(item: dict[str, dict[str, str]]) -> Entry:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    return Entry(
        at=text["at"],
        fact=text["fact"],
        decision=text["decision"],
        reason=text["reason"],
        news=text.get("news", "none"),
        details=json.loads(text.get("details", "{}")),
    )


def lesson(letter: str) -> str:
    """A dead letter in one line: which function, on what fact, with which error."""
    record = json.loads(letter)
    function = record.get("requestContext", {}).get("functionArn", "a rule's target").rpartition(":")[2]
    fact = record.get("requestPayload", record).get("detail-type", "an event")
    error = record.get("responsePayload", {})
    return f"  {function} on {fact}: {error.get('errorType', 'Error')}: {error.get('errorMessage', letter)}"
