"""Forks and interventions, for the command, the Python API and the web alike: plain values in, plain values out."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from typing import Any

import replay
from chronopolis.errors import NoTicksYet, WrongUsage
from chronopolis.forewarning import warnings_about
from chronopolis.given import text
from chronopolis.names import memorable_name
from chronopolis.people import find_agent
from domain.configuration import MINDS
from domain.errors import InvalidInput, RunExists, TickHasBegun
from domain.inputs import DEEDS, INTERVENTION, NOBODY, Input, InputKey, validated
from domain.ports import EventStore, Run
from domain.state import World
from replay.fork import changes_of, record_intervention

_AHEAD = (2, 50, 500, 5_000)
"""How far ahead of the head an intervention is tried, if nobody says when: a run may go on meanwhile."""
_BESIDE = ("agent", "at", "by", "why")
_KNOWN = f"There are {', '.join(DEEDS)}; and beside them {', '.join(_BESIDE)}."


def make_fork(
    store: EventStore,
    run_name: str,
    *,
    at: int | None = None,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    interventions: Sequence[Mapping[str, Any]] = (),
    by: str | None = None,
    why: str = "",
    ticks: int | None = None,
) -> dict[str, Any]:
    """Fork a run and return what `polis fork --json` says.

    Parameters
    ----------
    store : EventStore
    run_name : the parent's name, id, or the unique beginning of its name
    at : the last tick that both share; the parent's newest if left out
    name : of the child; a memorable one if left out
    settings, seed, why : as `replay.fork` has them
    by : who forks; whoever is logged in if left out
    interventions : as `replay.fork` has them; "agent" may be a name
    ticks : how far beyond the fork the child is to go; to its parent's target if left out

    Returns
    -------
    dict, {"run", "name", "parent", "parent_run", "forked_at", "head_hash", "target", "changed", "interventions",
        "warnings"}, the last about what is bound to be refused

    Raises
    ------
    UnknownRun, RunExists, NoTicksYet, BeyondHead, InvalidConfiguration, UnknownAgent, WrongUsage, OtherRules
        Nothing was made.
    """
    parent = store.find(run_name)
    head = store.head(parent)
    if head is None:
        raise NoTicksYet(parent.name)
    tick = head.tick if at is None else at
    try:
        given = {
            "at": tick, "settings": settings, "seed": seed, "by": _author(by), "why": why,
            "interventions": _with_ids(store, parent, tick, interventions),
            "target": None if ticks is None else tick + ticks, "engines": _engines(parent, settings),
        }  # fmt: skip
        child = _named(store, parent, name, given)
    except InvalidInput as error:
        raise WrongUsage(f"this intervention can't be made: {error.because}") from None
    return fork_told(store, child) | {"warnings": _warnings(store, child)}


def _warnings(store: EventStore, child: Run) -> list[str]:
    """Return what is bound to be refused of the interventions that a fork was made with."""
    own = [given for source, given in store.interventions(child) if source == child.id]
    assert child.fork_tick is not None
    world = replay.at(store, child, child.fork_tick) if any(set(each.answer) & set(DEEDS) for each in own) else None
    return [] if world is None else warnings_about(world, child.configuration, own)


def _named(store: Any, parent: Run, name: str | None, given: dict[str, Any]) -> Run:
    if name is not None:
        return replay.fork(store, parent, name=name, **given)
    while True:
        try:
            return replay.fork(store, parent, name=memorable_name(store.names()), **given)
        except RunExists:  # another polis drew it in this very moment
            continue


def _engines(parent: Run, settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return who answers a child whose mind is another; None if its parent's engines do."""
    mind = (settings or {}).get("mind", parent.configuration.mind)
    if mind == parent.configuration.mind or mind not in MINDS or "reflex" in (mind, parent.configuration.mind):
        return None
    from workers.bootstrap import Settings  # late: who changes no mind need not wait for engines
    from workers.staff import identity_of

    return identity_of(mind, Settings.from_environment())


def _with_ids(store: EventStore, run: Run, tick: int, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return interventions with the ids of the agents that they name, who have to live at the fork."""
    for each in given:
        _require_deed(each)
    if all(each.get("agent") is None for each in given):
        return [{key: value for key, value in each.items() if key != "agent"} for each in given]
    world = replay.at(store, run, tick)
    return [{**each, "agent": _agent(world, run, each.get("agent"))} for each in given]


def _require_deed(given: Mapping[str, Any]) -> None:
    """Refuse what is no intervention: it names something that there is not, or nothing at all."""
    unknown = [str(key)[:40] for key in given if key not in (*DEEDS, *_BESIDE)]
    if unknown:
        raise WrongUsage(f"{', '.join(map(repr, unknown))} is nothing that can be done", _KNOWN)
    if not any(name in given and given[name] != {} for name in DEEDS):
        raise WrongUsage("an intervention that does nothing", _KNOWN)
    for name in ("by", "why"):
        text(name, given.get(name, ""))
    _author(given.get("by"))


def _author(by: str | None) -> str:
    """Return who does it; an empty name is nobody's, as of a variable in a script that was not set."""
    if by == "":
        raise WrongUsage("by '' names nobody", "Leave it out for whoever is logged in.")
    return getpass.getuser() if by is None else by


def _agent(world: World | None, run: Run, wanted: int | str | None) -> int:
    if wanted is None or wanted == NOBODY:
        return NOBODY
    if world is None and str(wanted).isdecimal():
        return int(wanted)  # a founder, when it comes
    if world is None:
        raise WrongUsage(f"run {run.name} has no tick yet, and nobody lives there")
    return find_agent(world, run.name, str(wanted))


def fork_told(store: EventStore, child: Run) -> dict[str, Any]:
    """Return what there is to tell of a fork: whose it is, from where, and what it changes."""
    assert child.parent is not None and child.fork_tick is not None
    parent, head = store.find(str(child.parent)), store.headers(child, child.fork_tick, child.fork_tick)
    return {
        "run": child.id,
        "name": child.name,
        "parent": parent.name,
        "parent_run": parent.id,
        "forked_at": child.fork_tick,
        "head_hash": head.chain_hash[0].hex() if len(head) else None,
        "target": store.lease(child).target,
        "changed": changes_of(store, child),
        "interventions": _interventions_told(store, child),
    }


def _interventions_told(store: EventStore, run: Run) -> list[dict[str, Any]]:
    """Return the interventions that were made in a run itself, in the order of their ticks."""
    own = [given for source, given in store.interventions(run) if source == run.id]
    return [_told(given) for given in own]


def _told(given: Input) -> dict[str, Any]:
    agent = None if given.key.agent == NOBODY else given.key.agent
    return {"effect_tick": given.effect_tick, "asked_tick": given.key.asked_tick, "agent": agent, **given.answer}


def intervene(
    store: EventStore,
    run: Run,
    given: Mapping[str, Any],
    *,
    agent: int | str | None = None,
    at: int | None = None,
    by: str | None = None,
    why: str = "",
) -> dict[str, Any]:
    """Record an intervention on a run, live or paused, and return what `polis intervene --json` says.

    Parameters
    ----------
    store : EventStore
    run : Run
    given : what is done, as `domain.inputs.Input` describes the answer of an intervention
    agent : id or name of the one that it concerns; None if it concerns the world
    at : tick of effect, which must not have begun; soon if left out
    by, why : who intervenes, whoever is logged in if left out, and for what reason

    Raises
    ------
    UnknownAgent, WrongUsage, TickHasBegun
        Nothing was recorded.
    """
    _require_deed(given)
    answer = {"by": _author(by), "why": why, **given}
    looks = agent is not None or "add" in given
    world = replay.at_head(store, run) if looks and store.head(run) is not None else None
    who = _agent(world, run, agent)
    for ahead in _AHEAD if at is None else (0,):
        head = store.head(run)
        newest = max(-1 if head is None else head.tick, 0)
        effect = newest + ahead if at is None else at
        if effect <= newest:
            raise TickHasBegun(run.name, effect, newest)
        asked = _asked_tick(store, run, min(newest, effect - 1), effect)
        try:
            wanted = Input(InputKey(asked, who, INTERVENTION), effect, answer)
            validated(wanted, n_cells=run.configuration.n_cells)
            made = record_intervention(store, run, wanted)
            break
        except InvalidInput as error:
            raise WrongUsage(f"this intervention can't be made: {error.because}") from None
        except TickHasBegun:
            if at is not None or ahead == _AHEAD[-1]:
                raise
    return {
        "run": run.id,
        "name": run.name,
        "agent": None if who == NOBODY else who,
        "asked_tick": made.key.asked_tick,
        "effect_tick": made.effect_tick,
        "call": made.key.call,
        "answer": made.answer,
        "warnings": warnings_about(world, run.configuration, [made]),
    }


def _asked_tick(store: EventStore, run: Run, newest: int, effect: int) -> int:
    """Return the tick to ask in: the newest, but not one at which a fork has left, since that reads what it asked.

    Raises
    ------
    WrongUsage
        If there is no tick left in between.
    """
    others = [other for other, _, _ in store.runs()] + store.damaged_runs()
    left = {other.fork_tick: other.name for other in others if other.parent == run.id}
    asked = newest
    while asked in left:
        asked += 1
    if asked >= effect and newest < effect:
        raise WrongUsage(
            f"run {run.name}: {left[newest]} was forked at tick {newest:,} and would be changed as well",
            f"Take effect at tick {asked + 1:,} or later.",
        )
    return asked


__all__ = ["fork_told", "intervene", "make_fork"]
