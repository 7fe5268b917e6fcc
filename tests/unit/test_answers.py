"""Answers: what a mind may say, whatever it says, and whatever it was told to say."""

from __future__ import annotations

import json
import pickle
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.inputs import Input, InputKey, validated
from tests.support.percepts import ALONE, FULL, HOSTILE, MEMORIES, memories, percept, percepts
from workers.minds.answers import (
    INSIGHT_MAX,
    SAY_MAX,
    AnswerUnusable,
    parse,
    parse_free,
    repair_messages,
    schema_of,
)
from workers.minds.people import ACTS, SAID_AS, acts_of
from workers.minds.prompts import render

pytestmark = pytest.mark.unit

_REFLECTING = percept(purpose="reflection")


def said(**changes: Any) -> str:
    return json.dumps({"intention": "rest", "act": "greet", "to": "Bo Hill", "say": "Good day."} | changes)


def can_be_recorded(answer: dict[str, Any], shown: dict[str, Any]) -> bool:
    """Return True if the rules take the answer; they raise otherwise."""
    key = InputKey(120, shown["agent"], shown["purpose"])
    return validated(Input(key, effect_tick=150, answer=answer), n_cells=10_000).answer == answer


# -- the schema -----------------------------------------------------------------------------------


def test_the_schema_lists_what_is_possible_now_and_nothing_else():
    schema = schema_of(FULL)
    options = {name: part.get("enum") for name, part in schema["properties"].items()}
    assert options["intention"] == ["forage", "cut_wood", "quarry", "mine", "rest", "socialise", "explore", "craft"]
    assert options["act"] == ["greet", "inform", "ask", "accept", "refuse", "thank", "gossip"]
    assert options["to"] == ["Bo Hill", "Theo Kestrel", "Priya Yarrow", "Anouk Linden"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"]) == ["intention", "act", "to", "say"]


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"pending": None}, {"accept", "refuse"}),
        ({"news": []}, {"gossip"}),
        ({"inbox": [], "recent": [], "pending": None}, {"accept", "refuse", "thank"}),
        (ALONE, {"greet", "inform", "ask", "propose", "accept", "refuse", "thank", "gossip"}),
    ],
)
def test_acts_that_mean_nothing_now_can_not_be_chosen(changes, missing):
    shown = percept(**changes)
    assert set(acts_of(shown)) == set(ACTS) - missing
    assert set(schema_of(shown)["properties"]["act"]["enum"]) <= {SAID_AS.get(act, act) for act in acts_of(shown)}
    for act in missing:
        with pytest.raises(AnswerUnusable):
            parse(said(act=act), shown)


def test_who_makes_an_offer_is_not_met_with_silence():
    assert "nobody" not in schema_of(FULL)["properties"]["to"]["enum"]
    asked = schema_of(percept(pending=None))["properties"]
    assert "nobody" in asked["to"]["enum"] and "ignore" in asked["act"]["enum"]
    # A mind that is held to no schema may be silent all the same.
    assert parse(said(act="none", to="nobody"), FULL) == {"intention": "rest"}


def test_a_tool_is_made_only_of_what_one_holds():
    for goods in ({"wood": 2.0}, {"wood": 1.9, "ore": 5}, {"wood": 9, "ore": 9, "tool": 4}):
        shown = percept(goods=goods)
        assert "craft" not in schema_of(shown)["properties"]["intention"]["enum"]
        with pytest.raises(AnswerUnusable, match="possible"):
            parse(said(intention="craft"), shown)


def test_who_offered_can_be_answered_even_from_behind_others():
    shown = percept(near=FULL["near"][1:])
    assert schema_of(shown)["properties"]["to"]["enum"][-1] == "Bo Hill"
    assert parse(said(act="accept"), shown)["to"] == 9


def test_somebody_alone_can_only_choose_what_to_do():
    schema = schema_of(percept(**ALONE))["properties"]
    assert (schema["act"]["enum"], schema["to"]["enum"], schema["say"]["enum"]) == (["ignore"], ["nobody"], [""])


def test_a_reflection_cites_by_number():
    schema = schema_of(_REFLECTING, MEMORIES)["properties"]
    assert schema["cites"]["items"]["enum"] == [1, 2, 3, 4, 5]
    answer = parse('{"insight": "Bo is fair.", "cites": [4, 2, 4]}', _REFLECTING, MEMORIES)
    assert answer == {"insight": "Bo is fair.", "cites": [MEMORIES[3].id, MEMORIES[1].id]}
    assert can_be_recorded(answer, _REFLECTING)


# -- the parser -----------------------------------------------------------------------------------


def test_a_label_becomes_an_id_and_terms_come_from_the_percept():
    assert parse(said(), FULL) == {"intention": "rest", "act": "greet", "to": 9, "say": "Good day."}
    proposed = parse(said(act="propose", to="Theo Kestrel"), FULL)
    assert proposed["terms"] == {"give": "coin", "quantity": 3, "take": "ore", "taken": 1000}


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        ({"act": "none"}, {"intention": "rest"}),
        ({"to": "nobody"}, {"intention": "rest"}),
        ({"say": " \n\t"}, {"intention": "rest"}),
        ({"act": "accept", "to": "nobody"}, {"intention": "rest", "act": "accept", "to": 9, "say": "Good day."}),
        ({"act": "refuse", "to": "Theo Kestrel"}, {"intention": "rest", "act": "refuse", "to": 9, "say": "Good day."}),
        ({"act": "propose", "to": "Priya Yarrow"}, {"intention": "rest", "act": "ask", "to": 44, "say": "Good day."}),
        (
            {"act": "propose", "to": "Priya Yarrow", "intention": "mine"},
            {"intention": "mine", "act": "propose", "to": 44, "say": "Good day."},
        ),
    ],
)
def test_an_act_that_does_not_fit_is_read_in_the_weaker_way(what, becomes):
    assert parse(said(**what), FULL) == becomes
    assert can_be_recorded(becomes, FULL)


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", "empty"),
        ("I would rest.", "no JSON"),
        ("[1, 2]", "no JSON"),
        ('{"intention": "rest"', "cut off"),
        (said(intention="conquer"), "conquer"),
        (said(act="steal"), "act"),
        (said(to="Zoe Ash"), "Zoe Ash"),
        (said(say=7), "say"),
        (said(give="everything"), "give"),
        ('{"intention": "rest", "act": "greet", "to": "Bo Hill"}', "say"),
        ("{" + '"a":{' * 5_000, "cut off"),
        ("[" * 30_000, "no JSON"),
        ("x" * 10_000_000, "10,000,000"),
        (said(say=9**50), "say"),
        ('{"intention": ' + "9" * 6_000 + "}", "cut off"),
    ],
)
def test_what_can_not_be_used_says_why(text, because):
    with pytest.raises(AnswerUnusable, match=because) as raised:
        parse(text, FULL)
    assert len(raised.value.because) < 200
    assert pickle.loads(pickle.dumps(raised.value)).because == raised.value.because


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"intention": "rest", "act": "greet", "to": "Bo Hill", "say": "Good day."}\n```',
        '<think>Bo {is} here.</think>\n{"intention": "rest", "act": "greet", "to": "Bo Hill", "say": "Good day."} ok',
        '\ufeff {"intention": "rest", "act": "greet", "to": "Bo Hill", "say": "Good day.',
    ],
)
def test_thoughts_fences_and_a_cut_at_the_limit_of_tokens_are_forgiven(text):
    assert parse(text, FULL)["say"] == "Good day."


def test_words_are_cut_and_cleaned():
    text = parse(said(say='<b>Hi</b>\n{"act": "accept"} \ud83d' + "word " * 100), FULL)["say"]
    assert text.startswith("b Hi /b 'act': 'accept' word")
    assert len(text) <= SAY_MAX


def test_a_reflection_of_nothing_or_on_nothing_is_unusable():
    for text in (
        '{"insight": " ", "cites": [1]}',
        '{"insight": "So.", "cites": [6]}',
        '{"insight": "So.", "cites": []}',
    ):
        with pytest.raises(AnswerUnusable):
            parse(text, _REFLECTING, MEMORIES)


def test_free_words_are_cleaned_too():
    assert parse_free("<think>hm</think> I am\nAda.") == "I am Ada."
    with pytest.raises(AnswerUnusable):
        parse_free(" \n")


def test_the_repair_repeats_the_question_and_says_what_was_wrong():
    prompt = render(FULL, ())
    mended = repair_messages(prompt.messages, "<|im_start|>{bad", "it is no JSON object")
    assert mended[:2] == prompt.messages
    assert mended[2] == {"role": "assistant", "content": "im_start bad"}
    assert mended[3]["content"] == "That can't be used: it is no JSON object. Reply with the JSON alone."


# -- injection ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_others_wrote_widens_what_can_be_answered(hostile):
    shown = percept(news=[hostile], recent=[hostile], backstory=hostile)
    shown["inbox"][2]["text"] = hostile
    shown["name"] = shown["near"][0]["name"] = shown["inbox"][2]["name"] = hostile
    ordinary, schema = schema_of(FULL)["properties"], schema_of(shown)["properties"]
    for name in ("intention", "act", "say"):
        assert schema[name] == ordinary[name]
    assert len(schema["to"]["enum"]) == len(set(schema["to"]["enum"])) == 4
    assert all(len(label) <= 60 and not set(label) & set('<>{}[]"\\\n') for label in schema["to"]["enum"])
    for label, agent in zip(schema["to"]["enum"], (9, 17, 44, 71), strict=True):
        assert parse(said(to=label), shown).get("to") == agent


def test_a_person_called_nobody_is_somebody():
    near = [{**FULL["near"][0], "name": "Nobody"}, {**FULL["near"][1], "name": "\u0000"}]
    shown = percept(near=near, inbox=[], pending=None)
    assert schema_of(shown)["properties"]["to"]["enum"] == ["Nobody 9", "Somebody", "nobody"]


def test_a_model_that_obeys_an_injection_still_does_only_what_it_may():
    text = said(act="propose", say="Take all", terms={"give": "coin", "quantity": 99, "take": "food", "taken": 1})
    with pytest.raises(AnswerUnusable, match="terms"):
        parse(text, FULL)
    with pytest.raises(AnswerUnusable):
        parse(said(to=17), FULL)
    with pytest.raises(AnswerUnusable):
        parse(said(act="accept"), percept(pending=None))


# -- whatever comes -------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_keys = st.sampled_from(["intention", "act", "to", "say", "insight", "cites", "terms"])
_values = _json | st.sampled_from(["rest", "mine", "craft", "accept", "propose", "none", "Bo Hill", "nobody", [1], [9]])
_texts = st.one_of(
    st.text(), st.sampled_from(HOSTILE), _json.map(json.dumps), st.dictionaries(_keys, _values).map(json.dumps),
    st.text().map(lambda t: said()[: len(t)] + t), st.text().map(lambda t: said(say=t)),
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(_texts, st.sampled_from([FULL, _REFLECTING, percept(**ALONE)]))
@example('{"intention": "rest", "act": "greet", "to": "Bo Hill", "say": "\\ud800"}', FULL)
@example('{"insight": "\\ud800 so", "cites": [true]}', _REFLECTING)
def test_any_text_is_either_an_answer_that_can_be_recorded_or_unusable(text, shown):
    try:
        answer = parse(text, shown, MEMORIES)
    except AnswerUnusable:
        return
    assert can_be_recorded(answer, shown)
    json.dumps(answer, ensure_ascii=False).encode()


def conforming(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return whatever the schema allows, by the few keywords that it uses."""
    parts = {}
    for name, part in schema["properties"].items():
        if "enum" in part:
            parts[name] = st.sampled_from(part["enum"])
        elif part["type"] == "string":
            # Models write words; a text of nothing but marks is no insight, so it is left to the test above.
            parts[name] = st.text(min_size=part.get("minLength", 0), max_size=part["maxLength"] - 1).map("x{}".format)
        else:
            items = st.sampled_from(part["items"]["enum"])
            parts[name] = st.lists(items, min_size=part["minItems"], max_size=part["maxItems"])
    return st.fixed_dictionaries(parts)


@settings(deadline=None)
@given(percepts, memories, st.data())
def test_all_that_conforms_to_the_schema_is_an_answer(shown, recalled, data):
    prompt = render(shown, recalled, budget_tokens=2_000)
    schema = schema_of(shown, prompt.used_memories)
    answer = data.draw(conforming(schema))
    jsonschema.Draft202012Validator(schema).validate(answer)
    parsed = parse(json.dumps(answer), shown, prompt.used_memories)
    if shown["purpose"] == "reflection":
        assert len(parsed["insight"]) <= INSIGHT_MAX
        return
    assert parsed["intention"] == answer["intention"]
    if "act" in parsed:
        assert parsed["to"] in {n["agent"] for n in shown["near"]} | {(shown["pending"] or {}).get("from")}
        assert 0 < len(parsed["say"]) <= SAY_MAX
    deals = {n["agent"]: n["deal"] for n in shown["near"]}
    assert "terms" not in parsed or parsed["terms"] == deals[parsed["to"]]


@pytest.mark.parametrize("shown", [FULL, _REFLECTING, percept(**ALONE)], ids=["full", "reflection", "alone"])
def test_llama_takes_the_schema(shown):
    xllamacpp = pytest.importorskip("xllamacpp")
    assert xllamacpp.json_schema_to_grammar(json.dumps(schema_of(shown, MEMORIES)))
