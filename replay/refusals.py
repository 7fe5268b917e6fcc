"""Refusals: interventions that had become impossible by their tick, and why, as their events say."""

from __future__ import annotations

import json
from typing import Any

from domain.events import ABSENT, INTERVENTION_MADE
from domain.ports import HistoryReader, Run


def refusals(reader: HistoryReader, run: Run, first: int, last: int) -> list[dict[str, Any]]:
    """Return the interventions of ticks first … last of which nothing came, in order.

    Returns
    -------
    list of {"tick", "ordinal", "agent" (None if it concerned the world), "because", "why"}
    """
    ticks = sorted({given.effect_tick for _, given in reader.interventions(run) if first <= given.effect_tick <= last})
    if not ticks:
        return []
    found = []
    with reader.lookup(run) as lookup:
        for tick in ticks:
            events = lookup.find(tick, tick, kinds=[INTERVENTION_MADE.number])
            for i, (ordinal, agent) in enumerate(events.records[["ordinal", "agent"]].tolist()):
                told = json.loads(events.payload(i))
                if told["refused"] is not None:
                    whom = None if agent == ABSENT else agent
                    about = {"because": told["refused"], "why": told["why"]}
                    found.append({"tick": tick, "ordinal": ordinal, "agent": whom} | about)
    return found


__all__ = ["refusals"]
