"""Fork: a run that reads another's history up to a tick and has its own from there on.

Nothing is copied. A fork that changes nothing continues the very chain of hashes of its parent; what it changes
(settings, seed) is its first event, `ScenarioChanged`, and what is done to its world at once are inputs like any
other intervention, asked at the tick of the fork.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from domain.codes import Purpose
from domain.columns import ALIVE, ASKED, ID, THOUGHT_DUE
from domain.configuration import Configuration
from domain.errors import BeyondHead, InvalidConfiguration, InvalidInput, KeyTaken, shown
from domain.inputs import INTERVENTION, NOBODY, Input, InputKey, validated
from domain.minds.columns import PURPOSE
from domain.ports import EventStore, HistoryReader, Run
from domain.scenario import Scenario, changes_between
from replay.scenario import scenarios_of
from replay.seek import at as replay_at

_FIXED = {
    "agents": "the founders have come already; intervene to add agents",
    "width": "the grid is laid out already",
    "height": "the grid is laid out already",
}
_OF_MINDS = ("think_delay", "think_budget", "hearing", "reflect_at")


def fork(
    store: EventStore,
    parent: Run,
    *,
    at: int,
    name: str,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    interventions: Sequence[Mapping[str, Any]] = (),
    by: str = "",
    why: str = "",
    target: int | None = None,
    engines: dict[str, Any] | None = None,
) -> Run:
    """Make a run that shares its parent's history up to tick `at`.

    Parameters
    ----------
    store : EventStore
    parent : the run to leave, which goes on as if nobody had asked
    at : the last tick that both share; a durable one
    name : of the child
    settings : constants of the scenario that are others from tick `at` + 1 on
    seed : what decides chance from then on, if another
    interventions : answers as `domain.inputs.Input` describes them, each with "agent" if it concerns one and "at" if
        it takes effect later than tick `at` + 1
    by, why : who forks and why, for the interventions that do not say so themselves; a reason for other constants
        alone is told as an intervention that does nothing else
    target : the tick at which the child is complete; its parent's, or a tick further, if left out
    engines : who answers the child's minds; its parent's if left out

    Raises
    ------
    BeyondHead
        If that tick is not durable.
    InvalidConfiguration, InvalidInput
        If something can't be changed so; nothing was made.
    RunExists
        If the name is taken.
    OtherRules
        If the parent was made under other rules.
    """
    parent.require_our_rules()
    head = store.head(parent)
    if head is None or not 0 <= at <= head.tick:
        raise BeyondHead(parent.name, at, -1 if head is None else head.tick)
    before = scenarios_of(store, parent).at(at + 1)
    after = changed(before, settings or {}, seed)
    if after.configuration.mind != before.configuration.mind:
        _require_answered(store, parent, at)
    if why and not interventions:
        if after == before:
            raise InvalidConfiguration("why", why, "a fork that changes nothing repeats its parent, without a reason")
        interventions = [{}]
    goal = max(store.lease(parent).target, at + 1) if target is None else target
    while True:
        given = [
            validated(each, n_cells=after.configuration.n_cells)
            for each in _numbered(store, parent, [_input_of(each, at, by, why) for each in interventions])
        ]
        with contextlib.suppress(KeyTaken):  # somebody else took a number in this very moment
            return store.create(
                name, seed=after.seed, configuration=after.configuration, target=goal, parent=parent, fork_tick=at,
                engines=engines or dict(parent.engines), inputs=given,
            )  # fmt: skip


def _require_answered(reader: EventStore, parent: Run, at: int) -> None:
    """Refuse another mind while thoughts are in flight: whoever runs first answers them, for both."""
    world = replay_at(reader, parent, at)
    a, n, minds = world.agents, world.n, world.minds
    assert minds is not None
    for row in np.flatnonzero((a[ALIVE, :n] != 0) & (a[THOUGHT_DUE, :n] > at)).tolist():
        purpose = Purpose(int(minds[PURPOSE, row])).name.lower()
        if not reader.has_input(parent, InputKey(int(a[ASKED, row]) >> 32, int(a[ID, row]), purpose)):
            because = f"thoughts of run {parent.name} are in flight at tick {at} and its own mind has to answer them"
            raise InvalidConfiguration("mind", "another", f"{because}; run it on, or fork at another tick")


def changed(before: Scenario, settings: Mapping[str, Any], seed: int | None) -> Scenario:
    """Return a scenario with some constants and perhaps another seed.

    Raises
    ------
    InvalidConfiguration
        If a setting is unknown, out of bounds, or can't change under way.
    """
    old = before.configuration
    new = Configuration.from_mapping({**asdict(old), **settings})
    for name in settings:
        value = getattr(new, name)
        if value == getattr(old, name):
            continue
        if name in _FIXED:
            raise InvalidConfiguration(name, value, f"it can't change under way: {_FIXED[name]}")
        if name in _OF_MINDS and not old.thinks:
            raise InvalidConfiguration(name, value, "it can't change under way: this society has no minds")
    if old.mind != new.mind and not (old.thinks and new.thinks):
        because = "it can't change under way: agents have minds from the beginning, or never"
        raise InvalidConfiguration("mind", new.mind, because)
    return Scenario(before.seed if seed is None else seed, new)


def changes_of(reader: HistoryReader, child: Run) -> dict[str, Any]:
    """Return what a fork changed of how its parent goes on, as `domain.scenario.changes_between` tells it."""
    assert child.parent is not None and child.fork_tick is not None
    parent, first = reader.find(str(child.parent)), child.fork_tick + 1
    return changes_between(scenarios_of(reader, parent).at(first), scenarios_of(reader, child).at(first))


def record_intervention(store: EventStore, run: Run, given: Input) -> Input:
    """Record an intervention under the first call number that is free, and return it as it was recorded.

    Raises
    ------
    TickHasBegun, InvalidInput
    """
    (numbered,) = _numbered(store, run, [given])
    while not store.record_input(run, numbered):  # somebody else took the number in this very moment
        numbered = replace(numbered, key=replace(numbered.key, call=numbered.key.call + 1))
    return numbered


def _numbered(reader: HistoryReader, run: Run, given: Sequence[Input]) -> list[Input]:
    """Return interventions with call numbers that none which the run reads has for the same tick and agent."""
    keys = [read.key for _, read in reader.interventions(run)] if given else []
    next_call: dict[tuple[int, int], int] = {}
    for key in keys:
        about = (key.asked_tick, key.agent)
        next_call[about] = max(next_call.get(about, 0), key.call + 1)
    numbered = []
    for each in given:
        about = (each.key.asked_tick, each.key.agent)
        call = next_call.get(about, 0)
        next_call[about] = call + 1
        numbered.append(Input(InputKey(*about, INTERVENTION, call), each.effect_tick, each.answer))
    return numbered


def _input_of(given: Mapping[str, Any], at: int, by: str, why: str) -> Input:
    answer = {"by": by, "why": why, **given}
    agent, effect = answer.pop("agent", NOBODY), answer.pop("at", at + 1)
    key = InputKey(at, NOBODY, INTERVENTION)
    if not isinstance(agent, int) or isinstance(agent, bool) or not NOBODY <= agent < 2**31:
        raise InvalidInput(key.as_tuple(), f"{shown(agent)} is no agent")
    if not isinstance(effect, int) or isinstance(effect, bool) or not at < effect:
        raise InvalidInput(key.as_tuple(), f"it can't take effect at tick {shown(effect)}: the fork is at tick {at}")
    return Input(InputKey(at, agent, INTERVENTION), effect, answer)


__all__ = ["changed", "changes_of", "fork", "record_intervention"]
