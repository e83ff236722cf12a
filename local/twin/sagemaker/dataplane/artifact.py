"""Model artefacts: fetched once with the execution role's own rights, unpacked once, read by every instance."""

import asyncio
import hashlib
import json
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

Storage = Callable[[str], Any]  # role ARN -> an S3 client that acts as that role


class ArtifactError(Exception):
    """The artefact cannot be fetched or unpacked; the text is SageMaker's FailureReason."""


async def unpack(url: str | None, role: str, storage: Storage, home: Path) -> Path:
    """The folder with the artefact's files; an empty one for a model without artefact."""
    return await asyncio.to_thread(_unpack, url, role, storage, home)


def location(url: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URL."""
    target = urlparse(url)
    return target.netloc, target.path.lstrip("/")


def inaccessible(url: str, role: str) -> str:
    """AWS's words for an artefact that the role cannot read."""
    return (
        f'Could not access model data at {url}. Please ensure that the role "{role}" exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". '
        'Also ensure that the role has "s3:GetObject" permissions and that the object is located in this region.'
    )


def _unpack(url: str | None, role: str, storage: Storage, home: Path) -> Path:
    if not url:
        empty = home / "empty"
        empty.mkdir(parents=True, exist_ok=True)
        return empty
    client = storage(role)
    bucket, key = location(url)
    partial = home / uuid4().hex
    archive = partial.with_suffix(".tar.gz")
    try:
        etag = client.head_object(Bucket=bucket, Key=key)["ETag"]
        folder = home / hashlib.sha256(json.dumps([url, etag]).encode()).hexdigest()[:16]
        if folder.exists():
            return folder
        partial.mkdir(parents=True)
        with archive.open("wb") as file:
            for chunk in client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
                file.write(chunk)
    except (ClientError, BotoCoreError) as error:
        raise ArtifactError(inaccessible(url, role)) from error
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(partial, filter="data")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        shutil.rmtree(partial)
        raise ArtifactError(
            f'Failed to extract model data archive for container "container_1" from URL "{url}". Please ensure that the object located at the '
            "URL is a valid tar.gz archive."
        ) from error
    finally:
        archive.unlink(missing_ok=True)
    try:
        partial.rename(folder)
    except OSError:  # another fleet was quicker with the same artefact
        shutil.rmtree(partial)
    return folder
