"""Who closes stretches makes way for snapshots, is never starved by them, and closes all at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from domain.errors import StoreUnavailable
from infrastructure import closing
from infrastructure.closing import Closer


class Shelf:
    """Stands for a run's stretches: full ones are closed when `let` says so; those of `refused` never."""

    def __init__(self, full: int) -> None:
        self.open, self.closed, self.refused = list(range(full)), [], set[int]()
        self.in_hand, self.most_in_hand, self.tries = 0, 0, 0
        self.let = threading.Event()
        self.mutex = threading.Lock()

    def closable(self, durable: int) -> list[int]:
        with self.mutex:
            return list(self.open)

    def close(self, first: int, connection: Any) -> None:
        with self.mutex:
            self.in_hand, self.tries = self.in_hand + 1, self.tries + 1
            self.most_in_hand = max(self.most_in_hand, self.in_hand)
        self.let.wait(10)
        time.sleep(0.02)
        with self.mutex:
            self.in_hand -= 1
            if first in self.refused:
                raise RuntimeError(f"no index for {first}")
            self.open.remove(first)
            self.closed.append(first)


def connection() -> Any:
    return SimpleNamespace(closed=False, execute=lambda statement: None, close=lambda: None)


@pytest.fixture
def closer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Shelf], tuple[Closer, list[str]]]]:
    monkeypatch.setattr(closing, "beside_the_ticks", lambda database: connection())
    begun: list[tuple[Closer, Shelf]] = []

    def begin(shelf: Shelf) -> tuple[Closer, list[str]]:
        noted: list[str] = []
        one = Closer(None, shelf, lambda: 1_000, lambda error: noted.append(str(error)))  # type: ignore[arg-type]
        begun.append((one, shelf))
        one.start()
        return one, noted

    yield begin
    for one, shelf in begun:
        shelf.let.set()
        one.end()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


def test_one_stretch_is_closed_at_a_time_while_ticks_go_on_and_the_oldest_first(closer):
    shelf = Shelf(4)
    shelf.let.set()
    closer(shelf)
    wait_until(lambda: shelf.closed == [0, 1, 2, 3])
    assert shelf.most_in_hand == 1


def test_a_snapshot_waits_for_what_is_in_hand_and_no_longer(closer):
    shelf = Shelf(3)
    one, _ = closer(shelf)
    wait_until(lambda: shelf.in_hand == 1)
    assert not one.make_way(), "a stretch is in hand"
    shelf.let.set()
    wait_until(one.make_way)
    assert shelf.closed == [0]
    time.sleep(3 * closing._LOOK_EVERY_S)
    assert shelf.closed == [0], "nothing more is begun"
    one.go_on()
    wait_until(lambda: shelf.closed == [0, 1, 2])


def test_snapshots_without_an_end_starve_nobody(closer):
    shelf = Shelf(6)
    shelf.let.set()
    one, _ = closer(shelf)
    deadline = time.monotonic() + 10
    while shelf.open:
        assert time.monotonic() < deadline, f"only {shelf.closed} got their turn"
        if one.make_way():
            one.go_on()  # a snapshot that takes no time, and the next one waits already
        time.sleep(0.001)


def test_at_the_end_two_hands_close_all_and_each_is_tried_once(closer):
    shelf = Shelf(7)
    shelf.refused = {2}
    one, noted = closer(shelf)
    wait_until(lambda: shelf.in_hand == 1)
    one.make_way()  # for a snapshot that is over when the end comes
    lending = threading.Thread(target=lambda: one.end(lend=connection))
    lending.start()
    wait_until(lambda: shelf.in_hand == 2)
    shelf.let.set()
    lending.join(10)
    assert sorted(shelf.closed) == [0, 1, 3, 4, 5, 6]
    assert shelf.most_in_hand == 2
    assert one.refused == "no index for 2" and noted == [] and shelf.tries == 7


def test_at_the_end_a_server_that_is_away_for_a_moment_is_tried_again_by_who_has_a_connection(closer, monkeypatch):
    monkeypatch.setattr(closing, "_AGAIN_AFTER_S", 0.01)
    shelf = Shelf(5)
    one, _ = closer(shelf)
    wait_until(lambda: shelf.in_hand == 1)
    close, failures = shelf.close, iter([psycopg.OperationalError("cut off"), psycopg.OperationalError("cut off")])

    def cut_off(first: int, connection: Any) -> None:
        for error in failures:
            raise error
        close(first, connection)

    shelf.close = cut_off  # type: ignore[method-assign]

    def nowhere() -> Any:
        raise StoreUnavailable("nobody answers")

    shelf.let.set()
    one.end(lend=nowhere)
    assert sorted(shelf.closed) == [0, 1, 2, 3, 4], "who has a connection closes what the other could not"


def test_who_waits_for_stretches_to_be_closed_is_told_how_many_are_left(closer, monkeypatch):
    monkeypatch.setattr(closing, "STRETCHES_BEHIND", 1)
    shelf = Shelf(3)
    one, _ = closer(shelf)
    left: list[int] = []

    def told(n: int) -> None:
        left.append(n)
        if len(left) == 3:
            shelf.let.set()

    one.wait_if_behind(unless=lambda: False, on_wait=told)
    assert left[:3] == [2, 2, 2] and len(shelf.open) <= 1
    one.wait_if_behind(unless=lambda: False, on_wait=lambda n: pytest.fail("nobody waits"))


def test_what_is_refused_is_tried_again_while_ticks_go_on_and_nobody_waits_for_it(closer, monkeypatch):
    monkeypatch.setattr(closing, "_AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr(closing, "STRETCHES_BEHIND", 1)
    shelf = Shelf(3)
    shelf.refused = {0}
    shelf.let.set()
    one, noted = closer(shelf)
    wait_until(lambda: len(noted) > 2)
    began = time.monotonic()
    one.wait_if_behind(unless=lambda: False)
    assert time.monotonic() - began < 5, "it can't work"
    shelf.refused = set()
    wait_until(lambda: shelf.closed == [0, 1, 2])
