"""Chronopolis: societies whose whole history is data.

From a notebook or a script::

    import chronopolis

    chronopolis.runs()  # polars frame: one row a run
    run = chronopolis.open("brave-otter")  # name, id, or unique beginning of a name
    run.head_tick  # how far it has come
    run.at(1200).agents  # polars frame: one row a living agent
    run.events(kind="GoodsTraded", first=1000)  # polars frame with that kind's own columns
    run.ticks  # polars frame: one row a tick, with its hashes
    chronopolis.diff("brave-otter", "what-if").as_dict(limit=10)  # where they part, and how they differ
    chronopolis.measures(["brave-otter", "what-if"], "population")  # one row a run and tick
    chronopolis.sql("SELECT run, count(*) FROM deaths GROUP BY run")  # over all runs

Looking changes nothing: a run goes on as if nobody had asked.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as checkers read it: `typing` takes most of the time before `polis` can answer Ctrl-C
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    import polars as pl

    from chronopolis.api import History
    from replay import Difference

__all__ = ["diff", "import_runs", "measures", "open", "runs", "sql"]


def runs() -> pl.DataFrame:
    """List all runs, oldest first.

    Returns
    -------
    polars.DataFrame
        One row a run, with what `polis runs --json` says: run, name, status, head_tick (-1 before the first),
        head_hash, target, agents, seed, mind, parent (the number of the run that it was forked from), fork_tick,
        created_at and damage (what somebody changed, if the status is damaged; null is then what is not known).
    """
    from chronopolis.api import runs

    return runs()


def open(name: int | str) -> History:  # the name that notebooks expect, as in gzip.open
    """Open the history of a run, for reading.

    Parameters
    ----------
    name : int or str
        Name of the run, its id, or the unique beginning of its name.

    Returns
    -------
    History
        Close it when done, or use it in a ``with`` statement; else it is closed with the interpreter.

    Raises
    ------
    UnknownRun
        If there is no such run, or several.

    Examples
    --------
    >>> run = chronopolis.open("brave-otter")  # doctest: +SKIP
    >>> run.at(1200).agents.select("name", "food", "coin")  # doctest: +SKIP
    """
    # Imported late: `polis --help` imports this package too, and must not wait for numpy and polars.
    from chronopolis.api import History

    return History(name)


def diff(
    a: History | int | str,
    b: History | int | str | None = None,
    *,
    tick: int | None = None,
    tick_a: int | None = None,
    tick_b: int | None = None,
) -> Difference:
    """Say where two histories part, and how their states differ.

    Parameters
    ----------
    a, b : the runs, opened or by name or id; two ticks of `a` if there is no `b`
    tick : whose states to compare; the last that both have, if neither this nor the next two are given
    tick_a, tick_b : a tick of either run

    Returns
    -------
    replay.Difference
        ``identical``, ``first_divergence``, ``frame``, ``as_dict(limit=…)``.

    Raises
    ------
    UnknownRun, BeyondHead, NoTicksYet, WrongUsage
    """
    from chronopolis.api import History

    if isinstance(a, History):
        return a.diff(b, tick=tick, tick_a=tick_a, tick_b=tick_b)
    with open(a) as run:
        return run.diff(b, tick=tick, tick_a=tick_a, tick_b=tick_b)


def measures(
    runs: Iterable[History | int | str], *names: str | Iterable[str], first: int = 0, last: int | None = None
) -> pl.DataFrame:
    """Return measures of several runs in one frame: of many seeds, of a run and its forks.

    Parameters
    ----------
    runs : the runs, opened or by name or id
    names : str, or lists of them
        Such as ``"population", "gini_coins"``; all of them if none is given. `polis measures --list` has them.
    first, last : int
        Ticks, both included; of each run up to its newest if `last` is left out.

    Returns
    -------
    polars.DataFrame
        One row a run and tick: `run`, `name`, `seed`, `tick`, and a column a measure, as `History.measures` has them.

    Raises
    ------
    UnknownRun, UnknownMeasure, WrongUsage, BeyondHead, NoTicksYet

    Examples
    --------
    >>> every = chronopolis.measures(chronopolis.runs()["run"], "population")  # doctest: +SKIP
    >>> every.pivot("name", index="tick", values="population")  # doctest: +SKIP
    """
    from chronopolis.api import measures_of

    return measures_of(runs, *names, first=first, last=last)


def import_runs(file: str | Path, *, prefix: str = "") -> list[dict[str, Any]]:
    """Take in all runs of an archive, or none; return them, ancestors first. `History.archive` writes one.

    Each tick is folded and compared before it becomes history here, and what was asked for is verified afterwards.

    Parameters
    ----------
    file : str or Path
    prefix : str, put before the names of the runs that come

    Returns
    -------
    list of dicts with "run", "name", "archived_as", "ticks" (that are new here), "was_there", "asked_for", "head_tick"
    and "head_hash"

    Raises
    ------
    ArchiveRefused
        If the file is damaged, was changed, or has a run of whose name another one is here.
    RunIsHeld, InvalidConfiguration, WrongUsage
    """
    from chronopolis.given import folder_named, text
    from workers.archives import take_in
    from workers.bootstrap import open_incoming, open_store

    where, before = folder_named("file", file, what="file"), text("prefix", prefix)
    with open_store() as store, open_incoming(where, store) as archive:
        return [each.as_dict() for each in take_in(archive, prefix=before)]


def sql(query: str, *, timeout_s: float = 30.0, limit: int | None = None) -> pl.DataFrame:
    """Ask one question in SQL about all runs, told apart by the column `run`, and return its rows; see `History.sql`.

    Raises
    ------
    WrongUsage, BadQuery, QueryTimedOut
    """
    from chronopolis.asking import answer_of
    from workers.bootstrap import open_store

    with open_store() as store:
        return answer_of(store, None, query, timeout_s=timeout_s, limit=limit)
