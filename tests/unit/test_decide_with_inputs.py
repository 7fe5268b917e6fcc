"""Inputs at the tick barrier: answers, refusals and interventions."""

from __future__ import annotations

import pytest

from domain import columns as col
from domain import events as ev
from domain.codes import Good, Intention
from domain.errors import InvalidInput, MissingInput
from tests.support.histories import Scene, answer, event

pytestmark = pytest.mark.unit


def asked(scene: Scene, agent: int, *, due: int) -> None:
    """Let a tick happen in which a mind is asked about an agent."""
    scene.fold(event(ev.THOUGHT_REQUESTED, agent=agent, due=due, cause=(0, 0)))


def kinds(events: list[dict], agent: int) -> list[str]:
    return [e["kind"] for e in events if e["agent"] == agent]


def test_a_tick_that_awaits_an_answer_is_not_decided_without_it():
    scene = Scene()
    ana = scene.agent(0, intention="rest")
    asked(scene, ana, due=3)
    assert kinds(scene.step(), ana) == ["AgentRested"]  # tick 2: not yet
    before = scene.world.to_bytes()
    with pytest.raises(MissingInput) as caught:
        scene.decide()
    assert (caught.value.tick, caught.value.agent) == (3, ana)
    with pytest.raises(MissingInput):  # nor is what was asked at another tick
        scene.decide(answer(ana, asked=2, effect=3, intention="mine"))
    with pytest.raises(MissingInput):  # another's answer is none of hers
        scene.decide(answer(ana, asked=1, effect=3, purpose="intervention"))
    assert scene.world.to_bytes() == before


def test_a_thought_taken_changes_the_intention_and_later_actions_point_at_it():
    scene = Scene()
    ana = scene.agent(0, intention="rest")
    asked(scene, ana, due=2)
    given = answer(ana, asked=1, effect=2, intention="explore", goal=5)
    told = scene.step(given)
    assert told[0] == {
        "tick": 2, "ordinal": 0, "kind": "ThoughtTaken", "agent": ana, "intention": "explore", "goal": 5,
        "cause_tick": 1, "cause_ordinal": 0, "asked": 1, "purpose": "intention", "call": 0,
        "answer": given.answer_hash(),
    }  # fmt: skip
    assert told[1]["kind"] == "AgentMoved"
    assert (told[1]["cause_tick"], told[1]["cause_ordinal"]) == (2, 0)
    row = scene.world.agents[:, ana]
    assert (row[col.INTENTION], row[col.GOAL]) == (Intention.EXPLORE, 5)
    assert (row[col.THOUGHT_DUE], row[col.ASKED]) == (-1, -1)
    for _ in range(3):
        (moved,) = scene.step()
        assert moved["kind"] == "AgentMoved"
        assert (moved["cause_tick"], moved["cause_ordinal"]) == (2, 0)


def test_a_thought_without_a_goal_is_about_where_one_stands():
    scene = Scene()
    ana = scene.agent(9, intention="explore", goal=20)
    asked(scene, ana, due=2)
    told = scene.step(answer(ana, asked=1, effect=2, intention="rest"))
    assert told[0]["goal"] == 9
    assert told[1]["kind"] == "AgentRested"


def test_a_refused_thought_leaves_the_intention_and_is_told():
    scene = Scene()
    ana = scene.agent(0, intention="rest")
    asked(scene, ana, due=2)
    told = scene.step(answer(ana, asked=1, effect=2, refused="timed out"))
    assert told[0]["kind"] == "ThoughtRefused"
    assert told[0]["because"] == "timed out"
    assert (told[0]["cause_tick"], told[0]["cause_ordinal"]) == (1, 0)
    row = scene.world.agents[:, ana]
    assert row[col.INTENTION] == Intention.REST
    assert (row[col.THOUGHT_DUE], row[col.ASKED]) == (-1, -1)
    assert kinds(scene.step(), ana) == ["AgentRested"]


def test_an_agent_that_died_before_its_answer_came_needs_none_and_takes_none():
    scene = Scene(homes=2)
    ana, bo = scene.agent(0, intention="rest"), scene.agent(60, intention="rest")
    asked(scene, ana, due=3)
    scene.fold(event(ev.AGENT_DIED, agent=ana, target=bo, cell=0, because="hunger", energy=0, satiety=0, company=0))
    assert kinds(scene.step(), bo) == ["AgentRested"]  # tick 3, and no answer is missing


def test_an_answer_for_the_dead_changes_nothing():
    scene = Scene(homes=2)
    ana, bo = scene.agent(0, intention="rest"), scene.agent(60, intention="rest")
    asked(scene, ana, due=3)
    scene.fold(event(ev.AGENT_DIED, agent=ana, target=bo, cell=0, because="hunger", energy=0, satiety=0, company=0))
    without = scene.decide()
    assert scene.decide(answer(ana, asked=1, effect=3, intention="mine")).hash() == without.hash()


def test_a_thought_taken_survives_a_snapshot_between_question_and_answer():
    scene, resumed = Scene(), Scene()
    for s in (scene, resumed):
        asked(s, s.agent(0, intention="rest"), due=3)
        s.step()
    resumed._world = resumed.world.copy()
    given = answer(0, asked=1, effect=3, intention="explore", goal=5)
    assert scene.decide(given).hash() == resumed.decide(given).hash()
    with pytest.raises(MissingInput):
        resumed.decide()


def test_inputs_take_effect_in_key_order_not_in_order_of_arrival():
    def batches(reverse: bool) -> bytes:
        scene = Scene(homes=3)
        agents = [scene.agent(c, intention="rest") for c in (0, 30, 60)]
        inputs = [answer(a, asked=0, effect=1, intention="explore", goal=9) for a in agents]
        inputs.append(answer(1, asked=0, effect=1, purpose="intervention", by="ana", endow={"food": 5}))
        batch = scene.decide(*(reversed(inputs) if reverse else inputs))
        assert [e["agent"] for e in list(batch)[:5]] == [0, 1, 1, 1, 2]
        return batch.hash()

    assert batches(reverse=False) == batches(reverse=True)


# -- interventions ---------------------------------------------------------------------------------


def test_an_intervention_endows_goods_and_is_their_cause():
    scene = Scene()
    ana = scene.agent(0, goods={"food": 1_000}, intention="rest")
    told = scene.step(
        answer(
            ana, asked=0, effect=1, purpose="intervention", by="a tester", why="to see", endow={"wood": 7, "food": 5}
        )
    )
    made, food, wood = told[:3]
    assert (made["kind"], made["by"], made["why"]) == ("InterventionMade", "a tester", "to see")
    assert [e["kind"] for e in (food, wood)] == ["GoodsEndowed"] * 2
    assert (food["good"], food["quantity"], food["holding"]) == ("food", 5, 1_005)
    assert (wood["good"], wood["quantity"], wood["holding"]) == ("wood", 7, 7)
    for e in (food, wood):
        assert (e["cause_tick"], e["cause_ordinal"]) == (1, 0)
    assert scene.world.agents[col.GOODS + Good.FOOD, ana] == 1_005
    assert scene.world.agents[col.GOODS + Good.WOOD, ana] == 7


def test_what_an_intervention_gives_can_be_used_in_the_same_tick():
    scene = Scene()
    ana = scene.agent(0, satiety=1_000, intention="rest")
    told = scene.step(answer(ana, asked=0, effect=1, purpose="intervention", endow={"food": 1_500}))
    assert [e["kind"] for e in told] == ["InterventionMade", "GoodsEndowed", "MealEaten"]
    assert told[-1]["holding"] == 500


def test_an_intervention_for_nobody_who_lives_is_recorded_as_refused_and_the_run_goes_on():
    scene = Scene()
    scene.agent(0)
    told = scene.step(answer(7, asked=0, effect=1, purpose="intervention", endow={"food": 1}))
    assert told[0]["kind"] == "InterventionMade" and told[0]["refused"] == "the agent is not alive"
    assert "GoodsEndowed" not in [e["kind"] for e in told]


def test_more_than_an_agent_can_hold_is_recorded_as_refused():
    scene = Scene()
    ana = scene.agent(0)
    gifts = [
        answer(ana, asked=0, effect=1, call=k, purpose="intervention", endow={"coin": 100_000_000}) for k in range(3)
    ]
    told = scene.step(*gifts)
    assert [e.get("refused") for e in told if e["kind"] == "InterventionMade"] == [
        None, None, "the agent would hold too much coin",
    ]  # fmt: skip
    assert [e["kind"] for e in told].count("GoodsEndowed") == 2


def test_an_heir_of_more_than_anybody_can_hold_gets_what_it_can_hold():
    scene = Scene(homes=2)
    ana, bo = (scene.agent(c, lifespan=span, intention="rest") for c, span in ((0, 5_001), (60, 30_000)))
    fortune = {"coin": 100_000_000}
    gifts = [
        answer(a, asked=0, effect=1, call=k, purpose="intervention", endow=fortune) for a in (ana, bo) for k in range(2)
    ]
    told = scene.step(*gifts)
    (inherited,) = (e for e in told if e["kind"] == "GoodsInherited")
    assert inherited["taken_good"] == "coin"
    assert inherited["taken_holding"] == 200_000_000 + inherited["taken_quantity"]
    assert inherited["taken_holding"] == 2**28 - 1
    assert scene.world.agents[col.GOODS + Good.COIN, scene.world.row(bo)] == 2**28 - 1


# -- answers that nobody checked --------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"intention": "conquer"},
        {"intention": "explore", "goal": 64},
        {"intention": "explore", "goal": -2},
        {"nothing": "usable"},
    ],
)
def test_an_answer_that_the_rules_can_not_apply_is_refused_by_name(given):
    scene = Scene()
    ana = scene.agent(0, intention="rest")
    asked(scene, ana, due=2)
    with pytest.raises(InvalidInput) as caught:
        scene.decide(answer(ana, asked=1, effect=2, **given))
    assert caught.value.key == (1, ana, "intention", 0)
