"""Bisect by a question in SQL: the first tick at which ``SELECT … WHERE tick <= :tick`` says true.

The question is asked by the role that only reads, over the views of that run alone. `:tick` stands for the tick. A scan
asks for many ticks in one statement, and for fewer at a time where that takes long.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chronopolis.asking import ask
from chronopolis.errors import WrongUsage
from chronopolis.record import select_events
from chronopolis.sql_text import READING, first_word, outside_quotes, statements_of
from domain.events import KINDS
from replay.bisect import Bisection

if TYPE_CHECKING:
    from domain.ports import EventStore, Run
    from workers.bootstrap import Analyst

_TICK = re.compile(r"(?<![:\w]):tick\b")
_AT_ONCE, _AT_ONCE_MOST = 16, 4_096
_LONG_S = 1.0

OnProgress = Callable[[int, int], None]


def bisect_by_sql(
    store: EventStore,
    run: Run,
    analyst: Analyst,
    predicate: str,
    *,
    first: int = 0,
    last: int | None = None,
    seek: bool = False,
    limit: int = 10,
    on_progress: OnProgress | None = None,
) -> Bisection:
    """Find the first tick at which a predicate in SQL is true, and the events there of the kinds whose views it names.

    Nothing tells what a query looks at: those events are weighed by nobody, and there are none if it names no kind.

    Raises
    ------
    WrongUsage, BadQuery, QueryTimedOut, BeyondHead
    """
    last = run.require_range(first, last, head=store.head(run))
    found, asked = first_true(analyst, predicate, first=first, last=last, seek=seek, on_progress=on_progress)
    method = "seek" if seek else "scan"
    if found is None:
        return Bisection(run.name, predicate, None, first, last, method, asked, settled=not seek)
    words = set(re.findall(r"\w+", predicate.lower()))
    kinds = [kind for kind in KINDS if kind.view in words]
    causes: list[dict[str, Any]] = []
    for events in select_events(store, run, first=found, last=found, kinds=kinds) if kinds else ():
        causes += [event | {"term": None, "contribution": None} for event, _ in zip(events, range(limit), strict=False)]
    before = None if found == first else False
    return Bisection(
        run.name, predicate, found, first, last, method, asked, found == first > 0, not seek, before, True, causes
    )


def first_true(
    analyst: Analyst, predicate: str, *, first: int, last: int, seek: bool, on_progress: OnProgress | None = None
) -> tuple[int | None, int]:
    """Return the first of ticks first … last at which a predicate is true, or None, and how many were asked about.

    Parameters
    ----------
    analyst : Analyst of the run
    predicate : one SELECT that gives one value, true or false, and names `:tick`
    seek : whether it is known that once true it stays true

    Raises
    ------
    WrongUsage, BadQuery, QueryTimedOut
    """
    question = _question(predicate)
    return _seek(analyst, question, first, last) if seek else _scan(analyst, question, first, last, on_progress)


def _question(predicate: str) -> str:
    found = statements_of(predicate)
    if len(found) != 1 or first_word(found[0]) not in READING:
        raise WrongUsage("--sql takes one SELECT", "Such as: SELECT count(*) > 10 FROM deaths WHERE tick <= :tick")
    if _at(found[0], "") == _at(found[0], ":tick"):
        raise WrongUsage("the query says nothing of :tick", "Such as: … FROM deaths WHERE tick <= :tick")
    return found[0].rstrip("; \n")


def _at(question: str, tick: str) -> str:
    # On a line of its own, since the question may end in a remark.
    return f"({outside_quotes(question, lambda bare: _TICK.sub(tick, bare))}\n)"


def _scan(
    analyst: Analyst, question: str, first: int, last: int, on_progress: OnProgress | None
) -> tuple[int | None, int]:
    at_once, start = _AT_ONCE, first
    _must_be_truth(analyst, question, first)
    while start <= last:
        stop, began = min(last, start + at_once - 1), time.monotonic()
        within = f"SELECT at.tick FROM generate_series({start}, {stop}) AS at (tick) WHERE {_at(question, 'at.tick')}"
        found = _one(analyst, f"{within} ORDER BY at.tick LIMIT 1")
        if found is not None:
            return int(found), int(found) - first + 1
        if on_progress:
            on_progress(stop, last)
        took = time.monotonic() - began
        at_once = max(1, at_once // 2) if took > _LONG_S else min(_AT_ONCE_MOST, at_once * 2)
        start = stop + 1
    return None, last - first + 1


def _seek(analyst: Analyst, question: str, first: int, last: int) -> tuple[int | None, int]:
    if _must_be_truth(analyst, question, first):
        return first, 1
    if not _must_be_truth(analyst, question, last):
        return None, 2
    low, high, asked = first, last, 2
    while high - low > 1:
        middle, asked = (low + high) // 2, asked + 1
        low, high = (low, middle) if _must_be_truth(analyst, question, middle) else (middle, high)
    return high, asked


def _must_be_truth(analyst: Analyst, question: str, tick: int) -> bool:
    value = _one(analyst, f"SELECT {_at(question, str(tick))}")
    if value is not None and not isinstance(value, bool):
        raise WrongUsage(f"the query gives {value!r}, and not true or false", "Compare it: SELECT count(*) > 10 …")
    return bool(value)


def _one(analyst: Analyst, query: str) -> Any:
    rows = [row for chunk in ask(analyst, query, limit=2) for row in chunk]
    return rows[0][0] if rows else None
