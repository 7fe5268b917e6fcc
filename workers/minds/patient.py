"""An engine that is asked again while it is away or busy, for whoever has nobody else to ask meanwhile."""

from __future__ import annotations

import time
from typing import Any

from domain.errors import EngineTimedOut, EngineUnavailable
from domain.ports import Completed, Completion, Engine

_PAUSE_S, _PAUSE_MAX_S = 0.2, 2.0


class PatientEngine:
    """Implements the `Engine` port over another one.

    Parameters
    ----------
    engine : who answers
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.identity: dict[str, Any] = engine.identity

    def complete(self, wanted: Completion, *, timeout_s: float) -> Completed:
        """Return what the engine answers, once it does.

        Raises
        ------
        EngineUnavailable, EngineTimedOut
            After so long.
        MindError
            At once, where asking again would not help.
        """
        deadline, pause = time.monotonic() + timeout_s, _PAUSE_S
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise EngineTimedOut(timeout_s)
            try:
                return self._engine.complete(wanted, timeout_s=left)
            except EngineTimedOut:
                raise EngineTimedOut(timeout_s) from None
            except EngineUnavailable:
                if deadline - time.monotonic() <= pause:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, _PAUSE_MAX_S)

    def close(self) -> None:
        """Do nothing: whoever lent the engine closes it."""


__all__ = ["PatientEngine"]
