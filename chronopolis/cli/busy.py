"""Something goes on, and nobody knows how far it is: for how long, and what it waits for, on standard error."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from chronopolis.cli.live import LINE_EVERY_S, duration
from chronopolis.cli.output import Output


class BusyDisplay(AbstractContextManager["BusyDisplay"]):
    """Shows on a terminal that `doing` goes on, and says it elsewhere every few seconds, from a thread of its own."""

    def __init__(self, output: Output, doing: str) -> None:
        self.output, self.doing, self.what = output, doing, ""
        self._began = time.monotonic()
        self._progress: Any = None
        self._task: Any = None
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self.output.quiet:
            return self
        if self.output.err.is_terminal:
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=self.output.err,
                transient=True, redirect_stdout=False,
            )  # fmt: skip
            self._progress.start()
            self._task = self._progress.add_task(self.doing, total=None)
        else:
            self._thread = threading.Thread(target=self._tell, name="polis-busy", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._progress is not None:
            self._progress.stop()
        if self._thread is not None:
            self._thread.join()

    def waiting(self, what: str) -> None:
        """Show what is waited for, or once more nothing."""
        self.what = f": {what}" if what else ""
        if self._progress is not None:
            self._progress.update(self._task, description=f"{self.doing}{self.what}")

    def _tell(self) -> None:
        while not self._done.wait(LINE_EVERY_S):
            self.output.say(f"{self.doing}{self.what}, for {duration(time.monotonic() - self._began)}")
