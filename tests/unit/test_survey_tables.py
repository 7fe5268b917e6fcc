"""Tables of surveys, in terminals wide and narrow."""

from __future__ import annotations

import io
import re
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from chronopolis.cli import survey_tables
from chronopolis.survey import SCHEMA, Tally

pytestmark = pytest.mark.unit

QUARTERS = ("all", "lowest quarter", "second quarter", "third quarter", "highest quarter")


def shown(table: Any, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def tally(group: str = "all", tick: int = 0, choices: int = 7) -> Tally:
    counts = {str(n): 2 * n for n in range(1, choices + 1)}
    intervals = dict.fromkeys(counts, (0.102, 0.398))
    return Tally(tick, group, 1_234, counts, intervals=intervals, agreement=-0.002, median=3.5, mean=-0.004, sd=1.567)


WAVES = [tally(group, tick) for tick in (0, 20_000) for group in QUARTERS]


@pytest.mark.parametrize("width", range(40, 121, 4))
def test_a_number_is_never_in_two_and_nothing_is_left_out(width: int) -> None:
    for table in (
        survey_tables.by_wave("satiety", WAVES, width=width),
        survey_tables.by_group("satiety", WAVES[:5], width=width),
        survey_tables.counts(WAVES[0], of="answers", width=width),
    ):
        said = shown(table, width)
        assert max(map(len, said.splitlines())) <= width and "…" not in said
        numbers = re.findall(r"-?\d[\d,.]*", said)
        counts = WAVES[0].counts
        shares = [f"{100 * n / sum(counts.values()):.0f}" for n in counts.values()]
        # What belongs to no row of its own was in two.
        known = {*counts, *shares, *(f"{100 * n / 56:.1f}" for n in counts.values()), *map(str, counts.values()),
                 "0", "20,000", "56", "1,234", "0.00", "10", "40", "95", "3.5", "1.57"}  # fmt: skip
        assert set(numbers) <= known and {"0.00", "25"} <= {number.removesuffix(".0") for number in numbers}


def test_what_is_nearly_nothing_has_no_sign() -> None:
    assert survey_tables.two_decimals(-0.004) == "0.00" and survey_tables.two_decimals(-0.006) == "-0.01"


@pytest.mark.parametrize("by", [None, "satiety"])
def test_waves_of_many_choices_have_a_row_a_choice(by: str | None) -> None:
    many = [tally(tick=tick, choices=26) for tick in (0, 100)]
    lines = shown(survey_tables.by_wave(by, many, width=120), 120).splitlines()
    assert [line.split() for line in lines if " 26 % " in line] == [["26", "%", "7"]] * 2
    assert sum(" all " in line for line in lines) == (2 if by else 0)


def test_words_stand_at_ease_where_there_is_room_for_lines_and_closer_where_there_is_none() -> None:
    row = dict.fromkeys(SCHEMA) | {"agent": 3, "tick": 0, "draw": 1, "name": "Alba Ivy", "occupation": "woodcutter"}
    frame = pl.DataFrame([row | {"answer": "I fear the winter. " * 9}], schema=SCHEMA)
    wide, narrow = (shown(survey_tables.words(frame, width=width), width) for width in (100, 50))
    assert "  agent   name  " in wide and " agent name " in narrow
    assert "Alba Ivy" in narrow and "woodcutter" in narrow and narrow.count("winter") == 9
