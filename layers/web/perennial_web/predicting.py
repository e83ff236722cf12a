"""Predictions of either kind of endpoint, at one address that stays when the kind changes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from perennial.prediction.invocation import Invocation
from perennial.reactions import predict as predicting
from perennial_web.answers import Failure
from perennial_web.caller import Name, TheWorld

router = APIRouter()
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
_ROWS = {
    "text/csv": {"schema": {"type": "string"}, "example": "age,plan\n41,basic\n"},
    "application/json": {
        "schema": {"type": "object", "properties": {"instances": {"type": "array", "items": {}}}},
        "example": {"instances": [{"age": 41, "plan": "basic"}]},
    },
    "application/jsonlines": {"schema": {"type": "string"}, "example": '{"age": 41, "plan": "basic"}\n'},
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One prediction a row, in the form that Accept asks for, else in the request's.",
        "headers": {
            "X-Model-Version": {
                "description": "The version that answered; two while a rollout shifts traffic, for either may have.",
                "schema": {"type": "string"},
            },
            INFERENCE_ID: {
                "description": "The caller's own, or the one made for it. Labels are joined by it.",
                "schema": {"type": "string"},
            },
        },
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/jsonlines": {"schema": {"type": "string"}},
        },
    },
    400: {
        "model": Failure,
        "description": "The body does not fit the schema: row, column, and what was expected.",
    },
    413: {"model": Failure, "description": "The body is too large."},
    415: {"model": Failure, "description": "The content type is none of those that are read."},
    429: {
        "model": Failure,
        "description": "The endpoint is at its limit: try again after Retry-After seconds.",
    },
    502: {"model": Failure, "description": "The model failed."},
    503: {"model": Failure, "description": "Not in service now: try again after Retry-After seconds."},
    504: {"model": Failure, "description": "The model did not answer in time."},
}


@router.post(
    "/models/{model}/predict",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra={"requestBody": {"required": True, "content": _ROWS}},
)
async def predict(
    model: Name,
    request: Request,
    world: TheWorld,
    content_type: Annotated[str | None, Header(include_in_schema=False)] = None,
    accept: Annotated[str | None, Header()] = None,
    inference_id: Annotated[str | None, Header(alias=INFERENCE_ID)] = None,
    attributes: Annotated[str | None, Header(alias=ATTRIBUTES, max_length=1024)] = None,
) -> Response:
    """Predictions for a batch of rows, by the version that is in service."""
    asked = Invocation(
        await request.body(),
        content_type or "",
        predicting.inference_id(inference_id),
        None if accept in (None, "*/*") else accept,
        attributes,
    )
    found = await run_in_threadpool(predicting.predict, model, asked, request.app.state.directory, world)
    headers = {
        "X-Model-Version": ", ".join(map(str, found.versions)),
        INFERENCE_ID: found.inference_id,
        "Content-Type": found.reply.content_type,
    }
    if found.reply.attributes:
        headers[ATTRIBUTES] = found.reply.attributes
    return Response(found.reply.body, headers=headers)
