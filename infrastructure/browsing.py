"""What a server that shows runs asks of the store: lists, counts and pages of events, each in a query or two.

`domain.ports` has what replay needs: whole ticks in order. Here a few rows are looked up among millions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import text

from domain.inputs import INTERVENTION, answer_from
from domain.ports import DamagedRun, Run
from infrastructure.event_pages import EventPages
from infrastructure.input_rows import KEY
from infrastructure.standings import Standing, standings

ThoughtKey = tuple[int, int, str, int]
"""(asked tick, agent, purpose, call): what `domain.inputs.InputKey` holds."""


class Browsing(EventPages):
    """Looks here and there in a store.

    Parameters
    ----------
    store : PostgresStore
    """

    def standings(
        self, *, parent: int = 0, order: str = "newest", limit: int | None = None
    ) -> list[Standing | DamagedRun]:
        """Return runs with where they stand, all or the forks of one; a damaged one is in its place with the reason."""
        return standings(self.store, parent=parent, order=order, limit=limit)

    def event_counts(self, run: Run, first: int, last: int, *, width: int = 1) -> list[int]:
        """Return how many events there are in ticks first … last, summed over `width` ticks each."""
        counts = np.zeros(max(0, -(-(last - first + 1) // width)), np.int64)
        query = text(
            "SELECT (tick - :first) / :width AS bin, sum(events)::int8 AS events FROM polis.ticks "
            "WHERE run = :run AND tick BETWEEN :low AND :high GROUP BY 1"
        )
        with self.store.database.lend() as connection:
            for source, low, high in self.store.segments(connection, run, first, last):
                given = {"run": source, "low": low, "high": high, "first": first, "width": width}
                for row in connection.execute(query, given):
                    counts[row.bin] += row.events
        return [int(n) for n in counts]

    def thoughts(
        self,
        run: Run,
        first: int,
        last: int,
        *,
        agent: int | None,
        limit: int,
        after: ThoughtKey | None = None,
        newest_first: bool = False,
    ) -> tuple[list[dict[str, Any]], ThoughtKey | None]:
        """Return thoughts that were asked for in ticks first … last, without prompts, and where to go on.

        Parameters
        ----------
        run, first, last
        agent : of whom; None: of anybody
        limit : at most so many
        after : key that the page begins after; before, if the newest come first
        newest_first : whether the page is taken from the end; its thoughts are in the order of keys all the same
        """
        beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
        key, ordered = ", ".join(KEY), ", ".join(f"{name} {order}" for name in KEY)
        place = "" if after is None else f"AND ({key}) {beyond} (:asked_tick, :by, :purpose, :call) "
        query = text(
            f"SELECT {key}, effect_tick, answer, engine, adapter, latency_ms, tokens_in, tokens_out, "
            "attempts, reused_from FROM polis.inputs WHERE run = :run AND purpose <> :intervention "
            "AND asked_tick BETWEEN :low AND :high AND (:agent < 0 OR agent = :agent) "
            f"{place}ORDER BY {ordered} LIMIT :most"
        )
        given = {"intervention": INTERVENTION, "agent": -1 if agent is None else agent, "most": limit + 1}
        given |= {} if after is None else dict(zip(("asked_tick", "by", "purpose", "call"), after, strict=True))
        found: list[dict[str, Any]] = []
        with self.store.database.lend() as connection:
            for source, low, high in self.store.askings(connection, run):
                here = given | {"run": source, "low": max(first, low), "high": min(last, high)}
                found += [dict(row) for row in connection.execute(query, here).mappings()]
        # In the tick of a fork both it and its parent may have asked.
        found.sort(key=_key_of, reverse=newest_first)
        there = _key_of(found[limit - 1]) if len(found) > limit else None
        page = sorted(found[:limit], key=_key_of)
        return [row | {"answer": answer_from(bytes(row["answer"]))} for row in page], there


def _key_of(row: dict[str, Any]) -> ThoughtKey:
    return row["asked_tick"], row["agent"], row["purpose"], row["call"]
