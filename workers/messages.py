"""What may stand in a message, checked on the side that receives it.

A message is JSON from a broker that others can reach: nothing in it is believed. A field too many is refused
like a field too few, since it means that sender and worker are of different releases.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.errors import BadMessage

THINK, PROJECT, PING = "minds.think", "memory.project", "polis.ping"
BYTES_MAX = 64 << 10  # a percept with every list full is 6 KB
TIMEOUT_S_MAX = 600.0

# The most urgent first: somebody at a terminal, then what the barrier waits for soonest. 0 is first in Redis.
PRIORITIES = {"interview": 0, "intention": 3, "reflection": 6}
PRIORITY_STEPS = (0, 3, 6, 9)

Whole = Annotated[int, Field(ge=0, lt=2**31)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ThinkSettings(BaseModel):
    """How a request is carried out; a later release may add to it without breaking an older worker."""

    model_config = ConfigDict(extra="allow", frozen=True)

    timeout_s: float = Field(default=30.0, gt=0, le=TIMEOUT_S_MAX)


class ThinkRequest(_Message):
    """One request to think: what the runner asked for and what the agent perceives."""

    run: Whole
    asked_tick: Whole
    agent: Whole
    purpose: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]
    call: Annotated[int, Field(ge=0, le=1_000)]
    effect_tick: Whole
    asked_chain: Annotated[str, Field(pattern=r"^[0-9a-f]{0,128}$")]
    percept: dict[str, Any]
    engine: dict[str, Any]
    settings: ThinkSettings

    @property
    def key(self) -> str:
        """What makes two messages the same request."""
        return f"think:{self.run}:{self.asked_tick}:{self.agent}:{self.purpose}:{self.call}:{self.asked_chain[:16]}"


class ProjectRequest(_Message):
    """Bring the memories of a run into the index, up to a tick."""

    run: Whole
    through: Whole

    @property
    def key(self) -> str:
        """What makes two messages the same request."""
        return f"project:{self.run}:{self.through}"


class Ping(_Message):
    """Say that you are there."""

    reply: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


Message = ThinkRequest | ProjectRequest | Ping
_KINDS: dict[str, type[ThinkRequest] | type[ProjectRequest] | type[Ping]] = {
    THINK: ThinkRequest,
    PROJECT: ProjectRequest,
    PING: Ping,
}
TASKS = tuple(_KINDS)
Queue = Literal["minds", "memory", "assets", "runs"]
QUEUES: tuple[Queue, ...] = ("minds", "memory", "assets", "runs")


def think_request(message: object) -> ThinkRequest:
    """Return the request in a message; raise `BadMessage` saying what is wrong with it."""
    read = _read(THINK, message)
    assert isinstance(read, ThinkRequest)
    return read


def project_request(message: object) -> ProjectRequest:
    """Return the request in a message; raise `BadMessage` saying what is wrong with it."""
    read = _read(PROJECT, message)
    assert isinstance(read, ProjectRequest)
    return read


def ping(message: object) -> Ping:
    """Return the ping in a message; raise `BadMessage` saying what is wrong with it."""
    read = _read(PING, message)
    assert isinstance(read, Ping)
    return read


def _read(task: str, message: object) -> Message:
    try:
        size = len(json.dumps(message, allow_nan=False))
        if size > BYTES_MAX:
            raise BadMessage(task, f"it has {size:,} bytes, more than {BYTES_MAX:,}")
        return _KINDS[task].model_validate(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BadMessage(task, f"{where}: {first['msg']} ({error.error_count()} in all)") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise BadMessage(task, str(error)) from None
