"""Counterfactual: what would have happened if one thing had not.

From the state before, the run goes on in memory under the same rules and draws, with one change. Answers of minds that
were asked before the change are the recorded ones. Whoever is asked after it is asked anew, since the past is another:
by whom is the caller's to say. Nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from domain.advance import advance
from domain.codes import Purpose
from domain.decide import Decider
from domain.events import THOUGHT_REQUESTED, EventBatch
from domain.inputs import INTERVENTION, Input, InputKey, Inputs
from domain.ports import EventStore, Run
from domain.state import World
from replay.scenario import scenarios_of
from replay.seek import at

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
    also : later ticks in which the agent rests too
    """

    what: str
    agent: int
    tick: int
    also: tuple[int, ...] = ()


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
    world = at(reader, run, change.tick - 1) if before is None else before
    recorded = reader.inputs_after(run, change.tick - 1, last=until)
    decider = Decider(run.seed, run.configuration, scenarios=scenarios_of(reader, run))
    asked: dict[int, list[Input]] = {}
    try:
        for tick in range(change.tick, until + 1):
            given = [i for i in recorded.get(tick, Inputs()).rows if _stands(i, change)]
            rests = change.what == REST and tick in (change.tick, *change.also)
            held = [_held(change, tick, given)] if rests else []
            inputs = Inputs([*held, *(_changed(i, change) for i in [*given, *asked.pop(tick, [])])])
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


def _held(change: Change, tick: int, given: list[Input]) -> Input:
    """Return the intervention by which an agent rests, as a fork would record it."""
    asked = tick - 1
    taken = {i.key.call for i in given if (i.key.asked_tick, i.key.agent) == (asked, change.agent)}
    call = next(k for k in range(len(taken) + 1) if k not in taken)
    answer = {"by": "a counterfactual", "why": "", "rest": True}
    return Input(InputKey(asked, change.agent, INTERVENTION, call), tick, answer)


def _changed(given: Input, change: Change) -> Input:
    """Return a thought as it takes effect here: a refusal if it is the one that is left out."""
    here = (given.key.agent, given.effect_tick) == (change.agent, change.tick)
    if change.what == REFUSE and here and given.key.purpose != INTERVENTION:
        return replace(given, answer={"refused": "this thought is left out"})
    return given


def _thoughts(
    world: World, events: EventBatch, recorded: dict[int, Inputs], answer: Answer | None
) -> Iterator[tuple[int, Input]]:
    """Yield (tick of effect, answer) for each request among the events of a tick."""
    records = events.records
    for i in np.flatnonzero(records["kind"] == THOUGHT_REQUESTED.number).tolist():
        purpose = Purpose(int(records["target"][i])).name.lower()
        key, effect = InputKey(world.tick, int(records["agent"][i]), purpose), int(records["detail"][i])
        if answer is not None:
            yield effect, Input(key, effect, answer(world, key))
            continue
        same = next((i for i in recorded.get(effect, Inputs()).rows if i.key == key), None)
        yield effect, same or Input(key, effect, {"refused": "nobody was asked in this past"})
