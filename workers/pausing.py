"""Why a run pauses before its target: a signal, a breakpoint, or somebody who asks from elsewhere."""

from __future__ import annotations

from domain.events import EventBatch
from domain.ports import Appender
from domain.state import World
from replay.watch import Breakpoint


class Pausing:
    """Asked by the runner between ticks; what it says changes when a run pauses, never what happens in it.

    Attributes
    ----------
    told : whether this process was told to stop
    broke : why the breakpoint stopped the run; None while it has not
    """

    def __init__(self, breakpoint_: Breakpoint | None = None) -> None:
        self._breakpoint = breakpoint_
        self._writer: Appender | None = None
        self.told = False
        self.broke: str | None = None

    def start(self, world: World, writer: Appender) -> None:
        """Begin at a state, or go back to one: what was decided after it has not happened."""
        self._writer = writer
        self.broke = None
        if self._breakpoint is not None:
            self._breakpoint.start(world)

    def after_tick(self, world: World, events: EventBatch) -> None:
        """Look at a tick that was just folded."""
        if self._breakpoint is not None and self._breakpoint(world, events):
            self.broke = f"{self._breakpoint} holds at tick {world.tick}"

    def due(self, tick: int) -> bool:
        """Return whether to pause after a tick."""
        return self.told or self.broke is not None or (self._writer is not None and tick >= self._writer.pause_tick)

    def because(self, tick: int) -> str | None:
        """Return why the run pauses after a tick, in words; None if it was told to, or does not."""
        if self.broke is not None or self._writer is None or tick < self._writer.pause_tick:
            return self.broke
        return self._writer.pause_because
