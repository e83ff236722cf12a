"""`/opt/ml` of a training job: laid out before the container starts, delivered when it ends."""

import json
from pathlib import Path
from typing import Any

from twin.sagemaker.objects import download, pack, put, split, upload


def lay_out(s3: Any, record: dict[str, Any], base: Path, host: str, index: int, count: int) -> None:
    """Make `/opt/ml` of one host: configuration, channels, checkpoints."""
    for folder in ("input/config", "input/data", "model", "output/data"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    channels = record.get("InputDataConfig", [])
    resources = record["ResourceConfig"]
    hosts = [f"algo-{number + 1}" for number in range(count)]
    instance = resources.get("InstanceType", "local")
    files: dict[str, Any] = {
        "hyperparameters": record.get("HyperParameters", {}),
        "inputdataconfig": {channel["ChannelName"]: _channel(channel) for channel in channels},
        "resourceconfig": {
            "current_host": host,
            "current_instance_type": instance,
            "current_group_name": "homogeneousCluster",
            "hosts": hosts,
            "instance_groups": [
                {"instance_group_name": "homogeneousCluster", "instance_type": instance, "hosts": hosts}
            ],
            "network_interface_name": "lo",
        },
    }
    for name, content in files.items():
        (base / "input" / "config" / f"{name}.json").write_text(json.dumps(content))
    for channel in channels:
        source = channel["DataSource"]["S3DataSource"]
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        folder = base / "input" / "data" / channel["ChannelName"]
        folder.mkdir()
        download(s3, source["S3Uri"], folder, source["S3DataType"], (index, count) if sharded else (0, 1))
    Checkpoints(s3, record, base).restore()


def _channel(channel: dict[str, Any]) -> dict[str, str]:
    source = channel["DataSource"]["S3DataSource"]
    described = {
        "TrainingInputMode": channel.get("InputMode", "File"),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    return {**described, **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {})}


class Checkpoints:
    """The folder a job checkpoints to and its place in S3 (CheckpointConfig)."""

    def __init__(self, s3: Any, record: dict[str, Any], base: Path) -> None:
        config = record.get("CheckpointConfig", {})
        self._s3 = s3
        self._uri: str | None = config.get("S3Uri")
        self._folder = base / config.get("LocalPath", "/opt/ml/checkpoints").removeprefix("/opt/ml").strip(
            "/"
        )
        self.saved: dict[Path, int] = {}

    def restore(self) -> None:
        """Bring back what an earlier run saved."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._uri is None:
            return
        bucket, prefix = split(self._uri.rstrip("/") + "/")
        if self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"):
            download(self._s3, f"s3://{bucket}/{prefix}", self._folder)

    def save(self) -> None:
        """Copy every file that changed since it was last saved."""
        if self._uri is None:
            return
        found = {path: path.stat().st_mtime_ns for path in self._folder.rglob("*") if path.is_file()}
        changed = [path for path, modified in found.items() if self.saved.get(path) != modified]
        upload(self._s3, self._folder, self._uri, changed)
        self.saved.update(found)


def deliver(s3: Any, bases: list[Path], scratch: Path, target: str) -> None:
    """Upload model.tar.gz and output.tar.gz; an empty folder makes no archive, as on AWS."""
    for name, folder in {"model": "model", "output": "output/data"}.items():
        archive = scratch / f"{name}.tar.gz"
        if pack([base / folder for base in bases], archive):
            put(s3, archive, f"{target}/{name}.tar.gz")
