"""What every index of memories promises, in memory or on Chroma: one class of promises, run for each."""

from __future__ import annotations

import pytest

from domain.errors import MemoryBehind
from domain.ports import Memory, MemoryIndex
from domain.recall import MICRO
from tests.support.memories import FOR_EVER

pytestmark = pytest.mark.contract

ALONE = [(1, 0, FOR_EVER)]
TRADE, STORM, SONG = "I traded wood for bread.", "A storm broke the roof.", "Ida sang an old song."


def memory(id: str, text: str = TRADE, *, agent: int = 3, importance: int = 500, **about: object) -> Memory:
    born = int(id.split(":", maxsplit=1)[0])
    return Memory(
        id, agent, born, **{"forgotten": None, "kind": "observation", **about}, importance=importance, text=text
    )  # type: ignore[arg-type]


def ids(index: MemoryIndex, *, tick: int, agent: int = 3, query: str = "bread", k: int = 9, lineage=ALONE) -> list[str]:
    return [m.id for m in index.retrieve(lineage, agent, tick=tick, query=query, k=k)]


class TestAMemoryIndex:
    def test_an_index_of_nothing_covers_nothing(self, index: MemoryIndex) -> None:
        assert index.covered(1) == -1
        with pytest.raises(MemoryBehind) as caught:
            ids(index, tick=0)
        assert (caught.value.run, caught.value.tick, caught.value.covered) == (1, 0, -1)

    def test_what_was_added_is_found_as_it_was(self, index: MemoryIndex) -> None:
        given = memory(
            "7:2", "Ünïcode, 'quotes' and \"more\"\n", importance=250, kind="reflection", cites=("1:1", "2:2")
        )
        index.add(1, [given], through=7)
        (found,) = index.retrieve(ALONE, 3, tick=7, query=given.text, k=1)
        assert (found.id, found.text, found.born, found.kind) == ("7:2", given.text, 7, "reflection")
        assert found.score == MICRO + 250_000 + MICRO  # fresh, and about exactly that

    def test_a_query_of_no_words_is_about_nothing(self, index: MemoryIndex) -> None:
        index.add(1, [memory("7:2", importance=250)], through=7)
        (found,) = index.retrieve(ALONE, 3, tick=7, query="", k=1)
        assert found.score == MICRO + 250_000

    def test_the_most_relevant_comes_first_where_all_else_is_equal(self, index: MemoryIndex) -> None:
        index.add(1, [memory("1:0", STORM), memory("1:1", TRADE), memory("1:2", SONG)], through=1)
        assert ids(index, tick=1, query="bad weather")[0] == "1:0"
        assert ids(index, tick=1, query="buying food")[0] == "1:1"
        assert ids(index, tick=1, query="music")[0] == "1:2"
        assert len(ids(index, tick=1, k=2)) == 2

    def test_equal_ones_come_in_the_order_of_their_events(self, index: MemoryIndex) -> None:
        same = [memory("10:2"), memory("10:10"), memory("10:1")]
        index.add(1, same, through=20)
        assert ids(index, tick=20) == ["10:1", "10:2", "10:10"]

    def test_nobody_remembers_for_another(self, index: MemoryIndex) -> None:
        index.add(1, [memory("1:0", agent=3), memory("1:1", agent=33), memory("1:2", agent=0)], through=1)
        index.add(11, [memory("1:7", agent=3)], through=1)
        assert ids(index, tick=1, agent=3) == ["1:0"]
        assert ids(index, tick=1, agent=4) == []

    def test_a_memory_is_there_from_its_birth_until_it_is_forgotten(self, index: MemoryIndex) -> None:
        index.add(1, [memory("5:0"), memory("6:0", forgotten=9), memory("6:1", forgotten=6)], through=6)
        index.forget(1, [("5:0", 8)])
        index.add(1, [], through=20)
        assert ids(index, tick=4) == []
        assert ids(index, tick=5) == ["5:0"]
        assert sorted(ids(index, tick=7)) == ["5:0", "6:0"]
        assert ids(index, tick=8) == ["6:0"]
        assert ids(index, tick=9) == []

    def test_adding_again_changes_nothing_and_brings_nothing_back(self, index: MemoryIndex) -> None:
        index.add(1, [memory("5:0"), memory("5:1")], through=5)
        index.forget(1, [("5:0", 8), ("5:0", 8)])
        index.add(1, [memory("5:0"), memory("5:1")], through=5)
        index.forget(1, [("5:0", 8)])
        index.add(1, [], through=9)
        assert ids(index, tick=9) == ["5:1"]
        assert ids(index, tick=7) == ["5:0", "5:1"]

    def test_what_is_covered_only_rises(self, index: MemoryIndex) -> None:
        index.add(1, [], through=5)
        index.add(1, [memory("3:0")], through=3)
        assert index.covered(1) == 5
        index.add(1, [], through=6)
        assert (index.covered(1), index.covered(2)) == (6, -1)

    def test_a_tick_that_is_not_covered_is_refused_not_guessed(self, index: MemoryIndex) -> None:
        index.add(1, [memory("3:0")], through=5)
        assert ids(index, tick=5) == ["3:0"]
        with pytest.raises(MemoryBehind):
            ids(index, tick=6)

    def test_a_fork_remembers_what_its_parent_did_by_then(self, index: MemoryIndex) -> None:
        index.add(1, [memory("1:0"), memory("2:0"), memory("9:0")], through=9)
        index.forget(1, [("1:0", 5), ("2:0", 8)])
        index.add(2, [memory("7:0")], through=20)
        lineage = [(1, 0, 6), (2, 7, FOR_EVER)]
        assert ids(index, tick=4, lineage=lineage) == ["2:0", "1:0"]
        assert sorted(ids(index, tick=20, lineage=lineage)) == ["2:0", "7:0"]

    def test_what_a_fork_forgets_its_parent_and_sisters_do_not(self, index: MemoryIndex) -> None:
        index.add(1, [memory("1:0"), memory("2:0")], through=30)
        index.add(2, [memory("7:0")], through=30)
        index.forget(2, [("1:0", 9)])
        index.forget(4, [("2:0", 15)])
        for run in (3, 4):
            index.add(run, [], through=30)
        child, sister = [(1, 0, 6), (2, 7, FOR_EVER)], [(1, 0, 6), (3, 7, FOR_EVER)]
        early, late = [(1, 0, 6), (2, 7, 8), (3, 9, FOR_EVER)], [(1, 0, 6), (2, 7, 12), (4, 13, FOR_EVER)]
        assert sorted(ids(index, tick=8, lineage=child)) == ["1:0", "2:0", "7:0"]
        assert sorted(ids(index, tick=9, lineage=child)) == ["2:0", "7:0"]
        assert sorted(ids(index, tick=9, lineage=sister)) == ["1:0", "2:0"]
        assert sorted(ids(index, tick=9, lineage=ALONE)) == ["1:0", "2:0"]
        assert sorted(ids(index, tick=20, lineage=early)) == ["1:0", "2:0", "7:0"]  # forked before it forgot
        assert sorted(ids(index, tick=14, lineage=late)) == ["2:0", "7:0"]
        assert sorted(ids(index, tick=15, lineage=late)) == ["7:0"]

    def test_a_fork_of_forks_of_forks_remembers_what_all_of_them_did(self, index: MemoryIndex) -> None:
        runs = range(1, 28)
        for run in runs:
            index.add(run, [memory(f"{run}:{i}") for i in range(40)], through=run)
        lineage = [(run, run, run) for run in runs]
        assert len(ids(index, tick=27, k=2_000, lineage=lineage)) == 40 * len(runs)

    def test_a_run_that_was_dropped_can_be_made_anew(self, index: MemoryIndex) -> None:
        index.add(1, [memory("1:0"), memory("1:1")], through=5)
        index.add(2, [memory("1:5")], through=5)
        index.forget(1, [("1:1", 3)])
        index.drop(1)
        index.drop(9)
        assert (index.covered(1), index.covered(2)) == (-1, 5)
        with pytest.raises(MemoryBehind):
            ids(index, tick=0)
        index.add(1, [memory("1:1")], through=5)
        assert ids(index, tick=5) == ["1:1"]
        assert ids(index, tick=5, lineage=[(2, 0, FOR_EVER)]) == ["1:5"]

    def test_many_are_taken_in_and_searched(self, index: MemoryIndex) -> None:
        index.add(1, [memory(f"{i}:0", f"I saw {i % 40} sheep.", agent=i % 20) for i in range(1_200)], through=1_199)
        assert len(ids(index, tick=1_199, agent=7, k=100)) == 60
        assert len(ids(index, tick=599, agent=7, k=100)) == 30
