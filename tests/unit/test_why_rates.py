"""The figures of named causes: intervals as the literature has them, and a page that shows each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.why_rates import rates, wilson, write_page
from replay.removal import AFTERMATH, GONE, OTHER, SAME

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(90, 100, 0.8256, 0.9448), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_intervals_are_wilsons(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_nothing_asked_is_nothing_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert rates([])["changed"] is None


def test_an_event_counts_as_changed_if_it_is_not_the_same_and_a_deed_only_if_it_is_another() -> None:
    found = rates([GONE, GONE, OTHER, AFTERMATH, SAME])
    assert (found["n"], found["changed"], found["deed_changed"]) == (5, 0.8, 0.6)
    assert found["outcomes"] == {GONE: 2, OTHER: 1, AFTERMATH: 1, SAME: 1}


def test_the_page_shows_every_figure(tmp_path: Path) -> None:
    row = rates([GONE, SAME])
    drawn: dict[str, Any] = {name: row for name in ("causes", "one_tick", "further", "others", "own")}
    drawn |= {"events": 2, "by_steps": {"1": row}, "by_link": {"meeting": row}, "by_kind": {"GoodsTraded": row}}
    forks = [{"imagined": GONE, "forked": GONE}, {"imagined": SAME, "forked": GONE}]
    result = {"agents": 300, "ticks": 1_500, "seed": 1, "drawn_evenly": drawn, "drawn_by_kind": drawn,
              "by_stored_forks": forks}  # fmt: skip
    (tmp_path / "why.json").write_text(json.dumps({"machine": {}, "result": result}))
    text = write_page(tmp_path).read_text()
    assert "| the nearest named cause | 2 | 50.0 % |" in text
    assert "GoodsTraded" in text and "meeting" in text and "2 of these pasts" in text and ": 1 alike" in text
