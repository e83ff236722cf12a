"""What can go wrong, as a tree; built-in exceptions mean a bug.

ContainerError
├── TrainingError             data or hyperparameters do not allow a training: goes to `failure`
├── AnalysisError             settings or baseline do not allow an analysis: goes to `failure` and `message`
├── SchemaError               schema.json does not have the agreed shape
├── TrainingInterruptedError  SIGTERM arrived: progress is in the checkpoint folder
├── PrivilegeError            root cannot be given up
├── ArtefactError             a model's files are missing, damaged or of another kind
├── CellError                 one cell is not of its feature's type
└── RequestError              a request cannot be answered: HTTP status, code, place
"""


class ContainerError(Exception):
    """Base of all failures the container reports in words."""


class TrainingError(ContainerError):
    """The training cannot go on; the message says what, where, and what to do."""


class AnalysisError(ContainerError):
    """The analysis cannot go on; the message says what, where, and what to do."""


class SchemaError(ContainerError):
    """schema.json does not have the agreed shape."""


class TrainingInterruptedError(ContainerError):
    """The training was asked to stop before it ended."""


class PrivilegeError(ContainerError):
    """The container was started as root and cannot become its own user."""


class ArtefactError(ContainerError):
    """A model artefact cannot be used; the message is the reason shown by /ping."""


class CellError(ContainerError):
    """A cell is not of its feature's type; `expected` names the type in words."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"expected {expected}")
        self.expected = expected


class RequestError(ContainerError):
    """A request that cannot be answered; `line` counts from 1, `column` is a feature's name."""

    def __init__(
        self, status: int, code: str, message: str, *, line: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.line = line
        self.column = column
