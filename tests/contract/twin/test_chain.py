"""What the loop needs of MiniStack, with IAM on: events to Lambda and on, retries, failures, schedules."""

import io
import json
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from running_twin import ACCOUNT, REGION, Twin, allow, eventually, interpreter, policy, unique

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
HANDLER = """
import json, os, sys
import boto3

def handle(event, context):
    if os.environ["FAIL"] == "yes":
        boto3.client("dynamodb").update_item(TableName=os.environ["TABLE"], Key={"id": {"S": "attempts"}},
            UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})
        raise RuntimeError("as asked")
    boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item={
        "id": {"S": "event"}, "event": {"S": json.dumps(event)}, "path": {"S": json.dumps(sys.path)},
        "environment": {"S": json.dumps(sorted(os.environ))}, "from_layer": {"S": layered()}})
    boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Message="done")

def layered():
    try:
        import in_layer
        return in_layer.WHAT
    except ImportError:
        return "no layer"
"""


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".py", text)
    return buffer.getvalue()


class Function:
    """A deployed function with its table, its topic and its failure queue."""

    def __init__(self, twin: Twin, *, fail: bool = False) -> None:
        self.twin, self.name = twin, unique("function")
        for service in ("dynamodb", "sns", "sqs", "lambda"):
            setattr(self, service.replace("lambda", "lambdas"), twin.client(service))
        self.queue = self._queue("failed")
        self.news = self._queue("news")
        self.topic = twin.client("sns").create_topic(Name=self.name)["TopicArn"]
        send = {**allow("sqs:SendMessage"), "Principal": {"Service": "sns.amazonaws.com"}}
        twin.client("sqs").set_queue_attributes(QueueUrl=self.news, Attributes={"Policy": policy(send)})
        twin.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self._arn("news"))
        twin.client("dynamodb").create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{self.name}"
        role = twin.role(
            unique("function-role"),
            allow(["dynamodb:PutItem", "dynamodb:UpdateItem"], table),
            allow("sns:Publish", self.topic),
            allow("sqs:SendMessage", self._arn("failed")),
            service="lambda.amazonaws.com",
        )
        layer = twin.client("lambda").publish_layer_version(
            LayerName=unique("layer"), Content={"ZipFile": zipped(python__in_layer="WHAT = 'the layer'")}
        )["LayerVersionArn"]
        variables = {"TABLE": self.name, "TOPIC": self.topic, "FAIL": "yes" if fail else "no"}
        self.arn = twin.client("lambda").create_function(
            FunctionName=self.name,
            Runtime=RUNTIME,
            Handler="handler.handle",
            Role=role,
            Code={"ZipFile": zipped(handler=HANDLER)},
            Environment={"Variables": variables},
            Layers=[layer],
            Timeout=20,
        )["FunctionArn"]
        twin.client("lambda").put_function_event_invoke_config(
            FunctionName=self.name,
            MaximumRetryAttempts=2,
            DestinationConfig={"OnFailure": {"Destination": self._arn("failed")}},
        )

    def _queue(self, kind: str) -> str:
        return str(self.twin.client("sqs").create_queue(QueueName=f"{self.name}-{kind}")["QueueUrl"])

    def _arn(self, kind: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}-{kind}"

    def item(self, key: str) -> dict[str, Any]:
        found = (
            self.twin.client("dynamodb").get_item(TableName=self.name, Key={"id": {"S": key}}).get("Item", {})
        )
        return {name: next(iter(value.values())) for name, value in found.items()}

    def message(self, queue: str) -> dict[str, Any]:
        def receive() -> Any:
            return self.twin.client("sqs").receive_message(QueueUrl=queue).get("Messages")

        return dict(json.loads(eventually(receive)[0]["Body"]))

    def on_rule(self, pattern: dict[str, Any], bus: str = "default") -> None:
        events = self.twin.client("events")
        events.put_rule(Name=self.name, EventPattern=json.dumps(pattern), EventBusName=bus)
        events.put_targets(Rule=self.name, EventBusName=bus, Targets=[{"Id": "function", "Arn": self.arn}])


@pytest.fixture(scope="module")
def function(twin: Twin) -> Function:
    return Function(twin)


def test_object_reaches_function_and_topic(twin: Twin, function: Function) -> None:
    """S3 -> EventBridge -> Lambda -> DynamoDB and SNS -> SQS, each step with its own rights."""
    s3, bucket = twin.client("s3"), unique("source")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    function.on_rule(
        {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [bucket]}}}
    )
    s3.put_object(Bucket=bucket, Key="models/a b/drops/ü+1/_SUCCESS", Body=b"")
    item = eventually(lambda: function.item("event"))
    event = json.loads(item["event"])
    assert event["detail"]["object"]["key"] == "models/a b/drops/ü+1/_SUCCESS"
    assert event["detail"]["reason"] == "PutObject"
    assert function.message(function.news)["Message"] == "done"


def test_function_sees_boto3_and_its_layers_only(twin: Twin, function: Function) -> None:
    """A function runs in its own interpreter: no package and no variable of the twin's."""
    twin.client("lambda").invoke(FunctionName=function.name, Payload=b"{}")
    item = function.item("event")
    assert item["from_layer"] == "the layer"
    path, environment = json.loads(item["path"]), json.loads(item["environment"])
    assert not [
        entry
        for entry in path
        if "local" in entry.split("/")[-1:] or str(interpreter("twin").parents[1]) in entry
    ]
    assert {"TABLE", "TOPIC", "FAIL", "AWS_LAMBDA_FUNCTION_NAME", "AWS_SESSION_TOKEN"} <= set(environment)
    assert not {"LEAKED", "AUTH", "GATEWAY_PORT", "LAMBDA_EXECUTOR", "PYTHONPATH", "MINISTACK_REGION"} & set(
        environment
    )


@pytest.mark.parametrize("way", ["event bus", "asynchronous invoke", "topic"])
def test_failing_function_is_retried_then_given_up(twin: Twin, way: str) -> None:
    """An asynchronous event is tried three times, then goes to the failure queue, however it came."""
    function = Function(twin, fail=True)
    if way == "event bus":
        bus = unique("bus")
        twin.client("events").create_event_bus(Name=bus)
        function.on_rule({"source": ["perennial"]}, bus)
        entry = {"Source": "perennial", "DetailType": "Drift", "Detail": "{}", "EventBusName": bus}
        assert twin.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    elif way == "asynchronous invoke":
        twin.client("lambda").invoke(FunctionName=function.name, InvocationType="Event", Payload=b"{}")
    else:
        topic = twin.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
        twin.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn)
        twin.client("sns").publish(TopicArn=topic, Message="hello")
    failed = function.message(function.queue)
    assert failed["requestContext"]["condition"] == "RetriesExhausted"
    assert failed["responsePayload"]["errorMessage"] == "as asked"
    assert function.item("attempts")["n"] == "3"


def test_function_keeps_to_its_role(twin: Twin) -> None:
    """A function without a right meets AccessDenied and fails."""
    function = Function(twin)
    role = twin.role(unique("poor"), allow("logs:*"), service="lambda.amazonaws.com")
    twin.client("lambda").update_function_configuration(FunctionName=function.name, Role=role)
    answer = twin.client("lambda").invoke(FunctionName=function.name, Payload=b"{}")
    assert answer["FunctionError"]
    assert "AccessDenied" in json.load(answer["Payload"])["errorMessage"]


def test_burst_loses_no_event(twin: Twin, function: Function) -> None:
    """Events beyond the concurrency of the machine wait for their turn."""
    function_under_load = Function(twin)
    twin.client("lambda").put_function_concurrency(
        FunctionName=function_under_load.name, ReservedConcurrentExecutions=1
    )
    for _ in range(12):
        twin.client("lambda").invoke(
            FunctionName=function_under_load.name, InvocationType="Event", Payload=b"{}"
        )
    received: list[Any] = []

    def all_done() -> bool:
        sqs = twin.client("sqs")
        batch = sqs.receive_message(QueueUrl=function_under_load.news, MaxNumberOfMessages=10).get(
            "Messages", []
        )
        received.extend(batch)
        for message in batch:
            sqs.delete_message(QueueUrl=function_under_load.news, ReceiptHandle=message["ReceiptHandle"])
        return len(received) == 12

    eventually(all_done)


def test_schedule_fires(twin: Twin) -> None:
    """EventBridge Scheduler invokes a function at its time."""
    function = Function(twin)
    role = twin.role(
        unique("schedule"), allow("lambda:InvokeFunction", function.arn), service="scheduler.amazonaws.com"
    )
    twin.client("scheduler").create_schedule(
        Name=function.name,
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function.arn, "RoleArn": role, "Input": json.dumps({"sweep": True})},
    )
    item = eventually(lambda: function.item("event"))
    assert json.loads(item["event"]) == {"sweep": True}


def test_runtime_must_match_the_interpreter(twin: Twin) -> None:
    """A function for another Python fails with what to do, instead of running in the wrong one."""
    function = Function(twin)
    twin.client("lambda").update_function_configuration(FunctionName=function.name, Runtime="python3.8")
    answer = twin.client("lambda").invoke(FunctionName=function.name, Payload=b"{}")
    assert "--lambda-python" in json.load(answer["Payload"])["errorMessage"]
