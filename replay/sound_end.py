"""Sound end: what can be seen at once of a damaged history, looked for before anybody writes on from it.

Not what `verify` finds, which folds every tick: only what a tick that is written after it would bury. A run that goes
on from a header that does not follow from the one before, beside events of a tick that lost its header, or with another
seed than its genesis was hashed with, can never be verified again.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.advance import Header
from domain.configuration import genesis_hash
from domain.errors import CorruptHistory
from domain.hashing import chain_hash
from domain.ports import HistoryReader, Run
from replay.scenario import lineage_of
from replay.seek import where_to_look


def require_sound_end(reader: HistoryReader, run: Run, head: Header | None) -> None:
    """Refuse a run that nothing may be added to.

    Raises
    ------
    CorruptHistory
        If its seed, configuration or versions, its newest header, or events above it are not as they were recorded, or
        it is no longer recorded where they lie, or where it was forked.
    """
    unlisted = reader.unlisted_tick(run)
    if unlisted is not None:
        because = f"run {run.name}: polis.stretches has no row any more that says where the events of this tick lie"
        raise CorruptHistory(unlisted, -1, because)
    line = lineage_of(reader, run)
    for one in line:
        require_genesis(one, told=run)
    misplaced = misplaced_fork(reader, line, head)
    if misplaced is not None:
        raise CorruptHistory(misplaced[0], -1, misplaced[1])
    if head is not None:
        before = line[0].genesis_hash
        if head.tick > 0:
            previous = reader.headers(run, head.tick - 1, head.tick - 1)
            if not len(previous):
                raise CorruptHistory(head.tick - 1, -1, f"run {run.name}: its header is missing; {where_to_look(run)}")
            before = previous.chain_hash[0]
        if chain_hash(before, head.tick, head.events_hash, head.state_hash) != head.chain_hash:
            because = f"run {run.name}: its chain hash does not follow from the tick before; {where_to_look(run)}"
            raise CorruptHistory(head.tick, -1, because)
    stray = reader.stray_tick(run)
    if stray is not None:
        because = f"run {run.name}: events are stored above the newest header: one was taken away"
        raise CorruptHistory(stray, -1, because)


def require_genesis(one: Run, *, told: Run) -> None:
    """Refuse a run, of the lineage of the one that is told of, that is not made of what its genesis was hashed from."""
    versions = {"rules": one.rules_version, "state": one.state_version, "hashing": one.hashing_version}
    if genesis_hash(one.seed, one.configuration, **versions) != one.genesis_hash:
        because = f"run {one.name}: seed, configuration and versions do not have the recorded genesis hash"
        raise CorruptHistory(-1, -1, f"{because}; {where_to_look(told)}")


def misplaced_fork(reader: HistoryReader, line: Sequence[Run], head: Header | None) -> tuple[int, str] | None:
    """Return a tick and what is wrong, if somebody changed where a run, or one that it descends from, was forked.

    Such a run would read other ticks than its own, of which each may be as it was recorded.
    """
    for one in line:
        at = one.fork_tick
        if at is None:
            continue
        says = f"run {one.name}: polis.runs says that it was forked at tick {at}"
        if at < 0 or (one is line[-1] and (head is None or head.tick < at)):
            return max(0, at), f"{says}, and its parent has no such tick"
        first = reader.first_own_tick(one)
        if first is not None and first != at + 1:
            return min(first, at + 1), f"{says}, and it has ticks of its own from tick {first} on"
    return None


__all__ = ["misplaced_fork", "require_sound_end"]
