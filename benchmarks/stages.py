"""Where a tick's time goes: decide, fold, hash, encode, commit, timed by wrapping the very functions."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from domain import advance
from domain.decide import Decider
from domain.events import EventBatch
from domain.fold import fold
from domain.state import World
from infrastructure import tick_writer
from infrastructure.copy_binary import encode_rows
from infrastructure.tick_writer import TickWriter

STAGES = ("decide", "fold", "hash", "encode", "commit")


class StageClock:
    """Seconds in each stage. `hash` is the touched rows' hashes, SHA-256 over events, and the header's two hashes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def timed(self, stage: str, function: Callable[..., Any], *, within: str | None = None) -> Callable[..., Any]:
        """Wrap a function; what is `within` another stage is taken off that one."""

        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - began
                self.seconds[stage] += took
                if within is not None:
                    self.seconds[within] -= took

        return call

    def reset(self) -> None:
        """Begin again."""
        self.seconds.clear()


@contextmanager
def stage_clock(*, writer: bool = True) -> Iterator[StageClock]:
    """Time the stages of everything that runs inside; costs about a microsecond a call."""
    clock = StageClock()
    encode = patch.object(tick_writer, "encode_rows", clock.timed("encode", encode_rows))
    with (
        patch.object(Decider, "decide", clock.timed("decide", Decider.decide)),
        patch.object(advance, "fold", clock.timed("fold", fold)),
        patch.object(World, "rehash", clock.timed("hash", World.rehash, within="fold")),
        patch.object(EventBatch, "hash", clock.timed("hash", EventBatch.hash)),
        patch.object(advance, "header_of", clock.timed("hash", advance.header_of)),
        encode if writer else nullcontext(),
        patch.object(TickWriter, "_transact", clock.timed("commit", TickWriter._transact)) if writer else nullcontext(),
    ):
        yield clock
