"""A runner as a process of its own, to be killed: `python -m tests.support.run_process --name X --ticks 200`.

It takes the database from POLIS_HOME and POLIS_DATABASE_URL, makes the run if there is none of that name,
and goes on with it otherwise. Standard output gets a line of JSON when the first new tick is durable
(`{"durable": tick, "after_s": seconds since the process began}`), and at the end the summary, or
`{"error": …, "type": …}` and exit code 1.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time

import psutil

from domain.configuration import Configuration
from domain.errors import PolisError, RunExists
from workers.bootstrap import db_upgrade, open_database, open_store
from workers.run_figures import Progress
from workers.runner import Runner


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="run_process")
    parser.add_argument("--name")
    parser.add_argument("--ticks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--agents", type=int, default=40)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--height", type=int, default=24)
    parser.add_argument("--durability", default="tick")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pace", type=float)
    parser.add_argument("--take-over", action="store_true")
    parser.add_argument("--migrate-only", action="store_true")
    return parser.parse_args()


def say(what: object) -> None:
    """Print a line of JSON."""
    print(json.dumps(what), flush=True)


def main() -> int:
    """Run."""
    asked = arguments()
    if asked.migrate_only:
        with open_database() as database:
            say({"schema": db_upgrade(database).current})
        return 0
    configuration = Configuration(agents=asked.agents, width=asked.width, height=asked.height)
    first: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        if not first:
            first.append(progress)
            after_s = time.time() - psutil.Process().create_time()
            say({"durable": progress.durable_tick, "after_s": round(after_s, 3)})

    try:
        with open_store(say=lambda s: print(s, file=sys.stderr, flush=True)) as store:
            try:
                run = store.create(asked.name, seed=asked.seed, configuration=configuration, target=asked.ticks)
            except RunExists:
                run = store.find(asked.name)
            runner = Runner(
                store, run, durability=asked.durability, threads=asked.threads, pace_ms=asked.pace,
                take_over=asked.take_over, on_progress=on_progress,
                say=lambda s: print(s, file=sys.stderr, flush=True),
            )  # fmt: skip
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: runner.stop())
            say(runner.run(asked.ticks).as_dict())
    except PolisError as error:
        say({"error": str(error), "type": type(error).__name__})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
