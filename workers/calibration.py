"""Measure an engine, and say how often a run on this machine may ask it.

By Little's law the number of questions under way is their rate times their latency. So latency is measured at
several numbers under way, the largest rate is taken at which its mean stays under the limit, and the budget keeps
below that rate, since a queue that is fed at the full rate of its server grows without end.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from domain.errors import MindError
from domain.ports import Completion, Engine
from workers.sample_questions import is_usable, questions

LATENCY_S_MAX = 2.0
CONCURRENCIES = (1, 2, 4)
LOAD = 0.8
"""Share of the measured rate that the budget uses."""
DELAY_SPREAD = 1.5
"""The delay covers this many times the slow end of what was measured: the barrier then seldom waits."""


@dataclass(frozen=True)
class Measured:
    """What one number of questions under way gave.

    Attributes
    ----------
    concurrency : questions under way at any time
    answers, failed : how many came, and how many did not or broke the schema
    per_second : answers
    latency_ms_mean, latency_ms_p95, latency_ms_max : of answers
    tokens_in, tokens_out : mean of an answer
    """

    concurrency: int
    answers: int
    failed: int
    per_second: float
    latency_ms_mean: int
    latency_ms_p95: int
    latency_ms_max: int
    tokens_in: int
    tokens_out: int


def calibrate(
    engine: Engine,
    *,
    pace_ms: float = 10.0,
    concurrencies: Sequence[int] = CONCURRENCIES,
    seconds: float = 10.0,
    asked: Sequence[Completion] | None = None,
    usable: Callable[[str, Completion], bool] = is_usable,
    timeout_s: float = 60.0,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Ask an engine for a while, and return a profile.

    Parameters
    ----------
    engine : Engine
    pace_ms : float
        Milliseconds from tick to tick that the run is to have.
    concurrencies : numbers of questions under way to try
    seconds : float
        How long to ask at each; at least twice as many questions as are under way are asked.
    asked : what to ask, again and again; by default a small society's own questions
    usable : callable, says of an answer whether it is one to its question; by default as a run judges
    timeout_s : float
        For one answer.
    say : callable

    Returns
    -------
    dict
        think_delay (ticks), think_budget (questions in 1,000 ticks), concurrency, ok (whether the mean latency
        stays under the limit), pace_ms, latency_ms_mean_limit, engine, measured (rows of `Measured`).

    Raises
    ------
    MindError
        If no question at all was answered: the last one's error.
    """
    asked = questions() if asked is None else asked
    engine.complete(asked[-1], timeout_s=timeout_s)  # the first has the server's warming up in it
    rows: list[Measured] = []
    for under_way in concurrencies:
        say(f"asking, {under_way} at a time")
        rows.append(_measure(engine, asked, usable, under_way, seconds, timeout_s))
    good = [row for row in rows if row.latency_ms_mean <= LATENCY_S_MAX * 1e3]
    best = max(good, key=lambda row: (row.per_second, -row.concurrency)) if good else rows[0]
    seconds_per_1000_ticks = pace_ms
    return {
        "think_delay": max(1, math.ceil(best.latency_ms_p95 * DELAY_SPREAD / pace_ms)),
        "think_budget": max(1, math.floor(best.per_second * LOAD * seconds_per_1000_ticks)),
        "concurrency": best.concurrency,
        "ok": bool(good),
        "pace_ms": pace_ms,
        "latency_ms_mean_limit": round(LATENCY_S_MAX * 1e3),
        "engine": dict(engine.identity),
        "measured": [asdict(row) for row in rows],
    }


def _measure(
    engine: Engine,
    asked: Sequence[Completion],
    usable: Callable[[str, Completion], bool],
    under_way: int,
    seconds: float,
    timeout_s: float,
) -> Measured:
    latencies: list[float] = []
    tokens_in = tokens_out = failed = begun = 0
    last: MindError | None = None
    mutex = threading.Lock()
    began = time.perf_counter()

    def ask() -> None:
        nonlocal tokens_in, tokens_out, failed, begun, last
        while True:
            with mutex:
                if time.perf_counter() - began > seconds and begun >= 2 * under_way:
                    return
                wanted, begun = asked[begun % len(asked)], begun + 1
            at = time.perf_counter()
            try:
                said = engine.complete(wanted, timeout_s=timeout_s)
                problem = None if usable(said.text, wanted) else MindError("no answer followed the schema")
            except MindError as error:
                problem = error
            if problem is not None:
                with mutex:
                    failed, last = failed + 1, problem
                if time.perf_counter() - at < 0.01:
                    time.sleep(0.1)  # refused at once: not to be asked a thousand times
                continue
            with mutex:
                latencies.append(time.perf_counter() - at)
                tokens_in, tokens_out = tokens_in + said.tokens_in, tokens_out + said.tokens_out

    threads = [threading.Thread(target=ask, name=f"calibration {i}") for i in range(under_way)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if not latencies:
        raise last or MindError("nothing was asked")
    latencies.sort()
    n = len(latencies)
    return Measured(
        concurrency=under_way,
        answers=n,
        failed=failed,
        per_second=round(n / took, 3),
        latency_ms_mean=round(sum(latencies) / n * 1e3),
        latency_ms_p95=round(latencies[min(n - 1, math.ceil(0.95 * n) - 1)] * 1e3),
        latency_ms_max=round(latencies[-1] * 1e3),
        tokens_in=round(tokens_in / n),
        tokens_out=round(tokens_out / n),
    )
