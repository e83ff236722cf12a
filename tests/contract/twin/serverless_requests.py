"""What tests ask of serverless endpoints, and see of them."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from running_twin import REGION
from serving_endpoints import VARIANT, Endpoints


def together(endpoints: Endpoints, name: str, count: int) -> list[int | str]:
    """So many requests at once, each without a retry: the server's pid, or the error's code and status."""
    seen: list[int | str] = []
    runtime = boto3.client(
        "sagemaker-runtime",
        endpoint_url=endpoints.twin.url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=count),
    )
    ready = threading.Barrier(count)

    def ask() -> None:
        ready.wait()
        try:
            answer = runtime.invoke_endpoint(EndpointName=name, Body=b"1")
            seen.append(json.loads(answer["Body"].read())["pid"])
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            seen.append(f"{error.response['Error']['Code']} {status}")

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def statistics(endpoints: Endpoints, name: str, metric: str, *wanted: str) -> dict[str, float]:
    """Statistics of the last ten minutes, or nothing."""
    now = datetime.now(UTC)
    points = endpoints.twin.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": VARIANT}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=86400,
        Statistics=list(wanted),
    )["Datapoints"]
    return {key: points[-1][key] for key in wanted} if points else {}


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
