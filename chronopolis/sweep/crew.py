"""Runs the members of a sweep, a process each, several at a time; what is there already is not done again."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from chronopolis.continuing import command_to_resume, environment_failed, environment_for, problem_told, was_stopped
from chronopolis.errors import WrongUsage
from chronopolis.sweep.plan import Member, Sweep
from domain.errors import StoreUnavailable
from domain.ports import Run

if TYPE_CHECKING:
    from workers.bootstrap import PostgresStore

_LOOK_EVERY_S = 0.25
_SAID_BYTES = 8_192
_STOPPING_S = 15.0

WAITING, PAUSED, COMPLETE = "waiting", "paused", "complete"


@dataclass(frozen=True)
class Ending:
    """How far a member came.

    Attributes
    ----------
    member
    run : None of one that was never begun
    status : waiting (not begun), paused, complete, degraded or failed
    head_tick, head_hash : -1 and None before the first tick
    problem : why, if there was one
    """

    member: Member
    run: Run | None = None
    status: str = WAITING
    head_tick: int = -1
    head_hash: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a sweep is: runs that have ended, ticks that are durable, and who goes on."""

    ended: int
    runs: int
    ticks: int
    ticks_in_all: int
    under_way: tuple[tuple[str, int], ...]


@dataclass
class _UnderWay:
    """One that goes on: in a process of ours, or in somebody else's, which is waited for."""

    member: Member
    run: Run
    head_tick: int
    process: subprocess.Popen[bytes] | None = None
    said: IO[bytes] | None = None


class SweepCrew:
    """Runs a sweep.

    Parameters
    ----------
    store : PostgresStore
    sweep : Sweep
    create : makes the run of a member, which is not there yet
    settings : where the processes find the database
    jobs : how many go on at a time
    options : of `polis resume` for each
    alone_at_first : whether the first has to be under way before others begin, as while it compiles the rules
    on_progress, on_ending : called now and then, and for each that was run and ends
    """

    def __init__(
        self,
        store: PostgresStore,
        sweep: Sweep,
        *,
        create: Callable[[Member], Run],
        settings: Any,
        jobs: int = 1,
        options: Sequence[str] = (),
        alone_at_first: bool = False,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_ending: Callable[[Ending], None] = lambda ending: None,
    ) -> None:
        self.store, self.sweep, self.jobs = store, sweep, jobs
        self._create, self._settings, self._options = create, settings, tuple(options)
        self._alone = alone_at_first
        self._on_progress, self._on_ending = on_progress, on_ending
        self._waiting = deque(sweep.members)
        self._under_way: list[_UnderWay] = []
        self._endings: dict[str, Ending] = {}
        self._there: set[str] = set()
        self._stopping = threading.Event()
        self._halted: str | None = None

    def require_ours(self) -> None:
        """Refuse a sweep of whose runs one is there and was made otherwise.

        Raises
        ------
        WrongUsage
            Naming the run and what differs.
        CorruptHistory
            If one is damaged.
        """
        self._there = self.store.names() & {member.name for member in self.sweep.members}
        for member in self.sweep.members:
            if member.name in self._there:
                differences = member.differences(self.store.find(member.name), self.sweep.origin)
                if differences:
                    raise WrongUsage(
                        f"run {member.name} is there and is another: {', '.join(differences)}",
                        "Give this sweep another name, or `polis drop` that run.",
                    )

    def stop(self) -> None:
        """Ask all that go on to stop: they finish their tick; asked once more, they leave at once."""
        self._stopping.set()
        for each in self._under_way:
            if each.process is not None:
                with suppress(ProcessLookupError):
                    each.process.send_signal(signal.SIGTERM)

    @property
    def halted(self) -> str | None:
        """Why no further run was begun, if the environment failed."""
        return self._halted

    def run(self) -> list[Ending]:
        """Run until all have ended, or until it is stopped; return how each did, in the order of the plan."""
        self.require_ours()
        try:
            while self._under_way or (self._waiting and self._may_begin):
                while self._waiting and self._may_begin and len(self._under_way) < self._room:
                    if not self._begin(self._waiting[0]):
                        break
                    self._waiting.popleft()
                self._look()
                if self._under_way:
                    self._tell()
                    time.sleep(_LOOK_EVERY_S)
        finally:
            self._leave_none()
        self._tell()
        return [self._endings.get(member.name, Ending(member)) for member in self.sweep.members]

    @property
    def _may_begin(self) -> bool:
        return not self._stopping.is_set() and self._halted is None

    @property
    def _room(self) -> int:
        return 1 if self._alone else self.jobs

    def _leave_none(self) -> None:
        """End the processes that are left when something went wrong here; whatever they reported durable is safe."""
        if self._under_way:
            self.stop()
        for each in self._under_way:
            if each.process is not None:
                try:
                    each.process.wait(_STOPPING_S)
                except subprocess.TimeoutExpired:
                    each.process.kill()
                    each.process.wait()

    # -- one member ------------------------------------------------------------------------------------

    def _begin(self, member: Member) -> bool:
        """Begin a member, or note that it is complete; return whether the store let us.

        Raises
        ------
        StoreUnavailable
            If no other goes on, which would wait until it is back.
        """
        try:
            run = self.store.find(member.name) if member.name in self._there else self._create(member)
            self._there.add(member.name)
            lease, head = self.store.lease(run), self.store.head(run)
        except StoreUnavailable:
            if self._under_way:
                return False
            raise
        begun = _UnderWay(member, run, -1 if head is None else head.tick)
        if begun.head_tick >= self.sweep.ticks:
            self._note_ending(begun, None)  # it was there already, which nobody need be told
            return True
        if lease.status != "running":  # else another process writes it: it is waited for, and gone on with if it stops
            more = self.sweep.ticks - max(begun.head_tick, 0)
            wanted = [] if lease.target == self.sweep.ticks else [f"--ticks={more}"]
            begun.said = tempfile.TemporaryFile()  # noqa: SIM115  it is closed once the process has ended
            begun.process = subprocess.Popen(
                command_to_resume(member.name, *wanted, *self._options), env=environment_for(self._settings),
                start_new_session=True, stdin=subprocess.DEVNULL, stdout=begun.said, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._under_way.append(begun)
        return True

    def _look(self) -> None:
        """Note how far all are, and which have ended."""
        for each in list(self._under_way):
            code = None if each.process is None else each.process.poll()
            with suppress(StoreUnavailable):  # the processes wait until it is back
                head = self.store.head(each.run)
                if head is not None and head.tick > each.head_tick:
                    each.head_tick, self._alone = head.tick, False
                if each.process is None:
                    self._look_at_another(each)
                elif code is not None:
                    self._end(each, code)
                    self._under_way.remove(each)
                    self._alone = False

    def _look_at_another(self, each: _UnderWay) -> None:
        if each.head_tick >= self.sweep.ticks or self._stopping.is_set():
            self._end(each, None)
            self._under_way.remove(each)
        elif self.store.lease(each.run).status != "running":
            self._under_way.remove(each)
            self._waiting.appendleft(each.member)

    def _end(self, each: _UnderWay, code: int | None) -> None:
        self._on_ending(self._note_ending(each, code))

    def _note_ending(self, each: _UnderWay, code: int | None) -> Ending:
        head = self.store.head(each.run)
        tick, chain = (-1, None) if head is None else (head.tick, head.chain_hash.hex())
        lease = self.store.lease(each.run)
        status, problem = lease.status, lease.problem
        if tick >= self.sweep.ticks and status in (PAUSED, COMPLETE, "running"):
            status = COMPLETE  # as far as this sweep goes; the run may go further
        elif code:
            said = _last_words(each.said)
            status = PAUSED if was_stopped(code) else status if status == "degraded" else "failed"
            problem = None if was_stopped(code) else _problem(code, said)
            if environment_failed(code):
                self._halted = problem
        if each.said is not None:
            each.said.close()
        ending = Ending(each.member, each.run, status, tick, chain, problem)
        self._endings[each.member.name] = ending
        return ending

    def _tell(self) -> None:
        begins, ends = self.sweep.origin.tick, self.sweep.ticks
        durable = [ending.head_tick for ending in self._endings.values()]
        durable += [each.head_tick for each in self._under_way]
        self._on_progress(Progress(
            ended=len(self._endings), runs=len(self.sweep.members),
            ticks=sum(min(max(tick, begins), ends) - begins for tick in durable),
            ticks_in_all=(ends - begins) * len(self.sweep.members),
            under_way=tuple((each.member.name, each.head_tick) for each in self._under_way),
        ))  # fmt: skip


def _last_words(said: IO[bytes] | None) -> bytes:
    if said is None:
        return b""
    said.seek(0, 2)
    said.seek(max(0, said.tell() - _SAID_BYTES))
    return said.read()


def _problem(code: int, said: bytes) -> str:
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return problem_told(said) or f"its process ended with code {code}"


__all__ = ["COMPLETE", "PAUSED", "WAITING", "Ending", "Progress", "SweepCrew"]
