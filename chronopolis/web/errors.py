"""The server's own errors, and which status every error of ours is answered with.

::

    PolisError
    └── FrontDoorError
        ├── NotBuilt        this release lacks the part that would answer
        ├── Superseded      so many newer requests came for the same run that this one was dropped
        ├── Busy            more requests wait than the server keeps
        ├── TookTooLong     the database or a search did not answer in time
        ├── NoSuchPage      a path that is nobody's
        ├── NothingRuns     nobody writes the run that was to pause
        ├── ChildFailed     a process that was to go on with a run could not
        └── PortTaken       the port to serve on is somebody else's
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from chronopolis.driver_errors import is_refusal, words_of
from chronopolis.errors import FrontDoorError
from domain.errors import PolisError

log = logging.getLogger("chronopolis.web")


class NotBuilt(FrontDoorError):
    """The part that would answer is not in this release."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"this release can't {self.what} yet"


class Superseded(FrontDoorError):
    """So many newer requests came for the same run that this one was dropped."""

    def __str__(self) -> str:
        return "newer requests for this run came first; ask again if it is still wanted"


class Busy(FrontDoorError):
    """More requests wait than the server keeps."""

    def __str__(self) -> str:
        return "the server has more to do than it can keep in mind; ask again in a moment"


class TookTooLong(FrontDoorError):
    """The database, or a search, did not answer in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"no answer within {self.seconds:g} s: the database is paused or overloaded, or too much was asked for"


class NoSuchPage(FrontDoorError):
    """A path that is nobody's."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"there is nothing at {self.path}; /api/docs lists what there is"


class ChildFailed(FrontDoorError):
    """A process that was to go on with a run could not."""

    def __init__(self, run: str, because: str) -> None:
        super().__init__(run, because)
        self.run, self.because = run, because

    def __str__(self) -> str:
        return f"run {self.run} could not be gone on with: {self.because}"


class NothingRuns(FrontDoorError):
    """Nobody writes the run that was to pause."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self.run = run

    def __str__(self) -> str:
        return f"run {self.run} is not running, so there is nothing to pause"


class PortTaken(FrontDoorError):
    """The port to serve on is somebody else's."""

    def __init__(self, host: str, port: int, because: str) -> None:
        super().__init__(host, port, because)
        self.host, self.port, self.because = host, port, because

    def __str__(self) -> str:
        return f"can't serve on {self.host} port {self.port}: {self.because}\nGive another --port, or 0 for a free one."


class Fault(BaseModel):
    """What went wrong, in words that say what to do."""

    type: str
    message: str


class Problem(BaseModel):
    """The body of every answer that is not a success."""

    error: Fault


_STATUS = {
    "UnknownRun": 404, "RunDropped": 404, "UnknownAgent": 404, "UnknownEvent": 404, "NothingFound": 404,
    "BeyondHead": 404, "NoTicksYet": 404, "NoSuchPage": 404,
    "RunExists": 409, "RunIsHeld": 409, "LeaseLost": 409, "TicksLost": 409, "TickHasBegun": 409, "OtherRules": 409,
    "ChildFailed": 409, "NothingRuns": 409,
    "Superseded": 429, "NotBuilt": 501, "CorruptHistory": 500,
    "StoreUnavailable": 503, "TakesNoWrites": 503, "NoConnectionLeft": 503, "Busy": 503, "TookTooLong": 503,
    "EngineUnavailable": 503, "EngineTimedOut": 503, "MemoryUnavailable": 503, "MemoryBehind": 503,
}  # fmt: skip
_MAY_BE_HEALED = ("StoreUnavailable", "DatabaseUnreachable")


def built(module: str, what: str) -> Any:
    """Return a module that this release may lack.

    Raises
    ------
    NotBuilt
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and module.startswith(error.name):
            raise NotBuilt(what) from None
        raise


def status_of(error: BaseException) -> int:
    """Return the HTTP status that an error is answered with; 500 for a mistake of ours."""
    if isinstance(error, PolisError):
        name, package = type(error).__name__, type(error).__module__.partition(".")[0]
        # What the environment refuses may pass; what is left was asked for in a way that can't be answered.
        return _STATUS.get(name, 503 if package == "infrastructure" else 422)
    return 503 if is_refusal(error) else 500


def problem(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that tells of an error."""
    body = json.dumps({"error": {"type": kind, "message": message}}, ensure_ascii=False)
    given = dict(headers or {}) | {"Cache-Control": "no-store"}
    if status in (429, 503):
        given.setdefault("Retry-After", "1")
    return Response(body.encode("utf-8", "replace"), status, given, "application/json")


def problem_of(error: BaseException) -> Response:
    """Return the answer that tells of any error; what is our own mistake is named, and logged, without a trace."""
    status, name = status_of(error), type(error).__name__
    if status != 500 or isinstance(error, PolisError):
        kind = name if isinstance(error, PolisError) else "StoreUnavailable"
        return problem(status, kind, words_of(error) or name)
    log.error("%s: %s", name, error, exc_info=error if os.environ.get("POLIS_DEBUG") else None)
    return problem(500, name, "this is a mistake of ours; the history of every run is intact")


def _wrong(request: Request, error: Mapping[str, Any]) -> str:
    """Return what is wrong with a value that was sent; of a key that is not known, which there are."""
    where, *path = error["loc"]
    if error["type"] == "extra_forbidden" and where == "body" and len(path) == 1:
        body = request.scope["route"].body_field.field_info.annotation
        known = ", ".join(field.alias or name for name, field in body.model_fields.items())
        return f"{request.url.path.rpartition('/')[2]}: {path[0]} is not known; there are {known}"
    if where == "body" and error["type"] == "json_invalid":
        return f"the body is not JSON: {error['ctx']['error']}, at character {path[0]}"
    if where == "body" and not path and error["type"] == "missing":
        return "the body is empty: it has to be a JSON object"
    if where == "body" and not path and isinstance(error["input"], bytes):  # handed on as it came
        kind = request.headers.get("content-type")
        came = f"as {kind}" if kind else "without any"
        return f"the body is read with `Content-Type: application/json` alone; this one came {came}"
    return f"{'.'.join(map(str, path)) or where}: {error['msg']}"


def install(app: FastAPI) -> None:
    """Have every error of an app answered as `Problem`."""

    async def ours(request: Request, error: Exception) -> Response:
        if type(error).__name__ in _MAY_BE_HEALED:
            request.app.state.services.heal()
        return problem_of(error)

    async def wrong(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem(422, "InvalidRequest", "; ".join(_wrong(request, each) for each in error.errors()[:5]))

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return problem_of(NoSuchPage(request.url.path))
        if error.status_code == 400 and error.__cause__ is not None:  # a body that could not be taken apart
            because = "it is not UTF-8" if isinstance(error.__cause__, UnicodeError) else "it is nested too deeply"
            return problem(422, "InvalidRequest", f"the body is not JSON: {because}")
        kind = {405: "MethodNotAllowed", 413: "BodyTooLarge"}.get(error.status_code, "Refused")
        return problem(error.status_code, kind, str(error.detail), error.headers)

    app.add_exception_handler(PolisError, ours)
    app.add_exception_handler(RequestValidationError, wrong)
    app.add_exception_handler(HTTPException, refused)
