"""Asking history in SQL from Python: only what reads, always with a limit of time."""

from __future__ import annotations

import warnings
from typing import Any

import polars as pl

import replay
from chronopolis.answers import frame_of
from chronopolis.completing import completing
from chronopolis.errors import WrongUsage
from chronopolis.given import seconds, text, whole
from chronopolis.sql_text import READING, first_word, statements_of
from domain.errors import shown
from domain.ports import Run
from workers.bootstrap import Analyst, PostgresStore, open_analyst
from workers.rollups import refresh

_TIMEOUT_MAX_S = 3_600  # as `polis sql --timeout`


def answer_of(
    store: PostgresStore, run: Run | None, query: str, *, timeout_s: float, limit: int | None
) -> pl.DataFrame:
    """Ask one question about a run, or about all of them, and return its rows; see `History.sql`."""
    if limit is not None:
        limit = whole("limit", limit, least=1)
    query, timeout_s = text("query", query), seconds("timeout_s", timeout_s, most=_TIMEOUT_MAX_S)
    found = completing(store, run, [query])
    for behind in found.now:
        if behind.rollups:
            refresh(store, behind.run)
        if behind.measures:
            replay.fill_measures(store, behind.run)
    if found.remark:
        warnings.warn(found.remark, stacklevel=3)
    with open_analyst(store, run, timeout_s=timeout_s) as analyst:
        answer = ask(analyst, query, limit=limit)
        chunks = list(answer)
        return frame_of(answer.columns, chunks)


def ask(analyst: Analyst, query: str, *, limit: int | None) -> Any:
    """Ask one question and return its answer, whose rows come as it is iterated over.

    Raises
    ------
    WrongUsage
        If it is not one question, begins with what does not read, or is no text that can be sent.
    BadQuery, QueryTimedOut
    """
    if "\0" in query or query != query.encode("utf-8", "replace").decode():
        raise WrongUsage("the query holds what no text in a database can: a null character, or what is not UTF-8")
    found = statements_of(query)
    if len(found) != 1:
        raise WrongUsage(f"one query at a time: here are {len(found)}")
    word = first_word(found[0])
    if word not in READING:
        raise WrongUsage(
            f"{shown(word.upper())} is no question: history is only read here",
            f"A query begins with {', '.join(w.upper() for w in READING[:-1])} or {READING[-1].upper()}.",
        )
    return analyst.ask(found[0], limit=limit)
