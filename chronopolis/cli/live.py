"""Progress on standard error: a live display in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chronopolis.cli.output import Output, figures_text
from chronopolis.sentences import counted

if TYPE_CHECKING:
    from workers.run_figures import Progress

LINE_EVERY_S, _BACK_AFTER_S = 5.0, 0.5


class RunDisplay(AbstractContextManager["RunDisplay"]):
    """Shows how a run advances.

    Parameters
    ----------
    output : Output
    name : of the run
    """

    def __init__(self, output: Output, name: str) -> None:
        self.output, self.name = output, name
        self._live: Any = None
        self._said = time.monotonic()
        self._newest: Progress | None = None
        self._broken = False

    def __enter__(self) -> Self:
        if not self.output.quiet and self.output.err.is_terminal:
            from rich.live import Live

            # Refreshed by us: a thread of rich's own would take the interpreter in the middle of a tick.
            self._live = Live(console=self.output.err, auto_refresh=False, transient=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            with suppress(OSError):
                self._live.stop()

    def update(self, progress: Progress) -> None:
        """Show progress; a run does not fail because nobody can see it."""
        self._newest = progress
        self._show(lambda: _picture(self.name, progress), lambda: _sentence(self.name, progress))

    def waiting(self, what: str) -> None:
        """Show what a run waits for, beside the newest that is known of its ticks."""
        known = self._newest
        so_far = f"{self.name}: " if known is None else f"{_sentence(self.name, known)} · "
        self._show(lambda: _picture(self.name, known, what), lambda: f"{so_far}{what}")

    def _show(self, picture: Callable[[], Any], sentence: Callable[[], str]) -> None:
        if self.output.quiet or self._broken:
            return
        try:
            if self._live is not None:
                self._live.update(picture(), refresh=True)
            elif time.monotonic() - self._said >= LINE_EVERY_S:
                self._said = time.monotonic()
                self.output.say(sentence())
        except (OSError, ValueError, RuntimeError):
            self._broken = True


def _sentence(name: str, p: Progress) -> str:
    people = counted(p.population, "person", "people")
    return (
        f"{name}: tick {p.tick:,} of {p.target:,} · {p.ticks_per_s:,.0f} ticks/s · p50 {p.p50_ms:.2f} ms "
        f"p99 {p.p99_ms:.2f} ms · {p.events:,} events ({p.events_per_s:,.0f}/s) · {people}"
    )


def _picture(name: str, p: Progress | None, waiting: str = "") -> Any:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    parts = [*([] if p is None else _figures(p)), *([Text(waiting, style="yellow")] if waiting else [])]
    return Panel(Group(*parts), title=name, title_align="left", border_style="blue", width=min(110, _terminal_width()))


def _figures(p: Progress) -> list[Any]:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    # The first ticks found the world, and may compile the rules: they say nothing of the rest.
    left = f" · {duration((p.target - p.tick) / p.ticks_per_s)} to go" if p.tick >= 20 and p.ticks_per_s > 0 else ""
    head = Table.grid(padding=(0, 1), expand=True)
    head.add_column(no_wrap=True)
    head.add_column(ratio=1)
    head.add_column(no_wrap=True, justify="right")
    share = f"{100 * p.tick / max(1, p.target):3.0f} %"
    head.add_row(
        Text(f"tick {p.tick:,} of {p.target:,}", style="bold"),
        ProgressBar(total=max(1, p.target), completed=max(0, p.tick)),
        Text(share + left),
    )
    facts = Text()
    for fact, value in (
        ("ticks/s", f"{p.ticks_per_s:,.0f}"),
        ("tick p50", f"{p.p50_ms:.2f} ms"),
        ("p99", f"{p.p99_ms:.2f} ms"),
        ("events", f"{p.events:,}"),
        ("a second", f"{p.events_per_s:,.0f}"),
        ("people", f"{p.population:,}"),
    ):
        facts.append(f"{'  ' if facts else ''}{fact} ", "dim").append(value, "bold")
    return [head, facts, Text(figures_text(p.figures), style="dim")]


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def duration(seconds: float) -> str:
    """Return a duration for people."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


class ProgressDisplay:
    """A bar with the time left, on a terminal; whoever makes one of it says its `amounts`, and how far it has come."""

    def __init__(self, output: Output, doing: str) -> None:
        self.output, self.doing = output, doing
        self._progress: Any = None
        self._task: Any = None
        self._said = time.monotonic()
        self._aside_until: float | None = None

    def amounts(self) -> tuple[Any, ...]:
        """Return the columns that tell how much is done."""
        raise NotImplementedError

    def fields(self) -> dict[str, Any]:
        """Return what is not known yet of what the columns tell: they are drawn before there is any progress."""
        return {}

    def is_time(self) -> bool:
        """Whether it is time for a line again, where there is no bar; asked once a line."""
        if time.monotonic() - self._said < LINE_EVERY_S:
            return False
        self._said = time.monotonic()
        return True

    def __enter__(self) -> Self:
        if not self.output.quiet and self.output.err.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}"), BarColumn(), *self.amounts(), TimeRemainingColumn(),
                console=self.output.err, transient=True,
                redirect_stdout=False,  # or what a command writes there meanwhile would land on standard error
            )  # fmt: skip
            self._progress.start()
            self._task = self._progress.add_task(self.doing, total=None, **self.fields())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while a result is written, and have it back where the next takes its time."""
        if self._progress is not None and self._aside_until is None:
            self._progress.stop()
        yield
        self._aside_until = time.monotonic()

    def _back(self) -> None:
        """Show the bar again, unless results come so fast that they tell enough."""
        if self._aside_until is not None and time.monotonic() - self._aside_until >= _BACK_AFTER_S:
            self._aside_until = None
            self._progress.start()


class CheckDisplay(ProgressDisplay):
    """Shows how far a check of a run has come."""

    def amounts(self) -> tuple[Any, ...]:
        """Return the columns that tell how much is done."""
        from rich.progress import MofNCompleteColumn, TextColumn

        return MofNCompleteColumn(), TextColumn("ticks")

    def update(self, tick: int, last: int) -> None:
        """Show that `tick` of `last` is done."""
        if self._progress is not None:
            self._back()
            self._progress.update(self._task, completed=tick + 1, total=last + 1)
        elif self.is_time():
            self.output.say(f"{self.doing}: tick {tick:,} of {last:,}")

    def beyond(self, what: str) -> None:
        """Show what is done once all ticks are."""
        if self._progress is not None:
            self._progress.update(self._task, description=f"{self.doing}: {what}")
        elif self.is_time():
            self.output.say(f"{self.doing}: {what}")
