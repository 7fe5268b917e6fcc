"""A runner in a process of its own, to be killed or watched: what `polis run` and `polis resume` do.

It says, a line of JSON each: when the store is open, when the first tick of this process is durable,
now and then which tick is durable, and at the end the percentiles of each window of time.

    python -m benchmarks.victim --run NAME [--agents N] [--seed S] --durability D [--pace MS] [--seconds S]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.laboratory import WatchedRunner, WatchedStore, laboratory, run_on, world_of
from benchmarks.samples import summary_of
from domain.errors import UnknownRun
from workers.memory import peak_rss_mb

_SAY_EVERY_S = 0.2


def main() -> None:
    """Run until told to stop, or killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--agents", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--durability", default="group")
    parser.add_argument("--pace", type=float)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--windows", type=int, default=1)
    options = parser.parse_args()
    with laboratory(Path(os.environ["POLIS_HOME"])) as store:
        _say("open")
        try:
            run = store.find(options.run)
        except UnknownRun:
            run = store.create(options.run, seed=options.seed, configuration=world_of(options.agents), target=0)
        last_said = 0.0

        def on_durable(tick: int) -> None:
            nonlocal last_said
            now = time.monotonic()
            if now - last_said >= _SAY_EVERY_S:
                last_said = now
                _say("durable", tick=tick)

        watched = WatchedStore(store, on_durable=on_durable)
        runner = WatchedRunner(watched, run, durability=options.durability, pace_ms=options.pace)
        run_on(runner, seconds=options.seconds)
        windows = [summary_of(part) for part in np.array_split(runner.clock.tick_ms, options.windows)]
        _say("end", windows=windows, events=runner.clock.events, peak_rss_mb=peak_rss_mb())


def _say(what: str, **values: Any) -> None:
    # The clock of the machine, which the process that watches reads too.
    print(json.dumps({"what": what, "at": time.monotonic(), **values}), flush=True)


if __name__ == "__main__":
    main()
