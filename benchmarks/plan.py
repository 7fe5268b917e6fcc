"""How much to measure: everything, a quick look, or (for tests) the least that has every part."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What a benchmark is told.

    Attributes
    ----------
    scale : "full", "quick" or "tiny"
    seed : of all its runs
    """

    scale: str = "full"
    seed: int = 7
    began: float = field(default_factory=time.monotonic)

    def pick(self, *, full: T, quick: T, tiny: T) -> T:
        """Return what this scale asks for."""
        return {"full": full, "quick": quick, "tiny": tiny}[self.scale]

    def say(self, what: str) -> None:
        """Tell a person what is being measured now."""
        print(f"  {time.monotonic() - self.began:6.1f} s  {what}", file=sys.stderr, flush=True)
