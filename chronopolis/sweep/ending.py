"""How a sweep's runs end, and how far a sweep is."""

from __future__ import annotations

from dataclasses import dataclass

from chronopolis.sweep.plan import Member
from domain.ports import Run

WAITING, RUNNING, PAUSED, COMPLETE, DEGRADED, FAILED = "waiting", "running", "paused", "complete", "degraded", "failed"


@dataclass(frozen=True)
class Ending:
    """How far a member came.

    Attributes
    ----------
    member
    run : None of one that was never begun
    status : waiting (not begun), running (elsewhere), paused, complete, degraded or failed
    head_tick, head_hash : -1 and None before the first tick
    problem : why, if there was one
    """

    member: Member
    run: Run | None = None
    status: str = WAITING
    head_tick: int = -1
    head_hash: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a sweep is: runs that have ended, ticks that are durable, and who goes on."""

    ended: int
    runs: int
    ticks: int
    ticks_in_all: int
    under_way: tuple[tuple[str, int], ...]


__all__ = ["COMPLETE", "DEGRADED", "FAILED", "PAUSED", "RUNNING", "WAITING", "Ending", "Progress"]
