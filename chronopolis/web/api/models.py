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
    """A run and where it stands; of a damaged one null is what can't be told."""

    run: int
    name: str
    status: str = Field(description="running, paused, complete, degraded or failed; or damaged")
    head_tick: int | None = Field(description="the newest tick, -1 before the first")
    head_hash: str | None = Field(description="chain hash of the newest tick, in hex")
    target: int | None
    agents: int | None
    seed: int
    mind: str | None
    parent: int | None
    fork_tick: int | None
    created_at: str
    damage: str | None = Field(
        description="of a damaged run: what somebody changed, so that it can't be told where it stands"
    )


class Stretch(BaseModel):
    """Ticks that a run reads from one recording."""

    run: int
    first: int
    last: int | None = Field(description="null: up to its newest")


class RunDetail(RunBrief):
    """A run in full."""

    parent_name: str | None = Field(description="the name of `parent`")
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
    figures: dict[str, float | None] = Field(description="means over the living are null where nobody lives")
    agents: list[dict[str, Any]]


class Density(BaseModel):
    """How many events there are, bin by bin."""

    first: int
    last: int = Field(description="the last tick that is counted: no tick beyond the head")
    width: int = Field(description="ticks in a bin; the last one may have fewer")
    events: list[int]


class ForkMark(BaseModel):
    """Where a run was forked."""

    tick: int
    run: int
    name: str


class InterventionMark(BaseModel):
    """Who changed the world from outside."""

    tick: int = Field(description="at which it takes effect")
    agent: int = Field(description="-1: nobody in particular")
    by: str
    why: str
    what: dict[str, Any]
    asked_tick: int
    call: int


class Marks(BaseModel):
    """What is marked on the line of time of a run."""

    forks: list[ForkMark]
    interventions: list[InterventionMark]
    snapshots: list[int]


class EventsAnswer(BaseModel):
    """A page of events, in order."""

    events: list[dict[str, Any]] = Field(description="as docs/events.md has them: tick, ordinal, kind and its fields")
    next: str | None = Field(
        description="give it as `after` for the next page, which may be there though this is empty"
    )


class AgentAnswer(BaseModel):
    """An agent at a tick."""

    model_config = ConfigDict(extra="allow")

    run: int
    name: str | None
    tick: int
    agent: int
    alive: bool
    state_hash: str


class Series(BaseModel):
    """Values over time, down-sampled."""

    first: int
    last: int
    width: int = Field(description="ticks in a bin")
    ticks: list[int] = Field(description="the last tick of each bin")
    series: dict[str, list[int | float | None]] = Field(
        description="fractions, such as shares and means, as they are; else integers, milli-units where `about` says so"
    )
    about: dict[str, dict[str, Any]] = Field(default={}, description="unit and meaning of each series")


class AgentSeries(Series):
    """Values of an agent over time, down-sampled, and its life to the tick."""

    came: int = Field(description="the tick at which it joined or was born")
    died: int | None = Field(description="the tick at which it died; null if it is alive at `last`")


class ThoughtsAnswer(BaseModel):
    """A page of thoughts, in order of asking."""

    thoughts: list[dict[str, Any]]
    next: str | None


class ConversationsAnswer(BaseModel):
    """Conversations, in the order in which they were opened."""

    conversations: list[dict[str, Any]]
    next: str | None


class MemoriesAnswer(BaseModel):
    """What an agent remembers at a tick, the oldest first."""

    tick: int
    agent: int
    memories: list[dict[str, Any]]


class PauseAnswer(BaseModel):
    """Who was asked to pause a run."""

    run: int
    name: str
    head_tick: int
    status: str = Field(description="how the run stands now: one that somebody else writes pauses after its next ticks")
    asked: str = Field(description="whom: the process that this server started, or the run's writer, by the store")


class WhereAnswer(BaseModel):
    """Where something holds."""

    tick: int | None = Field(description="null: nowhere in these ticks")
    expression: str | None
    first: int
    last: int


class Freely(BaseModel):
    """An answer whose shape is that of the command of the same name with --json."""

    model_config = ConfigDict(extra="allow")


class Wanted(BaseModel):
    """What is asked for in a body: of the types that are named, since true is no tick."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ForkWanted(Wanted):
    """What a fork is to be."""

    at: int = Field(ge=0, le=2**31 - 1, description="the last tick that both share")
    name: str | None = Field(None, max_length=63)
    set: dict[str, int | str] = Field(
        {}, max_length=64, description="constants of the scenario that are other from then on"
    )
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    interventions: list[dict[str, Any]] = Field([], max_length=100)
    by: str = Field("", max_length=400)
    why: str = Field("", max_length=400)
    ticks: int | None = Field(None, ge=0, le=2_000_000_000, description="how far beyond the fork it is to go")
    run_on: bool = Field(False, description="whether to go on with it at once, as /continue does")


class InterventionWanted(Wanted):
    """How the world is to be changed from outside, at a tick that has not begun."""

    agent: int | str | None = Field(None, description="id or name; null if it concerns the world")
    at: int | None = Field(None, ge=1, le=2**31 - 1, description="tick of effect; soon if left out")
    by: str = Field("", max_length=400)
    why: str = Field("", max_length=400)
    endow: dict[str, int] | None = Field(None, max_length=16)
    news: str | None = Field(None, max_length=400)
    rest: bool | None = None
    add: dict[str, int] | None = Field(None, max_length=8)
    remove: bool | None = None
    stock: dict[str, Any] | None = Field(None, max_length=8)


class ContinueWanted(Wanted):
    """How far a run is to go on."""

    ticks: int = Field(ge=1, le=1_000_000_000, description="beyond its newest tick")
    break_at: str | None = Field(
        None, alias="break", min_length=1, max_length=1000, description="an expression: pause where it becomes true"
    )
    pace_ms: float | None = Field(None, ge=0.001, le=60_000, description="from tick to tick; none: as fast as it goes")


class Continuing(BaseModel):
    """A process that goes on with a run."""

    run: int
    name: str
    from_tick: int
    target: int
    pid: int
    state: str
    exit_code: int | None
    problem: str | None
    paused: dict[str, Any] | None = Field(description='{"at", "because"} once it has paused at a breakpoint')
