"""`python -m benchmarks.minds`: thoughts a second through the queue, over the engine asked directly, in one run.

Prompts of the same society at equal concurrency, in turns: first the engine alone, from threads of this process; then
the whole way that a run takes: request, Celery worker, memory, prompt, engine, parser, input synced to Postgres.
Latency is from sending to durable. The engine has as many slots as are asked at once; a worker has one thread more,
as in a run, which prepares or stores one thought while others are being answered.

python -m benchmarks.minds                        llama: about five minutes on two cores; writes docs/benchmarks
python -m benchmarks.minds --engine vllm          the environment of `polis minds setup vllm` is needed
python -m benchmarks.minds --quick                a look
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

import replay
from benchmarks.laboratory import new_home, remove_home
from benchmarks.machine import machine
from benchmarks.samples import median
from benchmarks.tables import table
from domain.configuration import Configuration
from domain.minds.percepts import percept_of
from domain.ports import Completion, Engine, Run
from infrastructure.settings import Settings
from workers.bootstrap import EmbeddedValkey, embedded_chroma, lend_engine, open_store
from workers.crew import Crew, Post
from workers.dispatch import Dispatcher
from workers.minds.answers import ANSWER_TOKENS, schema_of
from workers.minds.prompts import render
from workers.minds.think import seed_of
from workers.runner import Runner
from workers.staff import identity_of
from workers.thinking import Request, Thinking, key_of

_OUT = Path(__file__).parent.parent / "docs" / "benchmarks"
_FAR = 1_000_000


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.minds", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--engine", choices=("llama", "vllm"), default="llama")
    parser.add_argument("--concurrency", type=int, action="append", help="default: 1, 2 (llama) or 2, 8 (vllm)")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--home", type=Path, help="keep a home, such as one where vllm is set up")
    parser.add_argument("--out", type=Path, default=_OUT)
    given = parser.parse_args()
    home = given.home or new_home()
    thoughts, turns = (6, 1) if given.quick else (48, 3)
    at_once = given.concurrency or {"llama": [1, 2], "vllm": [2, 8]}[given.engine]
    before = machine()
    try:
        rows = [_measure(Settings(home=home), given.engine, n, thoughts * max(1, n // 4), turns) for n in at_once]
    finally:
        if given.home is None:
            remove_home(home)
    given.out.mkdir(parents=True, exist_ok=True)
    result = {"engine": given.engine, "machine": before, "rows": rows}
    (given.out / f"minds-{given.engine}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(write_page(given.out))
    return 0


def _measure(settings: Settings, mind: str, at_once: int, thoughts: int, turns: int) -> dict[str, Any]:
    """Return ratio and figures at one concurrency."""
    engines = identity_of(mind, settings)
    configuration = Configuration(agents=max(60, 2 * thoughts), mind=mind, think_budget=0)
    with ExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        engine = stack.enter_context(lend_engine(engines, settings, slots=at_once))
        valkey = stack.enter_context(EmbeddedValkey(settings.home))
        chroma = stack.enter_context(embedded_chroma(settings))
        posts = (Post("minds", at_once + 1),)
        stack.enter_context(Crew(settings.home, valkey.url, servers=[valkey, chroma], posts=posts))
        dispatcher = Dispatcher(lambda: valkey.url)
        found = []
        for turn in range(turns + 1):  # the first warms up workers and caches, and is not counted
            n = thoughts if turn else at_once
            run = store.create(
                f"minds-{mind}-{at_once}-{turn}-{time.time_ns() % 10**9}",
                seed=7 + turn, configuration=configuration, target=5, engines=engines,
            )  # fmt: skip
            Runner(store, run, thinking=Thinking(store, run, None, engine=engines)).run(5)
            # Each way gets other people's prompts, turn about, since an engine keeps what it has read.
            requests = _requests(store, run, engines, 2 * n)
            one, other = (requests[::2], requests[1::2])[:: 1 if turn % 2 else -1]
            direct = _direct(engine, one, at_once)
            queued = _queued(store, run, dispatcher, other)
            print(f"  {mind}, {at_once} at once, turn {turn}: {direct['per_s']:.2f} and {queued['per_s']:.2f} a second",
                  file=sys.stderr, flush=True)  # fmt: skip
            if turn:
                found.append((direct, queued))
    return {
        "at_once": at_once,
        "thoughts": thoughts,
        "ratio": round(median([q["per_s"] / d["per_s"] for d, q in found]), 3),
        "ratios": [round(q["per_s"] / d["per_s"], 3) for d, q in found],
        "direct": {name: round(median([d[name] for d, _ in found]), 3) for name in found[0][0]},
        "queued": {name: round(median([q[name] for _, q in found]), 3) for name in found[0][1]},
    }


def _requests(store: Any, run: Run, engines: dict[str, Any], n: int) -> list[Request]:
    world = replay.at_head(store, run)
    head = store.head(run)
    rows = []
    for agent in range(n):
        percept = percept_of(world, agent, seed=run.seed, configuration=run.configuration)
        rows.append({
            "run": run.id, "asked_tick": world.tick, "agent": agent, "purpose": "intention", "call": 0,
            "effect_tick": world.tick + _FAR, "asked_chain": head.chain_hash.hex(), "percept": percept,
            "engine": engines, "settings": {"timeout_s": 300.0},
        })  # fmt: skip
    return rows


def _direct(engine: Engine, requests: list[Request], at_once: int) -> dict[str, float]:
    """Ask the engine with the very prompts that the workers make."""

    def ask(request: Request) -> tuple[float, int, int]:
        prompt = render(request["percept"], [])
        wanted = Completion(
            prompt.messages, schema_of(request["percept"]), ANSWER_TOKENS["intention"], seed_of(key_of(request)),
            temperature_milli=700,
        )  # fmt: skip
        began = time.perf_counter()
        done = engine.complete(wanted, timeout_s=300)
        return time.perf_counter() - began, done.tokens_in, done.tokens_out

    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        took = list(pool.map(ask, requests))
    seconds = time.perf_counter() - began
    return {
        "per_s": len(requests) / seconds,
        "mean_s": float(np.mean([t for t, _, _ in took])),
        "tokens_in": float(np.mean([i for _, i, _ in took])),
        "tokens_out": float(np.mean([o for _, _, o in took])),
    }


def _queued(store: Any, run: Run, dispatcher: Dispatcher, requests: list[Request]) -> dict[str, float]:
    """Send them all and wait until each is an input."""
    count = "SELECT count(*) FROM polis.inputs WHERE run = %s"  # rows would be read, at the cost of who makes them
    with store.database.connect() as connection:
        began = time.perf_counter()
        dispatcher.send(requests)
        while (done := connection.execute(count, (run.id,)).fetchone()[0]) < len(requests):
            if time.perf_counter() - began > 300:
                raise RuntimeError(f"{done} of {len(requests)} thoughts in five minutes")
            time.sleep(0.05)
        seconds = time.perf_counter() - began
    rows = store.deliberations(run)
    return {
        "per_s": len(requests) / seconds,
        "refused": float(sum("refused" in row["answer"] for row in rows)),
        "engine_and_worker_s": float(np.mean([row["latency_ms"] for row in rows])) / 1e3,
        "tokens_out": float(np.mean([row["tokens_out"] for row in rows])),
    }


def write_page(out: Path) -> str:
    """Write minds.md from what was measured last of each engine; return it."""
    parts = ["# Thoughts a second\n", (__doc__ or "").partition("\n\n")[2].partition("\n\n")[0] + "\n"]
    for path in sorted(out.glob("minds-*.json")):
        result = json.loads(path.read_text())
        rows = [
            [r["at_once"], r["thoughts"], f"{r['ratio']:.2f}", " ".join(f"{v:.2f}" for v in r["ratios"]),
             f"{r['direct']['per_s']:.2f}", f"{r['queued']['per_s']:.2f}", f"{r['direct']['mean_s']:.2f}",
             f"{r['direct']['tokens_in']:.0f}", f"{r['direct']['tokens_out']:.0f}", f"{r['queued']['refused']:.0f}"]
            for r in result["rows"]
        ]  # fmt: skip
        head = ["at once", "thoughts a turn", "ratio (bar ≥ 0.9)", "each turn", "direct/s", "queued/s",
                "direct mean s", "tokens in", "tokens out", "refused"]  # fmt: skip
        m = result["machine"]
        parts += [f"## {result['engine']}\n", table(head, rows)]
        parts.append(f"<sub>{m['when']}, {m['cores']} cores of {m['model']}, load {m['load_1min']} before</sub>\n")
    page = "\n".join(parts)
    (out / "minds.md").write_text(page)
    return page


if __name__ == "__main__":
    sys.exit(main())
