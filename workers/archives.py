"""Taking in runs that another database made: each tick is folded and compared before it becomes history here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import replay
from domain.advance import Header, header_of, new_world
from domain.columns import AREAS
from domain.configuration import require_name
from domain.errors import CorruptHistory, PolisError
from domain.events import EventBatch
from domain.fold import fold
from domain.ports import Headers, Run
from domain.state import World
from domain.upcast import to_current
from replay.seek import by_tick
from workers.bootstrap import drop_run

_TELL_EVERY = 256
_UNDONE = "the archive it was in could not be taken in"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TakenIn:
    """A run of an archive, in this database now.

    Attributes
    ----------
    run : Run
    archived_as : its name in the archive
    ticks : how many were taken in; 0 if all were there already
    was_there : whether it, or a part of it, was
    asked_for : whether whoever made the archive asked for it; else another one reads it
    head_tick, head_hash : the newest tick that came; -1 and "" before tick 0
    """

    run: Run
    archived_as: str
    ticks: int
    was_there: bool
    asked_for: bool
    head_tick: int
    head_hash: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "run": self.run.id, "name": self.run.name, "archived_as": self.archived_as, "ticks": self.ticks,
            "was_there": self.was_there, "asked_for": self.asked_for, "head_tick": self.head_tick,
            "head_hash": self.head_hash,
        }  # fmt: skip


def take_in(
    archive: Any,
    *,
    prefix: str = "",
    say: Callable[[str], None] | None = None,
    on_progress: Progress | None = None,
) -> list[TakenIn]:
    """Take in all runs of an archive, or none; return them, ancestors first.

    Each tick is folded and compared with its header before it is appended; afterwards those that were asked for are
    verified as `polis verify` does it, inputs and snapshots included. A run that is there already as far as in the
    archive stays as it is. One that was taken in in part, by somebody who was killed, is gone on with.

    Parameters
    ----------
    archive : IncomingArchive of `workers.bootstrap.open_incoming`
    prefix : what to put before the names of runs
    say : told what is waited for
    on_progress : told of which run how many ticks of how many are taken in, and then verified

    Raises
    ------
    ArchiveRefused
        If the file is damaged, was changed, or has a run of whose name another one is here.
    RunIsHeld, RunExists, InvalidConfiguration
    """
    archive.require_whole()
    names = [prefix + each.name for each in archive.runs]
    for name in names:
        require_name(name)
    found: list[TakenIn] = []
    made: list[Run] = []
    try:
        for number in range(len(archive.runs)):
            parent = archive.runs[number].parent
            above = None if parent is None else found[parent].run
            there = archive.find_same(number, name=names[number], parent=above)
            run = there or archive.begin_run(number, name=names[number], parent=above)
            if there is None:
                made.append(run)
            found.append(_append(archive, number, run, was_there=there is not None, say=say, on_progress=on_progress))
        for each in found:
            if each.asked_for and each.ticks:
                _require_sound(archive, each.run, on_progress)
    except BaseException:
        for run in reversed(made):
            _drop(archive, run, say)
        raise
    return found


def _drop(archive: Any, run: Run, say: Callable[[str], None] | None) -> None:
    """Drop a run that was taken in in vain; where that is refused it stays, since why it was in vain matters more."""
    try:
        drop_run(archive.store.database, run, _UNDONE)
    except PolisError as error:
        if say is not None:
            because = str(error).partition("\n")[0]
            say(f"run {run.name} is there in part and could not be dropped again ({because}); `polis drop` does it")


def _append(
    archive: Any, number: int, run: Run, *, was_there: bool,
    say: Callable[[str], None] | None, on_progress: Progress | None,
) -> TakenIn:  # fmt: skip
    """Append what is missing of a run."""
    store, wanted = archive.store, archive.runs[number]
    head = store.head(run)
    first = 0 if head is None else head.tick + 1
    told = TakenIn(run, wanted.name, max(0, wanted.last_tick - first + 1), was_there, wanted.asked_for,
                   wanted.last_tick, wanted.head_hash)  # fmt: skip
    if was_there and not told.ticks:
        return told
    headers = archive.headers(number)
    archive.require_known(number, headers)
    inputs = archive.inputs_by_tick(run)
    world = new_world(run.configuration) if head is None else replay.at(store, run, head.tick)
    chain = run.genesis_hash if head is None else head.chain_hash
    with store.writer(run, durability="group", target=wanted.target, say=say) as writer:
        try:
            for tick, events in _ticks(archive, number, first):
                header, catalogue = _header_of(archive, wanted.name, headers, tick, wanted.first_tick)
                _fold(archive, wanted.name, world, events, header, catalogue, chain)
                chain = header.chain_hash
                writer.append(events, header, inputs_used=inputs.get(tick, 0), catalogue=catalogue)
                if on_progress is not None and tick % _TELL_EVERY == 0:
                    on_progress(f"taking in {run.name}", tick, wanted.last_tick)
            writer.flush()
            archive.keep_snapshots(number, run)
            writer.set_status(wanted.status, problem=wanted.problem)
        except BaseException:
            writer.set_status("paused", problem="it was being taken in from an archive")
            raise
    if wanted.last_tick >= 0 and chain.hex() != wanted.head_hash:
        raise _changed(archive, wanted.name, wanted.last_tick, "the last header is not that of the manifest")
    return told


def _ticks(archive: Any, number: int, first: int) -> Iterator[tuple[int, EventBatch]]:
    wanted = archive.runs[number]
    for tick, events in by_tick(archive.events(number), wanted.first_tick, wanted.last_tick):
        if tick >= first:
            yield tick, events


def _header_of(archive: Any, name: str, headers: Headers, tick: int, first: int) -> tuple[Header, int]:
    at = tick - first
    if not 0 <= at < len(headers) or headers.ticks[at] != tick:
        raise _changed(archive, name, tick, "it has no header")
    return headers.at(at), int(headers.catalogues[at])


def _fold(
    archive: Any, name: str, world: World, events: EventBatch, header: Header, catalogue: int, chain: bytes
) -> None:
    """Fold a tick; refuse it unless it is the one that its header is of, and follows from the tick before."""
    tick = header.tick
    if len(events) != header.events or events.hash() != header.events_hash:
        raise _changed(archive, name, tick, "its events do not have the recorded hash")
    if tick != world.tick + 1:
        raise _changed(archive, name, tick, "it does not follow from the tick before")
    try:
        fold(world, to_current(events, catalogue))
    except CorruptHistory as error:
        raise _changed(archive, name, tick, f"event {error.ordinal} can't be folded: {error.because}") from None
    except (PolisError, KeyError, ValueError, IndexError) as error:
        raise _changed(archive, name, tick, f"its events can't be folded: {error}") from None
    computed = header_of(world, header.events_hash, header.events, chain)
    if computed != header:
        areas = [area for area, a, b in zip(AREAS, computed.areas, header.areas, strict=True) if a != b]
        raise _changed(archive, name, tick, f"{areas[0] if areas else 'its chain of hashes'} is not as recorded")


def _require_sound(archive: Any, run: Run, on_progress: Progress | None) -> None:
    def tell(tick: int, last: int) -> None:
        if on_progress is not None:
            on_progress(f"verifying {run.name}", tick, last)

    found = replay.verify(archive.store, run, on_progress=tell)
    if not found.ok:
        raise _changed(archive, run.name, found.first_bad_tick or 0, f"{found.area}: {found.reason}")


def _changed(archive: Any, name: str, tick: int, because: str) -> PolisError:
    return archive.refusal(
        f"it was changed: run {name}, tick {tick:,}: {because}",
        "Runs that were not here before are not here now. Have it made again, from a history that is whole.",
    )  # fmt: skip


__all__ = ["TakenIn", "take_in"]
