"""What every event store promises, in memory or Postgres: one class of promises, run for each."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import numpy as np
import pytest

import replay
from chronopolis import record
from domain.configuration import Configuration
from domain.errors import (
    BeyondHead,
    CorruptHistory,
    InputsChanged,
    InvalidConfiguration,
    InvalidInput,
    LeaseLost,
    MissingInput,
    RunExists,
    RunIsHeld,
    TickHasBegun,
    UnknownRun,
)
from domain.events import AGENT_MOVED, SPEECH_MADE, EventBatch
from domain.inputs import INTENTION, INTERVENTION, Input, InputKey
from domain.ports import EventStore, Headers, Run
from domain.state import World
from infrastructure import recorded_history
from replay import seek
from tests.support.histories import History, every_kind, run, scenario
from tests.support.stores import SMALL_WORLD, TINY_WORLD, chain_of, go_on, keep, make_run

pytestmark = pytest.mark.contract

SHORT = run(11, 20, TINY_WORLD)
both_durabilities = pytest.mark.parametrize("durability", ["tick", "group"])


def gift(agent: int, *, asked: int, effect: int, food: int = 500, call: int = 0) -> Input:
    """Return an intervention that gives an agent food."""
    answer = {"by": "a test", "why": "to see", "endow": {"food": food}}
    return Input(InputKey(asked, agent, INTERVENTION, call), effect, answer)


def thought(agent: int, *, asked: int, effect: int, intention: str = "rest") -> Input:
    """Return a mind's answer."""
    return Input(InputKey(asked, agent, INTENTION), effect, {"intention": intention})


def stored(store: EventStore, of_run: Run) -> EventBatch:
    """Return all events of a run as one batch."""
    return EventBatch.concat(store.read(of_run, 0, 10**6))


def told(history: History) -> EventBatch:
    return EventBatch.concat(history.batches)


def forked(store: EventStore, parent: Run, tick: int, name: str = "fork", *, target: int = 40) -> Run:
    return store.create(
        name, seed=parent.seed, configuration=parent.configuration, target=target, parent=parent, fork_tick=tick
    )


def assert_same_events(one: EventBatch, other: EventBatch) -> None:
    assert np.array_equal(one.records, other.records)
    assert np.array_equal(one.payload_ends, other.payload_ends)
    assert one.payload_bytes == other.payload_bytes


class TestAnEventStore:
    # -- what was appended -----------------------------------------------------------------------

    @both_durabilities
    def test_what_was_appended_is_read_back_bit_for_bit(self, store: EventStore, durability: str) -> None:
        kept = keep(store, SHORT, durability=durability)
        assert_same_events(stored(store, kept), told(SHORT))

    def test_every_kind_of_event_survives_with_its_payload(self, store: EventStore) -> None:
        history = every_kind()
        assert_same_events(stored(store, keep(store, history)), told(history))

    def test_batches_that_are_read_hold_whole_ticks(self, store: EventStore) -> None:
        kept = keep(store, SHORT)
        seen: list[int] = []
        for batch in store.read(kept, 3, 9):
            seen += np.unique(batch.records["tick"]).tolist()
        assert seen == list(range(3, 10))

    @pytest.mark.parametrize(
        ("how", "fits"),
        [
            ({"agent": 2}, lambda e: e["agent"] == 2),
            ({"kinds": [AGENT_MOVED.number, SPEECH_MADE.number]}, lambda e: np.isin(e["kind"], [6, 25])),
            ({"agent": 2, "kinds": [SPEECH_MADE.number]}, lambda e: (e["agent"] == 2) & (e["kind"] == 25)),
            ({"agent": 10**12}, lambda e: e["agent"] == -2),
            ({"agent": -1}, lambda e: e["agent"] == -2),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize(("first", "last"), [(0, 10**6), (7, 30), (5, 5)])
    def test_events_of_an_agent_or_of_some_kinds_are_read_with_their_payloads(
        self, store: EventStore, how: Any, fits: Any, first: int, last: int
    ) -> None:
        history = every_kind()
        kept, everything = keep(store, history), told(history)
        ticks = everything.records["tick"]
        wanted = np.flatnonzero(fits(everything.records) & (ticks >= first) & (ticks <= last))
        found = [event for batch in store.selected(kept, first, last, **how) for event in batch]
        assert found == [event for i, event in enumerate(everything) if i in set(wanted.tolist())]

    @pytest.mark.parametrize("few", [0, 64])
    def test_whoever_selects_events_gets_the_same_of_few_ticks_and_of_many(
        self, store: EventStore, monkeypatch: pytest.MonkeyPatch, few: int
    ) -> None:
        monkeypatch.setattr(record, "_FEW_TICKS", few)
        history = every_kind()
        kept = keep(store, history)
        found = record.select_events(store, kept, first=5, last=40, kinds=[SPEECH_MADE, AGENT_MOVED], agent=2)
        records = told(history).records
        wanted = (records["agent"] == 2) & np.isin(records["kind"], [6, 25])
        wanted &= (records["tick"] >= 5) & (records["tick"] <= 40)
        assert EventBatch.concat(found).records.tobytes() == records[wanted].tobytes()
        head = history.headers[-1].tick
        with pytest.raises(CorruptHistory, match="header is missing"):
            list(record.select_events(store, kept, first=0, last=head + 1, kinds=[AGENT_MOVED]))

    def test_whoever_selects_events_is_told_how_far_it_was_looked_also_where_there_are_none(
        self, store: EventStore
    ) -> None:
        kept, told_of = keep(store, every_kind()), []
        head = every_kind().headers[-1].tick
        selected = store.selected(kept, 2, 10**6, agent=10**6, on_progress=lambda *at: told_of.append(at))
        assert list(selected) == []
        assert told_of[-1] == (head, head)
        for few in (False, True):
            told_of.clear()
            last = 20 if few else head
            kinds = [SPEECH_MADE]
            list(
                record.select_events(
                    store, kept, first=0, last=last, kinds=kinds, on_progress=lambda *at: told_of.append(at)
                )
            )
            assert told_of == sorted(told_of) and told_of[-1] == (last, last)

    def test_of_a_fork_the_parents_events_are_found_up_to_it_alone(self, store: EventStore) -> None:
        parent = make_run(store, "parent", ticks=10)
        child = forked(store, parent, 6, "child")
        for run_, last in ((child, 6), (parent, 10)):
            found = EventBatch.concat(store.selected(run_, 0, 999, agent=1))
            everything = stored(store, run_).records
            assert found.records.tobytes() == everything[everything["agent"] == 1].tobytes()
            assert int(everything["tick"].max()) == last

    @pytest.mark.parametrize("at_once", [1, 4, 8_192])
    def test_headers_are_those_that_were_appended(
        self, store: EventStore, monkeypatch: pytest.MonkeyPatch, at_once: int
    ) -> None:
        monkeypatch.setattr(recorded_history, "_HEADERS_AT_ONCE", at_once)
        kept = keep(store, SHORT)
        headers = store.headers(kept, 0, 999)
        assert [headers.at(i) for i in range(len(headers))] == list(SHORT.headers)
        some = store.headers(kept, 4, 6)
        assert some.ticks.tolist() == [4, 5, 6]
        assert len(store.headers(kept, 900, 999)) == 0
        assert len(store.headers(kept, 6, 4)) == 0

    def test_whoever_goes_through_a_long_run_has_few_headers_in_memory(
        self, store: EventStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        history = every_kind()
        kept = keep(store, history)
        whole = EventBatch.concat(seek.ticks_of(store, kept, 3, 50))
        read, asked = store.headers, []

        def headers(run_: Run, first: int, last: int) -> Headers:
            asked.append((first, last))
            return read(run_, first, last)

        monkeypatch.setattr(seek, "_HEADERS_AT_ONCE", 20)
        monkeypatch.setattr(store, "headers", headers)
        assert EventBatch.concat(seek.ticks_of(store, kept, 3, 50)).hash() == whole.hash()
        assert asked == [(3, 22), (23, 42), (43, 50)]

    def test_the_head_is_the_newest_header(self, store: EventStore) -> None:
        empty = store.create("empty", seed=1, configuration=TINY_WORLD, target=5)
        assert store.head(empty) is None
        assert list(store.read(empty, 0, 10)) == []
        assert store.head(keep(store, SHORT)) == SHORT.headers[-1]

    def test_a_lineage_says_which_run_each_stretch_of_ticks_is_read_from(self, store: EventStore) -> None:
        parent = make_run(store, "parent", ticks=10)
        child = forked(store, parent, 6, "child")
        go_on(store, child, 9)
        grandchild = forked(store, child, 8, "grandchild")
        early = forked(store, child, 4, "early")
        end = store.lineage(parent)[0][2]
        assert end >= 2**31 - 2
        assert store.lineage(parent) == [(parent.id, 0, end)]
        assert store.lineage(child) == [(parent.id, 0, 6), (child.id, 7, end)]
        assert store.lineage(grandchild) == [(parent.id, 0, 6), (child.id, 7, 8), (grandchild.id, 9, end)]
        assert store.lineage(early) == [(parent.id, 0, 4), (early.id, 5, end)]

    def test_a_store_knows_its_runs_and_where_they_stand(self, store: EventStore) -> None:
        kept = keep(store, SHORT)
        waiting = store.create("waiting", seed=3, configuration=TINY_WORLD, target=9)
        (first, first_lease, head), (second, second_lease, none) = store.runs()
        assert (first, head) == (kept, SHORT.headers[-1])
        assert (first_lease.status, first_lease.target) == ("complete", 20)
        assert (second, none) == (waiting, None)
        assert (second_lease.status, second_lease.target, second_lease.epoch) == ("paused", 9, 0)

    def test_a_run_that_is_refused_uses_up_no_number(self, store: EventStore) -> None:
        first = store.create("first", seed=3, configuration=TINY_WORLD, target=9)
        for name in ("first", "First", "", "a" * 64, "a\n"):
            with pytest.raises((RunExists, InvalidConfiguration)):
                store.create(name, seed=3, configuration=TINY_WORLD, target=9)
        for target in (-1, 2_000_000_001, 10**12):
            with pytest.raises(InvalidConfiguration, match="between 0 and 2,000,000,000"):
                store.create("second", seed=3, configuration=TINY_WORLD, target=target)
        assert store.create("second", seed=3, configuration=TINY_WORLD, target=9).id == first.id + 1

    def test_a_run_is_what_it_was_made_of(self, store: EventStore) -> None:
        made = store.create("made-of", seed=-(2**63), configuration=SMALL_WORLD, target=5)
        again = store.find("made-of")
        assert again == made
        assert (again.seed, again.configuration) == (-(2**63), SMALL_WORLD)
        again.require_our_rules()

    # -- a society that died out ------------------------------------------------------------------

    def test_ticks_in_which_nothing_happens_are_ticks(self, store: EventStore) -> None:
        doomed = scenario("doomed")
        assert doomed.headers[-1].events == 0, "this scenario has to die out"
        kept = keep(store, doomed)
        assert replay.verify(store, kept).ok
        assert replay.reexecute(store, kept).identical
        last = doomed.ticks - 1
        assert replay.at(store, kept, last).state_hash == doomed.headers[-1].state_hash
        go_on(store, kept, last + 5)
        found = replay.verify(store, kept)
        assert (found.ok, found.ticks) == (True, last + 6)

    # -- snapshots --------------------------------------------------------------------------------

    def test_snapshots_come_newest_first_and_hold_the_state(self, store: EventStore) -> None:
        kept = store.create("kept", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
        with store.writer(kept, durability="tick") as writer:
            for tick, (batch, header) in enumerate(zip(SHORT.batches, SHORT.headers, strict=True)):
                writer.append(batch, header)
                if tick in (0, 5, 10):
                    writer.keep_snapshot(SHORT.replayed(tick + 1))
        assert store.snapshot_ticks(kept) == [0, 5, 10]
        assert [s.tick for s in store.snapshots(kept, 20)] == [10, 5, 0]
        assert [s.tick for s in store.snapshots(kept, 9)] == [5, 0]
        for snapshot in store.snapshots(kept, 20):
            assert snapshot.problem == "" and snapshot.world is not None
            assert snapshot.world.state_hash == SHORT.headers[snapshot.tick].state_hash

    def test_a_snapshot_of_another_state_is_reported_and_passed_over(self, store: EventStore) -> None:
        kept = store.create("kept", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
        wrong: World = SHORT.replayed(6)
        wrong.agents[wrong.agents.shape[0] // 2, 0] += 1
        wrong.rehash_whole()
        with store.writer(kept, durability="tick") as writer:
            for batch, header in zip(SHORT.batches, SHORT.headers, strict=True):
                writer.append(batch, header)
            writer.keep_snapshot(SHORT.replayed(3))
            writer.keep_snapshot(wrong)
        problems: list[str] = []
        world = replay.at(store, kept, 12, on_problem=problems.append)
        assert world.state_hash == SHORT.headers[12].state_hash
        assert len(problems) == 1 and "tick 5" in problems[0]
        found = replay.verify(store, kept)
        assert (found.ok, found.first_bad_tick, found.area) == (False, 5, "snapshot")

    # -- names ------------------------------------------------------------------------------------

    def test_a_run_is_found_by_name_number_and_unique_beginning(self, store: EventStore) -> None:
        otter = store.create("brave-otter", seed=1, configuration=TINY_WORLD, target=1)
        owl = store.create("brave-owl", seed=1, configuration=TINY_WORLD, target=1)
        assert store.find("brave-otter") == store.find(str(otter.id)) == store.find("brave-ot") == otter
        assert store.find("brave-ow") == owl

    def test_an_unknown_or_ambiguous_name_is_refused(self, store: EventStore) -> None:
        for name in ("brave-otter", "brave-owl"):
            store.create(name, seed=1, configuration=TINY_WORLD, target=1)
        with pytest.raises(UnknownRun) as caught:
            store.find("brave-o")
        assert caught.value.candidates == ("brave-otter", "brave-owl")
        for unknown in ("nobody", "", "99", "9" * 30, "BRAVE-otter", "brave%", "_", "a\0"):
            with pytest.raises(UnknownRun):
                store.find(unknown)

    def test_a_whole_name_wins_over_a_beginning(self, store: EventStore) -> None:
        short = store.create("brave", seed=1, configuration=TINY_WORLD, target=1)
        store.create("brave-otter", seed=1, configuration=TINY_WORLD, target=1)
        assert store.find("brave") == short

    def test_a_name_is_taken_once(self, store: EventStore) -> None:
        first = store.create("twice", seed=1, configuration=TINY_WORLD, target=1)
        with pytest.raises(RunExists):
            store.create("twice", seed=2, configuration=TINY_WORLD, target=1)
        assert [r for r, _, _ in store.runs()] == [first]

    @pytest.mark.parametrize("name", ["", "Ä", "UPPER", "-begins", "a b", "a" * 64, "a;drop", "a\n"])
    def test_an_invalid_name_is_refused(self, store: EventStore, name: str) -> None:
        with pytest.raises(InvalidConfiguration):
            store.create(name, seed=1, configuration=TINY_WORLD, target=1)
        assert store.runs() == []

    # -- the lease --------------------------------------------------------------------------------

    def test_a_writer_that_was_taken_over_writes_nothing_more(self, store: EventStore) -> None:
        made = store.create("taken", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
        with store.writer(made, durability="tick") as old:
            for batch, header in zip(SHORT.batches[:3], SHORT.headers[:3], strict=True):
                old.append(batch, header)
            with store.writer(made, durability="tick", take_over=True) as new:
                assert store.lease(made).epoch == 2
                with pytest.raises(LeaseLost):
                    old.append(SHORT.batches[3], SHORT.headers[3])
                old.restart()
                old.set_status("failed", problem="never seen")
                new.append(SHORT.batches[3], SHORT.headers[3])
                assert store.lease(made).status == "running"
        assert chain_of(store, made) == [h.chain_hash for h in SHORT.headers[:4]]
        assert store.lease(made).problem is None

    def test_a_run_that_is_held_is_refused(self, store: EventStore) -> None:
        made = make_run(store, ticks=5)
        with store.writer(made, durability="tick"):
            with pytest.raises(RunIsHeld), store.writer(made, durability="tick"):
                pass
            assert store.lease(made).status == "running"
        assert store.lease(made).status == "paused", "nobody writes it any more"

    def test_the_durable_mark_follows_what_was_appended(self, store: EventStore) -> None:
        made = store.create("marked", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
        with store.writer(made, durability="group") as writer:
            assert writer.durable_tick == -1
            for batch, header in zip(SHORT.batches, SHORT.headers, strict=True):
                writer.append(batch, header)
                assert writer.durable_tick <= header.tick
            writer.flush()
            assert writer.durable_tick == 20
        with store.writer(made, durability="tick") as writer:
            assert writer.durable_tick == 20

    def test_an_unknown_durability_is_refused(self, store: EventStore) -> None:
        made = store.create("made", seed=1, configuration=TINY_WORLD, target=1)
        with pytest.raises(InvalidConfiguration):
            store.writer(made, durability="perhaps")

    # -- inputs -----------------------------------------------------------------------------------

    def test_inputs_come_in_the_order_of_their_keys_not_of_arrival(self, store: EventStore) -> None:
        made = make_run(store, ticks=5)
        given = [gift(3, asked=5, effect=9), thought(1, asked=5, effect=9), gift(1, asked=4, effect=9),
                 gift(3, asked=5, effect=9, call=1), gift(2, asked=5, effect=8)]  # fmt: skip
        for one in given:
            assert store.record_input(made, one)
        assert [i.key for i in store.inputs(made, 9).rows] == sorted(i.key for i in given if i.effect_tick == 9)
        after = store.inputs_after(made, 8)
        assert list(after) == [9] and len(after[9]) == 4
        assert [i.answer for i in store.inputs(made, 8).rows] == [given[-1].answer]
        assert len(store.inputs(made, 7)) == 0

    def test_the_first_answer_wins_and_the_late_one_is_counted(self, store: EventStore) -> None:
        made = make_run(store, ticks=5)
        assert store.record_input(made, thought(1, asked=5, effect=9, intention="rest")) is True
        assert store.record_input(made, thought(1, asked=5, effect=9, intention="mine")) is False
        assert store.record_input(made, thought(1, asked=5, effect=12, intention="mine")) is False
        assert [i.answer for i in store.inputs(made, 9).rows] == [{"intention": "rest"}]
        assert len(store.inputs(made, 12)) == 0
        assert store.late_inputs(made) == 2

    def test_a_late_answer_after_its_tick_is_counted_too(self, store: EventStore) -> None:
        made = make_run(store, ticks=5)
        store.record_input(made, thought(1, asked=5, effect=6))
        go_on(store, made, 8)
        assert store.record_input(made, thought(1, asked=5, effect=6, intention="mine")) is False
        assert store.late_inputs(made) == 1

    def test_an_input_for_a_tick_that_is_history_is_refused(self, store: EventStore) -> None:
        made = make_run(store, ticks=5)
        for effect in (3, 5):
            with pytest.raises(TickHasBegun):
                store.record_input(made, gift(1, asked=2, effect=effect))
        assert store.inputs_after(made, -1) == {} and store.late_inputs(made) == 0
        assert store.record_input(made, gift(1, asked=5, effect=6))

    def test_an_answer_to_somebody_who_died_meanwhile_is_late(self, store: EventStore) -> None:
        made = make_run(store, ticks=5)
        with pytest.raises(TickHasBegun):
            store.record_input(made, thought(1, asked=2, effect=4))
        assert (store.inputs_after(made, -1), store.late_inputs(made)) == ({}, 1)
        # One that was in time and could not be used, its agent being dead, is counted once, by who finds that out.
        in_time = thought(2, asked=5, effect=9)
        store.record_input(made, in_time)
        store.count_late(made, [in_time.key])
        store.count_late(made, [in_time.key])
        assert store.late_inputs(made) == 2

    def test_what_became_of_all_thoughts_is_counted_to_a_tick_and_over_a_fork(self, store: EventStore) -> None:
        made = make_run(store, ticks=5)
        refused = dataclasses.replace(thought(2, asked=5, effect=9), answer={"refused": "no \x00 'answer'"})
        late = dataclasses.replace(thought(3, asked=5, effect=12), answer={"refused": "late"})
        for given in (thought(1, asked=5, effect=9), refused, late, gift(4, asked=5, effect=9)):
            store.record_input(made, given)
        assert store.thoughts_through(made, 8) == (0, {})
        assert store.thoughts_through(made, 9) == (1, {"no \x00 'answer'": 1})
        assert store.thoughts_through(made, 99) == (1, {"no \x00 'answer'": 1, "late": 1})
        fork = forked(store, made, 5)
        assert store.thoughts_through(fork, 9) == (1, {"no \x00 'answer'": 1})

    def test_answers_after_which_nobody_was_asked_again_are_found_also_over_a_fork(self, store: EventStore) -> None:
        made = make_run(store, ticks=12)
        asked_again, pending, last = (
            thought(1, asked=12, effect=14),
            thought(1, asked=15, effect=20),
            thought(2, asked=12, effect=14),
        )
        for given in (asked_again, last, thought(3, asked=12, effect=99), gift(4, asked=12, effect=14)):
            store.record_input(made, given)
        assert [i.key for i in store.last_thoughts(made, 14)] == [asked_again.key, last.key]
        go_on(store, made, 15)
        store.record_input(made, pending)
        assert [i.key for i in store.last_thoughts(made, 15)] == [last.key]
        assert [i.key for i in store.last_thoughts(forked(store, made, 14), 20)] == [asked_again.key, last.key]

    def test_an_input_that_makes_no_sense_is_refused(self, store: EventStore) -> None:
        made = make_run(store, ticks=5)
        for wrong in (
            thought(1, asked=5, effect=9, intention="fly"),
            gift(1, asked=9, effect=9),
            dataclasses.replace(gift(1, asked=5, effect=9), answer={"endow": {"gold": 1}}),
            Input(InputKey(5, 1, "gossip"), 9, {}),
        ):
            with pytest.raises(InvalidInput):
                store.record_input(made, wrong)
        assert store.inputs_after(made, -1) == {}

    @both_durabilities
    def test_a_tick_decided_without_a_recorded_input_is_not_written(self, store: EventStore, durability: str) -> None:
        made = store.create("missed", seed=SHORT.seed, configuration=TINY_WORLD, target=20)
        with pytest.raises(InputsChanged), store.writer(made, durability=durability) as writer:
            for batch, header in zip(SHORT.batches[:4], SHORT.headers[:4], strict=True):
                writer.append(batch, header)
            writer.flush()
            store.record_input(made, gift(1, asked=3, effect=4))
            for batch, header in zip(SHORT.batches[4:8], SHORT.headers[4:8], strict=True):
                writer.append(batch, header)
            writer.flush()
        head = store.head(made)
        assert head is not None and head.tick == 3

    @both_durabilities
    def test_a_runner_goes_back_for_an_input_that_came_in_under_way(self, store: EventStore, durability: str) -> None:
        before = store.create("before", seed=7, configuration=TINY_WORLD, target=60)
        during = store.create("during", seed=7, configuration=TINY_WORLD, target=60)
        go_on(store, before, 10)
        go_on(store, during, 10)
        store.record_input(before, gift(2, asked=10, effect=30, food=7_000))
        given: list[bool] = []

        def give(progress: object) -> None:
            if not given:  # the loop read its inputs before this one was there
                given.append(store.record_input(during, gift(2, asked=10, effect=30, food=7_000)))

        whole = go_on(store, before, 60)
        summary = go_on(store, during, 60, durability=durability, on_progress=give, pace_ms=2)
        assert given == [True]
        assert (summary.events, summary.figures) == (whole.events, whole.figures), "ticks that were given up count"
        assert (summary.head_tick, summary.status) == (60, "complete")
        assert chain_of(store, during) == chain_of(store, before)
        assert replay.verify(store, during).ok and replay.reexecute(store, during).identical

    def test_inputs_for_somebody_who_is_not_alive_leave_the_run_sound(self, store: EventStore) -> None:
        made = make_run(store, ticks=5)
        store.record_input(made, gift(999, asked=5, effect=8))
        store.record_input(made, thought(999, asked=5, effect=9))
        go_on(store, made, 12)
        found = replay.verify(store, made)
        assert found.ok, found
        assert replay.reexecute(store, made).identical

    def test_a_society_with_minds_is_verified_and_re_executed_with_its_recorded_answers(
        self, store: EventStore
    ) -> None:
        minded = scenario("minded")
        history = dataclasses.replace(minded, batches=minded.batches[:150], headers=minded.headers[:150])
        kept = keep(store, history)
        assert_same_events(stored(store, kept), told(history))
        assert replay.verify(store, kept, deep=True).ok
        assert replay.reexecute(store, kept).identical
        world = replay.at(store, kept, 149)
        assert world.state_hash == history.headers[-1].state_hash
        assert world.to_bytes() == history.replayed().to_bytes()

    def test_reexecution_stops_where_an_awaited_answer_is_missing(self, store: EventStore) -> None:
        history = every_kind()
        kept = keep(store, history)
        # Its thoughts were never recorded as inputs: whatever is found, it is not "identical".
        with contextlib.suppress(MissingInput):
            assert not replay.reexecute(store, kept).identical

    # -- lineage ----------------------------------------------------------------------------------

    def test_a_fork_reads_its_parents_history_up_to_the_fork(self, store: EventStore) -> None:
        parent = make_run(store, "parent", ticks=30)
        fork = forked(store, parent, 12)
        head = store.head(fork)
        assert head is not None and head.tick == 12
        assert chain_of(store, fork) == chain_of(store, parent)[:13]
        assert_same_events(stored(store, fork), EventBatch.concat(store.read(parent, 0, 12)))
        assert store.snapshot_ticks(fork) == [0]
        assert replay.at(store, fork, 9).state_hash == replay.at(store, parent, 9).state_hash
        with pytest.raises(BeyondHead):
            replay.at(store, fork, 13)

    @both_durabilities
    def test_a_fork_that_changes_nothing_repeats_its_parent(self, store: EventStore, durability: str) -> None:
        parent = make_run(store, "parent", ticks=30)
        fork = forked(store, parent, 12)
        summary = go_on(store, fork, 30, durability=durability)
        assert summary.resumed
        assert chain_of(store, fork) == chain_of(store, parent)
        found = replay.verify(store, fork)
        assert (found.ok, found.ticks) == (True, 31)
        assert replay.reexecute(store, fork).identical

    def test_a_fork_of_a_fork_reads_through_both(self, store: EventStore) -> None:
        parent = make_run(store, "parent", ticks=30)
        child = forked(store, parent, 12, "child")
        store.record_input(child, gift(1, asked=12, effect=13))
        go_on(store, child, 25)
        late = forked(store, child, 20, "late-grandchild")
        early = forked(store, child, 5, "early-grandchild")
        go_on(store, late, 25)
        go_on(store, early, 30)
        assert chain_of(store, late) == chain_of(store, child)
        assert chain_of(store, child)[13] != chain_of(store, parent)[13]
        assert chain_of(store, early) == chain_of(store, parent), "it left before its parent changed anything"
        for each in (child, late, early):
            assert replay.verify(store, each).ok and replay.reexecute(store, each).identical

    def test_a_fork_changes_nothing_of_its_parent(self, store: EventStore) -> None:
        parent = make_run(store, "parent", ticks=30)
        before = chain_of(store, parent)
        fork = forked(store, parent, 12)
        store.record_input(fork, gift(1, asked=12, effect=13))
        go_on(store, fork, 40)
        assert chain_of(store, parent) == before
        assert store.inputs_after(parent, -1) == {}
        assert chain_of(store, fork)[:13] == before[:13] and chain_of(store, fork)[13] != before[13]

    def test_a_fork_reads_inputs_asked_by_the_fork_even_if_they_come_later(self, store: EventStore) -> None:
        parent = make_run(store, "parent", ticks=12)
        fork = forked(store, parent, 10)
        late = thought(1, asked=10, effect=20)
        store.record_input(parent, late)
        store.record_input(parent, gift(2, asked=11, effect=20))
        assert [i.key for i in store.inputs(fork, 20).rows] == [late.key]
        assert len(store.inputs(parent, 20)) == 2
        go_on(store, fork, 25)
        assert replay.verify(store, fork).ok and replay.reexecute(store, fork).identical

    def test_an_input_of_the_parent_is_refused_once_a_fork_that_reads_it_is_past_its_tick(
        self, store: EventStore
    ) -> None:
        parent = make_run(store, "parent", ticks=12)
        fork = forked(store, parent, 12)
        go_on(store, fork, 25)
        with pytest.raises(TickHasBegun):
            store.record_input(parent, gift(1, asked=12, effect=20))
        assert store.record_input(parent, gift(1, asked=12, effect=26))
        assert replay.verify(store, fork).ok and replay.reexecute(store, fork).identical

    def test_an_answer_is_taken_as_long_as_one_of_its_readers_has_not_gone_on_without_it(
        self, store: EventStore
    ) -> None:
        parent = make_run(store, "parent", ticks=12)
        fork = forked(store, parent, 12)
        gone = {"by": "a test", "why": "to see", "remove": True}
        store.record_input(fork, Input(InputKey(12, 1, INTERVENTION), 13, gone))
        go_on(store, fork, 25)  # nobody waits for an answer to the dead
        before = chain_of(store, fork)
        assert store.record_input(parent, thought(1, asked=12, effect=20))
        assert replay.verify(store, fork).ok and replay.reexecute(store, fork).identical
        go_on(store, parent, 25)
        go_on(store, fork, 30)
        assert chain_of(store, fork)[:26] == before
        with pytest.raises(TickHasBegun):
            store.record_input(parent, thought(2, asked=12, effect=20))

    def test_a_fork_takes_no_input_for_a_tick_of_its_parent(self, store: EventStore) -> None:
        parent = make_run(store, "parent", ticks=30)
        fork = forked(store, parent, 12)
        for asked, effect in ((11, 12), (3, 20)):
            with pytest.raises(InvalidInput, match="parent"):
                store.record_input(fork, gift(1, asked=asked, effect=effect))
        assert store.record_input(fork, gift(1, asked=12, effect=13))

    # -- resuming ---------------------------------------------------------------------------------

    @both_durabilities
    def test_a_finished_run_that_is_extended_equals_one_longer_run(self, store: EventStore, durability: str) -> None:
        whole = make_run(store, "whole", ticks=40)
        parts = make_run(store, "parts", ticks=15)
        summary = go_on(store, parts, 40, durability=durability)
        assert (summary.resumed, summary.head_tick, summary.status) == (True, 40, "complete")
        assert chain_of(store, parts) == chain_of(store, whole)

    def test_another_seed_is_another_history(self, store: EventStore) -> None:
        one, other = make_run(store, "one", seed=7), make_run(store, "other", seed=8)
        assert chain_of(store, one)[-1] != chain_of(store, other)[-1]

    def test_configuration_is_part_of_the_genesis(self, store: EventStore) -> None:
        roomy = store.create("roomy", seed=7, configuration=Configuration(agents=12, width=12, height=13), target=1)
        assert roomy.genesis_hash != make_run(store, ticks=1).genesis_hash
