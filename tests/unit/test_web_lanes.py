"""Who comes first, how much waits, and how much is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from chronopolis.web import histories as histories_module
from chronopolis.web.children import Child, Children
from chronopolis.web.crew import Crew
from chronopolis.web.errors import Busy, Superseded, TookTooLong
from chronopolis.web.histories import ClientWentAway, Histories
from chronopolis.web.lanes import Lane
from domain.configuration import Configuration
from domain.errors import BeyondHead, RunIsHeld, UnknownRun
from domain.ports import Run

pytestmark = pytest.mark.unit


def play(scene: Coroutine[Any, Any, Any]) -> Any:
    """Play a scene in a thread of its own: a browser driven in this one keeps an event loop there."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, scene).result()


def test_the_newest_request_is_served_first() -> None:
    async def scene() -> list[int]:
        lane, served = Lane(), []
        await lane.enter(0)

        async def ask(number: int) -> None:
            await lane.enter(number)
            served.append(number)
            lane.leave()

        tasks = [asyncio.create_task(ask(number)) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        lane.leave()
        await asyncio.gather(*tasks)
        assert lane.idle
        return served

    assert play(scene()) == [3, 2, 1]


def test_one_that_reads_ahead_lets_a_newer_request_pass_between_its_parts() -> None:
    async def scene() -> list[str]:
        lane, served = Lane(), []

        async def read_ahead() -> None:
            for part in range(3):
                await lane.enter(1)
                served.append(f"ahead {part}")
                for _ in range(3):  # it takes a while
                    await asyncio.sleep(0)
                lane.leave()

        async def look(number: int) -> None:
            await lane.enter(number)
            served.append(f"look {number}")
            lane.leave()

        ahead = asyncio.create_task(read_ahead())
        await asyncio.sleep(0)
        looks = [asyncio.create_task(look(number)) for number in (2, 3)]
        await asyncio.gather(ahead, *looks)
        return served

    assert play(scene()) == ["ahead 0", "look 3", "look 2", "ahead 1", "ahead 2"]


def test_when_too_many_wait_the_oldest_is_told_to_ask_again() -> None:
    async def scene() -> list[Any]:
        lane = Lane(most_waiting=2)
        await lane.enter(0)
        tasks = [asyncio.create_task(lane.enter(number)) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        lane.leave()
        await tasks[2]
        lane.leave()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = play(scene())
    assert isinstance(first, Superseded)
    assert second is None
    assert third is None


def test_a_request_that_is_broken_off_while_it_waits_holds_nobody_up() -> None:
    async def scene() -> None:
        lane = Lane()
        await lane.enter(0)
        first, second = (asyncio.create_task(lane.enter(number)) for number in (1, 2))
        await asyncio.sleep(0)
        lane.leave()  # it is the second's turn, and that very moment it is broken off
        second.cancel()
        await asyncio.wait_for(first, 1)
        lane.leave()
        assert lane.idle

    play(scene())


def test_what_hangs_is_given_up_counted_and_comes_back_by_itself() -> None:
    async def scene() -> None:
        crew, gate = Crew("t", threads=1, most=2, timeout_s=0.05), threading.Event()
        with pytest.raises(TookTooLong):
            await crew.do(gate.wait)
        with pytest.raises(TookTooLong):
            await crew.do(lambda: None)  # behind the one that hangs
        assert crew.in_hand == 2
        with pytest.raises(Busy):
            await crew.do(lambda: None)
        gate.set()
        for _ in range(100):
            if crew.in_hand == 0:
                break
            await asyncio.sleep(0.01)
        assert await crew.do(lambda: "again") == "again"
        crew.close()

    play(scene())


class Shelf:
    """A store of runs without ticks, and cursors that say how much they were lent."""

    def __init__(self) -> None:
        self.found = 0
        self.cursors: list[Any] = []

    def find(self, name: str) -> Run:
        self.found += 1
        if name == "gone":
            raise UnknownRun(name)
        return Run(int(name), f"run-{name}", 7, Configuration(), b"g" * 32)

    def head(self, run: Run) -> Any:
        return SimpleNamespace(tick=10)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    made = Shelf()

    class Lent:
        def __init__(self, store: Shelf, run: Run, *, cache_mib: int) -> None:
            self.mib, self.run, self.closed = cache_mib, run, False
            made.cursors.append(self)

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(histories_module, "Cursor", Lent)
    return made


def test_few_runs_are_kept_open_and_share_what_memory_there_is(shelf: Shelf) -> None:
    async def scene() -> None:
        histories = Histories(shelf, most_runs=3, mib=96)
        for number in range(1, 8):
            run = await histories.run(str(number))
            assert await histories.look(run, lambda cursor: cursor.run.id) == number
        assert histories.open_runs == [5, 6, 7]
        open_cursors = [cursor for cursor in shelf.cursors if not cursor.closed]
        assert sum(cursor.mib for cursor in open_cursors) <= 96
        assert len(open_cursors) == 3
        histories.close()
        assert all(cursor.closed for cursor in shelf.cursors)

    play(scene())


def test_names_that_can_be_no_runs_never_reach_the_store(shelf: Shelf) -> None:
    async def scene() -> None:
        histories = Histories(shelf)
        for name in ("", "\0", "Ä", "a" * 64, "a/b", "a b", "'; DROP TABLE runs"):
            with pytest.raises(UnknownRun):
                await histories.run(name)
        assert shelf.found == 0
        await histories.run("5")
        await histories.run("5")
        assert shelf.found == 1
        histories.close()

    play(scene())


def test_a_head_that_is_known_is_not_asked_for_again(shelf: Shelf) -> None:
    async def scene() -> None:
        histories = Histories(shelf)
        run = await histories.run("1")
        assert await histories.tick(run, None) == 10
        histories.saw(run, 12)
        assert await histories.tick(run, 12) == 12
        with pytest.raises(BeyondHead):
            await histories.tick(run, 13)
        histories.close()

    play(scene())


def test_nothing_is_made_for_a_client_that_has_hung_up(shelf: Shelf) -> None:
    async def scene() -> None:
        histories = Histories(shelf)
        run = await histories.run("1")

        async def gone() -> bool:
            return True

        with pytest.raises(ClientWentAway):
            await histories.look(run, lambda cursor: cursor, gone=gone)
        assert not shelf.cursors
        assert await histories.look(run, lambda cursor: "next") == "next"
        histories.close()

    play(scene())


def test_a_run_whose_cursor_still_reads_ahead_is_let_go_of_without_a_wait(shelf: Shelf) -> None:
    async def scene() -> None:
        histories, read = Histories(shelf, most_runs=1), threading.Event()
        oldest = await histories.run("1")
        await histories.look(oldest, lambda cursor: None)
        (cursor,) = shelf.cursors
        cursor.close = read.wait  # what is under way ends when it ends
        began = asyncio.get_running_loop().time()
        late = threading.Timer(5, read.set)
        late.start()
        assert await histories.look(await histories.run("2"), lambda cursor: cursor.run.id) == 2
        assert asyncio.get_running_loop().time() - began < 4
        late.cancel()
        read.set()
        histories.close()

    play(scene())


class Process:
    """A process that goes on until it is ended."""

    pid, returncode = 4711, None

    def __init__(self) -> None:
        self.stdout, self.over = self, asyncio.Event()

    async def read(self, _: int) -> bytes:
        await self.over.wait()
        return b""

    async def wait(self) -> int:
        return 0

    def terminate(self) -> None:
        self.over.set()


@pytest.mark.parametrize("names", [["1", "1"], ["1", "2", "3", "4", "5"]])
def test_of_two_that_go_on_at_once_the_second_is_refused(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    async def scene() -> None:
        made: list[Process] = []

        async def slowly(*_: str, **__: Any) -> Process:
            await asyncio.sleep(0.01)
            made.append(Process())
            return made[-1]

        monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
        children = Children(SimpleNamespace(home="/", database_url=None))
        asked = [children.start(Shelf().find(name), 5) for name in names]
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in told if not isinstance(each, Child)] == [
            RunIsHeld if names == ["1", "1"] else Busy
        ]
        assert len(children.running) == len(made) == len(names) - 1
        await children.close()
        assert not children.running

    play(scene())
