"""Same genesis and inputs, same chain of hashes: whatever the threads, copies, processes or pauses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.advance import advance, genesis_hash, header_of, new_world
from domain.configuration import Configuration
from domain.decide import Decider
from domain.errors import CorruptHistory
from domain.events import EVENT_DTYPE, EventBatch
from domain.fold import fold
from domain.hashing import chain_hash
from domain.state import World
from tests.support.histories import SCENARIOS, every_kind, run, scenario

pytestmark = pytest.mark.property

_ROOT = Path(__file__).parents[2]
names = st.sampled_from(sorted(SCENARIOS))


def assert_same_batches(one: EventBatch, other: EventBatch) -> None:
    assert (one.records == other.records).all()
    assert one.payload_bytes == other.payload_bytes
    assert one.hash() == other.hash()


# -- replay and snapshots --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_replay_has_every_header_of_the_run(name):
    history = scenario(name)
    world, chain = new_world(history.configuration), genesis_hash(history.seed, history.configuration)
    for batch, header in zip(history.batches, history.headers, strict=True):
        fold(world, batch)
        assert header_of(world, batch.hash(), len(batch), chain) == header
        chain = header.chain_hash


@given(names, st.data())
@settings(max_examples=25)
def test_a_fold_from_a_snapshot_equals_the_fold_from_zero(name, data):
    history = scenario(name)
    at = data.draw(st.integers(1, history.ticks - 1))
    world = World.from_bytes(history.replayed(at).to_bytes())
    assert world.state_hash == history.headers[at - 1].state_hash
    until = min(history.ticks, at + 40)
    for batch, header in zip(history.batches[at:until], history.headers[at:until], strict=True):
        fold(world, batch)
        assert world.state_hash == header.state_hash
    whole = history.replayed(until)
    assert world.to_bytes() == whole.to_bytes()
    assert world.agents_frame().equals(whole.agents_frame())


@pytest.mark.parametrize("name", ["harsh", "minded"])
def test_compaction_is_invisible(name):
    history = scenario(name)
    world, compacted = new_world(history.configuration), 0
    spread = new_world(history.configuration)
    spread.compact = lambda: None  # type: ignore[method-assign]
    for batch in history.batches:
        rows = world.n
        fold(world, batch)
        fold(spread, batch)
        compacted += world.n < rows
        assert world.state_hash == spread.state_hash
        assert world.to_bytes() == spread.to_bytes()
        assert world.rehash_whole().tolist() == spread.rehash_whole().tolist()
    assert compacted, "no tick compacted: the test shows nothing"
    assert world.agents_frame().equals(spread.agents_frame())


@given(names, st.data())
@settings(max_examples=25)
def test_area_hashes_kept_tick_by_tick_equal_those_of_all_rows(name, data):
    world = scenario(name).replayed(data.draw(st.integers(1, scenario(name).ticks)))
    kept = world.sums.tolist()
    assert world.rehash_whole().tolist() == kept
    assert World.from_bytes(world.to_bytes()).sums.tolist() == kept


@given(st.data(), st.sampled_from([("calm", 3), ("minded", 60)]))
def test_a_snapshot_that_is_cut_short_or_not_one_is_refused(data, which):
    kept = scenario(which[0]).replayed(which[1]).to_bytes()
    cut = data.draw(st.integers(0, len(kept) - 1))
    for damaged in (kept[:cut], kept + b"\0", b"X" + kept[1:], kept[:8] + b"\x63" + kept[9:]):
        with pytest.raises(CorruptHistory):
            World.from_bytes(damaged)


@pytest.mark.parametrize("at", [16, 24])  # width and height
@pytest.mark.parametrize("sides", [0, -1, 4_001, 2**31, 2**62])
def test_a_snapshot_of_a_grid_that_cannot_be_is_refused_before_room_is_made_for_it(at, sides):
    kept = bytearray(scenario("calm").replayed(3).to_bytes())
    kept[at : at + 8] = sides.to_bytes(8, "little", signed=True)
    with pytest.raises(CorruptHistory):
        World.from_bytes(bytes(kept))


@given(st.data(), st.sampled_from(["calm", "minded"]))
def test_a_changed_byte_of_a_snapshot_is_refused_or_changes_the_state_hash(data, name):
    world = scenario(name).replayed(30)
    kept = bytearray(world.to_bytes())
    # Not of magic, version, size and tick, which the state hash does not cover; nor such a change of the
    # next id that restoring would need gigabytes before it could tell.
    at = data.draw(st.integers(8 + 8 * 4, len(kept) - 1).filter(lambda k: k not in (50, 51)))
    kept[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        restored = World.from_bytes(bytes(kept))
    except CorruptHistory:
        return
    assert restored.state_hash != world.state_hash


# -- the chain -------------------------------------------------------------------------------------


@given(st.data())
def test_any_changed_bit_of_a_record_changes_the_events_hash(data):
    history = scenario("harsh")
    batch = history.batches[data.draw(st.integers(0, history.ticks - 1))]
    changed = bytearray(batch.records.tobytes())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    other = EventBatch(np.frombuffer(bytes(changed), EVENT_DTYPE), batch.payload_ends, batch.payload_bytes)
    assert other.hash() != batch.hash()


@given(st.data())
def test_any_changed_bit_of_a_payload_or_of_its_place_changes_the_events_hash(data):
    history = scenario("harsh")
    batch = data.draw(st.sampled_from([b for b in history.batches if b.payload_bytes]))
    changed = bytearray(batch.payload_bytes)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert EventBatch(batch.records, batch.payload_ends, bytes(changed)).hash() != batch.hash()
    ends = batch.payload_ends.copy()
    ends[data.draw(st.integers(0, len(ends) - 1))] += 1
    assert EventBatch(batch.records, ends, batch.payload_bytes).hash() != batch.hash()


def test_an_event_left_out_or_told_twice_changes_the_events_hash():
    batch = scenario("calm").batches[5]
    left_out = EventBatch.concat([batch.slice(0, 3), batch.slice(4, len(batch))])
    twice = EventBatch.concat([batch.slice(0, 4), batch.slice(3, len(batch))])
    assert len({batch.hash(), left_out.hash(), twice.hash()}) == 3


@given(st.data())
def test_any_reorder_of_ticks_changes_the_chain(data):
    headers = scenario("calm").headers[:12]
    order = data.draw(st.permutations(range(len(headers))))
    chain = genesis_hash(scenario("calm").seed, scenario("calm").configuration)
    for tick, header in enumerate(headers[k] for k in order):
        chain = chain_hash(chain, tick, header.events_hash, header.state_hash)
    assert (chain == headers[-1].chain_hash) == (list(order) == sorted(order))


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**40), st.sampled_from(range(4)))
def test_every_part_of_a_link_matters(part, tick, which):
    link: list = [b"p" * 32, 7, b"e" * 32, b"s" * 32]
    changed = list(link)
    changed[which] = tick if which == 1 else part
    assert (chain_hash(*changed) == chain_hash(*link)) == (changed == link)


def test_another_seed_gives_another_chain():
    configuration = scenario("calm").configuration
    heads = {run(seed, 3, configuration).headers[-1].chain_hash for seed in range(6)}
    assert len(heads) == 6
    founded = {run(seed, 0, configuration).headers[0].events_hash for seed in range(6)}
    assert len(founded) == 6


# -- deciding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("name", ["harsh", "fertile", "minded"])
def test_the_number_of_threads_changes_nothing(name, threads):
    history = scenario(name)
    decider, world = Decider(history.seed, history.configuration, threads=threads), new_world(history.configuration)
    for tick, batch in enumerate(history.batches[:200]):
        assert_same_batches(decider.decide(world, history.inputs_of(tick)), batch)
        fold(world, batch)
    decider.close()
    assert len(decider.threads.used) >= 2


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_restored_copy_decides_the_same(name):
    history = scenario(name)
    world = new_world(history.configuration)
    for tick, batch in enumerate(history.batches):
        if tick % 10 == 5:
            # A decider that has no memory of the ticks before, and rows in other places.
            fresh = Decider(history.seed, history.configuration)
            assert_same_batches(fresh.decide(world.copy(), history.inputs_of(tick)), batch)
        fold(world, batch)


@pytest.mark.parametrize("name", ["harsh", "doomed", "minded"])
def test_a_run_resumed_from_any_snapshot_ends_at_the_same_head(name):
    history = scenario(name)
    for at in range(50, history.ticks, 120):
        world = World.from_bytes(history.replayed(at).to_bytes())
        decider, chain = Decider(history.seed, history.configuration), history.headers[at - 1].chain_hash
        for header in history.headers[at:]:
            _, made = advance(world, decider, chain, history.inputs_of(header.tick))
            chain = made.chain_hash
            assert made == header


@pytest.mark.parametrize("name", ["harsh", "minded"])
def test_deciding_changes_nothing_in_the_world(name):
    history = scenario(name)
    decider = Decider(history.seed, history.configuration)
    for at in (1, 60, 150, 300):
        world = history.replayed(at)
        before, agents, cells = world.to_bytes(), world.agents.copy(), world.cells.copy()
        minds, texts = (None if world.minds is None else world.minds.copy()), dict(world.texts)
        decider.decide(world, history.inputs_of(at))
        assert world.to_bytes() == before
        assert (world.agents == agents).all()
        assert (world.cells == cells).all()
        assert minds is None or (world.minds == minds).all()
        assert world.texts == texts and not world.touched_minds


@pytest.mark.parametrize("name", ["fertile", "minded"])
def test_asking_twice_gives_the_same_batch(name):
    history = scenario(name)
    decider, world = Decider(history.seed, history.configuration), history.replayed(80)
    first = decider.decide(world, history.inputs_of(80))
    kept = EventBatch(first.records.copy(), first.payload_ends.copy(), first.payload_bytes)
    assert_same_batches(decider.decide(world, history.inputs_of(80)), kept)
    assert_same_batches(first, kept)


_IN_ANOTHER_PROCESS = """
from domain.configuration import Configuration
from tests.support.histories import run
print(run({seed}, 60, Configuration(**{settings})).headers[-1].chain_hash.hex())
"""


@pytest.mark.parametrize("name", ["harsh", "minded"])
def test_other_processes_with_other_hash_seeds_reach_the_same_head(name):
    seed, _, settings = SCENARIOS[name]
    heads = set()
    for hash_seed in ("0", "424242"):
        done = subprocess.run(
            [sys.executable, "-c", _IN_ANOTHER_PROCESS.format(seed=seed, settings=settings)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_ROOT)},
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        heads.add(done.stdout.strip())
    assert heads == {run(seed, 60, Configuration(**settings)).headers[-1].chain_hash.hex()}


def test_a_history_made_by_hand_has_a_chain_of_its_own():
    history = every_kind()
    chain = genesis_hash(history.seed, history.configuration)
    for batch, header in zip(history.batches, history.headers, strict=True):
        assert header.events_hash == batch.hash()
        chain = chain_hash(chain, header.tick, header.events_hash, header.state_hash)
        assert header.chain_hash == chain
        assert [header.area(name) for name in ("personas", "cells")] == [header.areas[0], header.areas[4]]
