"""What questions in SQL look at beside events: what of it lacks ticks, and is to be made first.

The views `samples` and `measures` are no caches that an answer could do without, so a question that names one of these
is never answered from a part of a run without a word. What takes seconds is made before it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chronopolis.sql_text import mentions
from domain.errors import CorruptHistory
from workers.rollups import events_behind, events_unmeasured

if TYPE_CHECKING:
    from domain.ports import Run
    from workers.bootstrap import PostgresStore

FIRST_EVENTS_MAX = 3_000_000
"""As many events as a question has taken in first, if they are not: some seconds; `polis db refresh` takes in more."""
_VIEWS = ("samples", "measures")


@dataclass(frozen=True)
class Behind:
    """What a run lacks: about how many events its rollups have to take in, and its measures."""

    run: Run
    rollups: int
    measures: int


@dataclass(frozen=True)
class Completing:
    """What is to be made before questions are asked, and what would take too long.

    Attributes
    ----------
    now : what can be made in seconds, all together
    views : those of `samples` and `measures` that the questions name, or may name
    late : names of the runs that are too far behind, of all that are where nothing can be kept, and of those that are
        damaged and can't be read
    """

    now: list[Behind]
    views: list[str]
    late: list[str]

    @property
    def remark(self) -> str:
        """What whoever asks is to know of those that are too far behind; empty if none is."""
        if not self.late:
            return ""
        whose = self.late[0] if len(self.late) == 1 else f"{self.late[0]} and {len(self.late) - 1:,} more"
        remedy = f"`polis db refresh {self.late[0]}`"
        if self.views:
            return f"{' and '.join(self.views)} may lack the newest ticks of {whose}: {remedy} completes them"
        return f"the newest events of {whose} are not rolled up: {remedy} makes questions about them quicker"


def completing(store: PostgresStore, run: Run | None, queries: Sequence[str] | None) -> Completing:
    """Return what has to be made for these questions (None: for any) about a run, or about all of them.

    Of all runs only what the questions name is looked at: rollups only make a question quicker, and nobody is to wait
    for those of a run that the question may not be about.

    Raises
    ------
    CorruptHistory
        As `require_lineages`.
    """
    require_lineages(store, run, queries or ())
    views = [view for view in _VIEWS if queries is None or any(mentions(query, view) for query in queries)]
    runs, lost = ([run], []) if run is not None else _all_runs(store) if views else ([], [])
    left, found = FIRST_EVENTS_MAX, Completing([], views, lost)
    for each in runs:
        rollups = events_behind(store, each) if run is not None or "samples" in views else 0
        measures = events_unmeasured(store, each) if "measures" in views else 0
        if rollups + measures > left:
            found.late.append(each.name)
        elif rollups + measures:
            left -= rollups + measures
            found.now.append(Behind(each, rollups, measures))
    if found.now and not store.takes_writes():
        found.late[:0] = [behind.run.name for behind in found.now]
        found.now.clear()
    return found


def require_lineages(store: PostgresStore, run: Run | None, queries: Sequence[str]) -> None:
    """Refuse questions about a run, or all, that name what would lack ticks, since somebody tampered with a lineage.

    Raises
    ------
    CorruptHistory
    """
    if any(mentions(query, view) for query in queries for view in ("lineage", "measures")):
        store.require_lineages(run)


def _all_runs(store: PostgresStore) -> tuple[list[Run], list[str]]:
    """Return all runs that can be read, be they damaged in some other way, and the names of those that can't."""
    found, lost = [run for run, _, _ in store.runs()], []
    for each in store.damaged_runs():
        try:
            found.append(store.find(str(each.id)))
        except CorruptHistory:
            lost.append(each.name)
    return sorted(found, key=lambda run: run.id), lost
