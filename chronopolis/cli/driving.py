"""Make a run, and advance it while showing how: what `run`, `resume`, `rerun`, `demo` and the cookbook share."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronopolis.cli.errors import StoppedAtOnce
from chronopolis.cli.garbage import collect_as_usual
from chronopolis.cli.live import RunDisplay
from chronopolis.cli.output import Output
from chronopolis.cli.stopping import stoppable

if TYPE_CHECKING:
    from domain.configuration import Configuration
    from domain.ports import EventStore, Run
    from workers.run_figures import Summary


def create_run(
    store: Any,
    name: str | None,
    *,
    seed: int,
    configuration: Configuration,
    target: int,
    engines: dict[str, Any] | None = None,
    groups: dict[str, str] | None = None,
    parent: Run | None = None,
    fork_tick: int | None = None,
) -> Run:
    """Make a run, under a memorable name if none is given; look first whether its minds can be had."""
    from chronopolis.names import memorable_name
    from domain.errors import RunExists
    from workers.bootstrap import Settings
    from workers.staff import identity_of

    engines = engines or identity_of(configuration.mind, Settings.from_environment(), groups=groups)
    made = {"seed": seed, "configuration": configuration, "target": target, "engines": engines}
    made |= {"parent": parent, "fork_tick": fork_tick}
    if name is not None:
        return store.create(name, **made)
    while True:
        drawn = memorable_name(store.names())
        try:
            return store.create(drawn, **made)
        except RunExists:  # another polis drew it in this very moment
            continue


def drive(
    output: Output,
    store: EventStore,
    run: Run,
    *,
    target: int,
    durability: str = "tick",
    threads: int = 1,
    pace_ms: float | None = None,
    take_over: bool = False,
    answers: str = "reuse",
    patience_s: float = 60.0,
    figures: Path | None = None,
    break_at: str | None = None,
    begun: str = "",
) -> Summary:
    """Advance a run to `target` with a live display, until it is done or a signal asks it to stop.

    `begun` is said once the run is ours.
    """
    from chronopolis.cli.doctor import compiled_kernels
    from replay.watch import Breakpoint
    from workers.bootstrap import Settings
    from workers.minutes import Minutes
    from workers.runner import Runner
    from workers.staff import thinking_for

    compiled = compiled_kernels()
    if compiled is None:
        output.warn("the rules are compiled anew, for about half a minute: `polis doctor` says why they can't be kept")
    elif compiled == 0:
        output.say("compiling the rules, once a release: for about half a minute")
    staff = thinking_for(
        store, run, Settings.from_environment(), answers=answers, patience_s=patience_s, say=output.say
    )
    collect_as_usual()
    with staff as thinking, RunDisplay(output, run.name) as display:
        runner = Runner(
            store, run, durability=durability, threads=threads, pace_ms=pace_ms, take_over=take_over,
            thinking=thinking, breakpoint_=None if break_at is None else Breakpoint(store, run, break_at),
            on_begin=(lambda: output.say(begun)) if begun else None, on_progress=display.update,
            on_wait=display.waiting, say=output.warn,
            on_end=lambda left: _tell_of_the_rest(output, run.name, left),
            minutes=None if figures is None else Minutes(lambda minute: _add_line(figures, minute)),
        )  # fmt: skip
        with stoppable(runner, output, run.name) as is_left:
            try:
                return runner.run(target)
            except KeyboardInterrupt:
                raise StoppedAtOnce(run.name) from None
            except Exception:
                if is_left():  # who was interrupted somewhere deep, as while compiling, may say something else of it
                    raise StoppedAtOnce(run.name) from None
                raise


def _tell_of_the_rest(output: Output, name: str, left: int) -> None:
    """Say what is waited for once all ticks are durable, where it takes its time."""
    if left > 3:
        output.say(f"{name}: all ticks are durable; the last {left} stretches of events are being indexed")


def _add_line(file: Path, values: dict[str, Any]) -> None:
    """Add a JSON line to a file; a run does not fail because it can't."""
    import json

    with suppress(OSError), file.open("a") as out:
        out.write(json.dumps(values) + "\n")
