"""What agents are called, the dead and the unborn as well: the event that brought each into the world says it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from chronopolis.errors import UnknownAgent
from chronopolis.people import find_agent, id_in
from chronopolis.sentences import Names, agent_number
from domain.events import AGENT_BORN, AGENT_DIED, AGENT_JOINED
from domain.ports import HistoryReader, Run
from domain.state import World

_NEWCOMERS = (AGENT_JOINED.number, AGENT_BORN.number)


def whom(events: Iterable[dict[str, Any] | None]) -> set[int]:
    """Return the agents that events tell of: whose they are, and with whom."""
    found = {event.get(key) for event in events if event is not None for key in ("agent", "target")}
    return {agent for agent in found if isinstance(agent, int)}


def recorded_names(reader: HistoryReader, run: Run, agents: Iterable[int]) -> dict[int, str]:
    """Return the names of those agents who ever came into a run, up to its head, by id."""
    wanted, head = set(agents), reader.head(run)
    found: dict[int, str] = {}
    if head is None:
        return {}
    with reader.lookup(run) as lookup:
        # Founders stand in tick 0, which is read at once; only who came later has to be searched for.
        for first, last in ((0, 0), (1, head.tick)):
            missing = sorted(wanted - found.keys())
            if not missing or last < first:
                continue
            events = lookup.find(first, last, agents=missing, kinds=_NEWCOMERS)
            for i, agent in enumerate(events.records["agent"].tolist()):
                found[agent] = str(json.loads(events.payload(i))["name"])
    return found


def living_agent(reader: HistoryReader, run: Run, world: World, wanted: str) -> int:
    """Return the id of the living agent that `wanted` names, as `people.find_agent` does.

    Raises
    ------
    UnknownAgent
        Of an id, it says when that agent died, or comes; a name would have to be looked for in all events.
    """
    try:
        return find_agent(world, run.name, wanted)
    except UnknownAgent:
        number, head = id_in(wanted), reader.head(run)
        if number is None or head is None:
            raise
    with reader.lookup(run) as lookup:
        events = list(lookup.find(0, head.tick, agents=[number], kinds=(*_NEWCOMERS, AGENT_DIED.number)))
    raise UnknownAgent(run.name, world.tick, wanted, because=_absence(events, world.tick))


def _absence(events: list[dict[str, Any]], tick: int) -> str | None:
    """Return why somebody with these events does not live at a tick; None if nobody knows."""
    if not events:
        return None
    came, last = events[0], events[-1]
    who = f"{came['name']} ({came['agent']})"
    if came["tick"] > tick:
        return f"{who} {'is born' if came['kind'] == AGENT_BORN.name else 'comes'} only at tick {came['tick']:,}"
    how = "was taken out of the world" if last["because"] == "removed" else f"died of {last['because']}"
    return f"{who} {how.replace('_', ' ')} at tick {last['tick']:,}; look at a tick before that"


def name_the_dead(told: Any, reader: HistoryReader, run: Run, known: dict[int, str] | None = None) -> None:
    """Give a name to all whom a description of an agent mentions and the state knows no more; `alive` is false of them.

    Parameters
    ----------
    told : what `people.describe` returned; whoever it mentions is a mapping with `agent` and `name`, which is None
        of the dead
    reader, run
    known : names that were found before, which never change; what is found now is added
    """
    unnamed = list(_unnamed(told))
    known = {} if known is None else known
    if missing := {who["agent"] for who in unnamed} - known.keys():
        known |= recorded_names(reader, run, missing)
    for who in unnamed:
        who["name"], who["alive"] = known.get(who["agent"]), False


def _unnamed(told: Any) -> Iterator[dict[str, Any]]:
    if isinstance(told, dict) and told.get("name", "") is None and "agent" in told:
        yield told
    for part in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        yield from _unnamed(part)


def names_in(reader: HistoryReader, run: Run, events: Iterable[dict[str, Any] | None]) -> Names:
    """Return how the agents that events tell of are called: by name and number, or by number if nobody knows more."""
    known = recorded_names(reader, run, whom(events))
    return lambda agent: f"{known[agent]} ({agent})" if agent in known else agent_number(agent)


__all__ = ["living_agent", "name_the_dead", "names_in", "recorded_names", "whom"]
