"""How an agent fared over time, from its own events: each holds what it left behind, so no state is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronopolis.errors import UnknownAgent, WrongUsage
from domain.codes import Good, Skill
from domain.events import ABSENT, AGENT_DIED, CELL, KINDS, NEEDS, SKILL_IMPROVED, TOOL_CRAFTED
from domain.ports import Run
from workers.bootstrap import Browsing

_EVENTS_MAX = 2_000_000  # of one agent: 180,000 ticks have about 220,000

_Values = tuple[NDArray[np.bool_], NDArray[np.int64]]


def _need(part: int) -> Callable[[NDArray[np.void]], _Values]:
    def read(records: NDArray[np.void]) -> _Values:
        return records["needs"] != ABSENT, NEEDS[part].read(records["needs"])

    return read


def _good(good: Good) -> Callable[[NDArray[np.void]], _Values]:
    def read(records: NDArray[np.void]) -> _Values:
        given, taken = records["given"], records["taken"]
        in_given, in_taken = (((c != ABSENT) & (c >> 56 == good)) for c in (given, taken))
        told, values = in_given | in_taken, np.where(in_taken, taken, given) & 0xFFFFFFF
        if good == Good.TOOL:
            crafted = records["kind"] == TOOL_CRAFTED.number
            return told | crafted, np.where(crafted, records["detail"], values)
        return told, values

    return read


_PLACED = [k.number for k in KINDS if CELL in k.fields and any(f.column == "agent" for f in k.fields)]


def _cell(records: NDArray[np.void]) -> _Values:
    return np.isin(records["kind"], _PLACED) & (records["cell"] != ABSENT), records["cell"].astype(np.int64)


def _skill(skill: Skill) -> Callable[[NDArray[np.void]], _Values]:
    def read(records: NDArray[np.void]) -> _Values:
        improved = (records["kind"] == SKILL_IMPROVED.number) & (records["detail"] >> 16 == skill)
        return improved, (records["detail"] & 0xFFFF).astype(np.int64)

    return read


_READERS: dict[str, Callable[[NDArray[np.void]], _Values]] = {
    "energy": _need(0),
    "satiety": _need(1),
    "company": _need(2),
    "cell": _cell,
    **{good.name.lower(): _good(good) for good in Good},
    **{skill.name.lower(): _skill(skill) for skill in Skill},
}
COLUMNS = tuple(_READERS)
_COUNTED = ("cell", "coin", "tool")


def history_of(
    browsing: Browsing, run: Run, agent: int, names: Sequence[str], first: int, last: int, points: int
) -> dict[str, Any]:
    """Return the values of columns at the end of each bin of ticks, and its life, as `models.AgentSeries` has them.

    Raises
    ------
    WrongUsage
        If there is no such column.
    UnknownAgent
        If nobody of that id had come by then.
    """
    unknown = [name for name in names if name not in _READERS]
    if unknown or not names:
        raise WrongUsage(f"no column {', '.join(unknown) or 'named'}", f"There are {', '.join(COLUMNS)}.")
    records = browsing.told_of_agent(run, agent, last, limit=_EVENTS_MAX)
    if not len(records):
        raise UnknownAgent(run.name, last, str(agent))
    came = int(records["tick"][0])
    arrival = next(iter(browsing.page_of_events(run, came, came, limit=1, agent=agent).events))
    died = records["tick"][records["kind"] == AGENT_DIED.number]
    width = max(1, -(-(last - first + 1) // points))
    ends = np.minimum(np.arange(first, last + 1, width) + width - 1, last)
    return {
        "first": first,
        "last": last,
        "width": width,
        "came": came,
        "died": int(died[0]) if len(died) else None,
        "ticks": ends.tolist(),
        "series": {name: _sampled(records, name, ends, arrival) for name in names},
        "about": {name: {"unit": "" if name in _COUNTED else "milli"} for name in names},
    }


def _sampled(
    records: NDArray[np.void], name: str, ends: NDArray[np.int64], arrival: dict[str, Any]
) -> list[int | None]:
    """Return the newest value at each tick; None before the agent came, and from its death on."""
    told, values = _READERS[name](records)
    ticks, values = records["tick"][told], values[told].astype(np.int64)
    at = np.searchsorted(ticks, ends, side="right") - 1
    died = records["tick"][records["kind"] == AGENT_DIED.number]
    alive = (ends >= arrival["tick"]) & ((ends < died[0]) if len(died) else True)
    # What no event has told yet is as it was on arrival: skills as the persona has them, and no goods.
    skills = dict(zip((skill.name.lower() for skill in Skill), arrival.get("skills") or (), strict=False))
    values = np.append(values, skills.get(name, 0))
    found = values[np.where(at >= 0, at, len(values) - 1)].tolist()
    return [value if there else None for value, there in zip(found, alive.tolist(), strict=True)]
