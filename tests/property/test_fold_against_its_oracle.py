"""The fold, held against a second one that is as plain as can be."""

from __future__ import annotations

import numpy as np
import pytest

from domain.advance import new_world
from domain.columns import AREAS
from domain.configuration import Configuration
from domain.events import KINDS, EventBatch
from domain.fold import fold
from tests.support.areas import areas_of, assert_equal_worlds
from tests.support.histories import SCENARIOS, History, every_kind, run, scenario
from tests.support.oracle import OracleWorld

pytestmark = pytest.mark.property


def fold_plainly(oracle: OracleWorld, batch: EventBatch) -> None:
    names = batch.records.dtype.names
    columns = (dict(zip(names, record, strict=True)) for record in batch.records.tolist())
    oracle.fold((c, batch.payload(i)) for i, c in enumerate(columns))


def assert_folds_agree(history: History, told: str) -> None:
    world, oracle = new_world(history.configuration), OracleWorld()
    for batch, header in zip(history.batches, history.headers, strict=True):
        fold(world, batch)
        fold_plainly(oracle, batch)
        assert_equal_worlds(world, oracle, told)
        assert world.state_hash == header.state_hash, told


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_folds_to_the_oracles_world_at_every_tick(name):
    assert_folds_agree(scenario(name), name)


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("name", ["harsh", "minded"])
def test_other_seeds_fold_to_the_oracles_world_at_every_tick(name, seed):
    _, _, settings = SCENARIOS[name]
    assert_folds_agree(run(seed, 120, Configuration(**settings)), f"{name}, seed {seed}")


def test_events_made_by_hand_fold_to_the_oracles_world_at_every_tick():
    assert_folds_agree(every_kind(), "by hand")


def test_the_runs_hold_every_kind_that_reflexes_and_minds_emit_and_the_hand_made_history_holds_all():
    def kinds_of(*histories: History) -> set[int]:
        return set(np.unique(np.concatenate([h.whole()["kind"] for h in histories])).tolist())

    by_reflex = kinds_of(*(scenario(name) for name in SCENARIOS if name != "minded"))
    assert {k.name for k in KINDS if k.number not in by_reflex} == {
        "ThoughtRequested", "ThoughtTaken", "ThoughtRefused", "InterventionMade",
        "SpeechMade", "ConversationClosed", "PledgeMade", "PledgeKept", "PledgeLapsed", "NewsHeard", "MemoryFormed",
        "MemoryForgotten", "ReflectionMade", "ScenarioChanged", "StockChanged",
    }  # fmt: skip
    everywhere = by_reflex | kinds_of(scenario("minded"))
    from_outside = {"InterventionMade", "ScenarioChanged", "StockChanged"}
    assert {k.name for k in KINDS if k.number not in everywhere} == from_outside
    assert kinds_of(every_kind()) == {k.number for k in KINDS}


@pytest.mark.parametrize("name", ["harsh", "minded", "every kind"])
def test_an_area_hash_changes_exactly_when_the_area_changes(name):
    history = every_kind() if name == "every kind" else scenario(name)
    world, oracle = new_world(history.configuration), OracleWorld()
    before, sums = oracle.areas(), world.sums.copy()
    for batch in history.batches:
        fold(world, batch)
        fold_plainly(oracle, batch)
        after = oracle.areas()
        for i, area in enumerate(AREAS):
            assert (world.sums[i] != sums[i]) == (after[area] != before[area]), f"tick {world.tick}, {area}"
        before, sums = after, world.sums.copy()


def test_the_mesa_frame_shows_the_oracles_agents():
    history = scenario("harsh")
    oracle = OracleWorld()
    for batch in history.batches:
        fold_plainly(oracle, batch)
    world = history.replayed()
    expected = oracle.areas()
    assert areas_of(world) == expected
    for row in world.agents_frame().to_dicts():
        who = row.pop("unique_id")
        assert row == {k: v for area in AREAS[:4] for k, v in expected[area][who].items()}
