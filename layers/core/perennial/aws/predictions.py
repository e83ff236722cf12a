"""InvokeEndpoint on behalf of a caller: one try, the answer as it is, and each failure in HTTP's words."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.exceptions import ConnectionError as NoConnection

from perennial.aws.clients import code, message, predicting_client
from perennial.errors import EndpointMissing, RequestRefused
from perennial.prediction.invocation import Invocation, Reply

TOO_LARGE = 413


class SageMakerPredictions:
    def __init__(self, runtime: Any = None) -> None:
        self._given_runtime = runtime

    def invoke(self, endpoint: str, asked: Invocation) -> Reply:
        """Raises RequestRefused, or EndpointMissing when there is none of that name."""
        optional = {
            "Accept": asked.accept,
            "CustomAttributes": asked.attributes,
            "InferenceComponentName": asked.component,
        }
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=endpoint,
                ContentType=asked.content_type,
                InferenceId=asked.inference_id,
                Body=asked.body,
                **{name: value for name, value in optional.items() if value is not None},
            )
            return Reply(
                answer["Body"].read(),
                answer.get("ContentType", "application/octet-stream"),
                answer.get("InvokedProductionVariant", ""),
                answer.get("CustomAttributes"),
            )
        except ReadTimeoutError as error:
            raise RequestRefused(504, "no_answer_in_time", "the model did not answer in time") from error
        except NoConnection as error:
            raise RequestRefused(
                503, "not_reachable", "SageMaker could not be reached", retry_after=1
            ) from error
        except ClientError as error:
            raise _told(endpoint, error) from error

    @property
    def _runtime(self) -> Any:
        return self._given_runtime or predicting_client()


def _told(endpoint: str, error: ClientError) -> RequestRefused | EndpointMissing:
    kind, words = code(error), message(error)
    if kind == "ModelError":
        return _model_error(error)
    if kind in ("ThrottlingException", "Throttling", "TooManyRequestsException"):
        why = "the endpoint answers as many requests as it may at the same time"
        return RequestRefused(429, "too_many_requests", why, retry_after=1)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status == TOO_LARGE:
        return RequestRefused(413, "body_too_large", words or "the body is larger than SageMaker takes")
    if "has no capacity" in words:
        why = "no instance runs, for nobody asked lately: this request wakes one, which takes minutes"
        return RequestRefused(503, "waking", why, retry_after=60)
    if kind in ("ValidationError", "ValidationException"):
        if "not found" in words.lower():
            return EndpointMissing(f"there is no endpoint {endpoint} in service")
        return RequestRefused(400, "invalid_request", words)
    if kind == "ModelNotReadyException":
        return RequestRefused(503, "model_not_ready", "the model is being loaded", retry_after=5)
    if kind in ("ServiceUnavailable", "InternalFailure", "InternalDependencyException"):
        return RequestRefused(503, "service_unavailable", f"SageMaker says: {words}", retry_after=2)
    return RequestRefused(502, "refused_by_sagemaker", f"{kind}: {words}")


def _model_error(error: ClientError) -> RequestRefused:
    """What the model refuses is the caller's business, what it cannot answer is not."""
    status = int(error.response.get("OriginalStatusCode") or 500)
    said, column = _said(str(error.response.get("OriginalMessage") or message(error)))
    if 400 <= status < 500:
        return RequestRefused(
            status, "model_refused", f"the model refuses the request: {said}", column=column
        )
    if status == 503:
        return RequestRefused(503, "model_busy", f"the model is busy: {said}", retry_after=1)
    return RequestRefused(502, "model_failed", f"the model failed with status {status}: {said}")


def _said(text: str) -> tuple[str, str | None]:
    """What a model said, as a sentence, and the column that it names: our container answers in JSON, others as they like."""
    try:
        told = json.loads(text)["error"]
        line = f" (line {told['line']})" if told.get("line") else ""
        return f"{told['message']}{line}"[:1000], told.get("column")
    except (ValueError, TypeError, KeyError, AttributeError):
        return text[:1000], None
