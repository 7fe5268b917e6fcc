"""Words that events hold: memories, and the speeches of conversations."""

from __future__ import annotations

from math import inf
from typing import Any

from domain.events import CONVERSATION_CLOSED, MEMORY_FORGOTTEN, MEMORY_FORMED, SPEECH_MADE
from domain.ports import Run
from workers.bootstrap import Browsing

_MEMORIES_READ = 5_000  # of one agent: those that it has not forgotten are at most forty, and the newest are read first
_SPEECHES = 200


def memories_of(browsing: Browsing, run: Run, agent: int, tick: int) -> list[dict[str, Any]]:
    """Return what an agent came to remember by a tick, the oldest first, and when it was forgotten."""
    kinds = [MEMORY_FORMED.number, MEMORY_FORGOTTEN.number]
    page = browsing.page_of_events(
        run, 0, tick, limit=_MEMORIES_READ, kinds=kinds, agent=agent, newest_first=True, patience_s=inf
    )
    found: dict[str, dict[str, Any]] = {}
    for event in page.events:
        if event["kind"] == MEMORY_FORGOTTEN.name:
            if event["memory"] in found:
                found[event["memory"]]["forgotten"] = event["tick"]
            continue
        address = f"{event['tick']}:{event['ordinal']}"
        found[address] = {
            "memory": address,
            "tick": event["tick"],
            "kind": event["memory_kind"],
            "importance_milli": event["importance"],
            "text": event["text"],
            "cites": event.get("cites") or [],
            "forgotten": None,
        }
    return list(found.values())


def texts_of(browsing: Browsing, run: Run, agent: int, tick: int) -> dict[str, dict[str, Any]]:
    """Return address → memory of what an agent came to remember by a tick."""
    return {each["memory"]: each for each in memories_of(browsing, run, agent, tick)}


def conversation_of(browsing: Browsing, run: Run, opening: str, agent: int, tick: int) -> list[dict[str, Any]]:
    """Return the speeches, up to a tick, of the conversation that a speech opened."""
    first = int(opening.partition(":")[0])
    page = browsing.page_of_events(
        run, first, tick, limit=_SPEECHES, kinds=[SPEECH_MADE.number], party=agent, patience_s=inf
    )
    return [speech for speech in page.events if speech.get("conversation") == opening]


def conversations(
    browsing: Browsing, run: Run, agent: int | None, first: int, last: int, *, limit: int, after: tuple[int, int],
    newest_first: bool = False,
) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:  # fmt: skip
    """Return conversations of which something was said in ticks first … last, and where to go on.

    Parameters
    ----------
    browsing, run
    agent : who takes part; None: anybody
    first, last
    limit : of speeches and endings
    after : (tick, ordinal)
    newest_first : whether what was said last is read first; the conversations are in the order of opening all the same
    """
    kinds = [SPEECH_MADE.number, CONVERSATION_CLOSED.number]
    page = browsing.page_of_events(
        run, first, last, limit=limit, kinds=kinds, party=agent, after=after, newest_first=newest_first
    )
    found: dict[str, dict[str, Any]] = {}
    for event in page.events:
        opening = event.get("conversation") or f"{event['tick']}:{event['ordinal']}"
        talk = found.setdefault(opening, {"conversation": opening, "agents": [], "speeches": [], "closed": None})
        if event["kind"] == CONVERSATION_CLOSED.name:
            talk["closed"] = {"tick": event["tick"], "because": event.get("because")}
            continue
        talk["speeches"].append(event)
        talk["agents"] += [who for who in (event["agent"], event.get("target")) if who not in (None, *talk["agents"])]
    return list(found.values()), page.after
