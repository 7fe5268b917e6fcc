"""An engine that is asked again while it is away or busy, for whoever has nobody else to ask meanwhile."""

from __future__ import annotations

import threading
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
        self._given_up = threading.Event()
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
            if self._given_up.is_set():
                raise EngineUnavailable("the engine", "nobody waits for it any more")
            left = deadline - time.monotonic()
            if left <= 0:
                raise EngineTimedOut(timeout_s)
            try:
                return self._engine.complete(wanted, timeout_s=left)
            except EngineTimedOut:
                raise EngineTimedOut(timeout_s) from None
            except EngineUnavailable:
                if deadline - time.monotonic() <= pause or self._given_up.wait(pause):
                    raise
                pause = min(2 * pause, _PAUSE_MAX_S)

    def give_up(self) -> None:
        """Have whoever waits for an answer wait no longer: nobody would read it. Nothing can be asked afterwards."""
        self._given_up.set()
        self._engine.close()

    def close(self) -> None:
        """Do nothing: whoever lent the engine closes it."""


__all__ = ["PatientEngine"]
