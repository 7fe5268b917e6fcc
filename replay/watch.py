"""Watchpoints: where in a history something holds, forwards or backwards, and in a run that goes on.

What is watched for is an expression, kinds of event, or both at the same tick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from domain.advance import new_world
from domain.errors import WrongUsage
from domain.events import EventBatch, EventKind
from domain.expressions import Expression, parse
from domain.fold import fold
from domain.measures import MEASURES
from domain.ports import MeasuredHistory, Run
from domain.state import World
from replay.judging import Judge, OnProgress, look_at, require_there, totals_before, where_it_holds, why_nobody
from replay.measures import BLOCK
from replay.seek import at, ticks_of

_PROGRESS_EVERY = 200


@dataclass(frozen=True)
class Predicate:
    """What is watched for.

    Attributes
    ----------
    expression : must hold; None: nothing is asked of the state
    kinds : one of these must happen; empty: whatever happens
    agent : it must happen to this one; None: to anybody
    """

    expression: Expression | None
    kinds: tuple[EventKind, ...] = ()
    agent: int | None = None

    @classmethod
    def of(
        cls, expression: str | Expression | None, *, kinds: Sequence[EventKind] = (), agent: int | None = None
    ) -> Predicate:
        """Make one, of an expression as text or understood already.

        Raises
        ------
        InvalidExpression
        """
        return cls(parse(expression) if isinstance(expression, str) else expression, tuple(kinds), agent)

    @property
    def is_over_measures(self) -> bool:
        """Whether series of measures alone settle it."""
        return not self.kinds and self.agent is None and self.expression is not None and not self.expression.uses_state

    @property
    def is_of_events(self) -> bool:
        """Whether it is about what happens within a tick: then each tick at which it holds is a new occurrence."""
        if self.expression is None or self.kinds:
            return True
        flows = [m in MEASURES and MEASURES[m].kind == "flow" for m in self.expression.measures]
        return not self.expression.uses_state and bool(flows) and all(flows)

    def happens_in(self, events: EventBatch) -> bool:
        """Return whether the events of a tick are among those that are watched for."""
        if not self.kinds and self.agent is None:
            return True
        records = events.records
        those = np.ones(len(records), np.bool_) if self.agent is None else records["agent"] == self.agent
        if self.kinds:
            those &= np.isin(records["kind"], [k.number for k in self.kinds])
        return bool(those.any())


def first_where(
    store: MeasuredHistory, run: Run, predicate: Predicate | Expression | str, *, first: int = 0,
    last: int | None = None, on_progress: OnProgress | None = None,
) -> int | None:  # fmt: skip
    """Return the first of ticks first … last at which a predicate holds, or None.

    Raises
    ------
    InvalidExpression, WrongUsage, BeyondHead
    """
    wanted = _understood(predicate)
    end = run.require_range(first, last, head=store.head(run))
    _require_there(store, run, wanted, end)

    def tell(tick: int, stop: int) -> None:
        if on_progress:
            on_progress(tick, end)  # and not the end of the block that `tick` is in

    for low in range(first - first % BLOCK, end + 1, BLOCK):
        stop = min(low + BLOCK - 1, end)
        found = next(_holding(store, run, wanted, max(low, first), stop, tell), None)
        if found is not None:
            return found
        tell(stop, stop)
    return None


def last_where(
    store: MeasuredHistory, run: Run, predicate: Predicate | Expression | str, *, first: int = 0,
    last: int | None = None, on_progress: OnProgress | None = None,
) -> int | None:  # fmt: skip
    """Return the last of ticks first … last at which a predicate holds, or None: looked for from the end.

    Raises
    ------
    InvalidExpression, WrongUsage, BeyondHead
    """
    wanted = _understood(predicate)
    last = run.require_range(first, last, head=store.head(run))
    _require_there(store, run, wanted, last)
    for low in range(last - last % BLOCK, first - first % BLOCK - 1, -BLOCK):
        found = list(_holding(store, run, wanted, max(low, first), min(low + BLOCK - 1, last), None))
        if found:
            return found[-1]
        if on_progress:
            on_progress(last - low, last - first)
    return None


def follow(
    store: MeasuredHistory,
    run: Run,
    predicate: Predicate | Expression | str,
    *,
    after: int,
    wait: Callable[[], bool],
    on_progress: OnProgress | None = None,
) -> Iterator[int]:
    """Yield the ticks of a live run at which a predicate holds, as they become durable; end when the run has.

    Parameters
    ----------
    after : the newest tick that is not to be looked at; -1 for none
    wait : waits a moment and returns whether to go on
    on_progress : callable, told (newest tick looked at, target)
    """
    wanted = _understood(predicate)
    _require_there(store, run, wanted, None)
    head = store.head(run)
    begun = min(after, -1 if head is None else head.tick)
    judge = _judge(store, run, wanted, begun + 1, on_progress)
    world = new_world(run.configuration) if begun < 0 else at(store, run, begun)
    while True:
        lives = store.lease(run).status == "running"  # asked first: what it wrote before it ended is then seen
        head = store.head(run)
        newest = -1 if head is None else head.tick
        for events in ticks_of(store, run, world.tick + 1, newest):
            if _holds(wanted, judge, fold(world, events), events) and world.tick > after:
                yield world.tick
        if on_progress:
            on_progress(world.tick, store.lease(run).target)
        if not lives or not wait():
            return


class Breakpoint:
    """Says at which tick a runner should pause. It looks at the state only: no hash changes.

    A predicate of the state stops a run where it becomes true, so that a run that is resumed while it still holds goes
    on; one of events alone stops it at every tick at which it holds.
    """

    def __init__(self, store: MeasuredHistory, run: Run, predicate: Predicate | Expression | str) -> None:
        self._store, self._run, self.predicate = store, run, _understood(predicate)
        if not self.predicate.is_of_events and self.predicate.expression is not None:
            self.predicate.expression.require_change()
        _require_there(store, run, self.predicate, None)
        self._judge: Judge | None = None
        self._held = False

    def start(self, world: World) -> None:
        """Be told the state that the runner begins with, or goes back to."""
        self._judge, self._held = _judge(self._store, self._run, self.predicate, world.tick + 1), False
        expression = self.predicate.expression
        if expression is not None and not self.predicate.is_of_events and world.tick >= 0:
            self._held = expression.holds(look_at(self._store, self._run, expression, world.tick, world=world))

    def __call__(self, world: World, events: EventBatch) -> bool:
        """Return whether to pause after this tick."""
        holds, before = _holds(self.predicate, self._judge, world, events), self._held
        self._held = holds
        return holds and (self.predicate.is_of_events or not before)

    def __str__(self) -> str:
        parts = [] if self.predicate.expression is None else [self.predicate.expression.text]
        return " with ".join([*parts, *(kind.name for kind in self.predicate.kinds)])


def _understood(predicate: Predicate | Expression | str) -> Predicate:
    return predicate if isinstance(predicate, Predicate) else Predicate.of(predicate)


def _require_there(store: MeasuredHistory, run: Run, wanted: Predicate, last: int | None) -> None:
    if wanted.expression is not None:
        require_there(store, run, wanted.expression, last)
    because = None if wanted.agent is None or last is None else why_nobody(store, run, wanted.agent, last)
    if because is not None:
        raise WrongUsage(f"run {run.name}: {because}")


def _judge(
    store: MeasuredHistory, run: Run, wanted: Predicate, first: int, on_progress: OnProgress | None = None
) -> Judge | None:
    if wanted.expression is None:
        return None
    return Judge(wanted.expression, totals_before(store, run, wanted.expression, first, on_progress))


def _holds(wanted: Predicate, judge: Judge | None, world: World, events: EventBatch) -> bool:
    # The judge looks at every tick, for its running totals.
    holds = judge is None or judge(world, events)
    return holds and wanted.happens_in(events)


def _holding(
    store: MeasuredHistory, run: Run, wanted: Predicate, first: int, last: int, on_progress: OnProgress | None
) -> Iterator[int]:
    """Yield the ticks at which a predicate holds, in order."""
    if wanted.is_over_measures:
        assert wanted.expression is not None
        true = where_it_holds(store, run, wanted.expression, first, last, on_progress)
        yield from (first + int(at) for at in np.flatnonzero(true))
        return
    if wanted.expression is None:
        for tick, events in enumerate(ticks_of(store, run, first, last), start=first):
            if wanted.happens_in(events):
                yield tick
        return
    judge = _judge(store, run, wanted, first, on_progress)
    world = new_world(run.configuration) if first == 0 else at(store, run, first - 1)
    for events in ticks_of(store, run, first, last):
        if _holds(wanted, judge, fold(world, events), events):
            yield world.tick
        if on_progress and world.tick % _PROGRESS_EVERY == 0:
            on_progress(world.tick, last)


__all__ = ["Breakpoint", "Predicate", "first_where", "follow", "last_where"]
