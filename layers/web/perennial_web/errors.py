"""Every error has the same shape: a code for programs, a message for people."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from perennial.errors import RequestRefused, TransientError
from perennial_web.answers import Failure, Problem

logger = logging.getLogger(__name__)
RESPONSES: dict[int | str, dict[str, Any]] = {
    404: {"model": Failure},
    409: {"model": Failure},
    422: {"model": Failure},
    503: {"model": Failure},
}
_CODES = {404: "not_found", 405: "method_not_allowed"}


class Refused(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def install(app: FastAPI) -> None:
    """Let the app answer every failure in our shape."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return _answer(error.status, error.code, str(error))

    @app.exception_handler(RequestRefused)
    async def request_refused(_: Request, error: RequestRefused) -> JSONResponse:
        problem = Problem(
            code=error.code, message=str(error), row=error.row, column=error.column, expected=error.expected
        )
        headers = {"retry-after": str(error.retry_after)} if error.retry_after else None
        return _respond(error.status, problem, headers)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return _answer(error.status_code, _CODES.get(error.status_code, "refused"), str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return _answer(422, "invalid_request", "; ".join(problems))

    @app.exception_handler(TransientError)
    async def transient(_: Request, error: TransientError) -> JSONResponse:
        return _answer(503, "try_again", str(error))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(500, "internal_error", "this is a mistake of ours; the function's log has the details")


def _answer(status: int, code: str, message: str) -> JSONResponse:
    return _respond(status, Problem(code=code, message=message))


def _respond(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = Failure(error=problem).model_dump(exclude_none=True)
    return JSONResponse(body, status_code=status, headers=headers)
