"""The waves of a survey: who is asked at which tick, their answers one after the other, and the count of each wave."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

import replay
from chronopolis.errors import NobodyToAsk, UnknownAgent
from chronopolis.people import find_agent
from chronopolis.survey import Tally, require_minds, tallies, whom_to_ask
from chronopolis.survey_groups import groups_of, values_by
from domain.ports import Run

if TYPE_CHECKING:
    from workers.bootstrap import Settings
    from workers.minds.survey import Question

_CACHE_MIB = 64
"""What the states between two waves may take: who goes from one to the next folds no more than what lies between."""


@dataclass(frozen=True)
class Wave:
    """Who is asked as of one tick.

    Attributes
    ----------
    tick : int
    agents : ids of living agents, in order
    groups : who belongs to which group at that tick, as `groups_of` says; None if answers are not compared by any
    """

    tick: int
    agents: list[int]
    groups: pl.DataFrame | None


def waves_of(
    store: Any, run: Run, ticks: Sequence[int], *, agents: Iterable[str] = (), sample: int | None = None,
    occupation: str | None = None, by: str | None = None,
) -> list[Wave]:  # fmt: skip
    """Return the waves of a survey, before anybody is asked; ticks at which nobody lives who is meant have none.

    Parameters
    ----------
    store : PostgresStore
    run : Run, with minds
    ticks : ascending
    agents : ids or names; all who live if there are none. A name means whom it means at the last of the ticks at
        which somebody is called so
    sample, occupation : as `whom_to_ask` has them
    by : column of agents by which answers are compared

    Raises
    ------
    UnknownAgent
        If one of `agents` lives at none of the ticks.
    WrongUsage
        If the run has no minds, or nobody who is meant lives at any of the ticks.
    """
    found: list[Wave] = []
    nobody: NobodyToAsk | None = None
    with replay.Cursor(store, run, cache_mib=_CACHE_MIB) as history:
        named = _ids_of(history, ticks, list(agents))
        for tick in ticks:
            world = history.at(tick)
            require_minds(run.name, world)
            those = [agent for agent in named if world.row(agent) is not None]
            if named and not those:
                continue
            try:
                wanted = whom_to_ask(
                    world, run.name, seed=run.seed, agents=map(str, those), sample=sample, occupation=occupation
                )
            except NobodyToAsk as error:
                nobody = nobody or error
                continue
            found.append(Wave(tick, wanted, None if by is None else values_by(world, by, wanted)))
    if nobody is not None and not found:
        raise nobody
    if by is None:
        return found
    grouped = groups_of([wave.groups for wave in found if wave.groups is not None], by)
    return [replace(wave, groups=groups) for wave, groups in zip(found, grouped, strict=True)]


def _ids_of(history: replay.Cursor, ticks: Sequence[int], names: Sequence[str]) -> list[int]:
    """Return the ids of all who are named, each as of the last of the ticks at which it lives."""
    unknown: dict[str, UnknownAgent | None] = dict.fromkeys(names)
    found = set[int]()
    for tick in reversed(ticks if names else ()):
        world = history.at(tick)
        require_minds(history.run.name, world)
        for name in list(unknown):
            try:
                found.add(find_agent(world, history.run.name, name))
                del unknown[name]
            except UnknownAgent as error:
                if error.candidates:
                    raise
                unknown[name] = unknown[name] or error
        if not unknown:
            break
    for missing in unknown.values():
        if missing is not None:
            raise missing
    return sorted(found)


def answers_of(
    store: Any, run: Run, planned: Sequence[Wave], question: Question, *, draws: int = 1, mind: str | None = None,
    settings: Settings | None = None, say: Callable[[str], None] | None = None,
) -> Generator[dict[str, Any], None, None]:  # fmt: skip
    """Ask all waves one after the other; yield what each agent says, as `Interviewer.survey` does.

    Parameters
    ----------
    store, run, planned, question, draws : as `waves_of` and `Interviewer.survey` have them
    mind, settings, say : as `interviewer` has them

    Raises
    ------
    InvalidConfiguration, MindError, MemoryUnavailable
        As `interviewer` and `Interviewer.survey` do.
    """
    from workers.interviews import interviewer

    newest = replay.at(store, run, planned[-1].tick)  # memories are there as far as that
    with (
        interviewer(store, run, newest, mind=mind, settings=settings, say=say) as asking,
        replay.Cursor(store, run, cache_mib=_CACHE_MIB) as history,
    ):
        for wave in planned:
            world = newest if wave.tick == newest.tick else history.at(wave.tick)
            with closing(asking.as_of(world).survey(wave.agents, question, draws=draws)) as replies:
                yield from replies


def tallies_of(frame: pl.DataFrame, question: Question, planned: Iterable[Wave]) -> list[Tally]:
    """Return what was said in each wave that was begun: by everybody, then by each group."""
    found: list[Tally] = []
    for wave in planned:
        said = frame.filter(pl.col("tick") == wave.tick)
        if len(said):
            found += tallies(said, question, wave.groups)
    return found


__all__ = ["Wave", "answers_of", "tallies_of", "waves_of"]
