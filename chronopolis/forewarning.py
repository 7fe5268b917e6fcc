"""Forewarning: what is bound to come to nothing is said when it is asked for, not only in the event that refuses it."""

from __future__ import annotations

from collections.abc import Iterable

from chronopolis.sentences import counted
from domain.configuration import Configuration
from domain.foreseen import foreseen_refusal
from domain.inputs import DEEDS, NOBODY, Input
from domain.interventions import NO_MINDS
from domain.state import World


def warnings_about(world: World | None, configuration: Configuration, given: Iterable[Input]) -> list[str]:
    """Return a sentence about each intervention that would be refused if the world stayed as it is.

    Parameters
    ----------
    world : the newest state; None of a run that has no tick yet
    configuration : what decides the ticks to come
    given : interventions as they were recorded
    """
    newest, said = -1 if world is None else world.tick, []
    for each in given:
        because = foreseen_refusal(world, configuration, agent=each.key.agent, answer=each.answer)
        if because is None:
            continue
        certain = because == NO_MINDS or each.effect_tick == newest + 1
        unless = "" if certain else f", unless that has changed from tick {max(0, newest):,} on"
        said.append(f"{_deed(each)} will be refused at tick {each.effect_tick:,}: {because}{unless}")
    return said


def _deed(given: Input) -> str:
    deeds = " and ".join(name for name in DEEDS if name in given.answer)
    if given.key.agent != NOBODY:
        return f"{deeds} for agent {given.key.agent}"
    return f"{deeds} {counted(given.answer['add']['agents'], 'agent')}" if deeds == "add" else deeds


__all__ = ["warnings_about"]
