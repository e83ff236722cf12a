"""What the twin answers when it refuses.

    AwsError            an error AWS would answer too, with AWS's code and words
    └── AccessDenied    IAM said no

Anything else that a handler raises is a bug of the twin and becomes a 500.
"""

from typing import Any


class AwsError(Exception):
    """An error on the wire: its code, its message if any, the HTTP status and the error shape's other members."""

    def __init__(self, code: str, message: str | None, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


class AccessDenied(AwsError):
    """No policy of the caller allows the action on the resource, or one denies it."""

    def __init__(self, principal: str, action: str, resource: str, *, explicit: bool = False) -> None:
        reason = (
            "with an explicit deny in an identity-based policy"
            if explicit
            else f"because no identity-based policy allows the {action} action"
        )
        super().__init__(
            "AccessDeniedException",
            f"User: {principal} is not authorized to perform: {action} on resource: {resource} {reason}",
        )


def validation(message: str) -> AwsError:
    """A `ValidationException`, the code SageMaker answers for most refusals."""
    return AwsError("ValidationException", message)
