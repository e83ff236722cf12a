"""Endpoints of the container's double, made with plain boto3."""

import io
import json
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from running_twin import ACCOUNT, REGION, Twin, allow, eventually, unique

VARIANT = "AllTraffic"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/perennial:1"


def artefact(**behaviour: Any) -> bytes:
    """A model.tar.gz that tells the double how to behave."""
    packed, text = io.BytesIO(), json.dumps(behaviour).encode()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("behaviour.json")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    return packed.getvalue()


def arn(kind: str, name: str) -> str:
    """Of a model, an endpoint-config or an endpoint."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


@dataclass
class Traffic:
    """What came back while requests ran: answers by version, and every failure."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass
class Endpoints:
    """Models, configs and endpoints on a twin; names are unique."""

    twin: Twin
    bucket: str
    role: str

    @classmethod
    def on(cls, twin: Twin) -> "Endpoints":
        bucket = unique("models")
        twin.client("s3").create_bucket(Bucket=bucket)
        own = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        role = twin.role(unique("endpoint"), allow("s3:*", own), allow("cloudwatch:DescribeAlarms"))
        return cls(twin, bucket, role)

    @property
    def sagemaker(self) -> Any:
        return self.twin.client("sagemaker")

    def put(self, data: bytes) -> str:
        """The URL of an uploaded artefact."""
        key = f"{unique('artefact')}/model.tar.gz"
        self.twin.client("s3").put_object(Bucket=self.bucket, Key=key, Body=data)
        return f"s3://{self.bucket}/{key}"

    def model(self, data: bytes | None = None, **behaviour: Any) -> str:
        name = unique("model")
        url = self.put(data if data is not None else artefact(**behaviour))
        container = {"Image": IMAGE, "ModelDataUrl": url, "Environment": {"GREETING": "hello"}}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.role, PrimaryContainer=container)
        return name

    def config(
        self, model: str, count: int = 1, *, capture: dict[str, Any] | None = None, **variant: Any
    ) -> str:
        """A config of one variant on instances, and Data Capture where it is given."""
        name = unique("config")
        described = {
            "VariantName": VARIANT,
            "ModelName": model,
            "InitialInstanceCount": count,
            "InstanceType": "ml.m5.large",
            **variant,
        }
        more = {"DataCaptureConfig": capture} if capture else {}
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[described], **more)
        return name

    def capture(self, prefix: str = "capture", **settings: Any) -> dict[str, Any]:
        """A DataCaptureConfig: every request's input, below a prefix of the bucket."""
        return {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{self.bucket}/{prefix}",
            "CaptureOptions": [{"CaptureMode": "Input"}],
            **settings,
        }

    def start(self, config: str) -> str:
        """An endpoint that is being created."""
        name = unique("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return name

    def serving(self, count: int = 1, **behaviour: Any) -> str:
        """An endpoint in service."""
        name = self.start(self.config(self.model(**behaviour), count))
        assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def serverless_config(self, model: str, **limits: Any) -> str:
        """A config of one serverless variant."""
        name = unique("config")
        serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5, **limits}
        variant = {"VariantName": VARIANT, "ModelName": model, "ServerlessConfig": serverless}
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    def serving_serverless(self, behaviour: dict[str, Any] | None = None, **limits: Any) -> str:
        """A serverless endpoint in service."""
        name = self.start(self.serverless_config(self.model(**(behaviour or {})), **limits))
        assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def describe(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
        return answer

    def settled(self, name: str, seconds: float = 60.0) -> dict[str, Any]:
        """DescribeEndpoint's answer once nothing is in progress."""
        busy = ("Creating", "Updating", "RollingBack", "OutOfService")
        eventually(lambda: self.describe(name)["EndpointStatus"] not in busy, seconds)
        return self.describe(name)

    def count(self, name: str) -> int:
        """Instances that can answer now."""
        return int(self.describe(name)["ProductionVariants"][0]["CurrentInstanceCount"])

    def invoke(self, name: str, body: bytes = b"1,2", **more: Any) -> dict[str, Any]:
        """The double's answer, read."""
        answer = self.twin.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=body, **more)
        said: dict[str, Any] = json.loads(answer["Body"].read())
        return said

    @contextmanager
    def traffic(self, name: str, threads: int = 4, pause: float = 0.0) -> Iterator[Traffic]:
        """Requests from several threads, without any retry, until the block ends."""
        seen, done = Traffic(), threading.Event()

        def send() -> None:
            runtime = boto3.client(
                "sagemaker-runtime",
                endpoint_url=self.twin.url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}),
            )
            while not done.wait(pause):
                try:
                    answer = runtime.invoke_endpoint(EndpointName=name, Body=b"1,2", ContentType="text/csv")
                    seen.answers[json.loads(answer["Body"].read())["answer"]] += 1
                except Exception as error:  # noqa: BLE001 - a test counts whatever goes wrong
                    seen.failures.append(repr(error))
            runtime.close()

        workers = [threading.Thread(target=send) for _ in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield seen
        finally:
            done.set()
            for worker in workers:
                worker.join()
