"""Processes that the server starts to go on with a run: `polis resume`, each in a session of its own.

They are asked to stop when the server ends: the tick at hand is finished, and the run is paused and can be resumed.
If the server is killed they go on to their target, as any `polis resume` would.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from chronopolis.continuing import command_to_resume, environment_for, pause_told, problem_told, was_stopped
from chronopolis.web.errors import Busy, ChildFailed
from domain.errors import RunIsHeld
from domain.ports import Run

_MOST = 4
_KNOWN = 64  # ended ones that are still told of
_STOPPING_S = 15.0
_SAID_BYTES = 8_192


@dataclass
class Child:
    """One process.

    Attributes
    ----------
    run, ticks : what it goes on with, and how far
    state : running, ended, stopped (it was asked to, or got a signal) or failed
    problem : why it failed
    paused : {"at", "because"} if it paused at a breakpoint, or was asked to by somebody else
    """

    run: Run
    ticks: int
    process: asyncio.subprocess.Process
    state: str = "running"
    problem: str | None = None
    paused: dict[str, Any] | None = None
    said: bytearray = field(default_factory=bytearray)
    task: asyncio.Task[None] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what is told of it."""
        return {
            "pid": self.process.pid, "ticks": self.ticks, "state": self.state,
            "exit_code": self.process.returncode, "problem": self.problem, "paused": self.paused,
        }  # fmt: skip


class Children:
    """All of them.

    Parameters
    ----------
    settings : where the database is that they are to write to
    """

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._by_run: dict[int, Child] = {}
        self._starting = asyncio.Lock()  # two at once would both find the run free, and both find room

    def of(self, run: Run) -> Child | None:
        """Return the process that was last started for a run."""
        found = self._by_run.get(run.id)
        return found if found is not None and found.run.name == run.name else None

    @property
    def running(self) -> list[Child]:
        """Those that have not ended."""
        return [child for child in self._by_run.values() if child.state == "running"]

    async def start(self, run: Run, ticks: int, *, break_at: str | None = None, pace_ms: float | None = None) -> Child:
        """Start `polis resume RUN --ticks N`, with a breakpoint and a pace if wanted.

        Raises
        ------
        RunIsHeld
            If one that was started here still goes on.
        Busy
            If too many do.
        ChildFailed
            If no process could be made.
        """
        async with self._starting:
            known = self.of(run)
            if known is not None and known.state == "running":
                raise RunIsHeld(run.name, f"process {known.process.pid}, which this server started")
            self.require_room()
            child = Child(run, ticks, await self._process(run, ticks, break_at, pace_ms))
            self._by_run.pop(run.id, None)
            self._by_run[run.id] = child
        for number in [n for n, each in self._by_run.items() if each.state != "running"][:-_KNOWN]:
            del self._by_run[number]
        child.task = asyncio.create_task(self._follow(child))
        return child

    def require_room(self) -> None:
        """Refuse if as many go on as may.

        Raises
        ------
        Busy
        """
        if len(self.running) >= _MOST:
            raise Busy

    async def _process(
        self, run: Run, ticks: int, break_at: str | None, pace_ms: float | None
    ) -> asyncio.subprocess.Process:
        wanted = [f"--ticks={ticks}"]
        wanted += [f"--break={break_at}"] if break_at is not None else []
        wanted += [f"--pace={pace_ms}"] if pace_ms is not None else []
        try:
            return await asyncio.create_subprocess_exec(
                *command_to_resume(run.name, *wanted),
                env=environment_for(self._settings),
                start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            raise ChildFailed(run.name, str(error)) from None

    async def _follow(self, child: Child) -> None:
        """Read what it says until it ends, and note how."""
        assert child.process.stdout is not None
        while block := await child.process.stdout.read(4096):
            child.said += block
            del child.said[:-_SAID_BYTES]
        code = await child.process.wait()
        child.paused = pause_told(bytes(child.said))
        if code == 0:
            child.state = "ended"
        elif was_stopped(code):
            child.state = "stopped"
        else:
            child.state, child.problem = "failed", problem_told(bytes(child.said)) or f"it ended with code {code}"

    async def stop(self, run: Run) -> Child | None:
        """Ask the process of a run to stop, and wait for it; None if there is none."""
        child = self.of(run)
        if child is None or child.state != "running":
            return None
        await self._stopped(child)
        return child

    async def _stopped(self, child: Child) -> None:
        with suppress(ProcessLookupError):
            child.process.terminate()
        assert child.task is not None
        try:
            await asyncio.wait_for(asyncio.shield(child.task), _STOPPING_S)
        except TimeoutError:
            # Whatever it reported durable is safe; it hangs, or the database does.
            with suppress(ProcessLookupError):
                child.process.kill()
            await child.task

    async def close(self) -> None:
        """Ask all to stop, and wait for them."""
        await asyncio.gather(*(self._stopped(child) for child in self.running))
