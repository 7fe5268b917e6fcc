"""`python -m benchmarks`: run benchmarks, each in a process and on a server of its own, and write the table.

python -m benchmarks                       everything that has a bar: about 20 minutes on two cores
python -m benchmarks --quick               a look at each, under two minutes; says nothing about bars
python -m benchmarks --only ticks memory   some of them; the table keeps what was measured before
python -m benchmarks --only copying        what a COPY of a tick's rows takes, by how many there are
python -m benchmarks --only closing        what a full stretch's indexes cost, and how fast an agent is found by them
python -m benchmarks --only layout         the evidence for docs/decisions/0002-physical-layout.md
python -m benchmarks --only endurance      half an hour of 500 agents
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.catalogue import BENCHMARKS, BY_NAME_ONLY
from benchmarks.laboratory import as_owner, laboratory, new_home, remove_home
from benchmarks.machine import machine, server
from benchmarks.plan import Plan

_ROOT = Path(__file__).parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Run them; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--quick", action="store_const", const="quick", dest="scale", default="full")
    parser.add_argument("--tiny", action="store_const", const="tiny", dest="scale", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", choices=tuple(BENCHMARKS), metavar="NAME",
                        help=f"of {', '.join(BENCHMARKS)}; {', '.join(BY_NAME_ONLY)} run only if named")  # fmt: skip
    parser.add_argument("--out", type=Path, help="default: docs/benchmarks, with --quick build/benchmarks")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--table", action="store_true", help="measure nothing: write table and plots anew")
    parser.add_argument("--child", nargs=2, metavar=("HOME", "RESULT"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        return _child(options)
    out = options.out or _ROOT / ("docs/benchmarks" if options.scale == "full" else "build/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    names = [] if options.table else options.only or [name for name in BENCHMARKS if name not in BY_NAME_ONLY]
    failed = [name for name in names if not _run(name, options.scale, options.seed, out)]
    from benchmarks.report import write_report

    print(write_report(out))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, scale: str, seed: int, out: Path) -> bool:
    """Run one benchmark in a process of its own, for a limited time, and clean up after it."""
    print(f"{name}:", file=sys.stderr, flush=True)
    home, result = new_home(), out / f"{name}.json"
    part = result.with_suffix(".part")
    limit_s = BENCHMARKS[name][2] * 60
    command = [sys.executable, "-m", "benchmarks", f"--{scale}", "--only", name, "--seed", str(seed)]
    if scale == "full":
        command.remove("--full")
    try:
        # Its own session: if it has to be ended, so are the runners that it started.
        process = subprocess.Popen(
            [*command, "--child", str(home), str(part)],
            cwd=_ROOT,
            env={k: v for k, v in os.environ.items() if k not in ("POLIS_DATABASE_URL", "POLIS_READER")},
            start_new_session=True,
        )
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            print(f"  not done within {limit_s / 60:g} minutes: ended", file=sys.stderr)
            code = 1
        finally:
            _end_session(process)
        if code == 0:
            part.replace(result)
        return code == 0
    finally:
        part.unlink(missing_ok=True)
        for inner in sorted(home.rglob("postgres"), key=lambda path: -len(path.parts)):
            if (inner / "data").exists():
                remove_home(inner.parent)
        remove_home(home)


def _end_session(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # the process group that we made above
    process.wait()


def _child(options: Any) -> int:
    """Measure one benchmark in this process and write its result."""
    from benchmarks.report import about

    name = options.only[0]
    module, function, _ = BENCHMARKS[name]
    began = time.monotonic()
    plan = Plan(options.scale, options.seed)
    home, target = (Path(path) for path in options.child)
    try:
        with laboratory(home) as store:
            with as_owner(store) as connection:
                on = {"machine": machine(), "server": server(connection)}
            result = getattr(importlib.import_module(f"benchmarks.{module}"), function)(store, plan)
    except Exception:  # whatever it is, the others are to go on
        traceback.print_exc()
        return 1
    document = {"benchmark": name, "scale": options.scale, "seed": options.seed, **on}
    document |= {"seconds": round(time.monotonic() - began, 1), "about": about(name), "result": result}
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
