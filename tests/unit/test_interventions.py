"""What somebody outside can do to the world, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from domain import columns as col
from domain.codes import Intention
from domain.errors import InvalidInput
from domain.inputs import INTERVENTION, NOBODY, Input, InputKey, validated
from tests.support.histories import Scene

pytestmark = pytest.mark.unit

CELLS = 64


def intervention(scene: Scene, agent: int = NOBODY, *, call: int = 0, **what: Any) -> Input:
    """Return an intervention that takes effect in the next tick of a scene."""
    return Input(InputKey(scene.world.tick, agent, INTERVENTION, call), scene.world.tick + 1, what)


def of_kind(told: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [e for e in told if e["kind"] == kind]


def address(e: dict[str, Any]) -> tuple[int, int]:
    return e["tick"], e["ordinal"]


def cause(e: dict[str, Any]) -> tuple[int, int]:
    return e["cause_tick"], e["cause_ordinal"]


# -- rest ------------------------------------------------------------------------------------------


def test_who_is_made_to_rest_rests_in_that_very_tick_and_goes_on_in_the_next():
    scene = Scene()
    ana = scene.agent(0, intention="explore", goal=40)
    (moved,) = scene.step()
    assert moved["kind"] == "AgentMoved"
    made, rested = scene.step(intervention(scene, ana, rest=True, by="a test", why="tired"))
    assert (made["kind"], made["by"], made["why"], made["refused"]) == ("InterventionMade", "a test", "tired", None)
    assert rested["kind"] == "AgentRested" and cause(rested) == address(made)
    assert scene.world.agents[col.INTENTION, ana] == Intention.EXPLORE
    (again,) = scene.step()
    assert again["kind"] == "AgentMoved" and cause(again) == cause(moved), "what it was set on has not changed"


def test_who_is_made_to_rest_meets_nobody_has_no_child_and_forms_no_intention():
    scene = Scene(homes=10, adulthood=0, birth_interval=0)
    plenty = {"food": 9_000, "wood": 9_000}
    crowd = [scene.agent(20, goods=plenty if k % 2 else {"stone": 9_000}, company=0) for k in range(6)]
    for _ in range(30):
        held = crowd[scene.world.tick % 6]
        told = scene.step(intervention(scene, held, rest=True))
        own = [e for e in told if e.get("agent") == held]
        assert [e["kind"] for e in own] == ["InterventionMade", "AgentRested"]
        assert not [e for e in told if e.get("target") == held]


def test_who_dies_in_the_tick_is_not_made_to_rest():
    scene = Scene(homes=2)
    scene.agent(9, intention="rest")
    old = scene.agent(0, intention="rest", born=-90, lifespan=90)
    told = scene.step(intervention(scene, old, rest=True))
    assert told[0]["refused"] == "the agent dies in this tick"
    assert of_kind(told, "AgentDied")[0]["because"] == "old_age"


# -- remove ----------------------------------------------------------------------------------------


def test_who_is_taken_away_dies_of_it_and_its_goods_pass_to_its_heir():
    scene = Scene(homes=2)
    ana = scene.agent(0, intention="rest", goods={"food": 3_000, "coin": 7})
    bo = scene.agent(60, intention="rest", goods={"coin": 1})
    told = scene.step(intervention(scene, ana, remove=True))
    made, (died,) = told[0], of_kind(told, "AgentDied")
    assert (died["agent"], died["because"], died["target"]) == (ana, "removed", bo)
    assert cause(died) == address(made)
    inherited = {e["taken_good"]: e for e in of_kind(told, "GoodsInherited")}
    assert {good: e["taken_holding"] for good, e in inherited.items()} == {"food": 3_000, "coin": 8}
    assert all(cause(e) == address(died) for e in inherited.values())
    assert scene.world.row(ana) is None and scene.world.population == 1
    assert {e["agent"] for e in scene.step()} == {bo}


def test_the_last_one_can_be_taken_away_and_the_world_goes_on_empty():
    scene = Scene()
    ana = scene.agent(0, goods={"coin": 7})
    told = scene.step(intervention(scene, ana, remove=True))
    assert [e["kind"] for e in told] == ["InterventionMade", "AgentDied"] and "target" not in told[1]
    assert scene.step() == [] and scene.world.population == 0


def test_two_who_are_taken_away_together_do_not_inherit_from_each_other():
    scene = Scene(homes=3)
    ana, bo, eve = (scene.agent(c, goods={"coin": 5}) for c in (0, 20, 40))
    told = scene.step(intervention(scene, ana, remove=True), intervention(scene, bo, remove=True))
    assert [e["target"] for e in of_kind(told, "AgentDied")] == [eve, eve]
    assert of_kind(told, "GoodsInherited")[-1]["taken_holding"] == 15


def test_nobody_who_does_not_live_can_be_made_to_rest_or_taken_away():
    scene = Scene()
    scene.agent(0)
    for what in ("rest", "remove"):
        told = scene.step(intervention(scene, 99, **{what: True}))
        assert told[0]["refused"] == "the agent is not alive"
        assert len(of_kind(told, "AgentDied")) == 0


# -- add -------------------------------------------------------------------------------------------


def test_those_who_are_added_arrive_as_founders_do_and_act_from_the_next_tick_on():
    scene = Scene(homes=10)
    scene.land(63, biome="water")
    ana = scene.agent(10, intention="rest")
    told = scene.step(intervention(scene, add={"agents": 3}))
    made, joined = told[0], of_kind(told, "AgentJoined")
    assert "agent" not in made and made["refused"] is None
    assert [e["agent"] for e in joined] == [1, 2, 3] == [e["household"] for e in joined]
    assert len({e["cell"] for e in joined} | {10}) == 4 and 63 not in {e["cell"] for e in joined}
    assert all(cause(e) == address(made) and e["born"] <= 1 and e["satiety"] >= 4_900 for e in joined)
    for e in joined:
        given = [g for g in of_kind(told, "GoodsEndowed") if g["agent"] == e["agent"]]
        assert {g["good"]: g["holding"] for g in given} == {"food": 4_000, "wood": 1_000, "coin": 20}
        assert all(cause(g) == address(e) for g in given)
    assert {e["agent"] for e in scene.step()} == {ana, 1, 2, 3}


def test_those_who_are_added_near_a_cell_settle_on_the_nearest_that_are_free():
    scene = Scene(homes=10)
    scene.agent(27)
    told = scene.step(intervention(scene, add={"agents": 7, "cell": 27}))
    assert sorted(e["cell"] for e in of_kind(told, "AgentJoined"))[:6] != []
    near = {19, 20, 26, 28, 35, 36}
    assert near <= {e["cell"] for e in of_kind(told, "AgentJoined")}


def test_nobody_is_added_without_a_home_or_a_free_cell():
    scene = Scene(homes=3, width=4, height=4)
    scene.agent(0)
    told = scene.step(intervention(scene, add={"agents": 3}), intervention(scene, call=1, add={"agents": 2}))
    assert [e["refused"] for e in of_kind(told, "InterventionMade")] == ["there are homes for 2 more", None]
    told = scene.step(intervention(scene, add={"agents": 1}))
    assert told[0]["refused"] == "there are homes for 0 more"
    flooded = Scene(homes=30, width=4, height=4)
    for cell in range(1, 16):
        flooded.land(cell, biome="water")
    flooded.agent(0)
    assert flooded.step(intervention(flooded, add={"agents": 1}))[0]["refused"] == "there are 0 free cells on land"


def test_children_of_the_tick_get_their_ids_after_those_who_were_added():
    scene = Scene(homes=200, adulthood=0, birth_interval=0)
    for cell in range(40):
        scene.agent(cell, intention="rest", goods={"food": 9_000}, energy=9_000)
    for _ in range(10):
        told = scene.step(intervention(scene, add={"agents": 2}))
        if born := of_kind(told, "AgentBorn"):
            joined = [e["agent"] for e in of_kind(told, "AgentJoined")]
            assert [e["agent"] for e in born] == [max(joined) + 1 + k for k in range(len(born))]
            borne = of_kind(told, "ChildBorne")
            assert [e["target"] for e in borne] == [e["agent"] for e in born]
            return
    raise AssertionError("nobody was born")


# -- stock -----------------------------------------------------------------------------------------


def test_a_stock_that_is_changed_is_what_the_tick_gathers_from():
    scene = Scene()
    scene.land(9, food=5_000)
    ana = scene.agent(9, intention="forage", goal=9)
    told = scene.step(intervention(scene, stock={"good": "food", "cells": [9], "amount": 1_100}))
    made, changed = told[0], told[1]
    assert {k: changed[k] for k in ("kind", "cell", "good", "stock")} == {
        "kind": "StockChanged", "cell": 9, "good": "food", "stock": 1_100,
    }  # fmt: skip
    assert cause(changed) == address(made) and "regrowth" not in changed
    (gathered,) = of_kind(told, "GoodsGathered")
    assert gathered["agent"] == ana and gathered["stock"] == 1_100 - gathered["quantity"] < 1_000
    assert scene.world.cells[col.STOCK, 9] == gathered["stock"]


def test_stocks_of_all_cells_become_a_part_of_what_each_can_hold():
    scene = Scene()
    scene.land(3, wood=1_001)
    scene.land(5, wood=4_000)
    scene.agent(40, intention="rest")
    told = scene.step(intervention(scene, stock={"good": "wood", "cells": "all", "percent": 50}))
    assert {e["cell"]: e["stock"] for e in of_kind(told, "StockChanged")} == {3: 500, 5: 2_000}
    assert not of_kind(
        scene.step(intervention(scene, stock={"good": "wood", "cells": "all", "percent": 50})), "StockChanged"
    )


# -- what makes no sense -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "what"),
    [
        (1, {"rest": False}), (1, {"rest": 1}), (1, {"remove": "yes"}), (1, {"rest": True, "remove": True}),
        (1, {"rest": True, "endow": {"food": 5}}), (1, {"add": {"agents": 2}}), (1, {"stock": {}}),
        (NOBODY, {"add": {"agents": 2}, "endow": {"food": 1}}), (NOBODY, {"add": 3}), (NOBODY, {"add": {}}),
        (NOBODY, {"add": {"agents": 0}}), (NOBODY, {"add": {"agents": 10_001}}), (NOBODY, {"add": {"agents": True}}),
        (NOBODY, {"add": {"agents": 2, "cell": CELLS}}), (NOBODY, {"add": {"agents": 2, "where": 3}}),
        (NOBODY, {"stock": {"good": "coin", "cells": "all", "amount": 1}}),
        (NOBODY, {"stock": {"good": "food", "cells": "some", "amount": 1}}),
        (NOBODY, {"stock": {"good": "food", "cells": [], "amount": 1}}),
        (NOBODY, {"stock": {"good": "food", "cells": [1, 1], "amount": 1}}),
        (NOBODY, {"stock": {"good": "food", "cells": [-1], "amount": 1}}),
        (NOBODY, {"stock": {"good": "food", "cells": [1.5], "amount": 1}}),
        (NOBODY, {"stock": {"good": "food", "cells": "all"}}),
        (NOBODY, {"stock": {"good": "food", "cells": "all", "amount": 1, "percent": 1}}),
        (NOBODY, {"stock": {"good": "food", "cells": "all", "amount": -1}}),
        (NOBODY, {"stock": {"good": "food", "cells": "all", "amount": 100_000_001}}),
        (NOBODY, {"stock": {"good": "food", "cells": "all", "percent": 1_001}}),
    ],
)  # fmt: skip
def test_an_intervention_that_makes_no_sense_is_refused(agent, what):
    with pytest.raises(InvalidInput):
        validated(Input(InputKey(1, agent, INTERVENTION), 2, what), n_cells=CELLS)
