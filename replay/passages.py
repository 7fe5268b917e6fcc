"""Passages: events and headers of consecutive ticks in memory, for whoever moves to and fro in a history.

History below the head never changes, so what has been read stays true. Passages are bounded in bytes;
the one that was used longest ago goes first. A thread may read the next one ahead.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from domain.errors import BeyondHead, PolisError
from domain.events import EVENT_DTYPE, EventBatch
from domain.ports import Headers, HistoryReader, Run
from replay.seek import ticks_of

_FEWEST_TICKS, _EVENTS_A_PASSAGE, _MOST_EVENTS = 4, 8_192, 131_072


@dataclass
class Passage:
    """The ticks first … last, as today's definitions have them.

    Attributes
    ----------
    headers : of those ticks
    batches : the events of each
    nbytes : what it takes in memory
    """

    first: int
    last: int
    headers: Headers
    batches: list[EventBatch]
    nbytes: int = field(init=False)

    def __post_init__(self) -> None:
        # Batches are slices of what a reader read into, and would keep the whole of it.
        records = np.empty(sum(len(b) for b in self.batches), EVENT_DTYPE)
        payloads, at = 0, 0
        for i, batch in enumerate(self.batches):
            own = records[at : at + len(batch)]
            own[:] = batch.records
            ends = batch.payload_ends.copy() if batch.payload_bytes else batch.payload_ends
            self.batches[i] = EventBatch(own, ends, batch.payload_bytes)
            payloads += len(batch.payload_bytes) + (ends.nbytes if batch.payload_bytes else 0)
            at += len(batch)
        self.nbytes = records.nbytes + payloads + 900 * len(self.batches)  # 900: headers and objects, a tick

    def events(self, tick: int) -> EventBatch:
        """Return the events of one of its ticks."""
        return self.batches[tick - self.first]

    def state_hash(self, tick: int) -> bytes:
        """Return the hash that the header of one of its ticks records."""
        return self.headers.state_hash[tick - self.first]


class Passages:
    """What has been read of one run.

    Parameters
    ----------
    reader : HistoryReader
    run : Run
    most_bytes : int, how much to keep
    """

    def __init__(self, reader: HistoryReader, run: Run, *, most_bytes: int) -> None:
        self.reader, self.run, self.most_bytes = reader, run, most_bytes
        self._kept: list[Passage] = []  # by first tick; they do not overlap
        self._used: dict[int, int] = {}  # first tick of a passage → when it was used last
        self._clock = 0
        self._events_a_tick = max(1.0, 1.25 * run.configuration.agents)
        self._ahead: tuple[int, int, Future[Passage]] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._mutex = threading.RLock()

    @property
    def nbytes(self) -> int:
        """What is kept takes so many bytes."""
        return sum(passage.nbytes for passage in self._kept)

    def ticks_of_size(self, events: int = _EVENTS_A_PASSAGE) -> int:
        """Return how many ticks have about so many events."""
        return max(_FEWEST_TICKS, int(min(events, _MOST_EVENTS) / self._events_a_tick))

    def at(self, tick: int, *, wait: bool = True) -> Passage | None:
        """Return the passage that holds a tick, if it has been read; wait for it if it is being read and `wait`."""
        with self._mutex:
            found, ahead = self._find(tick), self._ahead
            if found is None and ahead is not None and ahead[0] <= tick <= ahead[1] and (wait or ahead[2].done()):
                found = self._take_ahead(tick)
            return found

    def here(self, tick: int) -> Passage:
        """Return the passage that holds a tick, reading it if need be."""
        found = self.at(tick)
        if found is None:
            self.need(tick, tick)
            found = self.at(tick)
        assert found is not None, "what has just been read is kept"
        return found

    def need(self, first: int, last: int, *, beyond: int = 0) -> None:
        """Read what is missing of ticks first … last, and if anything is, some ticks beyond in the same go.

        Raises
        ------
        CorruptHistory, BeyondHead, StoreUnavailable
        """
        with self._mutex:
            tick = first
            while tick <= last:
                passage = self.at(tick)
                if passage is None:
                    stop = min([max(last, beyond), *(p.first - 1 for p in self._kept if p.first > tick)])
                    passage = self._keep(self._read(tick, stop))
                tick = passage.last + 1

    def read_ahead(self, first: int, last: int, then: Callable[[Passage], None] | None = None) -> None:
        """Begin to read ticks first … last, as far as they are not there, in a thread; one such reading at a time.

        `then` is called there with what was read; it must not touch the passages.
        """
        with self._mutex:
            if self._ahead is not None:
                if not self._ahead[2].done():
                    return
                self._take_ahead(first)
            while first <= last and (found := self._find(first)) is not None:
                first = found.last + 1
            last = min([last, *(p.first - 1 for p in self._kept if p.first > first)])
            if first > last:
                return
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="polis-ahead")
            self._ahead = (first, last, self._pool.submit(self._read, first, last, then))

    def close(self) -> None:
        """End the thread that reads ahead, if there is one."""
        with self._mutex:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
                self._pool, self._ahead = None, None

    # -- within --------------------------------------------------------------------------------------

    def _find(self, tick: int) -> Passage | None:
        at = bisect_right(self._kept, tick, key=lambda p: p.first) - 1
        if at < 0 or self._kept[at].last < tick:
            return None
        self._clock += 1
        self._used[self._kept[at].first] = self._clock
        return self._kept[at]

    def _take_ahead(self, tick: int) -> Passage | None:
        """Wait for what is being read ahead and keep it; nothing if it could not be read."""
        assert self._ahead is not None
        future, self._ahead = self._ahead[2], None
        try:
            read = future.result()
        except PolisError:
            return None  # whoever needs these ticks reads them again, and is told
        if any(p.first <= read.last and read.first <= p.last for p in self._kept):
            return self._find(tick)
        self._keep(read)
        return self._find(tick)

    def _read(self, first: int, last: int, then: Callable[[Passage], None] | None = None) -> Passage:
        headers = self.reader.headers(self.run, first, last)
        batches = list(ticks_of(self.reader, self.run, first, last, headers=headers))
        if len(headers) != last - first + 1 or len(batches) != len(headers):
            raise BeyondHead(self.run.name, last, first + len(headers) - 1)
        passage = Passage(first, last, headers, batches)
        if then is not None:
            then(passage)
        return passage

    def _keep(self, passage: Passage) -> Passage:
        at = bisect_right(self._kept, passage.first, key=lambda p: p.first)
        self._kept.insert(at, passage)
        self._clock += 1
        self._used[passage.first] = self._clock
        n = sum(len(b) for b in passage.batches)
        self._events_a_tick = max(1.0, n / len(passage.batches))
        while len(self._kept) > 1 and self.nbytes > self.most_bytes:
            oldest = min((p for p in self._kept if p is not passage), key=lambda p: self._used[p.first])
            self._kept.remove(oldest)
            del self._used[oldest.first]
        return passage
