"""`python -m benchmarks.replay`: seek, step, fork, diff, bisect and why on a long run, through the Python API.

python -m benchmarks.replay --record pace10          records the run first: 180,000 ticks in half an hour, the soak
python -m benchmarks.replay --record flat            the same run in two to four minutes
python -m benchmarks.replay --home HOME --run NAME   measures a run that is there; nothing of it is changed
python -m benchmarks.replay --quick --ticks 2000     a look

The home is a new one, removed at the end, unless --home names one. About 11 GB of disk for the whole run.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks.laboratory import new_home, remove_home
from benchmarks.machine import machine
from benchmarks.plan import Plan
from benchmarks.replay_page import write_page
from benchmarks.replay_questions import Asker
from benchmarks.soak import record
from infrastructure.settings import Settings

_OUT = Path(__file__).parent.parent / "docs" / "benchmarks"
QUESTIONS = ("seek", "step", "fork_and_diff", "bisect", "why")


def main() -> int:
    """Record if need be, measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--home", type=Path, help="a home to record in, or where the run is; kept")
    parser.add_argument("--run", help="name of a run in that home")
    parser.add_argument(
        "--record", choices=("pace10", "flat"), help="record a run; the default if --run is left out: flat"
    )
    parser.add_argument("--agents", type=int, default=500)
    parser.add_argument("--ticks", type=int, default=180_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=QUESTIONS, action="append", help="may be repeated")
    parser.add_argument("--quick", action="store_true", help="a fifth of the questions")
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=_OUT)
    given = parser.parse_args()
    if given.run and not given.home:
        parser.error("--run needs --home")
    # Ended from outside it ends as it would by itself, and the run that it records with it.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    plan = Plan("tiny" if given.tiny else "quick" if given.quick else "full", given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    home = (given.home or new_home()).resolve()
    try:
        name = given.run
        if given.record or not name:
            paced = given.record == "pace10"
            name = name or ("soak" if paced else "flat")
            record(home, plan, name=name, agents=given.agents, ticks=given.ticks, pace_ms=10.0 if paced else None,
                   out=given.out / "soak.json" if paced else None)  # fmt: skip
        result = measure(home, name, plan, tuple(given.only or QUESTIONS))
    finally:
        if given.home is None:
            remove_home(home)
    path = given.out / "replay.json"
    if given.only and path.exists():  # what was not asked now stays
        result = json.loads(path.read_text()) | result
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(write_page(given.out))
    return 0


def measure(home: Path, name: str, plan: Plan, questions: tuple[str, ...]) -> dict[str, Any]:
    """Return the figures of a run in a home."""
    from chronopolis.api import History

    before = machine()
    with History(name, settings=Settings(home=home)) as history:
        store, run = history._store, history._run
        result: dict[str, Any] = {
            "machine": before,
            "scale": plan.scale,
            "seed": plan.seed,
            "run": {
                "name": run.name,
                "agents": run.configuration.agents,
                "ticks": history.head_tick,
                "events": store.total_events(run),
                "bytes": store.size_bytes(run),
                "snapshots": len(store.snapshot_ticks(run)),
                "head_hash": history.head_hash,
            },
            "missing": {},
        }
        asker = Asker(history, plan)
        for question in questions:
            plan.say(question)
            try:
                result[question] = getattr(asker, question)()
            except ImportError as error:  # a part that this release does not have
                result["missing"][question] = f"{type(error).__name__}: {error}"
                plan.say(f"{question} is missing: {error}")
    return result


if __name__ == "__main__":
    sys.exit(main())
