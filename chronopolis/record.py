"""The recorded events of a run, for people: filtered, streamed, as frames."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import replay
from chronopolis.errors import NoTicksYet, UnknownAgent, WrongUsage
from chronopolis.people import find_agent, id_in
from domain.errors import BeyondHead, UnknownEventKind, shown
from domain.events import (
    ABSENT,
    AGENT_BORN,
    AGENT_JOINED,
    CAUSE,
    EVENT_DTYPE,
    GIVEN,
    KIND_BY_NUMBER,
    KINDS,
    NEEDS,
    TAKEN,
    EventBatch,
    EventKind,
    Field,
    kind_named,
)
from domain.ports import HistoryReader, Run
from replay.catalogues import Catalogues
from replay.judging import OnProgress
from replay.seek import ticks_of

_GATHER_EVENTS = 50_000
_FEW_TICKS, _FEW_EVENTS = 64, 100_000  # are read whole: a stretch without an index would be scanned for them


def head_tick(reader: HistoryReader, run: Run) -> int:
    """Return the newest tick.

    Raises
    ------
    NoTicksYet
    RunDropped
        If somebody has dropped the run since it was found: it has no head either.
    """
    head = reader.head(run)
    if head is None:
        reader.lease(run)
        raise NoTicksYet(run.name)
    return head.tick


def require_tick(reader: HistoryReader, run: Run, tick: int | None) -> int:
    """Return `tick`, or the newest one if it is None.

    Raises
    ------
    BeyondHead, NoTicksYet, RunDropped
    """
    head = head_tick(reader, run)
    if tick is None:
        return head
    if not 0 <= tick <= head:
        raise BeyondHead(run.name, tick, head)
    return tick


def kinds_named(names: Sequence[str]) -> tuple[EventKind, ...]:
    """Return the kinds of those names, given as `GoodsTraded`, `goodstraded` or the name of the view.

    Raises
    ------
    WrongUsage
    """
    try:
        return tuple(kind_named(name) for name in names)
    except UnknownEventKind as error:
        there = ", ".join(k.name for k in KINDS)
        raise WrongUsage(f"there is no kind of event {shown(error.kind)}", f"There are {there}.") from None


def select_events(
    reader: HistoryReader,
    run: Run,
    *,
    first: int,
    last: int,
    kinds: Sequence[EventKind] = (),
    agent: int | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[EventBatch]:
    """Yield the events of ticks first … last, of some kinds and of one agent if asked for, in order.

    Of many ticks the store chooses them. Then nothing is counted: that somebody took a row away is not noticed here;
    `verify` finds it. `on_progress` is told the tick up to which was looked, and the last, also where nothing is found.

    Raises
    ------
    CorruptHistory
        If there is no header where one is needed.
    """
    numbers = [k.number for k in kinds]
    headers = reader.headers(run, first, last) if last - first < _FEW_TICKS else None
    if (agent is None and not numbers) or (headers is not None and headers.events.sum() <= _FEW_EVENTS):
        for tick, events in enumerate(ticks_of(reader, run, first, last, headers=headers), first):
            if on_progress:
                on_progress(tick, last)
            kept = _selection(events.records, numbers, agent)
            if kept is None:
                yield events
            elif len(kept):
                yield taken(events, kept)
        return
    catalogues = Catalogues(reader, run, first, last)
    for found in reader.selected(run, first, last, agent=agent, kinds=numbers, on_progress=on_progress):
        yield catalogues.today(found)


def _selection(records: NDArray[np.void], kinds: Sequence[int], agent: int | None) -> NDArray[np.int64] | None:
    mask = None
    if agent is not None:
        mask = records["agent"] == agent
    if len(kinds):
        of_kind = np.isin(records["kind"], kinds)
        mask = of_kind if mask is None else mask & of_kind
    return None if mask is None else np.flatnonzero(mask)


def taken(events: EventBatch, positions: NDArray[np.int64]) -> EventBatch:
    """Return the events at some positions, rising."""
    lengths = np.diff(events.payload_ends, prepend=0)
    payloads = ((k, events.payload(int(i))) for k, i in enumerate(positions) if lengths[i])
    return EventBatch.of(events.records[positions], payloads)


def agent_of_run(
    reader: HistoryReader, run: Run, wanted: str, *, last: int, on_progress: OnProgress | None = None
) -> int:
    """Return the id of an agent that has lived by tick `last`, from its id or name, alive or dead by then.

    The dead are looked for among all who ever came, of which `on_progress` is told as `select_events` tells.

    Raises
    ------
    UnknownAgent
    """
    world = replay.at(reader, run, last)
    number = id_in(wanted)
    if number is not None and 0 <= number < world.next_agent:
        return number
    try:
        return find_agent(world, run.name, wanted)
    except UnknownAgent as error:
        if error.candidates or number is not None:
            raise
    # Not among the living: look through all who ever came.
    found: dict[int, str] = {}
    kinds = (AGENT_JOINED, AGENT_BORN)
    for events in select_events(reader, run, first=0, last=last, kinds=kinds, on_progress=on_progress):
        for i in range(len(events)):
            name = str(json.loads(events.payload(i))["name"])
            if name.casefold() == wanted.casefold().strip():
                found[int(events.records["agent"][i])] = name
    if len(found) != 1:
        raise UnknownAgent(run.name, last, wanted, tuple(f"{agent} {name}" for agent, name in found.items()))
    return next(iter(found))


# -- frames ------------------------------------------------------------------------------------------

_GENERAL = (
    Field("agent", "agent"),
    Field("target", "target"),
    Field("cell", "cell"),
    Field("detail", "detail"),
    *GIVEN,
    *TAKEN,
    *NEEDS,
)


# What each key of a payload holds, whatever is in it today: frames of several runs are put together, and polars would
# make another column of one in which nobody said a word. What a fork changed has a shape of its own each time.
_INTEGERS = ("asked", "born", "call", "family", "given", "height", "lifespan", "width")
_TEXTS = (
    "act", "answer", "because", "biome", "by", "conversation", "instead_of", "memory", "name", "news", "occupation",
    "pledge", "proposal", "purpose", "refused", "text", "unsaid", "why",
)  # fmt: skip
PAYLOAD_TYPES: dict[str, pl.DataType] = {
    **dict.fromkeys(_INTEGERS, pl.Int64()),
    **dict.fromkeys(_TEXTS, pl.String()),
    **dict.fromkeys(("capacity", "regrowth", "skills", "stock", "traits"), pl.List(pl.Int64)),
    "cites": pl.List(pl.String),
    "minds": pl.Boolean(),
    "seed": pl.Struct({"after": pl.Int64, "before": pl.Int64}),
    "terms": pl.Struct(
        {"give": pl.String, "quantity": pl.Int64, "take": pl.String, "taken": pl.Int64, "work": pl.String}
    ),
}


def events_frame(batches: Iterator[EventBatch], kind: EventKind | None) -> pl.DataFrame:
    """Return events as a frame: of one kind with that kind's own columns, else with the general ones.

    Coded values are words, absent ones null. Payload keys are columns of their own for one kind; for
    all kinds together `payload` is the JSON text. A column is of the same type in every run, also where it is empty.
    """
    frames, waiting, size = [_frame(EventBatch(np.empty(0, EVENT_DTYPE), np.empty(0, np.int64)), kind)], [], 0
    for batch in batches:
        waiting.append(batch)
        size += len(batch)
        if size >= _GATHER_EVENTS:
            frames.append(_frame(EventBatch.concat(waiting), kind))
            waiting, size = [], 0
    if waiting:
        frames.append(_frame(EventBatch.concat(waiting), kind))
    filled = [frame for frame in frames if frame.height] or frames[:1]
    return pl.concat(filled, how="diagonal_relaxed")


def _frame(events: EventBatch, kind: EventKind | None) -> pl.DataFrame:
    records = events.records
    columns: dict[str, Any] = {
        "tick": records["tick"].astype(np.int64),
        "ordinal": records["ordinal"].astype(np.int64),
    }
    if kind is None:
        names = {number: k.name for number, k in KIND_BY_NUMBER.items()}
        columns["kind"] = pl.Series([names[int(number)] for number in records["kind"]], dtype=pl.String)
    for f in (*(_GENERAL if kind is None else kind.fields), *CAUSE):
        columns[f.name] = _column(f, records)
    if kind is None:
        columns["payload"] = pl.Series(
            [events.payload(i).decode() or None for i in range(len(events))], dtype=pl.String
        )
    elif kind.payload:
        values = [json.loads(events.payload(i) or b"{}") for i in range(len(events))]
        for key in kind.payload:
            if key not in columns:
                columns[key] = pl.Series([value.get(key) for value in values], dtype=PAYLOAD_TYPES.get(key))
    return pl.DataFrame(columns)


def _column(f: Field, records: NDArray[np.void]) -> pl.Series:
    values = f.read(records[f.column].astype(np.int64))
    series = pl.Series(f.name, np.asarray(values, np.int64))
    series = series.to_frame().select(pl.when(pl.col(f.name) != ABSENT).then(pl.col(f.name))).to_series()
    if f.codes is not None:
        words = {int(code): code.name.lower() for code in f.codes}  # type: ignore[attr-defined]
        series = series.replace_strict(words, default=None, return_dtype=pl.String)
    return series
