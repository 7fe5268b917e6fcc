"""What a command says: its result on standard output, all else on standard error.

With ``--json`` the last line of standard output is one JSON object, also when the command fails:
``{"error": {"type": …, "message": …, "exit_code": …}}``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chronopolis.cli.standard_io import draw_plainly

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH_OF_A_PIPE = 120


class Output:
    """Where one command writes.

    Parameters
    ----------
    as_json : whether results are JSON lines
    quiet : whether progress and remarks are left out; errors and warnings never are
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet

    @cached_property
    def out(self) -> Console:
        """Standard output, for tables and panels."""
        return _console(sys.stdout)

    @cached_property
    def err(self) -> Console:
        """Standard error."""
        return _console(sys.stderr)

    def say(self, sentence: str) -> None:
        """Remark something; nobody has to be listening."""
        if not self.quiet:
            self._to_err(sentence, "dim")

    def warn(self, sentence: str) -> None:
        """Say what a person should know, also when quiet."""
        self._to_err(f"warning: {sentence}", "yellow")

    def complain(self, message: str) -> None:
        """Say what went wrong where the command goes on all the same, as a prompt does."""
        self._to_err(f"error: {message}", "red")

    def _to_err(self, sentence: str, style: str) -> None:
        try:
            self.err.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)
        except ImportError:  # a signal came while the console was being imported
            with contextlib.suppress(OSError, ValueError):
                print(sentence, file=sys.stderr, flush=True)
        except (OSError, ValueError, RuntimeError):  # closed, or one came in the middle of a write: not worth a run
            self.quiet = True

    def line(self, value: Mapping[str, Any]) -> None:
        """Write one JSON line."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")

    def hand_on(self) -> None:
        """Let whoever reads standard output have what was written so far."""
        sys.stdout.flush()

    def result(self, value: Mapping[str, Any]) -> None:
        """Write the last line of a command that was asked for JSON."""
        self.line(value)
        self.hand_on()

    def show(self, *renderables: Any) -> None:
        """Write tables, panels and text for people."""
        for renderable in renderables:
            self.out.print(renderable)


def _console(file: Any) -> Console:
    from rich.console import Console

    class PipedConsole(Console):
        def on_broken_pipe(self) -> None:
            # rich would leave with 1; that nobody reads any more is for `main` to say.
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    draw_plainly(file)
    width = None if file.isatty() or os.environ.get("COLUMNS") else _WIDTH_OF_A_PIPE
    return PipedConsole(file=file, width=width, highlight=False, soft_wrap=False)


def error_lines(kind: str, message: str) -> str:
    """Return an error for people: what happened, and below it what to do."""
    first, *hints = message.splitlines() or [kind]
    return "\n".join([f"error: {first}", *(f"  {hint.rstrip()}" for hint in hints)])


def error_json(kind: str, message: str, code: int) -> str:
    """Return an error for scripts."""
    return json.dumps({"error": {"type": kind, "message": message, "exit_code": code}}, ensure_ascii=False)


def facts(rows: Mapping[str, Any], *, title: str = "", good: bool | None = None) -> Any:
    """Return a panel of names and values; its border says whether all is well."""
    from rich import box
    from rich.panel import Panel
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value is not None:
            table.add_row(name, value if hasattr(value, "__rich_console__") else plain(value))
    border = {None: "blue", True: "green", False: "red"}[good]
    return Panel(table, title=title or None, title_align="left", border_style=border, box=box.ROUNDED, expand=False)


def plain(value: object) -> Any:
    """Return text that rich takes as it is: no markup in it means anything."""
    from rich.text import Text

    return Text(f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value))


def mebibytes(n: int) -> str:
    """Return a size for people."""
    return f"{n / (1 << 20):,.1f} MiB" if n < 1 << 30 else f"{n / (1 << 30):,.2f} GiB"


def figures_text(figures: Mapping[str, float | int | None]) -> str:
    """Return the figures of a society on a line or two: needs, wealth, what happened; a dash for the mean of nobody."""
    known = dict(figures)
    known.pop("population", None)
    return " · ".join(f"{name.replace('_', ' ')} {_figure(value)}" for name, value in known.items())


def _figure(value: float | int | None) -> str:
    if value is None:
        return "–"
    # Three digits of 999.6 would be 1e+03.
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
