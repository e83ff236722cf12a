"""MiniStack's own services where the drift loop leans on them: secrets, mail, function URLs, metrics, stacks."""

import base64
import io
import json
import sys
import urllib.request
import zipfile
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, REGION, Twin, allow, eventually, unique

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
ECHO = "import json\ndef handler(event, _):\n    return {'statusCode': 200, 'body': json.dumps(event)}\n"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"


def send(url: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    request = urllib.request.Request(
        url, data=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def signed(url: str, keys: dict[str, str]) -> tuple[int, Any]:
    """The answer to a GET that these credentials sign."""
    request = AWSRequest("GET", url)
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    SigV4Auth(credentials, "lambda", REGION).add_auth(request)
    return send(url, **dict(request.headers))


def function(twin: Twin, auth: str) -> tuple[str, str]:
    """A function that echoes its event: its name and its URL."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", ECHO)
    name, client = unique("echo"), twin.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=twin.role(unique("function"), allow("logs:*"), service="lambda.amazonaws.com"),
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    url = client.create_function_url_config(FunctionName=name, AuthType=auth)["FunctionUrl"]
    return name, str(url)


# --- secrets ---


@pytest.mark.parametrize(
    ("resource", "readable"),
    [
        pytest.param("mine/*", True, id="by prefix"),
        pytest.param("mine/slack/default-??????", True, id="by name and AWS's six characters"),
        pytest.param("other/*", False, id="another prefix"),
    ],
)
def test_a_secret_is_read_by_those_who_may(twin: Twin, resource: str, readable: bool) -> None:
    """GetSecretValue is checked on the secret's ARN."""
    owner = twin.client("secretsmanager")
    if "mine/slack/default" not in [one["Name"] for one in owner.list_secrets()["SecretList"]]:
        owner.create_secret(Name="mine/slack/default", SecretString='{"channel": "C1"}')
    reader = twin.acting_as("secretsmanager", allow("secretsmanager:GetSecretValue", SECRETS + resource))
    if readable:
        value = reader.get_secret_value(SecretId="mine/slack/default")["SecretString"]
        assert json.loads(value) == {"channel": "C1"}
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            reader.get_secret_value(SecretId="mine/slack/default")


def test_a_missing_secret_is_not_found(twin: Twin) -> None:
    """Whoever may read a secret that is not there learns just that."""
    reader = twin.acting_as("secretsmanager", allow("secretsmanager:GetSecretValue"))
    with pytest.raises(reader.exceptions.ResourceNotFoundException):
        reader.get_secret_value(SecretId=unique("none"))


# --- mail ---


@pytest.mark.parametrize(
    ("identity", "sent"),
    [pytest.param("mail.example.com", True, id="its domain"), pytest.param("other.com", False, id="another")],
)
def test_mail_is_sent_by_an_identity_that_may(twin: Twin, identity: str, sent: bool) -> None:
    """ses:SendEmail is checked on the verified identity, here the sender's domain."""
    owner = twin.client("sesv2")
    if "mail.example.com" not in [
        one["IdentityName"] for one in owner.list_email_identities()["EmailIdentities"]
    ]:
        owner.create_email_identity(EmailIdentity="mail.example.com")
    sender = twin.acting_as(
        "sesv2", allow("ses:SendEmail", f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{identity}")
    )
    mail = {
        "FromEmailAddress": "Perennial <news@mail.example.com>",
        "Destination": {"ToAddresses": ["reader@example.com"]},
        "Content": {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "there"}}}},
    }
    if sent:
        assert sender.send_email(**mail)["MessageId"]
    else:
        with pytest.raises(ClientError, match=r"identity/mail\.example\.com"):
            sender.send_email(**mail)


def test_an_unverified_sender_is_refused(twin: Twin) -> None:
    """Mail from an address that nobody verified is rejected, as in every account."""
    ses = twin.client("sesv2")
    with pytest.raises(ses.exceptions.MessageRejected, match="not verified"):
        ses.send_email(
            FromEmailAddress="stranger@unverified.example",
            Destination={"ToAddresses": ["reader@example.com"]},
            Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
        )


# --- function URLs ---


def test_an_open_url_needs_the_functions_policy_too(twin: Twin) -> None:
    """A URL without authentication is forbidden until the function's resource policy lets everyone in."""
    name, url = function(twin, "NONE")
    assert url.startswith(twin.url)
    assert send(url) == (403, {"Message": "Forbidden"})
    twin.client("lambda").add_permission(
        FunctionName=name,
        StatementId="everyone",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    status, event = send(
        f"{url}slack/actions?a=1&b=2",
        b"payload=%7B%7D",
        Content_Type="application/x-www-form-urlencoded",
        X_Slack_Signature="v0=abc",
    )
    assert status == 200
    assert event["rawPath"] == "/slack/actions"
    assert event["queryStringParameters"] == {"a": "1", "b": "2"}
    assert event["headers"]["x-slack-signature"] == "v0=abc"
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"payload=%7B%7D"


def test_a_closed_url_asks_iam(twin: Twin) -> None:
    """With AWS_IAM an unsigned request is forbidden, and a signed one needs lambda:InvokeFunctionUrl on the function."""
    name, url = function(twin, "AWS_IAM")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"

    def holding(*statements: dict[str, Any]) -> dict[str, str]:
        role = twin.role(unique("caller"), *statements)
        assumed = twin.client("sts").assume_role(RoleArn=role, RoleSessionName="test")
        credentials: dict[str, str] = assumed["Credentials"]
        return credentials

    assert send(url)[0] == 403
    assert signed(url, holding(allow("s3:*")))[0] == 403
    status, event = signed(url, holding(allow(["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"], arn)))
    assert status == 200
    caller = event["requestContext"]["authorizer"]["iam"]["userArn"]
    assert caller.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/caller-"), "the function learns who calls"


# --- metrics and alarms ---


@pytest.mark.parametrize(
    ("namespace", "allowed"),
    [
        pytest.param("aws/sagemaker/Endpoints/data-metrics", True, id="as the condition says"),
        pytest.param("Mine", False, id="another namespace"),
    ],
)
def test_metrics_are_put_into_namespaces_that_the_policy_names(
    twin: Twin, namespace: str, allowed: bool
) -> None:
    """The condition key cloudwatch:namespace limits PutMetricData."""
    condition = {"StringLike": {"cloudwatch:namespace": "aws/sagemaker/Endpoints/*"}}
    client = twin.acting_as("cloudwatch", allow("cloudwatch:PutMetricData", Condition=condition))
    data = [{"MetricName": "records", "Value": 7}]
    if allowed:
        client.put_metric_data(Namespace=namespace, MetricData=data)
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            client.put_metric_data(Namespace=namespace, MetricData=data)


def test_alarms_are_deleted_by_those_who_may_delete_each(twin: Twin) -> None:
    """DeleteAlarms is checked on the ARN of every alarm it names."""
    owner, ours = twin.client("cloudwatch"), unique("ours")
    for name in (f"{ours}-a", f"{ours}-b", f"other-{ours}"):
        owner.put_metric_alarm(
            AlarmName=name,
            Namespace="Mine",
            MetricName="m",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{ours}-*"
    client = twin.acting_as("cloudwatch", allow("cloudwatch:DeleteAlarms", arn))
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_alarms(AlarmNames=[f"{ours}-a", f"other-{ours}"])
    client.delete_alarms(AlarmNames=[f"{ours}-a", f"{ours}-b"])
    left = owner.describe_alarms(AlarmNames=[f"{ours}-a", f"{ours}-b", f"other-{ours}"])["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in left] == [f"other-{ours}"]


# --- stacks ---


def test_a_stack_makes_secrets_urls_and_alarms(twin: Twin) -> None:
    """SAM's FunctionUrlConfig opens its URL, a generated secret obeys its rules, and Ref is the secret's ARN."""
    name = unique("stack")
    generate = {
        "SecretStringTemplate": "{}",
        "GenerateStringKey": "key",
        "PasswordLength": 48,
        "ExcludePunctuation": True,
    }
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Key": {
                "Type": "AWS::SecretsManager::Secret",
                "Properties": {"Name": f"{name}/intents", "GenerateSecretString": generate},
            },
            "Open": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "Runtime": RUNTIME,
                    "Handler": "index.handler",
                    "InlineCode": ECHO,
                    "FunctionUrlConfig": {"AuthType": "NONE"},
                },
            },
        },
        "Outputs": {
            "Key": {"Value": {"Ref": "Key"}},
            "Url": {"Value": {"Fn::GetAtt": ["OpenUrl", "FunctionUrl"]}},
        },
    }
    cloudformation, secrets = twin.client("cloudformation"), twin.client("secretsmanager")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )

    def described() -> dict[str, Any]:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return stack

    eventually(lambda: described()["StackStatus"] == "CREATE_COMPLETE")
    outputs = {one["OutputKey"]: one["OutputValue"] for one in described()["Outputs"]}
    assert outputs["Key"].startswith(f"{SECRETS}{name}/intents-")
    key = json.loads(secrets.get_secret_value(SecretId=outputs["Key"])["SecretString"])["key"]
    assert len(key) == 48
    assert key.isalnum()
    assert send(outputs["Url"])[0] == 200
    cloudformation.delete_stack(StackName=name)
    eventually(lambda: f"{name}/intents" not in [one["Name"] for one in secrets.list_secrets()["SecretList"]])
