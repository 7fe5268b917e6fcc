"""Text of others is made inert before a model or an event sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.percepts import HOSTILE
from workers.minds.plain import plain

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("text", HOSTILE)
def test_no_markup_of_any_format_is_left(text):
    line = plain(text, limit=90)
    assert len(line) <= 90
    assert not set(line) & set('<>{}[]|\\`#"\n\r\t\x00\x1b\u202e')
    line.encode("utf-8")


@given(st.text(max_size=400), st.integers(1, 90))
def test_whatever_comes_is_one_short_line_and_stays_as_it_is(text, limit):
    line = plain(text, limit=limit)
    assert len(line) <= limit
    assert line.isprintable()
    assert "  " not in line and line == line.strip()
    assert plain(line, limit=limit) == line


def test_ordinary_words_are_left_alone():
    text = "Well, Ada: I can't pay 3 coins; I'd give 2 (or 1?). É um naïve façade! नमस्ते สวัสดี"
    assert plain(text, limit=200) == text


def test_a_cut_falls_between_words():
    assert plain("Bring the wood to the river", limit=12) == "Bring the"
    assert plain("Bring the wood", limit=9) == "Bring the"
    assert plain("Unbreakable", limit=5) == "Unbre"


def test_quotes_can_not_end_a_quotation():
    assert plain('He said "no" and “never”', limit=50) == "He said 'no' and 'never'"
