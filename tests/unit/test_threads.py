"""Threads that a tick is spread over: every row once, by whom it may be, and errors are not lost."""

from __future__ import annotations

import threading
import time

import pytest

from domain.threads import Threads

pytestmark = pytest.mark.unit


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    threads = Threads(request.param)
    yield threads
    threads.close()


@pytest.mark.parametrize("rows", [0, 1, 2, 7, 10_000])
def test_every_row_is_in_one_part_and_parts_come_in_order(threads, rows):
    parts = threads.over(rows, lambda first, end: list(range(first, end)), at_least=0)
    assert len(parts) == threads.count
    assert [row for part in parts for row in part] == list(range(rows))


def test_few_rows_are_done_by_the_caller_alone(threads):
    assert threads.over(100, lambda first, end: (first, end)) == [(0, 100)]
    assert threads.used == {threading.get_ident()}
    assert threads.beside(100, threading.get_ident)() == threading.get_ident()


def test_many_rows_are_done_by_as_many_threads_as_there_are(threads):
    together = threading.Barrier(threads.count)
    threads.over(100_000, lambda first, end: together.wait(10))
    assert len(threads.used) == threads.count
    assert (threads.beside(100_000, threading.get_ident)() == threading.get_ident()) == (threads.count == 1)


def test_when_an_error_is_raised_nobody_works_on(threads):
    done = []

    def work(first, end):
        if first == 0:
            raise ZeroDivisionError
        time.sleep(0.05)
        done.append(first)

    with pytest.raises(ZeroDivisionError):
        threads.over(90_000, work)
    assert len(done) == threads.count - 1


@pytest.mark.parametrize("fails_at", ["the caller's part", "another part"])
def test_an_error_in_any_part_is_raised(threads, fails_at):
    def work(first, end):
        if (first == 0) == (fails_at == "the caller's part" or threads.count == 1):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        threads.over(100_000, work)
    with pytest.raises(ZeroDivisionError):
        threads.beside(100_000, lambda: 1 // 0)()
