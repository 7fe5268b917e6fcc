"""How often each client may ask."""

from __future__ import annotations

from collections import OrderedDict

_CLIENTS_KNOWN = 4_096


class TokenBucket:
    """Lets so many through a second, and so many at once; the clients seen last are remembered.

    Parameters
    ----------
    rate, burst : a second, at once
    """

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> bool:
        """Say whether one more is let through."""
        left, then = self._left.pop(client, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.rate)
        allowed = left >= 1
        self._left[client] = (left - 1 if allowed else left, now)
        if len(self._left) > _CLIENTS_KNOWN:
            self._left.popitem(last=False)
        return allowed
