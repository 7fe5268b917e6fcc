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


def test_a_question_over_the_bar_is_said_to_be():
    result = json.loads((FOLDER / "sql.json").read_text())
    result["questions"][0]["rolled_up_s"] = 2.5
    assert "1 of 16 questions are **over the bar**" in _page(result)
