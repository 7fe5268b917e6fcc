"""Figures of a run by the minute: how long its ticks took, how much memory its process holds.

For whoever watches a long run from outside. Nothing of it enters history, and no tick is longer for it: it is
looked at between ticks.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil


class Minutes:
    """Tells of each minute of a run.

    Parameters
    ----------
    tell : callable, given the figures of a minute that is over
    every_s : how long a minute is
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None], *, every_s: float = 60.0) -> None:
        self._tell, self._every_s = tell, every_s
        self._process = psutil.Process()
        self._began = self._since = 0.0
        self._seen = 0

    def look(self, tick_ms: array[float], tick: int, *, at_end: bool = False) -> None:
        """Tell of the minute if it is over.

        Parameters
        ----------
        tick_ms : milliseconds of every tick so far
        tick : the newest tick that is durable
        at_end : the run is over, and so is its last minute, however short
        """
        now = time.perf_counter()
        if not self._began:  # the first tick: what came before was getting ready
            self._began = self._since = now
        if now - self._since < self._every_s and not (at_end and len(tick_ms) > self._seen):
            return
        ms = np.array(tick_ms[self._seen :])
        p50, p99 = np.percentile(ms, [50, 99]) if len(ms) else (0.0, 0.0)
        self._tell({
            "second": round(now - self._began, 1),
            "tick": tick,
            "ticks": len(ms),
            "tick_ms": {
                "p50": round(float(p50), 3), "p99": round(float(p99), 3),
                "max": round(float(ms.max(initial=0.0)), 3),
            },
            "rss_mb": round(self._process.memory_info().rss / 2**20, 1),
        })  # fmt: skip
        self._since, self._seen = now, len(tick_ms)
