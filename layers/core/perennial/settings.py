"""What the template tells the functions. `prefix` here is `PREFIX` in template.yaml."""

from __future__ import annotations

import os
from typing import Self

from pydantic import BaseModel, ConfigDict

from perennial.names import Names


class Settings(BaseModel):
    """The environment of every function, read once, when the first event comes."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)

    prefix: str
    data_bucket: str
    ledger_table: str
    event_bus: str
    alerts_topic: str
    container_image: str
    code_version: str
    training_role: str
    endpoint_role: str
    processing_role: str
    parquet_function: str | None = None
    email_sender: str | None = None
    capture_queue: str = ""  # only where predictions are asked for
    aws_region: str = "us-east-1"  # Lambda sets it

    @classmethod
    def from_env(cls) -> Self:
        return cls.model_validate(dict(os.environ))

    @property
    def code(self) -> str:
        """What trains and serves: the git revision, else the image's digest."""
        digest = self.container_image.partition("@")[2]
        return digest if self.code_version == "unknown" and digest else self.code_version

    @property
    def names(self) -> Names:
        return Names(self.prefix)
