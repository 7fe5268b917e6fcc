"""Forks, over every implementation of the store: where nothing changes equal to their parents, else apart at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import replay
from chronopolis.errors import NoTicksYet, UnknownAgent, WrongUsage
from chronopolis.forking import fork_told, intervene, make_fork
from chronopolis.lineage import family_tree
from domain import columns as col
from domain.configuration import Configuration, genesis_hash
from domain.errors import (
    BeyondHead,
    InvalidConfiguration,
    InvalidInput,
    KeyTaken,
    OtherRules,
    RunExists,
    TickHasBegun,
    UnknownRun,
)
from domain.events import INTERVENTION_MADE, SCENARIO_CHANGED, STOCK_CHANGED, as_json
from domain.inputs import INTERVENTION, Input, InputKey
from domain.ports import EventStore, Run
from domain.scenario import Scenario, Scenarios
from domain.terrain import make_terrain
from infrastructure.postgres_store import PostgresStore
from replay.fork import record_intervention
from replay.scenario import apart_from
from tests.support.memory_store import MemoryStore
from tests.support.postgres import TestServer
from tests.support.stores import chain_of, go_on, make_run, migrated_with, with_runs

pytestmark = pytest.mark.contract

TICKS = 24
VILLAGE = Configuration(agents=12, width=12, height=12, homes=30)
LEAN = {"hunger": 120, "sight": 2}
GIFT = {"agent": 3, "endow": {"food": 9_000}}


def make_parent(store: EventStore) -> Run:
    return make_run(store, "parent", ticks=TICKS, configuration=VILLAGE)


@pytest.fixture(scope="module")
def with_parent(postgres_server: TestServer, migrated_template: str) -> Iterator[str]:
    with with_runs(postgres_server, migrated_template, make_parent) as name:
        yield name


migrated = migrated_with("with_parent", where="parent")


@pytest.fixture
def parent(store: EventStore) -> Run:
    return store.find("parent") if isinstance(store, PostgresStore) else make_parent(store)


def lived_on(store: EventStore, run: Run, target: int = TICKS) -> list[bytes]:
    """Let a fork go on, and return its chain once it is verified and re-executed."""
    go_on(store, run, target)
    found = replay.verify(store, run, deep=True)
    assert found.ok, found
    again = replay.reexecute(store, run)
    assert again.identical, again
    return chain_of(store, run)


def parts_at(chain: list[bytes], other: list[bytes]) -> int:
    """Return the first tick at which two chains differ."""
    return next(t for t, (one, two) in enumerate(zip(chain, other, strict=False)) if one != two)


def events_of(store: EventStore, run: Run, tick: int) -> list[dict[str, Any]]:
    return [
        as_json(batch.records[i], batch.payload(i)) for batch in store.read(run, tick, tick) for i in range(len(batch))
    ]


# -- nothing changed -------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, TICKS - 1, TICKS])
def test_a_fork_that_changes_nothing_repeats_its_parent_from_any_tick(store: EventStore, parent: Run, at: int) -> None:
    fork = replay.fork(store, parent, at=at, name="fork")
    assert (fork.parent, fork.fork_tick, fork.genesis_hash) == (parent.id, at, parent.genesis_hash)
    assert chain_of(store, fork) == chain_of(store, parent)[: at + 1]
    go_on(store, parent, TICKS + 5)
    assert lived_on(store, fork, TICKS + 5) == chain_of(store, parent)
    assert fork_told(store, fork)["changed"] == {"settings": {}, "seed": None}


def test_a_fork_of_a_fork_of_a_fork_repeats_whatever_it_was_forked_from(store: EventStore, parent: Run) -> None:
    lean = replay.fork(store, parent, at=10, name="lean", settings=LEAN, interventions=[GIFT])
    chain = lived_on(store, lean)
    for at in (9, 10, 11):  # before, at and after the tick at which its parent left
        child = replay.fork(store, lean, at=at, name=f"child-{at}")
        grandchild = replay.fork(store, child, at=at, name=f"grandchild-{at}")
        expected = chain if at >= 10 else chain_of(store, parent)
        assert lived_on(store, grandchild) == expected, at
        assert lived_on(store, child) == expected, at


def test_a_setting_that_is_what_it_was_changes_nothing(store: EventStore, parent: Run) -> None:
    fork = replay.fork(store, parent, at=5, name="fork", settings={"hunger": 45, "agents": 12}, seed=7)
    assert lived_on(store, fork) == chain_of(store, parent)


# -- something changed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "how"),
    [(0, {"settings": LEAN}), (1, {"seed": 8}), (11, {"interventions": [GIFT]}), (11, {"seed": 8}),
     (TICKS - 1, {"settings": LEAN}), (TICKS, {"interventions": [GIFT], "settings": LEAN})],
)  # fmt: skip
def test_a_fork_parts_from_its_parent_in_its_first_tick_and_no_sooner(
    store: EventStore, parent: Run, at: int, how: dict[str, Any]
) -> None:
    go_on(store, parent, TICKS + 3)
    fork = replay.fork(store, parent, at=at, name="fork", **how)
    chain = lived_on(store, fork, TICKS + 3)
    assert parts_at(chain, chain_of(store, parent)) == at + 1
    assert len(set(chain) & set(chain_of(store, parent))) == at + 1, "they never meet again"


def test_what_a_fork_changes_is_its_first_event(store: EventStore, parent: Run) -> None:
    fork = replay.fork(store, parent, at=7, name="fork", settings=LEAN, seed=-3, interventions=[GIFT])
    go_on(store, fork, 9)
    first, second = events_of(store, fork, 8)[:2]
    assert first == {
        "tick": 8, "ordinal": 0, "kind": "ScenarioChanged", "seed": {"before": 7, "after": -3},
        "settings": {"hunger": {"before": 45, "after": 120}, "sight": {"before": 4, "after": 2}},
    }  # fmt: skip
    assert (second["kind"], second["agent"], second["asked"], second["call"]) == ("InterventionMade", 3, 7, 0)
    later = np.concatenate([batch.records["kind"] for batch in store.read(fork, 9, 9)])
    assert not np.isin(later, [SCENARIO_CHANGED.number, INTERVENTION_MADE.number]).any()


def test_equal_changes_give_equal_hashes_under_any_name(store: EventStore, parent: Run) -> None:
    go_on(store, parent, TICKS + 4)
    how: dict[str, Any] = {"settings": LEAN, "interventions": [GIFT, {"agent": 2, "remove": True}], "why": "to see"}
    one, other = (replay.fork(store, parent, at=9, name=name, **how) for name in ("one", "other"))
    assert lived_on(store, one) == lived_on(store, other)
    third = replay.fork(store, parent, at=9, name="third", **{**how, "settings": {**LEAN, "meal": 9_000}})
    assert parts_at(lived_on(store, third), chain_of(store, one)) == 10


def test_a_fork_of_a_changed_fork_changes_on_from_there(store: EventStore, parent: Run) -> None:
    lean = replay.fork(store, parent, at=6, name="lean", settings=LEAN)
    chain = lived_on(store, lean)
    back = replay.fork(store, lean, at=12, name="back", settings={"hunger": 45, "sight": 4})
    assert parts_at(lived_on(store, back), chain) == 13
    assert fork_told(store, back)["changed"]["settings"] == {
        "hunger": {"before": 120, "after": 45}, "sight": {"before": 2, "after": 4},
    }  # fmt: skip
    early = replay.fork(store, lean, at=4, name="early", settings={"meal": 3_000})
    assert early.configuration.hunger == 45, "it left before its parent changed anything"
    lived_on(store, early)
    at_once = replay.fork(store, lean, at=6, name="at-once", settings={"hunger": 45})
    assert at_once.configuration.sight == 2, "it left as its parent was beginning, with what that changed"
    lived_on(store, at_once)


def test_resources_grow_at_the_new_pace_from_the_fork_on(store: EventStore, parent: Run) -> None:
    fork = replay.fork(store, parent, at=10, name="fork", settings={"regrowth_percent": 250})
    lived_on(store, fork)
    wanted = make_terrain(fork.configuration, seed=parent.seed).regrowth
    world = replay.at(store, fork, 11)
    assert np.array_equal(world.cells[col.REGROWTH : col.REGROWTH + 4], wanted)
    changed = [e for e in events_of(store, fork, 11) if e["kind"] == STOCK_CHANGED.name]
    assert len(changed) == np.count_nonzero(wanted != replay.at(store, fork, 10).cells[col.REGROWTH : col.REGROWTH + 4])
    assert {(e["cause_tick"], e["cause_ordinal"]) for e in changed} == {(11, 0)}


def test_an_intervention_can_take_effect_later_than_the_fork(store: EventStore, parent: Run) -> None:
    fork = replay.fork(store, parent, at=10, name="fork", interventions=[{**GIFT, "at": 15}, {**GIFT, "at": 15}])
    assert parts_at(lived_on(store, fork), chain_of(store, parent)) == 15
    assert [e["call"] for e in events_of(store, fork, 15) if e["kind"] == "InterventionMade"] == [0, 1]


def test_a_fork_that_is_stopped_and_resumed_ends_at_the_hash_of_one_that_is_not(store: EventStore, parent: Run) -> None:
    how: dict[str, Any] = {"settings": LEAN, "interventions": [{"add": {"agents": 4}}, {**GIFT, "at": 14}]}
    whole = lived_on(store, replay.fork(store, parent, at=10, name="whole", **how))
    parts = replay.fork(store, parent, at=10, name="parts", **how)
    for target in (11, 12, 14, TICKS):
        go_on(store, parts, target, durability="group" if target == 14 else "tick")
    assert chain_of(store, parts) == whole


def test_a_run_can_be_forked_while_it_is_written(store: EventStore, parent: Run) -> None:
    with store.writer(parent, durability="tick"):
        fork = replay.fork(store, parent, at=TICKS, name="fork", settings=LEAN)
        lived_on(store, fork, TICKS + 3)
    assert len(chain_of(store, parent)) == TICKS + 1


# -- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [-1, TICKS + 1, 10**6])
def test_no_run_is_forked_where_it_has_no_tick(store: EventStore, parent: Run, at: int) -> None:
    with pytest.raises(BeyondHead):
        replay.fork(store, parent, at=at, name="fork")
    empty = store.create("empty", seed=1, configuration=VILLAGE, target=9)
    with pytest.raises(NoTicksYet):
        make_fork(store, "empty")
    assert [run for run, _, _ in store.runs()] == [parent, empty]


@pytest.mark.parametrize(
    ("settings", "because"),
    [
        ({"width": 14}, "laid out"), ({"height": 14}, "laid out"), ({"agents": 13}, "intervene to add"),
        ({"mind": "scripted"}, "from the beginning"), ({"think_delay": 9}, "no minds"), ({"mind": "oracle"}, "knows"),
        ({"hunger": -1}, "between"), ({"hunger": "much"}, "whole number"), ({"humour": 3}, "no such setting"),
    ],
)  # fmt: skip
def test_what_can_not_change_under_way_is_refused_and_nothing_is_made(
    store: EventStore, parent: Run, settings: dict[str, Any], because: str
) -> None:
    with pytest.raises(InvalidConfiguration, match=because):
        replay.fork(store, parent, at=5, name="fork", settings=settings)
    assert [run for run, _, _ in store.runs()] == [parent]


@pytest.mark.parametrize(
    "wrong",
    [{"agent": 3, "endow": {"gold": 1}}, {"rest": True, "agent": "Ana"}, {"add": {"agents": -1}}, {**GIFT, "at": 5},
     {"remove": True}, {"agent": 3}, {"agent": 3, "fly": 1}, {"add": {"agents": 1}, "by": 5},
     {"stock": {"good": "food", "cells": [144], "amount": 1}}],
)  # fmt: skip
def test_interventions_that_make_no_sense_are_refused_and_nothing_is_made(
    store: EventStore, parent: Run, wrong: dict[str, Any]
) -> None:
    with pytest.raises((InvalidInput, WrongUsage, UnknownAgent)):
        make_fork(store, "parent", at=5, name="fork", interventions=[GIFT, wrong])
    assert [run for run, _, _ in store.runs()] == [parent]


def test_a_fork_is_made_with_its_inputs_or_not_at_all(store: EventStore, parent: Run) -> None:
    good = Input(InputKey(5, 3, INTERVENTION), 6, {"rest": True})
    for wrong in (dataclasses.replace(good, effect_tick=5), dataclasses.replace(good, answer={"rest": "yes"})):
        with pytest.raises(InvalidInput):
            store.create(
                "fork", seed=7, configuration=VILLAGE, target=9, parent=parent, fork_tick=5, inputs=[good, wrong]
            )
    assert [run for run, _, _ in store.runs()] == [parent] and store.interventions(parent) == []
    fork = store.create("fork", seed=7, configuration=VILLAGE, target=9, parent=parent, fork_tick=5, inputs=[good])
    assert [(source, each.key) for source, each in store.interventions(fork)] == [(fork.id, good.key)]


def test_a_name_that_is_taken_and_a_parent_that_is_not_there_are_refused(store: EventStore, parent: Run) -> None:
    with pytest.raises(RunExists):
        make_fork(store, "parent", at=5, name="parent")
    with pytest.raises(UnknownRun):
        make_fork(store, "nobody", at=5)
    with pytest.raises(InvalidConfiguration):
        replay.fork(store, parent, at=5, name="No Name")
    with pytest.raises(OtherRules):
        replay.fork(store, dataclasses.replace(parent, rules_version=99), at=5, name="fork")
    with pytest.raises(InvalidConfiguration, match="without a reason"):
        replay.fork(store, parent, at=5, name="fork", why="for fun")


# -- the front door ----------------------------------------------------------------------------------


def test_a_fork_tells_whose_it_is_and_what_it_changes(store: EventStore, parent: Run) -> None:
    someone = replay.at(store, parent, 9)
    made = make_fork(
        store, "par", at=9, settings=LEAN, interventions=[{**GIFT, "agent": 3}, {"add": {"agents": 2}}], by="ana",
        why="to see", ticks=5,
    )  # fmt: skip
    assert made["parent"] == "parent" and made["forked_at"] == 9 and made["target"] == 14 and made["name"]
    assert made["head_hash"] == chain_of(store, parent)[9].hex()
    assert [(i["agent"], i["by"], i["why"]) for i in made["interventions"]] == [
        (None, "ana", "to see"), (3, "ana", "to see"),
    ]  # fmt: skip
    assert someone.row(3) is not None
    child = store.find(made["name"])
    assert fork_told(store, child) | {"warnings": []} == made


def test_a_reason_for_other_constants_is_told_in_history(store: EventStore, parent: Run) -> None:
    made = make_fork(store, "parent", at=9, name="fork", settings=LEAN, by="ana", why="a lean year")
    go_on(store, store.find("fork"), 11)
    told = events_of(store, store.find("fork"), 10)[1]
    assert (told["kind"], told["by"], told["why"]) == ("InterventionMade", "ana", "a lean year")
    assert "agent" not in told and made["interventions"][0]["why"] == "a lean year"


def test_a_family_is_told_as_a_tree(store: EventStore, parent: Run) -> None:
    lean = replay.fork(store, parent, at=9, name="lean", settings=LEAN)
    go_on(store, lean, 12)
    child = replay.fork(store, lean, at=11, name="child", seed=9)
    other = make_run(store, "other", ticks=3, configuration=VILLAGE)
    (tree,) = family_tree(store, child)
    assert (tree["name"], tree["forked_at"], tree["changed"], tree["head_tick"]) == ("parent", None, None, TICKS)
    (branch,) = tree["children"]
    assert (branch["name"], branch["forked_at"], branch["head_tick"], branch["here"]) == ("lean", 9, 12, False)
    assert branch["changed"]["settings"]["hunger"] == {"before": 45, "after": 120}
    (leaf,) = branch["children"]
    assert (leaf["name"], leaf["here"], leaf["head_tick"]) == ("child", True, 11)
    assert leaf["changed"] == {"settings": {}, "seed": {"before": 7, "after": 9}}
    assert [t["name"] for t in family_tree(store)] == ["parent", other.name]


def test_an_intervention_on_a_parent_does_not_reach_a_fork_that_left_it_there(store: EventStore, parent: Run) -> None:
    fork = replay.fork(store, parent, at=TICKS, name="fork")
    with pytest.raises(WrongUsage, match="would be changed as well"):
        intervene(store, parent, {"rest": True}, agent=3, at=TICKS + 1)
    made = intervene(store, parent, {"rest": True}, agent=3, why="to see")
    assert (made["asked_tick"], made["effect_tick"], made["call"]) == (TICKS + 1, TICKS + 2, 0)
    again = intervene(store, parent, {"endow": {"food": 5}}, agent=3)
    assert again["call"] == 1
    go_on(store, parent, TICKS + 6)
    chain = lived_on(store, fork, TICKS + 6)
    assert parts_at(chain, chain_of(store, parent)) == TICKS + 2
    assert replay.verify(store, parent).ok and replay.reexecute(store, parent).identical


ADD: dict[str, Any] = {"by": "a test", "why": "to see", "add": {"agents": 1}}


def keys_read(store: EventStore, run: Run) -> list[InputKey]:
    return [given.key for _, given in store.interventions(run)]


def test_what_a_run_and_its_forks_are_given_in_one_moment_has_keys_of_its_own(store: EventStore, parent: Run) -> None:
    """Where two of one key were read, a fork with minds took one for both, and decided that tick again for ever."""
    key = InputKey(TICKS, -1, INTERVENTION)
    fork = replay.fork(store, parent, at=TICKS, name="fork", interventions=[{"add": {"agents": 1}}])
    child = replay.fork(store, fork, at=TICKS, name="child", interventions=[{"add": {"agents": 1}}])
    assert keys_read(store, child) == [key, dataclasses.replace(key, call=1)]
    # As somebody does who looked at the parent a moment before it was forked.
    assert store.record_input(parent, Input(key, TICKS + 2, ADD)) is False
    assert record_intervention(store, parent, Input(key, TICKS + 2, ADD)).key.call == 2
    assert record_intervention(store, child, Input(key, TICKS + 2, ADD)).key.call == 3
    assert record_intervention(store, fork, Input(key, TICKS + 2, ADD)).key.call == 4
    for run, calls in ((parent, [2]), (fork, [0, 2, 4]), (child, [0, 1, 2, 3, 4])):
        assert sorted(each.call for each in keys_read(store, run)) == calls
        lived_on(store, run, TICKS + 4)
        assert store.late_inputs(run) == 0, "each was taken, under a number of its own"
    # An agent's thought has the key that it was asked with, and only the run that asked takes it.
    assert store.record_input(parent, Input(InputKey(TICKS, 3, "intention"), TICKS + 9, {"intention": "rest"}))


def test_a_fork_whose_parent_is_given_something_meanwhile_numbers_its_own_anew(
    store: EventStore, parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, create = InputKey(TICKS, -1, INTERVENTION), store.create

    def create_late(*told: Any, **how: Any) -> Run:
        monkeypatch.undo()
        assert store.record_input(parent, Input(key, TICKS + 2, ADD))
        with pytest.raises(KeyTaken):
            create(*told, **how)
        assert [run for run, _, _ in store.runs()] == [parent], "nothing is made"
        return create(*told, **how)

    monkeypatch.setattr(store, "create", create_late)
    fork = replay.fork(store, parent, at=TICKS, name="fork", interventions=[{"add": {"agents": 1}}])
    assert keys_read(store, fork) == [dataclasses.replace(key, call=1), key]  # by the tick of effect
    lived_on(store, fork, TICKS + 4)


def test_an_intervention_names_somebody_alive_and_a_tick_that_has_not_begun(store: EventStore, parent: Run) -> None:
    with pytest.raises(TickHasBegun):
        intervene(store, parent, {"rest": True}, agent=3, at=TICKS)
    for nobody in (99, "Nobody Known", -5):
        with pytest.raises(UnknownAgent):
            intervene(store, parent, {"rest": True}, agent=nobody)
    with pytest.raises(WrongUsage):
        intervene(store, parent, {"rest": True})
    with pytest.raises(WrongUsage):
        intervene(store, parent, {"add": {"agents": 0}})
    assert store.interventions(parent) == []
    intervene(store, parent, {"add": {"agents": 2}}, by="ana")
    ((source, given),) = store.interventions(parent)
    assert (source, given.key.agent, given.answer["by"]) == (parent.id, -1, "ana")


_DOOMED = ({"add": {"agents": 19}}, {"agent": 3, "news": "The well is dry."})
_REASONS = ("there are homes for 18 more", "this society has no minds to take news in")


def test_what_is_bound_to_be_refused_is_said_at_once_and_in_the_summary(store: EventStore, parent: Run) -> None:
    made = make_fork(store, "parent", at=9, name="doomed", interventions=[*_DOOMED, GIFT], why="to see")
    assert len(made["warnings"]) == 2
    for because in _REASONS:
        (said,) = (warning for warning in made["warnings"] if because in warning)
        assert "will be refused at tick 10" in said and "unless" not in said
    summary = go_on(store, store.find("doomed"), 12)
    refused = summary.as_dict()["interventions_refused"]
    assert [(r["tick"], r["agent"], r["why"]) for r in refused] == [(10, a, "to see") for a in (None, 3)]
    assert all(any(because in r["because"] for r in refused) for because in _REASONS)
    assert go_on(store, store.find("doomed"), 14).interventions_refused == [], "told by the run that met it"


def test_what_may_still_change_before_its_tick_is_said_to_be_refused_unless_it_does(
    store: EventStore, parent: Run
) -> None:
    (said,) = make_fork(store, "parent", at=9, interventions=[{"add": {"agents": 19}, "at": 20}])["warnings"]
    assert (
        said == "add 19 agents will be refused at tick 20: there are homes for 18 more, unless that has changed "
        "from tick 9 on"
    )
    (said,) = intervene(store, parent, {"add": {"agents": 19}})["warnings"]
    assert "there are homes for 18 more, unless" in said
    (said,) = intervene(store, parent, {"news": "The well is dry."}, agent=3)["warnings"]
    assert said == f"news for agent 3 will be refused at tick {TICKS + 2}: this society has no minds to take news in"
    assert intervene(store, parent, {"rest": True}, agent=3)["warnings"] == []
    unborn = store.create("unborn", seed=7, configuration=VILLAGE, target=5)
    (said,) = intervene(store, unborn, {"rest": True}, agent=12)["warnings"]
    assert "agent 12 is none of the 12 founders" in said
    assert intervene(store, unborn, {"rest": True}, agent=11)["warnings"] == []


def test_an_intervention_that_is_none_is_told_what_of_it_is_unknown(store: EventStore, parent: Run) -> None:
    for given in ({"agent": 3, "bogus": 1}, {"agent": 3, "rest": True, "bogus": 1}):
        with pytest.raises(WrongUsage, match=r"'bogus' is nothing that can be done\nThere are endow, news"):
            make_fork(store, "parent", at=5, name="fork", interventions=[given])
    with pytest.raises(WrongUsage, match="does nothing"):
        make_fork(store, "parent", at=5, name="fork", interventions=[{"agent": 3}])
    with pytest.raises(WrongUsage, match=r"news 'xxx[x]*… \(5,002 characters\) is no text of 1 to 400") as caught:
        intervene(store, parent, {"news": "x" * 5_000}, agent=3)
    assert len(str(caught.value)) < 250


# -- damage ------------------------------------------------------------------------------------------


def test_a_fork_whose_own_scenario_was_changed_is_named_by_verify() -> None:
    store = MemoryStore()
    parent = make_run(store, "parent", ticks=12, configuration=VILLAGE)
    fork = replay.fork(store, parent, at=6, name="fork", settings=LEAN)
    go_on(store, fork, 10)
    other = dataclasses.replace(fork.configuration, hunger=99)
    forged = dataclasses.replace(fork, configuration=other, genesis_hash=genesis_hash(fork.seed, other))
    store.shelves[fork.id].run = forged
    found = replay.verify(store, forged)
    assert (found.ok, found.first_bad_tick, found.area) == (False, 7, "genesis")
    store.shelves[fork.id].run = dataclasses.replace(fork, configuration=other)
    found = replay.verify(store, store.shelves[fork.id].run)
    assert (found.ok, found.first_bad_tick, found.area) == (False, 0, "genesis")


def test_a_setting_differs_from_the_first_tick_that_it_decides_otherwise_to_the_end() -> None:
    lean = dataclasses.replace(VILLAGE, hunger=90)
    root, other = Scenario(1, VILLAGE), Scenario(1, lean)
    forked, back = Scenarios([(0, root), (8, other)]), Scenarios([(0, root), (8, other), (12, root)])
    assert apart_from(Scenarios([(0, root)]), forked) == {"hunger": 8}
    assert apart_from(Scenarios([(0, root)]), back) == {}, "in the end they are the same"
    assert apart_from(forked, back) == {"hunger": 12}
    assert apart_from(Scenarios([(0, Scenario(2, VILLAGE))]), forked) == {"seed": 0, "hunger": 8}


def test_scenarios_begin_at_tick_0_and_rise() -> None:
    one = Scenario(1, VILLAGE)
    for wrong in ([], [(1, one)], [(0, one), (0, one)], [(0, one), (5, one), (3, one)]):
        with pytest.raises(ValueError, match="rise"):
            Scenarios(wrong)
    two = Scenarios([(0, one), (5, Scenario(2, VILLAGE)), (9, Scenario(2, VILLAGE))])
    assert [two.at(t).seed for t in (-1, 0, 4, 5, 99)] == [1, 1, 1, 2, 2]
    assert [t for t in range(12) if two.change_at(t)] == [5], "an equal scenario is no change"
