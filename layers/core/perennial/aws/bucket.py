"""The data bucket on S3."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, cast

from botocore.exceptions import ClientError

from perennial.aws.clients import client, code


@dataclass(frozen=True)
class S3Object:
    key: str
    size: int
    etag: str
    last_modified: datetime


class S3Bucket:
    """Reads as streams: a drop may be larger than a Lambda's memory."""

    def __init__(self, name: str, s3: Any = None) -> None:
        self.name = name
        self._s3 = s3 or client("s3")

    def list(self, prefix: str) -> Sequence[S3Object]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [
            S3Object(item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"])
            for page in pages
            for item in page.get("Contents", [])
        ]

    def names_under(self, prefix: str) -> Sequence[str]:
        """The folder names one level below a prefix."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, Delimiter="/"
        )
        return [
            item["Prefix"].removeprefix(prefix).rstrip("/")
            for page in pages
            for item in page.get("CommonPrefixes", [])
        ]

    def read(self, key: str) -> bytes | None:
        try:
            body: bytes = self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        except ClientError as error:
            if code(error) in ("NoSuchKey", "404"):
                return None
            raise
        return body

    def open(self, key: str) -> BinaryIO:
        return cast(BinaryIO, self._s3.get_object(Bucket=self.name, Key=key)["Body"])

    def open_ranged(self, key: str) -> BinaryIO:
        """A seekable file, for formats with their index at the end."""
        size = self._s3.head_object(Bucket=self.name, Key=key)["ContentLength"]
        return cast(BinaryIO, io.BufferedReader(_RangedObject(self._s3, self.name, key, size), 1 << 20))

    def write(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        self._s3.put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type)


class _RangedObject(io.RawIOBase):
    """One object as a seekable raw file: every read is a ranged GET."""

    def __init__(self, s3: Any, bucket: str, key: str, size: int) -> None:
        self._s3, self._bucket, self._key, self._size, self._at = s3, bucket, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        span = f"bytes={self._at}-{self._at + wanted - 1}"
        data = self._s3.get_object(Bucket=self._bucket, Key=self._key, Range=span)["Body"].read()
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
