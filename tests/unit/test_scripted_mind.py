"""The scripted mind: a planner behind the same port, as sensible as the rules and always alike."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from domain.errors import EngineRefused
from domain.ports import Completion
from tests.support.percepts import ALONE, FULL, MEMORIES, memories, percept, percepts
from workers.minds.answers import parse, schema_of
from workers.minds.interview import interview
from workers.minds.people import SILENT, options_of
from workers.minds.prompts import render
from workers.minds.scripted import ScriptedEngine

pytestmark = pytest.mark.unit

ENGINE = ScriptedEngine()
QUIET = {"inbox": [], "pending": None, "news": [], "recent": []}
CONTENT = {"energy": 9, "satiety": 9, "company": 8}
NO_DEALS = [{**other, "deal": None} for other in FULL["near"]]


def asked(shown: dict[str, Any], recalled=(), *, seed: int = 1) -> Completion:
    prompt = render(shown, recalled)
    used = prompt.used_memories
    told = {**shown, "memories": [{"id": m.id, "text": m.text} for m in used]}
    return Completion(prompt.messages, schema_of(shown, used), 32, seed, percept=told)


def answer(shown: dict[str, Any], *, seed: int = 1) -> dict[str, Any]:
    return parse(ENGINE.complete(asked(shown, seed=seed), timeout_s=1).text, shown)


@given(percepts, memories)
def test_it_keeps_to_the_schema_whatever_it_perceives(shown, recalled):
    wanted = asked(shown, recalled)
    done = ENGINE.complete(wanted, timeout_s=1)
    assert done == ENGINE.complete(wanted, timeout_s=1)
    said = json.loads(done.text)
    assert wanted.schema is not None
    # It may do whatever the parser takes; a model is given less to choose from.
    if "act" in said:
        wanted.schema["properties"]["act"]["enum"] = [*options_of(shown), SILENT]
    # Its sentences may be longer than what a model is asked to keep to.
    for part in ("say", "insight"):
        if part in said:
            said[part] = said[part][: wanted.schema["properties"][part].get("maxLength", 400)]
    jsonschema.Draft202012Validator(wanted.schema).validate(said)
    parse(done.text, shown, render(shown, recalled).used_memories)


@pytest.mark.parametrize(
    ("changes", "intention"),
    [
        ({"needs": {**CONTENT, "satiety": 3}, "goods": {"food": 0.5}}, "forage"),
        ({"needs": {**CONTENT, "energy": 2}}, "rest"),
        ({"needs": {**CONTENT, "company": 3}}, "socialise"),
        ({"needs": CONTENT}, "craft"),
        ({"needs": CONTENT, "goods": {"food": 2}}, "forage"),
    ],
)
def test_what_presses_comes_first(changes, intention):
    assert answer(percept(**changes))["intention"] == intention


def test_work_follows_the_occupation():
    goods = {"food": 8.0, "wood": 3.0, "tool": 5}
    for occupation, work in (("farmer", "forage"), ("mason", "quarry"), ("miner", "mine"), ("woodcutter", "cut_wood")):
        shown = percept(needs=CONTENT, goods=goods, occupation=occupation, traits={"openness": 0, "extraversion": 500})
        assert answer(shown)["intention"] == work


def test_a_fair_offer_is_taken_and_an_unfair_one_is_not():
    fair = {"from": 9, "terms": {"give": "food", "quantity": 1000, "take": "wood", "taken": 1000}}
    assert answer(percept(pending=fair))["act"] == "accept"
    unfair = {"from": 9, "terms": {"give": "stone", "quantity": 1000, "take": "food", "taken": 1000}}
    assert answer(percept(pending=unfair))["act"] == "refuse"
    beyond = {"from": 9, "terms": {"give": "food", "quantity": 1000, "take": "coin", "taken": 21}}
    assert answer(percept(pending=beyond))["act"] == "refuse"


def test_work_is_shared_if_nothing_presses():
    offered = {"from": 9, "terms": {"work": "mine"}}
    tired = percept(pending=offered, needs={**CONTENT, "energy": 1})
    assert answer(tired)["act"] == "refuse"
    assert {answer(percept(pending=offered, tick=t))["act"] for t in range(20)} == {"accept", "refuse"}


def test_possible_deals_are_proposed_often():
    acts = Counter(answer(percept(tick=t, **QUIET))["act"] for t in range(200))
    assert 120 < acts["propose"] < 190
    together = Counter(
        answer(percept(tick=t, near=NO_DEALS, needs=CONTENT, goods={"food": 9, "tool": 1}, **QUIET))["act"]
        for t in range(200)
    )
    assert 5 < together["propose"] < 80


def test_questions_are_answered_greetings_returned_and_news_passed_on():
    near, quiet = NO_DEALS, {"pending": None, "news": [], "recent": [], "needs": CONTENT, "goods": {"food": 1}}
    goods = {"food": 9, "wood": 3, "tool": 1}
    question = [{**FULL["inbox"][1], "act": "ask"}]
    assert answer(percept(**{**quiet, "near": near, "inbox": question}))["act"] == "inform"
    quiet |= {"goods": goods, "occupation": "trader", "traits": {"openness": 0, "extraversion": 0}}
    greeted = answer(percept(**{**quiet, "near": near, "inbox": FULL["inbox"][1:2]}))
    assert (greeted["act"], greeted["to"]) == ("greet", 71)
    told = [answer(percept(**{**quiet, "near": near, "inbox": [], "news": FULL["news"], "tick": t})) for t in range(40)]
    gossip = [a for a in told if a["act"] == "gossip"]
    assert len(gossip) > 20 and all("northern ridge" in a["say"] for a in gossip)


def test_words_vary():
    said = {answer(percept(tick=t, agent=a, **QUIET))["say"] for t in range(60) for a in (3, 4)}
    assert len(said) > 15


def test_alone_it_is_silent():
    assert "act" not in answer(percept(**ALONE))


def test_two_scripted_minds_come_to_a_bargain():
    """What one proposes, the other accepts, since a deal of the rules leaves both better off."""
    proposals = accepted = 0
    for tick in range(50):
        said = answer(percept(tick=tick, inbox=[], pending=None, news=[], near=FULL["near"][:1]))
        if said.get("act") != "propose" or "terms" not in said:
            continue
        proposals += 1
        bo = percept(
            agent=9, name="Bo Hill", goods={"food": 9.0, "wood": 0.0, "coin": 20, "tool": 0}, tick=tick + 10,
            near=[{**FULL["near"][0], "agent": 3, "name": "Ada Brook", "deal": None}], inbox=[],
            pending={"from": 3, "terms": said["terms"]},
        )  # fmt: skip
        accepted += answer(bo)["act"] == "accept"
    assert proposals > 20 and accepted == proposals


def test_it_refuses_what_it_can_not_do():
    with pytest.raises(EngineRefused, match="percept"):
        ENGINE.complete(Completion((), None, 10, 1), timeout_s=1)
    with pytest.raises(EngineRefused, match="dialect"):
        ENGINE.complete(Completion((), None, 10, 1, adapter="dialect", percept=percept()), timeout_s=1)


def test_it_can_be_interviewed():
    told = interview(ENGINE, MEMORIES, percept(), "Who are you?")
    assert told["answer"].startswith("I am Ada Brook, farmer. I mean to look for food and hold 3 food, 2 wood")
    assert {m["id"] for m in told["memories"]} == {m.id for m in MEMORIES}
    assert "Who are you?" in told["prompt"]
