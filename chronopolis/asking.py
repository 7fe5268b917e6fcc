"""Asking history in SQL from Python: only what reads, always with a limit of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chronopolis.errors import WrongUsage
from chronopolis.sql_text import READING, first_word, statements_of
from domain.errors import shown

if TYPE_CHECKING:
    from workers.bootstrap import Analyst


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
