"""What can go wrong, as one tree.

    PerennialError
    ├── ConfigError       model.yaml cannot be used; every problem names its line, key and remedy
    ├── NotAvailable      the account does not have what was asked for, such as a service closed to new customers
    ├── QuotaReached      a quota of the account does not allow what SageMaker was asked for
    ├── NameTooLong       a model's name does not fit SageMaker's 63 characters behind this stack's prefix
    ├── ReservedName      a model's name is one that we give to something else
    ├── EndpointRefused   a model answered a request with an error, or not in time
    ├── EndpointMissing   no endpoint of that name takes requests
    ├── RequestRefused    a request for predictions is answered with an error; says with which, and where it is wrong
    ├── ChannelFailed     a channel did not take a message; says whether trying again may help
    └── TransientError    trying again may help: raised out of the handler, so that Lambda's retry is the retry
        └── Conflict      somebody else changed the same state first

Anything else that escapes a handler is a bug. It, too, is retried by Lambda and then lands in the
dead-letter queue, whose alarm tells a person.
"""

from __future__ import annotations

from collections.abc import Sequence


class PerennialError(Exception):
    """The root of all failures that we foresee."""


class ConfigError(PerennialError):
    """model.yaml cannot be used."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class NameTooLong(PerennialError):
    """A SageMaker name would pass 63 characters."""


class ReservedName(PerennialError):
    """A model's name would be taken for something else of ours."""


class ChannelFailed(PerennialError):
    """A channel did not take a message. `retry_after`, in seconds, is what the channel asked us to wait."""

    def __init__(self, reason: str, *, transient: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.transient = transient
        self.retry_after = retry_after


class EndpointRefused(PerennialError):
    """A model answered a request with an error, or not in time."""


class EndpointMissing(PerennialError):
    """No endpoint of that name takes requests."""


class RequestRefused(PerennialError):
    """A request for predictions is answered with an error. `row` counts from 1; `retry_after` is in seconds."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        expected: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.row, self.column, self.expected = row, column, expected
        self.retry_after = retry_after


class NotAvailable(PerennialError):
    """The account does not have what was asked for."""


class QuotaReached(PerennialError):
    """A quota of the account, which AWS's words name, does not allow what SageMaker was asked for: a person has to act."""

    def __init__(self, wanted: str, words: str) -> None:
        super().__init__(f"SageMaker refused {wanted}: {words}")
        self.wanted = wanted


class TransientError(PerennialError):
    """Trying again may help."""


class Conflict(TransientError):
    """Somebody else changed the same state first."""
