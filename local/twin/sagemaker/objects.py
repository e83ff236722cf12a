"""Between S3 and a job's folder: inputs laid out and outputs packed as SageMaker does."""

import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

_CHUNK = 4 * 1024 * 1024


class TransferError(Exception):
    """S3 refused or lacks what a job needs; the message is AWS's FailureReason."""


def split(uri: str) -> tuple[str, str]:
    """`s3://bucket/key` as bucket and key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def download(
    s3: Any, uri: str, folder: Path, data_type: str = "S3Prefix", shard: tuple[int, int] = (0, 1)
) -> None:
    """Put the objects of an S3Prefix or ManifestFile under a folder; of shard (i, n) every n-th."""
    index, count = shard
    try:
        found = list(_manifest(s3, uri) if data_type == "ManifestFile" else _prefix(s3, uri))
        if not found:
            raise TransferError(
                f'ClientError: Data download failed:No S3 objects found under S3 URL "{uri}" given in input '
                "data source. Please ensure that the bucket exists in the selected region, that objects exist "
                'under that S3 prefix, and that the role has "s3:ListBucket" permissions on the bucket.'
            )
        for bucket, key, relative in found[index::count]:
            _fetch(s3, bucket, key, _inside(folder, relative))
    except ClientError as error:
        raise TransferError(f"ClientError: Data download failed:{_told(error)}") from error


def _prefix(s3: Any, uri: str) -> Iterator[tuple[str, str, str]]:
    bucket, prefix = split(uri)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            key = item["Key"]
            if key.endswith("/"):
                continue
            inside = key == prefix or not (prefix.endswith("/") or key[len(prefix)] == "/")
            base = prefix.rpartition("/")[0] if inside else prefix.rstrip("/")
            yield bucket, key, key[len(base) :].lstrip("/")


def _manifest(s3: Any, uri: str) -> Iterator[tuple[str, str, str]]:
    bucket, key = split(uri)
    raw = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        first, *rest = json.loads(raw)
        root = first["prefix"]
        entries = [str(entry) for entry in rest]
    except (ValueError, TypeError, KeyError) as error:
        raise TransferError(
            f"ClientError: Data download failed:Unable to parse the manifest {uri}: it must be a JSON list that "
            'starts with {"prefix": "s3://..."}'
        ) from error
    root_bucket, root_key = split(root)
    for entry in entries:
        yield root_bucket, root_key + entry, entry


def _inside(folder: Path, relative: str) -> Path:
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts:
        raise TransferError(
            f"ClientError: Data download failed:the key {relative!r} leaves the channel's folder"
        )
    return folder / path


def _fetch(s3: Any, bucket: str, key: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    with path.open("wb") as file:
        for chunk in body.iter_chunks(_CHUNK):
            file.write(chunk)


def upload(s3: Any, folder: Path, uri: str, files: Iterable[Path] | None = None) -> None:
    """Copy a folder's files (or only some of them) below an S3 prefix."""
    bucket, prefix = split(uri)
    for path in sorted(files if files is not None else folder.rglob("*")):
        if path.is_file():
            key = "/".join(part for part in (prefix.strip("/"), path.relative_to(folder).as_posix()) if part)
            put(s3, path, f"s3://{bucket}/{key}")


def put(s3: Any, path: Path, uri: str) -> None:
    """Upload one file."""
    bucket, key = split(uri)
    try:
        with path.open("rb") as body:
            s3.put_object(Bucket=bucket, Key=key, Body=body)
    except ClientError as error:
        raise TransferError(
            f"ClientError: Artifact upload failed:{_told(error)}. Please check the role's permissions on {uri}"
        ) from error


def pack(folders: Iterable[Path], archive: Path) -> bool:
    """Tar the contents of folders (one a host) together; False, and no archive, when all are empty."""
    members = [(item, item.relative_to(folder)) for folder in folders for item in sorted(folder.iterdir())]
    if not members:
        return False
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for item, name in members:
            tar.add(item, arcname=str(name))
    return True


def _told(error: ClientError) -> str:
    told = error.response["Error"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return f"{told['Code']} ({status}): {told['Message']}"
