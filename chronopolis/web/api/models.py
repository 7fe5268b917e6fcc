"""What the API answers, as its description has it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Health(BaseModel):
    """The server is ready."""

    ok: bool
    release: str
    uptime_s: float


class RunBrief(BaseModel):
    """A run and where it stands."""

    run: int
    name: str
    status: str = Field(description="running, paused, complete, degraded or failed")
    head_tick: int = Field(description="the newest tick, -1 before the first")
    head_hash: str | None = Field(description="chain hash of the newest tick, in hex")
    target: int
    agents: int
    seed: int
    mind: str
    parent: int | None
    fork_tick: int | None
    created_at: str


class Stretch(BaseModel):
    """Ticks that a run reads from one recording."""

    run: int
    first: int
    last: int | None = Field(description="null: up to its newest")


class RunDetail(RunBrief):
    """A run in full."""

    version: str = Field(description="give it as `v` to frames and terrain, and their answers may be kept for ever")
    configuration: dict[str, Any]
    genesis_hash: str
    state_hash: str | None
    engines: dict[str, Any]
    lineage: list[Stretch]
    children: list[RunBrief]
    holder: str | None
    problem: str | None
    events: int
    snapshots: int
    late_inputs: int
    continuing: dict[str, Any] | None = Field(None, description="the process that this server started to go on with it")


class StateAnswer(BaseModel):
    """The state of the world at a tick."""

    model_config = ConfigDict(extra="allow")

    run: int
    name: str
    tick: int
    state_hash: str
    areas: dict[str, str]
    population: int
    born_and_arrived: int
    figures: dict[str, float]
    agents: list[dict[str, Any]]
