"""Start a twin as `make up` does, and speak to it with plain boto3."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = "000000000000"
REGION = "us-east-1"


def interpreter(name: str) -> Path:
    """The interpreter of an environment: PERENNIAL_<NAME>_PYTHON, else the one `make` builds."""
    default = ROOT / ".perennial" / "venvs" / name / "bin" / "python"
    return Path(os.environ.get(f"PERENNIAL_{name.upper()}_PYTHON", default))


def eventually(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Look until the result is true; fail with the last result after a deadline."""
    deadline = time.monotonic() + seconds
    while not (result := look()):
        assert time.monotonic() < deadline, f"still {result!r} after {seconds} s"
        time.sleep(0.02)
    return result


@dataclass
class Twin:
    """A twin process of a test."""

    process: subprocess.Popen[bytes]
    port: int
    home: Path
    log: Path
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, credentials: dict[str, str] | None = None) -> Any:
        """A boto3 client: the account's root, or the holder of STS credentials."""
        if credentials is None and service in self.clients:
            return self.clients[service]
        keys = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test"}
        client = boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=Config(retries={"max_attempts": 1}),
        )
        if credentials is None:
            self.clients[service] = client
        return client

    def admin(self, method: str, path: str, **body: Any) -> Any:
        """Ask `/_twin/...`."""
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{self.url}/_twin/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def role(self, name: str, *statements: dict[str, Any], service: str = "sagemaker.amazonaws.com") -> str:
        """A role that a service can assume, with one inline policy; its ARN."""
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        trust_root = {**trust, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
        iam = self.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust, trust_root))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return str(role["Arn"])

    def acting_as(self, service: str, *statements: dict[str, Any]) -> Any:
        """A client with a fresh role that may do only what the statements say."""
        arn = self.role(unique("caller"), *statements)
        assumed = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")
        return self.client(service, assumed["Credentials"])


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:8]}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_the_tests() -> None:
    """Have the kernel end the twin when the test run is killed and no fixture can."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def launch(home: Path, port: int, container: Path | str | None = None, **options: Any) -> Twin:
    """Start a twin as `make up` does; it may still be starting."""
    home.mkdir(parents=True, exist_ok=True)
    arguments: dict[str, Any] = {
        "port": port,
        "home": home,
        "container": container or Path(__file__).parent / "container_double",
        "container-python": interpreter("lambda"),
        "lambda-python": interpreter("lambda"),
        **{name.replace("_", "-"): value for name, value in options.items()},
    }
    command = [interpreter("twin"), "-m", "twin"]
    command += [str(part) for name, value in arguments.items() for part in (f"--{name}", value)]
    log = home / "twin.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "local"), "LEAKED": "from the shell"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_the_tests if sys.platform == "linux" else None,  # noqa: PLW1509 - one thread
        )
    return Twin(process, port, home, log)


def answering(twin: Twin) -> Twin:
    """Wait until a twin answers; fail with its log when it ends instead."""

    def answers() -> bool:
        assert twin.process.poll() is None, twin.log.read_text()
        try:
            return bool(twin.admin("GET", "status"))
        except OSError:
            return False

    eventually(answers)
    return twin


@dataclass
class Events:
    """The events a rule caught, through SQS."""

    twin: Twin
    queue: str
    caught: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, twin: Twin, source: str) -> "Events":
        """Every event of a source on the default bus, from now on."""
        sqs, rules, name = twin.client("sqs"), twin.client("events"), unique("events")
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        rules.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
        send = {**allow("sqs:SendMessage", arn), "Principal": {"Service": "events.amazonaws.com"}}
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy(send)})
        rules.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        return cls(twin, queue)

    def about(self, arn: str) -> list[dict[str, Any]]:
        """Everything caught so far about a resource, in the order sent."""
        sqs = self.twin.client("sqs")
        while batch := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                self.caught.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in self.caught if arn in event["resources"]]
