"""What is told of a run: how far it has come, and how it ended; and the counts from which that is said."""

from __future__ import annotations

import time
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from domain.events import AGENT_BORN, AGENT_DIED, GOODS_TRADED, WORDS_SPOKEN, EventBatch

_COUNTED = {"trades": GOODS_TRADED, "births": AGENT_BORN, "deaths": AGENT_DIED, "utterances": WORDS_SPOKEN}


@dataclass(frozen=True)
class Progress:
    """How far a run has come; never says more than is durable."""

    tick: int
    target: int
    durable_tick: int
    ticks_per_s: float
    p50_ms: float
    p99_ms: float
    events: int
    events_per_s: float
    population: int
    figures: dict[str, float | int | None]


@dataclass(frozen=True)
class Summary:
    """How a run ended; `as_dict` is the contract of `polis run --json`."""

    run: int
    name: str
    agents: int
    ticks: int
    seed: int
    head_tick: int
    head_hash: str
    events: int
    events_per_s: float
    status: str
    tick_ms: dict[str, float]
    peak_rss_mb: float
    pss_all_mb: float
    resumed: bool
    durability: str
    threads_used: int
    database_waited_s: float
    reconnections: int
    snapshots: int
    snapshots_failed: int
    late_inputs: int
    figures: dict[str, float | int | None]
    problem: str | None = None
    paused_because: str | None = None
    interventions_refused: list[dict[str, Any]] = field(default_factory=list)
    thinking: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values; what thinking counted stands beside the rest."""
        values = dict(self.__dict__)
        return values | values.pop("thinking")


@dataclass
class Clock:
    """What is measured and counted while a run goes on; nothing of it enters history."""

    began: float = field(default_factory=time.perf_counter)
    tick_ms: array[float] = field(default_factory=lambda: array("d"))
    ticks: int = 0
    events: int = 0
    counted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    unsettled: deque[tuple[int, int, list[int]]] = field(default_factory=deque)  # of ticks that may yet be given up

    def count(self, tick: int, durable: int, events: EventBatch) -> None:
        """Count a tick; those above the durable mark so that they can be taken back."""
        kinds = np.bincount(events.records["kind"], minlength=32)
        self._add(1, len(events), counts := [int(kinds[kind.number]) for kind in _COUNTED.values()])
        self.unsettled.append((tick, len(events), counts))
        while self.unsettled and self.unsettled[0][0] <= durable:
            self.unsettled.popleft()

    def take_back_above(self, tick: int) -> None:
        """Forget ticks that were decided, not committed, and will be decided again."""
        while self.unsettled and self.unsettled[-1][0] > tick:
            _, events, counts = self.unsettled.pop()
            self._add(-1, -events, [-count for count in counts])

    def _add(self, ticks: int, events: int, counts: list[int]) -> None:
        self.ticks += ticks
        self.events += events
        for name, count in zip(_COUNTED, counts, strict=True):
            self.counted[name] += count

    def percentiles(self) -> dict[str, float]:
        """Return the median, the 99th percentile and the most that a tick took, in milliseconds; 0 before the first."""
        if not self.tick_ms:
            return {"p50": 0.0, "p99": 0.0, "max": 0.0}
        ms = np.array(self.tick_ms)
        p50, p99 = np.percentile(ms, [50, 99])
        return {"p50": round(float(p50), 3), "p99": round(float(p99), 3), "max": round(float(ms.max()), 3)}


__all__ = ["Clock", "Progress", "Summary"]
