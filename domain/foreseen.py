"""Foreseen: why an intervention is bound to be refused, as far as that can be known before its tick."""

from __future__ import annotations

from typing import Any

from domain.codes import Good
from domain.columns import GOODS
from domain.configuration import Configuration
from domain.events import MAX_HOLDING
from domain.inputs import NOBODY
from domain.interventions import NO_MINDS, NOT_ALIVE, free_cells, why_not_added
from domain.state import World


def foreseen_refusal(
    world: World | None, configuration: Configuration, *, agent: int, answer: dict[str, Any]
) -> str | None:
    """Return why an intervention would be refused in the tick after a state; None if nothing speaks against it.

    What else is done in that tick is not known here, and the tick may be a later one: only a society without minds
    has none for ever.

    Parameters
    ----------
    world : the state; None of a run that has no tick yet, in which founders will come
    configuration : what decides the tick
    agent : whom it concerns, or `NOBODY`
    answer : what is done, as `domain.inputs.Input` describes it
    """
    if "news" in answer and not configuration.thinks:
        return NO_MINDS
    if world is None:
        return (
            f"agent {agent} is none of the {configuration.agents:,} founders" if agent >= configuration.agents else None
        )
    if "add" in answer:
        room = configuration.homes - world.population
        return why_not_added(int(answer["add"]["agents"]), room, len(free_cells(world)))
    if agent == NOBODY:
        return None
    row = world.row(agent)
    if row is None:
        return NOT_ALIVE
    for name, quantity in answer.get("endow", {}).items():
        if int(world.agents[GOODS + Good[name.upper()], row]) + quantity > MAX_HOLDING:
            return f"the agent would hold too much {name}"
    return None


__all__ = ["foreseen_refusal"]
