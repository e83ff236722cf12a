"""A request on its way to an endpoint, and what came back."""

from __future__ import annotations

from dataclasses import dataclass

VERSION_VARIABLE = (
    "PERENNIAL_MODEL_VERSION"  # of CreateModel: the container names it in its answers' custom attributes
)


@dataclass(frozen=True)
class Invocation:
    """What InvokeEndpoint is told. `inference_id` is the caller's own or made for it, `component` the endpoint's inference
    component, where it has one."""

    body: bytes
    content_type: str
    inference_id: str
    accept: str | None = None
    attributes: str | None = None
    component: str | None = None


@dataclass(frozen=True)
class Reply:
    """What the endpoint answered, with status 200."""

    body: bytes
    content_type: str
    variant: str = ""
    attributes: str | None = None
