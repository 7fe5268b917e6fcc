"""The memory index on Chroma: a projection that may be lost at any moment, and never tells less than it claims.

Chroma has no transactions, and it may be emptied or rebuilt while somebody adds. So all that is kept of a run stands
under a *scope*, a random word that its marker record names. Whoever clears a run takes the marker away first: what
stragglers still add then stands under a scope that nobody asks for.

====================== ==============================================================================
id                     record
====================== ==============================================================================
run:R                  marker: which scope is the run's
run:R:S                how far scope S is covered; written after what it covers
R.S:tick:ordinal       a memory; its text as document, its embedding
R.S:tick:ordinal:gone  mark: the run, a fork, forgot a memory of its ancestors
====================== ==============================================================================

Chroma finds records by a range of numbers only by looking at all that have the key. So each agent has keys of its
own, ``born@R.S:A`` and ``forgotten@R.S:A``, and a look-up touches that agent's memories alone: 8 ms among 40,000
memories, where filters on shared keys took 75. Candidates come by these filters and never by nearness: all of them
are scored, by `domain.recall`, so the approximate index that Chroma keeps beside is as small as it can be.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.errors import MemoryBehind, MemoryUnavailable
from domain.ports import Memory, Recalled
from domain.recall import Candidate, best
from infrastructure.chroma_http import Collection

FOR_EVER = 2**31 - 1
BATCH = 500
CANDIDATES_MAX = 64  # a run of the lineage: an agent has at most 40 memories that are not forgotten
IDS_MAX = 10_000  # that are looked up at once: SQLite, in which Chroma keeps them, takes 32,766
_ATTEMPTS = 3
_CONFIGURATION = {"hnsw": {"space": "l2", "max_neighbors": 4, "ef_construction": 8}}  # half the time of adding

Segment = tuple[int, int, int]


class Embeds(Protocol):
    """Who makes vectors of texts; see `infrastructure.embedder`."""

    @property
    def identity(self) -> str:
        """What tells vectors apart that can't be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.int8]:
        """Return one vector a text."""
        ...


class ChromaMemory:
    """Implements `domain.ports.MemoryIndex`. Threads and processes may share a collection.

    Parameters
    ----------
    url : callable, returns where Chroma answers, and starts it again if it is ours and gone
    store : str
        The identity of the event store: run numbers of another store mean other runs.
    embedder : Embeds

    Raises
    ------
    MemoryUnavailable
        By every method, if Chroma does not answer: it may pass.
    """

    def __init__(self, url: Callable[[], str], *, store: str, embedder: Embeds) -> None:
        self._embedder = embedder
        self._records = Collection(url, f"polis-{store}-{embedder.identity}", _CONFIGURATION)
        # By thread: what one has read of a run's coverage must not be added to a scope that another has seen since.
        self._seen = threading.local()
        self._covered: dict[str, int] = {}  # by scope, as last seen; retrieval looks again at what it relied on

    def add(self, run: int, memories: Sequence[Memory], *, through: int) -> None:
        """Take in memories; see `domain.ports.MemoryIndex.add`."""
        scope = self._scope(run) or self._begin(run)
        for start in range(0, len(memories), BATCH):
            some = memories[start : start + BATCH]
            self._records.add(self._as_records(run, scope, some))
        if through > self._read_covered(run, scope):
            record = {"run": run, "scope": scope, "through": through}
            self._records.upsert(_plain({_covered_id(run, scope): record}))

    def forget(self, run: int, ids_and_ticks: Sequence[tuple[str, int]]) -> None:
        """Mark memories as forgotten; see `domain.ports.MemoryIndex.forget`."""
        scope = self._scope(run) or self._begin(run)
        for start in range(0, len(ids_and_ticks), BATCH):
            ticks = {f"{scope}:{memory}": tick for memory, tick in ids_and_ticks[start : start + BATCH]}
            own = _by_id(self._records.get(ids=list(ticks)))
            marked = {
                id: {"forgotten": tick, _key("forgotten", scope, int(own[id]["agent"])): tick}
                for id, tick in ticks.items()
                if id in own
            }
            if marked:
                self._records.update(list(marked), list(marked.values()))
            inherited = {
                f"{id}:gone": {"run": run, "scope": scope, "forgotten": tick}
                for id, tick in ticks.items()
                if id not in own
            }
            if inherited:
                self._records.add(_plain(inherited))

    def covered(self, run: int) -> int:
        """Return the newest tick that is covered; see `domain.ports.MemoryIndex.covered`."""
        scope = self._scope(run, anew=True)
        return -1 if scope is None else self._read_covered(run, scope)

    def retrieve(self, lineage: Sequence[Segment], agent: int, *, tick: int, query: str, k: int) -> list[Recalled]:
        """Return the best memories; see `domain.ports.MemoryIndex.retrieve`.

        A query of no words is about nothing: the relevance of all is 0.
        """
        segments = [(run, first, min(last, tick)) for run, first, last in lineage if first <= tick]
        for _ in range(_ATTEMPTS):
            found = self._candidates(segments, agent)
            if found is not None:
                break
        else:
            raise MemoryUnavailable(f"what is kept of run {segments[-1][0]} is being made anew")
        if not query.strip():
            asked = np.zeros_like(found[0].embedding) if found else np.zeros(1, np.int8)
        else:
            asked = self._embedder.embed([query])[0]
        return best(found, asked, tick=tick, k=k)

    def drop(self, run: int) -> None:
        """Let go of a run; see `domain.ports.MemoryIndex.drop`."""
        self._records.delete([_marker_id(run)])
        while True:
            # A scope that was there before a marker was read, and is not the marker's, will never be a marker's again.
            found = _by_id(self._records.get(where=self._stale(run), limit=BATCH))
            scope = self._scope(run, anew=True)
            stale = [id for id, about in found.items() if about["scope"] != scope]
            if not stale:
                return
            self._records.delete(stale)

    def ping(self) -> None:
        """Ask for one record; raise `MemoryUnavailable` if nobody answers."""
        self._records.get(ids=["nothing"])

    def close(self) -> None:
        """Close connections."""
        self._records.close()

    # -- scopes and coverage -------------------------------------------------------------------------

    def _scope(self, run: int, *, anew: bool = False) -> str | None:
        """Return the scope of a run as this thread saw it last, or as it is now; None if there is none."""
        seen = self._scopes_seen()
        if anew or run not in seen:
            self._read_scopes([run])
        return seen.get(run)

    def _scopes_seen(self) -> dict[int, str]:
        if not hasattr(self._seen, "scopes"):
            self._seen.scopes = {}
        scopes: dict[int, str] = self._seen.scopes
        return scopes

    def _read_scopes(self, runs: Sequence[int]) -> None:
        found = _by_id(self._records.get(ids=[_marker_id(run) for run in runs]))
        seen = self._scopes_seen()
        for run in runs:
            seen.pop(run, None)
            if _marker_id(run) in found:
                seen[run] = str(found[_marker_id(run)]["scope"])

    def _begin(self, run: int) -> str:
        """Make a scope for a run that has none. Of two who do so at once the first wins, and both get that one."""
        self._records.add(_plain({_marker_id(run): {"run": run, "scope": f"{run}.{secrets.token_hex(6)}"}}))
        scope = self._scope(run, anew=True)
        if scope is None:
            raise MemoryUnavailable(f"what is kept of run {run} is being made anew")
        return scope

    def _read_covered(self, run: int, scope: str) -> int:
        found = _by_id(self._records.get(ids=[_covered_id(run, scope)]))
        through = int(found[_covered_id(run, scope)]["through"]) if found else -1
        self._covered[scope] = max(through, self._covered.get(scope, -1))
        return through

    def _stale(self, run: int) -> dict[str, Any]:
        scope = self._scope(run, anew=True)
        return {"run": run} if scope is None else {"$and": [{"run": run}, {"scope": {"$ne": scope}}]}

    # -- candidates ----------------------------------------------------------------------------------

    def _candidates(self, segments: Sequence[Segment], agent: int) -> list[Candidate] | None:
        """Return what an agent remembers at the end of the last segment; None if a scope changed meanwhile.

        Raises
        ------
        MemoryBehind
        """
        runs = [run for run, _, _ in segments]
        if not all(run in self._scopes_seen() for run in runs):
            self._read_scopes(runs)
        scopes = dict(self._scopes_seen())
        for run, _, last in segments:
            scope = scopes.get(run)
            # First, since what is covered by the time of asking is what is sure to be found.
            if scope is None or (self._covered.get(scope, -1) < last and self._read_covered(run, scope) < last):
                self._scopes_seen().pop(run, None)
                raise MemoryBehind(run, last, -1 if scope is None else self._covered.get(scope, -1))
        # Of each ancestor come all that were not forgotten at the fork, since later runs mark what they forget.
        most = CANDIDATES_MAX * len(segments)
        found = self._records.get(
            where=_any([_alive(scopes[run], agent, last) for run, _, last in segments]),
            include=("metadatas", "documents", "embeddings"),
            limit=most + 1,
        )
        if len(found["ids"]) > most:
            raise MemoryUnavailable(f"agent {agent} has more than {most} memories, which can't be")
        later = {scopes[run]: runs[i + 1 :] for i, run in enumerate(runs)}
        born = [id.split(":", 1) for id in found["ids"]]
        marks = {f"{scopes[run]}:{memory}:gone": run for scope, memory in born for run in later[scope]}
        kept = {_covered_id(run, scopes[run]): last for run, _, last in segments}
        ids = [*marks, *kept, *(_marker_id(run) for run in runs)]  # markers last: a scope is taken away by them first
        after: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), IDS_MAX):
            after |= _by_id(self._records.get(ids=ids[start : start + IDS_MAX]))
        changed = any(after.get(_marker_id(run), {}).get("scope") != scopes[run] for run in runs)
        if changed or any(int(after.get(id, {}).get("through", -1)) < last for id, last in kept.items()):
            for run in runs:
                self._covered.pop(scopes[run], None)
            self._read_scopes(runs)
            return None
        until = {run: last for run, _, last in segments}
        gone = {id[: -len(":gone")].split(":", 1)[1] for id, run in marks.items()
                if id in after and int(after[id]["forgotten"]) <= until[run]}  # fmt: skip
        return [c for c in _parsed(found) if c.id not in gone]

    def _as_records(self, run: int, scope: str, memories: Sequence[Memory]) -> dict[str, Sequence[Any]]:
        embeddings = self._embedder.embed([m.text for m in memories])
        return {
            "ids": [f"{scope}:{m.id}" for m in memories],
            "embeddings": embeddings.tolist(),
            "documents": [m.text for m in memories],
            "metadatas": [_about(run, scope, m) for m in memories],
        }


def _about(run: int, scope: str, m: Memory) -> dict[str, int | str]:
    forgotten = FOR_EVER if m.forgotten is None else m.forgotten
    about: dict[str, int | str] = {
        "run": run, "scope": scope, "agent": m.agent, "born": m.born, "forgotten": forgotten,
        "importance": m.importance, "kind": m.kind,
        _key("born", scope, m.agent): m.born, _key("forgotten", scope, m.agent): forgotten,
    }  # fmt: skip
    return about | ({"cites": " ".join(m.cites)} if m.cites else {})


def _alive(scope: str, agent: int, tick: int) -> dict[str, Any]:
    """Return the filter for what an agent remembers of a scope at a tick."""
    born, forgotten = _key("born", scope, agent), _key("forgotten", scope, agent)
    return {"$and": [{born: {"$lte": tick}}, {forgotten: {"$gt": tick}}]}


def _any(filters: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return filters[0] if len(filters) == 1 else {"$or": list(filters)}


def _key(what: str, scope: str, agent: int) -> str:
    return f"{what}@{scope}:{agent}"


def _marker_id(run: int) -> str:
    return f"run:{run}"


def _covered_id(run: int, scope: str) -> str:
    return f"run:{run}:{scope}"


def _plain(records: dict[str, dict[str, Any]]) -> dict[str, Sequence[Any]]:
    """Return records that are about nothing: Chroma wants a vector and a text of each."""
    from infrastructure.embedder import DIMENSIONS

    nothing = [0.0] * DIMENSIONS
    return {
        "ids": list(records),
        "embeddings": [nothing] * len(records),
        "documents": [""] * len(records),
        "metadatas": list(records.values()),
    }


def _by_id(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(zip(found["ids"], found["metadatas"] or [], strict=False))


def _parsed(found: dict[str, Any]) -> Iterator[Candidate]:
    columns = (found[name] or [] for name in ("metadatas", "documents", "embeddings"))
    for id, about, text, embedding in zip(found["ids"], *columns, strict=False):
        if embedding is None or text is None:
            raise MemoryUnavailable(f"Chroma lost the vector of {id}: `polis memory rebuild` makes it anew")
        yield Candidate(
            id=str(id).split(":", 1)[1],
            born=int(about["born"]),
            importance=int(about["importance"]),
            kind=str(about["kind"]),
            text=str(text),
            embedding=np.rint(np.array(embedding)).astype(np.int8),
        )
