"""Runs a sweep while showing how, then measures and draws what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronopolis.cli.live import ProgressDisplay
from chronopolis.cli.output import Output
from chronopolis.cli.stopping import hearing
from chronopolis.cli.sweep_answer import ended

if TYPE_CHECKING:
    from chronopolis.sweep import Ending, Fared, Member, Sweep, SweepCrew
    from chronopolis.sweep.ending import Progress
    from domain.ports import Run


class SweepDisplay(ProgressDisplay):
    """Shows how far a sweep is."""

    def amounts(self) -> tuple[Any, ...]:
        """Return the columns that tell how much is done."""
        from rich.progress import TaskProgressColumn, TextColumn

        return TaskProgressColumn(), TextColumn("{task.fields[runs]}")

    def fields(self) -> dict[str, Any]:
        """Return what is not known yet of what the columns tell."""
        return {"runs": ""}

    def update(self, now: Progress) -> None:
        """Show it."""
        runs = f"{now.ended:,} of {now.runs:,} runs"
        going_on = ", ".join(f"{name} at tick {max(tick, 0):,}" for name, tick in now.under_way[:2])
        runs = f"{runs} · {going_on}" if going_on else runs
        if self._progress is not None:
            self._progress.update(self._task, completed=now.ticks, total=now.ticks_in_all, runs=runs)
        elif self.is_time():
            self.output.say(f"{self.doing}: {now.ticks:,} of {now.ticks_in_all:,} ticks, {runs}")


def run_sweep(
    output: Output, store: Any, planned: Sweep, *, jobs: int, groups: dict[str, str], options: list[str]
) -> tuple[list[Ending], SweepCrew]:
    """Run a sweep with a display, until all have ended or a signal asks it to stop; return how, and who did it."""
    from chronopolis.cli.doctor import compiled_kernels
    from chronopolis.sweep import SweepCrew
    from workers.bootstrap import Settings

    compiled = compiled_kernels()
    to_compile = compiled == 0
    if compiled is None:
        output.warn("each run compiles the rules anew, for half a minute: `polis doctor` says why they can't be kept")
    elif to_compile:
        output.say("the first run compiles the rules for this machine, once, for about half a minute; the others wait")
    _require_minds(store, planned, groups)
    with SweepDisplay(output, f"sweep {planned.name}") as display:
        crew = SweepCrew(
            store, planned, create=lambda member: _create(store, planned, member, groups),
            settings=Settings.from_environment(), jobs=jobs, options=options,
            bring_back=store.database.ensure_running, alone_at_first=to_compile, on_progress=display.update,
            on_ending=lambda ending: output.say(ended(ending)),
        )  # fmt: skip
        with hearing(lambda times: _stop(output, crew, times)):
            return crew.run(), crew


def _require_minds(store: Any, planned: Sweep, groups: dict[str, str]) -> None:
    """Look whether the minds of runs that are still to be made can be had, before any of them is begun."""
    from chronopolis.sweep import Genesis
    from workers.bootstrap import Settings
    from workers.staff import identity_of

    if isinstance(planned.origin, Genesis):
        names = store.names()
        for mind in {member.configuration.mind for member in planned.members if member.name not in names}:
            identity_of(mind, Settings.from_environment(), groups=groups)


def _stop(output: Output, crew: SweepCrew, times: int) -> None:
    if times == 1:
        output.say("stopping after the ticks at hand; once more leaves at once")
    crew.stop()


def _create(store: Any, planned: Sweep, member: Member, groups: dict[str, str]) -> Run:
    from chronopolis.cli.driving import create_run
    from chronopolis.forking import make_fork
    from chronopolis.sweep import ForkPoint

    origin = planned.origin
    if isinstance(origin, ForkPoint):
        settings = {**origin.constants, **member.settings}
        made = make_fork(
            store, origin.parent.name, at=origin.tick, name=member.name, settings=settings, seed=member.seed,
            ticks=planned.ticks - origin.tick,
        )  # fmt: skip
        return store.find(made["name"])
    return create_run(
        store, member.name, seed=member.seed, configuration=member.configuration, target=planned.ticks, groups=groups
    )


def measured(output: Output, store: Any, planned: Sweep, endings: list[Ending], names: list[str]) -> list[Fared]:
    """Give each run its measures, with a display."""
    from chronopolis.sweep.figures import fared

    runs = []
    with _Measuring(output, f"measuring {planned.name}") as display:
        for run in fared(store, planned, endings, names):
            runs.append(run)
            display.update(len(runs), len(endings))
    return runs


class _Measuring(ProgressDisplay):
    """Shows how many runs are measured."""

    def amounts(self) -> tuple[Any, ...]:
        from rich.progress import MofNCompleteColumn, TextColumn

        return MofNCompleteColumn(), TextColumn("runs")

    def update(self, done: int, of: int) -> None:
        """Show it."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=of)
        elif self.is_time():
            self.output.say(f"{self.doing}: {done:,} of {of:,} runs")


def draw(
    output: Output, store: Any, planned: Sweep, runs: list[Fared], names: list[str], picture: Path
) -> Exception | None:
    """Draw a picture; return why there is none: the table is told before that is."""
    from chronopolis.sweep.figures import courses
    from chronopolis.sweep.picture import plot_sweep
    from domain.errors import PolisError

    if not any(run.measures for run in runs):
        output.warn(f"--plot {picture}: no run is complete yet, so there is nothing to draw")
        return None
    title = f"{planned.name}, to tick {planned.ticks:,}: mean and one standard deviation"
    try:
        with _Measuring(output, f"drawing {planned.name}") as display:
            found = courses(store, planned, runs, names, on_progress=lambda done: display.update(done, len(runs)))
        plot_sweep(found, planned.varied, picture, title=title)
    except (PolisError, OSError) as error:
        return error
    output.say(f"wrote {picture}")
    return None
