"""States near a place in a history, bounded in bytes; the one that was used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict

from domain.state import World


class States:
    """Folded states by tick.

    Parameters
    ----------
    most_bytes : int, how much to keep; the newest stays however large it is
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.nbytes = 0
        self._kept: OrderedDict[int, tuple[World, int]] = OrderedDict()

    def __contains__(self, tick: int) -> bool:
        return tick in self._kept

    def get(self, tick: int) -> World | None:
        """Return the state that a tick left, if it is kept."""
        found = self._kept.get(tick)
        if found is None:
            return None
        self._kept.move_to_end(tick)
        return found[0]

    def before(self, tick: int) -> int:
        """Return the newest tick up to this one whose state is kept; -1 if there is none."""
        return max((t for t in self._kept if t <= tick), default=-1)

    def keep(self, world: World) -> None:
        """Keep a state, which nobody may change from now on."""
        if world.tick in self._kept:
            self.nbytes -= self._kept.pop(world.tick)[1]
        size = world.nbytes
        self._kept[world.tick] = world, size
        self.nbytes += size
        while self.nbytes > self.most_bytes and len(self._kept) > 1:
            self.nbytes -= self._kept.popitem(last=False)[1][1]
