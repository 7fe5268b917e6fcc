"""How much memory a run takes: its own peak, and the proportional share (PSS) of everything it started."""

from __future__ import annotations

import resource
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil


def peak_rss_mb() -> float:
    """Return this process's peak resident memory in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def pss_of_everything_mb(store: Any, more: Iterable[int] = ()) -> float:
    """Return the sum of PSS in MB over this process, its children, the embedded server, and `more` with theirs.

    PSS counts a shared page once, divided among those who share it, so the sum is what is really taken.
    """
    own = psutil.Process()
    processes = {own.pid: own, **{p.pid: p for p in own.children(recursive=True)}}
    embedded = getattr(getattr(store, "database", None), "embedded", None)
    server = embedded.postmaster_pid if embedded is not None else None
    for pid in (server, *more):
        if pid is None:
            continue
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            processes |= {p.pid: p for p in (root, *root.children(recursive=True))}
    return round(sum(_pss_kb(pid) for pid in processes) / 1024, 1)


def _pss_kb(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass  # it ended meanwhile, or belongs to another user
    return 0
