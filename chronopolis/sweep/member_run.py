"""A run of a sweep that goes on, and the process that it goes on in."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Protocol

from chronopolis.continuing import command_to_resume, environment_for, pause_told, problem_told, was_stopped
from chronopolis.sweep.plan import Member
from domain.ports import Run

_SAID_BYTES = 8_192
_STOPPING_S = 15.0


class Process(Protocol):
    """What there is to be done with the process of a run, as `subprocess.Popen` does it."""

    def poll(self) -> int | None:
        """Return its exit code; None while it goes on."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


def start_process(name: str, options: Sequence[str], settings: Any, said: IO[bytes]) -> subprocess.Popen[bytes]:
    """Go on with a run in a process and a session of its own."""
    return subprocess.Popen(
        command_to_resume(name, *options), env=environment_for(settings), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
    )  # fmt: skip


@dataclass
class MemberRun:
    """A member that is there and goes on: in a process of ours, or in somebody else's, which is watched."""

    member: Member
    run: Run
    head_tick: int
    process: Process | None = None
    said: IO[bytes] | None = None

    def signal(self) -> None:
        """Ask its process to stop, if it is ours."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)

    def last_words(self) -> bytes:
        """Return the end of what its process said."""
        if self.said is None:
            return b""
        self.said.seek(0, 2)
        self.said.seek(max(0, self.said.tell() - _SAID_BYTES))
        return self.said.read()

    def problem(self, code: int) -> str | None:
        """Return why its process ended with this code; None if it was asked to and nobody said why."""
        said = self.last_words()
        if was_stopped(code):
            told = pause_told(said)
            return None if told is None else f"somebody had it pause, since {told['because']}"
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return problem_told(said) or f"its process ended with code {code}"

    def end(self) -> None:
        """Wait until its process has stopped, and kill it if that takes long."""
        if self.process is None:
            return
        try:
            self.process.wait(_STOPPING_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


__all__ = ["MemberRun", "Process", "start_process"]
