"""Counterfactual: what would have happened if one thing had not.

From the state before, the run goes on in memory under the same rules and draws, with one change. Answers of minds that
were asked before the change are the recorded ones. Whoever is asked after it is asked anew, since the past is another:
by whom is the caller's to say. Nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

import replay.seek
from domain.advance import advance
from domain.codes import Intention, Purpose
from domain.columns import INTENDED
from domain.decide import Decider
from domain.events import AGENT_RESTED, THOUGHT_REQUESTED, EventBatch
from domain.inputs import INTENTION, INTERVENTION, Input, InputKey, Inputs
from domain.minds.talk import Talk, is_dying
from domain.minds.telling import Telling
from domain.ports import EventStore, Run
from domain.rules.constants import IDLE_COST, REST_GAIN, SPEAK
from domain.rules.emit import needs_after
from domain.rules.plan import P_ACTION, P_FORMED, P_INTENDED, P_INTENTION, P_OPEN
from domain.state import World

REST, REFUSE, WITHHOLD = "rest", "refuse", "withhold"

Answer = Callable[[World, InputKey], dict[str, object]]
"""Given the state that a tick left and who is asked in it, returns what that mind answers."""


@dataclass(frozen=True)
class Change:
    """The one thing that is otherwise.

    Attributes
    ----------
    what : "rest": the agent rests in that tick, whatever it was set on, and forms no intention in it; "refuse": the
        thought that takes effect in that tick is none; "withhold": nobody intervenes with that agent in that tick
    agent, tick : whose, and when
    """

    what: str
    agent: int
    tick: int


class _Otherwise(Decider):
    """Decides as ever, but for one agent that rests in one tick."""

    def __init__(self, run: Run, change: Change) -> None:
        super().__init__(run.seed, run.configuration)
        self.change = change
        self._rests: int | None = None

    def _apply_inputs(self, world: World, inputs: Inputs, telling: Telling, talk: Talk | None) -> None:
        self._rests = world.row(self.change.agent) if self._is_now(world) else None
        if self._rests is not None and is_dying(world, self._rests, telling.tick):
            self._rests = None  # nothing keeps it alive
        super()._apply_inputs(world, inputs, telling, talk)
        row, a, p = self._rests, world.agents, self._plan
        if row is not None:
            gain = REST_GAIN if p[P_INTENTION, row] == Intention.REST else -IDLE_COST
            needs = int(needs_after(a, row, self.configuration.hunger, gain, 0, 0))
            cause = int(p[P_INTENDED, row] if p[P_INTENDED, row] >= 0 else a[INTENDED, row])
            telling.tell(AGENT_RESTED, self.change.agent, cause, needs=needs)

    def _choose(self, world: World, tick: int) -> None:
        p, row = self._plan, self._rests
        kept = None if row is None else p[P_INTENTION : P_INTENDED + 1, row].copy()
        super()._choose(world, tick)
        if row is not None:
            # Told already, as speeches are: nobody can meet it, and it does nothing else.
            p[P_INTENTION : P_INTENDED + 1, row] = kept
            p[P_ACTION, row], p[P_OPEN, row], p[P_FORMED, row] = SPEAK, 0, 0

    def _is_now(self, world: World) -> bool:
        return self.change.what == REST and self.change.tick == world.tick + 1


def otherwise(
    reader: EventStore, run: Run, change: Change, until: int, *, answer: Answer | None = None,
    before: World | None = None,
) -> Iterator[EventBatch]:  # fmt: skip
    """Yield the events of ticks `change.tick` … `until` as they would have been.

    Parameters
    ----------
    reader, run : whose history it leaves
    change : what is otherwise
    until : the last tick
    answer : asked for every thought that is requested from the change on; by default the recorded answer is taken,
        which was given to the prompt of another past, and a refusal where none is recorded
    before : the state before the change, if it is at hand; it is changed

    Raises
    ------
    BeyondHead
        If the tick before the change has not happened.
    """
    run.require_our_rules()
    world = replay.seek.at(reader, run, change.tick - 1) if before is None else before
    recorded = reader.inputs_after(run, change.tick - 1)
    decider = _Otherwise(run, change)
    asked: dict[int, list[Input]] = {}
    try:
        for tick in range(change.tick, until + 1):
            given = [i for i in recorded.get(tick, Inputs()).rows if _stands(i, change)]
            inputs = Inputs(_changed(i, change) for i in [*given, *asked.pop(tick, [])])
            events, _ = advance(world, decider, run.genesis_hash, inputs)
            yield events
            for effect, thought in _thoughts(world, events, recorded, answer):
                asked.setdefault(effect, []).append(thought)
    finally:
        decider.close()


def _stands(given: Input, change: Change) -> bool:
    """Return whether a recorded input is part of this past too: asked for before the change, or an intervention."""
    if given.key.purpose == INTERVENTION:
        withheld = change.what == WITHHOLD and (given.key.agent, given.effect_tick) == (change.agent, change.tick)
        return not withheld
    return given.key.asked_tick < change.tick


def _changed(given: Input, change: Change) -> Input:
    if (given.key.agent, given.effect_tick) != (change.agent, change.tick) or given.key.purpose == INTERVENTION:
        return given
    if change.what == REFUSE:
        return replace(given, answer={"refused": "this thought is left out"})
    if change.what == REST and given.key.purpose == INTENTION:
        silent = {name: value for name, value in given.answer.items() if name not in ("act", "to", "say", "terms")}
        return replace(given, answer=silent)
    return given


def _thoughts(
    world: World, events: EventBatch, recorded: dict[int, Inputs], answer: Answer | None
) -> Iterator[tuple[int, Input]]:
    """Yield (tick of effect, answer) for each request among the events of a tick."""
    records = events.records
    for at in np.flatnonzero(records["kind"] == THOUGHT_REQUESTED.number).tolist():
        purpose = Purpose(int(records["target"][at])).name.lower()
        key, effect = InputKey(world.tick, int(records["agent"][at]), purpose), int(records["detail"][at])
        if answer is not None:
            yield effect, Input(key, effect, answer(world, key))
            continue
        same = next((i for i in recorded.get(effect, Inputs()).rows if i.key == key), None)
        yield effect, same or Input(key, effect, {"refused": "nobody was asked in this past"})
