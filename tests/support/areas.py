"""The areas of a world as plain rows by name, to hold against the oracle's."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain import columns as col
from domain.columns import AREAS
from domain.minds import columns as m
from domain.society import AGENT_FRAME, CELL_FRAME
from domain.state import World
from tests.support.oracle import OracleWorld

_BOUNDS = {
    "personas": (0, col.SKILLS),
    "agents": (col.SKILLS, col.GOODS),
    "goods": (col.GOODS, col.TIE_OTHER),
    "ties": (col.TIE_OTHER, col.N_STATE_COLUMNS),
}
_NAMES = {column: name for name, column in AGENT_FRAME.items()}


def _goods_of(packed: int) -> tuple[int, int] | None:
    return None if packed < 0 else (packed // 2**32, packed % 2**32)


def _slots(mind: list[int], first: int, slots: int, *columns: int) -> list[tuple[int, ...]]:
    """Return what is in the slots, oldest first, by the values of several columns; `first` says which are empty."""
    rows = [tuple(mind[c + k] for c in columns) for k in range(slots)]
    empty = [k for k in range(slots) if mind[first + k] < 0]
    assert empty == list(range(len(empty))), "slots fill from the young end"
    assert all(set(rows[k]) == {-1} for k in empty), "nothing stands in an empty slot"
    return rows[len(empty) :]


def mind_of(mind: list[int], texts: dict[int, str]) -> dict[str, Any]:
    """Return a row of `World.minds` by name, as the oracle keeps it."""
    talk = offer = pledge = None
    if mind[m.TALK] >= 0:
        names = ("opened", "partner", "turn", "last", "count", "speech")
        columns = (m.TALK, m.TALK_WITH, m.TALK_TURN, m.TALK_LAST, m.TALK_COUNT, m.TALK_SPEECH)
        talk = {name: mind[c] for name, c in zip(names, columns, strict=True)}
    else:
        assert mind[m.TALK : m.TALK_SPEECH + 1] == [-1, -1, -1, -1, 0, -1]
    if mind[m.OFFER_FROM] >= 0:
        offer = {"proposer": mind[m.OFFER_FROM], "at": mind[m.OFFER_AT], "work": mind[m.OFFER_WORK]}
        offer |= {"give": _goods_of(mind[m.OFFER_GIVE]), "take": _goods_of(mind[m.OFFER_TAKE])}
    else:
        assert mind[m.OFFER_FROM : m.OFFER_WORK + 1] == [-1] * 5
    if mind[m.PLEDGE_WITH] >= 0:
        pledge = {"partner": mind[m.PLEDGE_WITH], "at": mind[m.PLEDGE_AT], "leads": mind[m.PLEDGE_LEADS] == 1}
        pledge |= {"give": _goods_of(mind[m.PLEDGE_GIVE]), "take": _goods_of(mind[m.PLEDGE_TAKE])}
    else:
        assert mind[m.PLEDGE_WITH : m.PLEDGE_LEADS + 1] == [-1, -1, -1, -1, 0]
    inbox = _slots(mind, m.INBOX_AT, m.INBOX_SLOTS, m.INBOX_FROM, m.INBOX_AT, m.INBOX_ACT, m.INBOX_TEXT)
    news = _slots(mind, m.NEWS, m.NEWS_SLOTS, m.NEWS, m.NEWS_TEXT, m.NEWS_FROM)
    recent = _slots(mind, m.RECENT_AT, m.RECENT_SLOTS, m.RECENT_AT, m.RECENT_WHAT)
    memories = [(mind[m.MEMORY + k], mind[m.MEMORY_WEIGHT + k]) for k in range(m.MEMORY_SLOTS)]
    return {
        "purpose": mind[m.PURPOSE], "last_asked": mind[m.LAST_ASKED], "reason": mind[m.REASON],
        "reason_tick": mind[m.REASON_TICK], "importance": mind[m.IMPORTANCE],
        "talk": talk, "offer": offer, "pledge": pledge,
        "inbox": [(who, at, act, texts[text]) for who, at, act, text in inbox],
        "news": [(began, texts[text], teller) for began, text, teller in news],
        "recent": [
            (at, what // 2**48, what % 2**40 - 1, what // 2**44 % 16 - 1, what // 2**40 % 16 - 1) for at, what in recent
        ],
        "memories": [None if (at, weight) == (-1, 0) else (at, weight) for at, weight in memories],
    }  # fmt: skip


def areas_of(world: World) -> dict[str, dict[int, dict[str, Any]]]:
    """Return each area of a world: rows by id, values by name."""
    rows = np.flatnonzero(world.agents[col.ALIVE, : world.n])
    ids = world.agents[col.ID, rows].tolist()
    areas: dict[str, dict[int, dict[str, Any]]] = {}
    for area, (first, last) in _BOUNDS.items():
        names = [_NAMES[k] for k in range(first, last)]
        values = world.agents[first:last, rows].T.tolist()
        areas[area] = {who: dict(zip(names, row, strict=True)) for who, row in zip(ids, values, strict=True)}
        for row in areas[area].values():
            row.pop("unique_id", None)
    names, values = list(CELL_FRAME), world.cells[list(CELL_FRAME.values())].T.tolist()
    areas["cells"] = {where: dict(zip(names, row, strict=True)) for where, row in enumerate(values)}
    minds = [] if world.minds is None else world.minds[: m.N_MIND_STATE, rows].T.tolist()
    areas["minds"] = dict(zip(ids, (mind_of(mind, world.texts) for mind in minds), strict=False))
    return areas


def assert_equal_worlds(world: World, oracle: OracleWorld, told: str = "") -> None:
    """Hold a world against the oracle's: agent by agent, cell by cell, tie by tie, mind by mind."""
    assert world.tick == oracle.tick, told
    assert (world.width, world.height) == oracle.size, told
    assert world.population == len(oracle.agents), told
    assert world.next_agent == oracle.next_agent, told
    assert (world.minds is not None) == (oracle.minds is not None), told
    expected, found = oracle.areas(), areas_of(world)
    assert set(found) == set(AREAS)
    for area in AREAS:
        if found[area] != expected[area]:
            assert set(found[area]) == set(expected[area]), f"{told} tick {world.tick}, {area}: other rows"
            for who, row in expected[area].items():
                assert found[area][who] == row, f"{told} tick {world.tick}, {area} {who}"
    for who in range(world.next_agent):
        row = world.row(who)
        assert (row is not None) == (who in oracle.agents), f"{told} tick {world.tick}: row of agent {who}"
        assert row is None or world.agents[col.ID, row] == who, f"{told} tick {world.tick}: row of agent {who}"
