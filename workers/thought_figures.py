"""What a run's thinking comes to: how many answers, refusals and words unsaid, counted once each, at the end of all.

A tick may be decided again until it is durable, so what it used is noted at once and counted then.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from domain.events import REFLECTION_MADE, THOUGHT_REFUSED, THOUGHT_TAKEN, EventBatch
from domain.inputs import INTERVENTION, Input, InputKey, Inputs
from domain.ports import EventStore, Run
from domain.state import World

_REFUSALS_TOLERATED, _ANSWERS_THAT_TELL = 0.2, 10
_REASON_MAX = 80
_LOOKED_FOR_AT_ONCE = 256
_TOLD_OF = (THOUGHT_TAKEN.number, THOUGHT_REFUSED.number, REFLECTION_MADE.number)
"""Events of which every thought that takes effect has one."""


@dataclass
class ThoughtFigures:
    """What thinking counted in this process; and what became of the run's thoughts before, for its problem."""

    thoughts: int = 0
    asked: int = 0
    reused: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unsaid: Counter[str] = field(default_factory=Counter)
    waited_s: float = 0.0
    waits: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    latency_ms: list[int] = field(default_factory=list)
    thoughts_before: int = 0
    reasons_before: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return the keys that `polis run --json` adds."""
        ms = np.array(self.latency_ms or [0])
        in_all = {"thoughts": self.thoughts_before + self.thoughts, "refused": self._reasons_in_all().total()}
        return {
            "thoughts": self.thoughts,
            "asked": self.asked,
            "reused": self.reused,
            "refused": self.refused,
            "refusals": dict(self.reasons.most_common(5)),
            "unsaid": dict(self.unsaid.most_common()),
            "latency_ms": {"mean": round(float(ms.mean()), 1), "p95": round(float(np.percentile(ms, 95)), 1)},
            "waited_s": round(self.waited_s, 3),
            "tokens": {"in": self.tokens_in, "out": self.tokens_out},
            "in_all": in_all,
        }

    def before(self, store: EventStore, run: Run, world: World) -> None:
        """Take up what became of the run's thoughts before this process, but for answers to the dead.

        Parameters
        ----------
        world : World, at the head of the run
        """
        self.thoughts_before, reasons = store.thoughts_through(run, world.tick)
        self.reasons_before = Counter()
        for reason, many in reasons.items():
            self.reasons_before[reason[:_REASON_MAX]] += many
        for given in _to_the_dead(store, run, world):
            if "refused" in given.answer:
                self.reasons_before[str(given.answer["refused"])[:_REASON_MAX]] -= 1
            else:
                self.thoughts_before -= 1

    def problem(self) -> str | None:
        """Return why a society whose minds answer so seldom has not simply completed; None if all is well.

        The run's whole history is looked at: whoever goes on with it in many short pieces is told the same.
        """
        reasons = self._reasons_in_all()
        refused = reasons.total()
        answers = self.thoughts_before + self.thoughts + refused
        mostly = max(reasons, key=lambda reason: reasons[reason], default="no reason given")
        if refused and refused == answers:
            them = "its only thought was not" if answers == 1 else f"none of {answers} thoughts was"
            return f"{them} answered: {mostly}"
        if answers >= _ANSWERS_THAT_TELL and refused > _REFUSALS_TOLERATED * answers:
            return f"{refused} of {answers} thoughts were refused: {mostly}"
        return None

    def count(self, given: Input) -> None:
        """Count an answer that took effect; one that was reused took neither time nor tokens here."""
        about = given.about if given.about.get("reused_from") is None else {}  # nobody was asked for it in this run
        self.tokens_in += about.get("tokens_in") or 0
        self.tokens_out += about.get("tokens_out") or 0
        if "refused" in given.answer:
            self.refused += 1
            self.reasons[str(given.answer["refused"])[:_REASON_MAX]] += 1
            return
        self.thoughts += 1
        if about.get("latency_ms") is not None:
            self.latency_ms.append(int(about["latency_ms"]))

    def _reasons_in_all(self) -> Counter[str]:
        return self.reasons_before + self.reasons


def _to_the_dead(store: EventStore, run: Run, world: World) -> Iterator[Input]:
    """Yield answers due by now of which no event tells, since whoever asked had died: inputs do not say so."""
    doubtful = [i for i in store.last_thoughts(run, world.tick) if world.row(i.key.agent) is None]
    with store.lookup(run) as lookup:
        for start in range(0, len(doubtful), _LOOKED_FOR_AT_ONCE):
            here = doubtful[start : start + _LOOKED_FOR_AT_ONCE]
            first, last, agents = here[0].effect_tick, here[-1].effect_tick, sorted({i.key.agent for i in here})
            ticks = sorted({i.effect_tick for i in here})
            events = lookup.find(first, last, ticks=ticks, agents=agents, kinds=_TOLD_OF).records
            told = set(zip(events["tick"].tolist(), events["agent"].tolist(), strict=True))
            yield from (i for i in here if (i.effect_tick, i.key.agent) not in told)


@dataclass(frozen=True)
class _Used:
    """What a tick used and could not say."""

    tick: int
    inputs: tuple[Input, ...]
    unsaid: tuple[str, ...]
    to_the_dead: tuple[InputKey, ...]


class Tally:
    """Notes what ticks use, and counts it when they are durable.

    Attributes
    ----------
    figures : ThoughtFigures
    late : keys of answers to somebody who was dead when they took effect, to be counted in the store
    """

    def __init__(self) -> None:
        self.figures = ThoughtFigures()
        self.late: list[InputKey] = []
        self._used: list[_Used] = []

    def note(self, events: EventBatch, tick: int, inputs: Inputs) -> None:
        """Keep what a tick used, what could not be said, and which answers were to somebody who is dead."""
        if not len(inputs):
            return
        records = events.records
        taken = np.flatnonzero(records["kind"] == THOUGHT_TAKEN.number).tolist()
        unsaid = [json.loads(events.payload(at)).get("unsaid") for at in taken]
        told = set(records["agent"][np.isin(records["kind"], _TOLD_OF)].tolist())
        thoughts = [given for given in inputs.rows if given.key.purpose != INTERVENTION]
        heard = tuple(given for given in thoughts if given.key.agent in told)
        dead = tuple(given.key for given in thoughts if given.key.agent not in told)
        self._used.append(_Used(tick, heard, tuple(because for because in unsaid if because), dead))

    def settle(self, durable: int) -> None:
        """Count what ticks up to `durable` used."""
        while self._used and self._used[0].tick <= durable:
            used = self._used.pop(0)
            for given in used.inputs:
                self.figures.count(given)
            self.figures.unsaid.update(used.unsaid)
            self.late += used.to_the_dead

    def give_up_after(self, tick: int) -> None:
        """Forget what was noted of later ticks: they are decided anew."""
        self._used = [used for used in self._used if used.tick <= tick]
