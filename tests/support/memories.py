"""Memories for tests: an index in memory, a Chroma a session, and runs whose agents remember and forget."""

from __future__ import annotations

import itertools
import random
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from domain import events as ev
from domain.advance import Header
from domain.columns import AREAS
from domain.configuration import Configuration
from domain.errors import MemoryBehind
from domain.events import EventBatch
from domain.memories import KINDS_OF_MEMORY
from domain.ports import EventStore, Memory, MemoryIndex, Recalled, Run
from domain.recall import Candidate, best
from infrastructure.chroma_memory import ChromaMemory, Embeds
from infrastructure.chroma_server import EmbeddedChroma
from infrastructure.embedder import Embedder
from tests.support.histories import batch_of, event

FOR_EVER = 2**31 - 1
AGENTS = 4
SLOTS = 6
_NUMBERS = itertools.count()


class MemoryIndexInMemory:
    """The same promises as Chroma's, by the shortest way there is."""

    def __init__(self, embedder: Embeds) -> None:
        self.embedder = embedder
        self._lock = threading.Lock()
        self._memories: dict[int, dict[str, Memory]] = {}
        self._gone: dict[int, dict[str, int]] = {}
        self._through: dict[int, int] = {}

    def add(self, run: int, memories: Sequence[Memory], *, through: int) -> None:
        with self._lock:
            kept = self._memories.setdefault(run, {})
            for memory in memories:
                kept.setdefault(memory.id, memory)
            self._through[run] = max(through, self._through.get(run, -1))

    def forget(self, run: int, ids_and_ticks: Sequence[tuple[str, int]]) -> None:
        with self._lock:
            self._gone.setdefault(run, {}).update(ids_and_ticks)

    def covered(self, run: int) -> int:
        return self._through.get(run, -1)

    def retrieve(
        self, lineage: Sequence[tuple[int, int, int]], agent: int, *, tick: int, query: str, k: int
    ) -> list[Recalled]:
        alive: dict[str, Memory] = {}
        for run, first, last in lineage:
            if first > tick:
                continue
            until = min(last, tick)
            if self.covered(run) < until:
                raise MemoryBehind(run, until, self.covered(run))
            alive |= {m.id: m for m in self._memories.get(run, {}).values() if m.agent == agent and m.born <= until
                      and (m.forgotten is None or m.forgotten > until)}  # fmt: skip
            gone = {id for id, at in self._gone.get(run, {}).items() if at <= until}
            alive = {id: m for id, m in alive.items() if id not in gone}
        return best([self._candidate(m) for m in alive.values()], self._asked(query), tick=tick, k=k)

    def drop(self, run: int) -> None:
        with self._lock:
            for kept in (self._memories, self._gone, self._through):
                kept.pop(run, None)  # type: ignore[attr-defined]

    def _asked(self, query: str) -> np.ndarray:
        vector = self.embedder.embed([query or "nothing"])[0]
        return vector if query else np.zeros_like(vector)

    def _candidate(self, m: Memory) -> Candidate:
        return Candidate(m.id, m.born, m.importance, m.kind, m.text, self.embedder.embed([m.text])[0])


# -- servers ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The real one; loaded at the first text."""
    return Embedder()


@pytest.fixture(scope="session")
def chroma() -> Iterator[EmbeddedChroma]:
    """The session's Chroma, in a short temporary folder that goes with it."""
    home = Path(tempfile.mkdtemp(prefix="polis-c-"))
    try:
        with EmbeddedChroma(home) as server:
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


def index_on(server: EmbeddedChroma, embedder: Embeds, store: str | None = None) -> ChromaMemory:
    """Return an index on a server, which it starts again when it is gone; by default one of its own, empty."""

    def url() -> str:
        server.ensure_running()
        return server.url

    return ChromaMemory(url, store=f"test{next(_NUMBERS)}" if store is None else store, embedder=embedder)


@pytest.fixture
def chroma_index(chroma: EmbeddedChroma, embedder: Embedder) -> Iterator[ChromaMemory]:
    """An empty index on Chroma."""
    index = index_on(chroma, embedder)
    yield index
    index.close()


@pytest.fixture(params=["memory", "chroma"])
def index(request: pytest.FixtureRequest, embedder: Embedder) -> MemoryIndex:
    """Every implementation of the port in turn, empty."""
    if request.param == "memory":
        return MemoryIndexInMemory(embedder)
    found: MemoryIndex = request.getfixturevalue("chroma_index")
    return found


# -- runs ------------------------------------------------------------------------------------------


class Chronicle:
    """What agents of a run remember, told tick by tick: each forgets its oldest when it has `SLOTS`.

    Parameters
    ----------
    seed : of what happens
    parent, fork_tick : to go on from what another remembers at a tick
    """

    _THINGS = ("bread", "a storm", "the mine", "her child", "an old song", "wolves", "the market", "his debt")

    def __init__(self, seed: int, *, parent: Chronicle | None = None, fork_tick: int = -1) -> None:
        self._random = random.Random(seed)
        self.first = fork_tick + 1
        self.batches: list[EventBatch] = []
        self.told: list[Memory] = []
        """All that was ever remembered, with the tick from which it was not."""
        if parent is not None:
            self.told = [m for m in parent.at(fork_tick)]

    def at(self, tick: int, agent: int | None = None) -> list[Memory]:
        """Return what is remembered at a tick, as if nothing after it had happened."""
        from dataclasses import replace

        return [
            replace(m, forgotten=None)
            for m in self.told
            if m.born <= tick and (m.forgotten is None or m.forgotten > tick) and agent in (None, m.agent)
        ]

    def go_on(self, ticks: int) -> None:
        """Tell some ticks more."""
        from dataclasses import replace

        for tick in range(self.first + len(self.batches), self.first + len(self.batches) + ticks):
            told = []
            for agent in range(AGENTS):
                if tick == 0 or self._random.random() < 0.5:
                    continue
                live = [m for m in self.told if m.agent == agent and m.forgotten is None]
                if len(live) >= SLOTS:
                    oldest = min(live, key=lambda m: m.born)
                    self.told[self.told.index(oldest)] = replace(oldest, forgotten=tick)
                    kind = ev.kind_named("MemoryForgotten")
                    told.append(event(kind, agent=agent, payload={"memory": oldest.id}))
                kind_of_memory, importance = self._random.randrange(4), self._random.randrange(1_001)
                text = f"Bo {self._random.choice(('spoke of', 'lost', 'saw'))} {self._random.choice(self._THINGS)}."
                kind = ev.kind_named("MemoryFormed")
                named = {"agent": agent, "memory_kind": kind_of_memory, "importance": importance}
                self.told.append(
                    Memory(f"{tick}:{len(told)}", agent, tick, None, importance, KINDS_OF_MEMORY[kind_of_memory], text)
                )
                told.append(event(kind, payload={"text": text, "cites": []}, **named))
            self.batches.append(batch_of(tick, *(told or [event(ev.AGENT_RESTED, agent=0)])))

    def kept_in(self, store: EventStore, name: str, *, parent: Run | None = None, fork_tick: int | None = None) -> Run:
        """Store what was told as a run, under headers that nobody verifies."""
        made = store.create(
            name, seed=1, configuration=Configuration(agents=AGENTS), target=10**6, parent=parent, fork_tick=fork_tick
        )
        with store.writer(made, durability="group") as writer:
            for batch in self.batches:
                nothing = bytes(32)
                areas = (0,) * len(AREAS)
                writer.append(
                    batch, Header(int(batch.records["tick"][0]), len(batch), batch.hash(), nothing, nothing, areas)
                )
        return made

    def expected(self, embedder: Embeds, agent: int, *, tick: int, query: str, k: int) -> list[Recalled]:
        """Return what retrieval must give, by `domain.recall` alone."""
        candidates = [
            Candidate(m.id, m.born, m.importance, m.kind, m.text, embedder.embed([m.text])[0])
            for m in self.at(tick, agent)
        ]
        return best(candidates, embedder.embed([query])[0], tick=tick, k=k)


__all__ = [
    "AGENTS", "FOR_EVER", "SLOTS", "Chronicle", "MemoryIndexInMemory",
    "chroma", "chroma_index", "embedder", "index", "index_on",
]  # fmt: skip
