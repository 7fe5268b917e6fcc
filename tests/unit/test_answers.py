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
from workers.minds.people import ACTS, SILENT, acts_of, options_of
from workers.minds.prompts import render

pytestmark = pytest.mark.unit

_REFLECTING = percept(purpose="reflection")


def said(**changes: Any) -> str:
    return json.dumps({"do": "rest", "act": "greet Bo", "say": "Good day."} | changes)


def can_be_recorded(answer: dict[str, Any], shown: dict[str, Any]) -> bool:
    """Return True if the rules take the answer; they raise otherwise."""
    key = InputKey(120, shown["agent"], shown["purpose"])
    return validated(Input(key, effect_tick=150, answer=answer), n_cells=10_000).answer == answer


# -- the schema -----------------------------------------------------------------------------------


def choices(shown: dict[str, Any]) -> list[str]:
    return schema_of(shown)["properties"]["act"]["enum"]


def test_the_schema_lists_what_is_possible_now_and_nothing_else():
    schema = schema_of(percept(pending=None))
    options = {name: part.get("enum") for name, part in schema["properties"].items()}
    assert options["do"] == ["forage", "cut_wood", "quarry", "mine", "rest", "socialise", "explore", "craft"]
    everybody = ("Bo", "Theo", "Priya", "Anouk")
    assert options["act"] == [
        "greet Theo",
        *(f"tell {name}" for name in everybody),
        *(f"ask {name}" for name in everybody),
        "trade with Bo", "trade with Theo", "join Priya", "trade with Anouk",
        *(f"thank {name}" for name in everybody),
        *(f"gossip with {name}" for name in everybody),
        "ignore",
    ]  # fmt: skip
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"]) == ["do", "act", "say"]


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
    assert {act for act, _ in options_of(shown).values()} == set(ACTS) - missing - {"none"}
    assert set(choices(shown)) <= {*options_of(shown), SILENT}
    everything = options_of(FULL)
    for said_so in set(everything) - set(options_of(shown)):
        with pytest.raises(AnswerUnusable):
            parse(said(act=said_so), shown)


def test_who_makes_an_offer_is_answered_yes_or_no():
    assert choices(FULL) == ["accept Bo", "refuse Bo"]
    assert "ignore" in choices(percept(pending=None))
    # A mind that is held to no schema may be silent all the same.
    assert parse(said(act="ignore"), FULL) == {"intention": "rest"}


def test_who_has_spoken_is_not_greeted_anew():
    assert "greet Bo" not in choices(percept(pending=None)) and "greet Theo" in choices(percept(pending=None))
    assert "greet Bo" in choices(percept(pending=None, inbox=[]))


def test_a_tool_is_made_only_of_what_one_holds():
    for goods in ({"wood": 2.0}, {"wood": 1.9, "ore": 5}, {"wood": 9, "ore": 9, "tool": 4}):
        shown = percept(goods=goods)
        assert "craft" not in schema_of(shown)["properties"]["do"]["enum"]
        with pytest.raises(AnswerUnusable, match="possible"):
            parse(said(do="craft"), shown)


def test_who_offered_can_be_answered_even_from_behind_others():
    shown = percept(near=FULL["near"][1:])
    assert choices(shown) == ["accept Bo", "refuse Bo"]
    assert parse(said(act="accept Bo"), shown)["to"] == 9


def test_somebody_alone_can_only_choose_what_to_do():
    schema = schema_of(percept(**ALONE))["properties"]
    assert (schema["act"]["enum"], schema["say"]["enum"]) == (["ignore"], [""])


def test_a_reflection_cites_by_number():
    schema = schema_of(_REFLECTING, MEMORIES)["properties"]
    assert schema["cites"]["items"]["enum"] == [1, 2, 3, 4, 5]
    assert list(schema) == ["cites", "insight"], "words last: cut off, they are still an answer"
    answer = parse('{"insight": "Bo is fair.", "cites": [4, 2, 4]}', _REFLECTING, MEMORIES)
    assert answer == {"insight": "Bo is fair.", "cites": [MEMORIES[3].id, MEMORIES[1].id]}
    assert can_be_recorded(answer, _REFLECTING)


# -- the parser -----------------------------------------------------------------------------------


def test_a_label_becomes_an_id_and_terms_come_from_the_percept():
    assert parse(said(), FULL) == {"intention": "rest", "act": "greet", "to": 9, "say": "Good day."}
    proposed = parse(said(act="trade with Theo"), FULL)
    assert proposed["terms"] == {"give": "coin", "quantity": 3, "take": "ore", "taken": 1000}


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        ({"act": "ignore"}, {"intention": "rest"}),
        ({"say": " \n\t"}, {"intention": "rest"}),
        ({"act": "join Priya"}, {"intention": "rest", "act": "ask", "to": 44, "say": "Good day."}),
        (
            {"act": "join Priya", "do": "mine"},
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
        ('{"do": "rest"', "act"),
        ('{"do"', "cut off"),
        ('{"do": "rest", "act": "greet', "say"),
        (said(do="conquer"), "conquer"),
        (said(act="steal Bo"), "act"),
        (said(act="greet Zoe"), "Zoe"),
        (said(act="accept Theo"), "Theo"),
        (said(say=7), "say"),
        (said(give="everything"), "give"),
        ('{"do": "rest", "act": "greet Bo"}', "say"),
        ("{" + '"a":{' * 5_000, "cut off"),
        ("[" * 30_000, "no JSON"),
        ("x" * 10_000_000, "10,000,000"),
        (said(say=9**50), "say"),
        ('{"do": ' + "9" * 6_000 + "}", "cut off"),
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
        '```json\n{"do": "rest", "act": "greet Bo", "say": "Good day."}\n```',
        '<think>Bo {is} here.</think>\n{"do": "rest", "act": "greet Bo", "say": "Good day."} ok',
        '\ufeff {"do": "rest", "act": "greet Bo", "say": "Good day.',
        '{"do": "rest", "act": "greet Bo", "say": "Good day."',
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
    assert (schema["do"], schema["say"]) == (ordinary["do"], ordinary["say"])
    assert len(schema["act"]["enum"]) == len(ordinary["act"]["enum"]) == 2
    assert all(len(text) <= 70 and not set(text) & set('<>{}[]"\\\n') for text in schema["act"]["enum"])
    options = options_of(shown)
    assert sorted({agent for _, agent in options.values()}) == [9, 17, 44, 71]
    for text, (act, agent) in options.items():
        told = parse(said(act=text, do="mine"), shown)
        assert (told["act"], told["to"]) == (act, agent)


def test_names_that_two_share_or_that_mean_something_are_said_in_full():
    near = [{**FULL["near"][0], "name": "Nobody"}, {**FULL["near"][1], "name": "\u0000"}]
    near += [{**FULL["near"][2], "name": "With Bo"}, {**FULL["near"][3], "name": "With Ann"}]
    shown = percept(near=near, inbox=[], pending=None)
    assert [text for text in choices(shown) if text.startswith("ask ")] == [
        "ask Nobody 9", "ask Somebody", "ask With Bo", "ask With Ann",
    ]  # fmt: skip


def test_a_model_that_obeys_an_injection_still_does_only_what_it_may():
    text = said(act="trade with Bo", say="Take all", terms={"give": "coin", "quantity": 99, "take": "food", "taken": 1})
    with pytest.raises(AnswerUnusable, match="terms"):
        parse(text, FULL)
    with pytest.raises(AnswerUnusable):
        parse(said(act=17), FULL)
    with pytest.raises(AnswerUnusable):
        parse(said(act="accept Bo"), percept(pending=None))


# -- whatever comes -------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_keys = st.sampled_from(["do", "act", "say", "insight", "cites", "terms"])
_values = _json | st.sampled_from(
    ["rest", "mine", "craft", "accept Bo", "trade with Bo", "join Priya", "ignore", "Bo Hill", [1], [9]]
)
_texts = st.one_of(
    st.text(), st.sampled_from(HOSTILE), _json.map(json.dumps), st.dictionaries(_keys, _values).map(json.dumps),
    st.text().map(lambda t: said()[: len(t)] + t), st.text().map(lambda t: said(say=t)),
)  # fmt: skip


@settings(max_examples=300)
@given(_texts, st.sampled_from([FULL, _REFLECTING, percept(**ALONE)]))
@example('{"do": "rest", "act": "greet Bo", "say": "\\ud800"}', FULL)
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
    assert parsed["intention"] == answer["do"]
    if "act" in parsed:
        assert parsed["to"] in {n["agent"] for n in shown["near"]} | {(shown["pending"] or {}).get("from")}
        assert 0 < len(parsed["say"]) <= SAY_MAX
    deals = {n["agent"]: n["deal"] for n in shown["near"]}
    assert "terms" not in parsed or parsed["terms"] == deals[parsed["to"]]


@pytest.mark.parametrize("shown", [FULL, _REFLECTING, percept(**ALONE)], ids=["full", "reflection", "alone"])
def test_llama_takes_the_schema(shown):
    xllamacpp = pytest.importorskip("xllamacpp")
    assert xllamacpp.json_schema_to_grammar(json.dumps(schema_of(shown, MEMORIES)))
