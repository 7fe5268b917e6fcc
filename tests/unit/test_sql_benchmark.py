"""The page on SQL says what was measured. How fast anything is, is never asserted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.sql import _page
from chronopolis.cookbook import questions

pytestmark = pytest.mark.unit

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"


def test_the_page_is_made_of_the_figures_beside_it():
    result = json.loads((FOLDER / "sql.json").read_text())
    assert (FOLDER / "sql.md").read_text() == _page(result)
    assert {q["name"] for q in result["questions"]} == {q.name for q in questions()}


def test_a_question_over_the_bar_is_said_to_be_also_if_only_its_slowest_repetition_was():
    result = json.loads((FOLDER / "sql.json").read_text())
    for each in result["questions"]:
        each["slowest_s"] = 1.9
    assert "within the bar, in its slowest repetition too" in _page(result)
    result["questions"][0] |= {"rolled_up_s": 0.1, "slowest_s": 2.5}
    assert "1 of 16 questions are **over the bar**" in _page(result)
