"""Inputs: keys, order and what is refused."""

from __future__ import annotations

import pytest

from domain.errors import InvalidInput
from domain.inputs import NOBODY, Inputs, answer_from, validated
from tests.support.histories import answer

pytestmark = pytest.mark.unit

_TRADE = {"give": "wood", "quantity": 1, "take": "coin", "taken": 1_000_000}
_WORDS = {"intention": "rest", "act": "propose", "to": 3, "say": "Eh?"}


def test_inputs_stand_in_key_order_whatever_order_they_arrived_in():
    given = [
        answer(4, asked=10, effect=20, intention="rest"),
        answer(2, asked=10, effect=20, call=1, intention="rest"),
        answer(2, asked=10, effect=20, intention="mine"),
        answer(2, asked=10, effect=20, purpose="intervention"),
        answer(9, asked=8, effect=20, intention="rest"),
        answer(NOBODY, asked=10, effect=20, purpose="intervention"),
    ]
    keys = [i.key.as_tuple() for i in Inputs(given).rows]
    assert keys == sorted(keys) == [i.key.as_tuple() for i in Inputs(reversed(given)).rows]
    assert keys[0] == (8, 9, "intention", 0)
    assert len(Inputs(given)) == 6


def test_the_inputs_of_one_agent_are_found_by_purpose():
    mine, other = answer(2, asked=1, effect=5, intention="rest"), answer(3, asked=1, effect=5, intention="rest")
    assert Inputs([other, mine]).of(2, "intention") == [mine]
    assert Inputs([other, mine]).of(2, "intervention") == []


def test_an_answer_comes_back_from_its_canonical_bytes():
    given = answer(2, asked=1, effect=5, intention="rest", goal=3)
    assert given.canonical_answer() == b'{"goal":3,"intention":"rest"}'
    assert answer_from(given.canonical_answer()) == given.answer


@pytest.mark.parametrize(
    "given",
    [
        answer(2, asked=1, effect=2, intention="cut_wood"),
        answer(2, asked=1, effect=2, intention="rest", goal=0),
        answer(2, asked=1, effect=2, intention="rest", goal=99),
        answer(2, asked=1, effect=2, refused="timed out"),
        answer(2, asked=1, effect=2, purpose="intervention", by="ana", why="drought", endow={"food": 100_000_000}),
        answer(2, asked=1, effect=2, purpose="intervention"),
        answer(2, asked=1, effect=2, purpose="intervention", news="a" * 400),
        answer(2, asked=1, effect=2, intention="rest", act="greet", to=3, say="Ça va? \U0001f600\nWell."),
        answer(2, asked=1, effect=2, intention="rest", act="propose", to=3, say="Eh?", terms={"work": "mine"}),
        answer(2, asked=1, effect=2, intention="rest", act="propose", to=3, say="Eh?", terms=_TRADE),
        answer(2, asked=1, effect=2, purpose="reflection", insight="Hm."),
        answer(2, asked=1, effect=2, purpose="reflection", insight="Hm.", cites=["1:0"] * 16),
        answer(2, asked=1, effect=2, purpose="reflection", refused="timed out"),
    ],
)
def test_what_the_rules_can_apply_is_let_through_unchanged(given):
    assert validated(given, n_cells=100) is given


@pytest.mark.parametrize(
    ("given", "because"),
    [
        (answer(2, asked=1, effect=2, purpose="gossip"), "unknown purpose"),
        (answer(2, asked=2, effect=2, intention="rest"), "before it was asked"),
        (answer(2, asked=3, effect=2, purpose="intervention"), "before it was asked"),
        (answer(2, asked=1, effect=2, intention="conquer"), "'conquer' is none of forage"),
        (answer(2, asked=1, effect=2, intention=["rest"]), "is none of"),
        (answer(2, asked=1, effect=2), "None is none of"),
        (answer(2, asked=1, effect=2, intention="rest", goal=100), "no cell"),
        (answer(2, asked=1, effect=2, intention="rest", goal=-1), "no cell"),
        (answer(2, asked=1, effect=2, intention="rest", goal="3"), "no cell"),
        (answer(2, asked=1, effect=2, intention="rest", goal=True), "no cell"),
        (answer(2, asked=1, effect=2, purpose="intervention", endow={"tool": 1}), "can't endow"),
        (answer(2, asked=1, effect=2, purpose="intervention", endow={"food": 1.5}), "can't endow"),
        (answer(2, asked=1, effect=2, purpose="intervention", endow={"food": True}), "can't endow"),
        (answer(2, asked=1, effect=2, purpose="intervention", endow={"food": 0}), "outside 1 … 100,000,000"),
        (answer(2, asked=1, effect=2, purpose="intervention", endow={"coin": 100_000_001}), "outside 1 … 100,000,000"),
        (answer(2, asked=1, effect=2, purpose="intervention", endow=["food"]), "endow"),
        (answer(2, asked=1, effect=2, purpose="intervention", news=" "), "no text"),
        (answer(2, asked=1, effect=2, purpose="intervention", news="a" * 401), "no text"),
        (answer(2, asked=1, effect=2, purpose="intervention", by="a\0"), "by"),
        (answer(2, asked=1, effect=2, purpose="intervention", why="\ud800"), "why"),
        (answer(2, asked=1, effect=2, purpose="reflection"), "insight None"),
        (answer(2, asked=1, effect=2, purpose="reflection", insight="a\0b"), "insight"),
        (answer(2, asked=1, effect=2, purpose="reflection", insight="Hm.", cites=["1:0"] * 17), "no memories"),
        (answer(2, asked=1, effect=2, purpose="reflection", insight="Hm.", cites=[3]), "no memories"),
        (answer(2, asked=1, effect=2, purpose="reflection", insight="Hm.", cites=["the first"]), "no memories"),
        (answer(2, asked=1, effect=2, purpose="reflection", insight="Hm.", cites=["1:0" + "0" * 40]), "no memories"),
        (answer(2, asked=1, effect=2, purpose="reflection", insight="Hm.", cites="1:0"), "no memories"),
        *(
            (answer(2, asked=1, effect=2, **{**_WORDS, **wrong}), because)
            for wrong, because in [
                ({"act": "sing"}, "act 'sing' is none of"),
                ({"act": ["greet"]}, "is none of"),
                ({"to": 2}, "nobody else"),
                ({"to": -1}, "nobody else"),
                ({"to": 2**31}, "nobody else"),
                ({"to": True}, "nobody else"),
                ({"to": None}, "nobody else"),
                ({"act": "ask", "say": ""}, "no text"),
                ({"act": "gossip", "say": None}, "no text"),
                ({"say": "a" * 401}, "no text"),
                ({"say": "half \ud83d"}, "no text"),
                ({"say": "null \0"}, "no text"),
                ({"terms": "all"}, "no bargain"),
                ({"terms": {}}, "no bargain"),
                ({"terms": {"work": "rest"}}, "no bargain"),
                ({"terms": _TRADE | {"work": "mine"}}, "no bargain"),
                ({"terms": _TRADE | {"give": "tool"}}, "no bargain"),
                ({"terms": _TRADE | {"give": ["wood"]}}, "no bargain"),
                ({"terms": _TRADE | {"take": "wood"}}, "no bargain"),
                ({"terms": _TRADE | {"taken": 0}}, "no bargain"),
                ({"terms": _TRADE | {"quantity": 1.5}}, "no bargain"),
                ({"terms": _TRADE | {"quantity": True}}, "no bargain"),
                ({"terms": _TRADE | {"quantity": 1_000_001}}, "no bargain"),
            ]
        ),
    ],
)
def test_what_the_rules_can_not_apply_is_refused_with_its_key_and_reason(given, because):
    with pytest.raises(InvalidInput, match=because) as caught:
        validated(given, n_cells=100)
    assert caught.value.key == given.key.as_tuple()
    assert "agent 2" in str(caught.value)
