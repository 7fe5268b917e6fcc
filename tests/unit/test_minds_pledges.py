"""Pledges: what is accepted in words is done, or lapses for a reason that is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domain import columns as col
from domain import events as ev
from domain.codes import Good
from domain.minds.pledges import PATIENCE
from tests.support.areas import areas_of
from tests.support.histories import NEEDS, Scene, answer, event
from tests.support.minds import cause_of, every, one, place_of, words

pytestmark = pytest.mark.unit

TRADE = {"give": "wood", "quantity": 300, "take": "coin", "taken": 2}
RICH = {"wood": 1_000, "food": 9_000, "coin": 5}


def two(*, ana: dict[str, Any] | None = None, bo: dict[str, Any] | None = None, **settings: Any) -> Scene:
    """Return a scene with two who rest within hearing, but out of each other's way."""
    scene = Scene(width=24, height=4, homes=2, mind="scripted", **{"think_budget": 0, "hunger": 0, **settings})
    for cell, about in ((0, ana), (2, bo)):
        scene.agent(cell, **{"intention": "rest", "energy": 3_000, "goods": RICH, **(about or {})})
    return scene


def agree(scene: Scene, terms: dict[str, Any]) -> list[dict[str, Any]]:
    """Let the first propose and the second accept; return what happened."""
    told = scene.step(words(scene.world, 0, 1, "propose", terms=terms))
    return told + scene.step(words(scene.world, 1, 0, "accept"))


def goods(scene: Scene) -> np.ndarray:
    return scene.world.agents[col.GOODS : col.GOODS + 6, : scene.world.n].sum(axis=1)


def minds(scene: Scene) -> dict[int, dict[str, Any]]:
    return areas_of(scene.world)["minds"]


# -- kept --------------------------------------------------------------------------------------------


def test_an_accepted_trade_is_done_and_its_causes_lead_back_to_the_words():
    scene = two()
    before = goods(scene)
    told = agree(scene, TRADE)
    proposal, acceptance = every(told, "SpeechMade")
    pledge = one(told, "PledgeMade")
    assert (pledge["agent"], pledge["target"], pledge["terms"]) == (0, 1, TRADE)
    assert pledge["proposal"] == place_of(proposal)
    assert cause_of(pledge) == place_of(acceptance)
    told = scene.step()
    leg, other_leg = every(told, "GoodsTraded")
    kept = one(told, "PledgeKept")
    assert cause_of(leg) == place_of(pledge)
    assert cause_of(other_leg) == place_of(leg)
    assert cause_of(kept) == place_of(leg)
    assert kept["pledge"] == place_of(pledge)
    assert (leg["agent"], leg["good"], leg["quantity"], leg["holding"]) == (0, "wood", 300, 700)
    assert (leg["taken_good"], leg["taken_quantity"], leg["taken_holding"]) == ("coin", 2, 7)
    assert (other_leg["agent"], other_leg["good"], other_leg["holding"]) == (1, "coin", 3)
    assert (goods(scene) == before).all()
    assert [m["pledge"] for m in minds(scene).values()] == [None, None]
    assert not every(scene.step(), "GoodsTraded")


def test_a_trade_that_was_agreed_is_the_one_action_of_both():
    scene = two()
    agree(scene, TRADE)
    actions = [(e["agent"], e["kind"]) for e in scene.step() if "energy" in e]
    assert actions == [(0, "GoodsTraded"), (1, "GoodsTraded")]


def test_both_owe_the_other_what_was_agreed():
    scene = two(bo={"goods": {}})
    pledge = one(agree(scene, TRADE), "PledgeMade")
    at = ev.packed_address(place_of(pledge))
    assert [m["pledge"] for m in minds(scene).values()] == [
        {"partner": 1, "at": at, "leads": True, "give": (Good.WOOD, 300), "take": (Good.COIN, 2)},
        {"partner": 0, "at": at, "leads": False, "give": (Good.COIN, 2), "take": (Good.WOOD, 300)},
    ]


def test_a_trade_waits_until_both_have_the_goods():
    scene = two(bo={"goods": {}})
    pledge = one(agree(scene, TRADE), "PledgeMade")
    assert not every(scene.step(), "GoodsTraded")
    tick = scene.world.tick
    gift = answer(1, asked=tick, effect=tick + 1, purpose="intervention", endow={"coin": 2})
    told = scene.step(gift)
    assert len(every(told, "GoodsTraded")) == 2
    assert one(told, "PledgeKept")["pledge"] == place_of(pledge)


def test_a_trade_waits_until_both_are_near():
    scene = two(hearing=4)
    told = scene.step(words(scene.world, 0, 1, "propose", terms=TRADE))
    told = scene.step(words(scene.world, 1, 0, "accept"))
    scene.fold(event(ev.AGENT_MOVED, agent=1, cell=9, from_cell=2, **NEEDS))
    assert not every(scene.step(), "GoodsTraded")
    scene.fold(event(ev.AGENT_MOVED, agent=1, cell=3, from_cell=9, **NEEDS))
    told = scene.step()
    assert len(every(told, "GoodsTraded")) == 2 and every(told, "PledgeKept")


def test_work_that_is_shared_begins_at_once_where_the_proposer_finds_it():
    scene = two()
    scene.land(25, ore=9_000)
    told = agree(scene, {"work": "mine"})
    pledge, kept = one(told, "PledgeMade"), one(told, "PledgeKept")
    formed = [e for e in every(told, "IntentionFormed") if cause_of(e) == place_of(pledge)]
    assert [(e["agent"], e["intention"], e["goal"]) for e in formed] == [(0, "mine", 25), (1, "mine", 25)]
    assert kept["pledge"] == place_of(pledge)
    assert cause_of(kept) == place_of(formed[1])
    assert scene.world.agents[col.INTENTION, :2].tolist() == [3, 3]
    assert [m["pledge"] for m in minds(scene).values()] == [None, None]
    assert not every(scene.step(), "PledgeKept")


def test_shared_work_is_not_given_up_at_once_where_there_is_nothing_to_do():
    scene = two()
    assert len(every(agree(scene, {"work": "mine"}), "IntentionFormed")) == 2
    assert scene.world.agents[col.INTENTION, :2].tolist() == [3, 3]


def test_who_is_at_that_work_already_shows_the_other_where():
    scene = two(ana={"intention": "mine", "goal": 50})
    told = scene.step(words(scene.world, 0, 1, "propose", intention="mine", goal=50))
    told = scene.step(words(scene.world, 1, 0, "accept"))
    assert [e["goal"] for e in every(told, "IntentionFormed", intention="mine")] == [50, 50]


# -- not bound ---------------------------------------------------------------------------------------


def test_a_refusal_binds_nobody():
    scene = two()
    scene.step(words(scene.world, 0, 1, "propose", terms=TRADE))
    told = scene.step(words(scene.world, 1, 0, "refuse"))
    assert one(told, "SpeechMade", act="refuse")["terms"] == TRADE
    for _ in range(3):
        told += scene.step()
    assert not every(told, "PledgeMade") and not every(told, "GoodsTraded")


def test_who_is_pledged_can_not_be_pledged_again_until_that_is_over():
    scene = two(bo={"goods": {}})
    agree(scene, TRADE)
    first = [m["pledge"] for m in minds(scene).values()]
    told = agree(scene, TRADE | {"taken": 1})
    assert not every(told, "SpeechMade", act="accept") and not every(told, "PledgeMade")
    assert one(told, "ThoughtTaken", agent=1)["unsaid"] == "pledged already"
    assert [m["pledge"] for m in minds(scene).values()] == first


def test_nobody_agrees_with_one_who_is_pledged_to_somebody_else():
    scene = two(ana={"goods": {}})
    scene.agent(1, intention="rest", energy=3_000, goods=RICH)
    agree(scene, TRADE)
    scene.step(words(scene.world, 0, 2, "propose", terms=TRADE))
    told = scene.step(words(scene.world, 2, 0, "accept"))
    assert one(told, "ThoughtTaken", agent=2)["unsaid"] == "the other is pledged already"
    assert not every(told, "PledgeMade")


def test_shared_work_needs_no_end_of_a_trade_that_is_owed():
    scene = two(bo={"goods": {}})
    agree(scene, TRADE)
    assert every(agree(scene, {"work": "forage"}), "PledgeKept")
    assert all(m["pledge"] for m in minds(scene).values())


# -- lapsed ------------------------------------------------------------------------------------------


def until_lapsed(scene: Scene) -> tuple[int, dict[str, Any]]:
    """Return how many ticks it takes until a pledge lapses, and the event."""
    for n in range(1, PATIENCE + 3):
        told = scene.step()
        assert not every(told, "GoodsTraded")
        if lapsed := every(told, "PledgeLapsed"):
            return n, lapsed[0]
    raise AssertionError("it never lapsed")


def test_a_pledge_lapses_for_want_of_means():
    scene = two(bo={"goods": {}})
    before = goods(scene)
    pledge = one(agree(scene, TRADE), "PledgeMade")
    waited, lapsed = until_lapsed(scene)
    assert waited == PATIENCE + 1
    assert (lapsed["agent"], lapsed["target"], lapsed["because"]) == (0, 1, "means")
    assert lapsed["pledge"] == cause_of(lapsed) == place_of(pledge)
    assert [m["pledge"] for m in minds(scene).values()] == [None, None]
    assert (goods(scene) == before).all()


@pytest.mark.parametrize(
    ("wood", "coin", "because"), [(1_000, 5, "distance"), (300, 2, "distance"), (299, 2, "means"), (300, 1, "means")]
)
def test_a_pledge_lapses_for_distance_where_both_have_what_they_owe(wood, coin, because):
    scene = two(hearing=4, ana={"goods": {**RICH, "wood": wood}}, bo={"goods": {**RICH, "coin": coin}})
    scene.step(words(scene.world, 0, 1, "propose", terms=TRADE))
    scene.step(words(scene.world, 1, 0, "accept"))
    scene.fold(event(ev.AGENT_MOVED, agent=1, cell=20, from_cell=2, **NEEDS))
    assert until_lapsed(scene)[1]["because"] == because


def test_a_pledge_that_lapses_for_want_of_room_is_not_said_to_lapse_for_distance():
    scene = two(bo={"goods": {"coin": 5, "wood": 20_000}})
    agree(scene, TRADE)
    assert until_lapsed(scene)[1]["because"] == "means"


@pytest.mark.parametrize("dies", [0, 1])
def test_a_death_ends_a_pledge_and_lets_the_other_go(dies):
    mortal = {"born": -100, "lifespan": 103, "goods": {}}
    scene = two(**{("ana", "bo")[dies]: mortal})
    pledge = one(agree(scene, TRADE), "PledgeMade")
    told = scene.step()
    assert [e["agent"] for e in every(told, "AgentDied")] == [dies]
    lapsed = one(told, "PledgeLapsed")
    assert (lapsed["agent"], lapsed["target"], lapsed["because"]) == (0, 1, "death")
    assert lapsed["pledge"] == place_of(pledge)
    assert minds(scene)[1 - dies]["pledge"] is None
    assert not every(scene.step(), "PledgeLapsed")


def test_two_pledged_who_die_at_once_leave_nothing_owed():
    mortal = {"born": -100, "lifespan": 103, "goods": {}}
    scene = two(ana=mortal, bo=mortal)
    agree(scene, TRADE)
    told = scene.step()
    assert len(every(told, "AgentDied")) == 2 and len(every(told, "PledgeLapsed")) == 1
    assert scene.step() == []


@pytest.mark.parametrize("kind", [ev.PLEDGE_KEPT, ev.PLEDGE_LAPSED])
def test_the_end_of_a_pledge_is_something_to_think_about(kind):
    scene = two(bo={"goods": {}})
    pledge = place_of(one(agree(scene, TRADE), "PledgeMade"))
    for who in (0, 1):
        scene.fold(event(ev.THOUGHT_REQUESTED, agent=who, due=99, purpose="intention", reason="silence"))
    about = {} if kind is ev.PLEDGE_KEPT else {"because": "means"}
    scene.fold(event(kind, agent=0, target=1, **about, payload={"pledge": pledge}))
    assert [(m["reason"], m["reason_tick"]) for m in minds(scene).values()] == [(2, 5), (2, 5)]
