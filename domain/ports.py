"""Ports: what the domain needs from outside, named without saying who gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.advance import Header
from domain.configuration import HASHING_VERSION, RULES_VERSION, STATE_VERSION, Configuration
from domain.errors import BeyondHead, OtherRules
from domain.events import EventBatch
from domain.inputs import Input, InputKey, Inputs
from domain.state import World


@dataclass(frozen=True)
class Run:
    """What a run is made of; never changes.

    Attributes
    ----------
    id : its number in the store; in no event and no hash
    name : memorable and unique
    parent, fork_tick : the run whose history it reads up to that tick, if it is a fork
    """

    id: int
    name: str
    seed: int
    configuration: Configuration
    genesis_hash: bytes
    rules_version: int = RULES_VERSION
    state_version: int = STATE_VERSION
    hashing_version: int = HASHING_VERSION
    parent: int | None = None
    fork_tick: int | None = None
    engines: dict[str, Any] = field(default_factory=dict)
    created_at: str = ""

    @property
    def is_under_our_rules(self) -> bool:
        """Whether this release can decide further ticks of it, or of a fork of it."""
        return self._versions() == _our_versions()

    def require_our_rules(self) -> None:
        """Refuse to decide further ticks of a run that other rules made.

        Raises
        ------
        OtherRules
        """
        if not self.is_under_our_rules:
            names = ("rules {}, state {}, hashing {}".format(*v) for v in (self._versions(), _our_versions()))
            raise OtherRules(self.name, *names)

    def _versions(self) -> tuple[int, int, int]:
        return self.rules_version, self.state_version, self.hashing_version

    def require_range(self, first: int, last: int | None, *, head: Header | None) -> int:
        """Return the last of ticks first … last, the head if it is None; refuse those that there are not.

        Raises
        ------
        BeyondHead
            If one of the two has not happened, or the range ends before it begins.
        """
        newest = -1 if head is None else head.tick
        last = newest if last is None else last
        for tick in (first, last):
            if not 0 <= tick <= newest:
                raise BeyondHead(self.name, tick, newest)
        if first > last:
            raise BeyondHead(self.name, last, newest, first)
        return last


def _our_versions() -> tuple[int, int, int]:
    return RULES_VERSION, STATE_VERSION, HASHING_VERSION


@dataclass(frozen=True)
class Lease:
    """Where a run stands.

    Attributes
    ----------
    status : running, paused, complete, degraded or failed; "running" only while its writer lives
    target : the tick at which it is complete
    epoch : how often it was taken over
    holder : who writes it, for people
    problem : why it is degraded or failed
    """

    status: str
    target: int
    epoch: int
    holder: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class DamagedRun:
    """A run of which it can't be told where it stands: somebody changed what says so.

    Attributes
    ----------
    id, name, seed, parent, fork_tick, created_at : what its row says
    because : what is wrong, in a line that names the run
    """

    id: int
    name: str
    seed: int
    parent: int | None
    fork_tick: int | None
    created_at: str
    because: str


@dataclass(frozen=True)
class Headers:
    """Headers of consecutive ticks, as columns.

    Attributes
    ----------
    ticks, events : ndarray of int64, shape (n,)
    catalogues : ndarray of int64, shape (n,), version of the event definitions that wrote the tick
    events_hash, state_hash, chain_hash : lists of bytes
    areas : ndarray of uint64, shape (n, n_areas)
    """

    ticks: NDArray[np.int64]
    events: NDArray[np.int64]
    catalogues: NDArray[np.int64]
    events_hash: list[bytes]
    state_hash: list[bytes]
    chain_hash: list[bytes]
    areas: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.ticks)

    def at(self, position: int) -> Header:
        """Return one of them."""
        return Header(
            tick=int(self.ticks[position]),
            events=int(self.events[position]),
            events_hash=self.events_hash[position],
            state_hash=self.state_hash[position],
            chain_hash=self.chain_hash[position],
            areas=tuple(int(a) for a in self.areas[position]),
        )


@dataclass(frozen=True)
class Snapshot:
    """A folded state kept at a tick: a cache.

    Attributes
    ----------
    tick, state_hash : what it claims to be
    problem : why it can't be used; empty if `world` is good
    world : the state, or None
    """

    tick: int
    state_hash: bytes
    world: World | None
    problem: str = ""


class EventLookup(Protocol):
    """Finds single events of a run, lineage resolved, where a `HistoryReader` reads whole ticks."""

    def at(self, places: Sequence[tuple[int, int]]) -> EventBatch:
        """Return the stored events at these (tick, ordinal) in order; those that do not exist are left out."""
        ...

    def find(
        self,
        first: int,
        last: int,
        *,
        ticks: Sequence[int] = (),
        agents: Sequence[int] = (),
        kinds: Sequence[int] = (),
        causes: Sequence[int] = (),
        naming: Sequence[str] = (),
        parties: Sequence[int] = (),
        newest: int | None = None,
    ) -> EventBatch:
        """Return some stored events of ticks first … last in order; all conditions hold, an empty one says nothing.

        Parameters
        ----------
        ticks : few of these ticks, where only they are to be looked in
        agents, kinds : whose they are; numbers of kinds
        causes : packed addresses, one of which is the event's cause
        naming : addresses as "tick:ordinal", one of which the payload names
        parties : agents of whom it is one's own event, or one is its target
        newest : at most so many, the newest
        """
        ...


class HistoryReader(Protocol):
    """What replay needs: runs and their history, lineage resolved, never above the newest header."""

    def runs(self) -> list[tuple[Run, Lease, Header | None]]:
        """Return runs, oldest first, with where they stand and their newest header: all but those that are damaged."""
        ...

    def damaged_runs(self) -> list[DamagedRun]:
        """Return the runs that `runs` leaves out, oldest first; none unless somebody changed rows of the store."""
        ...

    def find(self, name: str) -> Run:
        """Return the run of that name, id, or unique beginning of a name; raise `UnknownRun` or `RunDropped`."""
        ...

    def lease(self, run: Run) -> Lease:
        """Return where a run stands."""
        ...

    def head(self, run: Run) -> Header | None:
        """Return the newest header, the parent's at the fork if the run has none of its own."""
        ...

    def headers(self, run: Run, first: int, last: int) -> Headers:
        """Return the headers of ticks first … last, as far as they exist."""
        ...

    def read(self, run: Run, first: int, last: int, *, headers: Headers | None = None) -> Iterator[EventBatch]:
        """Yield the stored events of ticks first … last in order, in batches that hold whole ticks.

        Whoever has the headers of these ticks gives them, so that they are not read again.
        """
        ...

    def selected(
        self,
        run: Run,
        first: int,
        last: int,
        *,
        agent: int | None = None,
        kinds: Sequence[int] = (),
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[EventBatch]:
        """Yield the stored events of ticks first … last, in order, that are an agent's own, of some kinds, or both.

        They are chosen as they are stored, up to the newest header, in batches that may be large. Nothing is counted.
        `on_progress` is told the tick up to which was looked, and the last one, also where nothing was found.
        """
        ...

    def lookup(self, run: Run) -> AbstractContextManager[EventLookup]:
        """Lend something that finds single events of a run, up to the head that it has now."""
        ...

    def lineage(self, run: Run) -> list[tuple[int, int, int]]:
        """Return (source run, first tick, last tick) of every stretch that a run reads, in the order of ticks."""
        ...

    def first_own_tick(self, run: Run) -> int | None:
        """Return the lowest tick that is recorded in a run itself, be it one that it reads or not; None if none is."""
        ...

    def stray_tick(self, run: Run) -> int | None:
        """Return the lowest tick above the newest header that has events; None unless history was changed."""
        ...

    def unlisted_tick(self, run: Run) -> int | None:
        """Return the first tick of events that lie where nobody would look; None unless history was changed."""
        ...

    def damaged_text(self, run: Run) -> tuple[int, str] | None:
        """Return the tick of the first input whose prompt or raw answer is not the text that was kept, and say so."""
        ...

    def snapshots(self, run: Run, last: int) -> Iterator[Snapshot]:
        """Yield the snapshots at ticks up to `last`, newest first, each checked against its own digest."""
        ...

    def snapshot_ticks(self, run: Run) -> list[int]:
        """Return the ticks that have a snapshot, rising."""
        ...

    def inputs(self, run: Run, effect_tick: int) -> Inputs:
        """Return the inputs that take effect at a tick."""
        ...

    def inputs_after(self, run: Run, tick: int, *, last: int = 2**31 - 1) -> dict[int, Inputs]:
        """Return all inputs that take effect after a tick, and by tick `last`, by that tick."""
        ...

    def interventions(self, run: Run) -> list[tuple[int, Input]]:
        """Return (source run, input) of all interventions that a run reads, in the order of effect and of keys."""
        ...


@dataclass(frozen=True)
class Block:
    """What a measure was in consecutive ticks of one run's own.

    Attributes
    ----------
    name, version : of the measure's definition
    first : the first tick
    amounts : ndarray of float64, one a tick; NaN where there is no value
    """

    name: str
    version: int
    first: int
    amounts: NDArray[np.float64]


class MeasureKeeper(Protocol):
    """Where measures are kept by blocks of ticks: a projection of events, which can be lost and made anew."""

    def measure_blocks(self, source: int, names: Sequence[str], first: int, last: int) -> list[Block]:
        """Return what is kept of a run's own ticks, of blocks that begin in ticks first … last, by tick."""
        ...

    def keep_measures(self, source: int, blocks: Sequence[Block]) -> None:
        """Keep blocks; one that is there stays unless it is of another version or holds fewer ticks."""
        ...

    def forget_measures(self, source: int) -> None:
        """Let go of all that is kept of a run's own ticks."""
        ...


class MeasuredHistory(HistoryReader, MeasureKeeper, Protocol):
    """History with its measures beside it."""


class Appender(Protocol):
    """The one writer of a run, fenced by its lease."""

    @property
    def figures(self) -> Any:
        """What was counted: reconnections, snapshots, problems."""
        ...

    @property
    def durable_tick(self) -> int:
        """The newest tick that is safe from any crash; -1 before tick 0."""
        ...

    @property
    def pause_tick(self) -> int:
        """The tick from which on somebody asks this writer to stop; beyond all ticks if nobody does."""
        ...

    @property
    def pause_because(self) -> str:
        """Why, in their words."""
        ...

    def begin(self, tick: int, *, inputs_used: int = 0) -> None:
        """Be told that a tick is being decided now, with so many inputs: the store may prepare for it."""
        ...

    def append(self, events: EventBatch, header: Header, *, inputs_used: int = 0) -> None:
        """Take a tick's events and header; in mode `tick`, return when they are durable.

        Raises
        ------
        LeaseLost
            If another runner took the run over: nothing was written.
        InputsChanged
            If the tick was decided with other inputs than are recorded for it now: nothing was written.
        TicksLost
            If the store was away and came back without ticks that were durable: nothing was written behind them.
        """
        ...

    def hurry(self) -> None:
        """Be told, by any thread, that the run is to stop: whoever is waited for is not waited for much longer."""
        ...

    def restart(self) -> None:
        """Forget what was appended and is not durable, after `InputsChanged`."""
        ...

    def set_status(self, status: str, *, problem: str | None = None) -> None:
        """Record how the run stands, if the lease is still ours; nothing is appended after."""
        ...

    def keep_snapshot(self, world: World) -> None:
        """Have a snapshot of this very state written once its tick is durable."""
        ...

    def flush(self) -> None:
        """Return when everything appended is durable."""
        ...


class EventStore(MeasuredHistory, Protocol):
    """A store that can also be written."""

    def create(
        self,
        name: str,
        *,
        seed: int,
        configuration: Configuration,
        target: int,
        parent: Run | None = None,
        fork_tick: int | None = None,
        engines: dict[str, Any] | None = None,
        inputs: Sequence[Input] = (),
    ) -> Run:
        """Make a run, or a fork of one, with inputs that it is to have from the beginning, or not at all.

        Raises
        ------
        RunExists, InvalidConfiguration, InvalidInput
        KeyTaken
            If an input of a fork has the key of one that its parent was given meanwhile.
        """
        ...

    def writer(
        self,
        run: Run,
        *,
        durability: str,
        target: int | None = None,
        take_over: bool = False,
        say: Callable[[str], None] | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> AbstractContextManager[Appender]:
        """Take the run's lease; raise `RunIsHeld`.

        `say` is told when the store goes away and comes back, `on_wait` again and again what else a tick waits for.
        """
        ...

    def deliberations(
        self, run: Run, *, agent: int | None = None, first: int = 0, last: int = 2**31 - 1
    ) -> list[dict[str, Any]]:
        """Return thoughts asked for in ticks first … last: key, effect tick, answer, prompt, raw answer and costs."""
        ...

    def late_inputs(self, run: Run) -> int:
        """Return how many answers were not used: not the first of their key, late, or for somebody who had died."""
        ...

    def count_late(self, run: Run, keys: Sequence[InputKey]) -> None:
        """Count answers that came to nothing because whoever asked was dead by then, each once."""
        ...

    def thoughts_through(self, run: Run, tick: int) -> tuple[int, dict[str, int]]:
        """Return how many answers were due by a tick, and how many refusals were, by their reason.

        Those to somebody who was dead by then are among them; they are among `last_thoughts`, too.
        """
        ...

    def last_thoughts(self, run: Run, tick: int) -> list[Input]:
        """Return answers due by a tick, and since whose asking nobody was asked again, in the order of effect.

        Whoever is asked lives: of all other answers it is known that somebody lived whom they were for.
        """
        ...

    def has_input(self, run: Run, key: InputKey) -> bool:
        """Return whether an input of that key is recorded."""
        ...

    def find_answer(self, run: Run, key: InputKey, asked_chain: bytes, *, engine: str) -> Input | None:
        """Return the first answer of that engine to the same question in the same past, in another run."""
        ...

    def request_pause(self, run: Run, *, tick: int, because: str) -> bool:
        """Ask whoever writes a run now to stop once a tick is reached; False if nobody does."""
        ...

    def record_input(self, run: Run, given: Input, *, asked_chain: bytes | None = None) -> bool:
        """Make an input durable; False if its key was there already (the first row wins, a later answer is counted).

        Nor do a run and its forks have interventions of the same key, as far as one of them reads both.

        Raises
        ------
        TickHasBegun
            If the tick at which it is to take effect is history already; an answer is counted all the same.
        """
        ...


@dataclass(frozen=True)
class Completion:
    """What an engine is asked.

    Attributes
    ----------
    messages : of role and content each
    schema : the JSON schema that the answer must follow; None: any text
    max_tokens : most tokens of the answer
    seed : for engines that draw; sent only where it is safe
    adapter : name of the LoRA adapter that must answer; None: the base model
    temperature_milli : 0 is greedy
    percept : what the messages were made of, for an engine that is no language model; it is sent nowhere
    """

    messages: tuple[dict[str, str], ...]
    schema: dict[str, Any] | None
    max_tokens: int
    seed: int
    adapter: str | None = None
    temperature_milli: int = 0
    percept: dict[str, Any] | None = None


@dataclass(frozen=True)
class Completed:
    """What an engine answered.

    Attributes
    ----------
    text : as it came; nobody has looked whether it follows the schema
    tokens_in, tokens_out : as the engine counted them
    latency_ms : from the call to the whole answer
    adapter : the one that answered, None for the base model
    engine : short text of which engine it was
    """

    text: str
    tokens_in: int
    tokens_out: int
    latency_ms: int
    adapter: str | None
    engine: str


class Engine(Protocol):
    """A language model behind some server.

    Attributes
    ----------
    identity : name, version, model, model_hash, adapters (name to hash), sampling
    """

    identity: dict[str, Any]

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        """Ask, and wait for the whole answer at most `timeout_s`. Threads may share one engine.

        Raises
        ------
        EngineUnavailable, EngineTimedOut
            These may pass.
        EngineRefused, EngineAnsweredNonsense
            These will not.
        """

    def close(self) -> None:
        """Let go of connections and servers; a second time does nothing."""


@dataclass(frozen=True)
class Memory:
    """What an agent remembers, as the event that formed it says.

    Attributes
    ----------
    id : "tick:ordinal" of that event
    agent : whose it is
    born : tick from which it is there
    forgotten : tick from which it is not, or None
    importance : milli-units in [0, 1000]
    kind : observation, conversation, reflection or plan
    text : in words
    cites : ids of the memories that it was drawn from
    """

    id: str
    agent: int
    born: int
    forgotten: int | None
    importance: int
    kind: str
    text: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recalled:
    """A memory that was found again.

    Attributes
    ----------
    id, text, born, kind : as in `Memory`
    score : micro-units: recency + importance + relevance, each 0 … 1,000,000 (see `domain.recall`)
    """

    id: str
    text: str
    born: int
    kind: str
    score: int


class MemoryIndex(Protocol):
    """Where memories are found again: a projection of events, which can be lost and made anew."""

    def add(self, run: int, memories: Sequence[Memory], *, through: int) -> None:
        """Take in memories of a run; then all that it formed up to tick `through` are in.

        A memory that is there already stays as it is, forgotten or not.
        """
        ...

    def forget(self, run: int, ids_and_ticks: Sequence[tuple[str, int]]) -> None:
        """Mark memories as forgotten by a run from these ticks on: its own, or those that it took over in a fork."""
        ...

    def covered(self, run: int) -> int:
        """Return the newest tick up to which all of the run's own memories and marks are in; -1 if none is."""
        ...

    def retrieve(
        self, lineage: Sequence[tuple[int, int, int]], agent: int, *, tick: int, query: str, k: int
    ) -> list[Recalled]:
        """Return the `k` memories of an agent that score best at a tick, best first; ties by id.

        Parameters
        ----------
        lineage : (source run, first tick, last tick) of every stretch that the run reads, in order
        agent, tick : whose memories, as of when: born by then and not forgotten by then
        query : what they should be about
        k : how many at most

        Raises
        ------
        MemoryBehind
            If not all memories up to that tick are in.
        """
        ...

    def drop(self, run: int) -> None:
        """Let go of all that is kept of a run."""
        ...
