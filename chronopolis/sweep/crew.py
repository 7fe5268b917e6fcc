"""Runs the members of a sweep, a process each, several at a time; what is there already is not done again.

The same sweep may be asked for on several machines: each begins what no other has begun, since a run's lease has one
holder, and all wait for the end.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from chronopolis.continuing import environment_failed, error_type_told, was_stopped
from chronopolis.errors import WrongUsage
from chronopolis.sweep.ending import COMPLETE, DEGRADED, FAILED, PAUSED, RUNNING, Ending, Progress
from chronopolis.sweep.member_run import MemberRun, Process, start_process
from chronopolis.sweep.plan import Member, Sweep
from domain.advance import Header
from domain.errors import LeaseLost, PolisError, RunExists, RunIsHeld, StoreUnavailable, UnknownRun
from domain.inputs import DEEDS
from domain.ports import Lease, Run

if TYPE_CHECKING:
    from workers.bootstrap import PostgresStore

_LOOK_EVERY_S = 0.25
_BEGINS_WITHIN_S = 20.0
_AWAY_S = 30.0
_WRITTEN_ELSEWHERE = (RunIsHeld.__name__, LeaseLost.__name__)


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
    launch : starts the process of a run, given its name, options, environment and where it says what it says
    bring_back : starts the database again, if it is ours to start and is gone
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
        launch: Callable[[str, Sequence[str], Any, IO[bytes]], Process] = start_process,
        bring_back: Callable[[], None] = lambda: None,
        alone_at_first: bool = False,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_ending: Callable[[Ending], None] = lambda ending: None,
    ) -> None:
        self.store, self.sweep, self.jobs = store, sweep, jobs
        self._create, self._settings, self._options = create, settings, tuple(options)
        self._launch, self._bring_back = launch, bring_back
        self._alone = alone_at_first
        self._on_progress, self._on_ending = on_progress, on_ending
        self._waiting = deque(sweep.members)
        self._under_way: list[MemberRun] = []
        self._elsewhere: list[MemberRun] = []
        self._endings: dict[str, Ending] = {}
        self._there: dict[str, Run] = {}
        self._made: set[int] = set()
        self._first_seen: dict[int, float] = {}
        self._away_since: float | None = None
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
        names = self.store.names()
        for member in self.sweep.members:
            if member.name in names:
                with suppress(UnknownRun):  # somebody dropped it in this very moment
                    self._found(member)

    def _found(self, member: Member) -> Run:
        """Return a member's run that is there, made by us or not."""
        run = self.store.find(member.name)
        differences = member.differences(run, self.sweep.origin)
        # Those of an ancestor are history that all share.
        theirs = [given for source, given in self.store.interventions(run) if source == run.id]
        own = [given.effect_tick for given in theirs if set(given.answer) & set(DEEDS)]  # else a reason alone
        if own:
            differences.append(f"somebody intervened at tick {min(own):,}")
        if differences:
            raise WrongUsage(
                f"run {member.name} is there and is another: {', '.join(differences)}",
                "Give this sweep another name, or `polis drop` that run.",
            )
        self._there[member.name] = run
        return run

    def stop(self) -> None:
        """Ask all that go on here to stop: they finish their tick; asked once more, they leave at once."""
        self._stopping.set()
        for each in self._under_way:
            each.signal()

    @property
    def halted(self) -> str | None:
        """Why no further run was begun, if the environment failed."""
        return self._halted

    def run(self) -> list[Ending]:
        """Run until all have ended, or until it is stopped; return how each did, in the order of the plan."""
        self.require_ours()
        try:
            while self._under_way or (self._may_begin and (self._waiting or self._elsewhere)):
                try:
                    while self._waiting and self._may_begin and len(self._under_way) < self._room:
                        self._begin(self._waiting[0])
                        self._waiting.popleft()
                    self._look_at_ours()
                    self._look_at_others()
                    self._away_since = None
                except StoreUnavailable as error:
                    self._wait_for_the_store(error)
                if self._under_way or self._elsewhere or self._away_since is not None:
                    self._tell()
                    time.sleep(_LOOK_EVERY_S)
        finally:
            self._leave_none()
        for each in self._elsewhere:  # we were stopped, and they were not
            self._note_ending(each, None)
        self._tell()
        return [self._endings.get(member.name, Ending(member)) for member in self.sweep.members]

    def _wait_for_the_store(self, error: StoreUnavailable) -> None:
        """Let it be away for a while, and for as long as a process of ours waits for it."""
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if any(each.process is not None and each.process.poll() is None for each in self._under_way):
            return
        if self._stopping.is_set() or now - self._away_since >= _AWAY_S:
            raise error
        with suppress(PolisError):  # it may be killed once more while it comes back: there is another try
            self._bring_back()

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
            each.end()

    # -- one member ------------------------------------------------------------------------------------

    def _begin(self, member: Member) -> None:
        """Begin a member; or note that it is complete, or written elsewhere.

        Raises
        ------
        WrongUsage
            If somebody else has meanwhile made a run of that name otherwise.
        StoreUnavailable
        """
        run = self._there.get(member.name) or self._made_or_found(member)
        try:
            lease = self.store.lease(run)
        except UnknownRun:  # dropped since it was found
            run = self._made_or_found(member)
            lease = self.store.lease(run)
        head = self.store.head(run)
        begun = MemberRun(member, run, -1 if head is None else head.tick)
        if begun.head_tick >= self.sweep.ticks:
            self._note_ending(begun, None, (lease, head))  # it was there already, which nobody need be told
        elif lease.status == RUNNING or self._is_claimed(begun, lease):
            self._elsewhere.append(begun)
        else:
            more = self.sweep.ticks - max(begun.head_tick, 0)
            wanted = [] if lease.target == self.sweep.ticks else [f"--ticks={more}"]
            begun.said = tempfile.TemporaryFile()  # noqa: SIM115  it is closed once the process has ended
            begun.process = self._launch(member.name, [*wanted, *self._options], self._settings, begun.said)
            self._under_way.append(begun)
            if self._stopping.is_set():  # asked for while the process was being made, and so not of this one
                begun.signal()

    def _made_or_found(self, member: Member) -> Run:
        try:
            run = self._create(member)
        except RunExists:  # the same sweep, asked for on another machine, was quicker; or another of the same name
            return self._found(member)
        self._made.add(run.id)
        self._there[member.name] = run
        return run

    def _is_claimed(self, each: MemberRun, lease: Lease) -> bool:
        """Whether somebody else has just made a run that nobody has written yet: whoever makes one begins it.

        The database's clock and ours may differ by anything: that we saw it first a while ago is enough as well.
        """
        if lease.epoch > 0 or each.run.id in self._made:
            return False
        seen_s = time.monotonic() - self._first_seen.setdefault(each.run.id, time.monotonic())
        age_s = (datetime.now(UTC) - datetime.fromisoformat(each.run.created_at)).total_seconds()
        return max(age_s, seen_s) < _BEGINS_WITHIN_S

    def _look_at_ours(self) -> None:
        """Note how far those are that go on here, and which have ended."""
        for each in list(self._under_way):
            assert each.process is not None
            code = each.process.poll()
            if code is None:
                self._alone = self._alone and not self._has_moved(each)
                continue
            if code and error_type_told(each.last_words()) in _WRITTEN_ELSEWHERE:
                self._elsewhere.append(MemberRun(each.member, each.run, each.head_tick))
            else:
                self._on_ending(self._note_ending(each, code))
            self._under_way.remove(each)
            self._alone = False

    def _look_at_others(self) -> None:
        """Note how far those are that go on elsewhere; one that stopped short of the end waits to go on here."""
        for each in list(self._elsewhere):
            try:
                lease = self.store.lease(each.run)
                self._has_moved(each)
            except UnknownRun:
                self._on_ending(self._note_ending(each, None))
            else:
                if each.head_tick >= self.sweep.ticks:
                    self._note_ending(each, None)
                elif lease.status != RUNNING and not self._is_claimed(each, lease):
                    self._waiting.appendleft(each.member)
                else:
                    continue
            self._elsewhere.remove(each)

    def _has_moved(self, each: MemberRun) -> bool:
        head = self.store.head(each.run)
        before, each.head_tick = each.head_tick, -1 if head is None else head.tick
        return each.head_tick > before

    def _note_ending(
        self, each: MemberRun, code: int | None, stands: tuple[Lease, Header | None] | None = None
    ) -> Ending:
        try:
            lease, head = stands or (self.store.lease(each.run), self.store.head(each.run))
        except UnknownRun as gone:
            ending = Ending(each.member, None, FAILED, problem=str(gone))
        else:
            tick, chain = (-1, None) if head is None else (head.tick, head.chain_hash.hex())
            status, problem = lease.status, lease.problem
            if tick >= self.sweep.ticks and status in (PAUSED, COMPLETE, RUNNING):
                status = COMPLETE  # as far as this sweep goes; the run may go further
            elif code:
                status = PAUSED if was_stopped(code) else status if status == DEGRADED else FAILED
                problem = each.problem(code)
                if environment_failed(code):
                    self._halted = problem
            ending = Ending(each.member, each.run, status, tick, chain, problem)
        if each.said is not None:
            each.said.close()
        self._endings[each.member.name] = ending
        return ending

    def _tell(self) -> None:
        begins, ends = self.sweep.origin.tick, self.sweep.ticks
        durable = [ending.head_tick for ending in self._endings.values()]
        going_on = [*self._under_way, *self._elsewhere]
        durable += [each.head_tick for each in going_on if each.member.name not in self._endings]
        self._on_progress(Progress(
            ended=len(self._endings), runs=len(self.sweep.members),
            ticks=sum(min(max(tick, begins), ends) - begins for tick in durable),
            ticks_in_all=(ends - begins) * len(self.sweep.members),
            under_way=tuple((each.member.name, each.head_tick) for each in going_on),
        ))  # fmt: skip


__all__ = ["SweepCrew"]
